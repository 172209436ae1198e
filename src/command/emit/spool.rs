//! `--spool`: records wait on disk until a relay has confirmed them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::endpoints;
use crate::cli::EmitArgs;
use zlog_core::Result;
use zlog_pipeline::os::terminal;
use zlog_pipeline::socket::{
    Confirmation, ConfirmedOptions, Publisher, SocketOptions, open_confirmed,
};
use zlog_pipeline::source::saved_record;
use zlog_pipeline::spool::SpoolOptions;

/// How often what was appended is handed to the disk (fdatasync), at most.
const SYNC_INTERVAL: Duration = Duration::from_secs(1);

/// Whether the spool sends a record only after the position file says that it was read, so that a killed
/// emitter repeats none. Not with handlers, which may delay that, nor with a pipe, which can't be read
/// again.
fn sends_after_save(args: &EmitArgs) -> bool {
    let is_file = |path: &PathBuf| {
        path.as_os_str() != "-" && path.metadata().map_or(true, |found| found.is_file())
    };
    args.position.is_some() && args.stores.0.is_empty() && args.file.iter().all(is_file)
}

/// Opens the spool, from which records are sent to a relay that confirms them.
///
/// # Errors
/// The endpoint is invalid, or the spool can't be used.
pub(super) fn open(
    args: &EmitArgs,
    directory: &Path,
    socket: SocketOptions,
    report: &dyn Fn(&str),
) -> Result<(Publisher, Confirmation)> {
    let endpoint = endpoints::to_confirm(&args.endpoints, args.confirm_at.as_deref(), report)?;
    let quiet = args.quiet;
    open_confirmed(ConfirmedOptions {
        endpoint,
        spool: SpoolOptions { directory: directory.to_owned(), bytes: args.spool_bytes as u64 },
        socket,
        sync_interval: SYNC_INTERVAL,
        holds: sends_after_save(args),
        committed: args.position.as_deref().and_then(|path| saved_record(path, &args.file)),
        report: Box::new(move |text| {
            if !quiet {
                terminal::eprint_line(format_args!("zlog emit: {text}"));
            }
        }),
    })
}
