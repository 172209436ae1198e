//! Helpers for the tests of several sources.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::{PollStatus, Source};
use zlog_core::{Record, Result};

/// Longest that a test waits for something that must come.
pub(super) const DEADLINE: Duration = Duration::from_secs(20);

/// A sink that keeps every record.
pub(super) fn keep(
    records: &mut Vec<Record<'static>>,
) -> impl FnMut(&mut Record<'_>) -> Result<ControlFlow<()>> {
    |record| {
        records.push(std::mem::take(record).into_owned());
        Ok(ControlFlow::Continue(()))
    }
}

/// Polls until `done` holds for the records delivered.
#[track_caller]
pub(super) fn poll_until(
    source: &mut dyn Source,
    records: &mut Vec<Record<'static>>,
    done: impl Fn(&[Record<'static>]) -> bool,
) {
    let deadline = Instant::now() + DEADLINE;
    while !done(records) {
        assert!(Instant::now() < deadline, "waited too long; so far: {records:#?}");
        source.poll(Duration::from_millis(20), &mut keep(records)).unwrap();
    }
}

/// Polls to the end of the source.
#[track_caller]
pub(super) fn all(source: &mut dyn Source) -> Vec<Record<'static>> {
    let deadline = Instant::now() + DEADLINE;
    let mut records = Vec::new();
    loop {
        assert!(Instant::now() < deadline, "waited too long; so far: {records:#?}");
        let status = source.poll(Duration::from_millis(20), &mut keep(&mut records)).unwrap();
        if status == PollStatus::Ended {
            return records;
        }
    }
}

pub(super) fn messages(records: &[Record<'_>]) -> Vec<String> {
    records.iter().map(|record| record.msg.to_string()).collect()
}
