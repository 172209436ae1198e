//! A tail of stored records and other logs: the same view, as fast as they are read.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::{Ended, TICK, Tail, reopen_on_hangup};
use crate::cli::TailArgs;
use zlog_core::error::{Exit, Result};
use zlog_core::record::Level;
use zlog_core::text::plural::counted;
use zlog_pipeline::os::terminal;
use zlog_pipeline::source::file::{self, FileOptions};
use zlog_pipeline::source::text::{LONGEST_STORED_LINE, LineOptions, StreamSpec};
use zlog_pipeline::source::{Notice, PollStatus, Source};

/// Shows the records of all files, in the order they were given.
pub(super) fn run(args: &TailArgs, tail: &mut Tail) -> Result<Ended> {
    // A line that does not say its level has none; a subscriber's default is no fact.
    let spec = StreamSpec { level: Level::NOTSET, ..StreamSpec::default() };
    let lines = LineOptions { max_line: LONGEST_STORED_LINE, ..LineOptions::default() };
    let mut source = file::open(args.input.clone(), FileOptions::default(), spec, &lines, None)?;
    let started = Instant::now();
    let mut last_timer = started;
    loop {
        let now = Instant::now();
        if let Some(ended) = tail.ended(now) {
            return Ok(unless_failed(ended, source.exit() == Exit::Failed));
        }
        let mut progress = poll(&mut source, tail, Duration::ZERO)?;
        if progress == PollStatus::Idle || now >= last_timer + TICK {
            tail.on_timer(now);
            last_timer = now;
        }
        if progress == PollStatus::Idle {
            tail.output.flush()?;
            if tail.output.is_closed() {
                return Ok(Ended::Done);
            }
            progress = poll(&mut source, tail, tail.wait(now))?;
            tail.output.release_reordered(now, false)?;
        } else {
            // How fast a disk is must not change the order: while there is more to
            // read no window passes, and only what is too much to hold goes early.
            tail.output.release_reordered(started, false)?;
        }
        print_notices(source.take_notices(), args.quiet);
        tail.output.report(now, false);
        if progress == PollStatus::Ended {
            let nuls = source.counts().lines.nuls;
            if nuls > 0 && !args.quiet {
                let nuls = counted(nuls, "NUL");
                terminal::eprint_line(format_args!(
                    "zlog tail: {nuls} left out (a hole in the input)"
                ));
            }
            return Ok(unless_failed(Ended::Done, source.exit() == Exit::Failed));
        }
    }
}

/// Input that could not be read is a failure, even if enough came from the rest.
fn unless_failed(ended: Ended, failed: bool) -> Ended {
    if failed && ended == Ended::Done { Ended::Failed } else { ended }
}

fn poll(source: &mut impl Source, tail: &mut Tail, wait: Duration) -> Result<PollStatus> {
    let Tail { output, stop, hangup, .. } = tail;
    source.poll(wait, &mut |record| {
        reopen_on_hangup(hangup.as_ref(), output);
        let flow = output.take(record)?;
        Ok(if stop.requested() { ControlFlow::Break(()) } else { flow })
    })
}

fn print_notices(notices: Vec<Notice>, quiet: bool) {
    for notice in notices {
        if notice.failed || !quiet {
            terminal::eprint_line(format_args!("zlog tail: {}", notice.text));
        }
    }
}
