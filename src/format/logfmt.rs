//! One record a line, as key=value pairs.
