//! A tail of a subscription: as long as it is wanted, whatever comes and goes.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::super::cutoff::CutOff;
use super::absence::Absence;
use super::last::{self, Earlier, Overlap};
use super::silence::{Silence, Step};
use super::view::{Out, View};
use super::{Ended, TICK, Tail, heed};
use crate::cli::TailArgs;
use zlog_core::error::Result;
use zlog_core::record::Record;
use zlog_core::text::escape;
use zlog_core::wire;
use zlog_pipeline::os::signal::Hangup;
use zlog_pipeline::os::terminal;
use zlog_pipeline::socket::{
    self, ConnectionEvent, Drain, EventKind, PublisherRequest, Role, SocketOptions, Subscriber,
};
use zlog_pipeline::source::subscribe::Subscribe;
use zlog_pipeline::source::{Flow, Progress, Source};

/// How long one look for what is left may wait.
const SLICE: Duration = Duration::from_millis(20);
/// How long what comes too late for the handlers is counted.
const COUNTING: Duration = Duration::from_millis(500);

/// Shows what comes until enough has come or somebody asks to stop.
pub(super) fn run(args: &TailArgs, tail: &mut Tail) -> Result<Ended> {
    let mut live = Live::open(args, tail)?;
    let mut tended = Instant::now();
    loop {
        let now = Instant::now();
        if let Some(ended) = tail.ended(now) {
            if matches!(ended, Ended::Stopped | Ended::TimedOut) && args.has_handlers() {
                live.rest(args, tail)?;
            }
            return Ok(ended);
        }
        // Without waiting first: only when nothing is at hand is it time to flush.
        let mut progress = live.poll(tail, Duration::ZERO, Until::Stopped)?;
        // A busy stream of which little is shown has no pause, and its reader waits too.
        if progress == Progress::Idle || now >= tended + TICK {
            tail.view.flush()?;
            tail.tend(now);
            live.tend(tail, now);
            tended = now;
        }
        if progress == Progress::Idle {
            if tail.view.is_closed() {
                return Ok(Ended::Done);
            }
            progress = live.poll(tail, tail.wait(now), Until::Stopped)?;
        }
        tail.view.release(Instant::now(), false)?;
        tail.view.report(now, false);
        if progress == Progress::Ended {
            return Ok(Ended::Done);
        }
    }
}

/// How long what is at hand is delivered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    /// Until somebody asks to stop.
    Stopped,
    /// Until nothing is left.
    Empty,
}

struct Live {
    source: Subscribe,
    /// Unless --quiet.
    absence: Option<Absence>,
    /// Unless --quiet.
    cutoff: Option<CutOff>,
    /// Until the first record is shown, unless --quiet.
    silence: Option<Silence>,
    /// With --verbose.
    news: Option<News>,
    /// What is subscribed to for the whole time. Other topics come only while a
    /// silence is looked into.
    prefixes: Vec<Vec<u8>>,
    /// With --last: what was shown already and may come again.
    overlap: Overlap,
}

impl Live {
    fn open(args: &TailArgs, tail: &mut Tail) -> Result<Live> {
        let mut options = SocketOptions::subscriber();
        options.hwm = args.hwm;
        options.max_message = args.max_message as u64;
        let endpoints = super::super::endpoints(&args.endpoints, Role::Connect)?;
        let prefixes = tail.view.subscriptions(args.level);
        let ask = args
            .last
            .map(|n| last::where_to_ask(args, &endpoints).map(|to| (n, to)))
            .transpose()?;
        // Who asks for what went before subscribes only when the relay is ready for it.
        let at_once = if ask.is_some() { &[] } else { &*prefixes };
        let mut subscriber = Subscriber::open(&endpoints, at_once, &options)?;
        if tail.hangup.is_some() {
            subscriber.wake_by(Hangup::wakeups()?);
        }
        super::super::say_bound("tail", subscriber.bound());
        let mut overlap = Overlap::default();
        if let Some((n, at)) = ask {
            let recent = last::ask(n, &at, &prefixes, &mut subscriber, &tail.stop)?;
            show_earlier(&recent.messages, tail)?;
            overlap = recent.overlap;
        }
        let wanted = args.topics.iter().chain(&args.root).cloned().collect();
        Ok(Live {
            source: Subscribe::new(subscriber),
            absence: (!args.quiet).then(|| Absence::new(Instant::now())),
            cutoff: (!args.quiet).then(|| CutOff::new(args.max_message)),
            silence: (!args.quiet).then(|| Silence::new(wanted, Instant::now())),
            news: args.verbose.then(News::default),
            prefixes,
            overlap,
        })
    }

    /// Whether everything is subscribed to, so that listening to all topics changes nothing.
    fn all_topics(&self) -> bool {
        self.prefixes.iter().any(Vec::is_empty)
    }

    /// Delivers what is on its way when somebody asks to stop: a handler is to have it.
    /// Publishers are made to stop, and what they have sent is taken in within --linger.
    fn rest(&mut self, args: &TailArgs, tail: &mut Tail) -> Result<()> {
        let (begun, linger) = (Instant::now(), args.linger.0);
        let mut drain = Drain::new(&self.source.subscriber().endpoint_status(), begun, linger);
        loop {
            let now = Instant::now();
            if tail.view.full() {
                return Ok(());
            }
            if now >= begun + linger {
                return self.count_rest(tail, drain, now + COUNTING);
            }
            // Asked first: what the system had received of a publisher that is gone has
            // come by then.
            let gone = socket::connected_peers(&self.source.subscriber().endpoint_status()) == 0;
            let came = self.poll(tail, SLICE, Until::Empty)? == Progress::Delivered;
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
    fn count_rest(&mut self, tail: &mut Tail, mut drain: Drain, until: Instant) -> Result<()> {
        self.source.subscriber().request(PublisherRequest::Stop);
        drain.stop_requested();
        loop {
            let mut count = 0;
            self.source.poll_raw(SLICE, &mut |_, _| {
                count += 1;
                Ok(Flow::More)
            })?;
            tail.too_late.messages += count;
            let now = Instant::now();
            if drain.is_done(now, count > 0) {
                return Ok(());
            }
            if now >= until {
                tail.too_late.and_more = true;
                return Ok(());
            }
        }
    }

    /// Delivers what is at hand to the view.
    fn poll(&mut self, tail: &mut Tail, wait: Duration, until: Until) -> Result<Progress> {
        let Live { source, silence, prefixes, overlap, .. } = self;
        let Tail { view, stop, hangup, .. } = tail;
        let mut listen = silence.as_mut().filter(|silence| silence.listening());
        // What was not subscribed to is not for the view: it would follow sequence
        // numbers of topics that come and go, and report holes that are none.
        let mut subscribed = |view: &mut View, record: &Record<'_>| {
            heed(hangup.as_ref(), view);
            let topic = record.topic.as_bytes();
            let subscribed = prefixes.iter().any(|prefix| topic.starts_with(prefix));
            if let Some(silence) = &mut listen
                && !(subscribed && view.wants_topic(record))
            {
                silence.saw(&record.topic);
            }
            subscribed
        };
        let flow = |flow| {
            if until == Until::Stopped && stop.requested() { Flow::Enough } else { flow }
        };
        if matches!(view.out, Out::Raw(_)) || !overlap.is_over() {
            return source.poll_raw(wait, &mut |frames, received| {
                let (record, _) = wire::decode(frames, received);
                if !subscribed(view, &record) || overlap.repeats(frames) {
                    return Ok(flow(Flow::More));
                }
                view.take_message(frames, record).map(flow)
            });
        }
        source.poll(wait, &mut |record| match subscribed(view, &record) {
            true => view.take(record).map(flow),
            false => Ok(flow(Flow::More)),
        })
    }

    /// What there is time for now and then: connections, and silence.
    fn tend(&mut self, tail: &Tail, now: Instant) {
        // Taken out in any case: nobody else empties the queue.
        for event in self.source.subscriber().events() {
            if let Some(news) = &mut self.news {
                news.tell(&event);
            }
            if let Some(absence) = &mut self.absence {
                absence.note(&event);
            }
            let cut = self.cutoff.as_mut().and_then(|cutoff| cutoff.note(&event, now));
            if let Some(cut) = cut {
                terminal::eprint_line(format_args!("zlog tail: {cut}"));
            }
        }
        self.tell_absence(now);
        if tail.view.shown > 0
            && self.silence.take().is_some_and(|silence| silence.listening())
            && !self.all_topics()
        {
            self.source.subscriber().unsubscribe(b"");
        }
        self.explain_silence(tail, now);
    }

    fn tell_absence(&mut self, now: Instant) {
        let Some(absence) = &mut self.absence else { return };
        let subscriber = self.source.subscriber();
        for finding in absence.look(now, || subscriber.endpoint_status()) {
            terminal::eprint_line(format_args!(
                "zlog tail: {}",
                escape::escape(&finding.to_string())
            ));
        }
    }

    fn explain_silence(&mut self, tail: &Tail, now: Instant) {
        let all_topics = self.all_topics();
        let Some(silence) = &mut self.silence else { return };
        let subscriber = self.source.subscriber();
        let connected = || subscriber.endpoint_status().iter().any(|link| link.peers > 0);
        // Where other topics are not listened to anyway, the nearest of them say more.
        let unwanted = if all_topics { tail.view.unwanted } else { 0 };
        let (step, finding) = silence.look(now, connected, tail.view.filtered + unwanted);
        match step {
            Step::Listen if !all_topics => subscriber.subscribe(b""),
            Step::StopListening if !all_topics => subscriber.unsubscribe(b""),
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
fn show_earlier(messages: &[Earlier], tail: &mut Tail) -> Result<()> {
    for message in messages {
        let frames: Vec<&[u8]> = message.frames.iter().map(Vec::as_slice).collect();
        let (record, _) = wire::decode(&frames, message.received);
        if tail.view.take_message(&frames, record)? == Flow::Enough {
            break;
        }
    }
    tail.view.flush()
}

/// Tells of connections. A peer that is away or refuses is tried again and again,
/// which is told once, until it changes.
#[derive(Default)]
struct News {
    told: HashSet<String>,
}

impl News {
    fn tell(&mut self, event: &ConnectionEvent) {
        if matches!(event.kind, EventKind::Connected | EventKind::Disconnected) {
            self.told.clear();
        }
        let text = event.to_string();
        if !self.told.contains(&text) {
            terminal::eprint_line(format_args!("zlog tail: {}", escape::escape(&text)));
            self.told.insert(text);
        }
    }
}
