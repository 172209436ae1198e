//! Log records as zlog carries them.
//!
//! A [`record::Record`] has Python's attribute names. [`wire`] reads and writes its bytes,
//! [`parse`] and [`multiline`] make records of lines of text, [`filter`] lets a record
//! pass or not, [`format`](mod@format) shows it.
//!
//! This crate has no sockets, no files, no threads and no command line: other programs
//! can use it as it is.

pub mod error;
pub mod filter;
pub mod format;
pub mod history;
pub mod multiline;
pub mod parse;
pub mod python;
pub mod record;
pub mod reorder;
pub mod sequence;
pub mod stats;
pub mod text;
pub mod topic_table;
pub mod wire;
