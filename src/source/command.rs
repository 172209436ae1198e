//! A child command's output.
