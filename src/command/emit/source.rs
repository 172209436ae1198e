//! Which source the command line asks for, and what is asked of it at the end.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::cli::EmitArgs;
use zlog_core::error::{Exit, Result};
use zlog_core::multiline::{self, Rules};
use zlog_core::parse;
use zlog_core::record::Level;
use zlog_pipeline::os::signal::Forwarding;
use zlog_pipeline::os::terminal::{self, Stdout};
use zlog_pipeline::source::command::{CommandOptions, CommandSource};
use zlog_pipeline::source::file::{self, FileOptions};
use zlog_pipeline::source::message::MessageSource;
use zlog_pipeline::source::python::{ListenStats, PythonSource};
use zlog_pipeline::source::replay::ReplaySource;
use zlog_pipeline::source::stdin;
use zlog_pipeline::source::synthetic::SyntheticSource;
use zlog_pipeline::source::text::{LineCounts, LineOptions, StreamSpec, TextSource};
use zlog_pipeline::source::{Notice, ReadProgress, Sink, Source, Tee};

/// The source of an emission.
pub(super) enum EmitSource {
    /// Lines of stdin or of files.
    Text(TextSource),
    /// A command, and what passes signals on to it.
    Command(CommandSource, Forwarding),
    /// Test records.
    Synthetic(SyntheticSource),
    /// Stored records.
    Replay(ReplaySource<BufReader<File>>),
    /// One record.
    Message(MessageSource),
    /// Programs that log through Python's handlers.
    Listen(PythonSource),
}

impl EmitSource {
    /// Opens what was asked for, unless it is a command.
    ///
    /// # Errors
    /// A file that can't be opened, a thread that can't be started, an address that
    /// can't be listened on.
    pub(super) fn open(args: &EmitArgs) -> Result<EmitSource> {
        if args.listen.any() {
            let source = PythonSource::open(&args.listen.options())?;
            for place in source.bound() {
                terminal::eprint_line(format_args!("zlog emit: listening on {place}"));
            }
            return Ok(EmitSource::Listen(source));
        }
        let spec = spec(args.level, Level::INFO);
        let lines = line_options(args);
        if let Some(text) = &args.message {
            return Ok(EmitSource::Message(MessageSource::new(text, lines.parse, spec.level)));
        }
        if let Some(count) = args.test {
            let seed = args.seed.unwrap_or_else(|| fastrand::u64(..));
            return Ok(EmitSource::Synthetic(SyntheticSource::new(count, seed)));
        }
        if let Some(path) = &args.replay {
            let file = file::check(path).and_then(|()| File::open(path));
            let file = file.map_err(|error| file::unreadable(path, &error))?;
            let input = BufReader::with_capacity(1 << 16, file);
            return Ok(EmitSource::Replay(ReplaySource::new(
                input,
                args.speed,
                lines.parse,
                spec.level,
            )));
        }
        if args.file.is_empty() {
            if terminal::stdin_is_terminal() && !args.quiet {
                terminal::eprint_line("zlog emit: publishing what is typed here; Ctrl-D ends it");
            }
            return Ok(EmitSource::Text(stdin::open(
                spec,
                &lines,
                args.tee.then(|| stdout(args)),
            )?));
        }
        let options = FileOptions { follow: args.follow, from_end: args.from_end };
        let stdout = || stdout(args);
        let tee = args.tee.then_some(&stdout as &dyn Fn() -> Tee);
        let missing = |path: &PathBuf| !args.follow && path != Path::new("-") && !path.exists();
        let is_missing = args.file.iter().any(missing);
        let source = file::open(args.file.clone(), options, spec, &lines, tee);
        Ok(EmitSource::Text(source.map_err(|error| match is_missing {
            true => error.also("With --follow it is waited for."),
            false => error,
        })?))
    }

    /// Whether the command that was asked for can be started, as far as that can be known
    /// before.
    ///
    /// # Errors
    /// A command that can't be started.
    pub(super) fn check_command(args: &EmitArgs) -> Result<()> {
        args.command.first().map_or(Ok(()), |program| CommandSource::check(program))
    }

    /// Starts the command that was asked for; signals are its own from now on.
    ///
    /// # Errors
    /// A command that can't be started.
    pub(super) fn start(args: &EmitArgs, signals: Forwarding) -> Result<EmitSource> {
        let mut words = args.command.iter().cloned();
        let options = CommandOptions {
            program: words.next().unwrap_or_default(),
            args: words.collect(),
            stdout: spec(args.level, Level::INFO),
            stderr: spec(args.stderr_level, Level::WARNING),
            tee_stdout: args.tee.then(|| stdout(args)),
            tee_stderr: args.tee.then(|| Box::new(terminal::stderr(args.linger.0)) as Tee),
        };
        let lines = line_options(args);
        let source = CommandSource::spawn(options, &lines, |process| signals.begin(process))?;
        Ok(EmitSource::Command(source, signals))
    }

    /// Ends a command that still runs, because no more of it is wanted: asks it to,
    /// and makes it end when it has not `within` that time.
    ///
    /// # Errors
    /// The command can't be ended or waited for.
    pub(super) fn stop(&mut self, within: Duration) -> Result<()> {
        match self {
            EmitSource::Command(source, _) => source.stop(within),
            _ => Ok(()),
        }
    }

    /// The source itself.
    pub(super) fn source(&mut self) -> &mut dyn Source {
        match self {
            EmitSource::Text(source) => source,
            EmitSource::Command(source, _) => source,
            EmitSource::Synthetic(source) => source,
            EmitSource::Replay(source) => source,
            EmitSource::Message(source) => source,
            EmitSource::Listen(source) => source,
        }
    }

    /// Delivers what has been read already: the end before the input's end. The rest of a
    /// line, and what was sent over the network, may take as long as `within`.
    ///
    /// # Errors
    /// Whatever `sink` returns.
    pub(super) fn finish(&mut self, within: Duration, sink: &mut Sink<'_>) -> Result<()> {
        match self {
            EmitSource::Text(source) => source.finish(within, sink),
            EmitSource::Command(source, _) => source.finish(within, sink),
            EmitSource::Listen(source) => source.finish(within, sink),
            EmitSource::Synthetic(_) | EmitSource::Replay(_) | EmitSource::Message(_) => Ok(()),
        }
    }

    /// How far the reading has come, where bytes are what is read.
    pub(super) fn read_progress(&self) -> Option<Arc<ReadProgress>> {
        match self {
            EmitSource::Text(source) => Some(source.read_progress()),
            EmitSource::Command(source, _) => Some(source.text().read_progress()),
            _ => None,
        }
    }

    /// What a person should know, since this was last asked. To be asked often:
    /// notes the end of a command, too.
    pub(super) fn notices(&mut self) -> Vec<Notice> {
        match self {
            EmitSource::Text(source) => source.take_notices(),
            EmitSource::Command(source, signals) => {
                if source.exit().is_some() {
                    signals.end();
                }
                source.take_notices()
            }
            EmitSource::Listen(source) => source.take_notices(),
            EmitSource::Synthetic(_) | EmitSource::Replay(_) | EmitSource::Message(_) => Vec::new(),
        }
    }

    /// What was done with the lines.
    pub(super) fn line_counts(&self) -> LineCounts {
        match self {
            EmitSource::Text(source) => source.counts(),
            EmitSource::Command(source, _) => source.text().counts(),
            EmitSource::Message(source) => {
                LineCounts { not_utf8: u64::from(source.not_utf8()), ..LineCounts::default() }
            }
            EmitSource::Replay(source) => {
                LineCounts { nuls: source.nuls(), quoted: source.quoted(), ..LineCounts::default() }
            }
            EmitSource::Synthetic(_) | EmitSource::Listen(_) => LineCounts::default(),
        }
    }

    /// What came of listening.
    pub(super) fn listen_stats(&self) -> ListenStats {
        match self {
            EmitSource::Listen(source) => source.stats(),
            _ => ListenStats::default(),
        }
    }

    /// How the source asks to exit: with a command's own code, or failed when
    /// input was missed.
    pub(super) fn exit(&self) -> Exit {
        match self {
            EmitSource::Text(source) if source.failed() => Exit::Failed,
            EmitSource::Command(source, _) => source.exit().unwrap_or(Exit::Done),
            _ => Exit::Done,
        }
    }
}

fn spec(level: Option<Level>, default: Level) -> StreamSpec {
    StreamSpec { level: level.unwrap_or(default), explicit: level.is_some(), process: None }
}

fn stdout(args: &EmitArgs) -> Tee {
    Box::new(Stdout::with_linger(args.linger.0))
}

fn line_options(args: &EmitArgs) -> LineOptions {
    let rules = match (&args.multiline, args.no_multiline) {
        (Some(starts), _) => Rules::Starts(starts.clone()),
        (None, true) => Rules::Off,
        (None, false) => Rules::Tracebacks,
    };
    LineOptions {
        max_line: args.max_line,
        parse: parse::Options {
            detect: !args.no_detect,
            pattern: args.pattern.clone(),
            topic_delim: args.topic_delim.clone(),
        },
        multiline: multiline::Options {
            rules,
            wait: args.multiline_wait.0,
            ..multiline::Options::default()
        },
        skip_empty: args.skip_empty,
    }
}
