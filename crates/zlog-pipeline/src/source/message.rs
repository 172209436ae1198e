//! One record with a given text; nothing is read.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::time::Duration;

use super::text::LineCounts;
use super::{PollStatus, Sink, Source, SourceCounts};
use zlog_core::parse::{self, Parser, backslash_replace};
use zlog_core::{Level, Record, Result};

/// Delivers one record and ends. Its text may have several lines.
#[derive(Debug)]
pub struct MessageSource {
    text: Option<String>,
    not_utf8: bool,
    parser: Parser,
    level: Level,
}

impl MessageSource {
    /// A record of `text`, at `level` unless the text names a level. Bytes that are not
    /// UTF-8 become `\xNN`, as in lines.
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
}

impl Source for MessageSource {
    fn poll(&mut self, _wait: Duration, sink: &mut Sink<'_>) -> Result<PollStatus> {
        if let Some(text) = self.text.take() {
            let mut record = Record::default();
            if !self.parser.parse_into(&text, &mut record) {
                record.level = self.level;
            }
            let _ = sink(&mut record)?;
        }
        Ok(PollStatus::Ended)
    }

    /// The message was given, so it is delivered also if a signal came first.
    fn finish(&mut self, _within: Duration, sink: &mut Sink<'_>) -> Result<()> {
        self.poll(Duration::ZERO, sink).map(drop)
    }

    fn counts(&self) -> SourceCounts {
        let not_utf8 = u64::from(self.not_utf8);
        SourceCounts { lines: LineCounts { not_utf8, ..Default::default() }, ..Default::default() }
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;
    use crate::source::testing::all;

    #[test]
    fn a_message_is_one_record_even_with_several_lines() {
        let text = OsStr::new("first\nsecond");
        let mut message = MessageSource::new(text, parse::Options::default(), Level::ERROR);
        let records = all(&mut message);
        assert_eq!(records.len(), 1);
        assert_eq!((&*records[0].msg, records[0].level), ("first\nsecond", Level::ERROR));
        assert!(all(&mut message).is_empty(), "it is delivered once");
    }

    #[test]
    fn a_message_is_delivered_also_if_the_source_is_ended_before_it_was_read() {
        let text = OsStr::new("late");
        let mut message = MessageSource::new(text, parse::Options::default(), Level::INFO);
        let mut delivered = 0;
        for _ in 0..2 {
            let sink = &mut |_: &mut Record<'_>| {
                delivered += 1;
                Ok(ControlFlow::Continue(()))
            };
            message.finish(Duration::ZERO, sink).unwrap();
        }
        assert_eq!(delivered, 1);
    }
}
