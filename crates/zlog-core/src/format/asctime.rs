//! `asctime`: the time of a record as Python's `Formatter.formatTime` writes it.

use super::template::MsecFormat;
use super::time::TimeFormat;
use crate::fields::attribute::msecs;
use crate::record::Record;

/// Formats times, with the sender's milliseconds.
pub(super) struct Asctime {
    time: TimeFormat,
    /// How milliseconds follow the time; `None` omits them.
    msec_format: Option<MsecFormat>,
    /// The time without milliseconds.
    bytes: Vec<u8>,
    text: String,
}

impl Asctime {
    /// `msec_format` is Python's `default_msec_format`.
    pub(super) fn new(time: TimeFormat, msec_format: Option<MsecFormat>) -> Asctime {
        Asctime { time, msec_format, bytes: Vec::new(), text: String::new() }
    }

    /// The time of a record; empty if it is unknown.
    pub(super) fn of(&mut self, record: &Record<'_>) -> &str {
        self.bytes.clear();
        self.text.clear();
        let Some(seconds) = record.time() else { return "" };
        self.time.write(to_microsecond(seconds), &mut self.bytes);
        let time = std::str::from_utf8(&self.bytes).unwrap_or_default();
        let Some(msec_format) = &self.msec_format else { return time };
        // MsecFormat::new has checked that it accepts these values.
        let _ = msec_format.write(time, msecs(record).unwrap_or_default(), &mut self.text);
        &self.text
    }
}

/// Rounds a time to microseconds within its second: like `time.localtime`, it must not
/// round up to the next second, to which the milliseconds don't belong.
fn to_microsecond(seconds: f64) -> f64 {
    let second = seconds.floor();
    second + ((seconds - second) * 1e6).round().min(999_999.0) / 1e6
}
