//! Pipelines that can be measured, and the points of a sweep.

use serde::{Deserialize, Serialize};

use zlog_pipeline::handler::publish::Wire;

/// How many subscriptions of all subscribers together a publisher can track.
pub const MAX_SUBSCRIPTIONS: usize = 10_000;

/// Default number of records per publisher, for small messages.
const MAX_RECORDS: u64 = 200_000;
/// Limit on the bytes that all subscribers write to files by default.
const MAX_BYTES: u64 = 512 << 20;
/// With fewer records, a run would mostly measure how programs start.
const MIN_RECORDS: u64 = 1_000;

/// How records travel between publishers and subscribers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// TCP on loopback.
    Tcp,
    /// A Unix socket.
    Ipc,
}

impl Transport {
    /// The name in endpoints.
    pub const fn name(self) -> &'static str {
        match self {
            Transport::Tcp => "tcp",
            Transport::Ipc => "ipc",
        }
    }
}

/// A property that can be swept.
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

    /// The name of its option.
    pub const fn name(self) -> &'static str {
        match self {
            Dimension::Size => "size",
            Dimension::Publishers => "publishers",
            Dimension::Subscribers => "subscribers",
            Dimension::Topics => "topics",
        }
    }
}

/// The properties of a pipeline that can be swept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Dimensions {
    /// Bytes of each message.
    pub size: usize,
    /// Publishing processes.
    pub publishers: usize,
    /// Subscribing processes; each gets every record.
    pub subscribers: usize,
    /// Subscriptions of each subscriber. One is that of the records; the others match
    /// nothing, but are searched for each record.
    pub topics: usize,
}

impl Dimensions {
    /// The value of one dimension.
    pub fn get(&self, dimension: Dimension) -> usize {
        match dimension {
            Dimension::Size => self.size,
            Dimension::Publishers => self.publishers,
            Dimension::Subscribers => self.subscribers,
            Dimension::Topics => self.topics,
        }
    }

    /// Replaces the value of one dimension.
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

    /// Default number of records per publisher.
    pub fn default_count(&self) -> u64 {
        let copies = (self.size as u64)
            .saturating_mul(self.publishers as u64)
            .saturating_mul(self.subscribers as u64);
        (MAX_BYTES / copies.max(1)).clamp(MIN_RECORDS, MAX_RECORDS)
    }
}

/// A pipeline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Scenario {
    /// How records travel.
    pub transport: Transport,
    /// The format of bodies.
    pub wire: Wire,
    /// The properties that can be swept.
    pub dimensions: Dimensions,
    /// Records that each publisher sends.
    pub count: u64,
}

impl Scenario {
    /// Records sent by all publishers.
    pub fn sent(&self) -> u64 {
        self.count.saturating_mul(self.dimensions.publishers as u64)
    }

    /// Records that should arrive, over all subscribers.
    pub fn expected(&self) -> u64 {
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

/// The points of a sweep, without duplicates: the base, made of the first value of each
/// dimension, then each further value with the others as in the base. Empty if a dimension
/// has no value.
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
        assert_eq!(count(100, 1), MAX_RECORDS);
        assert_eq!(count(64 << 10, 1), (512 << 20) / (64 << 10));
        assert_eq!(count(64 << 10, 4), (128 << 20) / (64 << 10));
        assert_eq!(count(usize::MAX, 7), MIN_RECORDS);
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
