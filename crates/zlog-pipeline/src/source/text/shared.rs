//! State that the streams of a source share.

use std::sync::Arc;

use super::options::{Explained, LineCounts};
use crate::source::objects::Objects;
use crate::source::reader::ReadProgress;

/// State that the streams of a source share.
pub(super) struct Shared {
    pub(super) counts: LineCounts,
    pub(super) skip_empty: bool,
    /// How the last record was read, if that is noted.
    pub(super) explained: Option<Explained>,
    /// The records of JSON objects in the present block, if they were read before.
    pub(super) objects: Option<Objects>,
    /// Closed once records that are delivered count as not read.
    pub(super) progress: Arc<ReadProgress>,
}
