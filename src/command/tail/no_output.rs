//! Diagnoses why a connected `tail` shows nothing.
//!
//! A misspelt topic, filters that are too narrow and a publisher that is idle look the same.
//! After a few seconds `tail` says which it is. A `tail` without a connection is the
//! business of `no_peer`.

use std::time::{Duration, Instant};

use zlog_core::text::prefix;
use zlog_core::text::suggest::similarity;
use zlog_core::topic_table::TopicTable;

/// How long nothing must have been shown before it is explained. A topic with a record every
/// second or two needs no explanation, and a subscription to all topics costs the publisher.
const EXPLAIN_AFTER: Duration = Duration::from_secs(3);

/// How long a connection must have lasted. A publisher that has just started has other work
/// to do before it publishes.
const SETTLE_TIME: Duration = Duration::from_secs(1);

/// How often the connection is checked while there is none, or none that has settled.
const CHECK_INTERVAL: Duration = Duration::from_millis(250);

/// The longest time between two checks. Each waits twice as long as the one before.
const MAX_PAUSE: Duration = Duration::from_secs(60);

/// How long `tail` subscribes to all topics, to see whether others are published.
const PROBE_TIME: Duration = Duration::from_secs(1);

/// The most topics remembered during a probe.
const MAX_TOPICS: usize = 1000;

/// Topics are cut after this many bytes. Comparing two takes time proportional to the product
/// of their lengths, and any sender may choose them.
const MAX_TOPIC_BYTES: usize = 128;

/// How many of the nearest topics are named.
const NAMED: usize = 3;

/// Why nothing is shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Finding {
    /// The filters left out all records received, this many.
    Filtered(u64),
    /// There is a connection, and nothing is published.
    NothingPublished,
    /// Other topics are published. These are the most similar to those asked for.
    OtherTopics(Vec<String>),
    /// Publishers were connected, too briefly to see their topics. These were asked for.
    Left(Vec<String>),
}

impl Finding {
    /// The lines that report it. `none_passes` gives those about records that were left out.
    pub(super) fn lines(&self, none_passes: impl FnOnce(u64) -> Vec<String>) -> Vec<String> {
        let text = match self {
            Finding::Filtered(records) => return none_passes(*records),
            Finding::NothingPublished => "connected, and nothing has been published yet".to_owned(),
            Finding::OtherTopics(topics) => format!(
                "connected, and records of other topics are published; nearest: {}",
                quoted(topics)
            ),
            Finding::Left(wanted) => format!(
                "a publisher has come and gone without a record of {}. Without a topic, `zlog tail` \
                 shows what is published",
                quoted(wanted)
            ),
        };
        vec![text]
    }
}

fn quoted(topics: &[String]) -> String {
    topics.iter().map(|topic| format!("`{topic}`")).collect::<Vec<_>>().join(", ")
}

/// The caller's next action.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Action {
    /// Nothing.
    None,
    /// Subscribe to all topics: a probe begins.
    SubscribeAll,
    /// Cancel the subscription to all topics: the probe is over.
    UnsubscribeAll,
}

/// Diagnoses missing output, from the start until the first record is shown.
#[derive(Debug)]
pub(super) struct NoOutputMonitor {
    wanted: Vec<String>,
    next_check: Instant,
    /// When an explanation is due at the earliest.
    due: Instant,
    connected_since: Option<Instant>,
    pause: Duration,
    probe_until: Option<Instant>,
    /// Topics seen during the probe.
    topics: TopicTable<()>,
    reported: Option<Finding>,
    /// Whether a publisher has left, which is reported once.
    has_left: bool,
    reported_left: bool,
}

impl NoOutputMonitor {
    /// Starts at `now`. `wanted` are the topics asked for; none means all.
    pub(super) fn new(wanted: Vec<String>, now: Instant) -> NoOutputMonitor {
        NoOutputMonitor {
            wanted,
            next_check: now,
            due: now + EXPLAIN_AFTER,
            connected_since: None,
            pause: EXPLAIN_AFTER,
            probe_until: None,
            topics: TopicTable::new(MAX_TOPICS),
            reported: None,
            has_left: false,
            reported_left: false,
        }
    }

    /// When the next check is due.
    pub(super) fn due(&self) -> Instant {
        self.probe_until.unwrap_or(self.next_check)
    }

    /// Whether `tail` is subscribed to all topics for a probe.
    pub(super) fn is_probing(&self) -> bool {
        self.probe_until.is_some()
    }

    /// Notes a topic that was seen during a probe and was not asked for. It is empty for a
    /// message without a topic.
    pub(super) fn observe_topic(&mut self, topic: &str) {
        let topic = if topic.is_empty() { "(no topic)" } else { prefix(topic, MAX_TOPIC_BYTES) };
        // Beyond the table's bound a suggestion may miss a topic.
        let _ = self.topics.get_or_insert_with("", topic, || (), |()| true);
    }

    /// Notes that a publisher has left. Many live for less than [`EXPLAIN_AFTER`], so that no probe sees
    /// their topics.
    pub(super) fn publisher_left(&mut self) {
        self.has_left = true;
    }

    /// Runs a check when one is due. Returns what to do, and the finding if it is a new one.
    /// `filtered` is how many records the filters have left out.
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
            return (Action::None, self.left(now, filtered));
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

    /// Says once that publishers have left without a record, unless all topics are asked for.
    fn left(&mut self, now: Instant, filtered: u64) -> Option<Finding> {
        let is_new =
            self.has_left && !self.reported_left && self.reported.is_none() && now >= self.due;
        if !is_new || filtered > 0 || self.wanted.is_empty() {
            return None;
        }
        self.reported_left = true;
        let cut = |topic: &String| prefix(topic, MAX_TOPIC_BYTES).to_owned();
        Some(Finding::Left(self.wanted.iter().take(NAMED).map(cut).collect()))
    }

    fn conclude(&mut self, filtered: u64) -> Finding {
        let finding = match (self.topics.is_empty(), filtered) {
            (true, 0) => Finding::NothingPublished,
            (true, filtered) => Finding::Filtered(filtered),
            (false, _) => {
                let topics = self.topics.iter().map(|(_, topic, ())| topic);
                Finding::OtherTopics(nearest(&self.wanted, topics))
            }
        };
        self.topics.clear();
        finding
    }

    /// The finding, unless it was the last one reported.
    fn unless_reported(&mut self, finding: Finding) -> Option<Finding> {
        // A count that has grown is not reported again.
        let same = match (&self.reported, &finding) {
            (Some(Finding::Filtered(_)), Finding::Filtered(_)) => true,
            (reported, finding) => reported.as_ref() == Some(finding),
        };
        self.reported = Some(finding.clone());
        (!same).then_some(finding)
    }
}

/// The topics that are most similar to one of those wanted, the most similar first.
fn nearest<'t>(wanted: &[String], topics: impl Iterator<Item = &'t str>) -> Vec<String> {
    let score = |topic: &str| {
        wanted
            .iter()
            .map(|wanted| similarity(prefix(wanted, MAX_TOPIC_BYTES), topic))
            .fold(0.0, f64::max)
    };
    let mut ranked: Vec<(f64, &str)> = topics.map(|topic| (score(topic), topic)).collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    ranked.into_iter().take(NAMED).map(|(_, topic)| topic.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONNECTED: fn() -> bool = || true;

    /// A monitor started at `start`, with a connection from then on.
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
    fn nothing_is_explained_without_a_connection() {
        let start = Instant::now();
        let mut no_output = NoOutputMonitor::new(vec!["x".into()], start);
        assert_eq!(no_output.check(start + EXPLAIN_AFTER, || false, 0), (Action::None, None));
        let came = start + EXPLAIN_AFTER * 2;
        assert_eq!(no_output.check(came, CONNECTED, 0), (Action::None, None));
        let (action, _) = no_output.check(came + SETTLE_TIME, CONNECTED, 0);
        assert_eq!(action, Action::SubscribeAll);
    }

    /// When the publisher comes, and when the probe begins, in quarters of a second.
    #[test]
    fn a_publisher_that_starts_late_delays_the_probe_by_the_settle_time_only() {
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
    fn nothing_published_is_reported_once() {
        let start = Instant::now();
        let mut no_output = connected(vec![], start);
        let (_, first) = no_output.check(start + EXPLAIN_AFTER, CONNECTED, 0);
        assert_eq!(first, Some(Finding::NothingPublished));
        let later = start + MAX_PAUSE;
        assert_eq!(no_output.check(later, CONNECTED, 0), (Action::None, None), "no news");
    }

    #[test]
    fn a_misspelt_topic_is_answered_with_the_most_similar_ones() {
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
    fn publishers_that_left_before_a_probe_are_reported_once_and_only_for_topics() {
        let start = Instant::now();
        let later = |checks: u32| start + EXPLAIN_AFTER + CHECK_INTERVAL * checks;
        for (wanted, filtered, expected) in [
            (vec!["myprogam.ERROR".to_owned()], 0, true),
            (vec!["myprogam.ERROR".to_owned()], 1, false),
            (vec![], 0, false),
        ] {
            let mut no_output = connected(wanted.clone(), start);
            assert_eq!(no_output.check(later(0), || false, filtered), (Action::None, None));
            no_output.publisher_left();
            let (_, finding) = no_output.check(later(1), || false, filtered);
            assert_eq!(finding, expected.then_some(Finding::Left(wanted)));
            no_output.publisher_left();
            assert_eq!(no_output.check(later(2), || false, filtered), (Action::None, None));
        }
    }

    #[test]
    fn a_long_topic_is_cut() {
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
