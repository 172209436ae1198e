//! Which keys of an object have its level and its time, as far as that follows from the keys.

use super::{Field, field_alias, levels, logbook, table};
use crate::level::Level;

/// The index of the only key that gives the level, if its value is a [word](level_of_word), in an object
/// without nested ones. `None` if several keys may give it, or if the keys are those of a logger in the
/// table.
pub(in crate::wire) fn level_key<'k>(keys: impl Iterator<Item = &'k str> + Clone) -> Option<usize> {
    let has = |name: &str| keys.clone().any(|key| key == name);
    if table::any_fits(has) || logbook::KEYS.iter().all(|key| has(key)) {
        return None;
    }
    match keys_of(Field::Level, keys)[..] {
        [level] => Some(level),
        _ => None,
    }
}

/// The indexes of the keys that may give the time.
pub(in crate::wire) fn time_keys<'k>(keys: impl Iterator<Item = &'k str>) -> Vec<usize> {
    keys_of(Field::Time, keys)
}

fn keys_of<'k>(field: Field, keys: impl Iterator<Item = &'k str>) -> Vec<usize> {
    let is_field = |key: &str| field_alias(key) == Some(field);
    keys.enumerate().filter(|(_, key)| is_field(key)).map(|(at, _)| at).collect()
}

/// The level that a word means on every scale. `None` for numbers and for no level.
pub(in crate::wire) fn level_of_word(text: &str) -> Option<Level> {
    let is_word = text.starts_with(|c: char| c.is_ascii_alphabetic());
    let reading = levels::read(is_word.then_some(text)?, levels::Scale::Unknown)?;
    (reading.level != Level::NOTSET).then_some(reading.level)
}
