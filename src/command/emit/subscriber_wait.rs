//! `--wait` and `--wait-for`: when a record may be published.

use std::time::{Duration, Instant};

use crate::cli::EmitArgs;
use crate::command::endpoints;
use zlog_core::text::parsers::Seconds;
use zlog_pipeline::socket::{EndpointStatus, Publisher, Role, WaitOutcome};

/// How long records wait without `--wait` and `--follow`. With `--follow`, the wait is reported
/// after this time.
const DEFAULT_WAIT: Duration = Duration::from_secs(1);
/// How often a wait is interrupted to report refused subscribers.
const REPORTS: Duration = Duration::from_millis(500);
/// Records between two checks whether all subscribers have left. A check is a system call.
const CHECK_EVERY: u32 = 64;

/// The wait for subscribers.
pub(super) struct SubscriberWait {
    /// Only subscribers of a topic with this root count.
    root: String,
    wanted: usize,
    mode: Mode,
    quiet: bool,
    begun: Instant,
    /// Whether a record was published after a wait that may be repeated.
    has_begun: bool,
    /// Something for the user, to be printed before the next record.
    message: Option<String>,
}

enum Mode {
    /// Waits this long, counted from the start, then publishes without subscribers.
    Limited(Duration),
    /// Waits again whenever all subscribers have left. For files: they keep what is not read.
    Repeated {
        /// The longest wait. After it, nothing more is published.
        limit: Option<Duration>,
        /// Whether the wait was reported.
        reported: bool,
        /// Records until the next check.
        unchecked: u32,
    },
    /// Waits no longer.
    Over {
        /// Whether records are published.
        publishes: bool,
    },
}

impl SubscriberWait {
    /// The wait that was asked for. It begins now.
    pub(super) fn new(args: &EmitArgs) -> SubscriberWait {
        let limit = args.wait.map_or(DEFAULT_WAIT, |wait| wait.0);
        let repeated = |limit| Mode::Repeated { limit, reported: false, unchecked: 0 };
        let mode = match args.wait {
            None if args.follow => repeated(None),
            _ if args.reads_what_is_new() && !limit.is_zero() => repeated(Some(limit)),
            _ => Mode::Limited(limit),
        };
        SubscriberWait {
            root: args.root.clone(),
            wanted: args.wait_for,
            mode,
            quiet: args.quiet,
            begun: Instant::now(),
            has_begun: false,
            message: None,
        }
    }

    /// Waits until a record may be published. Returns false if it must not be published because
    /// the next run reads it again: no subscriber came, or `stop` ended the wait. Calls `stop` at
    /// least every 50 ms. Calls `report` with a message for the user and whether it is a failure.
    pub(super) fn wait(
        &mut self,
        publisher: &mut Publisher,
        stop: &dyn Fn() -> bool,
        report: &dyn Fn(&str, bool),
    ) -> bool {
        match self.mode {
            Mode::Over { publishes } => publishes,
            Mode::Limited(limit) => {
                let left = limit.saturating_sub(self.begun.elapsed());
                let waited = self.wait_for(left, publisher, stop, report);
                if let (WaitOutcome::TimedOut(there), false) = (waited, self.quiet) {
                    self.message = missing(publisher, self.wanted, there, limit, &self.root);
                }
                self.mode = Mode::Over { publishes: true };
                true
            }
            Mode::Repeated { ref mut unchecked, .. } if *unchecked > 0 => {
                *unchecked -= 1;
                true
            }
            Mode::Repeated { limit, .. } => self.wait_again(limit, publisher, stop, report),
        }
    }

    /// Checks before the next record whether all subscribers have left. To be called when the
    /// source pauses.
    pub(super) fn check_soon(&mut self) {
        if let Mode::Repeated { unchecked, .. } = &mut self.mode {
            *unchecked = 0;
        }
    }

    /// Waits for subscribers. Reports those that are refused at once: nobody else may come.
    fn wait_for(
        &self,
        timeout: Duration,
        publisher: &mut Publisher,
        stop: &dyn Fn() -> bool,
        report: &dyn Fn(&str, bool),
    ) -> WaitOutcome {
        let start = Instant::now();
        loop {
            let left = timeout.saturating_sub(start.elapsed());
            let outcome = publisher.wait_for(self.wanted, left.min(REPORTS), &self.root, stop);
            if let Some(text) = publisher.take_report() {
                report(&text, false);
            }
            match outcome {
                WaitOutcome::TimedOut(_) if left > REPORTS => {}
                outcome => return outcome,
            }
        }
    }

    fn wait_again(
        &mut self,
        limit: Option<Duration>,
        publisher: &mut Publisher,
        stop: &dyn Fn() -> bool,
        report: &dyn Fn(&str, bool),
    ) -> bool {
        let wait = limit.unwrap_or(DEFAULT_WAIT);
        publisher.process_events();
        loop {
            // Tails that run are waited for before the first record, and when all have left.
            if self.has_begun && publisher.subscribers(&self.root) >= self.wanted {
                break;
            }
            match self.wait_for(wait, publisher, stop, report) {
                WaitOutcome::Enough => break,
                WaitOutcome::Stopped => return false,
                // A tail that does not connect must not keep records from the others.
                WaitOutcome::TimedOut(there) if there >= self.wanted => {
                    report(&tails_missing(publisher, wait), false);
                    break;
                }
                WaitOutcome::TimedOut(there) if limit.is_some() => {
                    self.mode = Mode::Over { publishes: false };
                    report(&held_back(publisher, self.wanted, there, wait), true);
                    return false;
                }
                WaitOutcome::TimedOut(there) => {
                    if let Mode::Repeated { reported: reported @ false, .. } = &mut self.mode {
                        *reported = true;
                        report(&waiting(publisher, self.wanted, there), false);
                    }
                }
            }
        }
        if let Mode::Repeated { unchecked, .. } = &mut self.mode {
            *unchecked = CHECK_EVERY;
        }
        self.has_begun = true;
        // From now on, one subscriber is enough.
        self.wanted = self.wanted.min(1);
        true
    }

    /// The warning that too few subscribers connected in time, if they are still too few. Returned
    /// once.
    pub(super) fn take_message(&mut self, publisher: &mut Publisher) -> Option<String> {
        let message = self.message.take()?;
        publisher.process_events();
        let is_enough = publisher.subscribers(&self.root) >= self.wanted;
        (!is_enough || !publisher.missing_registered().is_empty()).then_some(message)
    }
}

/// The warning that too few subscribers connected in time, with the next step. `None` if none is
/// required.
fn missing(
    publisher: &Publisher,
    wanted: usize,
    there: usize,
    limit: Duration,
    root: &str,
) -> Option<String> {
    let endpoints = publisher.endpoint_status();
    if let Some(text) = endpoints::wrong_endpoint(&endpoints).filter(|_| wanted > 0) {
        return Some(text);
    }
    // A relay that nobody reads is there, and has not subscribed to anything.
    let is_there = |it: &EndpointStatus| it.role == Role::Bind || it.peers > 0;
    let first = if endpoints.iter().all(is_there) { "`zlog tail`" } else { "`zlog relay`" };
    let names = names(&endpoints);
    let (limit, has_waited) = (Seconds(limit), !limit.is_zero());
    match wanted {
        0 => None,
        _ if there >= wanted => Some(tails_missing(publisher, limit.0)),
        _ if has_waited && there == 0 && !publisher.missing_registered().is_empty() => {
            Some(tails_missing(publisher, limit.0))
        }
        1 if publisher.subscribers("") > 0 => Some(format!(
            "nobody on {names} has subscribed to topics below {root:?}; publishing anyway. Some \
             have subscribed to others"
        )),
        1 if !has_waited => Some(format!(
            "no subscriber on {names}; publishing anyway, as --wait 0s says. Start {first} first"
        )),
        1 => Some(format!(
            "no subscriber on {names} after {limit}; publishing anyway. Start {first} first, or \
             wait longer with --wait 1m"
        )),
        _ => Some(format!(
            "{there} of {wanted} subscribers on {names} after {limit}; publishing anyway. Wait \
             longer with --wait 1m"
        )),
    }
}

/// The message that records wait for subscribers.
fn waiting(publisher: &Publisher, wanted: usize, there: usize) -> String {
    let endpoints = publisher.endpoint_status();
    if let Some(text) = endpoints::wrong_endpoint(&endpoints) {
        return text;
    }
    let names = names(&endpoints);
    match wanted {
        1 => format!("waiting for a subscriber on {names}. To publish without one: --wait 0s"),
        _ => format!("waiting for subscribers on {names}: there are {there} of {wanted}"),
    }
}

/// The error that nothing more is published because too few subscribers connected in time.
fn held_back(publisher: &Publisher, wanted: usize, there: usize, limit: Duration) -> String {
    let endpoints = publisher.endpoint_status();
    if let Some(text) = endpoints::wrong_endpoint(&endpoints) {
        return text;
    }
    let (names, limit) = (names(&endpoints), Seconds(limit));
    let who = match wanted {
        1 => format!("no subscriber on {names}"),
        _ => format!("{there} of {wanted} subscribers on {names}"),
    };
    format!("{who} after {limit}: the next run publishes the rest. Wait longer with --wait 1m")
}

/// The message that tails run on this machine and have not subscribed, and the next step.
fn tails_missing(publisher: &Publisher, limit: Duration) -> String {
    let missing = publisher.missing_registered();
    let processes: Vec<&str> = missing.iter().filter_map(|name| name.split('-').nth(1)).collect();
    let (tail, misses) = match processes.len() {
        1 => ("`zlog tail` (process", "misses"),
        _ => ("`zlog tail` (processes", "miss"),
    };
    format!(
        "{tail} {}) did not connect within {} and {misses} what is published before; publishing \
         anyway. If it is suspended, resume it (`fg`); to wait longer: --wait 1m",
        endpoints::name_some(&processes),
        Seconds(limit)
    )
}

fn names(endpoints: &[EndpointStatus]) -> String {
    let names: Vec<&str> = endpoints.iter().map(|endpoint| &*endpoint.endpoint).collect();
    endpoints::name_some(&names)
}
