//! Test records.
