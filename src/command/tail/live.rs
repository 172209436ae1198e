//! A tail of a subscription.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::super::connection_log::ConnectionLog;
use super::super::disconnect_reason::DisconnectReasons;
use super::super::endpoints;
use super::super::no_peer::NoPeerMonitor;
use super::no_output::{Action, NoOutputMonitor};
use super::{Ended, Tail, settings};
use crate::cli::TailArgs;
use zlog_core::text::escape::escape;
use zlog_core::text::plural::{self, counted};
use zlog_core::wire::mark::Mark;
use zlog_core::{Error, Record, Result};
use zlog_pipeline::os::run_directory::{Missed, Registration};
use zlog_pipeline::os::{terminal, wakeup};
use zlog_pipeline::pump::{Pipeline, pump};
use zlog_pipeline::socket::{Endpoint, EventKind, Role, SocketOptions, Subscriber};
use zlog_pipeline::source::PollStatus;
use zlog_pipeline::source::subscribe::Subscribe;

/// The longest wait at the end for records that only a terminal gets.
const LONGEST_HOLD: Duration = Duration::from_secs(1);

/// Shows what arrives until enough has come or a signal asks to stop.
pub(super) fn run(args: &TailArgs, tail: &mut Tail) -> Result<()> {
    let prefixes = tail.output.subscriptions(args.select.level);
    // Dropped before the source: publishers need not wait for a tail that ends.
    let (mut source, mut registration) = open(args, tail, &prefixes)?;
    tail.is_woken = true;
    let mut live = Live::new(args, tail, prefixes);
    live.registration = registration.as_mut().filter(|_| !args.quiet);
    live.is_bound = !source.subscriber().bound().is_empty();
    pump(&mut source, &mut live)?;
    source.release(&mut |record| {
        live.take(record)?;
        Ok(ControlFlow::Continue(()))
    })?;
    source.take_marks().iter().for_each(|mark| live.take_mark(mark));
    live.finish(source.subscriber());
    if live.unwanted > 0 && !args.quiet {
        let (more, were) = (counted(live.unwanted, "more record"), plural::were(live.unwanted));
        terminal::eprint_line(format_args!("zlog tail: {more} had arrived and {were} dropped"));
    }
    if source.healed() > 0 && !args.quiet {
        let healed = counted(source.healed(), "record");
        terminal::eprint_line(format_args!("zlog tail: healed {healed}: the relay had them"));
    }
    if args.has_handlers() {
        tail.late = source.late();
    }
    // Before the source is dropped: closing its connections may take 100 ms.
    tail.output.release_all()
}

/// Registers this process, opens the subscription, and requests the backlog with `--last`.
fn open(
    args: &TailArgs,
    tail: &Tail,
    prefixes: &[Vec<u8>],
) -> Result<(Subscribe, Option<Registration>)> {
    let options = SocketOptions {
        hwm: args.hwm,
        max_message: args.max_message as u64,
        ..endpoints::subscriber_options(&args.endpoints)?
    };
    let report = |text: &str| {
        if !args.quiet {
            terminal::eprint_line(format_args!("zlog tail: {}", escape(text)));
        }
    };
    let endpoints = endpoints::to_subscribe(&args.endpoints, &report)?;
    let registration = endpoints::register_subscriber(&endpoints, &report);
    let query = args.last.map(|n| query_endpoint(args, &endpoints).map(|at| (n, at)));
    let query = query.transpose()?;
    // A request for the backlog subscribes when the relay is ready for it.
    let at_once = if query.is_some() { &[] } else { prefixes };
    let mut subscriber = Subscriber::open(&endpoints, at_once, &options)?;
    let (_, wakes) = wakeup::wakeups(tail.hangup.is_some(), tail.output.prints)?;
    subscriber.wake_by(wakes);
    endpoints::print_bound("tail", subscriber.bound());
    let mut source = Subscribe::new(subscriber, settings::shows_bodies(args));
    source.set_prefilter(tail.output.prefilter());
    let questions = SocketOptions {
        insecure: options.insecure,
        key: options.key.clone(),
        ..SocketOptions::subscriber()
    };
    if let Some((n, at)) = query {
        let stop = || tail.stop.requested();
        for notice in source.fetch_backlog(n, &at, prefixes, &questions, &stop)? {
            terminal::eprint_line(format_args!("zlog tail: {}", escape(&notice)));
        }
    }
    if let Some(patience) = args.heal {
        source.heal(relays(args, &endpoints)?, patience.0, questions);
    }
    source.subscriber().subscribe_to_marks(prefixes);
    if let Some(registration) = &registration {
        source.subscriber().subscribed_as(registration);
    }
    Ok((source, registration))
}

/// A tail of a subscription, and what it reports about it.
struct Live<'t> {
    tail: &'t mut Tail,
    /// `None` with --quiet.
    no_peer: Option<NoPeerMonitor>,
    /// `None` with --quiet.
    disconnect_reasons: Option<DisconnectReasons>,
    /// `None` with --quiet, and after the first record was shown.
    no_output: Option<NoOutputMonitor>,
    /// Whether standard input may have something that is not read, which is then reported once.
    looks_at_stdin: bool,
    /// With --verbose.
    connection_log: Option<ConnectionLog>,
    /// `None` with --quiet, and if this tail is not registered.
    registration: Option<&'t mut Registration>,
    /// The topics asked for. Others arrive only during a probe of `no_output`.
    prefixes: Vec<Vec<u8>>,
    /// How long records on their way are waited for at the end: for the handlers, or if
    /// publishers connect here. Those take a record for delivered once it is sent.
    linger: Duration,
    has_handlers: bool,
    is_bound: bool,
    /// Records that arrived after the last one that was asked for, and that nobody sends again.
    unwanted: u64,
}

impl Live<'_> {
    fn new<'t>(args: &TailArgs, tail: &'t mut Tail, prefixes: Vec<Vec<u8>>) -> Live<'t> {
        let wanted = args.select.topics.iter().chain(&args.select.root).cloned().collect();
        let (now, reports) = (Instant::now(), !args.quiet);
        Live {
            tail,
            no_peer: reports.then(|| NoPeerMonitor::new(now)),
            disconnect_reasons: reports.then(|| DisconnectReasons::new(args.max_message)),
            no_output: reports.then(|| NoOutputMonitor::new(wanted, now)),
            // With an endpoint, it is clear where records come from.
            looks_at_stdin: reports
                && args.endpoints.bind.is_empty()
                && args.endpoints.connect.is_empty(),
            connection_log: args.verbose.then(|| ConnectionLog::new("tail")),
            registration: None,
            prefixes,
            linger: args.linger.0,
            has_handlers: args.has_handlers(),
            is_bound: false,
            unwanted: 0,
        }
    }

    /// Whether everything is subscribed to, so that a probe changes nothing.
    fn all_topics(&self) -> bool {
        self.prefixes.iter().any(Vec::is_empty)
    }

    /// Notes what a mark tells, if its topic is asked for.
    fn take_mark(&mut self, mark: &Mark<'_>) {
        let output = &mut self.tail.output;
        let is_wanted = match mark {
            Mark::Published { topic, .. } => output.topics.accepts(topic),
            Mark::Start { .. } => true,
        };
        // After -n, what arrives is discarded.
        if is_wanted && !output.is_full() {
            output.losses.observe_mark(mark);
        }
    }

    /// Reports connection events.
    fn report_events(&mut self, subscriber: &Subscriber, now: Instant) {
        // Taken even with --quiet: nothing else empties the queue.
        for event in subscriber.events() {
            if let EventKind::Denied { messages, .. } = &event.kind {
                self.tail.denied += messages;
            }
            if let Some(connection_log) = &mut self.connection_log {
                connection_log.print(&event);
            }
            if let Some(no_peer) = &mut self.no_peer {
                no_peer.observe(&event);
            }
            if let (EventKind::Disconnected, Some(no_output)) = (&event.kind, &mut self.no_output) {
                no_output.publisher_left();
            }
            let Some(reasons) = &mut self.disconnect_reasons else { continue };
            let reason = match subscriber.bound().contains(&event.endpoint) {
                true => reasons.observe_publisher(&event, now),
                false => reasons.observe(&event, now),
            };
            if let Some(reason) = reason {
                terminal::eprint_line(format_args!("zlog tail: {reason}"));
            }
        }
    }

    /// Reports what has happened since the last look.
    fn finish(&mut self, subscriber: &Subscriber) {
        self.report_events(subscriber, Instant::now());
        for line in self.disconnect_reasons.iter_mut().flat_map(DisconnectReasons::finish) {
            terminal::eprint_line(format_args!("zlog tail: {line}"));
        }
    }

    /// Reports emitters that have ended before this tail had connected.
    fn report_missed(&mut self) {
        let missed = self.registration.iter_mut().flat_map(|it| it.take_missed());
        for Missed { process, records } in missed {
            terminal::eprint_line(format_args!(
                "zlog tail: `zlog emit` (process {process}) has published {} and ended before this \
                 tail had connected",
                counted(records, "record")
            ));
        }
    }

    /// Reports that standard input is not read: `cat app.log | zlog tail`.
    fn report_stdin(&mut self) {
        if self.looks_at_stdin && terminal::stdin_has_data() {
            self.looks_at_stdin = false;
            terminal::eprint_line(
                "zlog tail: standard input is not read. To print it: zlog tail --input -; to publish it: \
                 zlog emit",
            );
        }
    }

    fn report_no_peer(&mut self, subscriber: &Subscriber, now: Instant) {
        let Some(no_peer) = &mut self.no_peer else { return };
        for mut finding in no_peer.check(now, || subscriber.endpoint_status()) {
            finding.look_closer();
            terminal::eprint_line(format_args!("zlog tail: {}", escape(&finding.to_string())));
        }
    }

    fn report_no_output(&mut self, subscriber: &mut Subscriber, now: Instant) {
        let all_topics = self.all_topics();
        let output = &self.tail.output;
        if output.passed > 0
            && self.no_output.take().is_some_and(|no_output| no_output.is_probing())
            && !all_topics
        {
            subscriber.unsubscribe(b"");
        }
        let Some(no_output) = &mut self.no_output else { return };
        let connected = || subscriber.endpoint_status().iter().any(|endpoint| endpoint.peers > 0);
        // Unless everything is subscribed to, the names of similar topics say more.
        let excluded = if all_topics { output.excluded } else { 0 };
        let (action, finding) = no_output.check(now, connected, output.filtered + excluded);
        match action {
            Action::SubscribeAll if !all_topics => subscriber.subscribe(b""),
            Action::UnsubscribeAll if !all_topics => subscriber.unsubscribe(b""),
            _ => {}
        }
        let output = &self.tail.output;
        let none_passes = |records| output.none_passes(records, " so far");
        for line in finding.iter().flat_map(|finding| finding.lines(none_passes)) {
            terminal::eprint_line(format_args!("zlog tail: {}", escape(&line)));
        }
    }
}

impl Pipeline<Subscribe> for Live<'_> {
    fn take(&mut self, record: &mut Record<'_>) -> Result<()> {
        // What arrives only because of a probe is not for the output: gaps in its sequence
        // numbers are no losses.
        let topic = record.topic.as_bytes();
        let subscribed = self.prefixes.iter().any(|prefix| topic.starts_with(prefix));
        if let Some(no_output) = self.no_output.as_mut().filter(|monitor| monitor.is_probing())
            && !(subscribed && self.tail.output.accepts_topic(record))
        {
            no_output.observe_topic(&record.topic);
        }
        if subscribed && self.tail.output.is_full() {
            self.unwanted += 1;
            return Ok(());
        }
        if subscribed { self.tail.take(record) } else { Ok(()) }
    }

    fn is_done(&self) -> bool {
        self.tail.is_done()
    }

    fn wait(&self) -> Duration {
        let reports = self.no_peer.as_ref().and_then(NoPeerMonitor::due);
        let reports = reports.into_iter().chain(self.no_output.as_ref().map(NoOutputMonitor::due));
        let wait = match reports.min() {
            Some(due) => due.saturating_duration_since(Instant::now()).min(self.tail.wait()),
            None => self.tail.wait(),
        };
        self.tail.output.wait_at_most(wait)
    }

    fn after_poll(&mut self, source: &mut Subscribe, status: PollStatus) -> Result<()> {
        source.take_marks().iter().for_each(|mark| self.take_mark(mark));
        if let Some(why) = source.take_reason().filter(|_| self.disconnect_reasons.is_some()) {
            terminal::eprint_line(format_args!("zlog tail: can't heal: {}", escape(&why)));
        }
        if let Some(now) = self.tail.after_poll(status, None)? {
            let subscriber = source.subscriber();
            if subscriber.has_changed() {
                self.no_peer.iter_mut().for_each(NoPeerMonitor::connections_changed);
                self.report_missed();
            }
            self.report_events(subscriber, now);
            self.report_stdin();
            self.report_no_peer(subscriber, now);
            self.report_no_output(subscriber, now);
        }
        Ok(())
    }

    /// Handlers get the records that are on their way, and so does a terminal if publishers
    /// connect here: they are asked to hold the rest back.
    fn grace(&self) -> Option<Duration> {
        let linger = match self.has_handlers {
            true => self.linger,
            // Publishers other than zlog's do not hold back, and nobody waits for them.
            false => self.linger.min(LONGEST_HOLD),
        };
        match self.tail.ended() {
            Ended::Stopped | Ended::TimedOut if self.has_handlers || self.is_bound => Some(linger),
            // To count them.
            Ended::Done if self.is_bound && self.tail.output.is_full() => Some(linger),
            _ => None,
        }
    }
}

/// The query endpoints of the relays that may have what did not arrive.
///
/// # Errors
/// One is invalid, or there is none.
fn relays(args: &TailArgs, endpoints: &[Endpoint]) -> Result<Vec<Endpoint>> {
    if let Some(ask) = &args.ask {
        return Ok(vec![Endpoint::parse(ask, Role::Connect)?]);
    }
    let relays = endpoints::query_endpoints(endpoints)?;
    match relays.is_empty() {
        true => Err(Error::usage("--heal asks a relay, and no endpoint has one for queries")
            .hint("Name the relay's query endpoint: --ask ENDPOINT.")),
        false => Ok(relays),
    }
}

/// Where to request the backlog: the query endpoint of the relay that is subscribed to.
///
/// # Errors
/// There are several endpoints, or theirs has no query endpoint.
fn query_endpoint(args: &TailArgs, endpoints: &[Endpoint]) -> Result<Endpoint> {
    if let Some(ask) = &args.ask {
        return Endpoint::parse(ask, Role::Connect);
    }
    let (registered, named): (Vec<&Endpoint>, Vec<&Endpoint>) =
        endpoints.iter().partition(|endpoint| endpoint.run_directory().is_some());
    let [endpoint] = named[..] else {
        return Err(Error::usage("--last queries one relay, but there are several endpoints")
            .hint("Give one endpoint, or the relay's query endpoint: --ask ENDPOINT."));
    };
    let query = match endpoint.role() {
        Role::Connect if registered.is_empty() => endpoint.query_endpoint(),
        Role::Connect => endpoints::default_query_endpoint(endpoint)?,
        Role::Bind => None,
    };
    query.ok_or_else(|| {
        Error::usage(format!("{endpoint} has no query endpoint for past records"))
            .hint("Name the relay's query endpoint: --ask ENDPOINT.")
    })
}
