//! `zlog bench pipeline`: turns arguments into scenarios, and results into reports.

use std::io::{self, Write};

use super::plots;
use super::progress::Progress;
use crate::cli::{BareReceiveArgs, BareSendArgs, PipelineArgs, PipelineOutput};
use zlog_bench::pipeline::bare::{self, Sending};
use zlog_bench::pipeline::{Bench, PipelineRunner, Report, Scenario, Settings, Trial, image};
use zlog_bench::report::{check_writable, json, write_whole};
use zlog_bench::rounds::Upcoming;
use zlog_core::text::escape;
use zlog_core::{Error, Exit, Result};
use zlog_pipeline::os::signal::ShutdownSignal;
use zlog_pipeline::os::terminal;
use zlog_pipeline::socket::{Endpoint, RawReceiver, Role};

/// Measures and reports.
///
/// # Errors
/// Wrong usage, a pipeline that can't be measured, a report that can't be written.
pub(super) fn run(args: &PipelineArgs) -> Result<Exit> {
    let scenarios = scenarios(args)?;
    if let Some(path) = &args.export_markdown {
        check_writable(path)?;
    }
    plots::check(&args.plot)?;
    let swept = scenarios.iter().any(|scenario| scenario.dimensions != scenarios[0].dimensions);
    if !args.plot.is_empty() && !swept {
        return Err(Error::usage("--plot needs a sweep, but no option has several values")
            .hint("Give an option several values: --size 100,1K,10K."));
    }
    if cfg!(debug_assertions) {
        terminal::eprint_line(
            "zlog bench: this is a debug build: its figures say little about a release",
        );
    }
    let stop = ShutdownSignal::install()?;
    let report = measure(args, &scenarios, &stop)?;
    let shown = match args.output {
        PipelineOutput::Table => {
            let columns = terminal::stdout_columns().unwrap_or(usize::MAX);
            report.document().text_within(columns).into_bytes()
        }
        PipelineOutput::Markdown => report.document().markdown().into_bytes(),
        PipelineOutput::Json => json(&report)?,
    };
    let printed = io::stdout().write_all(&shown);
    if let Some(exit) = stop.exit() {
        if args.export_markdown.is_some() || !args.plot.is_empty() {
            terminal::eprint_line(
                "zlog bench: stopped before the end: no report files were written",
            );
        }
        return Ok(exit);
    }
    if let Some(path) = &args.export_markdown {
        write_whole(path, report.document().markdown().as_bytes())?;
    }
    match image(&report) {
        Some(image) => plots::write(&args.plot, |format| image.render(format))?,
        // The error below says what failed.
        None if !args.plot.is_empty() => {
            terminal::eprint_line(
                "zlog bench: nothing was measured along the sweep: no plot was written",
            );
        }
        None => {}
    }
    printed.map_err(|error| terminal::output_error(&error))?;
    verdict(&report)
}

/// Every transport and wire format at each point of the sweep.
fn scenarios(args: &PipelineArgs) -> Result<Vec<Scenario>> {
    let mut scenarios = Vec::new();
    for dimensions in args.points()? {
        let count = args.count.unwrap_or_else(|| dimensions.default_count());
        for transport in &args.transport {
            for &wire in &args.wire {
                let scenario = Scenario { transport: (*transport).into(), wire, dimensions, count };
                if !scenarios.contains(&scenario) {
                    scenarios.push(scenario);
                }
            }
        }
    }
    Ok(scenarios)
}

fn measure(args: &PipelineArgs, scenarios: &[Scenario], stop: &ShutdownSignal) -> Result<Report> {
    let date = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let requested = || stop.requested();
    let directory = args.dir.clone().unwrap_or_else(std::env::temp_dir);
    let directory = std::path::absolute(&directory)
        .map_err(|error| Error::io(escape::escape(&directory.to_string_lossy()), &error))?;
    let mut runner = PipelineRunner::below(&directory, &requested)?;
    let runs = usize::from(args.runs);
    // Each scenario is measured with zlog and with bare libzmq.
    let progress = Progress::new(scenarios.len() * 2, runs);
    let mut show = |next: Upcoming<Trial>| {
        let Trial { implementation, scenario } = next.item;
        let what = format!("{} over {}", implementation.name(), scenario.transport.name());
        progress.show(&what, next.round, next.done);
    };
    let all = Bench::run(scenarios, runs, &mut runner, &requested, &mut show);
    progress.clear();
    Ok(Report::new(date, Settings { runs }, &all, stop.requested()))
}

fn verdict(report: &Report) -> Result<Exit> {
    let failed = report.pipelines.iter().filter(|row| row.error.is_some());
    let failed: Vec<String> = failed.map(|row| row.name()).collect();
    if failed.is_empty() {
        return Ok(Exit::Done);
    }
    Err(Error::new(format!("could not be measured in every run: {}", failed.join(", ")))
        .hint("The report says why."))
}

/// `zlog bench bare-send`.
///
/// # Errors
/// As [`Sending::run`]'s.
pub(super) fn send(args: &BareSendArgs) -> Result<Exit> {
    let endpoints = args.connect.iter().map(|text| Endpoint::parse(text, Role::Connect));
    let sending = Sending {
        endpoints: endpoints.collect::<Result<_>>()?,
        wait_for: args.wait_for,
        wait: args.wait.0,
        linger: args.linger.0,
        count: args.count,
        wire: args.wire,
    };
    let stop = ShutdownSignal::install()?;
    sending.run(io::stdin().lock(), &|| stop.requested())?;
    Ok(stop.exit().unwrap_or(Exit::Done))
}

/// `zlog bench bare-receive`: prints how many messages arrived, and the seconds from the
/// first to the last.
///
/// # Errors
/// The endpoint can't be bound, the count can't be written, or libzmq's.
pub(super) fn receive(args: &BareReceiveArgs) -> Result<Exit> {
    let stop = ShutdownSignal::install()?;
    let endpoint = Endpoint::parse(&args.bind, Role::Bind)?;
    let mut receiver = RawReceiver::open(&endpoint, &args.topic)?;
    terminal::eprint_line(format_args!("zlog bench bare-receive: bound {}", receiver.endpoint()));
    let (count, seconds) = bare::receive(&mut receiver, args.count, &|| stop.requested())?;
    writeln!(io::stdout(), "{count} {seconds}").map_err(|error| terminal::output_error(&error))?;
    Ok(stop.exit().unwrap_or(Exit::Done))
}
