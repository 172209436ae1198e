//! A tail of stored records and other logs: the same view, as fast as they are read.

use std::time::{Duration, Instant};

use super::{Ended, TICK, Tail, heed};
use crate::cli::TailArgs;
use zlog_core::error::Result;
use zlog_core::record::Level;
use zlog_core::text::plural::counted;
use zlog_pipeline::os::terminal;
use zlog_pipeline::source::file::{self, FileOptions};
use zlog_pipeline::source::text::{LONGEST_STORED_LINE, LineOptions, StreamSpec};
use zlog_pipeline::source::{Flow, Notice, Progress, Source};

/// Shows the records of all files, in the order they were given.
pub(super) fn run(args: &TailArgs, tail: &mut Tail) -> Result<Ended> {
    // A line that does not say its level has none; a subscriber's default is no fact.
    let spec = StreamSpec { level: Level::NOTSET, ..StreamSpec::default() };
    let lines = LineOptions { max_line: LONGEST_STORED_LINE, ..LineOptions::default() };
    let mut source = file::open(args.input.clone(), FileOptions::default(), spec, &lines, None)?;
    let begun = Instant::now();
    let mut tended = begun;
    loop {
        let now = Instant::now();
        if let Some(ended) = tail.ended(now) {
            return Ok(unless_failed(ended, source.failed()));
        }
        let mut progress = poll(&mut source, tail, Duration::ZERO)?;
        if progress == Progress::Idle || now >= tended + TICK {
            tail.tend(now);
            tended = now;
        }
        if progress == Progress::Idle {
            tail.view.flush()?;
            if tail.view.is_closed() {
                return Ok(Ended::Done);
            }
            progress = poll(&mut source, tail, tail.wait(now))?;
            tail.view.release(now, false)?;
        } else {
            // How fast a disk is must not change the order: while there is more to
            // read no window passes, and only what is too much to hold goes early.
            tail.view.release(begun, false)?;
        }
        tell(source.take_notices(), args.quiet);
        tail.view.report(now, false);
        if progress == Progress::Ended {
            let nuls = source.counts().nuls;
            if nuls > 0 && !args.quiet {
                let nuls = counted(nuls, "NUL");
                terminal::eprint_line(format_args!(
                    "zlog tail: {nuls} left out (a hole in the input)"
                ));
            }
            return Ok(unless_failed(Ended::Done, source.failed()));
        }
    }
}

/// Input that could not be read is a failure, even if enough came from the rest.
fn unless_failed(ended: Ended, failed: bool) -> Ended {
    if failed && ended == Ended::Done { Ended::Failed } else { ended }
}

fn poll(source: &mut impl Source, tail: &mut Tail, wait: Duration) -> Result<Progress> {
    let Tail { view, stop, hangup, .. } = tail;
    source.poll(wait, &mut |record| {
        heed(hangup.as_ref(), view);
        let flow = view.take(record)?;
        Ok(if stop.requested() { Flow::Enough } else { flow })
    })
}

fn tell(notices: Vec<Notice>, quiet: bool) {
    for notice in notices {
        if notice.failed || !quiet {
            terminal::eprint_line(format_args!("zlog tail: {}", notice.text));
        }
    }
}
