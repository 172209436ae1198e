//! `zlog bench pipeline`: from the command line to pipelines, and from what was
//! measured to reports.

use std::io::{self, Write};

use super::plots;
use super::progress::Progress;
use crate::cli::{BareReceiveArgs, BareSendArgs, PipelineArgs, PipelineOutput, WireArg};
use zlog_bench::pipeline::bare::{self, Sending};
use zlog_bench::pipeline::{Bench, Processes, Report, Settings, Shape, Show, Turn, image};
use zlog_bench::report::{check_writable, json, write_whole};
use zlog_bench::rounds::Next;
use zlog_core::error::{Error, Exit, Result};
use zlog_core::text::choice::Choice as _;
use zlog_pipeline::handler::publish::Wire;
use zlog_pipeline::os::signal::Stop;
use zlog_pipeline::os::terminal;
use zlog_pipeline::socket::{Endpoint, Role};

/// Measures and reports.
///
/// # Errors
/// Wrong usage, a pipeline that could not be measured, a report that can't be written.
pub(super) fn run(args: &PipelineArgs) -> Result<Exit> {
    let shapes = shapes(args)?;
    if let Some(path) = &args.export_markdown {
        check_writable(path)?;
    }
    plots::check(&args.plot)?;
    let swept = shapes.iter().any(|shape| shape.dimensions != shapes[0].dimensions);
    if !args.plot.is_empty() && !swept {
        return Err(Error::usage("--plot draws a curve, and nothing is swept")
            .hint("Give an option several values: --size 100,1K,10K."));
    }
    if cfg!(debug_assertions) {
        terminal::tell("zlog bench: this is a debug build: its figures say little of a release");
    }
    let stop = Stop::install()?;
    let report = measure(args, &shapes, &stop)?;
    let shown = match args.output {
        PipelineOutput::Table => Show(&report).page().text().into_bytes(),
        PipelineOutput::Markdown => Show(&report).page().markdown().into_bytes(),
        PipelineOutput::Json => json(&report)?,
    };
    let printed = io::stdout().write_all(&shown);
    if let Some(exit) = stop.exit() {
        if args.export_markdown.is_some() || !args.plot.is_empty() {
            terminal::tell("zlog bench: stopped before the end: no report files were written");
        }
        return Ok(exit);
    }
    if let Some(path) = &args.export_markdown {
        write_whole(path, Show(&report).page().markdown().as_bytes())?;
    }
    match image(&report) {
        Some(image) => plots::write(&args.plot, |format| image.render(format))?,
        // The error that follows says what failed.
        None if !args.plot.is_empty() => {
            terminal::tell("zlog bench: nothing was measured along the sweep: no plot was written");
        }
        None => {}
    }
    printed.map_err(|error| terminal::output_error(&error))?;
    judge(&report)
}

/// Every transport and wire format at each point of the sweep.
fn shapes(args: &PipelineArgs) -> Result<Vec<Shape>> {
    let mut shapes = Vec::new();
    for dimensions in args.points()? {
        let count = args.count.unwrap_or_else(|| dimensions.default_count());
        for transport in &args.transport {
            for wire in &args.wire {
                let wire = wire_of(*wire);
                let shape = Shape { transport: *transport, wire, dimensions, count };
                if !shapes.contains(&shape) {
                    shapes.push(shape);
                }
            }
        }
    }
    Ok(shapes)
}

fn wire_of(wire: WireArg) -> Wire {
    match wire {
        WireArg::Json => Wire::Json,
        WireArg::Text => Wire::Text,
    }
}

fn measure(args: &PipelineArgs, shapes: &[Shape], stop: &Stop) -> Result<Report> {
    let date = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let requested = || stop.requested();
    let directory = args.dir.clone().unwrap_or_else(std::env::temp_dir);
    let directory =
        std::path::absolute(&directory).map_err(|error| Error::io(directory.display(), &error))?;
    let mut lab = Processes::below(&directory, &requested)?;
    let runs = usize::from(args.runs);
    // Each with zlog and with bare libzmq.
    let progress = Progress::new(shapes.len() * 2, runs);
    let mut show = |next: Next<Turn>| {
        let Turn { system, shape } = next.thing;
        let what = format!("{} over {}", system.name(), shape.transport.name());
        progress.show(&what, next.round, next.done);
    };
    let all = Bench::run(shapes, runs, &mut lab, &requested, &mut show);
    progress.clear();
    Ok(Report::new(date, Settings { runs }, &all, stop.requested()))
}

fn judge(report: &Report) -> Result<Exit> {
    let failed = report.pipelines.iter().filter(|row| row.error.is_some());
    let failed: Vec<String> = failed.map(|row| row.name()).collect();
    if failed.is_empty() {
        return Ok(Exit::Done);
    }
    Err(Error::new(format!("could not be measured, or not each time: {}", failed.join(", ")))
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
        wire: wire_of(args.wire),
    };
    sending.run(io::stdin().lock())
}

/// `zlog bench bare-receive`.
///
/// # Errors
/// As [`bare::receive`]'s.
pub(super) fn receive(args: &BareReceiveArgs) -> Result<Exit> {
    let endpoint = Endpoint::parse(&args.bind, Role::Bind)?;
    bare::receive(&endpoint, &args.topic, args.count, io::stdout().lock())
}
