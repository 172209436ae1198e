//! A tail of a subscription: as long as it is wanted, whatever comes and goes.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::super::connection_log::ConnectionLog;
use super::super::disconnect_reason::DisconnectReasons;
use super::backlog::{self, Deduplicator, StoredMessage};
use super::no_output::{Action, NoOutputMonitor};
use super::no_peer::NoPeerMonitor;
use super::output::{Destination, TailOutput};
use super::{Ended, TICK, Tail, reopen_on_hangup};
use crate::cli::TailArgs;
use zlog_core::error::Result;
use zlog_core::record::Record;
use zlog_core::text::escape;
use zlog_core::wire;
use zlog_pipeline::os::signal::Hangup;
use zlog_pipeline::os::terminal;
use zlog_pipeline::socket::{self, Drain, PublisherRequest, Role, SocketOptions, Subscriber};
use zlog_pipeline::source::subscribe::Subscribe;
use zlog_pipeline::source::{PollStatus, Source};

/// How long one look for what is left may wait.
const DRAIN_POLL: Duration = Duration::from_millis(20);
/// How long what comes too late for the handlers is counted.
const COUNT_TIME: Duration = Duration::from_millis(500);

/// Shows what comes until enough has come or somebody asks to stop.
pub(super) fn run(args: &TailArgs, tail: &mut Tail) -> Result<Ended> {
    let mut live = Live::open(args, tail)?;
    let mut last_timer = Instant::now();
    loop {
        let now = Instant::now();
        if let Some(ended) = tail.ended(now) {
            if matches!(ended, Ended::Stopped | Ended::TimedOut) && args.has_handlers() {
                live.drain(args, tail)?;
            }
            return Ok(ended);
        }
        // Without waiting first: only when nothing is at hand is it time to flush.
        let mut progress = live.poll(tail, Duration::ZERO, PollUntil::Stopped)?;
        // A busy stream of which little is shown has no pause, and its reader waits too.
        if progress == PollStatus::Idle || now >= last_timer + TICK {
            tail.output.flush()?;
            tail.on_timer(now);
            live.on_timer(tail, now);
            last_timer = now;
        }
        if progress == PollStatus::Idle {
            if tail.output.is_closed() {
                return Ok(Ended::Done);
            }
            progress = live.poll(tail, tail.wait(now), PollUntil::Stopped)?;
        }
        tail.output.release_reordered(Instant::now(), false)?;
        tail.output.report(now, false);
        if progress == PollStatus::Ended {
            return Ok(Ended::Done);
        }
    }
}

/// How long what is at hand is delivered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum PollUntil {
    /// Until somebody asks to stop.
    Stopped,
    /// Until nothing is left.
    Empty,
}

struct Live {
    source: Subscribe,
    /// Unless --quiet.
    no_peer: Option<NoPeerMonitor>,
    /// Unless --quiet.
    disconnect_reasons: Option<DisconnectReasons>,
    /// Until the first record is shown, unless --quiet.
    no_output: Option<NoOutputMonitor>,
    /// With --verbose.
    connection_log: Option<ConnectionLog>,
    /// What is subscribed to for the whole time. Other topics come only while a
    /// probe for other topics runs.
    prefixes: Vec<Vec<u8>>,
    /// With --last: what was shown already and may come again.
    duplicates: Deduplicator,
}

impl Live {
    fn open(args: &TailArgs, tail: &mut Tail) -> Result<Live> {
        let mut options = SocketOptions::subscriber();
        options.hwm = args.hwm;
        options.max_message = args.max_message as u64;
        let endpoints = super::super::endpoints(&args.endpoints, Role::Connect)?;
        let prefixes = tail.output.subscriptions(args.level);
        let ask = args
            .last
            .map(|n| backlog::query_endpoint(args, &endpoints).map(|to| (n, to)))
            .transpose()?;
        // Who asks for what went before subscribes only when the relay is ready for it.
        let at_once = if ask.is_some() { &[] } else { &*prefixes };
        let mut subscriber = Subscriber::open(&endpoints, at_once, &options)?;
        if tail.hangup.is_some() {
            subscriber.wake_by(Hangup::wakeups()?);
        }
        super::super::print_bound("tail", subscriber.bound());
        let mut duplicates = Deduplicator::default();
        if let Some((n, at)) = ask {
            let recent = backlog::fetch(n, &at, &prefixes, &mut subscriber, &tail.stop)?;
            show_backlog(&recent.messages, tail)?;
            duplicates = recent.duplicates;
        }
        let wanted = args.topics.iter().chain(&args.root).cloned().collect();
        Ok(Live {
            source: Subscribe::new(subscriber),
            no_peer: (!args.quiet).then(|| NoPeerMonitor::new(Instant::now())),
            disconnect_reasons: (!args.quiet).then(|| DisconnectReasons::new(args.max_message)),
            no_output: (!args.quiet).then(|| NoOutputMonitor::new(wanted, Instant::now())),
            connection_log: args.verbose.then(|| ConnectionLog::new("tail")),
            prefixes,
            duplicates,
        })
    }

    /// Whether everything is subscribed to, so that listening to all topics changes nothing.
    fn all_topics(&self) -> bool {
        self.prefixes.iter().any(Vec::is_empty)
    }

    /// Delivers what is on its way when somebody asks to stop: a handler is to have it.
    /// Publishers are made to stop, and what they have sent is taken in within --linger.
    fn drain(&mut self, args: &TailArgs, tail: &mut Tail) -> Result<()> {
        let (started, linger) = (Instant::now(), args.linger.0);
        let mut drain = Drain::new(&self.source.subscriber().endpoint_status(), started, linger);
        loop {
            let now = Instant::now();
            if tail.output.is_full() {
                return Ok(());
            }
            if now >= started + linger {
                return self.count_undelivered(tail, drain, now + COUNT_TIME);
            }
            // Asked first: what the system had received of a publisher that is gone has
            // come by then.
            let gone = socket::connected_peers(&self.source.subscriber().endpoint_status()) == 0;
            let came = self.poll(tail, DRAIN_POLL, PollUntil::Empty)? == PollStatus::Delivered;
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

    /// Counts what comes too late for the handlers, until then at the latest.
    fn count_undelivered(
        &mut self,
        tail: &mut Tail,
        mut drain: Drain,
        until: Instant,
    ) -> Result<()> {
        self.source.subscriber().request(PublisherRequest::Stop);
        drain.stop_requested();
        loop {
            let mut count = 0;
            self.source.poll_raw(DRAIN_POLL, &mut |_, _| {
                count += 1;
                Ok(ControlFlow::Continue(()))
            })?;
            tail.undelivered.messages += count;
            let now = Instant::now();
            if drain.is_done(now, count > 0) {
                return Ok(());
            }
            if now >= until {
                tail.undelivered.and_more = true;
                return Ok(());
            }
        }
    }

    /// Delivers what is at hand to the view.
    fn poll(&mut self, tail: &mut Tail, wait: Duration, until: PollUntil) -> Result<PollStatus> {
        let Live { source, no_output, prefixes, duplicates, .. } = self;
        let Tail { output, stop, hangup, .. } = tail;
        let mut probing = no_output.as_mut().filter(|no_output| no_output.is_probing());
        // What was not subscribed to is not for the view: it would follow sequence
        // numbers of topics that come and go, and report holes that are none.
        let mut subscribed = |output: &mut TailOutput, record: &Record<'_>| {
            reopen_on_hangup(hangup.as_ref(), output);
            let topic = record.topic.as_bytes();
            let subscribed = prefixes.iter().any(|prefix| topic.starts_with(prefix));
            if let Some(no_output) = &mut probing
                && !(subscribed && output.accepts_topic(record))
            {
                no_output.observe_topic(&record.topic);
            }
            subscribed
        };
        let flow = |flow| {
            if until == PollUntil::Stopped && stop.requested() {
                ControlFlow::Break(())
            } else {
                flow
            }
        };
        if matches!(output.destination, Destination::Raw(_)) || !duplicates.is_done() {
            return source.poll_raw(wait, &mut |frames, received| {
                let (mut record, _) = wire::decode(frames, received);
                if !subscribed(output, &record) || duplicates.is_duplicate(frames) {
                    return Ok(flow(ControlFlow::Continue(())));
                }
                output.take_message(frames, &mut record).map(flow)
            });
        }
        source.poll(wait, &mut |record| match subscribed(output, record) {
            true => output.take(record).map(flow),
            false => Ok(flow(ControlFlow::Continue(()))),
        })
    }

    /// What there is time for now and then: connections, and silence.
    fn on_timer(&mut self, tail: &Tail, now: Instant) {
        // Taken out in any case: nobody else empties the queue.
        for event in self.source.subscriber().events() {
            if let Some(connection_log) = &mut self.connection_log {
                connection_log.print(&event);
            }
            if let Some(no_peer) = &mut self.no_peer {
                no_peer.observe(&event);
            }
            let cut =
                self.disconnect_reasons.as_mut().and_then(|reasons| reasons.observe(&event, now));
            if let Some(cut) = cut {
                terminal::eprint_line(format_args!("zlog tail: {cut}"));
            }
        }
        self.report_no_peer(now);
        if tail.output.shown > 0
            && self.no_output.take().is_some_and(|no_output| no_output.is_probing())
            && !self.all_topics()
        {
            self.source.subscriber().unsubscribe(b"");
        }
        self.explain_no_output(tail, now);
    }

    fn report_no_peer(&mut self, now: Instant) {
        let Some(no_peer) = &mut self.no_peer else { return };
        let subscriber = self.source.subscriber();
        for finding in no_peer.check(now, || subscriber.endpoint_status()) {
            terminal::eprint_line(format_args!(
                "zlog tail: {}",
                escape::escape(&finding.to_string())
            ));
        }
    }

    fn explain_no_output(&mut self, tail: &Tail, now: Instant) {
        let all_topics = self.all_topics();
        let Some(no_output) = &mut self.no_output else { return };
        let subscriber = self.source.subscriber();
        let connected = || subscriber.endpoint_status().iter().any(|link| link.peers > 0);
        // Where other topics are not listened to anyway, the nearest of them say more.
        let excluded = if all_topics { tail.output.excluded } else { 0 };
        let (action, finding) = no_output.check(now, connected, tail.output.filtered + excluded);
        match action {
            Action::SubscribeAll if !all_topics => subscriber.subscribe(b""),
            Action::UnsubscribeAll if !all_topics => subscriber.unsubscribe(b""),
            _ => {}
        }
        if let Some(finding) = finding {
            terminal::eprint_line(format_args!(
                "zlog tail: {}",
                escape::escape(&finding.to_string())
            ));
        }
    }
}

/// Shows what came before.
fn show_backlog(messages: &[StoredMessage], tail: &mut Tail) -> Result<()> {
    for message in messages {
        let frames: Vec<&[u8]> = message.frames.iter().map(Vec::as_slice).collect();
        let (mut record, _) = wire::decode(&frames, message.received);
        if tail.output.take_message(&frames, &mut record)?.is_break() {
            break;
        }
    }
    tail.output.flush()
}
