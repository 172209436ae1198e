//! Recognises a file, whatever its name: by its number, and by the bytes before the place up to which it was
//! read. Says where reading begins, and what has changed.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

use super::decompress::Decompressor;
use super::reader::Check;
use zlog_core::text::escape::escape;

/// Bytes that are remembered, to recognise the file by: enough for many lines with their
/// times, and few enough to be compared in a few microseconds.
pub(super) const FINGERPRINT_SIZE: usize = 4096;

/// The bytes that were last read from a file.
#[derive(Default)]
pub(super) struct Fingerprint {
    /// Offset of their end: the file was read up to there.
    pub(super) end: u64,
    pub(super) bytes: Vec<u8>,
}

impl Fingerprint {
    /// Appends bytes that were read.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.end += bytes.len() as u64;
        let bytes = &bytes[bytes.len().saturating_sub(FINGERPRINT_SIZE)..];
        let excess = (self.bytes.len() + bytes.len()).saturating_sub(FINGERPRINT_SIZE);
        self.bytes.drain(..excess);
        self.bytes.extend_from_slice(bytes);
    }
}

impl io::Write for Fingerprint {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.push(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A change of a file other than growth.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Change {
    /// It is shorter than what was read.
    Truncated,
    /// The bytes last read have changed.
    Rewritten,
    /// It was modified, and has the same length and the same last bytes.
    Modified,
}

impl Change {
    /// The rest of the notice, after the file's name.
    pub(super) fn text(self) -> &'static str {
        match self {
            Change::Truncated => {
                "was truncated: reading it from its start; lines added shortly before may be missing"
            }
            Change::Rewritten => {
                "was rewritten: reading it from its start; lines added shortly before may be missing"
            }
            Change::Modified => {
                "was modified, but its length and end are the same: zlog can't know whether it \
                 was rewritten, and does not read it again"
            }
        }
    }
}

/// Where the reading of a file begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Start {
    Beginning,
    End,
    At(u64),
}

/// The text of a file, from its start, if the file is compressed. Otherwise the cursor stands at the start.
pub(super) fn compressed_text(file: &File) -> io::Result<Option<Decompressor<File>>> {
    let mut start = file;
    start.rewind()?;
    let mut text = Decompressor::new(file.try_clone()?);
    if text.is_compressed()? {
        return Ok(Some(text));
    }
    start.rewind()?;
    Ok(None)
}

/// Reads a compressed file up to `start`. Returns the bytes before it.
pub(super) fn check_text(text: &mut impl Read, start: Start) -> io::Result<Check> {
    let limit = match start {
        Start::Beginning => 0,
        Start::End => u64::MAX,
        Start::At(offset) => offset,
    };
    let mut last = Fingerprint::default();
    io::copy(&mut text.take(limit), &mut last)?;
    Ok(Check { end: last.end, hash: hash_end(&last.bytes) })
}

/// Bytes before a position that are compared, to recognise a file that was rewritten or whose
/// number was used again.
const CHECKED: usize = 1024;

/// The hash of up to [`CHECKED`] bytes before `offset`.
pub(super) fn hash_before(file: &File, offset: u64) -> io::Result<u64> {
    let mut bytes = vec![0; offset.min(CHECKED as u64) as usize];
    let start = offset - bytes.len() as u64;
    #[cfg(unix)]
    std::os::unix::fs::FileExt::read_exact_at(file, &mut bytes, start)?;
    #[cfg(not(unix))]
    let _ = (file, start);
    Ok(hash_end(&bytes))
}

/// The FNV-1a hash of the last [`CHECKED`] bytes. It must never change: it is stored.
fn hash_end(bytes: &[u8]) -> u64 {
    let bytes = &bytes[bytes.len().saturating_sub(CHECKED)..];
    let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, mix)
}

/// A path as it is shown in a message.
pub(super) fn display_name(path: &Path) -> String {
    escape(&path.to_string_lossy())
}

/// Identifies a file, whatever its name.
#[cfg(unix)]
pub(super) fn identity(meta: &Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    Some((meta.dev(), meta.ino()))
}

/// Without inodes, files are identified by creation time.
#[cfg(not(unix))]
pub(super) fn identity(meta: &Metadata) -> Option<(u64, u64)> {
    let since = meta.created().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some((since.as_secs(), u64::from(since.subsec_nanos())))
}

/// The path, independent of the working directory.
pub(super) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
