//! Stored records, sent again with their original spacing in time.

use std::io::{self, BufRead};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::lines::Splitter;
use super::text::{LONGEST_STORED_LINE, LineCounts};
use super::{PollStatus, Sink, Source, SourceCounts};
use zlog_core::parse::{self, Parser, backslash_replace};
use zlog_core::{Error, Level, Record, Result};

/// Records out of stored lines: the output of `zlog tail --output json`, or any log whose
/// lines carry their time.
///
/// The first record is due at once. Each later one is due when as much time has passed as
/// lies between the two `created`, divided by the speed; one without a time, or with an
/// earlier time than the record before it, is due at once.
#[derive(Debug)]
pub struct ReplaySource<R> {
    input: R,
    splitter: Splitter,
    parser: Parser,
    /// The factor to the original speed; `None` does not wait at all.
    speed: Option<f64>,
    /// Level of lines that name none.
    level: Level,
    /// The next line, once `ready`. It is delivered when it is due.
    line: Vec<u8>,
    ready: bool,
    due: Option<Instant>,
    /// `created` of the first record, and when that record was delivered.
    origin: Option<(f64, Instant)>,
}

/// Records delivered in one poll.
const BATCH: usize = 256;

/// Outcome of trying to deliver the next record.
enum Attempt {
    Delivered(ControlFlow<()>),
    NotBefore(Instant),
}

impl<R: BufRead> ReplaySource<R> {
    /// Reads stored lines from `input`. `speed` is a factor to the original speed; 0,
    /// infinity, negative numbers and NaN mean as fast as possible.
    pub fn new(input: R, speed: f64, options: parse::Options, level: Level) -> ReplaySource<R> {
        ReplaySource {
            input,
            splitter: Splitter::new(LONGEST_STORED_LINE),
            parser: Parser::new(parse::Options { stored: true, ..options }),
            speed: (speed.is_finite() && speed > 0.0).then_some(speed),
            level,
            line: Vec::new(),
            ready: false,
            due: None,
            origin: None,
        }
    }

    /// Reads the next line that is not empty; `false` at the end of the input.
    fn fetch(&mut self) -> Result<bool> {
        while !self.ready {
            self.due = None;
            let chunk = match self.input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read.map_err(|error| Error::io("reading stored records", &error))?,
            };
            let (ended, mut pos) = (chunk.is_empty(), 0);
            if let Some(line) = self.splitter.peek(chunk, &mut pos) {
                self.line.clear();
                self.line.extend_from_slice(line.bytes);
                self.ready = !self.line.is_empty();
                self.splitter.advance(&mut pos);
            } else if ended && !self.splitter.finish() {
                return Ok(false);
            }
            self.input.consume(pos);
        }
        Ok(true)
    }

    /// Delivers the line that is ready, if it is due at `now`.
    fn deliver(&mut self, now: Instant, sink: &mut Sink<'_>) -> Result<Attempt> {
        if let Some(due) = self.due.filter(|due| *due > now) {
            return Ok(Attempt::NotBefore(due));
        }
        let text = backslash_replace(&self.line);
        let mut record = Record::default();
        if !self.parser.parse_into(&text, &mut record) {
            record.level = self.level;
        }
        self.parser.set_received_time(0.0, &mut record);
        if self.due.is_none()
            && let Some(due) = due(self.speed, &mut self.origin, &record, now)
            && due > now
        {
            self.due = Some(due);
            return Ok(Attempt::NotBefore(due));
        }
        self.ready = false;
        Ok(Attempt::Delivered(sink(&mut record)?))
    }
}

/// When a record is due, counted from the delivery of the first one.
fn due(
    speed: Option<f64>,
    origin: &mut Option<(f64, Instant)>,
    record: &Record<'_>,
    now: Instant,
) -> Option<Instant> {
    let (speed, created) = (speed?, record.time()?);
    let (first, start) = *origin.get_or_insert((created, now));
    // A record whose time is out of a Duration's range is due at once.
    let after = Duration::try_from_secs_f64((created - first) / speed).ok()?;
    start.checked_add(after)
}

impl<R: BufRead> Source for ReplaySource<R> {
    fn poll(&mut self, wait: Duration, sink: &mut Sink<'_>) -> Result<PollStatus> {
        let until = Instant::now() + wait;
        for delivered in 0..BATCH {
            if !self.fetch()? {
                return Ok(if delivered > 0 { PollStatus::Delivered } else { PollStatus::Ended });
            }
            let mut attempt = self.deliver(Instant::now(), sink)?;
            if let Attempt::NotBefore(due) = attempt {
                if delivered > 0 {
                    return Ok(PollStatus::Delivered);
                }
                std::thread::sleep(due.min(until).saturating_duration_since(Instant::now()));
                if due > until {
                    return Ok(PollStatus::Idle);
                }
                attempt = self.deliver(due, sink)?;
            }
            if matches!(attempt, Attempt::Delivered(flow) if flow.is_break()) {
                break;
            }
        }
        Ok(PollStatus::Delivered)
    }

    fn counts(&self) -> SourceCounts {
        let (nuls, quoted) = (self.splitter.nuls(), self.parser.quoted());
        let lines = LineCounts { nuls, quoted, ..LineCounts::default() };
        SourceCounts { lines, ..SourceCounts::default() }
    }
}

#[cfg(test)]
mod tests;
