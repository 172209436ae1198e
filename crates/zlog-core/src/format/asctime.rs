//! `asctime`: a record's time as Python's `Formatter.formatTime` writes it.

use super::attribute::msecs;
use super::template::Pair;
use super::time::TimeFormat;
use crate::record::Record;

/// Times as text, with the milliseconds of the sender.
pub(super) struct Asctime {
    time: TimeFormat,
    /// How time and milliseconds stand together; without it, the time is all.
    pair: Option<Pair>,
    /// The time before its milliseconds.
    bytes: Vec<u8>,
    text: String,
}

impl Asctime {
    /// `pair`: Python's `default_msec_format`, which goes with its
    /// `default_time_format`; a `datefmt` has none.
    pub(super) fn new(time: TimeFormat, pair: Option<Pair>) -> Asctime {
        Asctime { time, pair, bytes: Vec::new(), text: String::new() }
    }

    /// The time of a record; empty when it is not known.
    pub(super) fn of(&mut self, record: &Record<'_>) -> &str {
        self.bytes.clear();
        self.text.clear();
        let Some(seconds) = record.time() else { return "" };
        self.time.write(within_its_second(seconds), &mut self.bytes);
        let time = std::str::from_utf8(&self.bytes).unwrap_or_default();
        let Some(pair) = &self.pair else { return time };
        // It has been tried with a number when it was compiled.
        let _ = pair.write(time, msecs(record).unwrap_or_default(), &mut self.text);
        &self.text
    }
}

/// The time in whole microseconds, in the second in which it is: `time.localtime`
/// cuts, and the milliseconds beside it belong to that second.
fn within_its_second(seconds: f64) -> f64 {
    let second = seconds.floor();
    second + ((seconds - second) * 1e6).round().min(999_999.0) / 1e6
}
