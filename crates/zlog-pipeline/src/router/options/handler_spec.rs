//! One handler as plain data.

use super::Target;
use crate::handler::queue::OnFull;
use zlog_core::Level;
use zlog_core::format::FormatterSpec;

/// The default length of the queue in front of a handler that may block.
pub(super) const DEFAULT_QUEUE: usize = 10_000;

/// The longest queue in front of a handler, in records. Its memory is allocated before the first
/// record.
pub(super) const LONGEST_QUEUE: usize = 1_000_000;

/// A handler and the filter in front of it.
#[derive(Clone, Debug, PartialEq)]
pub struct HandlerSpec {
    /// Its name in routes and messages.
    pub name: String,
    /// Where records go.
    pub target: Target,
    /// This level and above; a record without a level passes.
    pub level: Option<Level>,
    /// Topic prefixes, compared byte by byte; one of them must match. Empty: all topics.
    pub topics: Vec<String>,
    /// Conditions on fields; all of them must hold.
    pub conditions: Vec<String>,
    /// Regular expressions; one of them must match the message, a traceback or the fields.
    pub grep: Vec<String>,
    /// Regular expressions; none of them may match the message, a traceback or the fields.
    pub exclude: Vec<String>,
    /// The format of records.
    pub formatter: FormatterSpec,
    /// The queue in front of it. `None`: it runs on the thread that the records come from.
    pub queue: Option<QueueSpec>,
}

impl HandlerSpec {
    /// A handler that takes every record, with defaults for everything.
    pub fn new(name: impl Into<String>, target: Target) -> HandlerSpec {
        HandlerSpec {
            name: name.into(),
            target,
            level: None,
            topics: Vec::new(),
            conditions: Vec::new(),
            grep: Vec::new(),
            exclude: Vec::new(),
            formatter: FormatterSpec::default(),
            queue: None,
        }
    }
}

/// A queue in front of a handler, which then has its own thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueSpec {
    /// How many records may wait; at least one.
    pub capacity: usize,
    /// The policy when it is full.
    pub on_full: OnFull,
}
