//! How a record looks.

pub mod json;
pub mod logfmt;
pub mod percent;
pub mod pretty;
pub mod time;
