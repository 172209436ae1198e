//! Prints the counts of `--count-by`: a line for each interval, or a table at the end.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::{Timestamp, Zoned};

use crate::cli::TailArgs;
use zlog_core::format::{Output, RFC3339_PATTERN, TimeFormat, zone};
use zlog_core::stats::{Interval, IntervalCounts, TimeBase};
use zlog_core::text::plural::grouped;
use zlog_core::{Error, Record, Result};
use zlog_pipeline::os::terminal::{self, Stdout};

/// The time of an interval.
const TIME_FORMAT: &str = "%Y-%m-%d %H:%M:%S";

/// The time of records without one.
const NO_TIME: &str = "(no time)";

/// Counts records and prints the counts on standard output.
pub(super) struct CountReport {
    counts: IntervalCounts,
    base: TimeBase,
    /// Whether files are read on as they grow.
    follows: bool,
    /// The length of an interval in seconds, if there are several.
    seconds: Option<i64>,
    time: TimeFormat,
    json: bool,
    quiet: bool,
    out: Stdout,
}

impl CountReport {
    /// The report that the arguments ask for, if they do.
    ///
    /// # Errors
    /// The interval, the output or the time format can't be used.
    pub(super) fn new(args: &TailArgs, base: TimeBase) -> Result<Option<CountReport>> {
        let Some(by) = &args.count_by else { return Ok(None) };
        terminal::check_stdout()?;
        let seconds = args.every.map(|every| whole_seconds(every.0)).transpose()?;
        let json = match args.output_format() {
            Output::Pretty => false,
            Output::Json => true,
            _ => {
                return Err(Error::usage("--count-by prints lines for people or JSON")
                    .hint("Use --output json, or leave out --output."));
            }
        };
        let zone = zone(args.format.utc);
        let offset = Zoned::now().with_time_zone(zone.clone()).offset().seconds();
        let own = args.format.time_format.as_deref();
        let format = if json { RFC3339_PATTERN } else { own.unwrap_or(TIME_FORMAT) };
        Ok(Some(CountReport {
            counts: IntervalCounts::new(by.clone(), seconds, offset.into()),
            base,
            follows: args.follow,
            seconds,
            time: TimeFormat::new(format, zone)?,
            json,
            quiet: args.quiet,
            out: Stdout::with_linger(args.linger.0),
        }))
    }

    /// Counts a record.
    ///
    /// # Errors
    /// Standard output can't be written.
    pub(super) fn count(&mut self, record: &Record<'_>) -> Result<()> {
        let time = match self.base {
            TimeBase::Arrival => record.received.or_else(|| Some(now())),
            TimeBase::Records => record.time().filter(|time| is_in_calendar(*time)),
        };
        let closed = self.counts.count(record, time);
        self.print(&closed)
    }

    /// Prints the intervals that have ended by the clock. Stored records may be of any time, so
    /// this waits until the end of what is stored, if more can come after it.
    ///
    /// # Errors
    /// Standard output can't be written.
    pub(super) fn on_timer(&mut self, is_idle: bool) -> Result<()> {
        if !self.by_clock() || (self.follows && !is_idle) {
            return Ok(());
        }
        let closed = self.counts.close_before(now());
        self.print(&closed)
    }

    /// Whether intervals end by the clock.
    fn by_clock(&self) -> bool {
        self.base == TimeBase::Arrival || self.follows
    }

    /// How long until the current interval ends by the clock.
    pub(super) fn remaining(&self) -> Option<Duration> {
        let seconds = self.counts.remaining(now()).filter(|_| self.by_clock())?;
        Duration::try_from_secs_f64(seconds).ok()
    }

    /// Prints the rest.
    ///
    /// # Errors
    /// Standard output can't be written.
    pub(super) fn finish(&mut self) -> Result<()> {
        let closed = self.counts.close();
        if closed.is_empty() && self.seconds.is_none() && !self.quiet {
            terminal::eprint_line("zlog tail: no records to count");
        }
        self.print(&closed)
    }

    fn print(&mut self, intervals: &[Interval]) -> Result<()> {
        if intervals.is_empty() {
            return Ok(());
        }
        for interval in intervals {
            let text = match (self.json, self.seconds) {
                (true, _) => self.json(interval),
                (false, Some(_)) => self.line(interval),
                (false, None) => interval.table(),
            };
            self.out.put(text.as_bytes())?;
        }
        self.out.send()
    }

    fn line(&mut self, interval: &Interval) -> String {
        let time = self.time(interval).unwrap_or_else(|| NO_TIME.to_owned());
        let line = format!("{time}  {:>8}  {}", grouped(interval.total()), interval.line());
        line.trim_end().to_owned() + "\n"
    }

    fn json(&mut self, interval: &Interval) -> String {
        let mut text = String::from("{");
        if let Some(seconds) = self.seconds {
            let time = self.time(interval).map_or("null".to_owned(), |time| format!("\"{time}\""));
            // Writing to a String can't fail.
            let _ = write!(text, "\"time\":{time},\"seconds\":{seconds},");
        }
        let _ = writeln!(text, "\"total\":{},\"counts\":{}}}", interval.total(), interval.json());
        text
    }

    fn time(&mut self, interval: &Interval) -> Option<String> {
        let mut time = Vec::new();
        self.time.write(interval.start? as f64, &mut time);
        Some(String::from_utf8_lossy(&time).into_owned())
    }
}

/// Whether an interval can begin at this time: others have no date.
fn is_in_calendar(time: f64) -> bool {
    // Times beyond what an integer holds are beyond the calendar, too.
    Timestamp::from_second(time as i64).is_ok() && !time.is_nan()
}

fn now() -> f64 {
    Timestamp::now().as_microsecond() as f64 / 1e6
}

/// The length of an interval.
fn whole_seconds(every: Duration) -> Result<i64> {
    match i64::try_from(every.as_secs()) {
        Ok(seconds) if seconds > 0 && every.subsec_nanos() == 0 => Ok(seconds),
        _ => Err(Error::usage("--every takes whole seconds").hint("Try --every 1s or --every 1m.")),
    }
}
