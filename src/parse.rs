//! A line of text to a record.
