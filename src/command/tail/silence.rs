//! Why a terminal stays silent: which of the things that it can be it is.
//!
//! A `tail` that is connected and has nothing to show looks the same whether the
//! topic is misspelt, filters are too narrow or there is nothing to say. After a
//! few seconds it says which; whether it is connected at all is `absence`'s. What
//! may be here: the finding and its words; what it is found from is handed in.

use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, Instant};

use zlog_core::text::suggest::similarity;

/// How long nothing must have been shown before silence is explained: a topic of which
/// something comes every second or two is not silent, and listening to all topics costs
/// the publisher.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long there must have been a connection: a publisher that has just come has more to
/// do than to publish.
const SETTLED: Duration = Duration::from_secs(1);

/// How often it is asked whether there is a connection, as long as that decides.
const LOOK: Duration = Duration::from_millis(250);

/// The longest time between two looks; each waits twice as long as the one before.
const LONGEST: Duration = Duration::from_secs(60);

/// How long all topics are listened to, to see whether others are published.
pub(super) const PROBE: Duration = Duration::from_secs(1);

/// The most topics remembered while listening to all of them.
const MOST_TOPICS: usize = 1000;

/// The longest topic remembered whole, in bytes; of a longer one the beginning is.
/// Comparing two takes time by the product of their lengths, and anybody may send.
const LONGEST_TOPIC: usize = 128;

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
pub(super) enum Step {
    /// Nothing now.
    Wait,
    /// Listen to all topics for [`PROBE`].
    Listen,
    /// Stop listening to all topics.
    StopListening,
}

/// Watches a silence, from the start until the first record is shown.
#[derive(Debug)]
pub(super) struct Silence {
    wanted: Vec<String>,
    next_look: Instant,
    /// Not explained before.
    due: Instant,
    connected_since: Option<Instant>,
    pause: Duration,
    listening_until: Option<Instant>,
    topics: BTreeSet<String>,
    said: Option<Finding>,
}

impl Silence {
    /// Begins at `now`; `wanted` are the topics asked for, none for all.
    pub(super) fn new(wanted: Vec<String>, now: Instant) -> Silence {
        Silence {
            wanted,
            next_look: now,
            due: now + PATIENCE,
            connected_since: None,
            pause: PATIENCE,
            listening_until: None,
            topics: BTreeSet::new(),
            said: None,
        }
    }

    /// Whether all topics are listened to at the moment.
    pub(super) fn listening(&self) -> bool {
        self.listening_until.is_some()
    }

    /// A topic that is not wanted was seen while listening. Empty: a message without one.
    pub(super) fn saw(&mut self, topic: &str) {
        let topic = if topic.is_empty() { "(no topic)" } else { beginning(topic) };
        if self.topics.len() < MOST_TOPICS && !self.topics.contains(topic) {
            self.topics.insert(topic.to_owned());
        }
    }

    /// Looks at the silence when it is time: what to do, and what to say if it is new.
    pub(super) fn look(
        &mut self,
        now: Instant,
        connected: impl FnOnce() -> bool,
        filtered: u64,
    ) -> (Step, Option<Finding>) {
        if let Some(until) = self.listening_until {
            if now < until {
                return (Step::Wait, None);
            }
            self.listening_until = None;
            let finding = self.heard(filtered);
            return (Step::StopListening, self.say(finding));
        }
        if now < self.next_look {
            return (Step::Wait, None);
        }
        if !connected() {
            self.connected_since = None;
            self.next_look = now + LOOK;
            return (Step::Wait, None);
        }
        let settled = *self.connected_since.get_or_insert(now) + SETTLED;
        if now < self.due.max(settled) {
            self.next_look = now + LOOK;
            return (Step::Wait, None);
        }
        self.pause = (self.pause * 2).min(LONGEST);
        self.next_look = now + self.pause;
        if filtered > 0 {
            return (Step::Wait, self.say(Finding::Filtered(filtered)));
        }
        if self.wanted.is_empty() {
            return (Step::Wait, self.say(Finding::NothingPublished));
        }
        self.listening_until = Some(now + PROBE);
        self.next_look += PROBE;
        (Step::Listen, None)
    }

    fn heard(&mut self, filtered: u64) -> Finding {
        let topics = std::mem::take(&mut self.topics);
        match (topics.is_empty(), filtered) {
            (true, 0) => Finding::NothingPublished,
            (true, filtered) => Finding::Filtered(filtered),
            (false, _) => Finding::OtherTopics(nearest(&self.wanted, topics)),
        }
    }

    /// The finding, unless it is the one said last.
    fn say(&mut self, finding: Finding) -> Option<Finding> {
        // A count that grows is no news.
        let same = match (&self.said, &finding) {
            (Some(Finding::Filtered(_)), Finding::Filtered(_)) => true,
            (said, finding) => said.as_ref() == Some(finding),
        };
        self.said = Some(finding.clone());
        (!same).then_some(finding)
    }
}

/// As much of a topic as is remembered.
fn beginning(topic: &str) -> &str {
    let longest = LONGEST_TOPIC.min(topic.len());
    let end = (0..=longest).rev().find(|at| topic.is_char_boundary(*at));
    &topic[..end.unwrap_or(0)]
}

/// The topics that are most like one of those wanted, nearest first.
fn nearest(wanted: &[String], topics: BTreeSet<String>) -> Vec<String> {
    let likeness = |topic: &str| {
        wanted.iter().map(|wanted| similarity(beginning(wanted), topic)).fold(0.0, f64::max)
    };
    let mut ranked: Vec<(f64, String)> =
        topics.into_iter().map(|topic| (likeness(&topic), topic)).collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    ranked.into_iter().take(NAMED).map(|(_, topic)| topic).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONNECTED: fn() -> bool = || true;

    /// A silence that began at `start`, with a connection from then on.
    fn connected(wanted: Vec<String>, start: Instant) -> Silence {
        let mut silence = Silence::new(wanted, start);
        assert_eq!(silence.look(start, CONNECTED, 0), (Step::Wait, None));
        silence
    }

    #[test]
    fn nothing_is_said_before_a_few_seconds_have_passed() {
        let start = Instant::now();
        let mut silence = Silence::new(vec![], start);
        let early = start + PATIENCE / 2;
        assert_eq!(silence.look(early, CONNECTED, 0), (Step::Wait, None));
    }

    #[test]
    fn without_a_connection_there_is_nothing_to_look_into() {
        let start = Instant::now();
        let mut silence = Silence::new(vec!["x".into()], start);
        assert_eq!(silence.look(start + PATIENCE, || false, 0), (Step::Wait, None));
        let came = start + PATIENCE * 2;
        assert_eq!(silence.look(came, CONNECTED, 0), (Step::Wait, None));
        let (step, _) = silence.look(came + SETTLED, CONNECTED, 0);
        assert_eq!(step, Step::Listen);
    }

    /// As the clock goes: when the publisher comes, and when a silence is looked into.
    #[test]
    fn a_publisher_that_comes_late_is_not_waited_for_once_more() {
        let quarter = Duration::from_millis(250);
        for (comes, looked_into) in [(0, 12), (4, 12), (11, 15), (13, 17), (20, 24)] {
            let start = Instant::now();
            let mut silence = Silence::new(vec!["x".into()], start);
            let first = (0..100).find(|at| {
                let (step, _) = silence.look(start + quarter * *at, || *at >= comes, 0);
                step == Step::Listen
            });
            assert_eq!(first, Some(looked_into), "it comes after {comes} quarters of a second");
        }
    }

    #[test]
    fn nothing_published_is_told_once() {
        let start = Instant::now();
        let mut silence = connected(vec![], start);
        let (_, first) = silence.look(start + PATIENCE, CONNECTED, 0);
        assert_eq!(first, Some(Finding::NothingPublished));
        let later = start + LONGEST;
        assert_eq!(silence.look(later, CONNECTED, 0), (Step::Wait, None), "no news");
    }

    #[test]
    fn a_misspelt_topic_is_answered_with_the_nearest_ones() {
        let start = Instant::now();
        let mut silence = connected(vec!["myprogramm.ERROR".into()], start);
        let asked = start + PATIENCE;
        assert_eq!(silence.look(asked, CONNECTED, 0), (Step::Listen, None));
        for topic in ["zebra.INFO", "myprogram.ERROR", "a.b", "c.d"] {
            silence.saw(topic);
        }
        let (step, finding) = silence.look(asked + PROBE, CONNECTED, 0);
        assert_eq!(step, Step::StopListening);
        let Some(Finding::OtherTopics(topics)) = finding else { panic!("{finding:?}") };
        assert_eq!((topics.len(), &*topics[0]), (NAMED, "myprogram.ERROR"));
    }

    #[test]
    fn of_a_topic_without_end_only_the_beginning_is_remembered() {
        let start = Instant::now();
        let mut silence = connected(vec!["app.ERROR".into()], start);
        silence.look(start + PATIENCE, CONNECTED, 0);
        silence.saw(&format!("app.INFO.{}", "ä".repeat(1_000_000)));
        let (_, finding) = silence.look(start + PATIENCE + PROBE, CONNECTED, 0);
        let Some(Finding::OtherTopics(topics)) = finding else { panic!("{finding:?}") };
        assert!(topics[0].starts_with("app.INFO.ä") && topics[0].len() <= LONGEST_TOPIC);
    }

    #[test]
    fn filters_that_leave_everything_out_are_named() {
        let start = Instant::now();
        let mut silence = connected(vec!["x".into()], start);
        let (_, finding) = silence.look(start + PATIENCE, CONNECTED, 7);
        assert_eq!(finding, Some(Finding::Filtered(7)));
    }
}
