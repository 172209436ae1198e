//! The records to log, the same for every handler.
//!
//! They are made before anything is timed. Whatever a log call adds (above all the time) is
//! added inside the call, as in any program.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use zlog_core::parse::backslash_replace;
use zlog_core::text::escape::escape;
use zlog_core::{Error, Level, Record, Result};
use zlog_pipeline::sender::SenderFields;
use zlog_pipeline::source::Source;
use zlog_pipeline::source::synthetic::SyntheticSource;

/// The root of topics, and the logger's name when lines are logged.
pub const ROOT: &str = "bench";
/// The prefix that subscribers subscribe to: that of the topics of all records, and no others.
pub(crate) const TOPIC_PREFIX: &str = "bench.";
/// Limit on the bytes of all messages; they are logged repeatedly.
const MAX_BYTES: usize = 16 << 20;
/// Limit on the number of test records.
const MAX_TEST_RECORDS: usize = 512;
/// The seed: every run logs the same test records.
const SEED: u64 = 1;

/// A message with its level and logger.
#[derive(Debug)]
struct Entry {
    level: Level,
    name: Option<Cow<'static, str>>,
    msg: String,
}

/// Records to log repeatedly.
#[derive(Debug)]
pub struct Records {
    entries: Vec<Entry>,
    sender: SenderFields,
    /// Whether a file had more lines than fit.
    truncated: bool,
}

impl Records {
    /// Makes test records with messages of `size` bytes.
    ///
    /// Messages have one line, so that records can be counted in a file.
    ///
    /// # Errors
    /// Never in practice: the source of test records does not fail.
    pub fn of_size(size: usize) -> Result<Records> {
        let wanted = (MAX_BYTES / size.max(1)).clamp(1, MAX_TEST_RECORDS);
        let mut entries = Vec::with_capacity(wanted);
        let mut source = SyntheticSource::new(Some(wanted as u64), SEED);
        while entries.len() < wanted {
            source.poll(Duration::ZERO, &mut |record| {
                entries.push(Entry {
                    level: record.level,
                    name: record.name.take().map(|name| Cow::Owned(name.into_owned())),
                    msg: sized(&record.msg, size),
                });
                Ok(ControlFlow::Continue(()))
            })?;
        }
        Ok(Records::new(entries, false))
    }

    /// Reads up to 16 MiB of a file's lines, each the message of an INFO record. Bytes that
    /// are not UTF-8 become `\xNN`, as everywhere in zlog.
    ///
    /// # Errors
    /// The file can't be read, or has no lines.
    pub fn of_lines(path: &Path) -> Result<Records> {
        let shown = escape(&path.display().to_string());
        let failed = |error: std::io::Error| {
            Error::io(&shown, &error).hint("--lines takes a file of log lines.")
        };
        let mut bytes = Vec::new();
        // Reads one byte beyond the limit, to notice that there is more.
        let limit = MAX_BYTES as u64 + 1;
        File::open(path).and_then(|f| f.take(limit).read_to_end(&mut bytes)).map_err(failed)?;
        let truncated = bytes.len() > MAX_BYTES;
        if truncated {
            // The last line may be incomplete.
            let end = memchr::memrchr(b'\n', &bytes).map_or(MAX_BYTES, |newline| newline + 1);
            bytes.truncate(end);
        }
        let entries: Vec<Entry> = lines(&bytes)
            .map(|line| Entry {
                level: Level::INFO,
                name: Some(Cow::Borrowed(ROOT)),
                msg: backslash_replace(line).into_owned(),
            })
            .collect();
        if entries.is_empty() {
            return Err(Error::new(format!("{shown} has no lines"))
                .hint("--lines takes a file of log lines; --size makes test records."));
        }
        Ok(Records::new(entries, truncated))
    }

    fn new(entries: Vec<Entry>, truncated: bool) -> Records {
        Records { entries, sender: SenderFields::of_this_process(ROOT), truncated }
    }

    /// Record `number`, cyclically, with the current time.
    pub fn get(&self, number: u64) -> Record<'_> {
        // Fits: the number of entries is a usize.
        let entry = &self.entries[(number % self.entries.len() as u64) as usize];
        let mut record = Record {
            level: entry.level,
            name: entry.name.as_deref().map(Cow::Borrowed),
            msg: Cow::Borrowed(&entry.msg),
            ..Record::default()
        };
        self.sender.fill(&mut record);
        record
    }

    /// Number of distinct records.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Always `false`: no constructor allows it.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether the file had more lines than fit.
    pub fn truncated(&self) -> bool {
        self.truncated
    }

    /// Mean message size in bytes.
    pub fn mean_size(&self) -> f64 {
        let bytes: usize = self.entries.iter().map(|entry| entry.msg.len()).sum();
        bytes as f64 / self.entries.len().max(1) as f64
    }
}

/// Repeats or cuts `text` to `size` bytes. Test records are ASCII.
fn sized(text: &str, size: usize) -> String {
    let mut sized = String::with_capacity(size);
    let mut characters = text.chars().chain([' ']).cycle().filter(char::is_ascii);
    while sized.len() < size {
        sized.extend(characters.next());
    }
    sized
}

/// The lines of `bytes`, without their ends.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split_inclusive(|byte| *byte == b'\n').map(|line| {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        line.strip_suffix(b"\r").unwrap_or(line)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn test_records_are_the_same_each_time_and_have_the_size_and_one_line() {
        let (one, other) = (Records::of_size(100).unwrap(), Records::of_size(100).unwrap());
        for number in 0..2000 {
            let record = one.get(number);
            assert_eq!(record.msg.len(), 100);
            assert!(!record.msg.contains('\n'));
            assert_eq!((&record.msg, record.level), (&other.get(number).msg, record.level));
            assert!(record.created.is_some() && record.name.is_some());
        }
        assert_eq!(one.len(), MAX_TEST_RECORDS);
    }

    #[test]
    fn memory_is_bounded_whatever_the_size() {
        let records = Records::of_size(MAX_BYTES).unwrap();
        assert_eq!((records.len(), records.mean_size()), (1, MAX_BYTES as f64));
    }

    #[test]
    fn lines_of_a_file_become_messages_whatever_is_in_them() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, b"one\r\n\ntwo \xff\nlast").unwrap();
        let records = Records::of_lines(file.path()).unwrap();
        let messages: Vec<_> = (0..5).map(|n| records.get(n).msg.into_owned()).collect();
        assert_eq!(messages, ["one", "", "two \\xff", "last", "one"]);
        assert!(!records.truncated());
    }

    #[test]
    fn a_large_file_is_cut_at_the_end_of_a_line_and_that_is_known() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, "0123456\n".repeat(MAX_BYTES / 8 + 10)).unwrap();
        let records = Records::of_lines(file.path()).unwrap();
        assert!(records.truncated());
        assert_eq!((records.len(), records.mean_size()), (MAX_BYTES / 8, 7.0));
    }

    #[test]
    fn a_file_without_lines_or_none_at_all_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = Records::of_lines(file.path()).unwrap_err().to_string();
        assert!(error.contains("has no lines"), "{error}");
        let error = Records::of_lines(Path::new("/nonexistent/x.log")).unwrap_err().to_string();
        assert!(error.starts_with("/nonexistent/x.log: no such file"), "{error}");
    }

    proptest! {
        #[test]
        fn a_text_is_brought_to_any_size(text in "[a-z ]{0,20}", size in 0usize..300) {
            prop_assert_eq!(sized(&text, size).len(), size);
        }

        #[test]
        fn no_line_has_a_newline_in_it(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let newlines = bytes.iter().filter(|b| **b == b'\n').count();
            let open = bytes.last().is_some_and(|b| *b != b'\n');
            let lines: Vec<_> = lines(&bytes).collect();
            prop_assert_eq!(lines.len(), newlines + usize::from(open));
            prop_assert!(lines.iter().all(|line| !line.contains(&b'\n')));
        }
    }
}
