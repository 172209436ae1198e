//! A followed file that is open: how far it was read, and whether those bytes have changed
//! since.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use crate::source::decompress::Decompressor;
use crate::source::fingerprint::{
    Change, FINGERPRINT_SIZE, Fingerprint, Start, absolute, check_text, compressed_text, identity,
};
use crate::source::reader::{Check, Origin};

/// Length and time of the last modification.
type Stamp = (u64, Option<SystemTime>);

/// A file that is followed.
pub(super) struct OpenFile {
    /// Shared with the [`Origin`] of its lines, which reads it without moving the cursor.
    file: Arc<File>,
    /// The text of a compressed file.
    text: Option<Decompressor<File>>,
    /// For a compressed file: the bytes before the first one that was read.
    check: Option<Check>,
    /// It is no pipe, no device and not compressed, so its bytes can be compared.
    comparable: bool,
    fingerprint: Fingerprint,
    /// A read has found that the bytes before it have changed.
    rewritten: bool,
    /// Length and modification time at the last check.
    stamp: Option<Stamp>,
    /// At the last check it had been modified without becoming longer. A write may be in
    /// progress: the time changes before the length.
    suspect: bool,
}

impl OpenFile {
    /// Opens a file for reading from `start` on.
    ///
    /// # Errors
    /// It is a directory, or can't be read.
    pub(super) fn new(file: File, start: Start) -> io::Result<OpenFile> {
        let meta = file.metadata()?;
        if meta.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let text = if meta.is_file() { compressed_text(&file)? } else { None };
        let mut open = OpenFile {
            file: Arc::new(file),
            comparable: meta.is_file() && text.is_none(),
            text,
            check: None,
            fingerprint: Fingerprint::default(),
            rewritten: false,
            stamp: None,
            suspect: false,
        };
        if let Some(text) = &mut open.text {
            let check = check_text(text, start)?;
            (open.check, open.fingerprint.end) = (Some(check), check.end);
            return Ok(open);
        }
        let mut file = &*open.file;
        let end = match start {
            Start::Beginning => return Ok(open),
            Start::End => file.seek(SeekFrom::End(0))?,
            Start::At(offset) => offset,
        };
        open.fingerprint.end = end;
        if open.comparable {
            open.fingerprint.end = end.saturating_sub(FINGERPRINT_SIZE as u64);
            file.seek(SeekFrom::Start(open.fingerprint.end))?;
            let mut last = Vec::new();
            file.take(end - open.fingerprint.end).read_to_end(&mut last)?;
            open.fingerprint.push(&last);
        }
        Ok(open)
    }

    /// Where the next bytes come from; `None` for a pipe or a device, which has no positions.
    pub(super) fn origin(&self, path: &Path) -> Option<Origin> {
        let meta = self.file.metadata().ok().filter(Metadata::is_file)?;
        Some(Origin {
            path: absolute(path),
            file: Arc::clone(&self.file),
            identity: identity(&meta)?,
            offset: self.fingerprint.end,
            check: self.check,
        })
    }

    /// Whether the file is compressed. Then it does not grow.
    pub(super) fn is_compressed(&self) -> bool {
        self.text.is_some()
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Goes back to the start of the file.
    pub(super) fn rewind(&mut self) {
        self.fingerprint = Fingerprint::default();
        self.rewritten = false;
        self.stamp = None;
        // If this fails, so does the next read, which reports it.
        let _ = (&*self.file).rewind();
    }

    /// The change since the last check, if any.
    pub(super) fn change(&mut self) -> Option<Change> {
        let meta = self.file.metadata().ok().filter(Metadata::is_file)?;
        if self.is_compressed() {
            return None;
        }
        if meta.len() < self.fingerprint.end {
            return Some(Change::Truncated);
        }
        if self.rewritten || !self.matches_fingerprint(self.fingerprint.end) {
            return Some(Change::Rewritten);
        }
        self.is_modified(&meta).then_some(Change::Modified)
    }

    /// Whether the remembered bytes are unchanged. The next read starts at `position`.
    fn matches_fingerprint(&mut self, position: u64) -> bool {
        if !self.comparable {
            return true;
        }
        let Fingerprint { end, bytes } = &self.fingerprint;
        let mut found = [0; FINGERPRINT_SIZE];
        let found = &mut found[..bytes.len()];
        let start = SeekFrom::Start(end - bytes.len() as u64);
        let mut file = &*self.file;
        let read = file.seek(start).and_then(|_| file.read_exact(found));
        let matches = match read {
            Ok(()) => found == bytes,
            // If it can't be read, the next read fails too and reports it.
            Err(error) => error.kind() != io::ErrorKind::UnexpectedEof,
        };
        file.seek(SeekFrom::Start(position)).is_err() || matches
    }

    /// Whether it was modified and had the same length at two checks in a row; once for each
    /// modification.
    fn is_modified(&mut self, meta: &Metadata) -> bool {
        let stamp = (meta.len(), meta.modified().ok());
        let before = self.stamp.replace(stamp).unwrap_or(stamp);
        let suspected = std::mem::replace(&mut self.suspect, false);
        if before == stamp {
            return suspected;
        }
        self.suspect = before.0 == stamp.0;
        false
    }
}

impl Read for OpenFile {
    /// Reads on. A file that turns out to have been rewritten is at its end as well: the
    /// bytes read do not continue the earlier ones, and may begin in the middle of a line.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = match &mut self.text {
            Some(text) => text.read(buffer)?,
            None => (&*self.file).read(buffer)?,
        };
        if length > 0 && !self.matches_fingerprint(self.fingerprint.end + length as u64) {
            self.rewritten = true;
            return Ok(0);
        }
        self.fingerprint.push(&buffer[..length]);
        Ok(length)
    }
}
