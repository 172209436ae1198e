//! Random schedules of a sender and a receiver, with lost connections, killed processes, losses of
//! power, damaged records and forgetful disks.
//!
//! `tests/soak/confirm.sh` runs more of them.

use std::collections::{HashMap, HashSet, VecDeque};

use super::batcher::{Batcher, Read};
use super::sources::{Sources, Verdict};
use super::window::Window;
use crate::spool::SourceId;
use fastrand::Rng;
use zlog_core::wire::confirm::Batch;

/// Sets the number of schedules.
const SCHEDULES: &str = "ZLOG_CONFIRM_SCHEDULES";
/// Sets the seed of the first schedule; the next ones have the next seeds.
const SEED: &str = "ZLOG_CONFIRM_SEED";
/// Steps of a schedule before it comes to rest.
const STEPS: usize = 120;

/// A record by who has numbered it.
type Key = (SourceId, u64);

/// What a sender does not lose when it is killed, and how much of it a loss of power spares.
#[derive(Default)]
struct SenderDisk {
    records: Vec<Read>,
    synced: usize,
    cursor: u64,
    /// What the cursor may be again after a loss of power.
    old_cursor: u64,
    /// Records that were damaged, or taken back by a loss of power.
    gone: HashSet<Key>,
}

struct Sender {
    source: SourceId,
    batcher: Batcher,
    window: Window,
    /// The number of the last record that was read.
    read: u64,
}

impl Sender {
    fn new(rng: &mut Rng, disk: &SenderDisk) -> Sender {
        Sender {
            source: SourceId(rng.u128(..)),
            batcher: Batcher::default(),
            window: Window::default(),
            read: disk.cursor,
        }
    }
}

/// What a receiver does not lose when it is killed.
struct ReceiverDisk {
    /// What was stored, with the numbers of the sender; and from where on it is not deleted.
    stored: Vec<Key>,
    deleted: usize,
    synced: usize,
    handled: usize,
    /// The file of senders: as many records as it knows of.
    saved: HashMap<SourceId, u64>,
}

struct Receiver {
    sources: Sources,
    /// Answers that are due once so many records are on disk, or handled.
    due: Vec<(SourceId, u64, usize)>,
    when_handled: bool,
}

impl Receiver {
    /// A receiver that starts with what is on disk.
    fn new(disk: &ReceiverDisk, when_handled: bool) -> Receiver {
        let mut sources = Sources::new(1000);
        disk.saved.iter().for_each(|(source, last)| sources.note(*source, *last));
        disk.stored[disk.deleted..].iter().for_each(|(source, last)| sources.note(*source, *last));
        Receiver { sources, due: Vec::new(), when_handled }
    }
}

/// A connection: what is on its way.
#[derive(Default)]
struct Connection {
    /// The receiver has asked for its end. What is on its way may still arrive.
    is_ending: bool,
    batches: VecDeque<(Batch, usize)>,
    answers: VecDeque<(SourceId, u64)>,
}

struct World {
    rng: Rng,
    sender_disk: SenderDisk,
    sender: Sender,
    receiver_disk: ReceiverDisk,
    receiver: Receiver,
    connection: Connection,
    /// The number of the next record.
    next: u64,
}

impl World {
    fn new(seed: u64) -> World {
        let mut rng = Rng::with_seed(seed);
        let sender_disk = SenderDisk::default();
        let receiver_disk = ReceiverDisk {
            stored: Vec::new(),
            deleted: 0,
            synced: 0,
            handled: 0,
            saved: HashMap::new(),
        };
        let when_handled = rng.bool();
        World {
            sender: Sender::new(&mut rng, &sender_disk),
            receiver: Receiver::new(&receiver_disk, when_handled),
            sender_disk,
            receiver_disk,
            connection: Connection::default(),
            next: 1,
            rng,
        }
    }

    fn append(&mut self) {
        for _ in 0..self.rng.usize(1..6) {
            let read = Read { source: self.sender.source, number: self.next, payload: Vec::new() };
            self.sender_disk.records.push(read);
            self.next += 1;
        }
    }

    fn send(&mut self) {
        if !self.sender.window.has_room() {
            return;
        }
        let World { sender, sender_disk, rng, .. } = self;
        let Sender { batcher, read, .. } = sender;
        // A batch may be cut short by what was written.
        let mut most = rng.usize(1..8);
        let records = batcher.next(sender_disk.cursor, || {
            most = most.checked_sub(1)?;
            let next = sender_disk.records.iter().find(|it| it.number > *read)?;
            *read = next.number;
            Some(next.clone())
        });
        if let Some(records) = records {
            sender.window.add(records.source(), records.last(), records.count(), records.bytes());
            self.connection.batches.push_back((records.batch, records.payloads.len()));
        }
    }

    fn receive(&mut self) {
        let Some((batch, count)) = self.connection.batches.pop_front() else { return };
        assert!(batch.first > batch.after && batch.first > batch.confirmed, "{batch:?}");
        let World { receiver, receiver_disk, .. } = self;
        let source = SourceId(batch.source);
        let end = batch.first + count as u64 - 1;
        match receiver.sources.check(&batch, count) {
            Verdict::Gap => {
                self.connection.is_ending = true;
                return;
            }
            Verdict::Known => {}
            Verdict::Store(known) => {
                receiver_disk
                    .stored
                    .extend((batch.first + known as u64..=end).map(|n| (source, n)));
                receiver.sources.note(source, end);
            }
        }
        receiver.due.push((source, end, receiver_disk.stored.len()));
    }

    /// The receiver drops a batch, and asks for the end of the connection.
    fn refuse(&mut self) {
        if self.connection.batches.pop_front().is_some() {
            self.connection.is_ending = true;
        }
    }

    fn sync(&mut self) {
        self.receiver_disk.synced = self.receiver_disk.stored.len();
    }

    fn handle(&mut self) {
        let ReceiverDisk { synced, handled, .. } = &mut self.receiver_disk;
        *handled = self.rng.usize(*handled..=*synced);
    }

    /// Deletes what is handled, once the file of senders has it. Only what is synced is in it.
    fn delete(&mut self) {
        self.sync();
        let disk = &mut self.receiver_disk;
        for (source, number) in &disk.stored[disk.deleted..] {
            let last = disk.saved.entry(*source).or_default();
            *last = (*last).max(*number);
        }
        disk.deleted = disk.handled;
    }

    fn answer(&mut self) {
        let disk = &self.receiver_disk;
        let position = if self.receiver.when_handled { disk.handled } else { disk.synced };
        let answers = &mut self.connection.answers;
        self.receiver.due.retain(|(source, number, due)| {
            let is_due = *due <= position;
            if is_due {
                answers.push_back((*source, *number));
            }
            !is_due
        });
    }

    fn note_answer(&mut self) {
        let Some((source, number)) = self.connection.answers.pop_front() else { return };
        let Some(confirmed) = self.sender.window.confirm(source, number) else { return };
        let before = self.sender_disk.cursor;
        self.sender_disk.cursor = before.max(confirmed.number);
        let disk = &self.receiver_disk;
        let position = if self.receiver.when_handled { disk.handled } else { disk.synced };
        for record in &self.sender_disk.records {
            if record.number > before && record.number <= confirmed.number {
                let key = (record.source, record.number);
                let place = disk.stored.iter().position(|stored| *stored == key);
                assert!(
                    place.is_some_and(|at| at < position),
                    "{key:?} is confirmed and not there"
                );
            }
        }
    }

    fn disconnect(&mut self) {
        self.connection = Connection::default();
        self.receiver.due.clear();
        self.begin_again();
    }

    fn begin_again(&mut self) {
        self.sender.window.clear();
        self.sender.batcher = Batcher::default();
        self.sender.read = self.sender_disk.cursor;
    }

    fn restart_sender(&mut self) {
        self.sender = Sender::new(&mut self.rng, &self.sender_disk);
        let last = self.sender_disk.records.last().map_or(0, |record| record.number);
        self.next = last.max(self.sender_disk.cursor) + 1;
        self.disconnect();
    }

    fn restart_receiver(&mut self) {
        self.receiver = Receiver::new(&self.receiver_disk, self.receiver.when_handled);
        self.disconnect();
    }

    /// The sender's disk loses what was not synced; the cursor is older, too.
    fn sender_power_loss(&mut self) {
        let disk = &mut self.sender_disk;
        let kept = self.rng.usize(disk.synced.min(disk.records.len())..=disk.records.len());
        for record in disk.records.drain(kept..) {
            disk.gone.insert((record.source, record.number));
        }
        disk.cursor = self.rng.u64(disk.old_cursor..=disk.cursor);
        self.restart_sender();
    }

    fn receiver_power_loss(&mut self) {
        let disk = &mut self.receiver_disk;
        let kept = self.rng.usize(disk.synced..=disk.stored.len());
        disk.stored.truncate(kept);
        self.restart_receiver();
    }

    fn damage(&mut self) {
        let disk = &mut self.sender_disk;
        if !disk.records.is_empty() {
            let record = disk.records.remove(self.rng.usize(..disk.records.len()));
            disk.synced = disk.synced.min(disk.records.len());
            disk.gone.insert((record.source, record.number));
            self.disconnect();
        }
    }

    fn sync_sender(&mut self) {
        self.sender_disk.synced = self.sender_disk.records.len();
        self.sender_disk.old_cursor = self.sender_disk.cursor;
    }

    fn step(&mut self) {
        match self.rng.usize(..100) {
            0..20 => self.append(),
            20..45 => self.send(),
            45..65 => self.receive(),
            65..72 => self.sync(),
            72..80 => self.answer(),
            80..88 => self.note_answer(),
            88..90 => self.handle(),
            90 => self.delete(),
            91 => self.sync_sender(),
            92 => self.refuse(),
            93..95 => self.disconnect(),
            95 => self.restart_sender(),
            96 => self.restart_receiver(),
            97 => self.sender_power_loss(),
            98 => self.receiver_power_loss(),
            _ => self.damage(),
        }
    }

    /// Nothing is stored twice, and each source in order.
    fn check(&self) {
        let mut last: HashMap<SourceId, u64> = HashMap::new();
        for (source, number) in &self.receiver_disk.stored {
            let before = last.insert(*source, *number).unwrap_or(0);
            assert!(before < *number, "{number} after {before}");
        }
    }

    /// Lets everything arrive.
    fn settle(&mut self) {
        for _ in 0..10_000 {
            if self.sender_disk.records.iter().all(|it| it.number <= self.sender_disk.cursor) {
                break;
            }
            if self.connection.is_ending {
                self.disconnect();
            }
            self.send();
            self.receive();
            self.sync();
            self.receiver_disk.handled = self.receiver_disk.synced;
            self.answer();
            self.note_answer();
        }
        self.check();
        let stored: HashSet<Key> = self.receiver_disk.stored.iter().copied().collect();
        for record in &self.sender_disk.records {
            assert!(stored.contains(&(record.source, record.number)), "{record:?} is missing");
        }
    }
}

#[test]
fn in_every_schedule_records_arrive_once_in_order_and_are_there_when_they_are_confirmed() {
    let schedules = std::env::var(SCHEDULES).map_or(100_000, |it| it.parse().expect("a number"));
    let seed = std::env::var(SEED).ok().map(|it| it.parse().expect("a number"));
    let first = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("{schedules} schedules from seed {first} on");
    for seed in (0..schedules).map(|at| first.wrapping_add(at)) {
        let run = || {
            let mut world = World::new(seed);
            (0..STEPS).for_each(|_| world.step());
            world.settle();
        };
        let ran = std::panic::catch_unwind(run);
        assert!(ran.is_ok(), "replay it with {SCHEDULES}=1 {SEED}={seed}");
    }
}
