//! Turns arguments into a plan. It checks everything before minutes are spent on measuring.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::plots;
use crate::cli::BenchArgs;
use zlog_bench::baseline::{self, MIN_RUNS};
use zlog_bench::fixture::check_mail;
use zlog_bench::measure::Load;
use zlog_bench::protocol::{LoginSecret, MailOptions, Messages, RunSpec};
use zlog_bench::reaper::temp_dir_in;
use zlog_bench::records::Records;
use zlog_bench::report::{Report, Settings, check_writable};
use zlog_bench::target::BenchTarget;
use zlog_core::text::escape;
use zlog_core::text::plural::counted;
use zlog_core::{Error, Result};
use zlog_pipeline::handler::smtp::LoginFrom;
use zlog_pipeline::os::terminal;

/// Default duration of a run.
const DURATION: Duration = Duration::from_millis(500);

/// The measurements to make.
pub(super) struct Plan {
    /// The targets, in the order of reports.
    pub(super) targets: Vec<BenchTarget>,
    /// The settings of one run, without its target and directory.
    pub(super) spec: RunSpec,
    /// Where the runs' directories are made.
    pub(super) directory: PathBuf,
    /// The settings, for the report.
    pub(super) settings: Settings,
    /// The report to compare with.
    pub(super) baseline: Option<Report>,
}

impl Plan {
    /// Checks the arguments and the files that they name.
    pub(super) fn of(args: &BenchArgs) -> Result<Plan> {
        if args.baseline.is_some() && usize::from(args.runs) < MIN_RUNS {
            return Err(Error::usage(format!(
                "--baseline needs --runs {MIN_RUNS} or more, to know the spread"
            )));
        }
        let baseline = args.baseline.as_deref().map(baseline::read).transpose()?;
        for path in [&args.export_markdown, &args.export_csv].into_iter().flatten() {
            check_writable(path)?;
        }
        plots::check(&args.plot)?;
        let mail = mail(args)?;
        let directory = args.dir.clone().unwrap_or_else(std::env::temp_dir);
        drop(temp_dir_in(&directory)?);
        let records = records(args)?;
        if cfg!(debug_assertions) {
            terminal::eprint_line(
                "zlog bench: this is a debug build: its figures say little about a release",
            );
        }
        Ok(Plan {
            targets: args.targets(),
            spec: spec(args, mail),
            directory: std::path::absolute(&directory)
                .map_err(|error| Error::io(escape::escape(&directory.to_string_lossy()), &error))?,
            settings: settings(args, &records),
            baseline,
        })
    }
}

/// Loads the records, to check them and to know their size.
fn records(args: &BenchArgs) -> Result<Records> {
    let Some(path) = &args.lines else { return Records::of_size(args.size) };
    let records = Records::of_lines(path)?;
    if records.truncated() {
        let (path, n) = (escape::escape(&path.display().to_string()), records.len());
        let first = counted(n, "line");
        terminal::eprint_line(format_args!(
            "zlog bench: {path} is large: only its first {first} are logged"
        ));
    }
    Ok(records)
}

/// The mail server. A URL with a password is refused, because reports contain the URL.
fn mail(args: &BenchArgs) -> Result<MailOptions> {
    let login = match (&args.smtp, &args.smtp_login_file) {
        (None, _) => None,
        (Some(_), Some(path)) => {
            let from = LoginFrom::File(path.clone());
            if let Some(warning) = from.warning() {
                terminal::eprint_line(format_args!("zlog bench: {warning}"));
            }
            from.read()?
        }
        (Some(_), None) => LoginFrom::Environment.read()?,
    };
    let mail = MailOptions {
        url: args.smtp.clone(),
        login: login.map(LoginSecret),
        delay: args.smtp_delay.0,
    };
    check_mail(&mail)?;
    Ok(mail)
}

/// The limits of a run. The default duration applies only without a count.
fn limits(args: &BenchArgs) -> (Option<u64>, Option<Duration>) {
    let typed = args.duration.map(|duration| duration.0);
    (args.count, typed.or(args.count.is_none().then_some(DURATION)))
}

fn spec(args: &BenchArgs, mail: MailOptions) -> RunSpec {
    let (count, duration) = limits(args);
    let messages = match &args.lines {
        Some(path) => Messages::Lines(path.clone()),
        None => Messages::Size(args.size),
    };
    RunSpec {
        target: BenchTarget::Null,
        directory: PathBuf::new(),
        messages,
        load: Load { count, duration, rate: args.rate, threads: usize::from(args.threads) },
        warm_up: args.warm_up.0,
        queue: args.queue as usize,
        mail,
    }
}

fn settings(args: &BenchArgs, records: &Records) -> Settings {
    let (count, duration) = limits(args);
    let shown = |path: &Path| path.display().to_string();
    Settings {
        size: args.lines.is_none().then_some(args.size),
        lines: args.lines.as_deref().map(shown),
        mean_message_bytes: records.mean_size(),
        threads: usize::from(args.threads),
        rate: args.rate,
        count,
        duration_seconds: duration.map(|duration| duration.as_secs_f64()),
        warm_up_seconds: args.warm_up.0.as_secs_f64(),
        runs: usize::from(args.runs),
        queue: args.queue as usize,
        smtp: args.smtp.as_deref().unwrap_or("embedded").to_owned(),
        smtp_delay_seconds: args.smtp_delay.0.as_secs_f64(),
    }
}
