//! Stored records, sent again with their own spacing.
//!
//! What may be here: when a stored record is due. What a line says is `parse`'s.

use std::io::{self, BufRead};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::lines::Splitter;
use super::text::LONGEST_STORED_LINE;
use super::{PollStatus, Sink, Source};
use zlog_core::error::{Error, Result};
use zlog_core::parse::{self, Parser, backslash_replace};
use zlog_core::record::{Level, Record};

/// Records out of stored lines: `zlog tail --output json`, or any log whose lines
/// say their time.
///
/// The first record is due at once, each later one when as much time has passed as
/// lies between their `created`, divided by the speed. One without a time, or from
/// before the one before it, is due at once.
#[derive(Debug)]
pub struct ReplaySource<R> {
    input: R,
    splitter: Splitter,
    parser: Parser,
    /// Times as fast as it was; `None`: no waiting.
    speed: Option<f64>,
    /// Level of lines that don't say theirs.
    level: Level,
    /// The line that comes next, ready to be delivered when it is due.
    line: Vec<u8>,
    ready: bool,
    due: Option<Instant>,
    /// `created` of the first record, and when it was delivered.
    origin: Option<(f64, Instant)>,
}

/// Records that are delivered before control goes back to the caller.
const BATCH: usize = 256;

impl<R: BufRead> ReplaySource<R> {
    /// Reads stored lines from `input`. `speed` is how many times as fast as it was;
    /// 0, infinity and nonsense mean: as fast as possible.
    pub fn new(input: R, speed: f64, options: parse::Options, level: Level) -> ReplaySource<R> {
        ReplaySource {
            input,
            splitter: Splitter::new(LONGEST_STORED_LINE),
            parser: Parser::new(options),
            speed: (speed.is_finite() && speed > 0.0).then_some(speed),
            level,
            line: Vec::new(),
            ready: false,
            due: None,
            origin: None,
        }
    }

    /// NULs left out, as from any file: see `lines`.
    pub fn nuls(&self) -> u64 {
        self.splitter.nuls()
    }

    /// Records with a value that is kept as text ([`QUOTED`](zlog_core::wire::QUOTED)).
    pub fn quoted(&self) -> u64 {
        self.parser.quoted()
    }

    /// Gets the next line that is not empty; `false` at the end.
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

    /// Delivers the line if it is due at `now`; else says when it is.
    fn deliver(&mut self, now: Instant, sink: &mut Sink<'_>) -> Result<Attempt> {
        if let Some(due) = self.due.filter(|due| *due > now) {
            return Ok(Attempt::NotBefore(due));
        }
        let text = backslash_replace(&self.line);
        let parsed = self.parser.parse(&text);
        let mut record = parsed.record;
        if !parsed.level_found {
            record.level = self.level;
        }
        if self.due.is_none()
            && let Some(due) = due(self.speed, &mut self.origin, &record, now)
            && due > now
        {
            self.due = Some(due);
            return Ok(Attempt::NotBefore(due));
        }
        self.ready = false;
        Ok(Attempt::Delivered(sink(record)?))
    }
}

enum Attempt {
    Delivered(ControlFlow<()>),
    NotBefore(Instant),
}

/// When a record is due, by the clock that the first one started.
fn due(
    speed: Option<f64>,
    origin: &mut Option<(f64, Instant)>,
    record: &Record<'_>,
    now: Instant,
) -> Option<Instant> {
    let (speed, created) = (speed?, record.time()?);
    let (first, start) = *origin.get_or_insert((created, now));
    // A time that a Duration can't hold is no time: such a record is due at once.
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
            match self.deliver(Instant::now(), sink)? {
                Attempt::Delivered(ControlFlow::Continue(())) => {}
                Attempt::Delivered(ControlFlow::Break(())) => return Ok(PollStatus::Delivered),
                Attempt::NotBefore(_) if delivered > 0 => return Ok(PollStatus::Delivered),
                Attempt::NotBefore(due) => {
                    let pause = due.min(until).saturating_duration_since(Instant::now());
                    std::thread::sleep(pause);
                    if due > until {
                        return Ok(PollStatus::Idle);
                    }
                    // Due now: once more, for the line that is ready.
                    if let Attempt::Delivered(ControlFlow::Break(())) = self.deliver(due, sink)? {
                        return Ok(PollStatus::Delivered);
                    }
                }
            }
        }
        Ok(PollStatus::Delivered)
    }
}

#[cfg(test)]
mod tests;
