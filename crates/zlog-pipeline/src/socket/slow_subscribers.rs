//! Which subscribers had no room for messages, as far as that is known.

use std::time::{Duration, Instant};

use super::flush::PeerLoss;
use crate::os::socket_owner::socket_owner;
use zlog_core::text::plural::grouped;
use zlog_core::wire::query;

/// Names are looked up at most this often: it costs a system call for each subscriber.
const LOOKUP_INTERVAL: Duration = Duration::from_millis(50);

/// The most subscribers that are remembered. Others are not named.
const MAX_SUBSCRIBERS: usize = 64;

/// The most subscribers that a summary names.
const MAX_NAMED: usize = 3;

/// One that is responsible for less than this share of the worst one's is not named: it may
/// have had data on its way by chance.
const MIN_SHARE: f64 = 0.1;

/// The subscribers that had no room.
#[derive(Debug, Default)]
pub struct SlowSubscribers {
    known: Vec<SlowSubscriber>,
    /// Those that had no room at the last look-up, by their place in `known`.
    current: Vec<usize>,
    looked_up: Option<Instant>,
}

#[derive(Debug)]
struct SlowSubscriber {
    /// As it was looked up.
    peer: String,
    /// As it is shown.
    name: String,
    /// How long messages waited for it.
    waited: Duration,
    /// How often it had no room for a message.
    times: u64,
    /// Messages that were dropped for it alone.
    dropped: u64,
}

impl SlowSubscribers {
    /// Notes that a message found no room, after it has waited for `waited`. `names` looks up
    /// who has none.
    pub fn note(&mut self, now: Instant, waited: Duration, names: impl FnOnce() -> Vec<String>) {
        if self.looked_up.is_none_or(|at| now.saturating_duration_since(at) >= LOOKUP_INTERVAL) {
            self.looked_up = Some(now);
            self.current.clear();
            for peer in names() {
                let at = self.known.iter().position(|known| known.peer == peer);
                let at = at.or_else(|| self.add(peer));
                self.current.extend(at);
            }
        }
        for at in &self.current {
            self.known[*at].waited += waited;
            self.known[*at].times += 1;
        }
    }

    fn add(&mut self, peer: String) -> Option<usize> {
        let at = self.known.len();
        (at < MAX_SUBSCRIBERS).then(|| {
            let name = with_process(&peer);
            self.known.push(SlowSubscriber {
                peer,
                name,
                waited: Duration::ZERO,
                times: 0,
                dropped: 0,
            });
            at
        })
    }

    /// How long messages waited, and for whom: `waited 8.1 s for 127.0.0.1:53412`. `None` if
    /// none did.
    pub fn waits(&self) -> Option<String> {
        let waits = self.worst(
            MIN_SHARE,
            |known| known.waited.as_secs_f64(),
            |known| format!("{:.1} s for {}", known.waited.as_secs_f64(), known.name),
        )?;
        Some(format!("waited {waits}"))
    }

    /// Notes messages that were dropped for a subscriber alone.
    pub fn note_dropped(&mut self, peer: String, messages: u64) {
        let at = self.known.iter().position(|known| known.peer == peer);
        if let Some(at) = at.or_else(|| self.add(peer)) {
            self.known[at].dropped += messages;
        }
    }

    /// Who had no room: `127.0.0.1:53412`, with the number of messages dropped for it alone if it
    /// is known: `127.0.0.1:53412: 200`. `None` if nobody is known.
    pub fn full(&self) -> Option<String> {
        let dropped = |known: &SlowSubscriber| known.dropped as f64;
        let number = |it: &SlowSubscriber| format!("{}: {}", it.name, grouped(it.dropped));
        let times = |known: &SlowSubscriber| known.times as f64;
        // Counts are exact, however small.
        self.worst(0.0, dropped, number)
            .or_else(|| self.worst(MIN_SHARE, times, |known| known.name.clone()))
    }

    /// Those that had no room, the worst ones first.
    pub fn status(&self) -> Vec<query::SlowSubscriber> {
        let mut slow = self.worst_by(0.0, |known| known.dropped as f64);
        if slow.is_empty() {
            slow = self.worst_by(MIN_SHARE, |known| known.times as f64);
        }
        let status = |known: &SlowSubscriber| query::SlowSubscriber {
            peer: known.name.clone(),
            dropped: known.dropped,
            times: known.times,
            waited: known.waited.as_secs_f64(),
        };
        slow.into_iter().map(status).collect()
    }

    /// The worst ones by `measure`, down to a share of the worst one's.
    fn worst_by(
        &self,
        min_share: f64,
        measure: impl Fn(&SlowSubscriber) -> f64,
    ) -> Vec<&SlowSubscriber> {
        let most = self.known.iter().map(&measure).fold(0.0, f64::max);
        let counts = |known: &&SlowSubscriber| {
            let measured = measure(known);
            measured > 0.0 && measured >= min_share * most
        };
        let mut worst: Vec<&SlowSubscriber> = self.known.iter().filter(counts).collect();
        worst.sort_by(|a, b| measure(b).total_cmp(&measure(a)));
        worst
    }

    /// As [`SlowSubscribers::worst_by`], as text, and how many more there are.
    fn worst(
        &self,
        min_share: f64,
        measure: impl Fn(&SlowSubscriber) -> f64,
        shown: impl Fn(&SlowSubscriber) -> String,
    ) -> Option<String> {
        let worst = self.worst_by(min_share, measure);
        let mut text: Vec<String> =
            worst.iter().take(MAX_NAMED).map(|known| shown(known)).collect();
        if worst.len() > MAX_NAMED {
            text.push(format!("and {} more", worst.len() - MAX_NAMED));
        }
        (!text.is_empty()).then(|| text.join(", "))
    }
}

/// An address of this machine with the process that has it: `process 17 at 127.0.0.1:53412`.
/// Takes milliseconds.
pub(crate) fn with_process(peer: &str) -> String {
    match peer.parse().ok().and_then(socket_owner) {
        Some(process) => format!("process {process} at {peer}"),
        None => peer.to_owned(),
    }
}

/// The subscribers that lack the most, with the numbers of their messages.
pub fn name_lacking(lacking: &[PeerLoss]) -> String {
    let mut slow = SlowSubscribers::default();
    lacking.iter().for_each(|it| slow.note_dropped(it.peer.clone(), it.messages));
    slow.full().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLICE: Duration = Duration::from_millis(100);

    #[test]
    fn the_subscribers_that_were_waited_for_are_named_the_slowest_first() {
        let mut slow = SlowSubscribers::default();
        assert_eq!((slow.waits(), slow.full()), (None, None));
        let start = Instant::now();
        for n in 0..30u32 {
            let names = if n < 20 { vec!["a".to_owned()] } else { vec!["b".to_owned()] };
            slow.note(start + n * SLICE, SLICE, || names);
        }
        slow.note(start + 30 * SLICE, SLICE, || vec!["by chance".to_owned()]);
        assert_eq!(slow.waits().unwrap(), "waited 2.0 s for a, 1.0 s for b");
        assert_eq!(slow.full().unwrap(), "a, b");
        let status = slow.status();
        let status: Vec<_> =
            status.iter().map(|it| (it.peer.as_str(), it.times, it.waited.round())).collect();
        assert_eq!(status, [("a", 20, 2.0), ("b", 10, 1.0)]);
    }

    #[test]
    fn messages_that_were_dropped_for_single_subscribers_are_counted_for_each() {
        let mut slow = SlowSubscribers::default();
        for (peer, messages) in [("a", 3), ("b", 1000), ("a", 4), ("c", 20_000), ("d", 1)] {
            slow.note_dropped(peer.to_owned(), messages);
        }
        assert_eq!(slow.full().unwrap(), "c: 20,000, b: 1,000, a: 7, and 1 more");
        let status = slow.status();
        let status: Vec<_> = status.iter().map(|it| (it.peer.as_str(), it.dropped)).collect();
        assert_eq!(status, [("c", 20_000), ("b", 1000), ("a", 7), ("d", 1)]);
    }

    #[test]
    fn names_are_looked_up_at_a_limited_rate_and_remembered_up_to_a_limit() {
        let mut slow = SlowSubscribers::default();
        let start = Instant::now();
        let mut lookups = 0;
        for n in 0..1000u32 {
            slow.note(start + n * Duration::from_millis(1), Duration::ZERO, || {
                lookups += 1;
                vec![n.to_string()]
            });
        }
        assert_eq!(lookups, 20);
        assert_eq!(slow.waits(), None, "nothing waited");
        let named = slow.full().unwrap();
        assert!(named.ends_with(", and 17 more"), "{named}");
        for n in 0..10 * MAX_SUBSCRIBERS as u32 {
            slow.note(start + n * SLICE, SLICE, || vec![format!("x{n}")]);
        }
        assert!(slow.known.len() <= MAX_SUBSCRIBERS);
    }
}
