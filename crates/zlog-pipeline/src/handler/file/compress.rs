//! Old files made smaller: which formats there are, and their encoders.
//!
//! What may be here: from one file to a smaller one. Which files, and when, is
//! `archive`'s.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use flate2::write::GzEncoder;
use zstd::stream::write::Encoder as ZstdEncoder;

use zlog_core::error::{Error, Result};
use zlog_core::text::escape::escape;

/// How files that were replaced are compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Compression {
    /// Not at all
    #[default]
    None,
    /// gzip: read everywhere (`zcat`)
    Gzip,
    /// Zstandard: smaller and faster than gzip (`zstdcat`)
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

    /// What a file of this name is called, compressed.
    pub(in crate::handler) fn name_of(self, path: &Path) -> PathBuf {
        let mut name = path.as_os_str().to_owned();
        name.push(self.suffix());
        name.into()
    }
}

impl FromStr for Compression {
    type Err = Error;

    fn from_str(name: &str) -> Result<Compression> {
        let found = Compression::ALL.into_iter().find(|known| known.name() == name);
        found.ok_or_else(|| {
            Error::usage(format!("no compression is called '{}'", escape(name)))
                .hint("Give gzip, zstd or none.")
        })
    }
}

/// Makes encoders.
#[derive(Clone, Copy)]
pub(super) struct Compressor {
    how: Compression,
}

impl Compressor {
    /// `None` for no compression.
    pub(super) fn new(how: Compression) -> Option<Compressor> {
        (how != Compression::None).then_some(Compressor { how })
    }

    /// What a file of this name is called, compressed.
    pub(super) fn name_of(self, path: &Path) -> PathBuf {
        self.how.name_of(path)
    }

    /// Begins to write compressed bytes to `file`, at the usual level of each format.
    pub(super) fn start(self, file: File) -> io::Result<Encoder> {
        if self.how == Compression::Gzip {
            return Ok(Encoder::Gzip(GzEncoder::new(file, flate2::Compression::default())));
        }
        let mut encoder = ZstdEncoder::new(file, zstd::DEFAULT_COMPRESSION_LEVEL)?;
        // As the zstd program does; gzip always has one.
        encoder.include_checksum(true)?;
        Ok(Encoder::Zstd(encoder))
    }
}

/// Compresses what is written to it.
pub(super) enum Encoder {
    Gzip(GzEncoder<File>),
    Zstd(ZstdEncoder<'static, File>),
}

impl Encoder {
    /// Writes what is still held, and gives the file back.
    pub(super) fn finish(self) -> io::Result<File> {
        match self {
            Encoder::Gzip(encoder) => encoder.finish(),
            Encoder::Zstd(encoder) => encoder.finish(),
        }
    }
}

impl Write for Encoder {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Encoder::Gzip(encoder) => encoder.write(bytes),
            Encoder::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Encoder::Gzip(encoder) => encoder.flush(),
            Encoder::Zstd(encoder) => encoder.flush(),
        }
    }
}
