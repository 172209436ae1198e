//! Terminals: whether there is one, colour, and escaping of text from outside.
