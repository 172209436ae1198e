//! A record's extras as serde sees them, without a list of their own: written from
//! where the record holds them, and read into what the record will hold. Each value
//! is JSON text, as a record has it: native values would have to be made from it and
//! back into it, which would cost MessagePack more.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use zlog_core::record::{RawJson, Text};

type Extra<'a> = (Text<'a>, RawJson<'a>);

/// Extras on their way out or in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Extras<'a> {
    /// Of a record that is written.
    Held(&'a [Extra<'a>]),
    /// For a record that is read.
    Read(Vec<Extra<'a>>),
}

impl Default for Extras<'_> {
    fn default() -> Self {
        Extras::Read(Vec::new())
    }
}

impl<'a> Extras<'a> {
    fn as_slice(&self) -> &[Extra<'a>] {
        match self {
            Extras::Held(extras) => extras,
            Extras::Read(extras) => extras,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }

    /// As a record holds them.
    pub(super) fn into_vec(self) -> Vec<Extra<'a>> {
        match self {
            Extras::Held(extras) => extras.to_vec(),
            Extras::Read(extras) => extras,
        }
    }
}

impl Serialize for Extras<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.as_slice().iter().map(|(key, json)| (&**key, &*json.0)))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Extras<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Pairs).map(Extras::Read)
    }
}

struct Pairs;

impl<'de> Visitor<'de> for Pairs {
    type Value = Vec<Extra<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("pairs of a name and a JSON value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut pairs: A) -> Result<Self::Value, A::Error> {
        // No room is made for as many as the body claims to have: it may lie.
        let mut extras = Vec::new();
        while let Some((key, json)) = pairs.next_element::<(&str, &str)>()? {
            extras.push((Cow::Borrowed(key), RawJson(Cow::Borrowed(json))));
        }
        Ok(extras)
    }
}
