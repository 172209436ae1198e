//! The summary at the end, and the progress line before it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{
    DecimalBytes, HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle,
};

use crate::cli::EmitArgs;
use crate::command::{HandlerTotals, gaps_remark};
use zlog_core::text::parsers::Seconds;
use zlog_core::text::plural::{self, counted, grouped, plural};
use zlog_pipeline::handler::publish::Published;
use zlog_pipeline::os::terminal;
use zlog_pipeline::sender::OUTSIDE_ROOT;
use zlog_pipeline::socket::{Confirmation, broken_remark};
use zlog_pipeline::source::{ReadProgress, SourceCounts};

/// A wait at the end that is reported even if everything was sent by then.
const LONG_WAIT: Duration = Duration::from_secs(1);

/// The counts of records published, changed and lost.
pub(super) struct Summary {
    pub(super) published: Published,
    /// Whether records are published at all.
    pub(super) publishes: bool,
    /// Records that handlers have stored, and those that they lost, which have been reported; `None`
    /// without such handlers.
    pub(super) stored: Option<HandlerTotals>,
    /// Which subscribers had no room for records, and how long records waited for whom.
    pub(super) full: Option<String>,
    pub(super) waits: Option<String>,
    /// Records whose own topic was not under the root.
    pub(super) outside_root: u64,
    /// Records that were read and could not be published.
    pub(super) unpublished: u64,
    /// Records that count as lost because there was no subscriber yet.
    pub(super) before_subscribers: u64,
    /// Records that were read and not published, because no subscriber had come.
    pub(super) held_back: u64,
    pub(super) counts: SourceCounts,
    pub(super) took: Duration,
    /// How long records were waited for at the end: for subscribers, for the relay that confirms, or
    /// for handlers.
    pub(super) waited: Duration,
    /// `--linger`, and whether it ended that wait.
    pub(super) linger: Seconds,
    pub(super) is_linger_over: bool,
    pub(super) flushed: bool,
    /// What was confirmed, with `--spool`.
    pub(super) confirmation: Option<Confirmation>,
    /// Who did not get everything, and how many records each lacks, if that is known.
    pub(super) lacking: Option<String>,
}

impl Summary {
    /// Whether records were lost, or may have been.
    pub(super) fn lost(&self) -> bool {
        let Published { dropped_full, broken, .. } = self.published;
        let Summary { unpublished, counts, .. } = self;
        dropped_full
            + broken
            + unpublished
            + self.before_subscribers
            + self.stored.unwrap_or_default().missing
            + counts.listen.lost()
            + counts.lines.gaps
            + self.confirmation.as_ref().map_or(0, Confirmation::lost)
            > 0
            || !self.flushed
    }

    /// Whether records wait in the spool, or were lost there.
    pub(super) fn has_unconfirmed(&self) -> bool {
        let of_spool = |it: &Confirmation| it.waiting() + it.lost() > 0;
        self.confirmation.as_ref().is_none_or(of_spool) || self.published.dropped_full > 0
    }

    /// The losses alone, and with `--confirm` what was not confirmed.
    pub(super) fn loss(&self, must_confirm: bool) -> String {
        let mut losses = Vec::from_iter(self.not_published());
        losses.extend(self.left_in_spool().filter(|_| must_confirm));
        if self.published.dropped_full > 0 {
            losses.push(format!("{} dropped{}", grouped(self.published.dropped_full), self.full()));
        }
        if self.counts.listen.lost() > 0 {
            let lost = grouped(self.counts.listen.lost());
            losses.push(format!("{lost} lost before they had arrived whole"));
        }
        losses.extend(self.confirmation.iter().flat_map(Confirmation::losses));
        losses.extend(self.before_subscribers());
        losses.extend(self.may_be_lost());
        losses.join("; ")
    }

    /// The remarks, for counts that are not zero.
    fn remarks(&self) -> Vec<String> {
        let (published, lines) = (&self.published, &self.counts.lines);
        let plain = [
            (self.held_back, "read and not published (no subscriber)"),
            (published.unsubscribed, "had no subscriber"),
            (published.left, "not sent to subscribers that had left"),
            (published.unnumbered, "without a sequence number (too many topics, or too long ones)"),
            (lines.not_utf8, "with bytes that are not UTF-8 (shown as \\xNN)"),
            (lines.quoted, "with a value nested too deep or a number too long (sent as text)"),
        ];
        let named = [
            (self.outside_root, "record", OUTSIDE_ROOT),
            (published.renumbered, "topic", "numbered from 1 again (too many topics)"),
            (lines.pieces, "piece", "of lines longer than --max-line"),
            (lines.cut_lines, "line", "cut off by the end (marked `cut`)"),
            (lines.skipped, "empty line", "dropped"),
            (lines.replaced, "state", "of progress bars overwritten before being sent"),
            (lines.nuls, "NUL", "dropped (a hole in the input)"),
            (
                lines.unmatched,
                "line",
                "that --pattern or --format-in does not match (sent unchanged)",
            ),
            (lines.cuts, "traceback", "longer than a record may be (sent in parts)"),
        ];
        let mut remarks = Vec::from_iter(self.not_published());
        let plain = plain
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{} {what}", grouped(*count)));
        remarks.extend(plain);
        remarks.extend(plural::remarks(named));
        remarks.extend(self.counts.listen.remarks());
        remarks.extend(self.confirmation.iter().flat_map(Confirmation::losses));
        remarks.extend(self.before_subscribers());
        remarks.extend(self.may_be_lost());
        remarks.extend(self.wait_at_end());
        remarks
    }

    /// What waits in the spool, and why.
    fn left_in_spool(&self) -> Option<String> {
        let confirmation = self.confirmation.as_ref().filter(|it| it.waiting() > 0)?;
        let (waiting, spool) = (confirmation.waiting(), confirmation.spool());
        let them = if waiting == 1 { "it" } else { "them" };
        let why = confirmation.why().map(|why| format!(" ({why})")).unwrap_or_default();
        Some(format!(
            "{} left in the spool: the next `zlog emit --spool {spool}` sends {them}{why}",
            grouped(waiting)
        ))
    }

    /// The wait at the end, if it was long or ended too early. Who did not read in time is among the
    /// losses.
    fn wait_at_end(&self) -> Option<String> {
        match self.is_linger_over {
            true if self.flushed => {
                Some(format!("waited until --linger ({}) was over", self.linger))
            }
            false if self.waited >= LONG_WAIT && self.publishes => {
                Some(format!("waited {} at the end", plural::elapsed(self.waited.as_secs_f64())))
            }
            _ => None,
        }
    }

    fn before_subscribers(&self) -> Option<String> {
        let lost = self.before_subscribers;
        (lost > 0).then(|| format!("{} lost: there was no subscriber yet", counted(lost, "record")))
    }

    fn not_published(&self) -> Option<String> {
        let lost = counted(self.unpublished, "record");
        (self.unpublished > 0).then(|| format!("{lost} not published"))
    }

    /// Who had no room for records that were dropped.
    fn full(&self) -> String {
        match &self.full {
            _ if self.published.dropped_full > 0 && self.confirmation.is_some() => {
                " (no room in the spool)".to_owned()
            }
            Some(full) if self.published.dropped_full > 0 => format!(" (no room for {full})"),
            None if self.published.dropped_full > 0 => " (a subscriber was full)".to_owned(),
            _ => String::new(),
        }
    }

    /// Losses whose number is not known.
    fn may_be_lost(&self) -> Vec<String> {
        let mut losses = Vec::from_iter(broken_remark(self.published.broken));
        losses.extend(gaps_remark(self.counts.lines.gaps));
        if !self.flushed {
            losses.push(match &self.lacking {
                Some(lacking) => {
                    format!("not sent before --linger ({}) was over: {lacking}", self.linger)
                }
                None => format!(
                    "some may be lost: they had not been sent when --linger ({}) was over",
                    self.linger
                ),
            });
        }
        losses
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Published { records, bytes, dropped_full, .. } = self.published;
        let stored = self.stored.unwrap_or_default();
        // Handlers have stored records when they are closed.
        let took = if self.publishes { self.took } else { self.took + self.waited };
        let seconds = took.as_secs_f64();
        let took = plural::elapsed(seconds);
        let records = if self.publishes { records } else { stored.arrived };
        match self.publishes {
            true => {
                write!(f, "{}, {} in {took}", counted(records, "record"), DecimalBytes(bytes))?;
            }
            false => write!(f, "{} in {took}", stored.text("record"))?,
        }
        // The rate of a shorter run says nothing.
        if seconds >= 1.0 {
            write!(f, " ({})", plural::rate(records as f64 / seconds))?;
        }
        if self.publishes {
            write!(f, ", {} dropped{}", grouped(dropped_full), self.full())?;
            if self.stored.is_some() {
                write!(f, "; {}", stored.text(""))?;
            }
        }
        if let Some(confirmation) = &self.confirmation {
            write!(f, ", {} confirmed", grouped(confirmation.confirmed()))?;
            if let Some(left) = self.left_in_spool() {
                write!(f, ", {left}")?;
            }
        }
        if let Some(waits) = &self.waits {
            write!(f, "; {waits}")?;
        }
        for remark in self.remarks() {
            write!(f, "; {remark}")?;
        }
        Ok(())
    }
}

/// A line on a terminal that shows the progress of a long run.
pub(super) struct ProgressLine {
    bar: ProgressBar,
    counts_records: bool,
    read_progress: Option<Arc<ReadProgress>>,
}

impl ProgressLine {
    /// Shown for whole files and for `--count`, if stderr is a terminal and nothing else is
    /// written to it.
    pub(super) fn new(args: &EmitArgs) -> ProgressLine {
        let counted = args.count.or(args.test.flatten());
        let long = counted.is_some() || (!args.file.is_empty() && !args.follow);
        let shown = long && !args.quiet && !args.tee && terminal::stderr_is_terminal();
        let target =
            if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(counted, target);
        let template = match counted {
            Some(_) => "{wide_bar} {human_pos}/{human_len} records  {rate}  {eta} left",
            None => "{wide_bar} {bytes}/{total_bytes}  {msg}  {eta} left",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.with_key("rate", whole_rate));
        }
        ProgressLine { bar, counts_records: counted.is_some(), read_progress: None }
    }

    /// Sets the progress of the reading; without it, only records are shown.
    pub(super) fn set_read_progress(&mut self, read_progress: Option<Arc<ReadProgress>>) {
        self.read_progress = read_progress;
    }

    /// Updates the line.
    pub(super) fn show(&self, records: u64) {
        if self.bar.is_hidden() {
            return;
        }
        if self.counts_records {
            self.bar.set_position(records);
        } else {
            let read_progress = self.read_progress.as_deref();
            let read = read_progress.map_or(0, ReadProgress::read);
            // The length of compressed text is unknown.
            self.bar.set_length(read_progress.map_or(0, ReadProgress::total).max(read));
            self.bar.set_position(read);
            self.bar.set_message(format!("{} {}", HumanCount(records), plural(records, "record")));
        }
    }

    /// Prints messages of the publisher; the line makes room.
    pub(super) fn notifier(&self) -> Box<dyn Fn(&str) + Send> {
        let bar = self.bar.clone();
        Box::new(move |text| {
            bar.suspend(|| terminal::eprint_line(format_args!("zlog emit: {text}")))
        })
    }

    /// Removes the line while `write` writes to stderr.
    pub(super) fn suspended(&self, write: impl FnOnce()) {
        self.bar.suspend(write);
    }

    /// Removes the line.
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

/// Records per second, without a fraction.
fn whole_rate(state: &ProgressState, out: &mut dyn fmt::Write) {
    // An error is of no use: the line is drawn again soon.
    let _ = write!(out, "{:.0}/s", state.per_sec());
}
