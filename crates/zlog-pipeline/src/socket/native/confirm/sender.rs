//! The thread that sends the records of a spool, and notes what is confirmed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use zmtp::{Delivery, Router};

use super::batcher::{Records, SpoolBatcher};
use super::diagnosis::Diagnosis;
use super::reported::Reported;
use super::window::Window;
use crate::socket::connection::ConnectionState;
use crate::socket::diagnose::host_not_found;
use crate::socket::endpoint::Endpoint;
use crate::socket::native::open::Open;
use crate::spool::{SourceId, Spool};
use zlog_core::text::escape::escape;
use zlog_core::text::plural::counted;
use zlog_core::wire::confirm::{self, Answer};

/// Longest wait without an event.
const TICK: Duration = Duration::from_millis(200);
/// How long nothing may be confirmed before that is reported.
const REPORT_AFTER: Duration = Duration::from_secs(3);
/// How long there may be no connection before it is asked why.
const ASK_AFTER: Duration = Duration::from_millis(250);
/// How long to wait for the answer at the end.
const LAST_ANSWER: Duration = Duration::from_millis(250);
/// How long to wait after the receiver has refused a batch.
const REFUSED_PAUSE: Duration = Duration::from_secs(1);

/// What the sending thread shares with its owner.
pub(super) struct Shared {
    pub(super) spool: Mutex<Spool>,
    pub(super) confirmed: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) damaged: AtomicU64,
    /// The last record that is on disk.
    pub(super) synced: AtomicU64,
    pub(super) sync_interval: Duration,
    /// When to end although not everything is confirmed. `None` while records may still come.
    pub(super) until: Mutex<Option<Instant>>,
    /// Why records were not confirmed when the thread ended.
    pub(super) why: Mutex<Option<String>>,
    pub(super) report: Box<dyn Fn(&str) + Send + Sync>,
}

impl Shared {
    pub(super) fn spool(&self) -> MutexGuard<'_, Spool> {
        self.spool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn why(&self) -> MutexGuard<'_, Option<String>> {
        self.why.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn until(&self) -> MutexGuard<'_, Option<Instant>> {
        self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The sending thread.
pub(super) struct SendingThread<'s> {
    shared: &'s Shared,
    open: Open<Router>,
    endpoint: String,
    /// Gets a message when there is something to send, or when `until` is set.
    wakes: Receiver<()>,
    batcher: SpoolBatcher,
    window: Window,
    /// The connection that was used last.
    connection: Option<u64>,
    /// A batch for which the connection had no room.
    unsent: Option<Records>,
    synced: Instant,
    has_sync_failed: bool,
    /// Whether it was reported that the spool can't be read for now.
    waits_reported: bool,
    /// Since when records wait and nothing was confirmed, and whether that was reported.
    idle: Option<Instant>,
    reported: Reported,
    diagnosis: Diagnosis,
    refused_until: Option<Instant>,
}

impl SendingThread<'_> {
    pub(super) fn new<'s>(
        shared: &'s Shared,
        open: Open<Router>,
        endpoint: &Endpoint,
        wakes: Receiver<()>,
    ) -> SendingThread<'s> {
        let batcher = SpoolBatcher::new(shared.spool().done());
        SendingThread {
            shared,
            open,
            diagnosis: Diagnosis::new(endpoint),
            endpoint: endpoint.as_str().to_owned(),
            wakes,
            batcher,
            window: Window::default(),
            connection: None,
            unsent: None,
            synced: Instant::now(),
            has_sync_failed: false,
            waits_reported: false,
            idle: None,
            reported: Reported::default(),
            refused_until: None,
        }
    }

    /// Sends until the owner has ended, and everything is confirmed or its time is up.
    pub(super) fn run(mut self) {
        loop {
            self.follow_connection();
            self.receive();
            self.send();
            self.sync();
            self.report();
            let until = *self.shared.until();
            if let Some(until) = until
                && (self.shared.spool().waiting() == 0 || Instant::now() >= until)
            {
                break;
            }
            self.wait(until);
        }
        if self.shared.spool().waiting() > 0 {
            if self.connection.is_none() {
                self.diagnosis.finish(LAST_ANSWER);
            }
            let why = self.why();
            *self.shared.why() = Some(why);
        }
        let (socket, _directories) = self.open.into_socket();
        if let Some(socket) = socket {
            socket.close(Duration::ZERO);
        }
    }

    /// Waits for something to do, for a tick at most.
    fn wait(&self, until: Option<Instant>) {
        let socket = &self.open.socket;
        let left = until.map_or(TICK, |until| until.saturating_duration_since(Instant::now()));
        crossbeam_channel::select! {
            recv(self.wakes) -> woken => if woken.is_err() {
                // The owner is gone without an end.
                self.shared.until().get_or_insert_with(Instant::now);
            },
            recv(socket.arrivals()) -> _ => {},
            recv(socket.changes()) -> _ => {},
            default(left.min(TICK)) => {},
        }
    }

    /// Begins again with what is not confirmed when there is another connection.
    fn follow_connection(&mut self) {
        // They are reported by what is not confirmed.
        self.open.events(|_, _| ());
        let connections = self.open.socket.connections();
        let connection = self.connection.filter(|it| connections.contains(it));
        let connection = connection.or_else(|| connections.first().copied());
        if connection != self.connection {
            self.connection = connection;
            self.diagnosis.reset();
            self.begin_again();
        }
    }

    fn begin_again(&mut self) {
        self.window.clear();
        self.unsent = None;
        self.batcher.restart(self.shared.spool().done());
    }

    fn receive(&mut self) {
        while let Ok(Some(received)) = self.open.socket.recv(Duration::ZERO) {
            if Some(received.connection) != self.connection {
                continue;
            }
            let answer = received.frames().next().map(confirm::read_answer);
            match answer {
                Some(Ok(Answer::Confirmed { source, number, refused })) => {
                    let Some(source) = confirm::read_source(&source) else { continue };
                    self.confirm(SourceId(source), number, refused);
                }
                Some(Ok(Answer::Refused { why })) => self.note_refusal(&why),
                Some(Err(why)) => self.note_refusal(&why),
                None => {}
            }
        }
    }

    fn confirm(&mut self, source: SourceId, number: u64, refused: u64) {
        let Some(confirmed) = self.window.confirm(source, number) else { return };
        self.idle = None;
        self.reported.end();
        let mut spool = self.shared.spool();
        // After a crash, it is sent again, and known.
        let _ = spool.advance(confirmed.number);
        spool.delete_done();
        drop(spool);
        let refused = refused.min(confirmed.records);
        self.shared.confirmed.fetch_add(confirmed.records - refused, Ordering::Relaxed);
        self.shared.refused.fetch_add(refused, Ordering::Relaxed);
    }

    /// Reports that the receiver does not understand, and tries again later.
    fn note_refusal(&mut self, why: &str) {
        self.refused_until = Some(Instant::now() + REFUSED_PAUSE);
        if self.reported.is_due(Instant::now()) {
            let text = format!("{} refuses records: {}", self.endpoint, escape(why));
            (self.shared.report)(&text);
        }
        if let Some(connection) = self.connection {
            self.open.socket.end(connection);
        }
    }

    /// Sends batches as long as there is room.
    fn send(&mut self) {
        let now = Instant::now();
        if self.refused_until.is_some_and(|until| now < until) {
            return;
        }
        let Some(connection) = self.connection else { return };
        while self.window.has_room() {
            let Some(records) = self.next() else { break };
            let head = confirm::write_batch(&records.batch);
            let frames: Vec<&[u8]> = std::iter::once(&*head).chain(records.frames()).collect();
            if self.open.socket.send(connection, &frames) != Delivery::Sent {
                self.unsent = Some(records);
                break;
            }
            let (last, count) = (records.last(), records.count());
            self.window.add(records.source(), last, count, records.bytes());
        }
        let waits = self.batcher.waits().map(|error| self.shared.spool().failed(error));
        if let Some(error) = &waits
            && !self.waits_reported
        {
            (self.shared.report)(&format!("{}: records wait", error.message()));
        }
        self.waits_reported = waits.is_some();
        let damaged = self.batcher.take_damaged();
        if damaged > 0 {
            self.shared.damaged.fetch_add(damaged, Ordering::Relaxed);
            let (damaged, name) = (counted(damaged, "damaged record"), self.shared.spool().name());
            (self.shared.report)(&format!("spool {name}: {damaged} left out"));
        }
    }

    /// The next batch. If there is none and all is confirmed, what is damaged at the end is done
    /// with, too.
    fn next(&mut self) -> Option<Records> {
        if let Some(unsent) = self.unsent.take() {
            return Some(unsent);
        }
        let mut spool = self.shared.spool();
        let done = spool.done();
        let next = self.batcher.next(&mut spool);
        if next.is_none() && self.window.is_empty() && self.batcher.position() > done {
            let _ = spool.advance(self.batcher.position());
            spool.delete_done();
        }
        next
    }

    /// Hands what was appended to the disk, once in a while.
    fn sync(&mut self) {
        if self.has_sync_failed || self.synced.elapsed() < self.shared.sync_interval {
            return;
        }
        self.synced = Instant::now();
        let Some(unsynced) = self.shared.spool().take_unsynced() else { return };
        match unsynced.sync() {
            Ok(synced) => self.shared.synced.store(synced, Ordering::Release),
            Err(error) => {
                // Not again: the system takes what failed for written.
                self.has_sync_failed = true;
                let error = self.shared.spool().failed(&error);
                (self.shared.report)(&format!(
                    "{}: records may not survive a loss of power",
                    error.message()
                ));
            }
        }
    }

    /// Reports that nothing is confirmed.
    fn report(&mut self) {
        let waiting = self.shared.spool().waiting();
        if waiting == 0 {
            self.idle = None;
            self.reported.end();
            return;
        }
        let now = Instant::now();
        let idle = now.duration_since(*self.idle.get_or_insert(now));
        if self.connection.is_none() && idle >= ASK_AFTER {
            self.diagnosis.begin();
        }
        if idle < REPORT_AFTER || !self.reported.is_due(now) {
            return;
        }
        let why = self.why();
        let name = self.shared.spool().name();
        let waiting = counted(waiting, "record");
        (self.shared.report)(&format!("{waiting} waiting in the spool {name}: {why}"));
    }

    /// Why nothing is confirmed, with the next step.
    fn why(&mut self) -> String {
        let endpoint = &self.endpoint;
        if self.connection.is_some() {
            let idle = self.idle.map_or(Duration::ZERO, |idle| idle.elapsed());
            return match idle >= REPORT_AFTER {
                true => {
                    format!("{endpoint} has not confirmed anything for {} seconds", idle.as_secs())
                }
                false => format!("{endpoint} had not confirmed them yet"),
            };
        }
        let status = self.open.status();
        let state = status.first().map(|it| (&it.state, it.unresolved.as_deref()));
        if let Some((_, Some(why))) = state {
            return host_not_found(endpoint, 1, why);
        }
        if let Some(found) = self.diagnosis.found() {
            return found.to_owned();
        }
        match state {
            Some((ConnectionState::HandshakeRefused(why), _)) => {
                format!("{endpoint} confirms nothing: {why}")
            }
            _ => format!(
                "nothing confirms at {endpoint}; start there: zlog relay --spool DIR --confirm-at \
                 {endpoint}"
            ),
        }
    }
}
