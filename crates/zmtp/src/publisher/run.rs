//! Says where messages stand in a chunk, in runs of the same topic.

use std::ops::Range;

use crate::net::outbox::Chunk;

/// Messages in a row that have the same topic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Run {
    /// Where the topic stands in the chunk.
    pub(crate) topic: Range<usize>,
    /// Where the messages stand.
    pub(crate) bytes: Range<usize>,
    /// How many they are.
    pub(crate) messages: usize,
}

/// Messages that were encoded one after another.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) chunk: Chunk,
    pub(crate) runs: Vec<Run>,
}
