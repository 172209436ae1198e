//! Limits the JSON and the texts that one record can make.

use std::borrow::Cow;
use std::cell::Cell;

use super::Limits;
use crate::record::Text;

/// Replaces omitted parts, as in Python's `repr` of a list that contains itself.
pub(super) const ELLIPSIS: &str = "...";

/// The limits on the JSON and the texts of all values of one record.
pub(super) struct Budget {
    remaining: Cell<usize>,
    depth: usize,
    truncated: Cell<bool>,
}

impl Budget {
    pub(super) fn new(limits: &Limits) -> Budget {
        Budget {
            remaining: Cell::new(limits.output),
            depth: limits.depth,
            truncated: Cell::new(false),
        }
    }

    /// The bytes that are left.
    pub(super) fn remaining(&self) -> usize {
        self.remaining.get()
    }

    /// The most values within each other.
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    /// Spends `size` bytes. If they don't fit, nothing after them fits either: checking
    /// further values could cost as much again.
    pub(super) fn spend(&self, size: usize) -> bool {
        let fits = size <= self.remaining.get();
        self.remaining.set(if fits { self.remaining.get() - size } else { 0 });
        self.truncated.set(self.truncated.get() || !fits);
        fits
    }

    /// A copy of a text for a field. Borrowed texts cost nothing.
    pub(super) fn copy<'a>(&self, text: &Text<'a>) -> Text<'a> {
        match text {
            Cow::Borrowed(text) => Cow::Borrowed(text),
            Cow::Owned(text) if self.spend(text.len()) => Cow::Owned(text.clone()),
            Cow::Owned(_) => Cow::Borrowed(ELLIPSIS),
        }
    }

    /// Something is omitted.
    pub(super) fn set_truncated(&self) {
        self.truncated.set(true);
    }

    /// Whether something was omitted.
    pub(super) fn was_truncated(&self) -> bool {
        self.truncated.get()
    }
}
