//! Keeps the last records of files, for `--last N`.

use std::collections::VecDeque;

use zlog_core::Record;

/// The most bytes of records that are kept. Beyond that, the oldest go.
const MAX_BYTES: usize = 256 << 20;

/// The last N records so far.
pub(super) struct LastRecords {
    limit: usize,
    records: VecDeque<Record<'static>>,
    bytes: usize,
    /// Records so far.
    seen: usize,
}

impl LastRecords {
    pub(super) fn new(limit: usize) -> LastRecords {
        LastRecords { limit, records: VecDeque::new(), bytes: 0, seen: 0 }
    }

    /// Adds a record; the oldest one goes if there are more than N.
    pub(super) fn push(&mut self, record: Record<'static>) {
        if self.records.len() == self.limit {
            self.pop();
        }
        self.seen += 1;
        self.bytes += record.size();
        self.records.push_back(record);
        while self.bytes > MAX_BYTES && self.records.len() > 1 {
            self.pop();
        }
    }

    /// Takes the oldest record.
    pub(super) fn pop(&mut self) -> Option<Record<'static>> {
        let record = self.records.pop_front()?;
        self.bytes -= record.size();
        Some(record)
    }

    /// How many of the last N records are missing, because they were too large.
    /// To be called before they are taken.
    pub(super) fn missing(&self) -> usize {
        self.seen.min(self.limit) - self.records.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(msg: String) -> Record<'static> {
        Record { msg: msg.into(), ..Record::default() }
    }

    fn rest(last: &mut LastRecords) -> Vec<String> {
        std::iter::from_fn(|| last.pop()).map(|record| record.msg[..1].to_owned()).collect()
    }

    #[test]
    fn the_last_records_are_kept() {
        let mut last = LastRecords::new(3);
        for at in 0..5 {
            last.push(record(at.to_string()));
        }
        assert_eq!(last.missing(), 0);
        assert_eq!(rest(&mut last), ["2", "3", "4"]);
    }

    #[test]
    fn records_that_are_too_large_are_counted_as_missing() {
        let mut last = LastRecords::new(3);
        for at in 0..4 {
            last.push(record(at.to_string() + &" ".repeat(MAX_BYTES / 2 - 4096)));
        }
        assert_eq!(last.missing(), 1);
        assert_eq!(rest(&mut last), ["2", "3"]);
    }
}
