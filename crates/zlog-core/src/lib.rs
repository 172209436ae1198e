//! Log records as zlog carries them, without I/O: no sockets, no files, no threads and no
//! command line, so that other programs can use this crate.
//!
//! - [`Record`], [`Level`]: a record with the attribute names of Python's `logging`.
//! - [`wire`]: records to message bodies and back, in all dialects; topics.
//! - [`parse`], [`formats`], [`multiline`]: lines of text to records.
//! - [`filter`]: which records pass.
//! - [`format`](mod@format): records as text for people and programs.
//! - [`sequence`], [`reorder`], [`history`], [`stats`]: lost records, order in time, the
//!   last messages of each topic, rates.
//! - [`text`]: escaping, plurals, suggestions, and parsers for typed values.
//!
//! # Example
//! Reads the two frames of a message and formats the record:
//!
//! ```
//! use zlog_core::format::{Options, Output};
//! use zlog_core::{Level, wire};
//!
//! let frames: [&[u8]; 2] = [
//!     b"shop.ERROR.db",
//!     br#"{"name":"shop.db","levelno":40,"msg":"lost %s","args":["orders"],"created":1.5}"#,
//! ];
//! let received = 2.0; // seconds since 1970-01-01 UTC
//! let (record, dialect) = wire::decode(&frames, received);
//! assert_eq!(dialect, Some(wire::Dialect::Json));
//! assert_eq!((record.level, &*record.message()), (Level::ERROR, "lost orders"));
//!
//! let options = Options { zone: jiff::tz::TimeZone::UTC, ..Options::default() };
//! let mut format = Output::Pretty.format(options)?;
//! let mut out = Vec::new();
//! format.write(&record, &mut out);
//! assert_eq!(out, b"1970-01-01 00:00:01.500  ERROR    shop.db  lost orders\n");
//! # Ok::<(), zlog_core::Error>(())
//! ```

mod error;
mod fields;
pub mod filter;
pub mod format;
pub mod formats;
pub mod history;
mod level;
pub mod multiline;
pub mod parse;
mod python;
mod record;
pub mod reorder;
pub mod sequence;
pub mod stats;
pub mod text;
pub mod topic_table;
pub mod wire;

pub use error::{Error, Exit, Result};
pub use level::Level;
pub use record::{RawJson, Record, Text};
