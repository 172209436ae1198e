//! Reads the stream on a thread of its own, so that counting never waits for the terminal.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::Zoned;

use super::super::disconnect_reason::DisconnectReasons;
use super::super::no_peer::NoPeerMonitor;
use super::super::{endpoints, selection};
use super::model::Model;
use crate::cli::TopArgs;
use zlog_core::filter::{Filter, Topics};
use zlog_core::text::plural::counted;
use zlog_core::wire::mark::Mark;
use zlog_core::wire::topic;
use zlog_core::{Error, Record, Result};
use zlog_pipeline::os::clock::TICK;
use zlog_pipeline::os::run_directory::{Missed, Registration};
use zlog_pipeline::os::thread;
use zlog_pipeline::pump::{Pipeline, pump};
use zlog_pipeline::socket::{Endpoint, Role, SocketOptions, Subscriber};
use zlog_pipeline::source::PollStatus;
#[cfg(feature = "nats")]
use zlog_pipeline::source::Source;
use zlog_pipeline::source::subscribe::Subscribe;

/// What the threads share.
pub(super) struct Shared {
    model: Mutex<Model>,
    is_over: AtomicBool,
    /// Why the stream can't be read on.
    failure: Mutex<Option<Error>>,
}

impl Shared {
    pub(super) fn new(model: Model) -> Shared {
        Shared {
            model: Mutex::new(model),
            is_over: AtomicBool::new(false),
            failure: Mutex::default(),
        }
    }

    /// The counts. To be held for milliseconds: meanwhile nothing is counted.
    pub(super) fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the command is about to end.
    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// Fails if the stream can't be read on.
    pub(super) fn check(&self) -> Result<()> {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.take().map_or(Ok(()), Err)
    }

    fn fail(&self, error: Error) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }
}

/// The threads that feed the model.
pub(super) struct Threads {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Threads {
    pub(super) fn new(shared: Arc<Shared>) -> Threads {
        Threads { shared, threads: Vec::new() }
    }

    /// Starts a thread. Its error ends the command; so does a panic.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub(super) fn start(
        &mut self,
        name: &str,
        work: impl FnOnce(&Shared) -> Result<()> + Send + 'static,
    ) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        self.threads.push(thread::spawn(name, move || {
            let unfinished = Unfinished(&shared);
            let done = work(&shared);
            std::mem::forget(unfinished);
            if let Err(error) = done {
                shared.fail(error);
            }
        })?);
        Ok(())
    }

    /// Ends all threads, and waits for them.
    pub(super) fn stop(self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        for thread in self.threads {
            // One that has panicked has said so.
            let _ = thread.join();
        }
    }
}

/// Tells the screen of a thread that panics.
struct Unfinished<'s>(&'s Shared);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        self.0.fail(Error::new("a thread of zlog has panicked: see above"));
    }
}

/// A subscription that is to be read.
pub(super) struct Subscription {
    source: Subscribe,
    registration: Option<Registration>,
    max_message: usize,
    /// The names of its endpoints.
    pub(super) title: String,
    /// Where its relays answer queries.
    pub(super) relays: Vec<Endpoint>,
}

/// Opens the subscription. `report` gets messages for the user.
///
/// # Errors
/// An endpoint is invalid or can't be used.
pub(super) fn subscribe(
    args: &TopArgs,
    topics: &Topics,
    report: &dyn Fn(&str),
) -> Result<Subscription> {
    let options: SocketOptions = endpoints::subscriber_options(&args.endpoints)?;
    let endpoints = endpoints::to_subscribe(&args.endpoints, report)?;
    let relays = match &args.ask {
        Some(ask) => vec![Endpoint::parse(ask, Role::Connect)?],
        None => endpoints::query_endpoints(&endpoints)?,
    };
    // What is registered in the run directory belongs to the default endpoint.
    let named = endpoints.iter().filter(|endpoint| endpoint.run_directory().is_none());
    let names: Vec<&str> = named.map(Endpoint::as_str).collect();
    let title = endpoints::name_some(&names);
    let registration = endpoints::register_subscriber(&endpoints, report);
    let prefixes = topics.subscriptions(args.select.level);
    let mut subscriber = Subscriber::open(&endpoints, &prefixes, &options)?;
    endpoints::print_bound("top", subscriber.bound());
    subscriber.subscribe_to_marks(&prefixes);
    if let Some(registration) = &registration {
        subscriber.subscribed_as(registration);
    }
    let max_message = usize::try_from(options.max_message).unwrap_or(usize::MAX);
    Ok(Subscription {
        source: Subscribe::new(subscriber, false),
        registration,
        max_message,
        title,
        relays,
    })
}

/// Counts what arrives until the command ends.
///
/// # Errors
/// Those of the source.
pub(super) fn read_subscription(
    subscription: Subscription,
    args: &TopArgs,
    topics: Topics,
    shared: &Shared,
) -> Result<()> {
    let Subscription { mut source, registration, max_message, .. } = subscription;
    let mut live = Live {
        counter: Counter::new(args, topics, shared),
        no_peer: NoPeerMonitor::new(Instant::now()),
        reasons: DisconnectReasons::new(max_message),
        registration,
        last_report: Instant::now(),
    };
    live.update_endpoints(&mut source);
    // Dropped before the source: publishers need not wait for a reader that ends.
    let ran = pump(&mut source, &mut live);
    drop(live);
    ran
}

/// Counts what is added to a stream of NATS until the command ends.
///
/// # Errors
/// Those of the source.
#[cfg(feature = "nats")]
pub(super) fn read_stream(
    mut source: zlog_pipeline::source::nats::NatsSource,
    args: &TopArgs,
    topics: Topics,
    shared: &Shared,
) -> Result<()> {
    pump(&mut source, &mut Stream(Counter::new(args, topics, shared)))
}

/// Gives records to the model.
struct Counter<'s> {
    topics: Topics,
    filter: Filter,
    shared: &'s Shared,
    /// Whether the model has the time of this batch.
    has_time: bool,
    /// Reused: the topic of a record that has none.
    scratch: String,
}

impl Counter<'_> {
    fn new<'s>(args: &TopArgs, topics: Topics, shared: &'s Shared) -> Counter<'s> {
        let filter = selection::filter(&args.select, &Zoned::now());
        Counter { topics, filter, shared, has_time: false, scratch: String::new() }
    }

    fn take(&mut self, record: &mut Record<'_>) {
        if !self.topics.accepts(topic::of(record, &mut self.scratch)) {
            return;
        }
        let passes = self.filter.accepts(record);
        let mut model = self.shared.model();
        if !std::mem::replace(&mut self.has_time, true) {
            model.set_time(Instant::now());
        }
        model.observe(record, passes);
    }

    fn take_mark(&mut self, mark: &Mark<'_>) {
        let is_wanted = match mark {
            Mark::Published { topic, .. } => self.topics.accepts(topic),
            Mark::Start { .. } => true,
        };
        if is_wanted {
            self.shared.model().observe_mark(mark);
        }
    }

    fn notify(&self, text: String) {
        self.shared.model().notify(text);
    }
}

/// A subscription, and the reports about its connections.
struct Live<'s> {
    counter: Counter<'s>,
    no_peer: NoPeerMonitor,
    reasons: DisconnectReasons,
    registration: Option<Registration>,
    last_report: Instant,
}

impl Live<'_> {
    fn update_endpoints(&mut self, source: &mut Subscribe) {
        let endpoints = source.subscriber().endpoint_status();
        let peers = endpoints.into_iter().map(|it| (it.endpoint, it.peers));
        self.counter.shared.model().endpoints = peers.collect();
    }

    fn report(&mut self, subscriber: &mut Subscriber, now: Instant) {
        for event in subscriber.events() {
            self.no_peer.observe(&event);
            let reason = match subscriber.bound().contains(&event.endpoint) {
                true => self.reasons.observe_publisher(&event, now),
                false => self.reasons.observe(&event, now),
            };
            if let Some(reason) = reason {
                self.counter.notify(reason);
            }
        }
        for mut finding in self.no_peer.check(now, || subscriber.endpoint_status()) {
            finding.look_closer();
            self.counter.notify(finding.to_string());
        }
        for Missed { process, records } in
            self.registration.iter_mut().flat_map(|it| it.take_missed())
        {
            let records = counted(records, "record");
            self.counter.notify(format!(
                "`zlog emit` (process {process}) has published {records} and ended before this \
                 command had connected"
            ));
        }
    }
}

impl Pipeline<Subscribe> for Live<'_> {
    fn take(&mut self, record: &mut Record<'_>) -> Result<()> {
        self.counter.take(record);
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.counter.shared.is_over()
    }

    fn after_poll(&mut self, source: &mut Subscribe, _: PollStatus) -> Result<()> {
        self.counter.has_time = false;
        source.take_marks().iter().for_each(|mark| self.counter.take_mark(mark));
        if source.subscriber().has_changed() {
            self.no_peer.connections_changed();
            self.update_endpoints(source);
        }
        let now = Instant::now();
        if now >= self.last_report + TICK {
            self.last_report = now;
            self.report(source.subscriber(), now);
        }
        Ok(())
    }

    /// None: nobody reads counts that change after the end.
    fn grace(&self) -> Option<Duration> {
        None
    }
}

/// A stream of NATS.
#[cfg(feature = "nats")]
struct Stream<'s>(Counter<'s>);

#[cfg(feature = "nats")]
impl<S: Source> Pipeline<S> for Stream<'_> {
    fn take(&mut self, record: &mut Record<'_>) -> Result<()> {
        self.0.take(record);
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.0.shared.is_over()
    }

    fn wait(&self) -> Duration {
        TICK
    }

    fn after_poll(&mut self, source: &mut S, _: PollStatus) -> Result<()> {
        self.0.has_time = false;
        for notice in source.take_notices() {
            self.0.notify(zlog_core::text::escape::escape(&notice.text));
        }
        Ok(())
    }

    fn grace(&self) -> Option<Duration> {
        None
    }
}
