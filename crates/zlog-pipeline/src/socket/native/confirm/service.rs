//! A relay's side of confirmed delivery: a thread that receives and stores, and one that passes
//! what is stored on to the relay.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};
use zmtp::Router;

use super::counts::ReceivedCounts;
use super::payload;
use super::receiver::{ReceivingThread, known_sources};
use super::shared::{ConfirmWhen, Flags, Report, Shared, lock};
use super::sources::Sources;
use crate::os::thread;
use crate::socket::connection::ConnectionEvent;
use crate::socket::endpoint::Endpoint;
use crate::socket::native::open::Open;
use crate::socket::options::SocketOptions;
use crate::socket::proxy::{HandedCount, Waker};
use crate::socket::publisher::{Publisher, Sent};
use crate::spool::{self, Spool, SpoolKind, SpoolOptions, SpoolReader};
use zlog_core::text::escape::escape;
use zlog_core::text::plural::counted;
use zlog_core::wire::confirm::{MAX_BATCH_BYTES, MAX_FRAMES};
use zlog_core::{Error, Result};

/// Batches of a sender that wait to be read.
const UNREAD_BATCHES: usize = 4;
/// Answers queued for a sender.
const QUEUED_ANSWERS: usize = 1024;
/// Most senders at a time.
const MAX_SENDERS: usize = 1000;
/// Longest wait without an event.
const TICK: Duration = Duration::from_millis(200);

/// How records are received.
pub struct ReceiveOptions {
    /// Where they are kept until the handlers have them.
    pub spool: SpoolOptions,
    /// When they are confirmed.
    pub when: ConfirmWhen,
    /// Tells the user something: a sentence without a full stop. Called in other threads.
    pub report: Report,
}

/// Receives records, and passes them on once they are on disk.
pub struct ConfirmService {
    /// Set once the spool is open.
    shared: Arc<OnceLock<Arc<Shared>>>,
    flags: Arc<Flags>,
    /// The directory of the spool, for messages.
    name: String,
    bound: Vec<String>,
    handed: HandedCount,
    wake: Sender<()>,
    thread: Option<JoinHandle<()>>,
}

impl ConfirmService {
    /// Binds `endpoints`, opens the spool, and passes on what earlier processes have stored. If the
    /// disk is full, senders wait until there is room to open it.
    /// `publisher` takes records in this process, and `handed` counts those that were handled.
    /// `wake_owner` is called when there are events.
    ///
    /// # Errors
    /// The spool can't be used, or an endpoint can't be bound.
    pub(in crate::socket) fn open(
        endpoints: &[Endpoint],
        security: &SocketOptions,
        options: ReceiveOptions,
        publisher: Publisher,
        handed: HandedCount,
        wake_owner: Waker,
    ) -> Result<ConfirmService> {
        let name = escape(&options.spool.directory.to_string_lossy());
        let (wake, wakes) = crossbeam_channel::bounded(1);
        let flags = Arc::new(Flags::default());
        let opener = SpoolOpener { options, wake_owner, flags: Arc::clone(&flags) };
        // Before the endpoints are bound: it reports what is wrong with the spool.
        let ready = opener.open()?;
        let open = bind(endpoints, security)?;
        let bound = open.bound().to_vec();
        let shared: Arc<OnceLock<Arc<Shared>>> = Arc::default();
        let known = Arc::clone(&shared);
        let run = move || {
            let Some(ready) = ready.or_else(|| opener.open_later(&wakes)) else { return };
            let (when, shared) = (opener.options.when, known.get_or_init(|| ready.shared));
            serve(
                shared,
                Receiving { open, wakes, when, sources: ready.sources },
                publisher,
                ready.stored,
            );
        };
        let thread = Some(thread::spawn("zlog-confirm", run)?);
        Ok(ConfirmService { shared, flags, name, bound, handed, wake, thread })
    }

    fn shared(&self) -> Option<&Arc<Shared>> {
        self.shared.get()
    }

    /// The bound endpoints, with wildcards and port 0 filled in.
    pub fn bound(&self) -> &[String] {
        &self.bound
    }

    /// How many records the relay has taken and passed to all its handlers. They may still buffer
    /// them: flush them, then call [`ConfirmService::set_handled`].
    pub fn handed(&self) -> u64 {
        (self.handed)()
    }

    /// The handlers have the first `count` records.
    pub fn set_handled(&self, count: u64) {
        let Some(shared) = self.shared() else { return };
        let mut passed = lock(&shared.passed);
        let (before, numbers) = &mut *passed;
        let mut last = None;
        while *before < count
            && let Some(number) = numbers.pop_front()
        {
            (*before, last) = (*before + 1, Some(number));
        }
        drop(passed);
        if let Some(number) = last {
            shared.handled.store(number, Ordering::Release);
            let _ = self.wake.try_send(());
        }
    }

    /// The counts so far.
    pub fn counts(&self) -> ReceivedCounts {
        let Some(shared) = self.shared() else { return ReceivedCounts::default() };
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let waiting = shared.spool().appended().saturating_sub(shared.handled());
        ReceivedCounts {
            stored: of(&shared.stored),
            duplicates: of(&shared.duplicates),
            refused: of(&shared.refused),
            too_long: of(&shared.too_long),
            invalid: of(&shared.invalid),
            damaged: of(&shared.damaged),
            senders: of(&shared.senders),
            waiting,
        }
    }

    /// The directory of the spool, for messages.
    pub fn spool(&self) -> String {
        self.name.clone()
    }

    /// Whether the spool can't be used any more: nothing is confirmed.
    pub fn has_failed(&self) -> bool {
        self.flags.has_failed.load(Ordering::Relaxed)
    }

    /// Takes the events of connections since the last call; the latest 256.
    pub fn take_events(&self) -> Vec<ConnectionEvent> {
        self.shared().map_or_else(Vec::new, |shared| lock(&shared.events).drain(..).collect())
    }

    /// Receives and passes on nothing more. What was passed on must still be handled.
    pub fn stop(&mut self) {
        self.flags.is_stopping.store(true, Ordering::Release);
        let _ = self.wake.try_send(());
        if let Some(shared) = self.shared() {
            let _ = shared.has_stored.try_send(());
        }
        if let Some(thread) = self.thread.take() {
            // A panic was reported when it happened.
            let _ = thread.join();
        }
    }

    /// Notes what was handled. The rest stays in the spool for the next process.
    pub fn close(mut self) {
        self.stop();
        if let Some(shared) = self.shared() {
            // Without it, some records are handed over again.
            let _ = shared.spool().advance(shared.handled());
        }
    }
}

/// What is needed to open the spool.
struct SpoolOpener {
    options: ReceiveOptions,
    wake_owner: Waker,
    flags: Arc<Flags>,
}

/// An open spool, what is known of its senders, and what tells that something was stored.
struct Ready {
    shared: Arc<Shared>,
    sources: Sources,
    stored: Receiver<()>,
}

impl SpoolOpener {
    /// Opens the spool. `None` if the disk is full, which is reported.
    fn open(&self) -> Result<Option<Ready>> {
        match self.try_open() {
            Err(error) if spool::waits_for_room(&error) => {
                let error = error.message();
                (self.options.report)(&format!("senders wait: no room to open the {error}"));
                Ok(None)
            }
            ready => ready.map(Some),
        }
    }

    /// Opens it once there is room. `None` if the owner stops, or if it can't be used.
    fn open_later(&self, wakes: &Receiver<()>) -> Option<Ready> {
        while !self.flags.is_stopping() {
            match self.try_open() {
                Err(error) if spool::waits_for_room(&error) => _ = wakes.recv_timeout(TICK),
                Err(error) => {
                    self.flags.has_failed.store(true, Ordering::Relaxed);
                    (self.options.report)(&format!(
                        "{}: no record is received with confirmation",
                        error.message()
                    ));
                    return None;
                }
                Ok(ready) => {
                    (self.options.report)(&format!(
                        "the spool {} is open now",
                        ready.shared.spool().name()
                    ));
                    return Some(ready);
                }
            }
        }
        None
    }

    fn try_open(&self) -> Result<Ready> {
        let spool = Spool::open(self.options.spool.clone(), SpoolKind::Relay)?;
        let (has_stored, stored) = crossbeam_channel::bounded(1);
        let damaged = AtomicU64::new(spool.lost_at_end());
        let shared = Arc::new(Shared {
            synced: AtomicU64::new(spool.written()),
            handled: AtomicU64::new(spool.done()),
            spool: spool.into(),
            passed: Mutex::default(),
            flags: Arc::clone(&self.flags),
            stored: AtomicU64::new(0),
            duplicates: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            too_long: AtomicU64::new(0),
            invalid: AtomicU64::new(0),
            damaged,
            senders: AtomicU64::new(0),
            events: Mutex::default(),
            wake_owner: Arc::clone(&self.wake_owner),
            has_stored,
            report: Arc::clone(&self.options.report),
        });
        report_waiting(&shared);
        let sources = known_sources(&shared)?;
        Ok(Ready { shared, sources, stored })
    }
}

/// Reports what earlier processes have left.
fn report_waiting(shared: &Shared) {
    let spool = shared.spool();
    let (waiting, name) = (counted(spool.waiting(), "record"), spool.name());
    if spool.unreadable() > 0 {
        let unreadable = counted(spool.unreadable() as u64, "file");
        (shared.report)(&format!(
            "spool {name}: {unreadable} with a damaged header; its records are left out, and it is kept \
             as *.damaged"
        ));
    }
    if spool.waiting() > 0 {
        (shared.report)(&format!(
            "handing over {waiting} from the spool {name}; after a crash, the first of them may \
             have been handed over before"
        ));
    }
}

/// Binds the socket.
fn bind(endpoints: &[Endpoint], security: &SocketOptions) -> Result<Open<Router>> {
    let limits = |options: &mut zmtp::Options| {
        options.max_parts = MAX_FRAMES;
        options.max_connections = MAX_SENDERS;
        options.unread_messages = UNREAD_BATCHES;
        options.queue_messages = QUEUED_ANSWERS;
        // Answers are about the sender's own records.
        options.admit_limited = true;
    };
    Open::router(endpoints, security, MAX_BATCH_BYTES, limits, || ())
}

/// What the receiving thread needs.
struct Receiving {
    open: Open<Router>,
    wakes: Receiver<()>,
    when: ConfirmWhen,
    sources: Sources,
}

/// Receives, and passes on in a thread of its own, until the owner stops.
fn serve(shared: &Arc<Shared>, with: Receiving, publisher: Publisher, stored: Receiver<()>) {
    let failed = |error: &Error| {
        shared.flags.has_failed.store(true, Ordering::Relaxed);
        (shared.report)(&format!(
            "{}: no more records are received with confirmation",
            error.message()
        ));
    };
    let own = Arc::clone(shared);
    let passing = thread::spawn("zlog-confirmed", move || pass_on(&own, publisher, &stored));
    let passing = match passing {
        Ok(passing) => passing,
        Err(error) => return failed(&error),
    };
    let Receiving { open, wakes, when, sources } = with;
    if let Err(error) = ReceivingThread::new(shared, open, wakes, when, sources).run() {
        failed(&error);
    }
    // A panic was reported when it happened.
    let _ = passing.join();
}

/// Passes on what is stored, until the owner stops.
fn pass_on(shared: &Shared, mut publisher: Publisher, stored: &Receiver<()>) {
    let (mut reader, mut waits_reported) = (SpoolReader::new(shared.handled()), false);
    while !shared.is_stopping() {
        while let Some(entry) = reader.next_entry() {
            // What is not on disk could be lost, and sent again.
            while entry.number > shared.synced() {
                if shared.is_stopping() {
                    return;
                }
                let _ = stored.recv_timeout(TICK);
            }
            let Some((_, _, message)) = payload::read_with_origin(entry.payload) else { continue };
            lock(&shared.passed).1.push_back(entry.number);
            // It fails only if the relay is gone.
            while let Ok(Sent::Full) = publisher.send(message.topic, message.body) {
                if shared.is_stopping() {
                    lock(&shared.passed).1.pop_back();
                    return;
                }
            }
        }
        let has_more = reader.load(&mut shared.spool());
        let waits = reader.waits().map(|error| shared.spool().failed(error));
        if let Some(error) = &waits
            && !waits_reported
        {
            (shared.report)(&format!("{}: records wait", error.message()));
        }
        waits_reported = waits.is_some();
        let damaged = reader.take_damaged();
        if damaged > 0 {
            shared.damaged.fetch_add(damaged, Ordering::Relaxed);
            let (damaged, name) = (counted(damaged, "damaged record"), shared.spool().name());
            (shared.report)(&format!("spool {name}: {damaged} left out"));
        }
        if !has_more {
            let _ = stored.recv_timeout(TICK);
        }
    }
}
