//! Standard input.

use super::reader::Tee;
use super::text::{LineOptions, StreamSpec, TextSource};
use crate::os::{terminal, thread};
use zlog_core::Result;

/// Records from the lines of standard input, which are copied to `tee` as they are read.
///
/// The reading thread can't be woken from a blocking read: it ends with the input, or
/// with the process.
///
/// # Errors
/// When no thread can be started.
pub fn open(spec: StreamSpec, options: &LineOptions, tee: Option<Tee>) -> Result<TextSource> {
    let (source, [reader]) = TextSource::of([spec], options);
    let reader = reader.with_tee(tee);
    thread::spawn("stdin", move || reader.read_all("standard input", terminal::stdin()))?;
    Ok(source)
}
