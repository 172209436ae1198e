//! A bounded table of what is known about each topic.
//!
//! Topics, sources and logger names come from outside, and a sender may put a number into
//! them, so every table of them needs a bound. All tables in zlog share this one and its
//! policy.
//!
//! # When the table is full
//! A new key takes the place of keys that have gone unused for the last `capacity`
//! look-ups. Where all were used since then, the new key is refused. Both are counted
//! ([`TopicTable::forgotten`], [`TopicTable::refused`]). Keys in use are therefore never
//! pushed out by a flood of new ones, and finding the unused ones costs no more than
//! one step for each look-up. A key longer than [`MAX_KEY_BYTES`] is always refused.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};

/// The longest key, scope and topic together. Longer ones would cost more memory than
/// what is known about them is worth.
pub const MAX_KEY_BYTES: usize = 1024;

/// Maps a scope and a topic to a value.
///
/// The scope separates equal topics: the source of the records, the logger's name, or
/// `""` where a topic stands for itself.
#[derive(Clone, Debug)]
pub struct TopicTable<V> {
    capacity: usize,
    entries: Vec<Entry<V>>,
    /// Positions in `entries` by the hash of the key, so that looking up two strings needs
    /// no key built from both. Of two keys with the same 64-bit hash the second is refused.
    index: HashMap<u64, usize, BuildHasherDefault<KeepHash>>,
    hasher: RandomState,
    /// The entry used last: records of one topic tend to come in a row.
    last: usize,
    /// Look-ups since unused entries were last forgotten.
    lookups: usize,
    forgotten: u64,
    refused: u64,
}

#[derive(Clone, Debug)]
struct Entry<V> {
    scope: Box<str>,
    topic: Box<str>,
    hash: u64,
    /// Whether it was looked up since unused entries were last forgotten.
    used: bool,
    value: V,
}

impl<V> Entry<V> {
    fn is(&self, scope: &str, topic: &str) -> bool {
        *self.topic == *topic && *self.scope == *scope
    }
}

impl<V> TopicTable<V> {
    /// A table of at most `capacity` keys.
    pub fn new(capacity: usize) -> TopicTable<V> {
        TopicTable {
            capacity,
            entries: Vec::new(),
            index: HashMap::default(),
            hasher: RandomState::new(),
            last: 0,
            lookups: 0,
            forgotten: 0,
            refused: 0,
        }
    }

    /// The value of a key; `new` makes the value of a key that the table does not hold yet.
    /// `None` when the key is refused.
    ///
    /// In a full table, `forget` is asked about each unused entry, and may keep it. Allocates
    /// only for a new key.
    pub fn get_or_insert_with(
        &mut self,
        scope: &str,
        topic: &str,
        new: impl FnOnce() -> V,
        forget: impl FnMut(&mut V) -> bool,
    ) -> Option<&mut V> {
        self.lookups = self.lookups.saturating_add(1);
        self.last = match self.find(scope, topic) {
            Ok(position) => position,
            Err(hash) if self.has_room(scope.len() + topic.len(), hash, forget) => {
                let position = self.entries.len();
                self.index.insert(hash, position);
                let (scope, topic) = (scope.into(), topic.into());
                self.entries.push(Entry { scope, topic, hash, used: true, value: new() });
                position
            }
            Err(_) => {
                self.refused += 1;
                return None;
            }
        };
        let entry = &mut self.entries[self.last];
        entry.used = true;
        Some(&mut entry.value)
    }

    /// The value of a key that the table holds. Counts as use.
    pub fn get(&mut self, scope: &str, topic: &str) -> Option<&mut V> {
        let position = self.find(scope, topic).ok()?;
        let entry = &mut self.entries[position];
        entry.used = true;
        Some(&mut entry.value)
    }

    /// The position of a key, or its hash when the table does not hold it.
    fn find(&self, scope: &str, topic: &str) -> Result<usize, u64> {
        if self.entries.get(self.last).is_some_and(|entry| entry.is(scope, topic)) {
            return Ok(self.last);
        }
        let hash = self.hasher.hash_one((scope, topic));
        let position = self.index.get(&hash).copied();
        position.filter(|position| self.entries[*position].is(scope, topic)).ok_or(hash)
    }

    /// Whether a new key is accepted, after forgetting unused ones if need be.
    fn has_room(&mut self, bytes: usize, hash: u64, forget: impl FnMut(&mut V) -> bool) -> bool {
        if bytes > MAX_KEY_BYTES || self.index.contains_key(&hash) {
            return false;
        }
        if self.entries.len() >= self.capacity && self.lookups >= self.capacity {
            self.forget_unused(forget);
        }
        self.entries.len() < self.capacity
    }

    fn forget_unused(&mut self, mut forget: impl FnMut(&mut V) -> bool) {
        self.lookups = 0;
        let before = self.entries.len();
        self.entries
            .retain_mut(|entry| std::mem::take(&mut entry.used) || !forget(&mut entry.value));
        self.forgotten += (before - self.entries.len()) as u64;
        self.index.clear();
        self.index.extend(self.entries.iter().enumerate().map(|(at, entry)| (entry.hash, at)));
    }

    /// All entries: scope, topic and value, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, &V)> {
        self.entries.iter().map(|entry| (&*entry.scope, &*entry.topic, &entry.value))
    }

    /// As [`TopicTable::iter`], with values that can be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&str, &str, &mut V)> {
        self.entries.iter_mut().map(|entry| (&*entry.scope, &*entry.topic, &mut entry.value))
    }

    /// How many keys the table holds.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether the table holds no key.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many unused entries have made room for others.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// How many look-ups were refused: the key was too long, or all others were in use.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Empties the table. Its counts begin again.
    pub fn clear(&mut self) {
        *self = TopicTable { hasher: self.hasher.clone(), ..TopicTable::new(self.capacity) };
    }
}

/// Passes on a hash that is the key already.
#[derive(Clone, Default)]
struct KeepHash(u64);

impl Hasher for KeepHash {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn count(table: &mut TopicTable<u64>, scope: &str, topic: &str) -> Option<u64> {
        let value = table.get_or_insert_with(scope, topic, || 0, |_| true)?;
        *value += 1;
        Some(*value)
    }

    #[test]
    fn a_full_table_refuses_new_keys_while_all_others_are_in_use() {
        let mut table = TopicTable::new(3);
        for _ in 0..4 {
            for topic in ["a", "b", "c"] {
                count(&mut table, "", topic);
            }
        }
        // The first refusal marks all entries as unused; each is used again before the next.
        assert_eq!(count(&mut table, "", "new"), None);
        for topic in ["a", "b", "c"] {
            count(&mut table, "", topic);
        }
        assert_eq!(count(&mut table, "", "new"), None);
        assert_eq!((table.len(), table.refused(), table.forgotten()), (3, 2, 0));
        assert_eq!(count(&mut table, "", "a"), Some(6));
    }

    #[test]
    fn unused_keys_make_room_and_are_counted() {
        let mut table = TopicTable::new(100);
        for round in 0..1000 {
            count(&mut table, "", "used");
            count(&mut table, "", &format!("once {round}"));
            assert!(table.len() <= 100);
        }
        assert_eq!(count(&mut table, "", "used"), Some(1001));
        let accepted = table.len() as u64 + table.forgotten();
        assert_eq!(accepted + table.refused(), 1001);
        assert!(table.forgotten() > 400, "{} forgotten", table.forgotten());
    }

    #[test]
    fn the_owner_may_keep_an_unused_entry() {
        let mut table = TopicTable::new(2);
        let mut add = |topic: &str, value| {
            table.get_or_insert_with("", topic, || value, |value| *value != "keep").is_some()
        };
        assert!(add("a", "keep") && add("b", "forget"));
        // The first look-up beyond the capacity marks entries as unused, the next ones forget.
        while !add("c", "new") {}
        let topics: Vec<_> = table.iter().map(|(_, topic, _)| topic.to_owned()).collect();
        assert_eq!(topics, ["a", "c"]);
    }

    #[test]
    fn a_key_that_is_too_long_is_refused() {
        let mut table = TopicTable::new(10);
        assert_eq!(count(&mut table, "s", &"t".repeat(MAX_KEY_BYTES - 1)), Some(1));
        assert_eq!(count(&mut table, "s", &"t".repeat(MAX_KEY_BYTES)), None);
        assert_eq!((table.len(), table.refused()), (1, 1));
    }

    #[test]
    fn clear_empties_the_table_and_its_counts() {
        let mut table = TopicTable::new(1);
        assert_eq!((count(&mut table, "", "a"), count(&mut table, "", "b")), (Some(1), None));
        table.clear();
        assert_eq!((table.is_empty(), table.refused()), (true, 0));
        assert_eq!(count(&mut table, "", "b"), Some(1));
    }

    proptest! {
        /// Whatever is looked up, a value belongs to its own scope and topic, and what was
        /// not forgotten is what a plain map has.
        #[test]
        fn values_are_those_of_a_plain_map_until_they_are_forgotten(
            keys in prop::collection::vec(("[ab]{0,2}", "[ab]{0,2}"), 0..200),
            capacity in 1usize..30,
        ) {
            let mut table = TopicTable::new(capacity);
            let mut map: HashMap<(String, String), u64> = HashMap::new();
            for (scope, topic) in keys {
                let new = || (scope.clone(), topic.clone(), 0);
                if let Some(value) = table.get_or_insert_with(&scope, &topic, new, |value| {
                    map.remove(&(value.0.clone(), value.1.clone()));
                    true
                }) {
                    value.2 += 1;
                    prop_assert_eq!((&value.0, &value.1), (&scope, &topic));
                    *map.entry((scope, topic)).or_default() += 1;
                }
                prop_assert!(table.len() <= capacity);
                let all = table.iter().map(|(scope, topic, value)| {
                    ((scope.to_owned(), topic.to_owned()), value.2)
                });
                prop_assert_eq!(all.collect::<HashMap<_, _>>(), map.clone());
            }
        }
    }
}
