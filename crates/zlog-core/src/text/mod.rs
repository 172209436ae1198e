//! Text for people: escaping, numbers with their nouns, values as they are typed.

pub mod choice;
pub mod escape;
pub mod parsers;
pub mod plural;
pub mod suggest;
pub mod wrap;
