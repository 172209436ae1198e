//! How lines become records, and what is counted meanwhile.

use zlog_core::Level;
use zlog_core::formats::Explanation;
use zlog_core::{multiline, parse};

/// How lines become records.
#[derive(Clone, Debug)]
pub struct LineOptions {
    /// The longest line that is one record, in bytes. Default: 16 MiB. A line that begins
    /// with `{` may be eight times as long, up to 256 MiB: JSON takes up to six bytes for a byte
    /// of the message, and holds other fields as well.
    pub max_line: usize,
    /// The parts of a line to recognise.
    pub parse: parse::Options,
    /// Which lines make one record.
    pub multiline: multiline::Options,
    /// Skip empty lines.
    pub skip_empty: bool,
}

impl Default for LineOptions {
    fn default() -> LineOptions {
        LineOptions {
            max_line: 16 << 20,
            parse: parse::Options::default(),
            multiline: multiline::Options::default(),
            skip_empty: false,
        }
    }
}

/// [`LineOptions::max_line`] for stored records: the default of `tail --max-message`, so that
/// records that zlog has written are read back as one. (Longer JSON than 256 MiB is cut: that is a
/// message of more than 42 MiB, all of control characters.)
pub const LONGEST_STORED_LINE: usize = 128 << 20;

/// Facts about a stream that are known before it is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StreamSpec {
    /// The level of lines that name none. A traceback raises it to ERROR.
    pub level: Level,
    /// The process that writes the stream, where it is known.
    pub process: Option<i64>,
}

impl Default for StreamSpec {
    fn default() -> StreamSpec {
        StreamSpec { level: Level::INFO, process: None }
    }
}

/// How a record was read.
#[derive(Clone, Debug)]
pub struct Explained {
    /// The number of its first line, from 1.
    pub line: u64,
    /// Its lines.
    pub text: String,
    /// Where the message begins in the text, after the fields of the format.
    pub message_start: usize,
    /// Which formats were tried with the line; `None` for a traceback without a line, and for a
    /// further piece of an overlong line, which have none.
    pub explanation: Option<Explanation>,
}

/// Line counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LineCounts {
    /// Lines read; each piece of an overlong line counts.
    pub lines: u64,
    /// Records delivered.
    pub records: u64,
    /// Lines with bytes that are not UTF-8, shown as `\xNN`.
    pub not_utf8: u64,
    /// Pieces of overlong lines.
    pub pieces: u64,
    /// Empty lines skipped.
    pub skipped: u64,
    /// NULs skipped: at the start of a line, or many in a row.
    pub nuls: u64,
    /// Lines that `--pattern` did not match, delivered unchanged.
    pub unmatched: u64,
    /// Tracebacks cut at their maximum length.
    pub cuts: u64,
    /// Records with a value that is kept as text ([`QUOTED`](zlog_core::wire::QUOTED)).
    pub quoted: u64,
    /// Lines whose end had not come when the source was asked to finish.
    pub cut_lines: u64,
    /// States of progress lines that were replaced before they were delivered.
    pub replaced: u64,
    /// Notices that lines may be missing: a file was truncated, or given up.
    pub gaps: u64,
}

impl LineCounts {
    /// The sums of both.
    pub(crate) fn plus(self, other: LineCounts) -> LineCounts {
        // All fields, so that a new one does not compile before it is added here.
        let LineCounts {
            lines,
            records,
            not_utf8,
            pieces,
            skipped,
            nuls,
            unmatched,
            cuts,
            quoted,
            cut_lines,
            replaced,
            gaps,
        } = other;
        LineCounts {
            lines: self.lines + lines,
            records: self.records + records,
            not_utf8: self.not_utf8 + not_utf8,
            pieces: self.pieces + pieces,
            skipped: self.skipped + skipped,
            nuls: self.nuls + nuls,
            unmatched: self.unmatched + unmatched,
            cuts: self.cuts + cuts,
            quoted: self.quoted + quoted,
            cut_lines: self.cut_lines + cut_lines,
            replaced: self.replaced + replaced,
            gaps: self.gaps + gaps,
        }
    }
}
