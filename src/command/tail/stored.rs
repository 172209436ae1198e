//! A tail of stored records and other logs, as fast as they are read.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::{Ended, Tail};
use crate::cli::TailArgs;
use crate::command::{formats, gaps_remark};
use zlog_core::parse::{self, ObjectReader};
use zlog_core::text::plural::{counted, remarks};
use zlog_core::{Exit, Level, Record, Result};
use zlog_pipeline::os::terminal;
use zlog_pipeline::pump::{Pipeline, pump};
use zlog_pipeline::source::file::{self, FileOptions};
use zlog_pipeline::source::text::{LONGEST_STORED_LINE, LineCounts, LineOptions, StreamSpec};
use zlog_pipeline::source::{PollStatus, Source};

/// Shows the records of all files: one file after the other, merged by time, or as they grow.
pub(super) fn run(args: &TailArgs, tail: &mut Tail) -> Result<()> {
    // A line without a level stays without one: a default would be shown as a fact.
    let spec = StreamSpec { level: Level::NOTSET, ..StreamSpec::default() };
    let lines = LineOptions {
        max_line: LONGEST_STORED_LINE,
        parse: parse::Options {
            formats: formats::load("tail", args.format_in.as_deref(), false)?,
            format: args.format_in.clone(),
            stored: true,
            own_files: true,
            ..parse::Options::default()
        },
        ..LineOptions::default()
    };
    let files = args.input.clone();
    let reads_stdin = files.iter().any(|path| path.as_os_str() == "-");
    if reads_stdin && terminal::stdin_is_terminal() && !args.quiet {
        terminal::eprint_line("zlog tail: reading what is typed here; Ctrl-D ends it");
    }
    let offsets = match args.last {
        Some(n) => file::offsets_of_last(&files, n, spec, &lines, &mut |record| {
            tail.output.would_take(record) || tail.stop.requested()
        }),
        None => HashMap::new(),
    };
    if !args.sort {
        // With a format, no line is read as an object.
        let reader = || ObjectReader::with_prefilter(tail.output.prefilter());
        let objects_ahead = args.format_in.is_none().then(reader);
        let options =
            FileOptions { follow: args.follow, offsets, objects_ahead, ..FileOptions::default() };
        return show(&mut file::open(files, options, spec, &lines, None)?, args, tail);
    }
    let mut source = file::open_merged(files, &offsets, spec, &lines)?;
    show(&mut source, args, tail)?;
    let disordered = source.disordered().filter(|_| !args.quiet && args.reorder.is_none());
    for (name, records) in disordered {
        let records = counted(records, "record");
        terminal::eprint_line(format_args!(
            "zlog tail: {name} is not sorted: {records} earlier than one before; add \
             --reorder 1s to sort them, too"
        ));
    }
    Ok(())
}

fn show<S: Source>(source: &mut S, args: &TailArgs, tail: &mut Tail) -> Result<()> {
    let mut stored = Stored::new(args, tail);
    pump(source, &mut stored)?;
    stored.finish(source, args)
}

/// Reports input that is not shown unchanged.
fn print_counts(lines: &LineCounts) {
    let counts = [
        (lines.unmatched, "line", "that --format-in does not match (shown unchanged)"),
        (lines.nuls, "NUL", "dropped (a hole in the input)"),
        (lines.replaced, "state", "of progress bars overwritten (the last one is shown)"),
    ];
    for remark in gaps_remark(lines.gaps).into_iter().chain(remarks(counts)) {
        terminal::eprint_line(format_args!("zlog tail: {remark}"));
    }
}

/// Reports that records were read but none passed.
///
/// `topicless` is how many have no stored topic: the lines of other programs' logs.
fn print_none_passed(quiet: bool, tail: &Tail, topicless: u64, so_far: &str) {
    let output = &tail.output;
    if quiet || output.passed > 0 || output.left_out() == 0 {
        return;
    }
    for line in output.none_passes(output.left_out(), so_far) {
        terminal::eprint_line(format_args!("zlog tail: {line}"));
    }
    let selects = !(output.topics.prefixes.is_empty() && output.topics.roots.is_empty());
    if selects && output.excluded > 0 && topicless > 0 {
        terminal::eprint_line(
            "zlog tail: without a stored topic, the topic of a line is its level, as INFO: leave out TOPIC \
             and --root, or compare a field: --where 'name=app'",
        );
    }
}

/// A tail of stored records.
pub(super) struct Stored<'t> {
    pub(super) tail: &'t mut Tail,
    /// Whether the files are read on as they grow.
    follow: bool,
    quiet: bool,
    started: Instant,
    /// Records without a time of their own.
    timeless: u64,
    /// Records without a stored topic.
    topicless: u64,
    /// Whether it was reported that no stored record passed.
    has_reported: bool,
}

impl Stored<'_> {
    pub(super) fn new<'t>(args: &TailArgs, tail: &'t mut Tail) -> Stored<'t> {
        let (follow, quiet) = (args.follow, args.quiet);
        let started = Instant::now();
        Stored { tail, follow, quiet, started, timeless: 0, topicless: 0, has_reported: false }
    }

    /// Reports what was read, once the source has ended.
    pub(super) fn finish<S: Source>(&mut self, source: &S, args: &TailArgs) -> Result<()> {
        let by_time = match (&args.since, &args.until) {
            (Some(_), Some(_)) => Some("--since and --until"),
            (Some(_), None) => Some("--since"),
            (None, Some(_)) => Some("--until"),
            (None, None) => None,
        };
        if let Some(options) = by_time.filter(|_| self.timeless > 0 && !self.quiet) {
            let timeless = counted(self.timeless, "record");
            terminal::eprint_line(format_args!(
                "zlog tail: {timeless} without a time: {options} used the time of the record before, or \
                 let them pass"
            ));
        }
        print_none_passed(self.quiet, self.tail, self.topicless, "");
        let lines = source.counts().lines;
        if !self.quiet {
            print_counts(&lines);
        }
        self.tail.gaps = lines.gaps;
        // Input that could not be read is a failure, even if enough came from the rest.
        if source.exit() == Exit::Failed && self.tail.ended() == Ended::Done {
            self.tail.ended = Some(Ended::Failed);
        }
        Ok(())
    }
}

impl<S: Source> Pipeline<S> for Stored<'_> {
    fn take(&mut self, record: &mut Record<'_>) -> Result<()> {
        self.timeless += u64::from(record.created.is_none());
        self.topicless += u64::from(record.topic.is_empty());
        self.tail.take(record)
    }

    fn is_done(&self) -> bool {
        self.tail.is_done()
    }

    fn wait(&self) -> Duration {
        self.tail.wait()
    }

    fn after_poll(&mut self, source: &mut S, status: PollStatus) -> Result<()> {
        let caught_up = source.is_caught_up();
        if caught_up || status == PollStatus::Ended {
            self.tail.output.release_last()?;
        }
        let reads_on = self.follow && status != PollStatus::Ended;
        if caught_up && reads_on && !self.has_reported && self.tail.output.left_out() > 0 {
            print_none_passed(self.quiet, self.tail, self.topicless, " so far");
            self.has_reported = true;
        }
        for notice in source.take_notices() {
            if notice.is_urgent() || !self.quiet {
                terminal::eprint_line(format_args!("zlog tail: {}", notice.text));
            }
        }
        // How fast a disk is must not change the order: no window ends while more is at hand,
        // and only what exceeds the buffer is delivered early.
        let busy_clock = (!caught_up).then_some(self.started);
        self.tail.after_poll(status, busy_clock).map(drop)
    }

    /// None: a tail that was stopped does not need records that were read ahead.
    fn grace(&self) -> Option<Duration> {
        None
    }
}
