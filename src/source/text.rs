//! Lines of text from any byte stream, as records.
