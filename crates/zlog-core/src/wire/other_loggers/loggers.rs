//! Finds the logger of an object, and the fields of its keys.

use super::keys::facts;
use super::table::{ANY, LOGGERS, Logger};
use super::{Field, field_alias};
use crate::record::{RawJson, Record, Text};

impl Logger {
    /// The logger whose keys a record has.
    pub(super) fn of(record: &Record<'_>) -> &'static Logger {
        let mut keys = record.extras.iter().enumerate();
        if !keys.any(|(at, (key, _))| facts(at, key).is_signature) {
            return &ANY;
        }
        let has = |name: &&str| match *name {
            "log" => record.extras.iter().any(|(key, value)| key == "log" && is_text(&value.0)),
            name => record.extras.iter().any(|(key, _)| key == name),
        };
        LOGGERS.iter().find(|logger| logger.has.iter().all(has)).unwrap_or(&ANY)
    }

    /// The field of a key.
    pub(super) fn field(&self, key: &str) -> Option<Field> {
        self.own_field(key).or_else(|| if self.is_closed { None } else { field_alias(key) })
    }

    /// The same of the key with the number `at` in an object.
    pub(super) fn field_at(&self, at: usize, key: &str) -> Option<Field> {
        self.own_field(key).or_else(|| if self.is_closed { None } else { facts(at, key).field })
    }

    fn own_field(&self, key: &str) -> Option<Field> {
        let own = self.fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(key));
        own.map(|(_, field)| *field)
    }

    /// Whether `name` is a value of a user's and not the logger: another key is, or it is a
    /// logger of Go's with `ts`, which has no such key (zap: `"name":"my-pod"`).
    pub(super) fn has_other_name(&self, extras: &[(Text<'_>, RawJson<'_>)]) -> bool {
        // A target is a place in the source. It is the logger where there is no other name.
        let is_weak = |key: &str| matches!(key, "name" | "target");
        let names = |key: &str| !is_weak(key) && self.field(key) == Some(Field::Name);
        self.is_closed || extras.iter().any(|(key, _)| key == "ts" || names(key))
    }
}

fn is_text(json: &str) -> bool {
    json.starts_with('"')
}
