//! `zlog relay`: collects from many, publishes to many.
//!
//! One thread forwards messages, passes subscriptions upstream, keeps the last messages and
//! answers queries; it waits for all of these in one place. The relay's own sources (`input`)
//! run on threads of their own, and publish to it within the process.

mod endpoints;
mod handled;
mod handlers;
mod input;
mod missing;
mod query_service;
mod rates;
mod reply;
mod settings;
mod status;
mod summary;
mod table;

use std::time::{Duration, Instant};

use self::endpoints::{RegisteredRelay, Sockets};
use self::handled::Handled;
use self::handlers::Handlers;
use self::input::{Inputs, Sources};
use self::query_service::QueryService;
use self::rates::Rates;
use self::settings::Settings;
pub(super) use self::status::{Asked, ask as ask_status};
use self::summary::{Received, Summary};
pub(super) use self::table::of as status_table;
use super::connection_log::ConnectionLog;
use super::disconnect_reason::{DisconnectReasons, ONLY_EMIT, ONLY_SUBSCRIBERS};
use super::no_peer::NoPeerMonitor;
use crate::cli::RelayArgs;
use zlog_core::history::{History, Limits};
use zlog_core::text::escape;
use zlog_core::{Exit, Result};
use zlog_pipeline::handler::publish::OnFull;
use zlog_pipeline::os::clock;
use zlog_pipeline::os::signal::{Hangup, ShutdownSignal};
use zlog_pipeline::os::{fd_limit, terminal, wakeup};
use zlog_pipeline::socket::{
    ConfirmService, ConnectionEvent, Drain, EndpointStatus, Engine, EventKind, Forwarded, Proxy,
    ProxyOptions, PublisherRequest, Role, SocketOptions, Stall, connected_peers,
};

/// Most messages forwarded between two checks for anything else.
const BURST: usize = 1000;
/// The same with handlers, which may wait for the disk at each record: at 6 ms each, a burst of
/// 1000 delayed the answer to `--status` beyond its time limit.
const HANDLER_BURST: usize = 20;
/// How often a busy stream is interrupted for housekeeping, which costs a few system calls.
const HOUSEKEEPING_INTERVAL: Duration = Duration::from_millis(5);
/// Longest wait while inputs or clients of queries need timed work.
const TICK: Duration = Duration::from_millis(100);
/// Longest wait otherwise: some reports come once a minute.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Longest wait of a message for room between two checks of subscriptions.
const SLICE: Duration = Duration::from_millis(20);
/// How long, after `--linger`, messages are still received for handlers, and counted as
/// dropped for subscribers.
const COUNTING: Duration = Duration::from_millis(500);

/// Collects and publishes until a signal arrives.
///
/// # Errors
/// An invalid configuration, an endpoint that can't be used, or a source that can't be read.
pub fn run(args: RelayArgs) -> Result<Exit> {
    if let Some(endpoint) = &args.status {
        return status::show(&args, endpoint.as_deref());
    }
    let check = args.check;
    let settings = Settings::new(args)?;
    // Handlers may use it.
    Engine::of_environment()?;
    let engine = Engine::of_name(settings.args.engine.as_deref().unwrap_or_default())?;
    if check {
        return settings.report();
    }
    let mut relay = Relay::open(settings, engine)?;
    let ran = relay.run();
    // Also after a failure: what was received by then must not be lost.
    let exit = relay.finish();
    ran.map(|()| exit)
}

struct Relay {
    settings: Settings,
    proxy: Proxy,
    queries: Option<QueryService>,
    /// Until the relay begins to stop.
    registered: Option<RegisteredRelay>,
    /// The endpoints of publishers that the relay connects to.
    publishers: Vec<String>,
    history: Option<History>,
    handlers: Handlers,
    handled: Handled,
    inputs: Inputs,
    rates: Rates,
    connection_log: Option<ConnectionLog>,
    /// Unless --quiet.
    disconnect_reasons: Option<DisconnectReasons>,
    /// Unless --quiet, and if the relay connects to an endpoint.
    no_peer: Option<NoPeerMonitor>,
    stop: ShutdownSignal,
    hangup: Hangup,
    /// When the handlers' timers are due, and when they ran last.
    due: Instant,
    last_timers: Instant,
    /// The number of messages when they ran last.
    timed_messages: u64,
    /// Whether housekeeping is due, and when it was last done.
    housekeeping_due: bool,
    last_housekeeping: Instant,
    begun: Instant,
    /// Whether publishers were still sending at the end.
    uncounted: bool,
    /// Messages that were refused, because their publisher's key does not allow them.
    denied: u64,
}

impl Relay {
    fn open(settings: Settings, engine: Option<Engine>) -> Result<Relay> {
        let args = &settings.args;
        let stop = ShutdownSignal::install()?;
        let hangup = Hangup::install(&stop)?;
        let begun = Instant::now();
        // Whatever can be refused is opened before anything is reported or started.
        let sources = Sources::open(args, &stop)?;
        let mut sockets = Sockets::open(args, &options(args, engine))?;
        let proxy = &mut sockets.proxy;
        let history = args.keep.map(|per_topic| {
            proxy.subscribe(b"");
            let per_topic = usize::try_from(per_topic).unwrap_or(usize::MAX);
            History::new(Limits { per_topic, bytes: args.keep_bytes })
        });
        // Before the sources: handlers get their first records, too.
        proxy.wake_by(wakeup::wakeups(true, false)?.1)?;
        let handlers = Handlers::open(settings.spec.clone(), &stop, args.linger.0, proxy)?;
        sockets.announce(args)?;
        handlers.print_reports();
        let Sockets { mut proxy, queries: server, confirmed, registered, publishers } = sockets;
        let reports_no_peer = !args.quiet && !connected_to(&proxy).is_empty();
        let inputs = Inputs::start(sources, &mut proxy, confirmed)?;
        Ok(Relay {
            queries: server.map(QueryService::new),
            registered,
            publishers,
            history,
            handlers,
            rates: Rates::new(begun, &proxy, &inputs, args.report.map(|every| every.0)),
            inputs,
            connection_log: args.verbose.then(|| ConnectionLog::new("relay")),
            disconnect_reasons: (!args.quiet).then(|| DisconnectReasons::new(args.max_message)),
            no_peer: reports_no_peer.then(|| NoPeerMonitor::new(begun)),
            proxy,
            stop,
            hangup,
            due: begun,
            last_timers: begun,
            timed_messages: 0,
            housekeeping_due: true,
            last_housekeeping: begun,
            begun,
            uncounted: false,
            denied: 0,
            handled: Handled::default(),
            settings,
        })
    }

    /// Runs until a signal arrives.
    fn run(&mut self) -> Result<()> {
        while !self.stop.requested() {
            if self.hangup.take() {
                self.reload();
            }
            if self.step()? == Forwarded::All {
                self.flush();
                let wait = self.longest_wait(Instant::now());
                self.housekeeping_due = self.proxy.wait(wait) || wait > TICK;
            }
        }
        Ok(())
    }

    /// Flushes the handlers, and notes what they have done with.
    fn flush(&mut self) {
        let handed = self.inputs.confirmed.as_ref().map(ConfirmService::handed);
        self.handlers.flush();
        if let (Some(confirmed), Some(handed)) = (&self.inputs.confirmed, handed)
            && let Some(handled) = self.handled.update(handed, &self.handlers.handler_status())
        {
            confirmed.set_handled(handled);
        }
    }

    /// How long to wait for messages and events.
    fn longest_wait(&self, now: Instant) -> Duration {
        let queries = self.queries.as_ref();
        // There is no event when a client has made room for more of its answer.
        if queries.is_some_and(QueryService::has_unfinished) {
            return HOUSEKEEPING_INTERVAL;
        }
        let waits = self.expecting() || self.handled.is_waiting() || self.timers_pending();
        if self.inputs.iter().next().is_some() || waits {
            return TICK.min(self.due.saturating_duration_since(now));
        }
        let rates = self.rates.due(&self.proxy, &self.inputs);
        let no_peer = self.no_peer.as_ref().and_then(NoPeerMonitor::due);
        let due = rates.into_iter().chain(no_peer).fold(self.due, Instant::min);
        let descriptors = fd_limit::check_due(now).map_or(LONGEST_WAIT, |wait| wait.max(TICK));
        due.saturating_duration_since(now).min(descriptors)
    }

    /// Whether handlers have got messages since their timers ran.
    fn timers_pending(&self) -> bool {
        let has_receivers = self.handlers.any() || self.inputs.confirmed.is_some();
        has_receivers && self.proxy.counts().messages != self.timed_messages
    }

    /// On SIGHUP, reloads the configuration and reopens files. An invalid configuration changes
    /// nothing.
    fn reload(&mut self) {
        if let Some(reloaded) = self.settings.reload().transpose() {
            let done = reloaded.and_then(|settings| {
                self.handlers.reconfigure(settings.spec.clone(), &mut self.proxy)?;
                Ok(settings)
            });
            match done {
                Ok(settings) => self.settings.change_to(settings),
                Err(error) => {
                    terminal::eprint_line(format_args!("zlog relay: {error}"));
                    terminal::eprint_line("zlog relay: continuing with the current configuration");
                }
            }
        }
        self.handlers.reopen();
    }

    /// Forwards a burst of messages, after housekeeping if it is due.
    fn step(&mut self) -> Result<Forwarded> {
        let now = Instant::now();
        if self.expecting()
            || self.housekeeping_due
            || now >= self.last_housekeeping + HOUSEKEEPING_INTERVAL
        {
            (self.housekeeping_due, self.last_housekeeping) = (false, now);
            self.housekeeping(now);
        }
        // Checked again: housekeeping may just have told a client to subscribe.
        let one_by_one = self.expecting();
        let Relay { proxy, history, handlers, .. } = self;
        let most = match (one_by_one, handlers.any()) {
            (true, _) => 1,
            (false, true) => HANDLER_BURST,
            (false, false) => BURST,
        };
        if history.is_none() && !handlers.any() {
            return proxy.forward(most, None);
        }
        let received = clock::now();
        let mut inspect = |frames: &[&[u8]]| {
            if let Some(history) = history {
                history.push(frames, received);
            }
            handlers.take(frames, received);
            Ok(())
        };
        proxy.forward(most, Some(&mut inspect))
    }

    /// Whether a client is subscribing, so that each message must be seen in order with its
    /// markers: see [`zlog_core::wire::query`].
    fn expecting(&self) -> bool {
        self.queries.as_ref().is_some_and(QueryService::has_subscribing)
    }

    /// Processes connections, subscriptions, queries and handlers.
    fn housekeeping(&mut self, now: Instant) {
        self.proxy.process_events();
        self.report_events(now);
        self.report_no_peer(now);
        self.rates.on_timer(now, &self.proxy, &self.inputs);
        self.answer();
        self.run_handler_timers(now);
    }

    /// Runs the handlers' timers, and flushes: a busy stream has no pause to flush in.
    fn run_handler_timers(&mut self, now: Instant) {
        if now >= self.due || (self.timers_pending() && now >= self.last_timers + TICK) {
            self.flush();
            let next = self.handlers.on_timer(now).unwrap_or(now + LONGEST_WAIT);
            self.due = next.max(now + Duration::from_millis(1));
            (self.last_timers, self.timed_messages) = (now, self.proxy.counts().messages);
        }
    }

    fn answer(&mut self) {
        let Some(queries) = &mut self.queries else {
            self.proxy.markers();
            return;
        };
        queries.process(&mut self.proxy, self.history.as_mut());
        if queries.status_wanted() {
            let Relay { proxy, history, handlers, inputs, rates, .. } = self;
            let status = status::of(proxy, history.as_ref(), handlers, inputs, rates);
            queries.answer_status(status, self.begun.elapsed());
        }
    }

    /// Prints reports of subscribers, unless --quiet.
    fn print_reports(&self, reports: impl IntoIterator<Item = String>) {
        for text in reports.into_iter().filter(|_| !self.settings.args.quiet) {
            terminal::eprint_line(format_args!("zlog relay: {}", escape::escape(&text)));
        }
    }

    /// Prints what happened to connections.
    fn report_events(&mut self, now: Instant) {
        super::warn_of_descriptors("relay", now);
        let mut reports = self.proxy.broken_reports(now);
        reports.extend(self.proxy.take_report());
        self.print_reports(reports);
        let Relay { proxy, inputs, connection_log, disconnect_reasons, .. } = self;
        let Relay { publishers, no_peer, denied, .. } = self;
        let confirmed = inputs.confirmed.as_ref();
        let mut events: Vec<ConnectionEvent> = proxy.events();
        let confirming = confirmed.map_or(&[][..], ConfirmService::bound);
        events.extend(confirmed.into_iter().flat_map(ConfirmService::take_events));
        let (collecting, _) = proxy.bound();
        for event in &events {
            // Those of confirmed delivery are counted where they are refused.
            if let EventKind::Denied { messages, .. } = &event.kind
                && !confirming.contains(&event.endpoint)
            {
                *denied += messages;
            }
            if let Some(connection_log) = connection_log {
                connection_log.print(event);
            }
            if let Some(no_peer) = no_peer {
                no_peer.observe(event);
                no_peer.connections_changed();
            }
            let Some(reasons) = disconnect_reasons else { continue };
            let endpoint = &event.endpoint;
            // --max-message applies to the collecting side.
            let is_of_publisher = matches!(event.kind, EventKind::Denied { .. });
            let reason = if is_of_publisher || publishers.contains(endpoint) {
                reasons.observe(event, now)
            } else if confirming.contains(endpoint) {
                reasons.observe_refusal(event, ONLY_EMIT, now)
            } else if collecting.contains(endpoint) {
                reasons.observe_publisher(event, now)
            } else {
                reasons.observe_refusal(event, ONLY_SUBSCRIBERS, now)
            };
            if let Some(reason) = reason {
                terminal::eprint_line(format_args!("zlog relay: {reason}"));
            }
        }
    }

    /// Reports endpoints that the relay connects to and that have no peer.
    fn report_no_peer(&mut self, now: Instant) {
        let Relay { no_peer: Some(no_peer), proxy, .. } = self else { return };
        let findings = no_peer.check(now, || connected_to(proxy));
        self.print_reports(findings.iter().map(ToString::to_string));
    }

    /// Stops publishers, and forwards messages in flight, until `until` at the latest.
    /// Messages without room by then go to the handlers only, and are counted as dropped.
    fn drain(&mut self, until: Instant) -> Result<()> {
        let begun = Instant::now();
        let within = until.saturating_duration_since(begun);
        let mut drain = Drain::new(&self.proxy.endpoint_status().0, begun, within);
        loop {
            let now = Instant::now();
            if now >= until {
                return self.discard(drain, until + COUNTING);
            }
            // Read first: the last messages of a source or publisher that is gone have then
            // arrived.
            let ended = self.inputs.all_ended();
            let gone = connected_peers(&self.proxy.endpoint_status().0) == 0;
            let before = self.proxy.counts().messages;
            let all = self.step()? == Forwarded::All;
            let came = self.proxy.counts().messages > before || !all;
            if ended && (drain.is_done(now, came) || (gone && !came)) {
                return Ok(());
            }
            // Not before the relay's own sources have ended: the request would stop them, too.
            let caught_up = || all && !self.proxy.has_unread();
            if ended && let Some(request) = drain.next_request(now, caught_up) {
                self.proxy.request(request);
            }
            if !came {
                self.housekeeping_due = self.proxy.wait(SLICE);
            }
        }
    }

    /// Passes further messages to the handlers only, and counts them as dropped, until `until`
    /// at the latest.
    fn discard(&mut self, mut drain: Drain, until: Instant) -> Result<()> {
        self.proxy.request(PublisherRequest::Stop);
        drain.stop_requested();
        loop {
            let handlers = &mut self.handlers;
            let received = clock::now();
            let mut inspect = |frames: &[&[u8]]| {
                handlers.take(frames, received);
                Ok(())
            };
            let before = self.proxy.counts().dropped;
            self.proxy.discard(HANDLER_BURST as u64, &mut inspect)?;
            let came = self.proxy.counts().dropped > before;
            let now = Instant::now();
            if drain.is_done(now, came) {
                return Ok(());
            }
            if now >= until {
                self.uncounted = true;
                return Ok(());
            }
            if !came {
                self.proxy.wait(SLICE);
                self.proxy.process_events();
            }
        }
    }

    /// Reports what has happened to connections since the last report.
    fn report_last_events(&mut self) {
        self.proxy.process_events();
        self.proxy.wait_for_counts();
        self.report_events(Instant::now());
        for text in
            self.disconnect_reasons.as_mut().map(DisconnectReasons::finish).unwrap_or_default()
        {
            terminal::eprint_line(format_args!("zlog relay: {text}"));
        }
    }

    /// Drains, closes everything, prints the summary and returns the exit code.
    fn finish(mut self) -> Exit {
        let linger = self.settings.args.linger.0;
        let until = Instant::now() + linger;
        drop(self.registered.take());
        self.inputs.stop();
        let mut drained = self.drain(until);
        let in_time = self.inputs.all_ended();
        let given_up = self.inputs.join();
        if !in_time && drained.is_ok() {
            // Messages of a source that ended late.
            let now = Instant::now();
            drained = self.discard(Drain::new(&[], now, COUNTING), now + COUNTING);
        }
        if let Err(error) = &drained {
            terminal::eprint_line(format_args!("zlog relay: {error}"));
        }
        self.report_last_events();
        let (broken, more_broken) = self.proxy.take_broken();
        let misused = self.proxy.take_last_report();
        self.print_reports(more_broken.into_iter().chain(misused));
        let Relay { settings, proxy, queries, handlers, mut inputs, uncounted, denied, .. } = self;
        let mut counts = proxy.counts();
        counts.dropped += given_up;
        drop(queries);
        let left = until.saturating_duration_since(Instant::now());
        let (full, waits) = (proxy.slow().full(), proxy.slow().waits());
        let flushed = proxy.close(left.max(SLICE));
        // With a limit of their own: a stuck subscriber must not cost a file its last records.
        let handlers = handlers.close(linger);
        let handled = super::report_losses("relay", &handlers);
        let has_failed = inputs.failed();
        let received = inputs.confirmed.take().map(|confirmed| {
            // The next relay hands over again what handlers have lost.
            if handled.missing == 0 {
                confirmed.set_handled(confirmed.handed());
            }
            let received = Received { counts: confirmed.counts(), spool: confirmed.spool() };
            confirmed.close();
            received
        });
        inputs.print_remarks();
        let took = self.begun.elapsed();
        let summary =
            Summary { counts, full, waits, broken, uncounted, denied, flushed, received, took };
        if !settings.args.quiet || summary.lost() {
            terminal::eprint_line(format_args!("zlog relay: {summary}"));
        }
        let exit = match self.stop.exit() {
            _ if drained.is_err() => Exit::Failed,
            Some(signal) => signal,
            None if has_failed => Exit::Failed,
            None => Exit::Done,
        };
        let lost = summary.lost()
            || handled.missing > 0
            || inputs.iter().any(|input| input.listen_stats().lost() > 0);
        exit.or_expectation_failed(settings.args.fail_on_loss && lost)
    }
}

/// The endpoints that the relay connects to. To publish, one where something answers that is no
/// subscriber counts as connected: that is reported when its handshake fails.
fn connected_to(proxy: &Proxy) -> Vec<EndpointStatus> {
    let (collect, publish) = proxy.endpoint_status();
    let publish = publish.into_iter();
    let publish =
        publish.map(|it| EndpointStatus { peers: it.peers + usize::from(it.reached), ..it });
    collect.into_iter().chain(publish).filter(|it| it.role == Role::Connect).collect()
}

fn options(args: &RelayArgs, engine: Option<Engine>) -> ProxyOptions {
    ProxyOptions {
        collect: SocketOptions {
            engine,
            insecure: args.insecure,
            key: args.key.clone(),
            hwm: args.hwm,
            max_message: args.max_message as u64,
            ..SocketOptions::subscriber()
        },
        publish: SocketOptions {
            engine,
            insecure: args.insecure,
            key: args.key.clone(),
            hwm: args.hwm,
            stall: Stall::typed(args.stall.map(|stall| stall.0)),
            send_slice: SLICE,
            ..SocketOptions::publisher()
        },
        block: args.on_full == OnFull::Block,
    }
}
