//! The parser: subcommands, and argument groups that commands share.
