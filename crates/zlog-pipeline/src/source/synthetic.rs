//! Generated test records, at random levels: the log of an invented web shop.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

use fastrand::Rng;

use super::{PollStatus, Sink, Source};
use zlog_core::{Level, RawJson, Record, Result};

/// The share of each level, in percent.
const MIX: [(Level, u8); 5] = [
    (Level::DEBUG, 25),
    (Level::INFO, 45),
    (Level::WARNING, 15),
    (Level::ERROR, 12),
    (Level::CRITICAL, 3),
];

/// A logger of the shop.
struct Logger {
    name: &'static str,
    file: &'static str,
    function: &'static str,
    subtopics: &'static [&'static str],
}

const LOGGERS: [Logger; 5] = [
    Logger { name: "shop.web", file: "web.py", function: "handle", subtopics: &[] },
    Logger { name: "shop.cart", file: "cart.py", function: "checkout", subtopics: &["payment"] },
    Logger { name: "shop.db", file: "db.py", function: "execute", subtopics: &["read", "write"] },
    Logger { name: "shop.mail", file: "mail.py", function: "send", subtopics: &[] },
    Logger { name: "shop.jobs", file: "jobs.py", function: "run", subtopics: &["nightly.report"] },
];

const PATHS: [&str; 5] = ["/", "/cart", "/checkout", "/search?q=lamp", "/login"];
const TABLES: [&str; 4] = ["orders", "users", "stock", "invoices"];
const HOSTS: [&str; 3] = ["db-1.internal", "mail.internal", "pay.example"];

/// The last lines of tracebacks: class and text of the exception.
const EXCEPTIONS: [&str; 4] = [
    "ConnectionRefusedError: [Errno 111] Connection refused",
    "KeyError: 'price'",
    "TimeoutError: no answer within 5.0 s",
    "ValueError: invalid literal for int() with base 10: '12a'",
];

/// Records delivered in one poll.
const BATCH: u32 = 256;

/// Generates records. The same seed gives the same records; they carry no time.
#[derive(Debug)]
pub struct SyntheticSource {
    rng: Rng,
    /// How many are still to come; `None` is no limit.
    left: Option<u64>,
    /// Texts of the present record, in buffers that are used again.
    message: String,
    trace: String,
}

impl SyntheticSource {
    /// `count` records; `None` is no limit.
    pub fn new(count: Option<u64>, seed: u64) -> SyntheticSource {
        let rng = Rng::with_seed(seed);
        SyntheticSource { rng, left: count, message: String::new(), trace: String::new() }
    }

    fn next(&mut self) -> Record<'_> {
        let rng = &mut self.rng;
        let level = level(rng);
        let logger = &LOGGERS[rng.usize(..LOGGERS.len())];
        let subtopic = match rng.u8(..3) {
            0 => pick(rng, logger.subtopics).copied().unwrap_or_default(),
            _ => "",
        };
        let extras = if rng.u8(..4) == 0 { extras(rng) } else { Vec::new() };
        let line = rng.i64(10..400);
        write_message(&mut self.message, level, rng);
        let traced = level >= Level::ERROR && rng.bool();
        if traced {
            write_trace(&mut self.trace, logger, line, rng);
        }
        Record {
            subtopic: Cow::Borrowed(subtopic),
            name: Some(Cow::Borrowed(logger.name)),
            msg: Cow::Borrowed(&self.message),
            level,
            filename: Some(Cow::Borrowed(logger.file)),
            func_name: Some(Cow::Borrowed(logger.function)),
            lineno: Some(line),
            exc_text: traced.then_some(Cow::Borrowed(&*self.trace)),
            extras,
            ..Record::default()
        }
    }
}

impl Source for SyntheticSource {
    fn poll(&mut self, _wait: Duration, sink: &mut Sink<'_>) -> Result<PollStatus> {
        for _ in 0..BATCH {
            if self.left == Some(0) {
                return Ok(PollStatus::Ended);
            }
            self.left = self.left.map(|left| left - 1);
            if sink(&mut self.next())?.is_break() {
                break;
            }
        }
        Ok(PollStatus::Delivered)
    }
}

fn level(rng: &mut Rng) -> Level {
    let mut drawn = rng.u8(..100);
    for (level, share) in MIX {
        if drawn < share {
            return level;
        }
        drawn -= share;
    }
    Level::INFO
}

fn pick<'s, T>(rng: &mut Rng, list: &'s [T]) -> Option<&'s T> {
    if list.is_empty() { None } else { list.get(rng.usize(..list.len())) }
}

fn one_of(rng: &mut Rng, list: &[&'static str]) -> &'static str {
    pick(rng, list).copied().unwrap_or_default()
}

/// Replaces `out` with a message of that level.
fn write_message(out: &mut String, level: Level, rng: &mut Rng) {
    out.clear();
    let (ms, number) = (rng.u32(1..900), rng.u32(1000..100_000));
    let (path, table, host) = (one_of(rng, &PATHS), one_of(rng, &TABLES), one_of(rng, &HOSTS));
    let written = match (level, rng.u8(..3)) {
        (Level::DEBUG, 0) => write!(out, "cache miss for item:{number}"),
        (Level::DEBUG, 1) => write!(out, "SELECT from {table} took {ms} ms, {} rows", ms / 3),
        (Level::DEBUG, _) => write!(out, "session {number:08x} renewed"),
        (Level::INFO, 0) => write!(out, "GET {path} 200 in {ms} ms"),
        (Level::INFO, 1) => write!(out, "order {number} placed, {} items", ms % 7 + 1),
        (Level::INFO, _) => write!(out, "mail {number} handed to {host}"),
        (Level::WARNING, 0) => write!(out, "slow query on {table}: {} ms", ms * 10),
        (Level::WARNING, 1) => write!(out, "{host} did not answer, attempt {} of 5", ms % 4 + 1),
        (Level::WARNING, _) => write!(out, "stock of item {number} is down to {}", ms % 5),
        (Level::ERROR, 0) => write!(out, "GET {path} 500 in {ms} ms"),
        (Level::ERROR, 1) => write!(out, "payment for order {number} refused by {host}"),
        (Level::ERROR, _) => write!(out, "job {number} failed after {ms} s"),
        (_, 0) => write!(out, "no connection to {host}: orders are not being taken"),
        (_, 1) => write!(out, "disk of {host} is {}% full", 95 + ms % 5),
        (_, _) => write!(out, "table {table} is corrupt at row {number}"),
    };
    written.expect("writing to a String can't fail");
}

/// Replaces `out` with a Python traceback.
fn write_trace(out: &mut String, logger: &Logger, line: i64, rng: &mut Rng) {
    out.clear();
    let (file, function) = (logger.file, logger.function);
    let exception = one_of(rng, &EXCEPTIONS);
    let written = write!(
        out,
        "Traceback (most recent call last):\n  \
           File \"/srv/shop/{file}\", line {line}, in {function}\n    \
             result = self.attempt(request)\n  \
           File \"/srv/shop/client.py\", line {}, in attempt\n    \
             return self.connection.call(request)\n\
         {exception}",
        rng.u32(20..200),
    );
    written.expect("writing to a String can't fail");
}

/// Two to four extra fields of different types.
fn extras(rng: &mut Rng) -> Vec<(Cow<'static, str>, RawJson<'static>)> {
    let mut extras = Vec::with_capacity(4);
    let mut add = |key, json| extras.push((Cow::Borrowed(key), RawJson(json)));
    add("request_id", Cow::Owned(format!("\"{:08x}\"", rng.u32(..))));
    add("user", Cow::Owned(rng.u32(1..5000).to_string()));
    if rng.bool() {
        add("ms", Cow::Owned(format!("{}.{}", rng.u32(1..900), rng.u32(1..10))));
    }
    if rng.bool() {
        add("tags", Cow::Borrowed(r#"["web","eu"]"#));
    }
    extras
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;
    use crate::source::testing::all;

    fn records(count: u64, seed: u64) -> Vec<Record<'static>> {
        all(&mut SyntheticSource::new(Some(count), seed))
    }

    #[test]
    fn levels_come_in_their_configured_shares() {
        let records = records(20_000, 1);
        for (level, share) in MIX {
            let found = records.iter().filter(|record| record.level == level).count();
            let wanted = usize::from(share) * 200;
            assert!(found.abs_diff(wanted) < 300, "{level}: {found}, not about {wanted}");
        }
    }

    #[test]
    fn records_have_several_loggers_subtopics_tracebacks_and_extras() {
        let records = records(500, 1);
        for logger in &LOGGERS {
            assert!(records.iter().any(|record| record.name.as_deref() == Some(logger.name)));
        }
        assert!(records.iter().any(|record| record.subtopic == "nightly.report"));
        let traced: Vec<_> = records.iter().filter(|record| record.exc_text.is_some()).collect();
        assert!(!traced.is_empty() && traced.iter().all(|record| record.level >= Level::ERROR));
        assert!(records.iter().any(|record| record.extras.len() >= 3));
        for (_, json) in records.iter().flat_map(|record| &record.extras) {
            serde_json::from_str::<serde_json::Value>(&json.0).unwrap();
        }
    }

    #[test]
    fn a_sink_that_breaks_gets_no_more_records() {
        let mut source = SyntheticSource::new(None, 1);
        let mut seen = 0;
        let mut sink = |_: &mut Record<'_>| {
            seen += 1;
            Ok(if seen == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        };
        assert_eq!(source.poll(Duration::ZERO, &mut sink).unwrap(), PollStatus::Delivered);
        assert_eq!(seen, 3);
    }
}
