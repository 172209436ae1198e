//! The `text` dialect: the formatted message.
