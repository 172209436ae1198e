//! `zlog bench codec`: whether MessagePack would pay.

use std::io::Write;

use super::progress::Progress;
use crate::cli::{BenchOutput, CodecArgs};
use zlog_bench::codec::{Codec, CodecReport, Plan, Settings, measure, records};
use zlog_bench::measure::Monotonic;
use zlog_bench::report::json;
use zlog_core::error::{Exit, Result};
use zlog_pipeline::os::signal::Stop;
use zlog_pipeline::os::terminal;

/// Measures and reports; when it is stopped, what was measured so far.
///
/// # Errors
/// A record does not come back as it was, or the report can't be printed.
pub(super) fn run(args: &CodecArgs) -> Result<Exit> {
    if cfg!(debug_assertions) {
        terminal::tell(
            "zlog bench codec: this is a debug build: its figures say little of a release",
        );
    }
    let stop = Stop::install()?;
    let date = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let settings = Settings {
        size: args.size,
        count: args.count,
        runs: usize::from(args.runs),
        seed: args.seed,
    };
    let plan = Plan { count: args.count, runs: settings.runs, warm_up: args.warm_up };
    let records = records(args.seed, args.size)?;
    let progress = Progress::new(Codec::ALL.len(), settings.runs);
    let mut show = |codec: Codec, round, done| progress.show(codec.name(), round, done);
    let all = measure(&Monotonic::new(), &records, &plan, &|| stop.requested(), &mut show)?;
    progress.clear();
    let report = CodecReport::new(date, settings, &all, stop.requested());
    let shown = match args.output {
        BenchOutput::Table => report.text().into_bytes(),
        BenchOutput::Json => json(&report)?,
    };
    let printed = std::io::stdout().write_all(&shown);
    if let Some(exit) = stop.exit() {
        return Ok(exit);
    }
    printed.map_err(|error| terminal::output_error(&error))?;
    Ok(Exit::Done)
}
