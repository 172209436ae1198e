//! Records on disk until somebody else has them: a directory of segments to which one process
//! appends, with a bound on their bytes.
//!
//! [`Spool`] appends and deletes, [`SpoolReader`] reads. `segment.rs` has the bytes of a segment,
//! `cursor.rs` the number up to which records are done with, `directory.rs` the files, and `room.rs` what
//! counts as a lack of room.
//!
//! # What survives
//! - [`Spool::write`] hands records to the system: they survive the end of the process.
//! - [`Unsynced::sync`] (fdatasync) hands them to the disk: they survive a loss of power.
//! - What was written in part is left out. What is damaged is skipped and counted.

mod cursor;
mod directory;
mod reader;
mod room;
mod segment;

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::cursor::Cursor;
pub(crate) use self::directory::private;
use self::directory::{
    check_access, lock, make, path, rename_damaged, segment_files, set_aside, unusable,
};
pub use self::reader::{Entry, SpoolReader};
pub use self::room::{NoRoom, lacks_room, waits_for_room};
pub use self::segment::SourceId;
use self::segment::{HEADER_LEN, Header, RECORD_HEADER_LEN};
use zlog_core::text::escape::escape;
use zlog_core::text::parsers;
use zlog_core::{Error, Result};

/// Most and fewest bytes of a segment: a sixteenth of all within these. A segment is deleted once
/// all of it is done with, and read as a whole.
const SEGMENT_BYTES: std::ops::RangeInclusive<u64> = 64 << 10..=4 << 20;
/// Smallest bound on the bytes of a spool.
pub const MIN_BYTES: u64 = 1 << 20;
/// Bytes of records that are written together.
const WRITE_BYTES: usize = 64 << 10;
/// Highest number of a segment in a directory that is opened: others follow it.
const MAX_INDEX: u64 = u64::MAX / 2;
/// The end of the names of segments; a running number comes before it.
const SUFFIX: &str = ".segment";
/// What is added to the name of one whose header is damaged, or that can't be read. Nothing reads or
/// deletes it.
const DAMAGED: &str = ".damaged";

/// Where records are kept, and how many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpoolOptions {
    /// The directory. It is made if it does not exist.
    pub directory: PathBuf,
    /// Most bytes of all segments together, [`MIN_BYTES`] at least. They may be exceeded by one
    /// record.
    pub bytes: u64,
}

/// Reads the bound on the bytes of a spool.
///
/// # Errors
/// It is no size, or less than [`MIN_BYTES`].
pub fn bound(text: &str) -> Result<usize, String> {
    let bytes = parsers::size(text)?;
    if (bytes as u64) < MIN_BYTES {
        return Err("too small for a spool: write 1M or more".into());
    }
    Ok(bytes)
}

/// What a spool is for. What is kept of a record differs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SpoolKind {
    /// To send records to a relay that confirms them: of `zlog emit` and of publish handlers.
    Emitter,
    /// For records that a relay has received and confirms: of `zlog relay`.
    Relay,
}

impl SpoolKind {
    /// The text in the lock file.
    fn name(self) -> &'static str {
        match self {
            SpoolKind::Emitter => "zlog emit",
            SpoolKind::Relay => "zlog relay",
        }
    }

    /// Whose spool it is, for messages.
    fn owner(self) -> &'static str {
        match self {
            SpoolKind::Emitter => "`zlog emit --spool` or a publish handler",
            SpoolKind::Relay => "`zlog relay --spool`",
        }
    }
}

/// A record of a spool.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecordId {
    /// Who has appended it.
    pub source: SourceId,
    /// Its number.
    pub number: u64,
}

/// A segment on disk.
#[derive(Clone, Debug)]
struct Segment {
    /// The number in its name: it grows with each segment.
    index: u64,
    header: Header,
    /// Bytes that were written.
    len: u64,
}

impl Segment {
    /// Where it stands among others. A copy under another name, as a restored backup may leave one,
    /// stands beside its original: numbers never go back, and none is used twice.
    fn place(&self) -> (u64, u64) {
        (self.header.first, self.index)
    }
}

/// Records on disk. One process at a time opens a directory.
pub struct Spool {
    directory: PathBuf,
    /// The same, to sync it also when no file can be opened.
    opened: Arc<File>,
    /// Locked.
    _lock: File,
    options: SpoolOptions,
    /// The number that this process gives to its records.
    source: SourceId,
    cursor: Cursor,
    /// The oldest first. This process appends to the last one if `file` is set.
    segments: Vec<Segment>,
    /// Segments that were set aside, and those of them whose records are in no hole of numbers.
    damaged: usize,
    damaged_last: usize,
    file: Option<Arc<File>>,
    /// Bytes of all segments.
    segment_bytes: u64,
    /// The index of the last segment that was made. A reader has passed those before it, so none
    /// is used again.
    last_index: u64,
    /// Records that were appended and not written, and the number of the last record of each
    /// kind.
    pending: Vec<u8>,
    appended: u64,
    written: u64,
    /// With [`Spool::hold`]: readers get no record behind this number.
    committed: Option<u64>,
    unsynced: Unsynced,
}

/// What was written and not synced.
#[derive(Default)]
pub struct Unsynced {
    files: Vec<Arc<File>>,
    /// The directory, if a file in it is new.
    directory: Option<Arc<File>>,
    number: u64,
}

impl Unsynced {
    /// Hands it to the disk. Returns the number of the last record that is now there.
    ///
    /// # Errors
    /// It may not be there.
    pub fn sync(&self) -> io::Result<u64> {
        for file in &self.files {
            file.sync_data()?;
        }
        if let Some(directory) = &self.directory {
            directory.sync_all()?;
        }
        Ok(self.number)
    }
}

impl Spool {
    /// Opens a spool, or makes one.
    ///
    /// # Errors
    /// The directory can't be used, another process uses it, or it is of another kind.
    pub fn open(options: SpoolOptions, kind: SpoolKind) -> Result<Spool> {
        let directory = options.directory.clone();
        let failed = |error: io::Error| unusable(&directory, &error);
        make(&directory).map_err(failed)?;
        check_access(&directory)?;
        let lock = lock(&directory, kind)?;
        let mut cursor = Cursor::open(&directory.join("cursor")).map_err(failed)?;
        let found = segment_files(&directory).map_err(failed)?;
        if let Some(last) = found.last().filter(|last| last.index > MAX_INDEX) {
            let file = escape(&path(&directory, last.index).to_string_lossy());
            return Err(Error::new(format!("spool file {file}: its number is too large"))
                .hint("zlog did not make it: move it to another directory."));
        }
        let last_index = found.last().map_or(0, |segment| segment.index);
        let at_end = found.iter().rev().take_while(|it| it.header.is_none());
        // A process that is killed may leave an empty one.
        let (damaged_last, empty_last): (Vec<_>, Vec<_>) = at_end.partition(|it| it.len > 0);
        let (damaged_last, empty_last) = (damaged_last.len(), empty_last.len());
        let damaged = found.iter().filter(|it| it.header.is_none()).count() - empty_last;
        let lacks_first = found.first().is_some_and(|it| it.header.is_none());
        let segments = set_aside(&directory, &found).map_err(failed)?;
        // After a loss of power the cursor may be older than the deletion of segments. What a damaged
        // one had before the first valid one was not deleted: the reader counts it.
        if let Some(before) = segments.first().map(|segment| segment.header.first - 1)
            && before > cursor.number()
            && !lacks_first
        {
            cursor.set(before).map_err(failed)?;
        }
        let opened = Arc::new(File::open(&directory).map_err(failed)?);
        let mut spool = Spool {
            directory,
            opened,
            _lock: lock,
            options: SpoolOptions { bytes: options.bytes.max(MIN_BYTES), ..options },
            source: SourceId::random(),
            appended: cursor.number(),
            written: cursor.number(),
            committed: None,
            cursor,
            last_index,
            segment_bytes: segments.iter().map(|segment| segment.len).sum(),
            segments,
            damaged,
            damaged_last,
            file: None,
            pending: Vec::new(),
            unsynced: Unsynced::default(),
        };
        spool.sync_all().map_err(|error| spool.failed(&error))?;
        spool.find_last().map_err(|error| spool.failed(&error))?;
        Ok(spool)
    }

    fn find_last(&mut self) -> io::Result<()> {
        let last = reader::last_number(self)?.max(self.cursor.number());
        (self.appended, self.written, self.unsynced.number) = (last, last, last);
        Ok(())
    }

    /// Removes what the last process has appended after its record `last`. It was killed before it
    /// saved that it had read these records, so they are read and appended again. Nothing is removed if
    /// another process was the last one.
    ///
    /// Call it before anything is appended.
    ///
    /// # Errors
    /// A segment can't be read, cut or deleted.
    pub fn truncate_after(&mut self, last: RecordId) -> io::Result<()> {
        let is_own = |segment: &&Segment| segment.header.source == last.source;
        while let Some(segment) = self.segments.last().filter(is_own) {
            let (index, len) = (segment.index, segment.len);
            if segment.header.first > last.number {
                fs::remove_file(path(&self.directory, index))?;
                self.segments.pop();
                self.segment_bytes -= len;
                continue;
            }
            let end = reader::end_of(self, segment, last.number)?;
            let file = File::options().write(true).open(path(&self.directory, index))?;
            file.set_len(end)?;
            file.sync_data()?;
            if let Some(segment) = self.segments.last_mut() {
                segment.len = end;
            }
            self.segment_bytes -= len - end;
            break;
        }
        self.opened.sync_all()?;
        self.find_last()
    }

    /// The last record that this process has appended, or found.
    pub fn last_appended(&self) -> RecordId {
        RecordId { source: self.source, number: self.appended }
    }

    /// From now on, readers get records only after [`Spool::commit`]. If the process is killed before
    /// that, the next start removes them ([`Spool::truncate_after`]).
    pub fn hold(&mut self) {
        self.committed = Some(self.written);
    }

    /// Lets records up to this number be read.
    pub fn commit(&mut self, number: u64) {
        self.committed = self.committed.map(|committed| committed.max(number));
    }

    /// Holds nothing any more.
    pub fn release(&mut self) {
        self.committed = None;
    }

    /// Commits all records if nothing else is left to be read: the spool would stay full. Returns
    /// whether that is so. After a kill they may be appended twice.
    pub fn commit_if_stuck(&mut self) -> bool {
        let is_stuck = self.committed.is_some_and(|it| it <= self.done() && it < self.written);
        if is_stuck {
            self.commit(self.written);
        }
        is_stuck
    }

    /// The number up to which records may be read.
    fn readable(&self) -> u64 {
        self.committed.map_or(self.written, |committed| committed.min(self.written))
    }

    /// Hands what an earlier process has written to the disk: it may have ended before.
    fn sync_all(&self) -> io::Result<()> {
        for segment in &self.segments {
            File::open(path(&self.directory, segment.index))?.sync_data()?;
        }
        self.opened.sync_all()
    }

    /// Its directory, for messages.
    pub fn name(&self) -> String {
        escape(&self.directory.to_string_lossy())
    }

    /// The directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Appends a record, whose payload is that of `parts` together. Returns its number, or why
    /// there is no room.
    ///
    /// It is written by the next [`Spool::write`], or with others when there are enough.
    ///
    /// # Errors
    /// The disk fails for another reason than a lack of room ([`lacks_room`]).
    pub fn append(&mut self, parts: &[&[u8]]) -> Result<Result<u64, NoRoom>> {
        if !self.fits(parts) {
            return Ok(Err(NoRoom::TooLong));
        }
        let len = record_len(parts);
        if self.pending.len() >= WRITE_BYTES {
            match self.write() {
                Err(error) if lacks_room(&error) => return Ok(Err(NoRoom::Disk(error))),
                written => written.map_err(|error| self.failed(&error))?,
            }
        }
        if self.bytes() > 0 && self.bytes() + len as u64 > self.options.bytes {
            return Ok(Err(NoRoom::Bound));
        }
        let number = self.appended + 1;
        if segment::encode(&mut self.pending, self.source, number, parts).is_err() {
            return Ok(Err(NoRoom::TooLong));
        }
        self.appended = number;
        Ok(Ok(number))
    }

    /// Whether a record whose payload is that of `parts` together has room in an empty spool.
    pub fn fits(&self, parts: &[&[u8]]) -> bool {
        let len = record_len(parts);
        len as u64 <= self.options.bytes && u32::try_from(len).is_ok()
    }

    /// Hands the appended records to the system.
    ///
    /// # Errors
    /// They could not be written. The next call tries again.
    pub fn write(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let file = self.open_segment()?;
        let Some(segment) = self.segments.last_mut() else { return Ok(()) };
        // At the same place again if it failed before.
        file.write_all_at(&self.pending, segment.len)?;
        segment.len += self.pending.len() as u64;
        self.segment_bytes += self.pending.len() as u64;
        self.pending.clear();
        self.pending.shrink_to(2 * WRITE_BYTES);
        self.written = self.appended;
        self.unsynced.number = self.written;
        if !self.unsynced.files.iter().any(|it| Arc::ptr_eq(it, &file)) {
            self.unsynced.files.push(file);
        }
        Ok(())
    }

    /// The segment to append to: a new one if there is none yet, or if the last one is long
    /// enough.
    fn open_segment(&mut self) -> io::Result<Arc<File>> {
        let most = (self.options.bytes / 16).clamp(*SEGMENT_BYTES.start(), *SEGMENT_BYTES.end());
        if let Some(file) = &self.file
            && self.segments.last().is_some_and(|segment| segment.len < most)
        {
            return Ok(Arc::clone(file));
        }
        let index = self.last_index + 1;
        let path = path(&self.directory, index);
        let header = Header { source: self.source, first: self.written + 1 };
        let file = private().read(true).write(true).create(true).truncate(true).open(&path)?;
        if let Err(error) = file.write_all_at(&header.encode(), 0) {
            // Without space for a header. It is made again.
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        self.last_index = index;
        self.segments.push(Segment { index, header, len: HEADER_LEN as u64 });
        self.segment_bytes += HEADER_LEN as u64;
        self.unsynced.directory = Some(Arc::clone(&self.opened));
        Ok(Arc::clone(self.file.insert(Arc::new(file))))
    }

    /// Takes what was written and not synced since the last call; `None` if there is nothing.
    pub fn take_unsynced(&mut self) -> Option<Unsynced> {
        let number = self.unsynced.number;
        let none = Unsynced { number, ..Unsynced::default() };
        let taken = std::mem::replace(&mut self.unsynced, none);
        (!taken.files.is_empty()).then_some(taken)
    }

    /// Notes that all records up to this number are done with.
    ///
    /// # Errors
    /// It could not be noted. After a crash, these records are read again.
    pub fn advance(&mut self, number: u64) -> io::Result<()> {
        match number <= self.cursor.number() {
            true => Ok(()),
            false => self.cursor.set(number),
        }
    }

    /// Whether [`Spool::delete_done`] has something to delete.
    pub fn has_done(&self) -> bool {
        self.done_segments(self.cursor.number()) > 0
    }

    /// Deletes the segments whose records are all done with.
    pub fn delete_done(&mut self) {
        let done = self.done_segments(self.cursor.number());
        for segment in self.segments.drain(..done) {
            // What can't be deleted is deleted at the next start.
            let _ = fs::remove_file(path(&self.directory, segment.index));
            self.segment_bytes -= segment.len;
        }
    }

    /// Appends nothing more to the last segment, so that it may be deleted, too: at the end, and to
    /// make room on a full disk.
    pub fn end_segment(&mut self) {
        self.file = None;
    }

    /// Keeps a segment that can't be read: its disk may be readable later. What is appended goes to
    /// another one.
    fn keep_unreadable(&mut self, index: u64) {
        // Without success, it is deleted with those that were read.
        let _ = rename_damaged(&self.directory, index);
        if self.segments.last().is_some_and(|last| last.index == index) {
            self.end_segment();
        }
    }

    /// The number of segments, from the first, whose records are all done with.
    fn done_segments(&self, number: u64) -> usize {
        let is_open = self.file.is_some();
        let ends = |at: usize| match self.segments.get(at + 1) {
            Some(next) => next.header.first - 1,
            None if is_open => u64::MAX,
            None => self.written,
        };
        (0..self.segments.len()).take_while(|at| ends(*at) <= number).count()
    }

    /// Bytes of all records, those that are not written included.
    pub fn bytes(&self) -> u64 {
        self.segment_bytes + self.pending.len() as u64
    }

    /// The number of the last record that was written.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// The number of the last record that was appended.
    pub fn appended(&self) -> u64 {
        self.appended
    }

    /// The number up to which records are done with.
    pub fn done(&self) -> u64 {
        self.cursor.number()
    }

    /// Number of records that are not done with, damaged ones included.
    pub fn waiting(&self) -> u64 {
        self.appended.saturating_sub(self.cursor.number())
    }

    /// Number of segments whose header is damaged. Their records can't be read; their files are
    /// kept, with `.damaged` at the end of their names.
    pub fn unreadable(&self) -> usize {
        self.damaged
    }

    /// The fewest records that are in those of them which no valid one follows. Those of others
    /// are counted when the reader finds a hole.
    pub fn lost_at_end(&self) -> u64 {
        self.damaged_last as u64
    }

    /// The error of an operation on its files.
    pub fn failed(&self, error: &io::Error) -> Error {
        unusable(&self.directory, error)
    }
}

/// The bytes of a record with this payload.
fn record_len(parts: &[&[u8]]) -> usize {
    RECORD_HEADER_LEN + parts.iter().map(|part| part.len()).sum::<usize>()
}

#[cfg(test)]
mod tests;
