//! The body as it was received.

use super::Format;
use crate::record::Record;
use crate::text::escape::{Newlines, escape_bytes_into};

/// Writes the body of each record, which its source must have kept
/// ([`Record::body`]), and a newline.
pub(super) struct Raw {
    escape: bool,
}

impl Raw {
    /// Escapes what could disturb a terminal if `escape`.
    pub(super) fn new(escape: bool) -> Raw {
        Raw { escape }
    }
}

impl Format for Raw {
    fn write(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        let body = record.body.as_deref().unwrap_or_default();
        match self.escape {
            true => escape_bytes_into(out, body, Newlines::Keep),
            false => out.extend_from_slice(body),
        }
        out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(escape: bool) -> Vec<u8> {
        let body = Some(b"\xff\x1b[2J\nx"[..].into());
        let mut out = Vec::new();
        Raw::new(escape).write(&Record { body, ..Record::default() }, &mut out);
        out
    }

    #[test]
    fn a_pipe_gets_the_bytes_and_a_terminal_gets_them_escaped() {
        assert_eq!(written(false), b"\xff\x1b[2J\nx\n");
        assert_eq!(written(true), b"\\xff\\x1b[2J\nx\n");
    }
}
