//! Opens the source that the command line asks for.

use std::io::BufReader;
use std::path::{Path, PathBuf};

use crate::cli::EmitArgs;
use crate::command::formats;
use zlog_core::multiline::{self, Rules};
use zlog_core::parse;
use zlog_core::{Level, Result};
use zlog_pipeline::os::signal::Forwarding;
use zlog_pipeline::os::terminal::{self, Stdout};
use zlog_pipeline::socket::Confirmation;
use zlog_pipeline::source::command::{CommandOptions, CommandSource};
use zlog_pipeline::source::file::{self, FileOptions};
use zlog_pipeline::source::message::MessageSource;
use zlog_pipeline::source::otlp;
use zlog_pipeline::source::python::PythonSource;
use zlog_pipeline::source::replay::ReplaySource;
use zlog_pipeline::source::stdin;
use zlog_pipeline::source::synthetic::SyntheticSource;
use zlog_pipeline::source::text::{LineOptions, StreamSpec, TextSource};
use zlog_pipeline::source::{Source, SourceKind, Tee};

/// Opens the source. A command is started; signals are passed on to it from then on. `spool` is
/// that of `--spool`, if it waits until positions are saved.
///
/// # Errors
/// A file that can't be opened, a thread or a command that can't be started, an address
/// that can't be listened on.
pub(super) fn open(
    args: &EmitArgs,
    signals: Option<Forwarding>,
    spool: Option<Confirmation>,
) -> Result<Box<dyn Source>> {
    let spec = stream_spec(args.level, Level::INFO);
    let lines = line_options(args)?;
    Ok(match args.source_kind() {
        SourceKind::Stdin => {
            if terminal::stdin_is_terminal() && !args.quiet {
                terminal::eprint_line("zlog emit: publishing what is typed here; Ctrl-D ends it");
            }
            Box::new(stdin::open(spec, &lines, args.tee.then(|| stdout(args)))?)
        }
        SourceKind::File => Box::new(open_files(args, spec, &lines, spool)?),
        SourceKind::Command => Box::new(start_command(args, &lines, signals)?),
        SourceKind::Message => {
            let text = args.message.as_deref().unwrap_or_default();
            Box::new(MessageSource::new(text, lines.parse, spec.level))
        }
        SourceKind::Synthetic => {
            let seed = args.seed.unwrap_or_else(|| fastrand::u64(..));
            Box::new(SyntheticSource::new(args.test.flatten(), seed))
        }
        SourceKind::Replay => {
            let path = args.replay.as_deref().unwrap_or(Path::new(""));
            let input = BufReader::with_capacity(1 << 16, file::open_stored(path)?);
            let parse = parse::Options { own_files: true, ..lines.parse };
            Box::new(ReplaySource::new(input, args.speed, parse, spec.level))
        }
        SourceKind::Python => Box::new(PythonSource::open(&args.listen.options())?),
        SourceKind::Otlp => otlp::open(&args.listen.otlp_options(&args.root))?,
    })
}

/// Opens a source that listens, unless a handler would send to it.
///
/// # Errors
/// As [`open`], or a handler would.
pub(super) fn listen(args: &EmitArgs) -> Result<Box<dyn Source>> {
    args.stores.0.spec(args.on_full)?.check_circles(&args.listen.inputs()?)?;
    open(args, None, None)
}

fn open_files(
    args: &EmitArgs,
    spec: StreamSpec,
    lines: &LineOptions,
    spool: Option<Confirmation>,
) -> Result<TextSource> {
    let options = FileOptions {
        follow: args.follow,
        from_end: args.from_end,
        rotate_wait: args.rotate_wait.0,
        position: args.position.clone(),
        spool,
        ..FileOptions::default()
    };
    let stdout = || stdout(args);
    let tee = args.tee.then_some(&stdout as &dyn Fn() -> Tee);
    let missing = |path: &PathBuf| !args.follow && path != Path::new("-") && !path.exists();
    let is_missing = args.file.iter().any(missing);
    file::open(args.file.clone(), options, spec, lines, tee).map_err(|error| match is_missing {
        true => error.also("Add --follow to wait for it."),
        false => error,
    })
}

fn start_command(
    args: &EmitArgs,
    lines: &LineOptions,
    signals: Option<Forwarding>,
) -> Result<CommandSource> {
    let mut words = args.command.iter().cloned();
    let options = CommandOptions {
        program: words.next().unwrap_or_default(),
        args: words.collect(),
        stdout: stream_spec(args.level, Level::INFO),
        stderr: stream_spec(args.stderr_level, Level::WARNING),
        tee_stdout: args.tee.then(|| stdout(args)),
        tee_stderr: args.tee.then(|| Box::new(terminal::stderr(args.linger.0)) as Tee),
    };
    let forward = move |child| match (&signals, child) {
        (Some(signals), Some(process)) => signals.begin(process),
        (Some(signals), None) => signals.end(),
        (None, _) => {}
    };
    CommandSource::spawn(options, lines, Box::new(forward))
}

fn stream_spec(level: Option<Level>, default: Level) -> StreamSpec {
    StreamSpec { level: level.unwrap_or(default), process: None }
}

fn stdout(args: &EmitArgs) -> Tee {
    Box::new(Stdout::with_linger(args.linger.0))
}

fn line_options(args: &EmitArgs) -> Result<LineOptions> {
    let rules = match (&args.multiline, args.no_multiline) {
        (Some(starts), _) => Rules::Starts(starts.clone()),
        (None, true) => Rules::Off,
        (None, false) => Rules::Tracebacks,
    };
    Ok(LineOptions {
        max_line: args.max_line,
        parse: parse::Options {
            detect: !args.no_detect,
            pattern: args.pattern.clone(),
            topic_delim: args.topic_delim.clone(),
            formats: formats::load("emit", args.format_in.as_deref(), args.strict)?,
            format: args.format_in.clone(),
            stored: is_stored(args),
            ..parse::Options::default()
        },
        multiline: multiline::Options {
            rules,
            json: !args.no_detect && args.pattern.is_none(),
            wait: args.multiline_wait.0,
            ..multiline::Options::default()
        },
        skip_empty: args.skip_empty,
    })
}

/// Whether the lines were written before: those of files that are not followed.
pub(super) fn is_stored(args: &EmitArgs) -> bool {
    match args.source_kind() {
        SourceKind::File => !args.follow,
        SourceKind::Replay => true,
        SourceKind::Stdin
        | SourceKind::Command
        | SourceKind::Message
        | SourceKind::Synthetic
        | SourceKind::Python
        | SourceKind::Otlp => false,
    }
}
