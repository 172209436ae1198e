//! One record a line, as JSON that can be read back.
