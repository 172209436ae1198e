//! From what was typed to what is done: everything that can be wrong is found
//! before minutes are spent on measuring.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::plots;
use crate::cli::BenchArgs;
use zlog_bench::baseline::{self, LEAST_RUNS};
use zlog_bench::job::{Mail, Measure, Passed, Text};
use zlog_bench::lab::directory_in;
use zlog_bench::measure::Load;
use zlog_bench::records::Records;
use zlog_bench::report::{Report, Settings, check_writable};
use zlog_bench::rig::check_mail;
use zlog_bench::subject::Subject;
use zlog_core::error::{Error, Result};
use zlog_core::text::escape;
use zlog_core::text::plural::counted;
use zlog_pipeline::handler::smtp::LoginFrom;
use zlog_pipeline::os::terminal;

/// How long a run is when nothing says so.
const DURATION: Duration = Duration::from_millis(500);

/// What is done.
pub(super) struct Plan {
    /// What is measured, in the order of reports.
    pub(super) subjects: Vec<Subject>,
    /// One run, but for what is measured and where its files are.
    pub(super) job: Measure,
    /// Where directories for files are made.
    pub(super) directory: PathBuf,
    /// What the report says of all this.
    pub(super) settings: Settings,
    /// The report to compare with.
    pub(super) baseline: Option<Report>,
}

impl Plan {
    /// Checks what was typed, and the places that it names.
    pub(super) fn of(args: &BenchArgs) -> Result<Plan> {
        if args.baseline.is_some() && usize::from(args.runs) < LEAST_RUNS {
            return Err(Error::usage(format!(
                "--baseline needs --runs {LEAST_RUNS} or more: fewer tell nothing of the spread"
            )));
        }
        let baseline = args.baseline.as_deref().map(baseline::read).transpose()?;
        for path in [&args.export_markdown, &args.export_csv].into_iter().flatten() {
            check_writable(path)?;
        }
        plots::check(&args.plot)?;
        let mail = mail(args)?;
        let directory = args.dir.clone().unwrap_or_else(std::env::temp_dir);
        drop(directory_in(&directory)?);
        let records = records(args)?;
        if cfg!(debug_assertions) {
            terminal::tell(
                "zlog bench: this is a debug build: its figures say little of a release",
            );
        }
        Ok(Plan {
            subjects: args.subjects(),
            job: job(args, mail),
            directory: std::path::absolute(&directory)
                .map_err(|error| Error::io(directory.display(), &error))?,
            settings: settings(args, &records),
            baseline,
        })
    }
}

/// The records, to know that they are there and how long they are.
fn records(args: &BenchArgs) -> Result<Records> {
    let Some(path) = &args.lines else { return Records::of_size(args.size) };
    let records = Records::of_lines(path)?;
    if records.cut() {
        let (path, n) = (escape::visible(&path.display().to_string()), records.len());
        let first = counted(n, "line");
        terminal::tell(format_args!(
            "zlog bench: {path} is large: what is logged is its first {first}"
        ));
    }
    Ok(records)
}

/// Where mails go. It is made sure that reports, which are handed around, name no
/// password: an address with one is refused.
fn mail(args: &BenchArgs) -> Result<Mail> {
    let login = match (&args.smtp, &args.smtp_login_file) {
        (None, _) => None,
        (Some(_), Some(path)) => LoginFrom::File(path.clone()).read()?,
        (Some(_), None) => LoginFrom::Environment.read()?,
    };
    let mail = Mail { url: args.smtp.clone(), login: login.map(Passed), delay: args.smtp_delay.0 };
    check_mail(&mail)?;
    Ok(mail)
}

/// The limits of a run: its duration has a default only where no count is given.
fn limits(args: &BenchArgs) -> (Option<u64>, Option<Duration>) {
    let typed = args.duration.map(|duration| duration.0);
    (args.count, typed.or(args.count.is_none().then_some(DURATION)))
}

fn job(args: &BenchArgs, mail: Mail) -> Measure {
    let (count, duration) = limits(args);
    let text = match &args.lines {
        Some(path) => Text::Lines(path.clone()),
        None => Text::Size(args.size),
    };
    Measure {
        subject: Subject::Null,
        directory: PathBuf::new(),
        text,
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
