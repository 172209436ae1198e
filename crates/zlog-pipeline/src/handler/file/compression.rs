//! The compression formats for replaced files, and their encoders. `compressor` decides what
//! is compressed, and when.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use flate2::write::GzEncoder;
use zstd::stream::write::Encoder as ZstdEncoder;

use zlog_core::text::escape::escape;
use zlog_core::{Error, Result};

/// How replaced files are compressed.
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
    /// All formats, in the order of the documentation.
    pub(crate) const ALL: [Compression; 3] =
        [Compression::None, Compression::Gzip, Compression::Zstd];

    /// Its name in options and configurations.
    const fn name(self) -> &'static str {
        match self {
            Compression::None => "none",
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
        }
    }

    /// The suffix of compressed files: `.gz`.
    pub(crate) const fn suffix(self) -> &'static str {
        match self {
            Compression::None => "",
            Compression::Gzip => ".gz",
            Compression::Zstd => ".zst",
        }
    }

    /// The compressed name of a file.
    pub(in crate::handler) fn name_of(self, path: &Path) -> PathBuf {
        let mut name = path.as_os_str().to_owned();
        name.push(self.suffix());
        name.into()
    }

    /// Starts an encoder that writes to `file`, at the format's default level.
    pub(super) fn encoder(self, file: File) -> io::Result<Encoder> {
        Ok(match self {
            Compression::None => Encoder::None(file),
            Compression::Gzip => {
                Encoder::Gzip(GzEncoder::new(file, flate2::Compression::default()))
            }
            Compression::Zstd => {
                let mut encoder = ZstdEncoder::new(file, zstd::DEFAULT_COMPRESSION_LEVEL)?;
                // As the zstd program does. gzip always has a checksum.
                encoder.include_checksum(true)?;
                Encoder::Zstd(encoder)
            }
        })
    }
}

impl FromStr for Compression {
    type Err = Error;

    fn from_str(name: &str) -> Result<Compression> {
        let found = Compression::ALL.into_iter().find(|known| known.name() == name);
        found.ok_or_else(|| {
            Error::usage(format!("unknown compression '{}'", escape(name)))
                .hint("Use gzip, zstd or none.")
        })
    }
}

/// Compresses what is written to it.
pub(super) enum Encoder {
    None(File),
    Gzip(GzEncoder<File>),
    Zstd(ZstdEncoder<'static, File>),
}

impl Encoder {
    /// Writes what is buffered and returns the file.
    pub(super) fn finish(self) -> io::Result<File> {
        match self {
            Encoder::None(file) => Ok(file),
            Encoder::Gzip(encoder) => encoder.finish(),
            Encoder::Zstd(encoder) => encoder.finish(),
        }
    }
}

impl Write for Encoder {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Encoder::None(file) => file.write(bytes),
            Encoder::Gzip(encoder) => encoder.write(bytes),
            Encoder::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Encoder::None(file) => file.flush(),
            Encoder::Gzip(encoder) => encoder.flush(),
            Encoder::Zstd(encoder) => encoder.flush(),
        }
    }
}
