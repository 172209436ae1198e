//! The connection that a process made before another one: what its client knows of it.

use std::time::{Duration, Instant};

/// Most processes remembered for a connection. More than one is rare: a `QueueListener`
/// that sends the records of its workers, or a connection shared by forked children.
const MOST_PROCESSES: usize = 16;

/// How often waiting connections are checked.
pub(super) const CHECK: Duration = Duration::from_millis(20);

/// How long a connection has had nothing to read, as far as the reader knows.
#[derive(Debug)]
pub(super) struct Idle {
    pub(super) total: Duration,
    since: Option<Instant>,
}

impl Idle {
    /// Idle from now on.
    pub(super) fn new(now: Instant) -> Idle {
        Idle { total: Duration::ZERO, since: Some(now) }
    }

    /// There is nothing to read.
    pub(super) fn begin(&mut self, now: Instant) {
        self.since.get_or_insert(now);
    }

    /// There may be something to read.
    pub(super) fn end(&mut self, now: Instant) {
        self.count(now);
        self.since = None;
    }

    /// Adds the time up to now, but at most [`CHECK`]: after a longer pause the reader was
    /// busy, and does not know how long there was nothing to read.
    pub(super) fn count(&mut self, now: Instant) {
        if let Some(since) = self.since.replace(now) {
            self.total += now.duration_since(since).min(CHECK);
        } else {
            self.since = None;
        }
    }
}

/// Ids of the processes seen on a connection, the latest one last.
#[derive(Debug, Default)]
pub(super) struct Processes(Vec<i64>);

impl Processes {
    /// Adds a process, if it is known.
    pub(super) fn note(&mut self, process: Option<i64>) {
        let Some(process) = process else { return };
        if self.0.last() == Some(&process) {
            return;
        }
        self.0.retain(|known| *known != process);
        if self.0.len() == MOST_PROCESSES {
            self.0.remove(0);
        }
        self.0.push(process);
    }

    /// Whether any process is in both.
    pub(super) fn share(&self, other: &Processes) -> bool {
        self.0.iter().any(|process| other.0.contains(process))
    }
}

/// The connection that the same process made before this one.
#[derive(Debug)]
pub(super) struct Predecessor {
    /// Its slot among the clients, and its number, since slots are used again.
    pub(super) slot: usize,
    pub(super) number: u64,
    /// Bytes that had been read from it when the wait began.
    pub(super) read: u64,
    /// Most bytes that it can have held then.
    pub(super) held: u64,
    /// How long it had been idle then, and for how much longer it must be idle.
    pub(super) idle: Duration,
    pub(super) idle_timeout: Duration,
    /// The system was asked for readable connections since the wait began.
    pub(super) asked: bool,
    pub(super) awaited: bool,
}

impl Predecessor {
    /// Whether the client still waits for it.
    pub(super) fn is_awaited(&self) -> bool {
        self.awaited
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn processes(all: impl IntoIterator<Item = i64>) -> Processes {
        let mut processes = Processes::default();
        all.into_iter().for_each(|process| processes.note(Some(process)));
        processes
    }

    #[test]
    fn the_latest_processes_are_remembered() {
        let seen = processes((0..20).chain([5]));
        assert_eq!(seen.0.len(), MOST_PROCESSES);
        assert!(seen.share(&processes([5])) && seen.share(&processes([1, 19])));
        assert!(!seen.share(&processes([3])));
        assert!(
            !Processes::default().share(&Processes::default()),
            "two unknown processes are not the same"
        );
    }
}
