//! `zlog bench`: what a log call costs, and whether it has come to cost more.
//!
//! What may be here: from the command line to a plan, and from what was measured
//! to reports and an exit code. Measuring is `bench`'s.

mod codec;
mod pipeline;
mod plan;
mod plots;
mod progress;
mod python;

use std::io::Write;

use self::plan::Plan;
use self::progress::Progress;
use crate::cli::{BenchArgs, BenchCommand, BenchOutput};
use zlog_bench::baseline::{self, Comparison};
use zlog_bench::guard::Home;
use zlog_bench::lab::Processes;
use zlog_bench::report::{Report, Show, image, json, write_whole};
use zlog_bench::rounds::{self, Next, Thing, as_they_stand};
use zlog_bench::subject::Contender;
use zlog_bench::worker;
use zlog_core::error::{Error, Exit, Result};
use zlog_core::text::escape;
use zlog_pipeline::os::signal::Stop;
use zlog_pipeline::os::terminal;

/// Measures, reports, compares.
///
/// # Errors
/// Wrong usage, a handler that could not be measured, a report that can't be
/// written; or, with exit code 3, a handler that has become slower.
pub fn run(args: &BenchArgs) -> Result<Exit> {
    match &args.command {
        Some(BenchCommand::Codec(args)) => codec::run(args),
        Some(BenchCommand::Worker) => worker::run().map(|()| Exit::Done),
        Some(BenchCommand::Pipeline(args)) => pipeline::run(args),
        Some(BenchCommand::BareSend(args)) => pipeline::send(args),
        Some(BenchCommand::BareReceive(args)) => pipeline::receive(args),
        None => bench(args),
    }
}

fn bench(args: &BenchArgs) -> Result<Exit> {
    let plan = Plan::of(args)?;
    let stop = Stop::install()?;
    let report = measure(args, &plan, &stop)?;
    let shown = match args.output {
        BenchOutput::Table => Show(&report).text(terminal::stdout_is_terminal()).into_bytes(),
        BenchOutput::Json => json(&report)?,
    };
    let printed = std::io::stdout().write_all(&shown);
    if let Some(exit) = stop.exit() {
        let files = [&args.export_markdown, &args.export_csv].into_iter().flatten();
        if files.chain(&args.plot).next().is_some() {
            terminal::tell("zlog bench: stopped before the end: no report files were written");
        }
        return Ok(exit);
    }
    export(args, &report)?;
    // A reader of the table who has gone away changes nothing about the verdict.
    let exit = judge(args, &plan, &report)?;
    printed.map_err(|error| terminal::output_error(&error))?;
    Ok(exit)
}

fn measure(args: &BenchArgs, plan: &Plan, stop: &Stop) -> Result<Report> {
    let date = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let python = args.compare_python.then(|| python::find(args.python.as_deref())).flatten();
    let at_home = |python| Home::below(&plan.directory).map(|home| (python, home));
    let python = python.map(at_home).transpose()?;
    let mut contenders: Vec<_> = plan.subjects.iter().copied().map(Contender::Own).collect();
    let handlers = python.iter().flat_map(|(python, _)| python.handlers());
    contenders.extend(handlers.copied().map(Contender::Python));
    let requested = || stop.requested();
    let (job, directory) = (plan.job.clone(), plan.directory.clone());
    let mut lab = Processes { job, directory, python, stop: &requested };
    let runs = plan.settings.runs;
    let progress = Progress::new(contenders.len(), runs);
    let mut show = |next: Next<Contender>| progress.show(next.thing.name(), next.round, next.done);
    let series = rounds::run(&contenders, as_they_stand, runs, &mut lab, &requested, &mut show);
    progress.clear();
    Report::new(date, plan.settings.clone(), &series, stop.requested())
}

/// Writes the report files that were asked for.
fn export(args: &BenchArgs, report: &Report) -> Result<()> {
    if let Some(path) = &args.export_markdown {
        write_whole(path, Show(report).markdown().as_bytes())?;
    }
    if let Some(path) = &args.export_csv {
        write_whole(path, &Show(report).table().csv()?)?;
    }
    let image = image(report);
    plots::write(&args.plot, |format| image.render(format))
}

/// How it exits: whether handlers have become slower, or could not be measured.
fn judge(args: &BenchArgs, plan: &Plan, report: &Report) -> Result<Exit> {
    if let (Some(path), Some(before)) = (&args.baseline, &plan.baseline) {
        let compared = baseline::compare(report, before, args.tolerance, args.absolute)?;
        let path = escape::visible(&path.display().to_string());
        if !compared.regressions.is_empty() {
            return Err(slower(&compared, &path, args.tolerance));
        }
        let (n, percent) = (compared.compared, args.tolerance * 100.0);
        let skipped = match compared.skipped.as_slice() {
            [] => String::new(),
            names => format!("; not measured this time: {}", escape::visible(&names.join(", "))),
        };
        terminal::tell(format_args!(
            "zlog bench: {n} compared with {path}, none slower by more than {percent} %{skipped}"
        ));
    }
    let failed: Vec<&str> = report
        .handlers
        .iter()
        .filter(|row| row.error.is_some())
        .map(|row| row.name.as_str())
        .collect();
    match failed.as_slice() {
        [] => Ok(Exit::Done),
        names => Err(Error::new(format!("could not be measured: {}", names.join(", ")))
            .hint("The report says why; --handlers leaves out what can't be measured here.")),
    }
}

fn slower(compared: &Comparison, path: &str, tolerance: f64) -> Error {
    let names: Vec<String> = compared.regressions.iter().map(ToString::to_string).collect();
    let percent = tolerance * 100.0;
    Error::new(format!("slower than {path} by more than {percent} %: {}", names.join(", ")))
        .hint("If that is meant to be, measure the baseline anew: zlog bench --output json")
        .exit_as(Exit::Unmet)
}
