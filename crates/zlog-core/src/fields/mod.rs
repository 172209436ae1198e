//! The fields of a record: the values of its attributes by name, and its extras as
//! `key=value` pairs. Filters and formats use the same names and the same text.

pub(crate) mod attribute;
pub(crate) mod pairs;
