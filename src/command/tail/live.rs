//! A tail of a subscription.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::super::disconnect_reason::DisconnectReasons;
use super::connection_log::ConnectionLog;
use super::no_output::{Action, NoOutputMonitor};
use super::no_peer::NoPeerMonitor;
use super::{Ended, Input, Tail, settings};
use crate::cli::TailArgs;
use zlog_core::error::{Error, Result};
use zlog_core::text::escape::escape;
use zlog_pipeline::os::signal::Hangup;
use zlog_pipeline::os::terminal;
use zlog_pipeline::socket::{
    self, Drain, Endpoint, PublisherRequest, Role, SocketOptions, Subscriber,
};
use zlog_pipeline::source::subscribe::Subscribe;
use zlog_pipeline::source::{PollStatus, Source};

/// How long one poll waits for records while the connections are drained.
const DRAIN_POLL: Duration = Duration::from_millis(20);
/// For how long records that come too late for the handlers are counted.
const COUNT_TIME: Duration = Duration::from_millis(500);

/// A subscription, and what is reported about it.
pub(super) struct Live {
    source: Subscribe,
    /// `None` with --quiet.
    no_peer: Option<NoPeerMonitor>,
    /// `None` with --quiet.
    disconnect_reasons: Option<DisconnectReasons>,
    /// `None` with --quiet, and after the first record was shown.
    no_output: Option<NoOutputMonitor>,
    /// With --verbose.
    connection_log: Option<ConnectionLog>,
    /// What was asked for. Other topics arrive only during a probe of `no_output`.
    prefixes: Vec<Vec<u8>>,
    /// How long records on their way are waited for at the end, if there are handlers.
    linger: Option<Duration>,
}

impl Live {
    pub(super) fn open(args: &TailArgs, tail: &mut Tail) -> Result<Live> {
        let mut options = SocketOptions::subscriber();
        options.hwm = args.hwm;
        options.max_message = args.max_message as u64;
        let endpoints = super::super::endpoints(&args.endpoints, Role::Connect)?;
        let prefixes = tail.output.subscriptions(args.level);
        let query = args.last.map(|n| query_endpoint(args, &endpoints).map(|at| (n, at)));
        let query = query.transpose()?;
        // A request for the backlog subscribes when the relay is ready for it.
        let at_once = if query.is_some() { &[] } else { &*prefixes };
        let mut subscriber = Subscriber::open(&endpoints, at_once, &options)?;
        if tail.hangup.is_some() {
            subscriber.wake_by(Hangup::wakeups()?);
        }
        super::super::print_bound("tail", subscriber.bound());
        let mut source = Subscribe::new(subscriber, settings::shows_bodies(args));
        if let Some((n, at)) = query {
            for notice in source.fetch_backlog(n, &at, &prefixes, &|| tail.stop.requested())? {
                terminal::eprint_line(format_args!("zlog tail: {}", escape(&notice)));
            }
        }
        let wanted = args.topics.iter().chain(&args.root).cloned().collect();
        let (now, reports) = (Instant::now(), !args.quiet);
        Ok(Live {
            source,
            no_peer: reports.then(|| NoPeerMonitor::new(now)),
            disconnect_reasons: reports.then(|| DisconnectReasons::new(args.max_message)),
            no_output: reports.then(|| NoOutputMonitor::new(wanted, now)),
            connection_log: args.verbose.then(ConnectionLog::default),
            prefixes,
            linger: args.has_handlers().then_some(args.linger.0),
        })
    }

    /// Whether everything is subscribed to, so that a probe changes nothing.
    fn all_topics(&self) -> bool {
        self.prefixes.iter().any(Vec::is_empty)
    }

    /// Passes the records at hand to the output; all of them if `draining`, or else until a
    /// signal asks to stop.
    fn poll_source(
        &mut self,
        tail: &mut Tail,
        wait: Duration,
        draining: bool,
    ) -> Result<PollStatus> {
        let Live { source, no_output, prefixes, .. } = self;
        let mut probe = no_output.as_mut().filter(|no_output| no_output.is_probing());
        source.poll(wait, &mut |mut record| {
            // What arrives only because of a probe is not for the output: gaps in its sequence
            // numbers are no losses.
            let topic = record.topic.as_bytes();
            let subscribed = prefixes.iter().any(|prefix| topic.starts_with(prefix));
            if let Some(probe) = &mut probe
                && !(subscribed && tail.output.accepts_topic(&record))
            {
                probe.observe_topic(&record.topic);
            }
            match (subscribed, draining) {
                (true, false) => tail.take_until_stopped(&mut record),
                (true, true) => tail.take(&mut record),
                (false, false) if tail.stop.requested() => Ok(ControlFlow::Break(())),
                (false, _) => Ok(ControlFlow::Continue(())),
            }
        })
    }

    /// Delivers the records on their way to the handlers: makes publishers stop, and takes in
    /// what they have sent, for at most `linger`.
    fn drain(&mut self, tail: &mut Tail, linger: Duration) -> Result<()> {
        let started = Instant::now();
        let mut drain = Drain::new(&self.source.subscriber().endpoint_status(), started, linger);
        loop {
            let now = Instant::now();
            if tail.output.is_full() {
                return Ok(());
            }
            if now >= started + linger {
                return self.count_late(tail, drain, now + COUNT_TIME);
            }
            // Asked first: what the system had received from a publisher that is gone has
            // arrived by then.
            let gone = socket::connected_peers(&self.source.subscriber().endpoint_status()) == 0;
            let came = self.poll_source(tail, DRAIN_POLL, true)? == PollStatus::Delivered;
            let now = Instant::now();
            if drain.is_done(now, came) || (gone && !came) {
                return Ok(());
            }
            let subscriber = self.source.subscriber();
            if let Some(request) = drain.next_request(now, || subscriber.is_caught_up()) {
                subscriber.request(request);
            }
        }
    }

    /// Counts the messages that come too late for the handlers, until `until` at the latest.
    fn count_late(&mut self, tail: &mut Tail, mut drain: Drain, until: Instant) -> Result<()> {
        let subscriber = self.source.subscriber();
        subscriber.request(PublisherRequest::Stop);
        drain.stop_requested();
        loop {
            let mut count = 0;
            subscriber.recv(DRAIN_POLL, &mut |_, _| {
                count += 1;
                Ok(ControlFlow::Continue(()))
            })?;
            tail.late.messages += count;
            let now = Instant::now();
            if drain.is_done(now, count > 0) {
                return Ok(());
            }
            if now >= until {
                tail.late.and_more = true;
                return Ok(());
            }
        }
    }

    /// Reports connection events.
    fn report_events(&mut self, now: Instant) {
        // Taken even with --quiet: nothing else empties the queue.
        for event in self.source.subscriber().events() {
            if let Some(connection_log) = &mut self.connection_log {
                connection_log.print(&event);
            }
            if let Some(no_peer) = &mut self.no_peer {
                no_peer.observe(&event);
            }
            let reasons = self.disconnect_reasons.as_mut();
            if let Some(reason) = reasons.and_then(|reasons| reasons.observe(&event, now)) {
                terminal::eprint_line(format_args!("zlog tail: {reason}"));
            }
        }
    }

    fn report_no_peer(&mut self, now: Instant) {
        let Some(no_peer) = &mut self.no_peer else { return };
        let subscriber = self.source.subscriber();
        for finding in no_peer.check(now, || subscriber.endpoint_status()) {
            terminal::eprint_line(format_args!("zlog tail: {}", escape(&finding.to_string())));
        }
    }

    fn report_no_output(&mut self, tail: &Tail, now: Instant) {
        let all_topics = self.all_topics();
        if tail.output.passed > 0
            && self.no_output.take().is_some_and(|no_output| no_output.is_probing())
            && !all_topics
        {
            self.source.subscriber().unsubscribe(b"");
        }
        let Some(no_output) = &mut self.no_output else { return };
        let subscriber = self.source.subscriber();
        let connected = || subscriber.endpoint_status().iter().any(|endpoint| endpoint.peers > 0);
        // Unless everything is subscribed to, the names of similar topics say more.
        let excluded = if all_topics { tail.output.excluded } else { 0 };
        let (action, finding) = no_output.check(now, connected, tail.output.filtered + excluded);
        match action {
            Action::SubscribeAll if !all_topics => subscriber.subscribe(b""),
            Action::UnsubscribeAll if !all_topics => subscriber.unsubscribe(b""),
            _ => {}
        }
        if let Some(finding) = finding {
            terminal::eprint_line(format_args!("zlog tail: {}", escape(&finding.to_string())));
        }
    }
}

impl Input for Live {
    fn poll(&mut self, tail: &mut Tail, wait: Duration) -> Result<PollStatus> {
        self.poll_source(tail, wait, false)
    }

    fn on_timer(&mut self, tail: &Tail, now: Instant) {
        self.report_events(now);
        self.report_no_peer(now);
        self.report_no_output(tail, now);
    }

    fn busy_clock(&self) -> Instant {
        Instant::now()
    }

    fn finish(&mut self, tail: &mut Tail, ended: Ended) -> Result<Ended> {
        if let (Ended::Stopped | Ended::TimedOut, Some(linger)) = (ended, self.linger) {
            self.drain(tail, linger)?;
        }
        Ok(ended)
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
    let [endpoint] = endpoints else {
        return Err(Error::usage("--last asks one relay, and there are several endpoints")
            .hint("Give one endpoint, or the relay's query endpoint: --ask ENDPOINT."));
    };
    let query = (endpoint.role() == Role::Connect).then(|| endpoint.query_endpoint()).flatten();
    query.ok_or_else(|| {
        Error::usage(format!("{endpoint} has no query endpoint for earlier records"))
            .hint("Name the relay's: --ask ENDPOINT.")
    })
}
