//! Writes a record as Python's `SocketHandler` sends it: a pickled dict of its attributes.

use crate::record::Record;

/// Opcodes of protocol 1, which `SocketHandler` uses. See CPython's Lib/pickletools.py.
const EMPTY_DICT: u8 = b'}';
const MARK: u8 = b'(';
const SETITEMS: u8 = b'u';
const STOP: u8 = b'.';
const NONE: u8 = b'N';
/// Signed, 4 bytes, little-endian.
const BININT: u8 = b'J';
/// 8 bytes, big-endian.
const BINFLOAT: u8 = b'G';
/// UTF-8 after its length: 4 bytes, little-endian.
const BINUNICODE: u8 = b'X';

/// Appends a record to `out`: its message, logger, level, time and process. As `SocketHandler` does,
/// it has no arguments, because they are in the message.
pub fn write(record: &Record<'_>, out: &mut Vec<u8>) {
    out.extend([EMPTY_DICT, MARK]);
    text(out, "msg");
    text(out, &record.message());
    text(out, "name");
    text(out, record.name.as_deref().unwrap_or("root"));
    text(out, "levelname");
    text(out, &record.level_name());
    text(out, "levelno");
    integer(out, record.level.0);
    for (name, value) in [("created", record.created), ("msecs", record.msecs)] {
        if let Some(value) = value {
            text(out, name);
            out.push(BINFLOAT);
            out.extend(value.to_be_bytes());
        }
    }
    if let Some(process) = record.process {
        text(out, "process");
        integer(out, i32::try_from(process).unwrap_or(i32::MAX));
    }
    for name in ["args", "exc_info", "exc_text", "stack_info"] {
        text(out, name);
        out.push(NONE);
    }
    out.extend([SETITEMS, STOP]);
}

fn integer(out: &mut Vec<u8>, value: i32) {
    out.push(BININT);
    out.extend(value.to_le_bytes());
}

/// A longer text than 4 GiB is cut.
fn text(out: &mut Vec<u8>, value: &str) {
    let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
    out.push(BINUNICODE);
    out.extend(length.to_le_bytes());
    out.extend(value.as_bytes().iter().take(length as usize));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::Level;
    use crate::wire::pickle::{Limits, read};

    #[test]
    fn what_is_written_is_read() {
        let record = Record {
            name: Some("app.db".into()),
            msg: "käse 100%".into(),
            level: Level::ERROR,
            created: Some(1_795_764_000.25),
            msecs: Some(250.0),
            process: Some(4711),
            ..Record::default()
        };
        let mut pickle = Vec::new();
        write(&record, &mut pickle);
        let read = read(&pickle, &Limits::DEFAULT).expect("a record");
        assert_eq!(
            (&*read.message(), read.level, read.name.as_deref()),
            ("käse 100%", Level::ERROR, Some("app.db"))
        );
        assert_eq!(
            (read.created, read.msecs, read.process),
            (record.created, record.msecs, record.process)
        );
    }
}
