//! One record, whose text is given: nothing is read.

use std::time::Duration;

use super::{Progress, Sink, Source};
use crate::error::Result;
use crate::parse::{self, Parser};
use crate::record::Level;

/// Delivers one record and ends. Its text may have several lines.
#[derive(Debug)]
pub struct Message {
    text: Option<String>,
    parser: Parser,
    level: Level,
}

impl Message {
    /// A record of `text`, at `level` unless the text says its own.
    pub fn new(text: String, options: parse::Options, level: Level) -> Message {
        Message { text: Some(text), parser: Parser::new(options), level }
    }
}

impl Source for Message {
    fn poll(&mut self, _wait: Duration, sink: &mut Sink<'_>) -> Result<Progress> {
        let Some(text) = self.text.take() else { return Ok(Progress::Ended) };
        let parsed = self.parser.parse(&text);
        let mut record = parsed.record;
        if !parsed.level_found {
            record.level = self.level;
        }
        sink(record)?;
        Ok(Progress::Ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Flow;

    #[test]
    fn a_message_is_one_record_even_with_several_lines() {
        let text = "first\nsecond".to_owned();
        let mut message = Message::new(text, parse::Options::default(), Level::ERROR);
        let mut seen = Vec::new();
        for _ in 0..2 {
            let progress = message.poll(Duration::ZERO, &mut |record| {
                seen.push((record.msg.into_owned(), record.level));
                Ok(Flow::More)
            });
            assert_eq!(progress.unwrap(), Progress::Ended);
        }
        assert_eq!(seen, [("first\nsecond".to_owned(), Level::ERROR)]);
    }
}
