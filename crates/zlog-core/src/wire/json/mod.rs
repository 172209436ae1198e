//! The `json` dialect: one JSON object under `LogRecord` attribute names.
//!
//! A body that zlog writes works with Python's `logging.makeLogRecord(json.loads(body))`.
//! Reading is lenient: a value of an unexpected type is kept as text or as an extra, `null`
//! means absent, and the extensions of Python's `json` (`NaN`, `Infinity`, unpaired
//! surrogates) are read too. Only text that is not a JSON object is an error.
//!
//! Objects of other loggers (`{"time":…,"level":"error","message":…}`) are read with the
//! keys in `other_loggers`.

mod entry;
mod layout;
mod object;
mod prefilter;
mod read;
mod repair;
mod repeated;
mod value;
mod write;

pub use prefilter::Prefilter;
pub use read::{ParseError, read, read_body};
pub use write::{Writer, milliseconds, write};

pub(super) use object::write_float;
pub(crate) use read::Reader;
pub(super) use value::exact_integer;

#[cfg(test)]
mod tests;
