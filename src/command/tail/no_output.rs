//! Why a terminal stays silent: which of the things that it can be it is.
//!
//! A `tail` that is connected and has nothing to show looks the same whether the
//! topic is misspelt, filters are too narrow or there is nothing to say. After a
//! few seconds it says which; whether it is connected at all is `no_peer`'s. What
//! may be here: the finding and its words; what it is found from is handed in.

use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, Instant};

use zlog_core::text::suggest::similarity;

/// How long nothing must have been shown before silence is explained: a topic of which
/// something comes every second or two is not silent, and listening to all topics costs
/// the publisher.
const EXPLAIN_AFTER: Duration = Duration::from_secs(3);

/// How long there must have been a connection: a publisher that has just come has more to
/// do than to publish.
const SETTLE_TIME: Duration = Duration::from_secs(1);

/// How often it is asked whether there is a connection, as long as that decides.
const CHECK_INTERVAL: Duration = Duration::from_millis(250);

/// The longest time between two looks; each waits twice as long as the one before.
const MAX_PAUSE: Duration = Duration::from_secs(60);

/// How long all topics are listened to, to see whether others are published.
pub(super) const PROBE_TIME: Duration = Duration::from_secs(1);

/// The most topics remembered while listening to all of them.
const MAX_TOPICS: usize = 1000;

/// The longest topic remembered whole, in bytes; of a longer one the beginning is.
/// Comparing two takes time by the product of their lengths, and anybody may send.
const MAX_TOPIC_BYTES: usize = 128;

/// How many of the nearest topics are named.
const NAMED: usize = 3;

/// What the silence is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Finding {
    /// Records came, and this many were left out by filters.
    Filtered(u64),
    /// Connected, and nothing is published.
    NothingPublished,
    /// Other topics are published; the nearest to what was asked for.
    OtherTopics(Vec<String>),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Finding::Filtered(1) => f.write_str("1 record came, and the filters left it out"),
            Finding::Filtered(n) => write!(f, "{n} records came, and the filters left them out"),
            Finding::NothingPublished => {
                f.write_str("connected, and nothing has been published yet")
            }
            Finding::OtherTopics(topics) => {
                let named: Vec<String> = topics.iter().map(|t| format!("`{t}`")).collect();
                write!(
                    f,
                    "connected, and records of other topics are published; nearest: {}",
                    named.join(", ")
                )
            }
        }
    }
}

/// What is to be done about a silence.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Action {
    /// Nothing now.
    None,
    /// Listen to all topics for [`PROBE_TIME`].
    SubscribeAll,
    /// Stop listening to all topics.
    UnsubscribeAll,
}

/// Watches a silence, from the start until the first record is shown.
#[derive(Debug)]
pub(super) struct NoOutputMonitor {
    wanted: Vec<String>,
    next_check: Instant,
    /// Not explained before.
    due: Instant,
    connected_since: Option<Instant>,
    pause: Duration,
    probe_until: Option<Instant>,
    topics: BTreeSet<String>,
    reported: Option<Finding>,
}

impl NoOutputMonitor {
    /// Begins at `now`; `wanted` are the topics asked for, none for all.
    pub(super) fn new(wanted: Vec<String>, now: Instant) -> NoOutputMonitor {
        NoOutputMonitor {
            wanted,
            next_check: now,
            due: now + EXPLAIN_AFTER,
            connected_since: None,
            pause: EXPLAIN_AFTER,
            probe_until: None,
            topics: BTreeSet::new(),
            reported: None,
        }
    }

    /// Whether all topics are listened to at the moment.
    pub(super) fn is_probing(&self) -> bool {
        self.probe_until.is_some()
    }

    /// A topic that is not wanted was seen while listening. Empty: a message without one.
    pub(super) fn observe_topic(&mut self, topic: &str) {
        let topic = if topic.is_empty() { "(no topic)" } else { truncated(topic) };
        if self.topics.len() < MAX_TOPICS && !self.topics.contains(topic) {
            self.topics.insert(topic.to_owned());
        }
    }

    /// Looks at the silence when it is time: what to do, and what to say if it is new.
    pub(super) fn check(
        &mut self,
        now: Instant,
        connected: impl FnOnce() -> bool,
        filtered: u64,
    ) -> (Action, Option<Finding>) {
        if let Some(until) = self.probe_until {
            if now < until {
                return (Action::None, None);
            }
            self.probe_until = None;
            let finding = self.conclude(filtered);
            return (Action::UnsubscribeAll, self.unless_reported(finding));
        }
        if now < self.next_check {
            return (Action::None, None);
        }
        if !connected() {
            self.connected_since = None;
            self.next_check = now + CHECK_INTERVAL;
            return (Action::None, None);
        }
        let settled = *self.connected_since.get_or_insert(now) + SETTLE_TIME;
        if now < self.due.max(settled) {
            self.next_check = now + CHECK_INTERVAL;
            return (Action::None, None);
        }
        self.pause = (self.pause * 2).min(MAX_PAUSE);
        self.next_check = now + self.pause;
        if filtered > 0 {
            return (Action::None, self.unless_reported(Finding::Filtered(filtered)));
        }
        if self.wanted.is_empty() {
            return (Action::None, self.unless_reported(Finding::NothingPublished));
        }
        self.probe_until = Some(now + PROBE_TIME);
        self.next_check += PROBE_TIME;
        (Action::SubscribeAll, None)
    }

    fn conclude(&mut self, filtered: u64) -> Finding {
        let topics = std::mem::take(&mut self.topics);
        match (topics.is_empty(), filtered) {
            (true, 0) => Finding::NothingPublished,
            (true, filtered) => Finding::Filtered(filtered),
            (false, _) => Finding::OtherTopics(nearest(&self.wanted, topics)),
        }
    }

    /// The finding, unless it is the one said last.
    fn unless_reported(&mut self, finding: Finding) -> Option<Finding> {
        // A count that grows is no news.
        let same = match (&self.reported, &finding) {
            (Some(Finding::Filtered(_)), Finding::Filtered(_)) => true,
            (reported, finding) => reported.as_ref() == Some(finding),
        };
        self.reported = Some(finding.clone());
        (!same).then_some(finding)
    }
}

/// As much of a topic as is remembered.
fn truncated(topic: &str) -> &str {
    let longest = MAX_TOPIC_BYTES.min(topic.len());
    let end = (0..=longest).rev().find(|at| topic.is_char_boundary(*at));
    &topic[..end.unwrap_or(0)]
}

/// The topics that are most like one of those wanted, nearest first.
fn nearest(wanted: &[String], topics: BTreeSet<String>) -> Vec<String> {
    let score = |topic: &str| {
        wanted.iter().map(|wanted| similarity(truncated(wanted), topic)).fold(0.0, f64::max)
    };
    let mut ranked: Vec<(f64, String)> =
        topics.into_iter().map(|topic| (score(&topic), topic)).collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    ranked.into_iter().take(NAMED).map(|(_, topic)| topic).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONNECTED: fn() -> bool = || true;

    /// A silence that began at `start`, with a connection from then on.
    fn connected(wanted: Vec<String>, start: Instant) -> NoOutputMonitor {
        let mut no_output = NoOutputMonitor::new(wanted, start);
        assert_eq!(no_output.check(start, CONNECTED, 0), (Action::None, None));
        no_output
    }

    #[test]
    fn nothing_is_said_before_a_few_seconds_have_passed() {
        let start = Instant::now();
        let mut no_output = NoOutputMonitor::new(vec![], start);
        let early = start + EXPLAIN_AFTER / 2;
        assert_eq!(no_output.check(early, CONNECTED, 0), (Action::None, None));
    }

    #[test]
    fn without_a_connection_there_is_nothing_to_look_into() {
        let start = Instant::now();
        let mut no_output = NoOutputMonitor::new(vec!["x".into()], start);
        assert_eq!(no_output.check(start + EXPLAIN_AFTER, || false, 0), (Action::None, None));
        let came = start + EXPLAIN_AFTER * 2;
        assert_eq!(no_output.check(came, CONNECTED, 0), (Action::None, None));
        let (action, _) = no_output.check(came + SETTLE_TIME, CONNECTED, 0);
        assert_eq!(action, Action::SubscribeAll);
    }

    /// As the clock goes: when the publisher comes, and when a silence is looked into.
    #[test]
    fn a_publisher_that_comes_late_is_not_waited_for_once_more() {
        let quarter = Duration::from_millis(250);
        for (comes, looked_into) in [(0, 12), (4, 12), (11, 15), (13, 17), (20, 24)] {
            let start = Instant::now();
            let mut no_output = NoOutputMonitor::new(vec!["x".into()], start);
            let first = (0..100).find(|at| {
                let (action, _) = no_output.check(start + quarter * *at, || *at >= comes, 0);
                action == Action::SubscribeAll
            });
            assert_eq!(first, Some(looked_into), "it comes after {comes} quarters of a second");
        }
    }

    #[test]
    fn nothing_published_is_told_once() {
        let start = Instant::now();
        let mut no_output = connected(vec![], start);
        let (_, first) = no_output.check(start + EXPLAIN_AFTER, CONNECTED, 0);
        assert_eq!(first, Some(Finding::NothingPublished));
        let later = start + MAX_PAUSE;
        assert_eq!(no_output.check(later, CONNECTED, 0), (Action::None, None), "no news");
    }

    #[test]
    fn a_misspelt_topic_is_answered_with_the_nearest_ones() {
        let start = Instant::now();
        let mut no_output = connected(vec!["myprogramm.ERROR".into()], start);
        let asked = start + EXPLAIN_AFTER;
        assert_eq!(no_output.check(asked, CONNECTED, 0), (Action::SubscribeAll, None));
        for topic in ["zebra.INFO", "myprogram.ERROR", "a.b", "c.d"] {
            no_output.observe_topic(topic);
        }
        let (action, finding) = no_output.check(asked + PROBE_TIME, CONNECTED, 0);
        assert_eq!(action, Action::UnsubscribeAll);
        let Some(Finding::OtherTopics(topics)) = finding else { panic!("{finding:?}") };
        assert_eq!((topics.len(), &*topics[0]), (NAMED, "myprogram.ERROR"));
    }

    #[test]
    fn of_a_topic_without_end_only_the_beginning_is_remembered() {
        let start = Instant::now();
        let mut no_output = connected(vec!["app.ERROR".into()], start);
        no_output.check(start + EXPLAIN_AFTER, CONNECTED, 0);
        no_output.observe_topic(&format!("app.INFO.{}", "ä".repeat(1_000_000)));
        let (_, finding) = no_output.check(start + EXPLAIN_AFTER + PROBE_TIME, CONNECTED, 0);
        let Some(Finding::OtherTopics(topics)) = finding else { panic!("{finding:?}") };
        assert!(topics[0].starts_with("app.INFO.ä") && topics[0].len() <= MAX_TOPIC_BYTES);
    }

    #[test]
    fn filters_that_leave_everything_out_are_named() {
        let start = Instant::now();
        let mut no_output = connected(vec!["x".into()], start);
        let (_, finding) = no_output.check(start + EXPLAIN_AFTER, CONNECTED, 7);
        assert_eq!(finding, Some(Finding::Filtered(7)));
    }
}
