//! Options that were typed and have no effect beside the other ones.
//!
//! The parser refuses combinations that contradict each other. These here do no harm, except that
//! their user expects something of them. Defaults of the user's file are not looked at: they are
//! for command lines of all kinds.

use clap::ArgMatches;
use clap::parser::ValueSource;

use super::value_parsers::is_nats;
use super::{BenchArgs, Cli, Command, EmitArgs, EndpointArgs, RelayArgs, TailArgs};
use zlog_bench::target::BenchTarget;
use zlog_core::format::Output;
use zlog_pipeline::handler::publish::{OnFull, Wire};
use zlog_pipeline::router::options::Class;

/// Options that have an effect only with some arguments.
struct Rule<A> {
    /// Their long names, or [`HANDLERS`].
    options: &'static [&'static str],
    has_effect: fn(&A) -> bool,
    /// Why they have none otherwise.
    why: &'static str,
}

/// Stands for the options of all handlers.
const HANDLERS: &str = "HANDLERS";

const TAIL: &[Rule<TailArgs>] = &[
    Rule {
        options: &["show", "hide"],
        has_effect: TailArgs::shows_fields,
        why: "only pretty output has columns to choose",
    },
    Rule {
        options: &["hwm", "max-message", "verbose", "heal", "ask", "endpoint"],
        has_effect: |args| !reads_files(args),
        why: "stored records are read, not a subscription",
    },
    Rule {
        options: &["durable"],
        has_effect: |args| {
            args.from_nats.is_some() || args.select.topics.iter().any(|word| is_nats(word))
        },
        why: "it is for a stream of NATS",
    },
    Rule {
        options: &["endpoint"],
        has_effect: |args| reads_files(args) || is_default_used(&args.endpoints),
        why: "--bind or --connect is given",
    },
    Rule {
        options: &["whole-parts"],
        has_effect: |args| {
            let select = &args.select;
            !(select.topics.is_empty() && select.topic.is_empty() && select.not.is_empty())
        },
        why: "there is no TOPIC and no --not to compare with",
    },
    Rule {
        options: &[
            "highlight",
            "color",
            "timestamp",
            "separator",
            "align",
            "no-align",
            "newlines",
            "time-format",
        ],
        has_effect: TailArgs::prints,
        why: "no records are printed",
    },
    Rule {
        options: &["timestamp"],
        has_effect: |args| !args.prints() || args.output_format() == Output::Text,
        why: "it is for --output text",
    },
    Rule {
        options: &["separator", "align", "no-align"],
        has_effect: |args| !args.prints() || has_columns(args),
        why: "only pretty output has columns, and text with --timestamp",
    },
    Rule {
        options: &["highlight", "newlines"],
        has_effect: |args| !args.prints() || !matches!(printed_as(args), "json" | "logfmt" | "raw"),
        why: "they are for pretty, text and format strings",
    },
    Rule {
        options: &["time-format"],
        has_effect: |args| match printed_as(args) {
            _ if !args.prints() => true,
            "text" => args.timestamp,
            form => !matches!(form, "json" | "raw"),
        },
        why: "this output prints no time in a format of its own",
    },
    Rule {
        options: &["reorder"],
        has_effect: |args| args.count_by.is_none() || args.has_handlers(),
        why: "counts do not depend on the order",
    },
];

const EMIT: &[Rule<EmitArgs>] = &[
    Rule {
        options: &["endpoint", "key", "insecure", "engine", "wire", "wait", "wait-for", "hwm"],
        has_effect: EmitArgs::publishes,
        why: "records are stored, not published",
    },
    Rule {
        options: &["endpoint"],
        has_effect: |args| is_default_used(&args.endpoints),
        why: "--bind or --connect is given",
    },
    Rule {
        options: &["max-line", "multiline", "no-multiline", "multiline-wait", "skip-empty"],
        has_effect: |args| args.source_kind().reads_lines(),
        why: "no lines are read",
    },
    Rule {
        options: &["tee"],
        has_effect: |args| args.source_kind().reads_lines(),
        why: "there is no input to copy",
    },
    Rule {
        options: &["level", "topic-delim", "trust-topic", "no-detect", "pattern", "format-in"],
        has_effect: |args| !args.source_kind().has_whole_records(),
        why: "the records come whole, not as text",
    },
    Rule {
        options: &["multiline-wait"],
        has_effect: |args| !args.no_multiline,
        why: "--no-multiline makes every line a record",
    },
    Rule {
        options: &["name", "source"],
        has_effect: |args| args.wire == Wire::Json,
        why: "--wire text carries the message alone",
    },
    Rule {
        options: &["wait", "wait-for", "hwm"],
        has_effect: |args| args.spool.is_none(),
        why: "with --spool, records wait on disk",
    },
    Rule {
        options: &["wait-for"],
        has_effect: |args| args.wait.is_none_or(|wait| !wait.0.is_zero()),
        why: "--wait 0s waits for nobody",
    },
    Rule {
        options: &["stall"],
        has_effect: |args| args.on_full == OnFull::Block,
        why: "--on-full drop waits for nobody",
    },
    Rule {
        options: &["position"],
        has_effect: |args| args.file.iter().any(|path| path != "-"),
        why: "standard input has no positions",
    },
    Rule {
        options: &["max-record", "max-clients"],
        has_effect: |args| args.listen.any(),
        why: "there is no --listen, --listen-udp or --otlp-listen",
    },
];

const RELAY: &[Rule<RelayArgs>] = &[
    Rule {
        options: &["max-record", "max-clients"],
        // The file may have the address.
        has_effect: |args| args.listen.any() || args.config.is_some(),
        why: "there is no --listen, --listen-udp or --otlp-listen",
    },
    Rule {
        options: &["endpoint"],
        has_effect: |args| args.publish_bind.is_empty() && args.publish_connect.is_empty(),
        why: "--publish-bind or --publish-connect is given",
    },
    Rule {
        options: &["stall"],
        // The file may have the other option.
        has_effect: |args| args.on_full == OnFull::Block || args.config.is_some(),
        why: "without --on-full block, the relay waits for nobody",
    },
    Rule {
        options: &[
            "listen",
            "listen-udp",
            "otlp-listen",
            "max-record",
            "max-clients",
            "max-message",
            "on-full",
            "stall",
            "hwm",
            "linger",
            "report",
            "fail-on-loss",
            "verbose",
            HANDLERS,
        ],
        has_effect: |args| args.status.is_none(),
        why: "--status only asks a relay that runs",
    },
];

const BENCH: &[Rule<BenchArgs>] = &[
    Rule {
        options: &["smtp", "smtp-login-file", "smtp-delay"],
        has_effect: |args| measures(args, &[BenchTarget::Smtp, BenchTarget::QueueSmtp]),
        why: "no handler that sends mail is measured",
    },
    Rule {
        options: &["queue"],
        has_effect: |args| measures(args, &[BenchTarget::QueueFile, BenchTarget::QueueSmtp]),
        why: "no handler with a queue is measured",
    },
];

fn measures(args: &BenchArgs, targets: &[BenchTarget]) -> bool {
    args.targets().iter().any(|target| targets.contains(target))
}

fn reads_files(args: &TailArgs) -> bool {
    args.follow || args.reads_stored() || args.select.topics.iter().any(|word| is_nats(word))
}

fn is_default_used(args: &EndpointArgs) -> bool {
    args.bind.is_empty() && args.connect.is_empty()
}

/// What records are printed as: the name of an output, or a format string.
fn printed_as(args: &TailArgs) -> &str {
    match (args.output_format(), &args.format.format) {
        (Output::Pretty, Some(format)) => format,
        (Output::Pretty, None) => "pretty",
        (Output::Json, _) => "json",
        (Output::Logfmt, _) => "logfmt",
        (Output::Text, _) => "text",
        (Output::Raw, _) => "raw",
    }
}

fn has_columns(args: &TailArgs) -> bool {
    match printed_as(args) {
        "text" => args.timestamp,
        form => matches!(form, "pretty" | "bare"),
    }
}

/// A remark on each group of options that were typed and have no effect. `matches` are those of
/// the subcommand, without defaults from the user's file.
pub fn remarks(cli: &Cli, matches: &ArgMatches) -> Vec<String> {
    match &cli.command {
        Command::Tail(args) if !args.quiet => of_rules(TAIL, args, matches),
        Command::Emit(args) if !args.quiet => of_rules(EMIT, args, matches),
        Command::Relay(args) if !args.quiet => of_rules(RELAY, args, matches),
        Command::Bench(args) => of_rules(BENCH, args, matches),
        _ => Vec::new(),
    }
}

fn of_rules<A>(rules: &[Rule<A>], args: &A, matches: &ArgMatches) -> Vec<String> {
    let is_typed = |option: &&str| {
        let id = option.replace('-', "_");
        matches.value_source(&id) == Some(ValueSource::CommandLine)
    };
    let remark = |rule: &Rule<A>| {
        let typed: Vec<String> =
            long_names(rule.options).filter(is_typed).map(|option| format!("--{option}")).collect();
        let (last, others) = typed.split_last()?;
        Some(match others {
            [] => format!("{last} has no effect: {}", rule.why),
            _ => format!("{} and {last} have no effect: {}", others.join(", "), rule.why),
        })
    };
    rules.iter().filter(|rule| !(rule.has_effect)(args)).filter_map(remark).collect()
}

/// The long names of options, with those of all handlers.
fn long_names(options: &[&'static str]) -> impl Iterator<Item = &'static str> {
    options.iter().flat_map(|option| match *option {
        HANDLERS => Class::of_options().map(|class| &class.option[2..]).collect(),
        option => vec![option],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remarks_on(line: &str) -> Vec<String> {
        let line: Vec<_> = line.split(' ').map(std::ffi::OsString::from).collect();
        let matches = crate::cli::command().try_get_matches_from(&line).unwrap();
        let (_, matches) = matches.subcommand().unwrap();
        remarks(&Cli::parse_line(line).unwrap(), matches)
    }

    #[test]
    fn each_option_of_a_rule_is_one_of_its_command() {
        fn options<A>(rules: &[Rule<A>]) -> Vec<&'static str> {
            rules.iter().flat_map(|rule| long_names(rule.options)).collect()
        }
        let parser = crate::cli::command();
        for (command, options) in [
            ("tail", options(TAIL)),
            ("emit", options(EMIT)),
            ("relay", options(RELAY)),
            ("bench", options(BENCH)),
        ] {
            let command = parser.find_subcommand(command).unwrap();
            for option in options {
                let has = command.get_arguments().any(|it| it.get_long() == Some(option));
                assert!(has, "{} has no --{option}", command.get_name());
            }
        }
    }

    #[test]
    fn options_without_an_effect_are_named_with_the_reason() {
        for (line, expected) in [
            ("tail --show x --hide y -o json", "--show and --hide have no effect: only pretty"),
            ("tail --input f --hwm 7", "--hwm has no effect: stored records are read"),
            ("tail -f f -v", "--verbose has no effect: stored records are read"),
            ("tail --input f --heal 2s", "--heal has no effect: stored records are read"),
            ("tail --input f --last 3 --ask tcp://h:1", "--ask has no effect: stored records"),
            ("tail --whole-parts", "--whole-parts has no effect: there is no TOPIC"),
            ("tail --file a --timestamp", "--timestamp has no effect: no records are printed"),
            ("tail --count-by level -H x", "--highlight has no effect: no records are printed"),
            ("tail --timestamp", "--timestamp has no effect: it is for --output text"),
            ("tail -o text --separator |", "--separator has no effect: only pretty output"),
            ("tail -o json -H x --newlines escape", "--highlight and --newlines have no effect"),
            ("tail -o json --time-format unix", "--time-format has no effect: this output"),
            ("tail -o text --time-format unix", "--time-format has no effect: this output"),
            ("tail --count-by level --reorder 1s", "--reorder has no effect: counts"),
            ("tail -c tcp://h:1 --endpoint 7", "--endpoint has no effect: --bind or --connect"),
            (
                "emit --test --skip-empty --max-line 7K",
                "--max-line and --skip-empty have no effect",
            ),
            ("emit -m x --no-multiline", "--no-multiline has no effect: no lines are read"),
            ("emit -m x --tee", "--tee has no effect: there is no input to copy"),
            ("emit --test --tee", "--tee has no effect: there is no input to copy"),
            ("emit --replay f --tee", "--tee has no effect: there is no input to copy"),
            ("emit --listen 0 --tee", "--tee has no effect: there is no input to copy"),
            ("emit --test --level error", "--level has no effect: the records come whole"),
            ("emit --listen 0 --pattern x", "--pattern has no effect: the records come whole"),
            ("emit --no-multiline --multiline-wait 1s", "--multiline-wait has no effect"),
            ("emit --wire text --source me", "--source has no effect: --wire text"),
            ("emit --wait 0s --wait-for 2", "--wait-for has no effect: --wait 0s"),
            ("emit --spool d --wait 3s --hwm 7", "--wait and --hwm have no effect: with --spool"),
            ("emit --file - --position p", "--position has no effect: standard input"),
            ("emit --on-full drop --stall 1s", "--stall has no effect: --on-full drop waits"),
            ("relay --stall 1s", "--stall has no effect: without --on-full block"),
            ("emit --max-record 7K", "--max-record has no effect: there is no --listen"),
            ("emit -b 0 --endpoint 7", "--endpoint has no effect: --bind or --connect"),
            (
                "bench --handlers file --smtp-delay 1s",
                "--smtp-delay has no effect: no handler that",
            ),
            ("bench --handlers file,smtp --queue 7", "--queue has no effect: no handler with"),
            ("relay --max-clients 7", "--max-clients has no effect: there is no --listen"),
            ("relay -p 0 --endpoint 7", "--endpoint has no effect: --publish-bind"),
            ("relay --status --report 1s", "--report has no effect: --status only asks"),
            ("relay --status --nats nats://h", "--nats has no effect: --status only asks"),
            ("emit --otlp-listen 0 --level info", "--level has no effect: the records come whole"),
        ] {
            let remarks = remarks_on(&format!("zlog {line}"));
            assert!(remarks.len() == 1 && remarks[0].starts_with(expected), "{line}: {remarks:?}");
        }
    }

    #[test]
    fn options_with_an_effect_are_not_named() {
        for line in [
            "tail --show x -H y --separator | --no-align --newlines escape --time-format unix -v",
            "tail -o text --timestamp --separator | --time-format unix -H x --newlines escape",
            "tail -o logfmt --time-format unix --utc",
            "tail --format %(message)s -H x --newlines escape --time-format %H",
            "tail --format bare --separator |",
            "tail x --whole-parts --hwm 7 --max-message 7K --last 3 --ask tcp://h:1 --endpoint 7",
            "tail --not x --whole-parts --count-by level --file a --reorder 1s",
            "tail --file a --console -H x",
            "tail -q --timestamp",
            "emit --max-line 7K --multiline x --multiline-wait 1s --skip-empty --endpoint 7",
            "emit -m x --level error --topic-delim=x --no-detect --name a --source b",
            "emit --replay f --format-in x --level error --wait 1s --wait-for 2",
            "emit --file - a --position p --tee",
            "emit --listen 0 --max-record 7K --max-clients 7",
            "emit --stall 1s",
            "relay --stall 1s --on-full block",
            "bench --smtp-delay 1s --queue 7",
            "bench --handlers queue-smtp --smtp smtp://h --queue 7",
            "relay --listen 0 --max-record 7K --endpoint 7 --report 1s -v",
            "relay --config f --max-record 7K",
            "relay --status --output json --endpoint 7",
        ] {
            assert_eq!(remarks_on(&format!("zlog {line}")), [""; 0], "{line}");
        }
    }
}
