//! Pipelines that can be measured, and which of them a sweep consists of.

use serde::{Deserialize, Serialize};
use zlog_core::text::choice::{Choice, Named};

use zlog_pipeline::handler::publish::Wire;

/// Most subscriptions that all subscribers of a publisher may have together: as
/// many as a publisher tells apart.
pub const MOST_SUBSCRIPTIONS: usize = 10_000;

/// Most records that a publisher sends when nothing says how many.
const MOST_RECORDS: u64 = 200_000;
/// Most bytes of messages that all subscribers get when nothing says how many
/// records: they are written to files.
const MOST_BYTES: u64 = 512 << 20;
/// Fewer would measure how programs start.
const LEAST_RECORDS: u64 = 1_000;

/// What is between publishers and subscribers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// TCP on loopback.
    Tcp,
    /// A socket of the file system.
    Ipc,
}

impl Choice for Transport {
    const CHOICES: &'static [Named<Transport>] = &[
        Named::new(Transport::Tcp, "tcp", "TCP on loopback"),
        Named::new(Transport::Ipc, "ipc", "A socket of the file system"),
    ];
}

/// What can be swept over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dimension {
    /// Bytes of a message.
    Size,
    /// Publishing processes.
    Publishers,
    /// Subscribing processes.
    Subscribers,
    /// Subscriptions of each subscriber.
    Topics,
}

impl Dimension {
    /// All of them, in the order of reports.
    pub const ALL: [Dimension; 4] =
        [Dimension::Size, Dimension::Publishers, Dimension::Subscribers, Dimension::Topics];

    /// As its option is called.
    pub const fn name(self) -> &'static str {
        match self {
            Dimension::Size => "size",
            Dimension::Publishers => "publishers",
            Dimension::Subscribers => "subscribers",
            Dimension::Topics => "topics",
        }
    }
}

/// Sizes and numbers of a pipeline.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Dimensions {
    /// Bytes of each message.
    pub size: usize,
    /// Publishing processes.
    pub publishers: usize,
    /// Subscribing processes; each gets every record.
    pub subscribers: usize,
    /// Subscriptions of each subscriber. One of them is that of the records; the
    /// others match none, but are looked through for each.
    pub topics: usize,
}

impl Dimensions {
    /// One of them.
    pub fn get(&self, dimension: Dimension) -> usize {
        match dimension {
            Dimension::Size => self.size,
            Dimension::Publishers => self.publishers,
            Dimension::Subscribers => self.subscribers,
            Dimension::Topics => self.topics,
        }
    }

    /// The same with another value for one of them.
    #[must_use]
    pub fn with(mut self, dimension: Dimension, value: usize) -> Dimensions {
        match dimension {
            Dimension::Size => self.size = value,
            Dimension::Publishers => self.publishers = value,
            Dimension::Subscribers => self.subscribers = value,
            Dimension::Topics => self.topics = value,
        }
        self
    }

    /// Records for each publisher when nothing says how many.
    pub fn default_count(&self) -> u64 {
        let copies = (self.size as u64)
            .saturating_mul(self.publishers as u64)
            .saturating_mul(self.subscribers as u64);
        (MOST_BYTES / copies.max(1)).clamp(LEAST_RECORDS, MOST_RECORDS)
    }
}

/// A pipeline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
    /// What is in between.
    pub transport: Transport,
    /// What bodies are written as.
    pub wire: Wire,
    /// Sizes and numbers.
    pub dimensions: Dimensions,
    /// Records that each publisher sends.
    pub count: u64,
}

impl Shape {
    /// Records that all publishers send together.
    pub fn sent(&self) -> u64 {
        self.count.saturating_mul(self.dimensions.publishers as u64)
    }

    /// Records that are to arrive, over all subscribers.
    pub fn wanted(&self) -> u64 {
        self.sent().saturating_mul(self.dimensions.subscribers as u64)
    }
}

/// The name of a wire format in options and reports.
pub(super) const fn wire_name(wire: Wire) -> &'static str {
    match wire {
        Wire::Json => "json",
        Wire::Text => "text",
    }
}

/// The base, which the first values make, and each further value with all else as
/// in the base. Without a value for one of them there is no sweep. No point comes twice.
pub fn sweep(values: &[(Dimension, &[usize])]) -> Vec<Dimensions> {
    let mut base = Dimensions { size: 1, publishers: 1, subscribers: 1, topics: 1 };
    for (dimension, values) in values {
        let Some(first) = values.first() else { return Vec::new() };
        base = base.with(*dimension, *first);
    }
    let mut all = vec![base];
    for (dimension, values) in values {
        for value in values.iter().skip(1) {
            let point = base.with(*dimension, *value);
            if !all.contains(&point) {
                all.push(point);
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_sweep_changes_one_thing_at_a_time() {
        let all = sweep(&[
            (Dimension::Size, &[100, 1000]),
            (Dimension::Publishers, &[1]),
            (Dimension::Subscribers, &[1, 2, 4]),
            (Dimension::Topics, &[1, 1]),
        ]);
        let point = |size, subscribers| Dimensions { size, publishers: 1, subscribers, topics: 1 };
        assert_eq!(all, [point(100, 1), point(1000, 1), point(100, 2), point(100, 4)]);
        assert_eq!(sweep(&[(Dimension::Size, &[])]), []);
    }

    #[test]
    fn large_messages_and_many_subscribers_get_fewer_records() {
        let count = |size, subscribers| {
            Dimensions { size, publishers: 1, subscribers, topics: 1 }.default_count()
        };
        assert_eq!(count(100, 1), MOST_RECORDS);
        assert_eq!(count(64 << 10, 1), (512 << 20) / (64 << 10));
        assert_eq!(count(64 << 10, 4), (128 << 20) / (64 << 10));
        assert_eq!(count(usize::MAX, 7), LEAST_RECORDS);
    }

    proptest! {
        #[test]
        fn no_point_comes_twice_and_the_base_comes_first(
            sizes in prop::collection::vec(1usize..4, 1..6),
            topics in prop::collection::vec(1usize..4, 1..6),
        ) {
            let all = sweep(&[(Dimension::Size, &sizes), (Dimension::Topics, &topics)]);
            prop_assert_eq!((all[0].size, all[0].topics), (sizes[0], topics[0]));
            for (at, point) in all.iter().enumerate() {
                prop_assert!(!all[..at].contains(point));
                prop_assert!(point.size == sizes[0] || point.topics == topics[0]);
            }
            prop_assert!(sizes.iter().all(|size| all.iter().any(|point| point.size == *size)));
        }
    }
}
