//! `zlog relay`: collects from many, publishes to many.
//!
//! One thread moves messages, passes subscriptions upstream, keeps the last messages
//! and answers questions; it waits for all of that in one place, and for nothing
//! else. Sources of the relay's own (`input`) have threads of their own, and publish
//! to it as any other publisher does.

mod input;
mod inquiries;
mod news;
mod outlets;
mod plan;
mod rates;
mod reply;
mod sides;
mod status;
mod summary;
mod table;

use std::time::{Duration, Instant};

use self::input::Inputs;
use self::inquiries::Inquiries;
use self::news::News;
use self::outlets::Outlets;
use self::plan::Plan;
use self::rates::Rates;
use self::sides::{collect_on, open_desk, publish_on};
use self::summary::Summary;
use super::disconnect_reason::DisconnectReasons;
use crate::cli::{RelayArgs, RelayOnFull};
use zlog_core::error::{Exit, Result};
use zlog_core::history::{History, Limits};
use zlog_core::text::escape;
use zlog_pipeline::os::clock;
use zlog_pipeline::os::signal::{Hangup, Stop};
use zlog_pipeline::os::terminal;
use zlog_pipeline::router;
use zlog_pipeline::socket::{
    self, Ask, Closing, Desk, Forwarded, Proxy, ProxyOptions, SocketOptions, connected_peers,
};

/// Messages sent on before anything else is looked at.
const BURST: usize = 1000;
/// How often a stream without a pause is interrupted for everything else. Each look costs
/// a few calls of the system.
const CHORES: Duration = Duration::from_millis(5);
/// Longest wait without a look at signals, which may have come to another thread.
const TICK: Duration = Duration::from_millis(100);
/// Longest that a message waits for room before subscriptions are looked at.
const SLICE: Duration = Duration::from_millis(20);
/// How long the end goes on giving to handlers what subscribers can't have any more, and
/// counting it.
const COUNTING: Duration = Duration::from_millis(500);
/// Between two looks at the clock meanwhile: a handler may wait for the disk each time.
const A_FEW: u64 = 100;

/// Collects and publishes until somebody asks to stop.
///
/// # Errors
/// A configuration that is wrong, endpoints that can't be used, sources that can't be
/// read.
pub fn run(args: RelayArgs) -> Result<Exit> {
    if let Some(endpoint) = &args.status {
        return status::show(&args, endpoint.as_deref());
    }
    let check = args.check;
    let plan = Plan::new(args)?;
    if check {
        return plan.report();
    }
    let mut relay = Relay::open(plan)?;
    let ran = relay.run();
    // Also when the run failed: what has come by then must not be lost with it.
    let exit = relay.finish();
    ran.map(|()| exit)
}

struct Relay {
    plan: Plan,
    proxy: Proxy,
    inquiries: Option<Inquiries>,
    keep: Option<History>,
    outlets: Outlets,
    inputs: Inputs,
    rates: Rates,
    news: Option<News>,
    /// Unless --quiet.
    disconnect_reasons: Option<DisconnectReasons>,
    stop: Stop,
    hangup: Hangup,
    /// When the handlers are due again.
    due: Instant,
    /// Whether there is more to do than to send messages on, and when that was last done.
    chores: bool,
    looked: Instant,
    begun: Instant,
    /// Publishers were still sending at the end.
    uncounted: bool,
}

impl Relay {
    fn open(plan: Plan) -> Result<Relay> {
        let args = &plan.args;
        let stop = Stop::install()?;
        let hangup = Hangup::install(&stop)?;
        let begun = Instant::now();
        let publish_on = publish_on(args)?;
        let mut proxy = Proxy::open(&collect_on(args)?, &publish_on, &options(args))?;
        let desk = open_desk(args, &proxy, &publish_on)?;
        say_bound(&proxy, desk.as_ref());
        let keep = args.keep.map(|per_topic| {
            proxy.want(b"");
            let per_topic = usize::try_from(per_topic).unwrap_or(usize::MAX);
            History::new(Limits { per_topic, bytes: args.keep_bytes })
        });
        // Before the sources: what they give first is for the handlers, too.
        let outlets = Outlets::open(plan.spec.clone(), &stop, args.linger.0, &mut proxy)?;
        let inputs = Inputs::open(args, &mut proxy, &stop)?;
        Ok(Relay {
            inquiries: desk.map(Inquiries::new),
            keep,
            outlets,
            rates: Rates::new(begun, &proxy, &inputs, args.report.map(|every| every.0)),
            inputs,
            news: args.verbose.then(News::default),
            disconnect_reasons: (!args.quiet).then(|| DisconnectReasons::new(args.max_message)),
            proxy,
            stop,
            hangup,
            due: begun,
            chores: true,
            looked: begun,
            begun,
            uncounted: false,
            plan,
        })
    }

    /// Runs until it is asked to stop.
    fn run(&mut self) -> Result<()> {
        while !self.stop.requested() {
            if self.hangup.take() {
                self.reload();
            }
            if self.step()? == Forwarded::All {
                self.outlets.flush();
                let wait = self.due.saturating_duration_since(Instant::now());
                // That an asker has made room for more of its answer can't be waited for.
                let answering = self.inquiries.as_ref().is_some_and(Inquiries::answering);
                let most = if answering { CHORES } else { TICK };
                let desk = self.inquiries.as_ref().map(Inquiries::desk);
                self.chores = socket::wait(&self.proxy, desk, wait.min(most));
            }
        }
        Ok(())
    }

    /// SIGHUP: reads the configuration again, and opens files anew, as after a log
    /// rotation. With anything wrong, all goes on as it was.
    fn reload(&mut self) {
        if let Some(again) = self.plan.again().transpose() {
            let done = again.and_then(|plan| {
                self.outlets.reconfigure(plan.spec.clone(), &mut self.proxy)?;
                Ok(plan)
            });
            match done {
                Ok(plan) => self.plan.change_to(plan),
                Err(error) => {
                    terminal::tell(format_args!("zlog relay: {error}"));
                    terminal::tell("zlog relay: it goes on with the configuration it has");
                }
            }
        }
        self.outlets.reopen();
    }

    /// Sends on what has come, or a part of it; looks after everything else now and then.
    fn step(&mut self) -> Result<Forwarded> {
        let now = Instant::now();
        if self.expecting() || self.chores || now >= self.looked + CHORES {
            (self.chores, self.looked) = (false, now);
            self.look_around(now);
        }
        // Asked again: who has just been told to subscribe may do so at once.
        let most = if self.expecting() { 1 } else { BURST };
        let Relay { proxy, keep, outlets, .. } = self;
        if keep.is_none() && !outlets.any() {
            return proxy.forward(most, None);
        }
        let received = clock::now();
        let mut look = |frames: &[&[u8]]| {
            if let Some(keep) = keep {
                keep.push(frames, received);
            }
            outlets.take(frames, received);
            Ok(())
        };
        proxy.forward(most, Some(&mut look))
    }

    /// Whether somebody subscribes just now, and each message counts: see `wire::ask`.
    fn expecting(&self) -> bool {
        self.inquiries.as_ref().is_some_and(Inquiries::expecting)
    }

    /// Connections, subscriptions, questions, handlers.
    fn look_around(&mut self, now: Instant) {
        self.proxy.tend();
        self.tell();
        self.rates.tend(now, &self.proxy, &self.inputs);
        self.answer();
        self.tend_outlets(now);
    }

    /// Lets handlers do what is due. A busy stream has no pause in which to flush.
    fn tend_outlets(&mut self, now: Instant) {
        if now >= self.due {
            self.outlets.flush();
            let next = self.outlets.tend(now).unwrap_or(now + TICK);
            self.due = next.clamp(now + Duration::from_millis(1), now + TICK);
        }
    }

    fn answer(&mut self) {
        let Some(inquiries) = &mut self.inquiries else {
            self.proxy.marks().for_each(drop);
            return;
        };
        inquiries.take(&mut self.proxy, self.keep.as_mut());
        if inquiries.status_wanted() {
            let Relay { proxy, keep, outlets, inputs, rates, .. } = self;
            let status = status::of(proxy, keep.as_ref(), outlets, inputs, rates);
            inquiries.answer_status(status, self.begun.elapsed());
        }
    }

    fn tell(&mut self) {
        let now = Instant::now();
        if let Some(text) = self.proxy.report().filter(|_| !self.plan.args.quiet) {
            terminal::tell(format_args!("zlog relay: {}", escape::visible(&text)));
        }
        for event in self.proxy.events() {
            if let Some(news) = &mut self.news {
                news.tell(&event);
            }
            // --max-message is for what is collected.
            let disconnect_reasons = self.disconnect_reasons.as_mut();
            let disconnect_reasons =
                disconnect_reasons.filter(|_| self.plan.args.connect.contains(&event.endpoint));
            if let Some(cut) = disconnect_reasons.and_then(|reasons| reasons.observe(&event, now)) {
                terminal::tell(format_args!("zlog relay: {cut}"));
            }
        }
    }

    /// Makes publishers stop, and sends on what is on its way, until then at the latest.
    /// What finds no room by then goes to the handlers alone, and is counted.
    fn drain(&mut self, until: Instant) -> Result<()> {
        let begun = Instant::now();
        let within = until.saturating_duration_since(begun);
        let mut closing = Closing::new(&self.proxy.links().0, begun, within);
        loop {
            let now = Instant::now();
            if now >= until {
                return self.discard(closing, until + COUNTING);
            }
            // Asked first: what a source gave before its end has then come, and what the
            // system had received of a publisher that is gone.
            let ended = self.inputs.all_ended();
            let gone = connected_peers(&self.proxy.links().0) == 0;
            let before = self.proxy.counts().messages;
            let all = self.step()? == Forwarded::All;
            let came = self.proxy.counts().messages > before || !all;
            if ended && (closing.note(now, came) || (gone && !came)) {
                return Ok(());
            }
            // The relay's own sources would stop with the others.
            let caught_up = || all && !self.proxy.has_unread();
            if ended && let Some(ask) = closing.ask(now, caught_up) {
                self.proxy.ask(ask);
            }
            if !came {
                self.chores = socket::wait(&self.proxy, None, SLICE);
            }
        }
    }

    /// Gives what still comes to the handlers alone, and counts it, until then at the latest.
    fn discard(&mut self, mut closing: Closing, until: Instant) -> Result<()> {
        self.proxy.ask(Ask::Stop);
        closing.stop_asking();
        loop {
            let outlets = &mut self.outlets;
            let received = clock::now();
            let mut look = |frames: &[&[u8]]| {
                outlets.take(frames, received);
                Ok(())
            };
            let before = self.proxy.counts().dropped;
            self.proxy.discard(A_FEW, &mut look)?;
            let came = self.proxy.counts().dropped > before;
            let now = Instant::now();
            if closing.note(now, came) {
                return Ok(());
            }
            if now >= until {
                self.uncounted = true;
                return Ok(());
            }
            if !came {
                socket::wait(&self.proxy, None, SLICE);
                self.proxy.tend();
            }
        }
    }

    /// Sends on what has come, and says what became of everything.
    fn finish(mut self) -> Exit {
        let linger = self.plan.args.linger.0;
        let until = Instant::now() + linger;
        self.inputs.stop();
        let mut drained = self.drain(until);
        let in_time = self.inputs.all_ended();
        let given_up = self.inputs.join();
        if !in_time && drained.is_ok() {
            // What a source that was late has given since.
            let now = Instant::now();
            drained = self.discard(Closing::new(&[], now, COUNTING), now + COUNTING);
        }
        if let Err(error) = &drained {
            terminal::tell(format_args!("zlog relay: {error}"));
        }
        let Relay { plan, proxy, inquiries, outlets, inputs, uncounted, .. } = self;
        let mut counts = proxy.counts();
        counts.dropped += given_up;
        drop(inquiries);
        let left = until.saturating_duration_since(Instant::now());
        let flushed = proxy.close(left.max(SLICE));
        // A time of their own: a subscriber that takes nothing must not cost a file its end.
        let handlers = outlets.close(linger);
        let missing = router::report_losses("relay", &handlers, &router::stderr());
        inputs.print_remarks();
        let summary = Summary { counts, uncounted, flushed, took: self.begun.elapsed() };
        if !plan.args.quiet || summary.lost() {
            terminal::tell(format_args!("zlog relay: {summary}"));
        }
        let exit = match self.stop.exit() {
            _ if drained.is_err() => Exit::Failed,
            Some(signal) => signal,
            None if inputs.failed() => Exit::Failed,
            None => Exit::Done,
        };
        let lost = summary.lost()
            || missing > 0
            || inputs.iter().any(|input| input.listen_stats().lost() > 0);
        exit.or_expectation_failed(plan.args.fail_on_loss && lost)
    }
}

fn options(args: &RelayArgs) -> ProxyOptions {
    ProxyOptions {
        collect: SocketOptions {
            hwm: args.hwm,
            max_message: args.max_message as u64,
            ..SocketOptions::subscriber()
        },
        publish: SocketOptions { hwm: args.hwm, send_slice: SLICE, ..SocketOptions::publisher() },
        block: args.on_full == RelayOnFull::Block,
    }
}

fn say_bound(proxy: &Proxy, desk: Option<&Desk>) {
    let (collect, publish) = proxy.bound();
    for endpoint in collect {
        terminal::tell(format_args!("zlog relay: collecting, bound {endpoint}"));
    }
    for endpoint in publish {
        terminal::tell(format_args!("zlog relay: publishing, bound {endpoint}"));
    }
    for endpoint in desk.map_or(&[][..], Desk::bound) {
        terminal::tell(format_args!("zlog relay: questions, bound {endpoint}"));
    }
}
