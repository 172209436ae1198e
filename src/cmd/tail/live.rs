//! A tail of a subscription: as long as it is wanted, whatever comes and goes.

use std::time::Instant;

use super::silence::{Peer, Silence, Step};
use super::view::Out;
use super::{Ended, Tail};
use crate::cli::TailArgs;
use crate::error::Result;
use crate::record::Record;
use crate::socket::{LinkState, LinkStatus, Role, SocketOptions, Subscriber};
use crate::source::subscribe::Subscribe;
use crate::source::{Flow, Progress, Source};
use crate::term;
use crate::wire;

/// Shows what comes until enough has come or somebody asks to stop.
pub(super) fn run(args: &TailArgs, tail: &mut Tail) -> Result<Ended> {
    let mut live = Live::open(args, tail)?;
    loop {
        let now = Instant::now();
        if let Some(ended) = tail.ended(now) {
            return Ok(ended);
        }
        // Without waiting first: only when nothing is at hand is it time to flush.
        let mut progress = live.poll(tail, std::time::Duration::ZERO)?;
        if progress == Progress::Idle {
            tail.view.flush()?;
            live.tend(tail, now);
            progress = live.poll(tail, tail.wait(now))?;
        }
        tail.view.release(Instant::now(), false)?;
        tail.view.report(now, false);
        if progress == Progress::Ended {
            return Ok(Ended::Done);
        }
    }
}

struct Live {
    source: Subscribe,
    /// Until the first record is shown.
    silence: Option<Silence>,
    verbose: bool,
    /// Everything is subscribed to already: listening to all topics changes nothing.
    all_topics: bool,
}

impl Live {
    fn open(args: &TailArgs, tail: &Tail) -> Result<Live> {
        let mut options = SocketOptions::subscriber();
        if let Some(hwm) = args.hwm {
            options.hwm = hwm;
        }
        options.max_message = args.max_message as u64;
        let endpoints = super::super::endpoints(&args.endpoints, Role::Connect)?;
        let topics = tail.view.topics.subscriptions(args.level);
        let subscriber = Subscriber::open(&endpoints, &topics, &options)?;
        super::super::say_bound("tail", subscriber.bound());
        let wanted = args.topics.iter().chain(&args.root).cloned().collect();
        Ok(Live {
            source: Subscribe::new(subscriber),
            silence: (!args.quiet).then(|| Silence::new(wanted, Instant::now())),
            verbose: args.verbose,
            all_topics: topics.iter().any(Vec::is_empty),
        })
    }

    /// Delivers what is at hand to the view.
    fn poll(&mut self, tail: &mut Tail, wait: std::time::Duration) -> Result<Progress> {
        let Live { source, silence, .. } = self;
        let stop = &tail.stop;
        let view = &mut tail.view;
        let mut listen = silence.as_mut().filter(|silence| silence.listening());
        let mut notice = |record: &Record<'_>| {
            if let Some(silence) = &mut listen {
                silence.saw(&record.topic);
            }
        };
        let flow = |flow| if stop.requested() { Flow::Enough } else { flow };
        if matches!(view.out, Out::Raw { .. }) {
            return source.poll_raw(wait, &mut |frames, received| {
                let (record, _) = wire::decode(frames, received);
                notice(&record);
                view.take_raw(frames, &record).map(flow)
            });
        }
        source.poll(wait, &mut |record| {
            notice(&record);
            view.take(record).map(flow)
        })
    }

    /// What there is time for when nothing comes: connections, and silence.
    fn tend(&mut self, tail: &Tail, now: Instant) {
        let subscriber = self.source.subscriber();
        let events: Vec<String> = subscriber.events().map(|event| event.to_string()).collect();
        if self.verbose {
            for event in events {
                term::tell(format_args!("zlog tail: {}", term::visible(&event)));
            }
        }
        if tail.view.shown > 0 && self.silence.take().is_some_and(|silence| silence.listening()) {
            subscriber.unsubscribe(b"");
        }
        self.explain_silence(tail, now);
    }

    fn explain_silence(&mut self, tail: &Tail, now: Instant) {
        let Some(silence) = &mut self.silence else { return };
        let subscriber = self.source.subscriber();
        let peers = || subscriber.links().into_iter().map(peer).collect();
        let (step, finding) = silence.look(now, peers, tail.view.filtered);
        match step {
            Step::Listen if !self.all_topics => subscriber.subscribe(b""),
            Step::StopListening if !self.all_topics => subscriber.unsubscribe(b""),
            _ => {}
        }
        if let Some(finding) = finding {
            term::tell(format_args!("zlog tail: {}", term::visible(&finding.to_string())));
        }
    }
}

fn peer(link: LinkStatus) -> Peer {
    match (link.state, link.role) {
        _ if link.peers > 0 => Peer::Connected,
        (LinkState::Connected, _) => Peer::Connected,
        (LinkState::HandshakeRefused(reason), _) => Peer::Refused(link.endpoint, reason),
        (_, Role::Bind) => Peer::Alone(link.endpoint),
        (_, Role::Connect) => match link.unresolved {
            Some(reason) => Peer::Unknown(link.endpoint, reason),
            None => Peer::Away(link.endpoint),
        },
    }
}
