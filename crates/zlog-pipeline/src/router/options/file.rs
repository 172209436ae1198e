//! Files: appended to, replaced as they grow, replaced by the clock.

use std::path::{Path, PathBuf};

use jiff::civil::Time;
use zlog_core::Result;
use zlog_core::format::Format;
use zlog_core::text::parsers;

use super::{Class, HandlerTarget, Key, Opening, Reader, SharedSettings, Target};
use crate::handler::Handler;
use crate::handler::file::{Compression, FileHandler, Sync};
use crate::handler::rotating::{RotatingFileHandler, Rotation};
use crate::handler::timed::{TimedRotatingFileHandler, Timing, When};

/// The default number of replaced files to keep if only a size is given.
const DEFAULT_BACKUPS: u32 = 5;

const PATH: Key = Key::new("path", "PATH", "File to write; missing directories are created");

const OLD_FILES: &[Key] = &[
    Key::new(
        "backups",
        "N",
        "Rotated files to keep; 0 keeps all with when, and never rotates with max-bytes",
    )
    .default("5 with max-bytes, all with when"),
    Key::new("compress", "gzip|zstd|none", "Compression of rotated files").default("none"),
];

/// Appends to a file.
pub(super) static FILE: Class = Class {
    name: "file",
    option: "--file",
    about: "Append to a file, or rotate it\n\n\
            max-bytes= rotates by size and when= by time, as Python's handlers do. May be \
            repeated, as all handlers.",
    main: Some(PATH),
    keys: &[&[Key::switch("sync", "Wait for the disk after each record")]],
    picked_by: None,
    formatted: true,
    stores: false,
    variables: &[],
    read: |reader, _| {
        let sync = if reader.flag("sync") { Sync::Data } else { Sync::Block };
        Some(Target::File(FileTarget { path: path(reader)?, sync }))
    },
};

/// Replaces a file when it has grown.
pub(super) static ROTATING: Class = Class {
    name: "rotating",
    option: "--file",
    about: "",
    main: Some(PATH),
    keys: &[
        &[Key::new("max-bytes", "SIZE", "Rotate before the file grows beyond this; 0 never does")],
        OLD_FILES,
    ],
    picked_by: Some("max-bytes"),
    formatted: true,
    stores: false,
    variables: &[],
    read: rotating,
};

/// Replaces a file by the clock.
pub(super) static TIMED: Class = Class {
    name: "timed",
    option: "--file",
    about: "",
    main: Some(PATH),
    keys: &[
        &[
            Key::new("when", "WHEN", "Rotate at: S, M, H, D, midnight, W0 (Monday) to W6"),
            Key::new("interval", "N", "Rotate at every Nth of these").default("1"),
            Key::new("at", "TIME", "Time of day, with midnight and W0 to W6").default("00:00"),
        ],
        OLD_FILES,
    ],
    picked_by: Some("when"),
    formatted: true,
    stores: false,
    variables: &[],
    read: timed,
};

fn rotating(reader: &mut dyn Reader, _: &SharedSettings) -> Option<Target> {
    // Read every key, even if one is wrong: the reader collects all errors. As in Python, a
    // file without a limit is never rotated.
    let max_bytes = reader.read("max-bytes", parsers::size_or_zero).unwrap_or(0);
    let backup_count = reader.read("backups", parsers::number).unwrap_or(DEFAULT_BACKUPS);
    let compress = reader.read("compress", str::parse::<Compression>).unwrap_or_default();
    let path = path(reader)?;
    let rotation = Rotation { max_bytes: max_bytes as u64, backup_count, compress };
    Some(Target::Rotating(RotatingTarget { path, rotation }))
}

fn timed(reader: &mut dyn Reader, shared: &SharedSettings) -> Option<Target> {
    reader.require("when", "\"midnight\"");
    let when = reader.read("when", str::parse::<When>);
    let interval = reader.read("interval", parsers::at_least_one).unwrap_or(1);
    let backup_count = reader.read("backups", parsers::number).unwrap_or(0);
    let at_time = reader.read("at", time_of_day);
    let compress = reader.read("compress", str::parse::<Compression>).unwrap_or_default();
    let path = path(reader)?;
    let timing = Timing { when: when?, interval, backup_count, utc: shared.utc, at_time, compress };
    Some(Target::Timed(TimedTarget { path, timing }))
}

fn path(reader: &mut dyn Reader) -> Option<PathBuf> {
    reader.require("path", "\"app.log\"");
    let path = reader.text("path")?;
    if path.is_empty() || path.contains('\0') {
        reader.wrong("path", "is not a file name", "Name a file: path = \"app.log\".");
        return None;
    }
    Some(path.into())
}

fn time_of_day(text: &str) -> Result<Time, &'static str> {
    text.parse().map_err(|_| "not a time of day: write it as 03:30 or 03:30:00")
}

#[cfg(unix)]
fn is_pipe(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    std::fs::metadata(path).is_ok_and(|there| there.file_type().is_fifo())
}

#[cfg(not(unix))]
fn is_pipe(_: &Path) -> bool {
    false
}

/// A file that is appended to.
#[derive(Clone, Debug, PartialEq)]
pub struct FileTarget {
    /// The file.
    pub path: PathBuf,
    /// How durable each record is when the next is taken.
    pub sync: Sync,
}

/// A file that is replaced when it has grown.
#[derive(Clone, Debug, PartialEq)]
pub struct RotatingTarget {
    /// The file.
    pub path: PathBuf,
    /// When to replace it, and what to keep.
    pub rotation: Rotation,
}

/// A file that is replaced by the clock.
#[derive(Clone, Debug, PartialEq)]
pub struct TimedTarget {
    /// The file.
    pub path: PathBuf,
    /// When to replace it, and what to keep.
    pub timing: Timing,
}

/// Implements [`HandlerTarget`] for a file that `$open` opens.
macro_rules! file_target {
    ($Target:ty, |$self:ident, $format:ident| $open:expr) => {
        impl HandlerTarget for $Target {
            fn open(
                &$self,
                $format: Box<dyn Format>,
                _: &Opening<'_>,
            ) -> Result<Box<dyn Handler + Send>> {
                Ok(Box::new($open?))
            }

            fn default_name(&self) -> String {
                self.path.to_string_lossy().into_owned()
            }

            fn path(&self) -> Option<&Path> {
                Some(&self.path)
            }

            // The reader of a pipe may stop reading.
            fn may_block(&self) -> bool {
                is_pipe(&self.path)
            }
        }
    };
}

file_target!(FileTarget, |self, format| FileHandler::open(&self.path, format, self.sync));
file_target!(RotatingTarget, |self, format| RotatingFileHandler::open(
    &self.path,
    format,
    self.rotation
));
file_target!(TimedTarget, |self, format| TimedRotatingFileHandler::open(
    &self.path,
    format,
    self.timing
));
