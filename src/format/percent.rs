//! Python's `%` formatting: a message and its arguments.
