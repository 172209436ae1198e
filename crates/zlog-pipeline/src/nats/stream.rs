//! The stream that stores the records, as it is asked for.

use std::time::Duration;

use zlog_core::text::choice::{Choice, Named};

/// The default name.
pub const DEFAULT_NAME: &str = "ZLOG";
/// The default beginning of subjects.
pub const DEFAULT_PREFIX: &str = "zlog";

/// Where a stream keeps its records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Storage {
    /// On disk.
    File,
    /// In memory.
    Memory,
}

impl Choice for Storage {
    const CHOICES: &'static [Named<Storage>] = &[
        Named::new(Storage::File, "file", "On disk"),
        Named::new(Storage::Memory, "memory", "In memory"),
    ];
}

/// How a stream on disk is compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Compression {
    /// Not at all.
    None,
    /// S2, a relative of Snappy. Servers have it since 2.10.
    S2,
}

impl Choice for Compression {
    const CHOICES: &'static [Named<Compression>] = &[
        Named::new(Compression::None, "none", "Not compressed"),
        Named::new(Compression::S2, "s2", "Compressed by S2"),
    ];
}

/// What a full stream does with a new record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Discard {
    /// Drops its oldest record.
    Old,
    /// Refuses the new one.
    New,
}

impl Choice for Discard {
    const CHOICES: &'static [Named<Discard>] = &[
        Named::new(Discard::Old, "old", "Drop the oldest record"),
        Named::new(Discard::New, "new", "Refuse the new record, which then waits"),
    ];
}

/// A stream. What is `None` has its default in a new stream, and may be anything in an existing one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamOptions {
    /// Its name.
    pub name: String,
    /// Whether to create it, and to look at its settings. Without, its subjects are published to and
    /// nothing is asked: for users who may do no more.
    pub create: bool,
    /// The age at which records are dropped; zero for never.
    pub max_age: Option<Duration>,
    /// The size at which records are dropped or refused, in bytes; zero for no limit.
    pub max_bytes: Option<usize>,
    /// The number of servers that store it.
    pub replicas: Option<usize>,
    /// Where they store it.
    pub storage: Option<Storage>,
    /// How it is compressed.
    pub compression: Option<Compression>,
    /// What happens when it is full.
    pub discard: Option<Discard>,
    /// For how long a record that comes again is recognised.
    pub duplicates: Option<Duration>,
}

impl Default for StreamOptions {
    fn default() -> StreamOptions {
        StreamOptions {
            name: DEFAULT_NAME.to_owned(),
            create: true,
            max_age: None,
            max_bytes: None,
            replicas: None,
            storage: None,
            compression: None,
            discard: None,
            duplicates: None,
        }
    }
}

/// Reads the name of a stream or consumer as users type it.
///
/// # Errors
/// It is empty, or has a character that NATS does not allow there.
pub fn typed_name(text: &str) -> Result<String, String> {
    let forbidden = |c: char| c.is_whitespace() || c.is_control() || ".*>/\\".contains(c);
    match text.is_empty() || text.contains(forbidden) {
        true => Err("must be a name without spaces and . * > / \\".to_owned()),
        false => Ok(text.to_owned()),
    }
}
