//! Reads the records of a spool, in order.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::segment::{self, HEADER_LEN, Header, SourceId};
use super::{Spool, path, rename_damaged};

/// A record of a spool.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry<'r> {
    /// Who has appended it.
    pub source: SourceId,
    /// Its number. Numbers of a spool grow by one; where they do not, records are damaged.
    pub number: u64,
    /// What was appended.
    pub payload: &'r [u8],
}

/// The bytes of a segment, as far as they were read.
struct Loaded {
    index: u64,
    header: Header,
    file: File,
    bytes: Vec<u8>,
    /// Where the next record begins.
    at: usize,
}

/// Reads the records of a spool behind a number.
///
/// It takes a segment's size of memory, and follows the spool as it grows.
pub struct SpoolReader {
    /// Records up to this number are not read: they were read before, or are damaged.
    after: u64,
    loaded: Option<Loaded>,
    /// The index of the last segment that was read, or could not be.
    last_index: u64,
    damaged: u64,
}

impl SpoolReader {
    /// Reads the records behind `after`.
    pub fn new(after: u64) -> SpoolReader {
        SpoolReader { after, loaded: None, last_index: 0, damaged: 0 }
    }

    /// The number of damaged records since the last call: they are left out.
    pub fn take_damaged(&mut self) -> u64 {
        std::mem::take(&mut self.damaged)
    }

    /// The number of the last record that was read, or is damaged.
    pub fn position(&self) -> u64 {
        self.after
    }

    /// The next record that was read by [`SpoolReader::load`]; `None` if there is no more.
    pub fn next_entry(&mut self) -> Option<Entry<'_>> {
        let SpoolReader { loaded: Some(loaded), after, damaged, .. } = self else { return None };
        let source = loaded.header.source;
        loop {
            let known = (*after).max(loaded.header.first - 1);
            let from = loaded.header.first - 1;
            // Records before `after` must be passed by their own numbers.
            let found = segment::next(&loaded.bytes, loaded.at, source, from)?;
            loaded.at = found.payload.end;
            if found.number <= known {
                continue;
            }
            *damaged += found.number - known - 1;
            *after = found.number;
            let payload = &loaded.bytes[found.payload];
            return Some(Entry { source, number: found.number, payload });
        }
    }

    /// Reads on, once [`SpoolReader::next_entry`] returns `None`. Returns whether there may be another
    /// record. What can't be read counts as damaged, and its file is kept.
    pub fn load(&mut self, spool: &Spool) -> bool {
        // While a file is open, deleting it frees no space.
        let is_there = |it: &Loaded| spool.segments.iter().any(|segment| segment.index == it.index);
        self.loaded = self.loaded.take().filter(is_there);
        if self.after >= spool.written {
            return false;
        }
        if self.load_more(spool) {
            return true;
        }
        let next = spool.segments.iter().enumerate().find(|(_, it)| it.index > self.last_index);
        let Some((at, segment)) = next else {
            // The rest of the last one is damaged.
            self.note_end(spool.written);
            return false;
        };
        self.last_index = segment.index;
        self.loaded = None;
        let header = segment.header;
        // What is missing before it.
        self.note_end(header.first - 1);
        let next = spool.segments.get(at + 1);
        if next.is_some_and(|next| next.header.first <= self.after + 1) {
            return true;
        }
        match read(spool, segment.index, segment.len) {
            Ok((file, bytes)) => {
                self.loaded =
                    Some(Loaded { index: segment.index, header, file, bytes, at: HEADER_LEN });
            }
            Err(_) => keep(spool, segment.index),
        }
        true
    }

    /// Reads what was appended to the segment since it was read. Returns whether there was
    /// something.
    fn load_more(&mut self, spool: &Spool) -> bool {
        let Some(loaded) = &mut self.loaded else { return false };
        let Some(segment) = spool.segments.iter().find(|it| it.index == loaded.index) else {
            return false;
        };
        let (have, len) = (loaded.bytes.len(), usize::try_from(segment.len).unwrap_or(usize::MAX));
        if len <= have {
            return false;
        }
        loaded.bytes.resize(len, 0);
        if loaded.file.read_exact_at(&mut loaded.bytes[have..], have as u64).is_err() {
            loaded.bytes.truncate(have);
            keep(spool, segment.index);
            return false;
        }
        true
    }

    /// Counts the records up to `number` as damaged that were not read.
    fn note_end(&mut self, number: u64) {
        self.damaged += number.saturating_sub(self.after);
        self.after = self.after.max(number);
    }
}

/// Keeps a segment that can't be read now: its disk may be readable later.
fn keep(spool: &Spool, index: u64) {
    // Without success, it is deleted with those that were read.
    let _ = rename_damaged(&spool.directory, index);
}

fn read(spool: &Spool, index: u64, len: u64) -> io::Result<(File, Vec<u8>)> {
    let file = File::open(path(&spool.directory, index))?;
    let mut bytes = vec![0; usize::try_from(len).map_err(|_| io::ErrorKind::OutOfMemory)?];
    file.read_exact_at(&mut bytes, 0)?;
    Ok((file, bytes))
}

/// The number of the last record of a spool that was just opened, damaged ones included. What
/// follows it was not written whole.
///
/// # Errors
/// The last segment can't be read: its numbers must not be used again.
pub(super) fn last_number(spool: &Spool) -> io::Result<u64> {
    let Some(segment) = spool.segments.last() else { return Ok(0) };
    let (_, bytes) = read(spool, segment.index, segment.len)?;
    let (source, before) = (segment.header.source, segment.header.first - 1);
    let (mut at, mut last) = (HEADER_LEN, before);
    while let Some(found) = segment::next(&bytes, at, source, before) {
        (at, last) = (found.payload.end, last.max(found.number));
    }
    // No valid one follows.
    while let Some(found) = segment::damaged(&bytes, at, source, before) {
        (at, last) = (found.payload.end, last.max(found.number));
    }
    Ok(last)
}
