//! Finds where the last records of a file begin, without reading all of it.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::time::Duration;

use super::{LineOptions, StreamSpec, TextSource};
use crate::os::thread;
use crate::source::{PollStatus, Source};
use zlog_core::parse::{Parser, backslash_replace};
use zlog_core::{Record, Result};

/// The end of a file that is tried first, in bytes. Each further try takes four times as much.
const WINDOW: u64 = 256 << 10;

/// The bytes in which a line to begin with is looked for.
const LOOK: u64 = 64 << 10;

/// Returns the offset in a file of at least `size` bytes from which on reading gives the last
/// `n` records that `accepts` lets pass: 0 if all of it must be read.
///
/// # Errors
/// The file can't be read.
pub(in crate::source) fn start_of_last(
    file: &mut File,
    n: usize,
    spec: StreamSpec,
    lines: &LineOptions,
    accepts: &mut dyn FnMut(&Record<'_>) -> bool,
) -> Result<u64, io::Error> {
    let size = file.metadata()?.len();
    let head = read_at(file, 0)?;
    // UTF-16: a byte is no character.
    if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") || head.contains(&0) {
        return Ok(0);
    }
    let Some(first) = head.split(|byte| *byte == b'\n').next() else { return Ok(0) };
    let mut window = WINDOW;
    while window < size {
        if let Some((start, margin)) = begin_in(file, size - window, first, lines)? {
            let wanted = n.saturating_add(margin);
            file.seek(SeekFrom::Start(start))?;
            let part = file.try_clone()?.take(size - start);
            if has_records(part, wanted, spec, lines, accepts) {
                return Ok(start);
            }
        }
        window = window.saturating_mul(4);
    }
    Ok(0)
}

/// The start of a line near `offset` with which reading can begin, and how many of the first
/// records may differ from those that reading the whole file gives. `first` is the first line of
/// the file, which may tell how the others are read.
fn begin_in(
    file: &mut File,
    offset: u64,
    first: &[u8],
    lines: &LineOptions,
) -> io::Result<Option<(u64, usize)>> {
    let bytes = read_at(file, offset)?;
    let mut after_first = Parser::new(lines.parse.clone());
    let _ = after_first.parse(&backslash_replace(first));
    let mut unknown = None;
    let mut start = 0;
    // The line at the offset may have begun before it, and the last one may go on.
    let complete = memchr::memrchr(b'\n', &bytes).unwrap_or(0);
    while let Some(end) = memchr::memchr(b'\n', &bytes[start..complete]) {
        start += end + 1;
        let line = bytes[start..].split(|byte| *byte == b'\n').next().unwrap_or_default();
        let line = backslash_replace(line);
        let record = Parser::new(lines.parse.clone()).parse(&line);
        if record != after_first.parse(&line) {
            continue;
        }
        let at = offset + start as u64;
        if record.created.is_some() {
            // A line with a time begins a record. It may be a part of a longer line (Docker).
            return Ok(Some((at, 1)));
        }
        unknown.get_or_insert((at, lines.multiline.max_lines));
    }
    Ok(unknown)
}

/// Whether at least `wanted` records pass.
fn has_records(
    part: impl Read + Send + 'static,
    wanted: usize,
    spec: StreamSpec,
    lines: &LineOptions,
    accepts: &mut dyn FnMut(&Record<'_>) -> bool,
) -> bool {
    let (mut source, [handle]) = TextSource::of([spec], lines);
    if thread::spawn("last", move || handle.read_all("", part)).is_err() {
        return false;
    }
    let mut passed = 0;
    loop {
        let status = source.poll(Duration::from_secs(1), &mut |record| {
            passed += usize::from(accepts(record));
            Ok(if passed < wanted { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        });
        if passed >= wanted || !matches!(status, Ok(PollStatus::Delivered | PollStatus::Idle)) {
            return passed >= wanted;
        }
    }
}

/// Some bytes at an offset.
fn read_at(file: &mut File, offset: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(offset))?;
    file.take(LOOK).read_to_end(&mut bytes)?;
    Ok(bytes)
}
