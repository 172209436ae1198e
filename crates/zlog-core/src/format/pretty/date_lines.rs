//! Lines with a date, where times have none.

use crate::format::paint::Palette;
use crate::format::time::TimeFormat;
use crate::record::Record;

/// Lines with a date, before the first record of another day.
pub(super) struct DateLines {
    time: TimeFormat,
    /// The date of the record before.
    last: Vec<u8>,
    /// Reused: the date of a record.
    date: Vec<u8>,
}

impl DateLines {
    pub(super) fn new(time: TimeFormat) -> DateLines {
        DateLines { time, last: Vec::new(), date: Vec::new() }
    }

    /// Writes the date if it changes with this record. The first record needs none if it was
    /// received on the day on which it was created.
    pub(super) fn write(&mut self, record: &Record<'_>, palette: &Palette, out: &mut Vec<u8>) {
        let Some(created) = record.time() else { return };
        if let (true, Some(received)) = (self.last.is_empty(), record.received) {
            self.time.write(received, &mut self.last);
        }
        self.date.clear();
        self.time.write(created, &mut self.date);
        if self.date != self.last {
            palette.dim.over(out, |out| out.extend_from_slice(&self.date));
            out.push(b'\n');
            std::mem::swap(&mut self.date, &mut self.last);
        }
    }
}
