//! Counts in bounded memory: senders choose the values that are counted.

use crate::topic_table::TopicTable;

/// The most values that are counted one by one. A sender that puts a number into its topics
/// must not take all memory.
const MAX_VALUES: usize = 10_000;

/// The number of records for each value, which has two parts.
#[derive(Debug)]
pub(super) struct Counts {
    values: TopicTable<u64>,
    /// Records of values that the table has refused or forgotten.
    others: u64,
}

impl Counts {
    pub(super) fn new() -> Counts {
        Counts { values: TopicTable::new(MAX_VALUES), others: 0 }
    }

    /// Counts one record. Allocates only for a value's first.
    pub(super) fn add(&mut self, first: &str, second: &str) {
        let others = &mut self.others;
        let forget = |count: &mut u64| {
            *others += *count;
            true
        };
        match self.values.get_or_insert_with(first, second, || 0, forget) {
            Some(count) => *count += 1,
            None => self.others += 1,
        }
    }

    /// Each value and its number of records, in the order in which they were added.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str, u64)> {
        self.values.iter().map(|(first, second, count)| (first, second, *count))
    }

    /// The number of different values that are counted one by one.
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// Records of other values.
    pub(super) fn others(&self) -> u64 {
        self.others
    }

    /// All records.
    pub(super) fn total(&self) -> u64 {
        self.iter().map(|(.., count)| count).sum::<u64>() + self.others
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_values_and_too_long_ones_are_counted_together() {
        let mut counts = Counts::new();
        for n in 0..2 * MAX_VALUES {
            counts.add("", &n.to_string());
        }
        counts.add("", &"t".repeat(1 << 20));
        assert!(counts.len() <= MAX_VALUES, "{}", counts.len());
        assert_eq!(counts.total(), 2 * MAX_VALUES as u64 + 1);
        assert_eq!(counts.others(), counts.total() - counts.len() as u64);
    }
}
