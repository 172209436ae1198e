//! `asctime`: a record's time as Python's `Formatter.formatTime` writes it.

use super::attribute::msecs;
use super::template::MsecFormat;
use super::time::TimeFormat;
use crate::record::Record;

/// Times as text, with the milliseconds of the sender.
pub(super) struct Asctime {
    time: TimeFormat,
    /// How time and milliseconds stand together; without it, the time is all.
    msec_format: Option<MsecFormat>,
    /// The time before its milliseconds.
    bytes: Vec<u8>,
    text: String,
}

impl Asctime {
    /// `msec_format`: Python's `default_msec_format`, which goes with its
    /// `default_time_format`; a `datefmt` has none.
    pub(super) fn new(time: TimeFormat, msec_format: Option<MsecFormat>) -> Asctime {
        Asctime { time, msec_format, bytes: Vec::new(), text: String::new() }
    }

    /// The time of a record; empty when it is not known.
    pub(super) fn of(&mut self, record: &Record<'_>) -> &str {
        self.bytes.clear();
        self.text.clear();
        let Some(seconds) = record.time() else { return "" };
        self.time.write(to_microsecond(seconds), &mut self.bytes);
        let time = std::str::from_utf8(&self.bytes).unwrap_or_default();
        let Some(msec_format) = &self.msec_format else { return time };
        // It has been tried with a number when it was compiled.
        let _ = msec_format.write(time, msecs(record).unwrap_or_default(), &mut self.text);
        &self.text
    }
}

/// The time in whole microseconds, in the second in which it is: `time.localtime`
/// cuts, and the milliseconds beside it belong to that second.
fn to_microsecond(seconds: f64) -> f64 {
    let second = seconds.floor();
    second + ((seconds - second) * 1e6).round().min(999_999.0) / 1e6
}
