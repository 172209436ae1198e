//! Text for people: escaping, and numbers with their nouns.

pub mod choice;
pub mod escape;
pub mod parsers;
pub mod plural;
