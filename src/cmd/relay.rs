//! `zlog relay`: collects from many, publishes to many.
//!
//! One thread moves messages, passes subscriptions upstream, keeps the last messages
//! and answers questions; it waits for all of that in one place, and for nothing
//! else. Sources of the relay's own (`feed`) have threads of their own, and publish
//! to it as any other publisher does.

mod feed;
mod inquiries;
mod news;
mod outlets;
mod plan;
mod rates;
mod sides;
mod status;
mod summary;
mod table;

use std::sync::Arc;
use std::time::{Duration, Instant};

use self::feed::Feeds;
use self::inquiries::Inquiries;
use self::news::News;
use self::outlets::Outlets;
use self::plan::Plan;
use self::rates::Rates;
use self::sides::{collect_on, open_desk, publish_on};
use self::summary::Summary;
use super::cutoff::CutOff;
use crate::cli::{RelayArgs, RelayOnFull};
use crate::clock;
use crate::error::{Exit, Result};
use crate::keep::{Keep, Limits};
use crate::route::{self, Tell};
use crate::signal::{Hangup, Stop};
use crate::socket::{
    self, DEFAULT_HWM, Desk, Forwarded, LinkState, Proxy, ProxyOptions, SocketOptions,
};
use crate::term;

/// Messages sent on before anything else is looked at.
const BURST: usize = 1000;
/// How often a stream without a pause is interrupted for everything else. Each look costs
/// a few calls of the system.
const CHORES: Duration = Duration::from_millis(5);
/// Longest wait without a look at signals, which may have come to another thread.
const TICK: Duration = Duration::from_millis(100);
/// Longest that a message waits for room before subscriptions are looked at.
const SLICE: Duration = Duration::from_millis(20);
/// How long the end goes on, while publishers are there, once nothing more was at hand: on
/// a busy machine, what the system has received does not come all at once.
const QUIET: Duration = Duration::from_millis(100);
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
    keep: Option<Keep>,
    outlets: Outlets,
    feeds: Feeds,
    rates: Rates,
    news: Option<News>,
    /// Unless --quiet.
    cutoff: Option<CutOff>,
    stop: Stop,
    hangup: Hangup,
    /// When the handlers are due again.
    due: Instant,
    /// Whether there is more to do than to send messages on, and when that was last done.
    chores: bool,
    looked: Instant,
    begun: Instant,
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
            Keep::new(Limits { per_topic, bytes: args.keep_bytes })
        });
        // Before the sources: what they give first is for the handlers, too.
        let outlets = Outlets::open(plan.spec.clone(), &stop, args.linger.0, &mut proxy)?;
        let feeds = Feeds::open(args, &mut proxy, &stop)?;
        Ok(Relay {
            inquiries: desk.map(Inquiries::new),
            keep,
            outlets,
            rates: Rates::new(begun, &proxy, &feeds, args.report.map(|every| every.0)),
            feeds,
            news: args.verbose.then(News::default),
            cutoff: (!args.quiet).then(|| CutOff::new(args.max_message)),
            proxy,
            stop,
            hangup,
            due: begun,
            chores: true,
            looked: begun,
            begun,
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
                let desk = self.inquiries.as_ref().map(Inquiries::desk);
                self.chores = socket::wait(&self.proxy, desk, wait.min(TICK));
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
                Err(error) => term::tell(format_args!(
                    "zlog relay: {error}\nzlog relay: it goes on with the configuration it has"
                )),
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
        self.rates.tend(now, &self.proxy, &self.feeds);
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
        inquiries.take(&mut self.proxy, self.keep.as_ref());
        if inquiries.status_wanted() {
            let Relay { proxy, keep, outlets, feeds, rates, .. } = self;
            let status = status::of(proxy, keep.as_ref(), outlets, feeds, rates);
            inquiries.answer_status(status, self.begun.elapsed());
        }
    }

    fn tell(&mut self) {
        let now = Instant::now();
        if let Some(text) = self.proxy.report().filter(|_| !self.plan.args.quiet) {
            term::tell(format_args!("zlog relay: {}", term::visible(&text)));
        }
        for event in self.proxy.events() {
            if let Some(news) = &mut self.news {
                news.tell(&event);
            }
            // --max-message is for what is collected.
            let cutoff = self.cutoff.as_mut();
            let cutoff = cutoff.filter(|_| self.plan.args.connect.contains(&event.endpoint));
            if let Some(cut) = cutoff.and_then(|cutoff| cutoff.note(&event, now)) {
                term::tell(format_args!("zlog relay: {cut}"));
            }
        }
    }

    /// How many messages may have come and not been taken yet, of publishers and of
    /// sources of the relay's own. The end does not wait for what will come.
    fn may_have_come(&self, hwm: u32) -> u64 {
        let own = self.feeds.iter().count() as u64;
        socket::may_have_come(hwm, peers(&self.proxy.links().0))
            .saturating_add(own.saturating_mul(u64::from(hwm) + u64::from(DEFAULT_HWM)))
    }

    /// Sends on what has come, until then at the latest. What finds no room by then goes
    /// to the handlers alone, and is counted.
    fn drain(&mut self, until: Instant, hwm: u32) -> Result<()> {
        let mut had_ended = false;
        let mut enough = 0;
        let mut quiet = None;
        while Instant::now() < until {
            // Asked first: what a source gave before its end has then come, and what the
            // system had received of a publisher that is gone.
            let ended = self.feeds.all_ended();
            let gone = peers(&self.proxy.links().0) == 0;
            let taken = self.proxy.counts().messages;
            if ended && !had_ended {
                // Publishers may go on for ever; the relay's own sources have an end, and
                // what they have taken in is not to be lost.
                enough = taken.saturating_add(self.may_have_come(hwm));
            }
            had_ended = ended;
            if ended && taken >= enough {
                break;
            }
            match self.step()? {
                Forwarded::All if ended && gone => return Ok(()),
                Forwarded::All => {
                    let now = Instant::now();
                    if ended && now >= *quiet.get_or_insert(now + QUIET) {
                        return Ok(());
                    }
                    self.chores = socket::wait(&self.proxy, None, SLICE);
                }
                Forwarded::More | Forwarded::Full => {}
            }
        }
        let most = match had_ended {
            true => enough.saturating_sub(self.proxy.counts().messages),
            false => self.may_have_come(hwm),
        };
        self.discard(most, until + COUNTING)
    }

    /// Gives up to so many messages to the handlers alone, and counts them, until then at
    /// the latest.
    fn discard(&mut self, most: u64, until: Instant) -> Result<()> {
        let outlets = &mut self.outlets;
        let received = clock::now();
        let mut look = |frames: &[&[u8]]| {
            outlets.take(frames, received);
            Ok(())
        };
        let mut left = most;
        loop {
            let some = left.min(A_FEW);
            if self.proxy.discard(some, &mut look)? == Forwarded::All || left == some {
                return Ok(());
            }
            left -= some;
            if Instant::now() >= until {
                term::tell(
                    "zlog relay: publishers were still sending when the time for the end was up; \
                     how much of it is lost is not known",
                );
                return Ok(());
            }
        }
    }

    /// Sends on what has come, and says what became of everything.
    fn finish(mut self) -> Exit {
        let linger = self.plan.args.linger.0;
        let until = Instant::now() + linger;
        self.feeds.stop();
        let drained = self.drain(until, self.plan.args.hwm);
        let in_time = self.feeds.all_ended();
        let given_up = self.feeds.join();
        // What a source that was late has given since.
        let late = if in_time { 0 } else { self.may_have_come(self.plan.args.hwm) };
        let drained = drained.and_then(|()| self.discard(late, Instant::now() + COUNTING));
        if let Err(error) = &drained {
            term::tell(format_args!("zlog relay: {error}"));
        }
        let Relay { plan, proxy, inquiries, outlets, feeds, .. } = self;
        let mut counts = proxy.counts();
        counts.dropped += given_up;
        drop(inquiries);
        let left = until.saturating_duration_since(Instant::now());
        let flushed = proxy.close(left.max(SLICE));
        // A time of their own: a subscriber that takes nothing must not cost a file its end.
        let handlers = outlets.close(linger);
        route::tell_losses("relay", &handlers, &(Arc::new(|line: &str| term::tell(line)) as Tell));
        feeds.tell_remarks();
        let summary = Summary { counts, flushed, took: self.begun.elapsed() };
        if !plan.args.quiet || summary.lost() {
            term::tell(format_args!("zlog relay: {summary}"));
        }
        match self.stop.exit() {
            _ if drained.is_err() => Exit::Failed,
            Some(signal) => signal,
            None if feeds.failed() => Exit::Failed,
            None => Exit::Done,
        }
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
        term::tell(format_args!("zlog relay: collecting, bound {endpoint}"));
    }
    for endpoint in publish {
        term::tell(format_args!("zlog relay: publishing, bound {endpoint}"));
    }
    for endpoint in desk.map_or(&[][..], Desk::bound) {
        term::tell(format_args!("zlog relay: questions, bound {endpoint}"));
    }
}

/// Peers whose handshake is done.
fn peers(links: &[crate::socket::LinkStatus]) -> usize {
    let connected = links.iter().filter(|link| link.state == LinkState::Connected);
    connected.map(|link| link.peers).sum()
}
