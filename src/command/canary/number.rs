//! What a canary writes into its messages, and finds again in whatever has become of them.

use memchr::memmem;

/// How each message begins, before the name of the run.
const BEGIN: &str = "zlog canary ";
/// Takes the place of the number in test records.
const PROBE: &[u8] = b"probe";

/// What a message says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Found {
    /// A record that tests the way.
    Probe,
    /// A numbered record, and when it was sent: microseconds since the start of the run.
    Numbered {
        /// From 0.
        number: u64,
        /// Microseconds.
        sent: u64,
    },
}

/// Writes and finds the messages of one run.
pub(super) struct Messages {
    /// `zlog canary 3f0c9a17 `, which no other run has.
    begin: String,
    size: usize,
}

impl Messages {
    /// Messages of at least `size` bytes.
    pub(super) fn new(size: usize) -> Messages {
        Messages { begin: format!("{BEGIN}{:08x} ", fastrand::u32(..)), size }
    }

    /// The message that says `what`.
    pub(super) fn write(&self, what: Found) -> String {
        let mut text = self.begin.clone();
        match what {
            Found::Probe => text.push_str("probe."),
            // The full stop shows that no digit is missing.
            Found::Numbered { number, sent } => text.push_str(&format!("{number} {sent}.")),
        }
        let missing = self.size.saturating_sub(text.len() + 1);
        if missing > 0 {
            text.push(' ');
            text.extend(std::iter::repeat_n('x', missing));
        }
        text
    }

    /// Finds a message of this run in a line or a message of any format.
    pub(super) fn find(&self, bytes: &[u8]) -> Option<Found> {
        let at = memmem::find(bytes, self.begin.as_bytes())?;
        let rest = &bytes[at + self.begin.len()..];
        if rest.starts_with(PROBE) {
            return Some(Found::Probe);
        }
        let (number, rest) = digits(rest)?;
        let (sent, rest) = digits(rest.strip_prefix(b" ")?)?;
        rest.starts_with(b".").then_some(Found::Numbered { number, sent })
    }
}

/// A number, and what follows it.
fn digits(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let end = bytes.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(bytes.len());
    let number = std::str::from_utf8(&bytes[..end]).ok()?.parse().ok()?;
    Some((number, &bytes[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_found_in_any_format_and_those_of_other_runs_are_not() {
        let messages = Messages::new(100);
        let what = Found::Numbered { number: 17, sent: 123_456 };
        let text = messages.write(what);
        assert_eq!(text.len(), 100);
        for line in [
            text.clone(),
            format!("{{\"msg\":\"{text}\",\"levelno\":20}}"),
            format!("<14>1 2026-11-27T06:00:00Z host canary 17 - - {text}\n"),
        ] {
            assert_eq!(messages.find(line.as_bytes()), Some(what), "{line}");
        }
        assert_eq!(Messages::new(0).find(text.as_bytes()), None, "another run");
        let probe = messages.write(Found::Probe);
        assert_eq!(messages.find(probe.as_bytes()), Some(Found::Probe));
    }

    #[test]
    fn a_message_that_was_cut_is_not_taken_for_another_number() {
        let messages = Messages::new(0);
        let text = messages.write(Found::Numbered { number: 1234, sent: 56 });
        for end in 0..text.len() {
            assert_eq!(messages.find(&text.as_bytes()[..end]), None, "{end}");
        }
    }
}
