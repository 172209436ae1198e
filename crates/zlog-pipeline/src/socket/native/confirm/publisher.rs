//! A publisher whose records go into a spool, from where a thread sends them to a receiver.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};
use zmtp::Router;

use super::payload;
use super::reported::Reported;
use super::sender::{SendingThread, Shared};
use crate::os::thread;
use crate::socket::endpoint::Endpoint;
use crate::socket::engine::Engine;
use crate::socket::flush::Flushed;
use crate::socket::native::open::{Open, open_error, set_options};
use crate::socket::options::SocketOptions;
use crate::socket::publisher::{Publisher, PublisherSocket, Sent};
use crate::socket::subscriber::Subscriber;
use crate::spool::{self, NoRoom, RecordId, Spool, SpoolKind, SpoolOptions};
use zlog_core::text::escape::escape;
use zlog_core::text::plural;
use zlog_core::text::plural::counted;
use zlog_core::wire::confirm::{MAX_ANSWER_BYTES, MAX_BATCH_BYTES};
use zlog_core::{Error, Result};

/// Longest record, in bytes of topic and body: one fits into a batch with its head.
const MAX_RECORD: usize = MAX_BATCH_BYTES - 4096;
/// How often to look for room while the spool is full.
const ROOM_CHECK: Duration = Duration::from_millis(20);
/// How long there may be no room before that is reported.
const REPORT_AFTER: Duration = Duration::from_secs(1);
/// Answers that wait to be read.
const UNREAD_ANSWERS: usize = 256;

/// How records are delivered with confirmation.
pub struct ConfirmedOptions {
    /// Where the receiver confirms.
    pub endpoint: Endpoint,
    /// Where records wait.
    pub spool: SpoolOptions,
    /// Keys and time limits of the connection.
    pub socket: SocketOptions,
    /// How often what was appended is handed to the disk (fdatasync), at most.
    pub sync_interval: Duration,
    /// Records are sent only after [`Confirmation::commit`].
    pub holds: bool,
    /// The last record that an earlier process has committed: what it appended after that is removed.
    pub committed: Option<RecordId>,
    /// Tells the user something: a sentence without a full stop.
    pub report: Box<dyn Fn(&str) + Send + Sync>,
}

/// What has become of the records of a confirmed publisher. Usable after it is closed, too.
#[derive(Clone)]
pub struct Confirmation {
    /// Set once the spool is open.
    shared: Arc<OnceLock<Arc<Shared>>>,
    /// The directory of the spool, for messages.
    name: Arc<str>,
    too_long: Arc<AtomicU64>,
    unwritten: Arc<AtomicU64>,
    holds: bool,
    /// Wakes the thread.
    wake: Sender<()>,
}

impl Confirmation {
    fn shared(&self) -> Option<&Arc<Shared>> {
        self.shared.get()
    }

    /// Records that are confirmed, those of earlier processes included.
    pub fn confirmed(&self) -> u64 {
        self.shared().map_or(0, |shared| shared.confirmed.load(Ordering::Relaxed))
    }

    /// Records that wait in the spool.
    pub fn waiting(&self) -> u64 {
        let waiting = self.shared().map_or(0, |shared| shared.spool().waiting());
        waiting.saturating_sub(self.unwritten())
    }

    /// Records that would not survive a loss of power: they wait, and are not on disk yet.
    pub fn unsynced(&self) -> u64 {
        let Some(shared) = self.shared() else { return 0 };
        let spool = shared.spool();
        let safe = shared.synced.load(Ordering::Acquire).max(spool.done());
        spool.appended().saturating_sub(safe)
    }

    /// Whether all records that the spool has taken survive the end of this process.
    pub fn is_written(&self) -> bool {
        self.shared().is_none_or(|shared| {
            let spool = shared.spool();
            spool.written() >= spool.appended()
        })
    }

    /// Whether records are sent only after [`Confirmation::commit`].
    pub fn holds(&self) -> bool {
        self.holds
    }

    /// The last record that was appended; `None` while there was no room to open the spool.
    pub fn last_appended(&self) -> Option<RecordId> {
        Some(self.shared()?.spool().last_appended())
    }

    /// The source has saved that it has read the records up to this number. With
    /// [`ConfirmedOptions::holds`], they are sent now.
    pub fn commit(&self, number: u64) {
        if let Some(shared) = self.shared() {
            shared.spool().commit(number);
            // One message serves for several.
            let _ = self.wake.try_send(());
        }
    }

    /// Records are sent without [`Confirmation::commit`] from now on.
    pub fn release(&self) {
        if let Some(shared) = self.shared() {
            shared.spool().release();
            let _ = self.wake.try_send(());
        }
    }

    /// Records that are not confirmed and do not wait any more.
    pub fn lost(&self) -> u64 {
        self.counts_of_lost().into_iter().map(|(count, ..)| count).sum()
    }

    /// The same in sentences.
    pub fn losses(&self) -> Vec<String> {
        plural::remarks(self.counts_of_lost()).collect()
    }

    fn counts_of_lost(&self) -> [(u64, &'static str, &'static str); 4] {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let shared = |count: fn(&Shared) -> &AtomicU64| self.shared().map_or(0, |it| of(count(it)));
        [
            (
                shared(|it| &it.refused),
                "record",
                "refused by the relay (not permitted, or too long)",
            ),
            (shared(|it| &it.damaged), "record", "damaged in the spool"),
            (of(&self.too_long), "record", "too long for the spool"),
            (self.unwritten(), "record", "not written to the spool"),
        ]
    }

    fn unwritten(&self) -> u64 {
        self.unwritten.load(Ordering::Relaxed)
    }

    /// Why records wait, with the next step, once the publisher is closed.
    pub fn why(&self) -> Option<String> {
        self.shared()?.why().clone()
    }

    /// The directory of the spool, for messages.
    pub fn spool(&self) -> &str {
        &self.name
    }
}

/// Opens the spool, and starts to send what is in it. While its disk is full, it is opened later.
///
/// # Errors
/// The spool can't be used, or a key is missing.
pub fn open_confirmed(options: ConfirmedOptions) -> Result<(Publisher, Confirmation)> {
    let endpoints = std::slice::from_ref(&options.endpoint);
    let socket = SocketOptions {
        engine: Some(Engine::Native),
        max_message: MAX_ANSWER_BYTES as u64,
        ..options.socket.clone()
    };
    let socket = socket.secured(endpoints)?;
    let mut own = zmtp::Options::subscriber();
    set_options(&socket, &mut own);
    own.unread_messages = UNREAD_ANSWERS;
    let dealer = Router::dealer(own).map_err(|error| open_error(&error))?;
    let open = Open::new(dealer, endpoints, socket.keyring.clone(), || ())?;
    let (wake, wakes) = crossbeam_channel::bounded(1);
    let confirmation = Confirmation {
        shared: Arc::default(),
        name: escape(&options.spool.directory.to_string_lossy()).into(),
        too_long: Arc::default(),
        unwritten: Arc::default(),
        holds: options.holds,
        wake: wake.clone(),
    };
    let mut publisher = SpoolPublisher {
        confirmation: confirmation.clone(),
        bound: options.spool.bytes,
        unopened: None,
        wake,
        thread: None,
        send_slice: socket.send_slice,
        written: 0,
        full_since: None,
        full_reported: Reported::default(),
        failed: None,
    };
    publisher.open(Unopened { options, open, wakes, full: None })?;
    Ok((Publisher::of(Box::new(publisher)), confirmation))
}

/// What is needed to open the spool.
struct Unopened {
    options: ConfirmedOptions,
    open: Open<Router>,
    wakes: Receiver<()>,
    /// When the disk was full, and the error.
    full: Option<(Instant, String)>,
}

/// Reports what is in a spool at the start.
fn report_found(spool: &Spool, report: &dyn Fn(&str)) {
    let (name, unreadable, before) = (spool.name(), spool.unreadable(), spool.waiting());
    if unreadable > 0 {
        report(&format!(
            "spool {name}: the headers of {unreadable} of its files are damaged; their records are \
             left out, and the files are kept as *.damaged"
        ));
    }
    if before > 0 {
        report(&format!("sending {} in the spool first", counted(before, "earlier record")));
    }
}

/// The publisher. Its only subscriber is the spool.
struct SpoolPublisher {
    confirmation: Confirmation,
    /// Most bytes of the spool.
    bound: u64,
    /// While the disk has been full since the start.
    unopened: Option<Unopened>,
    /// Wakes the thread.
    wake: Sender<()>,
    thread: Option<JoinHandle<()>>,
    send_slice: Duration,
    /// The last record that the thread was woken for.
    written: u64,
    /// Since when there has been no room, and whether that was reported.
    full_since: Option<Instant>,
    full_reported: Reported,
    /// Why the spool can't be written any more.
    failed: Option<Error>,
}

impl SpoolPublisher {
    /// Opens the spool, and starts the thread. On a full disk, keeps what is needed for the next
    /// call.
    fn open(&mut self, mut with: Unopened) -> Result<()> {
        let mut spool = match Spool::open(with.options.spool.clone(), SpoolKind::Emitter) {
            Err(error) if spool::waits_for_room(&error) => {
                with.full = Some((Instant::now(), error.message().to_owned()));
                // Lines may be dropped until it is open, and are not read again then.
                with.options.committed = None;
                self.unopened = Some(with);
                return Ok(());
            }
            opened => opened?,
        };
        let Unopened { options, open, wakes, .. } = with;
        let ConfirmedOptions { endpoint, sync_interval, holds, committed, report, .. } = options;
        if let Some(committed) = committed {
            spool.truncate_after(committed).map_err(|error| spool.failed(&error))?;
        }
        if holds {
            spool.hold();
        }
        report_found(&spool, &report);
        let shared = Arc::new(Shared {
            damaged: AtomicU64::new(spool.lost_at_end()),
            synced: AtomicU64::new(spool.written()),
            sync_interval,
            spool: spool.into(),
            confirmed: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            until: None.into(),
            why: None.into(),
            report,
        });
        let of_thread = Arc::clone(&shared);
        let run = move || SendingThread::new(&of_thread, open, &endpoint, wakes).run();
        self.thread = Some(thread::spawn("zlog-confirm", run)?);
        self.confirmation.shared.get_or_init(|| shared);
        Ok(())
    }

    /// Opens the spool if it is not open and was not tried just now.
    fn open_if_due(&mut self) -> Result<()> {
        let is_due =
            |it: &mut Unopened| it.full.as_ref().is_none_or(|(at, _)| at.elapsed() >= ROOM_CHECK);
        match self.unopened.take_if(is_due) {
            Some(unopened) => self.open(unopened),
            None => Ok(()),
        }
    }

    /// What the thread shares, if the spool is open.
    fn shared(&self) -> Option<Arc<Shared>> {
        self.confirmation.shared().cloned()
    }

    /// Writes what was appended, and wakes the thread.
    fn write(&mut self) {
        if let Err(error) = self.open_if_due() {
            self.failed.get_or_insert(error);
        }
        let Some(shared) = self.shared() else { return };
        let mut spool = shared.spool();
        let mut written = spool.write();
        let makes_room = written.is_err() && spool.commit_if_stuck();
        if written.is_err() && spool.done() == spool.written() {
            // What takes the space may have been handled.
            spool.end_segment();
            spool.delete_done();
            written = spool.write();
        }
        let failed = written.err().filter(|error| !spool::lacks_room(error));
        let failed = failed.map(|error| spool.failed(&error));
        let last = spool.written();
        drop(spool);
        self.failed = self.failed.take().or(failed);
        if last > self.written || makes_room {
            self.written = last;
            // One message serves for several.
            let _ = self.wake.try_send(());
        }
    }

    /// Appends a record. Returns whether there was room.
    fn append(&mut self, topic: &[u8], body: &[u8]) -> Result<bool> {
        self.open_if_due()?;
        let Some(shared) = self.shared() else {
            self.report_full(None);
            return Ok(false);
        };
        let len = payload::topic_len(topic).filter(|_| topic.len() + body.len() <= MAX_RECORD);
        let appended = match len {
            Some(len) => shared.spool().append(&[&len, topic, body])?,
            None => Err(NoRoom::TooLong),
        };
        match appended {
            Ok(_) => {
                self.full_since = None;
                self.full_reported.end();
            }
            Err(NoRoom::TooLong) => {
                self.confirmation.too_long.fetch_add(1, Ordering::Relaxed);
            }
            Err(why) => {
                let mut spool = shared.spool();
                if spool.commit_if_stuck() {
                    let _ = self.wake.try_send(());
                }
                if spool.waiting() == 0 {
                    // The file that is appended to takes the space.
                    spool.end_segment();
                    spool.delete_done();
                }
                drop(spool);
                self.report_full(Some(&why));
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Reports that there is no room: not even to open the spool without `why`.
    fn report_full(&mut self, why: Option<&NoRoom>) {
        let now = Instant::now();
        let since = *self.full_since.get_or_insert(now);
        let is_short = now.duration_since(since) < REPORT_AFTER && !self.send_slice.is_zero();
        if is_short || !self.full_reported.is_due(now) {
            return;
        }
        let name = self.confirmation.spool();
        let why = match (why, self.unopened.as_ref().and_then(|it| it.full.as_ref())) {
            (Some(NoRoom::Disk(error)), _) => format!("no room in the spool {name}: {error}"),
            (None, Some((_, error))) => format!("no room to open the {error}"),
            _ => format!(
                "no room in the spool {name}: it holds {} bytes, as spool-bytes says",
                self.bound
            ),
        };
        let what = if self.send_slice.is_zero() { "dropping records" } else { "waiting" };
        self.report(&format!("{what}: {why}"));
    }

    fn report(&self, text: &str) {
        match (&self.unopened, self.confirmation.shared()) {
            (Some(unopened), _) => (unopened.options.report)(text),
            (None, Some(shared)) => (shared.report)(text),
            (None, None) => {}
        }
    }
}

impl PublisherSocket for SpoolPublisher {
    fn set_send_slice(&mut self, slice: Duration) {
        self.send_slice = slice;
    }

    fn send_slice(&self) -> Duration {
        self.send_slice
    }

    fn drop_when_full(&mut self) {
        self.send_slice = Duration::ZERO;
    }

    fn send(&mut self, topic: &[u8], body: &[u8]) -> Result<Sent> {
        if let Some(failed) = self.failed.take() {
            return Err(failed);
        }
        let until = Instant::now() + self.send_slice;
        loop {
            if self.append(topic, body)? {
                return Ok(Sent::Sent);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Sent::Full);
            }
            self.write();
            std::thread::sleep(left.min(ROOM_CHECK));
        }
    }

    fn has_marks(&self) -> bool {
        false
    }

    fn send_mark(&mut self, _: &[u8], _: &[u8]) {}

    fn process_events(&mut self) {
        self.write();
    }

    fn wake_on_events(&mut self, _: Sender<()>) -> Result<()> {
        Ok(())
    }

    fn wait_at_most(&self) -> Option<Duration> {
        let Some(shared) = self.shared() else { return Some(ROOM_CHECK) };
        let spool = shared.spool();
        (spool.written() < spool.appended()).then_some(ROOM_CHECK)
    }

    fn wait(&mut self, wait: Duration) {
        std::thread::sleep(wait);
    }

    fn has_subscriber(&self, _: &[u8]) -> bool {
        true
    }

    fn has_subscription(&self, _: &[u8]) -> bool {
        false
    }

    fn generation(&self) -> u64 {
        0
    }

    /// As many as anybody waits for.
    fn subscribers(&self, _: &str) -> usize {
        usize::MAX
    }

    fn inproc_subscriber(&mut self, _: &[&[u8]], _: &SocketOptions) -> Result<Subscriber> {
        Err(Error::new("a spool has no subscribers"))
    }

    /// Waits until everything is confirmed. What is not stays in the spool.
    fn close(mut self: Box<Self>, linger: Duration) -> Flushed {
        let until = Instant::now() + linger;
        self.write();
        // On a full disk, until there is room.
        while self.shared().is_some() && self.wait_at_most().is_some() && Instant::now() < until {
            std::thread::sleep(ROOM_CHECK);
            self.write();
        }
        // One that never had room has taken no record.
        let Some(shared) = self.shared() else { return Flushed::Yes };
        *shared.until() = Some(until);
        shared.spool().release();
        let _ = self.wake.try_send(());
        if let Some(thread) = self.thread.take() {
            // A panic was reported when it happened.
            let _ = thread.join();
        }
        self.write();
        let mut spool = shared.spool();
        spool.end_segment();
        if spool.written() < spool.appended() {
            let unwritten = spool.appended() - spool.written();
            self.confirmation.unwritten.store(unwritten, Ordering::Relaxed);
        }
        match spool.take_unsynced().map(|unsynced| unsynced.sync()) {
            Some(Ok(synced)) => shared.synced.store(synced, Ordering::Release),
            Some(Err(error)) => {
                let error = spool.failed(&error);
                (shared.report)(&format!(
                    "{}: records may not survive a loss of power",
                    error.message()
                ));
            }
            None => {}
        }
        spool.delete_done();
        Flushed::Yes
    }
}
