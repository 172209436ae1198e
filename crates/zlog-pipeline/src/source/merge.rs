//! Merges the records of several files by time.
//!
//! Only the next record of each file is held, so the memory depends on the number of files and
//! not on their length. Each file is taken to be sorted: its records stay in their order. A
//! record that is earlier than the one before it in its file follows that one at once, and is
//! counted. A record without a time belongs to the time of the one before it.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::text::{LineCounts, TextSource};
use super::{Notice, PollStatus, Sink, Source, SourceCounts};
use zlog_core::{Exit, Record, Result};

/// Records delivered in one poll.
const BATCH: usize = 256;

/// Records of several files in the order of their times.
pub struct MergeSource {
    inputs: Vec<Input>,
    /// The next records of the inputs.
    heads: BinaryHeap<Head>,
    /// Inputs whose next record is needed before one can be delivered.
    wanted: Vec<usize>,
    notices: Vec<Notice>,
    failed: bool,
}

struct Input {
    name: String,
    source: TextSource,
    /// The latest time so far.
    time: f64,
    /// Records that are earlier than the one before them.
    disordered: u64,
}

/// The next record of an input.
struct Head {
    time: f64,
    input: usize,
    record: Record<'static>,
}

impl MergeSource {
    /// Merges inputs, each with its name for messages. `notices` are reported first.
    pub(crate) fn new(inputs: Vec<(String, TextSource)>, notices: Vec<Notice>) -> MergeSource {
        let new = |(name, source)| Input { name, source, time: f64::NEG_INFINITY, disordered: 0 };
        MergeSource {
            // The first input is asked first.
            wanted: (0..inputs.len()).rev().collect(),
            heads: BinaryHeap::with_capacity(inputs.len()),
            inputs: inputs.into_iter().map(new).collect(),
            failed: notices.iter().any(|notice| notice.failed()),
            notices,
        }
    }

    /// The files that are not sorted, with the number of records that are earlier than the one
    /// before them.
    pub fn disordered(&self) -> impl Iterator<Item = (&str, u64)> {
        let unsorted = self.inputs.iter().filter(|input| input.disordered > 0);
        unsorted.map(|input| (input.name.as_str(), input.disordered))
    }

    /// Gets the next record of each input. `false` if one has none yet.
    fn fill(&mut self, until: Instant) -> Result<bool> {
        while let Some(&at) = self.wanted.last() {
            let input = &mut self.inputs[at];
            let mut next = None;
            let status = input.next(until, &mut next)?;
            self.notices.append(&mut input.source.take_notices());
            if status == PollStatus::Idle {
                return Ok(false);
            }
            if let Some(record) = next {
                self.heads.push(Head { time: input.place(&record), input: at, record });
            }
            self.wanted.pop();
        }
        Ok(true)
    }
}

impl Input {
    /// Waits for the next record. Without one, the input has ended or is idle.
    fn next(&mut self, until: Instant, next: &mut Option<Record<'static>>) -> Result<PollStatus> {
        loop {
            let wait = until.saturating_duration_since(Instant::now());
            let status = self.source.poll(wait, &mut |record| {
                *next = Some(std::mem::take(record).into_owned());
                Ok(ControlFlow::Break(()))
            })?;
            if next.is_some() || status == PollStatus::Ended {
                return Ok(status);
            }
            // Input without records, such as a hole, must not keep the caller.
            if Instant::now() >= until {
                return Ok(PollStatus::Idle);
            }
        }
    }

    /// The time at which the record is delivered. Counts a record out of order.
    fn place(&mut self, record: &Record<'_>) -> f64 {
        let Some(time) = record.time().filter(|time| !time.is_nan()) else { return self.time };
        self.disordered += u64::from(time < self.time);
        self.time = time.max(self.time);
        self.time
    }
}

impl Source for MergeSource {
    fn poll(&mut self, wait: Duration, sink: &mut Sink<'_>) -> Result<PollStatus> {
        let until = Instant::now() + wait;
        for delivered in 0..BATCH {
            let filled = self.fill(until)?;
            if !filled || self.heads.is_empty() {
                return Ok(match (delivered > 0, filled) {
                    (true, _) => PollStatus::Delivered,
                    (false, true) => PollStatus::Ended,
                    (false, false) => PollStatus::Idle,
                });
            }
            let Some(mut head) = self.heads.pop() else { break };
            self.wanted.push(head.input);
            if sink(&mut head.record)?.is_break() {
                break;
            }
        }
        Ok(PollStatus::Delivered)
    }

    fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    fn counts(&self) -> SourceCounts {
        let all = self.inputs.iter().map(|input| input.source.counts().lines);
        SourceCounts {
            lines: all.fold(LineCounts::default(), LineCounts::plus),
            ..SourceCounts::default()
        }
    }

    fn exit(&self) -> Exit {
        let failed = self.inputs.iter().any(|input| input.source.exit() == Exit::Failed);
        if self.failed || failed { Exit::Failed } else { Exit::Done }
    }
}

/// The earliest is the greatest: `BinaryHeap` returns the greatest first. At the same time, it
/// is the one of the input that was given first.
impl Ord for Head {
    fn cmp(&self, other: &Head) -> Ordering {
        other.time.total_cmp(&self.time).then(other.input.cmp(&self.input))
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Head) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Head) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Head {}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::path::PathBuf;

    use proptest::prelude::*;

    use crate::source::Source as _;
    use crate::source::file::open_merged;
    use crate::source::merge::MergeSource;
    use crate::source::testing::{all, messages};
    use crate::source::text::{LineOptions, StreamSpec};
    use zlog_core::Exit;

    /// Merges files with these lines, of which the number is the time.
    fn merge(directory: &tempfile::TempDir, files: &[&[f64]]) -> MergeSource {
        let write = |(at, times): (usize, &&[f64])| {
            let line = |time: &f64| format!("{{\"msg\":\"{at}:{time}\",\"created\":{time}}}\n");
            let path = directory.path().join(at.to_string());
            std::fs::write(&path, times.iter().map(line).collect::<String>()).unwrap();
            path
        };
        let paths: Vec<PathBuf> = files.iter().enumerate().map(write).collect();
        open_merged(paths, &HashMap::new(), StreamSpec::default(), &LineOptions::default()).unwrap()
    }

    #[test]
    fn records_of_several_files_are_in_the_order_of_their_times() {
        let directory = tempfile::tempdir().unwrap();
        let mut source = merge(&directory, &[&[1.0, 4.0, 5.0], &[], &[2.0, 3.0, 4.0]]);
        assert_eq!(messages(&all(&mut source)), ["0:1", "2:2", "2:3", "0:4", "2:4", "0:5"]);
        assert_eq!((source.exit(), source.disordered().count()), (Exit::Done, 0));
        assert_eq!(source.counts().lines.records, 6);
    }

    #[test]
    fn a_file_that_is_not_sorted_keeps_its_order_and_is_reported() {
        let directory = tempfile::tempdir().unwrap();
        let mut source = merge(&directory, &[&[1.0, 9.0, 3.0, 4.0, 10.0], &[2.0, 5.0, 9.5]]);
        let expected = ["0:1", "1:2", "1:5", "0:9", "0:3", "0:4", "1:9.5", "0:10"];
        assert_eq!(messages(&all(&mut source)), expected);
        let disordered: Vec<_> = source.disordered().collect();
        assert!(matches!(disordered[..], [(name, 2)] if name.ends_with("/0")), "{disordered:?}");
    }

    #[test]
    fn a_file_that_cannot_be_read_is_reported_and_the_others_are_merged() {
        let directory = tempfile::tempdir().unwrap();
        drop(merge(&directory, &[&[1.0]]));
        let paths = vec![directory.path().join("missing"), directory.path().join("0")];
        let mut source =
            open_merged(paths, &HashMap::new(), StreamSpec::default(), &LineOptions::default())
                .unwrap();
        assert_eq!(messages(&all(&mut source)), ["0:1"]);
        assert!(source.take_notices()[0].text.contains("missing"));
        assert_eq!(source.exit(), Exit::Failed);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn sorted_files_give_one_sorted_stream(
            mut files in prop::collection::vec(prop::collection::vec(0..1000_u32, 0..600), 1..6),
        ) {
            files.iter_mut().for_each(|times| times.sort_unstable());
            let files: Vec<Vec<f64>> =
                files.iter().map(|times| times.iter().copied().map(f64::from).collect()).collect();
            let files: Vec<&[f64]> = files.iter().map(Vec::as_slice).collect();
            let directory = tempfile::tempdir().unwrap();
            let records = all(&mut merge(&directory, &files));
            let times: Vec<f64> = records.iter().filter_map(|record| record.created).collect();
            prop_assert!(times.is_sorted());
            prop_assert_eq!(times.len(), files.iter().map(|times| times.len()).sum::<usize>());
        }
    }
}
