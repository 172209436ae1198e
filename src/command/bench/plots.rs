//! `--plot FILE`: checks and writes image files.

use std::path::{Path, PathBuf};

use zlog_bench::plot::ImageFormat;
use zlog_bench::report::{check_writable, write_whole};
use zlog_core::Result;

/// Checks, before anything is measured, that every image has a format and can be written.
pub(super) fn check(paths: &[PathBuf]) -> Result<()> {
    paths.iter().try_for_each(|path| ImageFormat::of(path).and_then(|_| check_writable(path)))
}

/// Writes one image to every path, in the format of its extension.
pub(super) fn write(
    paths: &[PathBuf],
    render: impl Fn(ImageFormat) -> Result<Vec<u8>>,
) -> Result<()> {
    let write = |path: &Path| write_whole(path, &render(ImageFormat::of(path)?)?);
    paths.iter().try_for_each(|path| write(path))
}
