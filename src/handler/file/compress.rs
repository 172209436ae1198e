//! Old files made smaller: which formats there are.
//!
//! What may be here: from one file to a smaller one. Which files, and when, is
//! `archive`'s.

use std::str::FromStr;

use clap::ValueEnum;

use crate::error::{Error, Result};
use crate::term::visible;

/// How files that were replaced are compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum Compression {
    /// Not at all
    #[default]
    None,
    /// gzip: read everywhere (`zcat`)
    Gzip,
    /// Zstandard: smaller, and several times as fast (`zstdcat`)
    Zstd,
}

impl Compression {
    /// Every one, in the order of the documentation.
    pub const ALL: [Compression; 3] = [Compression::None, Compression::Gzip, Compression::Zstd];

    /// What it is called in options and in configurations.
    pub const fn name(self) -> &'static str {
        match self {
            Compression::None => "none",
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
        }
    }

    /// What is added to the name of a file: `.gz`.
    pub const fn suffix(self) -> &'static str {
        match self {
            Compression::None => "",
            Compression::Gzip => ".gz",
            Compression::Zstd => ".zst",
        }
    }
}

impl FromStr for Compression {
    type Err = Error;

    fn from_str(name: &str) -> Result<Compression> {
        let found = Compression::ALL.into_iter().find(|known| known.name() == name);
        found.ok_or_else(|| {
            Error::usage(format!("no compression is called '{}'", visible(name)))
                .hint("Give gzip, zstd or none.")
        })
    }
}
