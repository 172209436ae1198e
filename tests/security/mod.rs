//! Who may read and write records.

mod exposure;
