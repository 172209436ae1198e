//! A tail of stored records and other logs, as fast as they are read.

use std::time::{Duration, Instant};

use super::{Ended, Input, Tail};
use crate::cli::TailArgs;
use zlog_core::error::Result;
use zlog_core::record::Level;
use zlog_core::text::plural::counted;
use zlog_pipeline::os::terminal;
use zlog_pipeline::source::file::{self, FileOptions};
use zlog_pipeline::source::text::{LONGEST_STORED_LINE, LineOptions, StreamSpec, TextSource};
use zlog_pipeline::source::{PollStatus, Source};

/// Files, read in the order in which they are given.
pub(super) struct Stored {
    source: TextSource,
    started: Instant,
    quiet: bool,
}

impl Stored {
    pub(super) fn open(args: &TailArgs) -> Result<Stored> {
        // A line without a level stays without one: a default would be shown as a fact.
        let spec = StreamSpec { level: Level::NOTSET, ..StreamSpec::default() };
        let lines = LineOptions { max_line: LONGEST_STORED_LINE, ..LineOptions::default() };
        let source = file::open(args.input.clone(), FileOptions::default(), spec, &lines, None)?;
        Ok(Stored { source, started: Instant::now(), quiet: args.quiet })
    }

    fn print_notices(&mut self) {
        for notice in self.source.take_notices() {
            if notice.failed || !self.quiet {
                terminal::eprint_line(format_args!("zlog tail: {}", notice.text));
            }
        }
    }
}

impl Input for Stored {
    fn poll(&mut self, tail: &mut Tail, wait: Duration) -> Result<PollStatus> {
        let polled = self.source.poll(wait, &mut |mut record| tail.take_until_stopped(&mut record));
        self.print_notices();
        polled
    }

    fn on_timer(&mut self, _: &Tail, _: Instant) {}

    /// How fast a disk is must not change the order: no window ends while more is at hand,
    /// and only what exceeds the buffer is delivered early.
    fn busy_clock(&self) -> Instant {
        self.started
    }

    fn finish(&mut self, _: &mut Tail, ended: Ended) -> Result<Ended> {
        let nuls = self.source.counts().nuls;
        if nuls > 0 && !self.quiet {
            let nuls = counted(nuls, "NUL");
            terminal::eprint_line(format_args!("zlog tail: {nuls} left out (a hole in the input)"));
        }
        // Input that could not be read is a failure, even if enough came from the rest.
        let failed = self.source.failed() && ended == Ended::Done;
        Ok(if failed { Ended::Failed } else { ended })
    }
}
