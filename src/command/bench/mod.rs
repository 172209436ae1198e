//! `zlog bench`: measures what a log call costs, and compares it with a baseline.
//!
//! This module turns arguments into a plan, and results into output, files and an exit
//! code. Only it prints; `bench` measures.

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
use zlog_bench::reaper::ScratchDir;
use zlog_bench::report::{Report, image, json, write_whole};
use zlog_bench::rounds::{self, Measurable, Upcoming, in_order};
use zlog_bench::runner::ProcessRunner;
use zlog_bench::target::Candidate;
use zlog_bench::worker;
use zlog_core::text::escape;
use zlog_core::{Error, Exit, Result};
use zlog_pipeline::os::signal::ShutdownSignal;
use zlog_pipeline::os::terminal;

/// Measures, reports and compares.
///
/// # Errors
/// Wrong usage, a handler that can't be measured, a report that can't be written; or, with
/// exit code 3, a handler that is slower than the baseline.
pub fn run(args: &BenchArgs) -> Result<Exit> {
    match &args.command {
        Some(BenchCommand::Worker) => {
            let input = std::io::BufReader::new(std::io::stdin());
            worker::run(input, std::io::stdout().lock()).map(|()| Exit::Done)
        }
        Some(BenchCommand::Pipeline(args)) => pipeline::run(args),
        Some(BenchCommand::BareSend(args)) => pipeline::send(args),
        Some(BenchCommand::BareReceive(args)) => pipeline::receive(args),
        None => bench(args),
    }
}

fn bench(args: &BenchArgs) -> Result<Exit> {
    let plan = Plan::of(args)?;
    let stop = ShutdownSignal::install()?;
    let report = measure(args, &plan, &stop)?;
    let shown = match args.output {
        BenchOutput::Table => {
            let document = report.document(terminal::stdout_is_terminal());
            document.text_within(terminal::stdout_columns().unwrap_or(usize::MAX)).into_bytes()
        }
        BenchOutput::Json => json(&report)?,
    };
    let printed = std::io::stdout().write_all(&shown);
    if let Some(exit) = stop.exit() {
        let files = [&args.export_markdown, &args.export_csv].into_iter().flatten();
        if files.chain(&args.plot).next().is_some() {
            terminal::eprint_line(
                "zlog bench: stopped before the end: no report files were written",
            );
        }
        return Ok(exit);
    }
    export(args, &report)?;
    // The comparison counts even if the reader of the table is gone.
    let exit = verdict(args, &plan, &report)?;
    printed.map_err(|error| terminal::output_error(&error))?;
    Ok(exit)
}

fn measure(args: &BenchArgs, plan: &Plan, stop: &ShutdownSignal) -> Result<Report> {
    let date = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let python = args.compare_python.then(|| python::find(args.python.as_deref())).flatten();
    let with_scratch =
        |python| ScratchDir::create_in(&plan.directory).map(|scratch| (python, scratch));
    let python = python.map(with_scratch).transpose()?;
    let mut candidates: Vec<_> = plan.targets.iter().copied().map(Candidate::Own).collect();
    let handlers = python.iter().flat_map(|(python, _)| python.handlers());
    candidates.extend(handlers.copied().map(Candidate::Python));
    let requested = || stop.requested();
    let (spec, directory) = (plan.spec.clone(), plan.directory.clone());
    let mut runner = ProcessRunner { spec, directory, python, stop: &requested };
    let runs = plan.settings.runs;
    let progress = Progress::new(candidates.len(), runs);
    let mut show =
        |next: Upcoming<Candidate>| progress.show(next.item.name(), next.round, next.done);
    let series = rounds::run(&candidates, in_order, runs, &mut runner, &requested, &mut show);
    progress.clear();
    Report::new(date, plan.settings.clone(), &series, stop.requested())
}

/// Writes the report files.
fn export(args: &BenchArgs, report: &Report) -> Result<()> {
    if let Some(path) = &args.export_markdown {
        write_whole(path, report.document(false).markdown().as_bytes())?;
    }
    if let Some(path) = &args.export_csv {
        write_whole(path, &report.table().csv()?)?;
    }
    let image = image(report);
    plots::write(&args.plot, |format| image.render(format))
}

/// Chooses the exit code: handlers may be slower, or unmeasurable.
fn verdict(args: &BenchArgs, plan: &Plan, report: &Report) -> Result<Exit> {
    if let (Some(path), Some(before)) = (&args.baseline, &plan.baseline) {
        let compared = baseline::compare(report, before, args.tolerance, args.absolute)?;
        let path = escape::escape(&path.display().to_string());
        if !compared.regressions.is_empty() {
            return Err(regression(&compared, &path, args.tolerance));
        }
        let (n, percent) = (compared.compared, args.tolerance * 100.0);
        let skipped = match compared.skipped.as_slice() {
            [] => String::new(),
            names => format!("; not measured this time: {}", escape::escape(&names.join(", "))),
        };
        terminal::eprint_line(format_args!(
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

fn regression(compared: &Comparison, path: &str, tolerance: f64) -> Error {
    let names: Vec<String> = compared.regressions.iter().map(ToString::to_string).collect();
    let percent = tolerance * 100.0;
    Error::new(format!("slower than {path} by more than {percent} %: {}", names.join(", ")))
        .hint("If the change is intended, measure a new baseline: zlog bench --output json")
        .exit_as(Exit::ExpectationFailed)
}
