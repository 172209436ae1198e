//! One record, whose text is given: nothing is read.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::time::Duration;

use super::{PollStatus, Sink, Source};
use zlog_core::error::Result;
use zlog_core::parse::{self, Parser, backslash_replace};
use zlog_core::record::Level;

/// Delivers one record and ends. Its text may have several lines.
#[derive(Debug)]
pub struct MessageSource {
    text: Option<String>,
    not_utf8: bool,
    parser: Parser,
    level: Level,
}

impl MessageSource {
    /// A record of `text`, at `level` unless the text says its own. Bytes that are
    /// not UTF-8 become `\xNN`, as they do in lines.
    pub fn new(text: &OsStr, options: parse::Options, level: Level) -> MessageSource {
        let text = backslash_replace(text.as_encoded_bytes());
        let not_utf8 = matches!(text, Cow::Owned(_));
        MessageSource {
            text: Some(text.into_owned()),
            not_utf8,
            parser: Parser::new(options),
            level,
        }
    }

    /// Whether the text had bytes that are not UTF-8.
    pub fn not_utf8(&self) -> bool {
        self.not_utf8
    }
}

impl Source for MessageSource {
    fn poll(&mut self, _wait: Duration, sink: &mut Sink<'_>) -> Result<PollStatus> {
        let Some(text) = self.text.take() else { return Ok(PollStatus::Ended) };
        let parsed = self.parser.parse(&text);
        let mut record = parsed.record;
        if !parsed.level_found {
            record.level = self.level;
        }
        let _ = sink(record)?;
        Ok(PollStatus::Ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ops::ControlFlow;

    #[test]
    fn a_message_is_one_record_even_with_several_lines() {
        let text = OsStr::new("first\nsecond");
        let mut message = MessageSource::new(text, parse::Options::default(), Level::ERROR);
        let mut seen = Vec::new();
        for _ in 0..2 {
            let progress = message.poll(Duration::ZERO, &mut |record| {
                seen.push((record.msg.into_owned(), record.level));
                Ok(ControlFlow::Continue(()))
            });
            assert_eq!(progress.unwrap(), PollStatus::Ended);
        }
        assert_eq!(seen, [("first\nsecond".to_owned(), Level::ERROR)]);
    }
}
