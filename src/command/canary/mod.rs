//! `zlog canary`: sends numbered records through a pipeline, and says what came out.
//!
//! Each reader has a thread, so that a pipeline that waits for its reader never waits for this
//! command's sender.

mod counts;
mod number;
mod readers;
mod report;
mod sender;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use self::counts::Counts;
use self::number::{Found, Messages};
use self::readers::{Readers, Shared};
use super::endpoints::{default_endpoint, relay, run_directory};
use super::rate_limiter::RateLimiter;
use crate::cli::{CanaryArgs, CanaryOutput, DEFAULT_COLLECT};
use zlog_core::text::escape::escape;
use zlog_core::text::plural::counted;
use zlog_core::{Error, Exit, Record, Result};
use zlog_pipeline::handler::Handler;
use zlog_pipeline::os::signal::ShutdownSignal;
use zlog_pipeline::os::terminal::{self, Stdout};
use zlog_pipeline::sender::SenderFields;
use zlog_pipeline::socket::{Endpoint, Engine, Role, SocketOptions};

/// Time between the first two test records.
const PROBE_INTERVAL: Duration = Duration::from_millis(50);
/// The interval doubles up to this one, so that many canaries do not keep each other's test records from
/// coming through.
const LONGEST_PROBE_INTERVAL: Duration = Duration::from_secs(1);
/// Once all have come: how long nothing must come. Duplicates may be on their way.
const QUIET: Duration = Duration::from_millis(200);
/// Longest wait between two looks at signals.
const SLICE: Duration = Duration::from_millis(20);

/// Sends records, waits for them, and prints what has become of them.
///
/// # Errors
/// An end of the pipeline can't be opened, or nothing comes through within `--wait`.
pub fn run(args: &CanaryArgs) -> Result<Exit> {
    let stop = ShutdownSignal::install()?;
    let messages = Arc::new(Messages::new(args.size));
    let default = Pipeline::of_default(args)?;
    let subscribed = match args.read.is_empty() && args.read_file.is_empty() {
        true => vec![default.publishes],
        false => endpoints(&args.read, Role::Connect)?,
    };
    let start = Instant::now();
    let counts =
        Counts::new(args.count, args.read_file.len() + usize::from(!subscribed.is_empty()), start);
    let shared = Arc::new(Shared::new(counts));
    let readers = Readers::open(args, &subscribed, &messages, &shared)?;
    let handed_over = Arc::new(Mutex::new(Instant::now()));
    let sender = sender::open(args, default.collects, &stop, &handed_over)?;
    print_bound(args, &readers.bound);
    print_bound(args, &sender.bound);
    let mut canary = Canary {
        sender: sender.handler,
        goes_in: sender.name,
        handed_over,
        fields: SenderFields {
            root: args.root.clone(),
            ..SenderFields::of_this_process(&args.root)
        },
        start,
        args,
        messages,
        shared,
        stop,
    };
    canary.test(&readers)?;
    let sent = canary.send()?;
    canary.await_missing(sent);
    // What was not sent by then is lost.
    let closed = canary.sender.close(Instant::now() + args.timeout.0);
    if let Err(error) = closed {
        say(args, &error.to_string());
    }
    readers.stop();
    canary.finish(sent)
}

/// The ends of a relay.
struct Pipeline {
    collects: Endpoint,
    publishes: Endpoint,
}

impl Pipeline {
    /// This user's relay at the default endpoint; the usual ends if none has registered.
    fn of_default(args: &CanaryArgs) -> Result<Pipeline> {
        let (default, _) = default_endpoint(&args.endpoint, Role::Connect)?;
        let directory = run_directory(&default, &|_| ());
        let found = directory.and_then(|directory| relay(&directory, &default));
        let (collects, publishes) =
            found.map_or((None, None), |relay| (relay.collects, relay.publishes));
        let parse = |text: &str| Endpoint::parse(text, Role::Connect);
        Ok(Pipeline {
            collects: parse(collects.as_deref().unwrap_or(DEFAULT_COLLECT))?,
            publishes: publishes.map_or(Ok(default), |text| parse(&text))?,
        })
    }
}

/// Reads endpoints: with `bind:` or `connect:` before one, in another role than the usual one.
fn endpoints(texts: &[String], role: Role) -> Result<Vec<Endpoint>> {
    texts.iter().map(|text| Endpoint::parse_default(text, role).map(|(it, _)| it)).collect()
}

/// The endpoints of one end, for messages.
fn names(endpoints: &[Endpoint]) -> String {
    endpoints.iter().map(Endpoint::as_str).collect::<Vec<_>>().join(" and ")
}

/// The options of a socket.
fn with_options(args: &CanaryArgs, options: SocketOptions) -> Result<SocketOptions> {
    Ok(SocketOptions {
        engine: Engine::of_name(args.engine.as_deref().unwrap_or_default())?,
        insecure: args.insecure,
        key: args.key.clone(),
        ..options
    })
}

fn print_bound(args: &CanaryArgs, bound: &[String]) {
    if !args.quiet {
        super::endpoints::print_bound("canary", bound);
    }
}

fn say(args: &CanaryArgs, text: &str) {
    if !args.quiet {
        terminal::eprint_line(format_args!("zlog canary: {}", escape(text)));
    }
}

/// A run.
struct Canary<'a> {
    args: &'a CanaryArgs,
    sender: Box<dyn Handler + Send>,
    /// Where records go in, for messages.
    goes_in: String,
    /// When it got its last record.
    handed_over: Arc<Mutex<Instant>>,
    fields: SenderFields,
    messages: Arc<Messages>,
    shared: Arc<Shared>,
    /// Since when times in messages count.
    start: Instant,
    stop: ShutdownSignal,
}

impl Canary<'_> {
    /// Sends test records until one has come through to each reader.
    fn test(&mut self, readers: &Readers) -> Result<()> {
        let until = Instant::now() + self.args.wait.0;
        let mut interval = PROBE_INTERVAL;
        loop {
            self.hand_over(Found::Probe)?;
            self.wait_until(Instant::now() + interval, |counts| counts.unreached().is_empty());
            interval = (2 * interval).min(LONGEST_PROBE_INTERVAL);
            let unreached = self.shared.counts().unreached();
            if unreached.is_empty() || self.stop.requested() {
                return Ok(());
            }
            self.shared.check()?;
            if Instant::now() >= until {
                let names: Vec<&str> = unreached.iter().map(|at| readers.name(*at)).collect();
                return Err(self.nothing_came(&names.join(", ")));
            }
        }
    }

    /// The error that no test record came out at `names`.
    fn nothing_came(&self, names: &str) -> Error {
        let (goes_in, wait) = (&self.goes_in, self.args.wait);
        Error::new(format!("what was sent to {goes_in} did not come out at {names} within {wait}"))
            .hint(
                "Check that each part of the pipeline runs (`zlog relay --status` asks a relay), and \
                 both ends: records go in at --send, --send-socket or --send-file, and come out at \
                 --read or --read-file.",
            )
    }

    /// Sends the numbered records. Returns how many.
    fn send(&mut self) -> Result<u64> {
        let mut rate = RateLimiter::new(self.args.rate);
        let (mut worked, mut is_told) = (Instant::now(), false);
        for number in 0..self.args.count {
            let due = rate.next(Instant::now());
            self.wait_until(due, |_| false);
            if self.stop.requested() {
                return Ok(number);
            }
            let sent = due.saturating_duration_since(self.start).as_micros();
            let sent = u64::try_from(sent).unwrap_or(u64::MAX);
            match self.hand_over(Found::Numbered { number, sent }) {
                Ok(()) => (worked, is_told) = (Instant::now(), false),
                Err(error) if worked.elapsed() >= self.args.timeout.0 => {
                    let all = counted(number + 1, "record");
                    say(self.args, &format!("{}: stopped after {all}", error.message()));
                    return Ok(number + 1);
                }
                // Each record of an outage fails.
                Err(error) => {
                    if !std::mem::replace(&mut is_told, true) {
                        say(self.args, &error.to_string());
                    }
                }
            }
        }
        Ok(self.args.count)
    }

    fn hand_over(&mut self, what: Found) -> Result<()> {
        let mut record = Record { msg: self.messages.write(what).into(), ..Record::default() };
        record.level = zlog_core::Level::INFO;
        self.fields.fill(&mut record);
        *sender::lock(&self.handed_over) = Instant::now();
        Ok(self.sender.handle(&record)?)
    }

    /// Waits until `until`, a signal or a condition, and lets the sender work meanwhile.
    fn wait_until(&mut self, until: Instant, is_done: impl Fn(&Counts) -> bool) {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || self.stop.requested() || is_done(&self.shared.counts()) {
                return;
            }
            // It has nothing to fail: an error of the socket is that of the next record.
            let _ = self.sender.on_timer(Instant::now());
            self.shared.wait(left.min(SLICE));
        }
    }

    /// Waits until all records have come and nothing more comes, or nothing has come for
    /// `--timeout`.
    fn await_missing(&mut self, sent: u64) {
        let ended = Instant::now();
        loop {
            let (distinct, last) = {
                let counts = self.shared.counts();
                (counts.distinct(), counts.last_arrival().unwrap_or(ended).max(ended))
            };
            let limit =
                if distinct == sent { QUIET.min(self.args.timeout.0) } else { self.args.timeout.0 };
            if last.elapsed() >= limit || self.stop.requested() {
                return;
            }
            self.wait_until(last + limit, |counts| {
                counts.last_arrival().is_some_and(|at| at > last)
            });
        }
    }

    fn finish(self, sent: u64) -> Result<Exit> {
        let outcome = self.shared.counts().result(sent);
        let text = match self.args.output {
            CanaryOutput::Table => report::table(&outcome),
            CanaryOutput::Json => report::json(&outcome),
        };
        let mut out = Stdout::new();
        out.put(text.as_bytes())?;
        out.send()?;
        let exit = self.stop.exit().unwrap_or(Exit::Done);
        Ok(exit.or_expectation_failed(self.args.fail_on_loss && outcome.lost > 0))
    }
}
