//! Remembers what is known of the keys of the last object. The next one mostly has the same keys, and
//! looking each up took a third of the time of reading an object.

use std::cell::RefCell;

use super::table::is_signature;
use super::{Field, MAX_KEY_LEN, field_alias};

/// What is known of a key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    /// Whether a logger in the table has it as its first key.
    pub(super) is_signature: bool,
    /// Its field, where no logger has another one for it.
    pub(super) field: Option<Field>,
}

/// Keys that are remembered of an object.
const KEYS: usize = 16;

#[derive(Clone, Copy)]
struct RememberedKey {
    /// The length of `key`; `None` for no key.
    len: Option<usize>,
    key: [u8; MAX_KEY_LEN],
    facts: Facts,
}

thread_local! {
    static LAST: RefCell<[RememberedKey; KEYS]> = const {
        let facts = Facts { is_signature: false, field: None };
        RefCell::new([RememberedKey { len: None, key: [0; MAX_KEY_LEN], facts }; KEYS])
    };
}

/// What is known of the key at position `at` of an object.
pub(super) fn facts(at: usize, key: &str) -> Facts {
    let look_up = || Facts { is_signature: is_signature(key), field: field_alias(key) };
    if at >= KEYS || key.len() > MAX_KEY_LEN {
        return look_up();
    }
    LAST.with_borrow_mut(|last| {
        let known = &mut last[at];
        if known.len != Some(key.len()) || known.key[..key.len()] != *key.as_bytes() {
            known.len = Some(key.len());
            known.key[..key.len()].copy_from_slice(key.as_bytes());
            known.facts = look_up();
        }
        known.facts
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_says_the_same_whatever_was_there_before() {
        let keys = [
            "level",
            "lvl",
            "levels",
            "",
            "@t",
            "LEVEL",
            "log",
            "a_key_of_more_than_thirty_one_bytes",
        ];
        for key in keys.iter().chain(keys.iter().rev()) {
            for at in [0, KEYS - 1, KEYS] {
                let Facts { is_signature: signature, field } = facts(at, key);
                assert_eq!((signature, field), (is_signature(key), field_alias(key)), "{key}");
            }
        }
    }
}
