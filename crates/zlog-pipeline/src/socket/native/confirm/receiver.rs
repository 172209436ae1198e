//! The thread that receives batches, stores them in the spool, and confirms them.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use zmtp::{Delivery, Received, Rights, Router};

use super::payload;
use super::reported::Reported;
use super::shared::{ConfirmWhen, Shared};
use super::sources::{MAX_SOURCES, Sources, Verdict, of_client};
use crate::socket::connection::{ConnectionEvent, EventKind};
use crate::socket::native::open::Open;
use crate::spool::{NoRoom, SourceId, SpoolReader, lacks_room};
use zlog_core::Result;
use zlog_core::text::escape::escape;
use zlog_core::wire::confirm::{self, Answer, Batch};
use zlog_core::wire::mark::is_reserved;

/// Most batches that are stored before they are synced and confirmed together.
const MAX_BATCHES: usize = 64;
/// Most answers that wait. Beyond it, those of one source are merged.
const MAX_DUE: usize = 4096;
/// How often to look for room while the spool is full.
const ROOM_CHECK: Duration = Duration::from_millis(100);
/// Longest wait without an event.
const TICK: Duration = Duration::from_millis(200);
/// Time to send the last confirmations.
const LINGER: Duration = Duration::from_millis(200);
/// The name of the file that remembers senders.
const SOURCES: &str = "sources";
/// The name of a file that keeps room for that one on a full disk, and its size.
const RESERVE: &str = "reserve";
const RESERVE_BYTES: usize = 2 << 20;

/// A batch that was not stored whole: the spool was full.
struct Unstored {
    received: Received,
    /// Records that were stored or refused, and how many of them were refused.
    done: usize,
    refused: u64,
}

/// An answer that is due once the spool has come to a position.
struct Due {
    connection: u64,
    source: SourceId,
    number: u64,
    refused: u64,
    /// The number of the last record in the receiver's spool that must be stored, or handled.
    position: u64,
}

/// The receiving thread.
pub(super) struct ReceivingThread<'s> {
    shared: &'s Shared,
    open: Open<Router>,
    wakes: Receiver<()>,
    when: ConfirmWhen,
    sources: Sources,
    /// For each source with records that are not on disk: the number of the last one before them.
    unsynced: HashMap<SourceId, u64>,
    unstored: Option<Unstored>,
    due: Vec<Due>,
    full_reported: Reported,
    is_too_long_reported: bool,
    is_invalid_reported: bool,
}

impl ReceivingThread<'_> {
    pub(super) fn new<'s>(
        shared: &'s Shared,
        open: Open<Router>,
        wakes: Receiver<()>,
        when: ConfirmWhen,
        sources: Sources,
    ) -> ReceivingThread<'s> {
        let due = Vec::new();
        ReceivingThread {
            shared,
            open,
            wakes,
            when,
            sources,
            unsynced: HashMap::new(),
            unstored: None,
            due,
            full_reported: Reported::default(),
            is_too_long_reported: false,
            is_invalid_reported: false,
        }
    }

    /// Receives until the owner ends it.
    ///
    /// # Errors
    /// The spool can't be written. Nothing more is confirmed.
    pub(super) fn run(mut self) -> Result<()> {
        let ran = loop {
            if self.shared.is_stopping() {
                break Ok(());
            }
            if let Err(error) = self.step() {
                break Err(error);
            }
            let wait = if self.unstored.is_some() { ROOM_CHECK } else { TICK };
            let socket = &self.open.socket;
            crossbeam_channel::select! {
                recv(self.wakes) -> _ => {},
                recv(socket.arrivals()) -> _ => {},
                recv(socket.changes()) -> _ => {},
                default(wait) => {},
            }
        };
        if ran.is_ok() {
            self.answer();
        }
        let (socket, _directories) = self.open.into_socket();
        if let Some(socket) = socket {
            socket.close(LINGER);
        }
        ran
    }

    /// Stores what has arrived, syncs it, and confirms it.
    fn step(&mut self) -> Result<()> {
        loop {
            self.note_events();
            let batches = self.store_batches()?;
            self.sync()?;
            self.answer();
            self.delete_handled()?;
            if batches < MAX_BATCHES || self.shared.is_stopping() {
                return Ok(());
            }
        }
    }

    /// Stores batches until there are none, or no room. Returns how many.
    fn store_batches(&mut self) -> Result<usize> {
        for stored in 0..MAX_BATCHES {
            let next = match self.unstored.take() {
                Some(unstored) => unstored,
                // It fails only if the thread is gone.
                None => match self.open.socket.recv(Duration::ZERO) {
                    Ok(Some(received)) => Unstored { received, done: 0, refused: 0 },
                    _ => return Ok(stored),
                },
            };
            if let Some(unstored) = self.store(next)? {
                self.unstored = Some(unstored);
                return Ok(stored);
            }
        }
        Ok(MAX_BATCHES)
    }

    /// Stores a batch, or as much of it as there is room for. Returns it if that is not all.
    fn store(&mut self, mut next: Unstored) -> Result<Option<Unstored>> {
        let connection = next.received.connection;
        let records = next.received.frames().count() / 2;
        let is_even = next.received.frames().count() % 2 == 1;
        let head = next.received.frames().next().unwrap_or_default();
        let mut batch = match confirm::read_batch(head, records) {
            Ok(batch) if is_even => batch,
            Ok(_) => return Ok(self.refuse(&next.received, "a topic is without a body".into())),
            Err(why) => return Ok(self.refuse(&next.received, why)),
        };
        let source = SourceId(batch.source);
        batch.source = of_client(source, next.received.rights.key.as_deref()).0;
        let known = match self.sources.check(&batch, records) {
            // What was refused for another reason is sent again on the next connection.
            Verdict::Gap => {
                self.open.socket.end(connection);
                return Ok(None);
            }
            Verdict::Known => records,
            Verdict::Store(known) => known,
        };
        let skipped = next.done.max(known);
        if next.done == 0 {
            self.shared.add_duplicates(known as u64);
            // The answer that said so may not have arrived.
            next.refused = self.refused_among(&next.received, known);
        }
        next.done = skipped;
        if !self.append(&batch, &mut next)? {
            return Ok(Some(next));
        }
        let position = self.shared.spool().appended();
        self.note_due(Due {
            connection,
            source,
            number: batch.first + records as u64 - 1,
            refused: next.refused,
            position,
        });
        Ok(None)
    }

    /// How many of the first records of a batch, which were received before, were refused.
    fn refused_among(&self, received: &Received, records: usize) -> u64 {
        let spool = self.shared.spool();
        let mut frames = received.frames().skip(1).take(2 * records);
        let mut refused = 0;
        while let (Some(topic), Some(body)) = (frames.next(), frames.next()) {
            let len = payload::topic_len(topic).filter(|_| may_send(&received.rights, topic));
            let fits =
                |len: &[u8; 4]| spool.fits(&[&payload::origin(SourceId(0), 0), len, topic, body]);
            refused += u64::from(!len.as_ref().is_some_and(fits));
        }
        refused
    }

    /// Notes an answer. A sender that does not read its answers gets fewer of them.
    fn note_due(&mut self, due: Due) {
        let same = |it: &&mut Due| it.connection == due.connection && it.source == due.source;
        if self.due.len() >= MAX_DUE {
            match self.due.iter_mut().rev().find(same) {
                Some(last) => {
                    (last.number, last.position) = (due.number, due.position);
                    last.refused += due.refused;
                }
                // It has used thousands of sources.
                None => self.open.socket.end(due.connection),
            }
            return;
        }
        self.due.push(due);
    }

    /// Appends the records of a batch that are not done. Returns whether there was room for all.
    fn append(&mut self, batch: &Batch, next: &mut Unstored) -> Result<bool> {
        let source = SourceId(batch.source);
        let mut frames = next.received.frames().skip(1 + 2 * next.done);
        let (mut refused, mut full) = ((0, String::new()), None);
        let mut too_long = (0, String::new());
        let mut spool = self.shared.spool();
        while let (Some(topic), Some(body)) = (frames.next(), frames.next()) {
            let number = batch.first + next.done as u64;
            let may_send = may_send(&next.received.rights, topic);
            let len = payload::topic_len(topic).filter(|_| may_send);
            let appended = match len {
                Some(len) => {
                    let origin = payload::origin(source, number);
                    spool.append(&[&origin, &len, topic, body])?
                }
                None => Err(NoRoom::TooLong),
            };
            match appended {
                Ok(_) => self.shared.add_stored(1),
                Err(NoRoom::TooLong) => {
                    let count = if may_send { &mut too_long } else { &mut refused };
                    if count.0 == 0 {
                        count.1 = String::from_utf8_lossy(topic).into_owned();
                    }
                    count.0 += 1;
                    next.refused += 1;
                }
                Err(why) => {
                    if self.shared.handled() >= spool.appended() {
                        // The file that is appended to takes the space.
                        spool.end_segment();
                    }
                    full = Some(why);
                    break;
                }
            }
            next.done += 1;
        }
        drop(spool);
        if next.done > 0 {
            self.unsynced.entry(source).or_insert_with(|| self.sources.last(source));
            self.sources.note(source, batch.first + next.done as u64 - 1);
        }
        if refused.0 > 0 {
            self.note_refused(&next.received, refused.1, refused.0);
        }
        if too_long.0 > 0 {
            self.note_too_long(&next.received, &too_long.1, too_long.0);
        }
        match &full {
            Some(why) => self.report_full(why),
            None => self.full_reported.end(),
        }
        Ok(full.is_none())
    }

    /// Hands what was stored to the disk: before it is confirmed, and before it is passed on.
    fn sync(&mut self) -> Result<()> {
        let mut spool = self.shared.spool();
        // What was written before is synced and passed on also when the disk is full: that makes
        // room.
        let full = match spool.write() {
            Err(error) if lacks_room(&error) => Some(error),
            written => written.map(|()| None).map_err(|error| spool.failed(&error))?,
        };
        if full.is_some() && self.shared.handled() >= spool.written() {
            // What takes the space may have been handled.
            spool.end_segment();
        }
        let unsynced = spool.take_unsynced();
        drop(spool);
        let is_written = full.is_none();
        if let Some(error) = full {
            self.report_full(&NoRoom::Disk(error));
        }
        let Some(unsynced) = unsynced else {
            if is_written {
                self.unsynced.clear();
            }
            return Ok(());
        };
        // After a failure, the system takes what was not written for written. So nothing more
        // can be confirmed.
        let synced = unsynced.sync().map_err(|error| self.shared.spool().failed(&error))?;
        self.shared.set_synced(synced);
        if is_written {
            self.unsynced.clear();
        }
        Ok(())
    }

    /// Sends the answers that are due.
    fn answer(&mut self) {
        let position = match self.when {
            ConfirmWhen::Stored => self.shared.synced(),
            ConfirmWhen::Handled => self.shared.handled(),
        };
        let socket = &self.open.socket;
        self.due.retain(|due| {
            if due.position > position {
                return true;
            }
            let source = confirm::source_text(due.source.0);
            let (number, refused) = (due.number, due.refused);
            let answer = confirm::write_answer(&Answer::Confirmed { source, number, refused });
            // A sender that does not read its answers has room again when it does.
            socket.send(due.connection, &[&answer]) == Delivery::Full
        });
    }

    /// Deletes what is handled. What is known of the senders must be on disk before.
    fn delete_handled(&mut self) -> Result<()> {
        let mut spool = self.shared.spool();
        // Without it, these records are handed over again after a crash.
        let _ = spool.advance(self.shared.handled());
        if !spool.has_done() {
            return Ok(());
        }
        let directory = spool.directory().to_owned();
        let reserve = directory.join(RESERVE);
        let mut saved = self.sources.save(&directory, SOURCES, &self.unsynced);
        if saved.is_err() {
            // The room that is kept for this.
            let _ = std::fs::remove_file(&reserve);
            saved = self.sources.save(&directory, SOURCES, &self.unsynced);
        }
        match saved {
            Err(error) if lacks_room(&error) => return Ok(()),
            saved => saved.map_err(|error| spool.failed(&error))?,
        }
        spool.delete_done();
        make_reserve(&directory);
        Ok(())
    }

    /// Refuses a batch that makes no sense, and reports the first one. The sender ends the connection.
    fn refuse(&mut self, received: &Received, why: String) -> Option<Unstored> {
        self.shared.add_invalid();
        if !std::mem::replace(&mut self.is_invalid_reported, true) {
            let (peer, why) = (escape(&received.address), escape(&why));
            (self.shared.report)(&format!(
                "refused what {peer} has sent to be confirmed: {why}; only `zlog emit --spool` and \
                 publish handlers with a spool, of this version, send here"
            ));
        }
        let answer = confirm::write_answer(&Answer::Refused { why });
        self.open.socket.send(received.connection, &[&answer]);
        None
    }

    /// Counts records that never fit into the spool, and reports the first ones.
    fn note_too_long(&mut self, received: &Received, topic: &str, records: u64) {
        self.shared.add_too_long(records);
        if !std::mem::replace(&mut self.is_too_long_reported, true) {
            let (peer, topic) = (escape(&received.address), escape(topic));
            let name = self.shared.spool().name();
            (self.shared.report)(&format!(
                "refused a record of {topic} from {peer}: it is too long for the spool {name}; a larger \
                 --spool-bytes takes it"
            ));
        }
    }

    /// Tells the owner of records that a sender may not publish.
    fn note_refused(&mut self, received: &Received, topic: String, messages: u64) {
        self.shared.add_refused(messages);
        let endpoint = self.open.bound().first().cloned().unwrap_or_default();
        let (peer, name) = (received.address.clone(), received.rights.name.to_string());
        let kind = EventKind::Denied { name, topic, messages };
        self.shared.add_events(vec![ConnectionEvent { endpoint, peer, kind }]);
    }

    fn report_full(&mut self, why: &NoRoom) {
        if !self.full_reported.is_due(Instant::now()) {
            return;
        }
        let name = self.shared.spool().name();
        let why = match why {
            NoRoom::Disk(error) => error.to_string(),
            _ => "--spool-bytes is reached".to_owned(),
        };
        (self.shared.report)(&format!("senders wait: no room in the spool {name}: {why}"));
    }

    /// Passes the events of connections on to the owner.
    fn note_events(&mut self) {
        let events = self.open.events(|_, _| ());
        self.shared.add_events(events);
        self.shared.set_senders(self.open.socket.connections().len());
    }
}

/// Whether a peer may send a record of this topic. Marks are not records.
fn may_send(rights: &Rights, topic: &[u8]) -> bool {
    rights.may_send(topic) && !is_reserved(topic)
}

/// Keeps room for the list of senders. Without room for it, it is made the next time.
fn make_reserve(directory: &Path) {
    let path = directory.join(RESERVE);
    let is_whole = std::fs::metadata(&path).is_ok_and(|it| it.len() == RESERVE_BYTES as u64);
    if !is_whole {
        let file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
        let written = file.and_then(|mut file| file.write_all(&vec![0; RESERVE_BYTES]));
        if written.is_err() {
            // A part of it would take the last room from records.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// What is known of the senders of a spool, as of its file and its records.
///
/// # Errors
/// The file can't be read.
pub(super) fn known_sources(shared: &Shared) -> Result<Sources> {
    let mut sources = Sources::new(MAX_SOURCES);
    let mut spool = shared.spool();
    make_reserve(spool.directory());
    let path = spool.directory().join(SOURCES);
    if sources.load(&path).map_err(|error| spool.failed(&error))? {
        (shared.report)(&format!(
            "spool {}: its list of senders is damaged; what senders repeat may arrive twice",
            spool.name()
        ));
    }
    // Also of those that were handled: the file is written when they are deleted.
    let mut reader = SpoolReader::new(0);
    loop {
        while let Some(entry) = reader.next_entry() {
            if let Some((source, number, _)) = payload::read_with_origin(entry.payload) {
                sources.note(source, number);
            }
        }
        if !reader.load(&mut spool) {
            if let Some(error) = reader.waits() {
                return Err(spool.failed(error));
            }
            return Ok(sources);
        }
    }
}
