//! Standard output, formatted.
