//! The `json` dialect: one JSON object under `LogRecord` attribute names.
//!
//! What is written satisfies Python's
//! `logging.makeLogRecord(json.loads(body))`. What is read may be odd: a value
//! of an unexpected type is kept as text or as an extra, `null` stands for
//! absent, and what only Python's `json` writes (`NaN`, `Infinity`, halves of
//! surrogate pairs) is read too. Only what is not a JSON object is refused.
//!
//! Objects of other loggers (`{"time":…,"level":"error","message":…}`) are read
//! by the names in [`other_loggers`](super::other_loggers).
//!
//! What may be here: JSON text to records and back. Which attribute goes into
//! which field is `attributes`'.

mod escape;
mod limits;
mod read;
mod repair;
mod scan;
mod write;

pub use escape::{string_value, write_string};
pub use limits::MAX_DEPTH;
pub(crate) use limits::is_within_limits;
pub(crate) use read::entries;
pub(super) use read::exact_integer;
pub(in crate::wire) use read::read_body_into;
pub use read::{ParseError, Schema, read, read_body, read_with_schema};
pub(super) use write::write_float;
pub use write::{write, write_stored};

#[cfg(test)]
mod tests;
