//! Reads the records of a spool, in order.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::directory::path;
use super::room::lacks_descriptors;
use super::segment::{self, HEADER_LEN, Header, SourceId};
use super::{Segment, Spool};

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
    /// The place of the last segment that was read, or could not be.
    last: (u64, u64),
    damaged: u64,
    /// Records after this number are held ([`Spool::hold`]).
    readable: u64,
    /// The first of them in `loaded`.
    held: Option<u64>,
    /// Why a segment can't be opened at present.
    waits: Option<io::Error>,
}

impl SpoolReader {
    /// Reads the records behind `after`.
    pub fn new(after: u64) -> SpoolReader {
        SpoolReader {
            after,
            loaded: None,
            last: (0, 0),
            damaged: 0,
            readable: after,
            held: None,
            waits: None,
        }
    }

    /// The number of damaged records since the last call: they are left out.
    pub fn take_damaged(&mut self) -> u64 {
        std::mem::take(&mut self.damaged)
    }

    /// What this process lacks to read on, such as a file descriptor. [`SpoolReader::load`] returned
    /// false for it, and tries again.
    pub fn waits(&self) -> Option<&io::Error> {
        self.waits.as_ref()
    }

    /// The number of the last record that was read, or is damaged.
    pub fn position(&self) -> u64 {
        self.after
    }

    /// The next record that was read by [`SpoolReader::load`]; `None` if there is no more.
    pub fn next_entry(&mut self) -> Option<Entry<'_>> {
        let SpoolReader { loaded: Some(loaded), after, damaged, readable, held, .. } = self else {
            return None;
        };
        let source = loaded.header.source;
        loop {
            let known = (*after).max(loaded.header.first - 1);
            let from = loaded.header.first - 1;
            // Records before `after` must be passed by their own numbers.
            let found = segment::next(&loaded.bytes, loaded.at, source, from)?;
            if found.number > *readable {
                *held = Some(found.number);
                return None;
            }
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
    /// record. What can't be read counts as damaged, and its file is kept; not so where this process
    /// lacks something ([`SpoolReader::waits`]).
    pub fn load(&mut self, spool: &mut Spool) -> bool {
        self.waits = None;
        // While a file is open, deleting it frees no space.
        let is_there = |it: &Loaded| spool.segments.iter().any(|segment| segment.index == it.index);
        self.loaded = self.loaded.take().filter(is_there);
        self.readable = spool.readable();
        if self.after >= self.readable {
            return false;
        }
        if let Some(held) = self.held.take_if(|_| self.loaded.is_some()) {
            let is_held = held > self.readable;
            self.held = Some(held).filter(|_| is_held);
            return !is_held;
        }
        if self.load_more(spool) {
            return true;
        }
        let next = spool.segments.iter().enumerate().find(|(_, it)| it.place() > self.last);
        let Some((at, segment)) = next else {
            // The rest of the last one is damaged.
            self.note_end(self.readable);
            return false;
        };
        let (index, place, header) = (segment.index, segment.place(), segment.header);
        self.loaded = None;
        // What is missing before it.
        self.note_end(header.first - 1);
        let next = spool.segments.get(at + 1);
        if next.is_none_or(|next| next.header.first > self.after + 1) {
            match read(spool, index, segment.len) {
                Ok((file, bytes)) => {
                    self.loaded = Some(Loaded { index, header, file, bytes, at: HEADER_LEN });
                }
                Err(error) if lacks_descriptors(&error) => {
                    self.waits = Some(error);
                    return false;
                }
                Err(_) => spool.keep_unreadable(index),
            }
        }
        self.last = place;
        true
    }

    /// Reads what was appended to the segment since it was read. Returns whether there was
    /// something.
    fn load_more(&mut self, spool: &mut Spool) -> bool {
        let Some(loaded) = &mut self.loaded else { return false };
        let Some(segment) = spool.segments.iter().find(|it| it.index == loaded.index) else {
            return false;
        };
        let index = segment.index;
        let (have, len) = (loaded.bytes.len(), usize::try_from(segment.len).unwrap_or(usize::MAX));
        if len <= have {
            return false;
        }
        loaded.bytes.resize(len, 0);
        if loaded.file.read_exact_at(&mut loaded.bytes[have..], have as u64).is_err() {
            loaded.bytes.truncate(have);
            spool.keep_unreadable(index);
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

fn read(spool: &Spool, index: u64, len: u64) -> io::Result<(File, Vec<u8>)> {
    let file = File::open(path(&spool.directory, index))?;
    let mut bytes = vec![0; usize::try_from(len).map_err(|_| io::ErrorKind::OutOfMemory)?];
    file.read_exact_at(&mut bytes, 0)?;
    Ok((file, bytes))
}

/// Where the last record ends whose number is `number` at most, in bytes from the start of the segment.
pub(super) fn end_of(spool: &Spool, segment: &Segment, number: u64) -> io::Result<u64> {
    let (_, bytes) = read(spool, segment.index, segment.len)?;
    let (source, before) = (segment.header.source, segment.header.first - 1);
    let (mut at, mut end) = (HEADER_LEN, HEADER_LEN);
    while let Some(found) = segment::next(&bytes, at, source, before) {
        at = found.payload.end;
        end = if found.number <= number { at } else { end };
    }
    Ok(end as u64)
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
