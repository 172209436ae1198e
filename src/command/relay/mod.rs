//! `zlog relay`: collects from many, publishes to many.
//!
//! One thread moves messages, passes subscriptions upstream, keeps the last messages
//! and answers questions; it waits for all of that in one place, and for nothing
//! else. Sources of the relay's own (`input`) have threads of their own, and publish
//! to it as any other publisher does.

mod connection_log;
mod endpoints;
mod handlers;
mod input;
mod query_service;
mod rates;
mod reply;
mod settings;
mod status;
mod summary;
mod table;

use std::time::{Duration, Instant};

use self::connection_log::ConnectionLog;
use self::endpoints::{collect_on, open_query_server, publish_on};
use self::handlers::Handlers;
use self::input::Inputs;
use self::query_service::QueryService;
use self::rates::Rates;
use self::settings::Settings;
use self::summary::Summary;
use super::disconnect_reason::DisconnectReasons;
use crate::cli::{RelayArgs, RelayOnFull};
use zlog_core::error::{Exit, Result};
use zlog_core::history::{History, Limits};
use zlog_core::text::escape;
use zlog_pipeline::os::clock;
use zlog_pipeline::os::signal::{Hangup, ShutdownSignal};
use zlog_pipeline::os::terminal;
use zlog_pipeline::socket::{
    self, Drain, Forwarded, Proxy, ProxyOptions, PublisherRequest, QueryServer, SocketOptions,
    connected_peers,
};

/// Messages sent on before anything else is looked at.
const BURST: usize = 1000;
/// How often a stream without a pause is interrupted for everything else. Each look costs
/// a few calls of the system.
const HOUSEKEEPING_INTERVAL: Duration = Duration::from_millis(5);
/// Longest wait without a look at signals, which may have come to another thread.
const TICK: Duration = Duration::from_millis(100);
/// Longest that a message waits for room before subscriptions are looked at.
const SLICE: Duration = Duration::from_millis(20);
/// How long the end goes on giving to handlers what subscribers can't have any more, and
/// counting it.
const COUNTING: Duration = Duration::from_millis(500);
/// Between two looks at the clock meanwhile: a handler may wait for the disk each time.
const DISCARD_BATCH: u64 = 100;

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
    let settings = Settings::new(args)?;
    if check {
        return settings.report();
    }
    let mut relay = Relay::open(settings)?;
    let ran = relay.run();
    // Also when the run failed: what has come by then must not be lost with it.
    let exit = relay.finish();
    ran.map(|()| exit)
}

struct Relay {
    settings: Settings,
    proxy: Proxy,
    queries: Option<QueryService>,
    keep: Option<History>,
    handlers: Handlers,
    inputs: Inputs,
    rates: Rates,
    connection_log: Option<ConnectionLog>,
    /// Unless --quiet.
    disconnect_reasons: Option<DisconnectReasons>,
    stop: ShutdownSignal,
    hangup: Hangup,
    /// When the handlers are due again.
    due: Instant,
    /// Whether there is more to do than to send messages on, and when that was last done.
    housekeeping_due: bool,
    last_housekeeping: Instant,
    begun: Instant,
    /// Publishers were still sending at the end.
    uncounted: bool,
}

impl Relay {
    fn open(settings: Settings) -> Result<Relay> {
        let args = &settings.args;
        let stop = ShutdownSignal::install()?;
        let hangup = Hangup::install(&stop)?;
        let begun = Instant::now();
        let publish_on = publish_on(args)?;
        let mut proxy = Proxy::open(&collect_on(args)?, &publish_on, &options(args))?;
        let server = open_query_server(args, &proxy, &publish_on)?;
        say_bound(&proxy, server.as_ref());
        let keep = args.keep.map(|per_topic| {
            proxy.subscribe(b"");
            let per_topic = usize::try_from(per_topic).unwrap_or(usize::MAX);
            History::new(Limits { per_topic, bytes: args.keep_bytes })
        });
        // Before the sources: what they give first is for the handlers, too.
        let handlers = Handlers::open(settings.spec.clone(), &stop, args.linger.0, &mut proxy)?;
        let inputs = Inputs::open(args, &mut proxy, &stop)?;
        Ok(Relay {
            queries: server.map(QueryService::new),
            keep,
            handlers,
            rates: Rates::new(begun, &proxy, &inputs, args.report.map(|every| every.0)),
            inputs,
            connection_log: args.verbose.then(ConnectionLog::default),
            disconnect_reasons: (!args.quiet).then(|| DisconnectReasons::new(args.max_message)),
            proxy,
            stop,
            hangup,
            due: begun,
            housekeeping_due: true,
            last_housekeeping: begun,
            begun,
            uncounted: false,
            settings,
        })
    }

    /// Runs until it is asked to stop.
    fn run(&mut self) -> Result<()> {
        while !self.stop.requested() {
            if self.hangup.take() {
                self.reload();
            }
            if self.step()? == Forwarded::All {
                self.handlers.flush();
                let wait = self.due.saturating_duration_since(Instant::now());
                // That a client has made room for more of its answer can't be waited for.
                let answering = self.queries.as_ref().is_some_and(QueryService::answering);
                let most = if answering { HOUSEKEEPING_INTERVAL } else { TICK };
                let server = self.queries.as_ref().map(QueryService::server);
                self.housekeeping_due = socket::wait(&self.proxy, server, wait.min(most));
            }
        }
        Ok(())
    }

    /// SIGHUP: reads the configuration again, and opens files anew, as after a log
    /// rotation. With anything wrong, all goes on as it was.
    fn reload(&mut self) {
        if let Some(again) = self.settings.again().transpose() {
            let done = again.and_then(|settings| {
                self.handlers.reconfigure(settings.spec.clone(), &mut self.proxy)?;
                Ok(settings)
            });
            match done {
                Ok(settings) => self.settings.change_to(settings),
                Err(error) => {
                    terminal::eprint_line(format_args!("zlog relay: {error}"));
                    terminal::eprint_line("zlog relay: it goes on with the configuration it has");
                }
            }
        }
        self.handlers.reopen();
    }

    /// Sends on what has come, or a part of it; looks after everything else now and then.
    fn step(&mut self) -> Result<Forwarded> {
        let now = Instant::now();
        if self.expecting()
            || self.housekeeping_due
            || now >= self.last_housekeeping + HOUSEKEEPING_INTERVAL
        {
            (self.housekeeping_due, self.last_housekeeping) = (false, now);
            self.housekeeping(now);
        }
        // Asked again: who has just been told to subscribe may do so at once.
        let most = if self.expecting() { 1 } else { BURST };
        let Relay { proxy, keep, handlers, .. } = self;
        if keep.is_none() && !handlers.any() {
            return proxy.forward(most, None);
        }
        let received = clock::now();
        let mut look = |frames: &[&[u8]]| {
            if let Some(keep) = keep {
                keep.push(frames, received);
            }
            handlers.take(frames, received);
            Ok(())
        };
        proxy.forward(most, Some(&mut look))
    }

    /// Whether somebody subscribes just now, and each message counts: see `wire::query`.
    fn expecting(&self) -> bool {
        self.queries.as_ref().is_some_and(QueryService::expecting)
    }

    /// Connections, subscriptions, questions, handlers.
    fn housekeeping(&mut self, now: Instant) {
        self.proxy.process_events();
        self.report_events();
        self.rates.tend(now, &self.proxy, &self.inputs);
        self.answer();
        self.run_handler_timers(now);
    }

    /// Lets handlers do what is due. A busy stream has no pause in which to flush.
    fn run_handler_timers(&mut self, now: Instant) {
        if now >= self.due {
            self.handlers.flush();
            let next = self.handlers.tend(now).unwrap_or(now + TICK);
            self.due = next.clamp(now + Duration::from_millis(1), now + TICK);
        }
    }

    fn answer(&mut self) {
        let Some(queries) = &mut self.queries else {
            self.proxy.marks().for_each(drop);
            return;
        };
        queries.take(&mut self.proxy, self.keep.as_mut());
        if queries.status_wanted() {
            let Relay { proxy, keep, handlers, inputs, rates, .. } = self;
            let status = status::of(proxy, keep.as_ref(), handlers, inputs, rates);
            queries.answer_status(status, self.begun.elapsed());
        }
    }

    fn report_events(&mut self) {
        let now = Instant::now();
        if let Some(text) = self.proxy.report().filter(|_| !self.settings.args.quiet) {
            terminal::eprint_line(format_args!("zlog relay: {}", escape::escape(&text)));
        }
        for event in self.proxy.events() {
            if let Some(connection_log) = &mut self.connection_log {
                connection_log.record(&event);
            }
            // --max-message is for what is collected.
            let disconnect_reasons = self.disconnect_reasons.as_mut();
            let disconnect_reasons =
                disconnect_reasons.filter(|_| self.settings.args.connect.contains(&event.endpoint));
            if let Some(cut) = disconnect_reasons.and_then(|reasons| reasons.observe(&event, now)) {
                terminal::eprint_line(format_args!("zlog relay: {cut}"));
            }
        }
    }

    /// Makes publishers stop, and sends on what is on its way, until then at the latest.
    /// What finds no room by then goes to the handlers alone, and is counted.
    fn drain(&mut self, until: Instant) -> Result<()> {
        let begun = Instant::now();
        let within = until.saturating_duration_since(begun);
        let mut drain = Drain::new(&self.proxy.endpoint_status().0, begun, within);
        loop {
            let now = Instant::now();
            if now >= until {
                return self.discard(drain, until + COUNTING);
            }
            // Asked first: what a source gave before its end has then come, and what the
            // system had received of a publisher that is gone.
            let ended = self.inputs.all_ended();
            let gone = connected_peers(&self.proxy.endpoint_status().0) == 0;
            let before = self.proxy.counts().messages;
            let all = self.step()? == Forwarded::All;
            let came = self.proxy.counts().messages > before || !all;
            if ended && (drain.is_done(now, came) || (gone && !came)) {
                return Ok(());
            }
            // The relay's own sources would stop with the others.
            let caught_up = || all && !self.proxy.has_unread();
            if ended && let Some(request) = drain.next_request(now, caught_up) {
                self.proxy.request(request);
            }
            if !came {
                self.housekeeping_due = socket::wait(&self.proxy, None, SLICE);
            }
        }
    }

    /// Gives what still comes to the handlers alone, and counts it, until then at the latest.
    fn discard(&mut self, mut drain: Drain, until: Instant) -> Result<()> {
        self.proxy.request(PublisherRequest::Stop);
        drain.stop_requested();
        loop {
            let handlers = &mut self.handlers;
            let received = clock::now();
            let mut look = |frames: &[&[u8]]| {
                handlers.take(frames, received);
                Ok(())
            };
            let before = self.proxy.counts().dropped;
            self.proxy.discard(DISCARD_BATCH, &mut look)?;
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
                socket::wait(&self.proxy, None, SLICE);
                self.proxy.process_events();
            }
        }
    }

    /// Sends on what has come, and says what became of everything.
    fn finish(mut self) -> Exit {
        let linger = self.settings.args.linger.0;
        let until = Instant::now() + linger;
        self.inputs.stop();
        let mut drained = self.drain(until);
        let in_time = self.inputs.all_ended();
        let given_up = self.inputs.join();
        if !in_time && drained.is_ok() {
            // What a source that was late has given since.
            let now = Instant::now();
            drained = self.discard(Drain::new(&[], now, COUNTING), now + COUNTING);
        }
        if let Err(error) = &drained {
            terminal::eprint_line(format_args!("zlog relay: {error}"));
        }
        let Relay { settings, proxy, queries, handlers, inputs, uncounted, .. } = self;
        let mut counts = proxy.counts();
        counts.dropped += given_up;
        drop(queries);
        let left = until.saturating_duration_since(Instant::now());
        let flushed = proxy.close(left.max(SLICE));
        // A time of their own: a subscriber that takes nothing must not cost a file its end.
        let handlers = handlers.close(linger);
        let missing = super::tell_losses("relay", &handlers);
        inputs.print_remarks();
        let summary = Summary { counts, uncounted, flushed, took: self.begun.elapsed() };
        if !settings.args.quiet || summary.lost() {
            terminal::eprint_line(format_args!("zlog relay: {summary}"));
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
        exit.or_expectation_failed(settings.args.fail_on_loss && lost)
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

fn say_bound(proxy: &Proxy, server: Option<&QueryServer>) {
    let (collect, publish) = proxy.bound();
    for endpoint in collect {
        terminal::eprint_line(format_args!("zlog relay: collecting, bound {endpoint}"));
    }
    for endpoint in publish {
        terminal::eprint_line(format_args!("zlog relay: publishing, bound {endpoint}"));
    }
    for endpoint in server.map_or(&[][..], QueryServer::bound) {
        terminal::eprint_line(format_args!("zlog relay: questions, bound {endpoint}"));
    }
}
