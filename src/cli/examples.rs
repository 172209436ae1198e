//! Examples and exit codes of each command, for `--help` and the man pages. The tests parse
//! the examples.

use std::fmt::Write;

use zlog_core::text::wrap::wrap;

/// The parts of a command's help and man page that are not options.
#[derive(Debug)]
pub struct Notes {
    /// The subcommand, `bench pipeline` for one of another; empty for zlog itself.
    pub command: &'static str,
    /// Command lines, each with what it does.
    pub examples: &'static [(&'static str, &'static str)],
    /// Exit codes, each with what it means.
    pub exit_codes: &'static [(&'static str, &'static str)],
}

/// The notes on every command that is not hidden, and on zlog itself.
pub const ALL: [&Notes; 14] = [
    &ZLOG,
    &EMIT,
    &TAIL,
    &TOP,
    &RELAY,
    &BENCH,
    &BENCH_PIPELINE,
    &CANARY,
    &DEMO,
    &FORMATS,
    &CONFIG,
    &KEYGEN,
    &COMPLETIONS,
    &MAN,
];

/// Examples in `-h`.
const SHORT: usize = 3;

const DONE: (&str, &str) = ("0", "Success, also when the reader of the output goes away");
const FAILED: (&str, &str) = ("1", "Failure; the error says what, why and what to do");
const USAGE: (&str, &str) = ("2", "Wrong usage");
const SIGNALS: (&str, &str) = ("130, 143", "Ended by SIGINT, SIGTERM, as a shell shows it");

const ZLOG: Notes = Notes {
    command: "",
    examples: &[
        ("zlog demo", "try it in one terminal"),
        ("zlog tail myprogram.ERROR", "watch one level of one program"),
        ("./backup.sh 2>&1 | zlog emit --root backup", "publish a script's output"),
    ],
    exit_codes: &[
        DONE,
        FAILED,
        USAGE,
        ("3", "An expectation given on the command line was not met"),
        SIGNALS,
    ],
};

const EMIT: Notes = Notes {
    command: "emit",
    examples: &[
        ("./backup.sh 2>&1 | zlog emit --root backup", "publish a script's output"),
        ("zlog emit --root backup -- ./backup.sh", "the same; stderr has its own level"),
        ("zlog emit --root web --file app.log --follow", "publish a log as it grows"),
        ("zlog emit --test 100 --rate 20", "20 test records per second"),
        ("zlog emit -m 'disk full' -l error -r backup", "one record"),
        ("zlog emit --replay records.jsonl --speed 10x", "stored records, ten times as fast"),
        ("zlog emit --listen 127.0.0.1:9020", "receive from Python programs (SocketHandler)"),
    ],
    exit_codes: &[
        DONE,
        FAILED,
        USAGE,
        ("3", "Records were lost, under --fail-on-loss"),
        SIGNALS,
        ("other", "With a command after --, that command's own exit code"),
    ],
};

const TAIL: Notes = Notes {
    command: "tail",
    examples: &[
        ("zlog tail", "all records"),
        ("zlog tail myprogram.ERROR", "one level of one program"),
        ("zlog tail --root myprogram --level warning", "that level and above"),
        ("zlog tail -i 'timeout|refused' -e healthcheck", "include and exclude by text"),
        ("zlog tail --where 'status>=500 and user.name=bo'", "by fields"),
        ("zlog tail --format '{asctime} {name}: {message}'", "a format string of Python"),
        ("zlog tail -o json > records.jsonl", "store records"),
        ("zlog tail --input records.jsonl --since 1h", "read stored records, or any JSON log"),
        ("zlog tail -f app.log", "a file as it grows"),
        ("zlog tail --last 50 app", "the last 50 records of a relay, then new ones"),
        ("zlog tail --file app.log,when=midnight,backups=7", "into a new file each day ..."),
        (
            "zlog tail --file all.log --file errors.log,level=error",
            "... or two, and nothing is printed",
        ),
        (
            "zlog tail --console --smtp smtp://mail,to=ops@example.org,level=critical",
            "print, and mail",
        ),
        (
            "zlog tail --exec 'sh -c \"jq -r .msg >> messages.txt\",format=json'",
            "run a command for each batch",
        ),
        ("zlog tail -n 1 --timeout 5s app.INFO.ready", "wait for a record, or exit with 3"),
    ],
    exit_codes: &[
        DONE,
        FAILED,
        USAGE,
        ("3", "--timeout passed before -n records, or loss under --fail-on-loss"),
        SIGNALS,
    ],
};

const RELAY: Notes = Notes {
    command: "relay",
    examples: &[
        ("zlog relay", "ports 12344 (emit) and 12345 (tail)"),
        ("zlog emit", "an emitter, which finds the relay"),
        ("zlog relay -c tcp://a:12345 -c tcp://b:12345", "collect from two that bind"),
        ("zlog relay --keep 1000", "keep the last records for late subscribers ..."),
        ("zlog tail --last 50 myprogram", "... who get the last 50, then new ones"),
        ("zlog relay --listen 9020 --file app.log", "Python's SocketHandlers into one file"),
        ("zlog relay --otlp-listen 4318 --file app.log", "OpenTelemetry's logs into one file"),
        ("zlog relay --config relay.toml --check", "report the errors of a configuration"),
        ("zlog relay --status", "print the status of a relay"),
    ],
    exit_codes: &[DONE, FAILED, USAGE, ("3", "Records were lost, under --fail-on-loss"), SIGNALS],
};

const BENCH: Notes = Notes {
    command: "bench",
    examples: &[
        ("zlog bench", "what a log call costs"),
        ("zlog bench --handlers file,pub --lines app.log", "your own lines, two kinds of handlers"),
        ("zlog bench --rate 5000 --threads 4", "latencies under a given load"),
        ("zlog bench --handlers smtp,queue --smtp-delay 20ms", "mail to a slow server"),
        ("zlog bench --compare-python", "compare with Python and PyZMQ"),
        ("zlog bench --plot bench.svg --plot bench.png", "throughput and latencies as images"),
        ("zlog bench --output json > baseline.json", "keep a report"),
        ("zlog bench --baseline baseline.json", "exit with 3 if a handler is slower"),
    ],
    exit_codes: &[
        DONE,
        ("1", "A handler could not be measured, or a report could not be written"),
        USAGE,
        ("3", "A handler is slower than in --baseline"),
        SIGNALS,
    ],
};

const BENCH_PIPELINE: Notes = Notes {
    command: "bench pipeline",
    examples: &[
        ("zlog bench pipeline", "emit to tail over tcp and ipc, JSON and text"),
        ("zlog bench pipeline --transport tcp --wire json", "one of the four"),
        (
            "zlog bench pipeline --size 100,1K,10K --plot size.svg",
            "how the cost grows with messages",
        ),
        ("zlog bench pipeline --publishers 1,2,4 --subscribers 1,2,4", "... and with processes"),
        ("zlog bench pipeline --topics 1,100,10000", "... and with subscriptions"),
    ],
    exit_codes: &[
        DONE,
        ("1", "A pipeline could not be measured, or a report could not be written"),
        USAGE,
        SIGNALS,
    ],
};

const TOP: Notes = Notes {
    command: "top",
    examples: &[
        ("zlog top", "what arrives on this machine"),
        ("zlog top tcp://logs:12345 shop -l warning", "a relay, one program, from warnings on"),
        ("zlog top --once -o json --interval 5s", "the numbers of five seconds, for a program"),
        ("zlog top nats://127.0.0.1:4222", "what is added to a stream of NATS"),
    ],
    exit_codes: &[DONE, FAILED, USAGE, SIGNALS],
};

const CANARY: Notes = Notes {
    command: "canary",
    examples: &[
        ("zlog canary", "through this machine's relay and back"),
        ("zlog canary --fail-on-loss --quiet", "for a monitor: 3 if a record is lost"),
        (
            "zlog canary --send-socket 127.0.0.1:9020 --read-file app.log",
            "as a Python program would send, to the file that a relay writes",
        ),
        ("zlog canary --send bind:7000 --read tcp://logs:12345 -n 100000", "what a relay collects"),
        ("zlog canary --read-file /var/log/syslog", "to what a syslog server writes"),
    ],
    exit_codes: &[
        DONE,
        ("1", "Failure; also if nothing came through within --wait"),
        USAGE,
        ("3", "With --fail-on-loss: a record was lost"),
        SIGNALS,
    ],
};

const DEMO: Notes = Notes {
    command: "demo",
    examples: &[
        ("zlog demo", "until Ctrl-C"),
        ("zlog demo -n 20 --rate 50", "20 records, quickly"),
    ],
    exit_codes: &[DONE, FAILED, USAGE, SIGNALS],
};

const FORMATS: Notes = Notes {
    command: "formats",
    examples: &[
        ("zlog formats", "all formats, in the order in which they are tried"),
        ("zlog formats --explain app.log", "which format each line has, and why"),
        (
            "zlog formats klog > shop.toml",
            "a start for a format of your own; it goes to ~/.config/zlog/formats/",
        ),
    ],
    exit_codes: &[DONE, ("1", "Failure; a format file of yours has errors"), USAGE],
};

const CONFIG: Notes = Notes {
    command: "config",
    examples: &[
        ("zlog config --init", "make the file, in which everything is a comment"),
        ("zlog config", "show what is in it, or its errors"),
        ("zlog config --path", "print its path, for an editor"),
        ("zlog tail @prod", "use the endpoints that it calls prod"),
        ("ZLOG_CONFIG= zlog tail", "without the file"),
    ],
    exit_codes: &[DONE, FAILED, ("2", "Wrong usage, or the file has errors")],
};

const KEYGEN: Notes = Notes {
    command: "keygen",
    examples: &[
        ("zlog keygen", "make this machine's key, and print the public one"),
        ("zlog keygen --trust web1.pub", "let web1 connect to what this machine binds"),
        ("zlog keygen --trust web1.pub --publish web1. --no-read", "only to publish, below web1."),
        (
            "zlog keygen --trust logs.pub --host logs.example.org",
            "connect to this server, encrypted",
        ),
        ("zlog keygen --list", "fingerprints and rights"),
        ("zlog keygen --revoke web1", "disconnect web1, and admit it no more"),
        ("zlog keygen ./app --pyzmq", "a pair for a program with PyZMQ"),
    ],
    exit_codes: &[DONE, ("1", "Failure; a file that exists is not overwritten"), USAGE],
};

const COMPLETIONS: Notes = Notes {
    command: "completions",
    examples: &[
        ("zlog completions bash > zlog.bash", "then: source zlog.bash"),
        ("zlog completions zsh > ~/.zfunc/_zlog", "with ~/.zfunc in fpath"),
    ],
    exit_codes: &[DONE, FAILED, USAGE],
};

const MAN: Notes = Notes {
    command: "man",
    examples: &[
        ("zlog man tail > zlog-tail.1", "then: man ./zlog-tail.1"),
        ("zlog man relay.toml > zlog-relay.toml.5", "the configuration file of zlog relay"),
        ("zlog man handlers > zlog-handlers.7", "the keys of handlers"),
    ],
    exit_codes: &[DONE, FAILED, USAGE],
};

impl Notes {
    /// The name of its man page: `zlog-bench-pipeline`.
    pub fn man_page_name(&self) -> String {
        ["zlog"].into_iter().chain(self.command.split_whitespace()).collect::<Vec<_>>().join("-")
    }

    /// The end of `-h`: the first examples.
    pub fn short_help(&self) -> String {
        Notes::list(&self.examples[..self.examples.len().min(SHORT)])
    }

    /// The end of `--help`.
    pub fn long_help(&self) -> String {
        let mut text = Notes::list(self.examples) + "\n\nExit codes:";
        for (code, meaning) in self.exit_codes {
            // Writing to a String can't fail.
            let _ = write!(text, "\n  {code:<8}  {meaning}");
        }
        text
    }

    fn list(examples: &[(&str, &str)]) -> String {
        let mut text = String::from("Examples:");
        for (line, what) in examples {
            // The explanation of a line that is too long for its column is below the line.
            let _ = match line.chars().count() {
                0..=46 => write!(text, "\n{}", wrap(&format!("  {line:<46}  {what}"), 80, 50)),
                _ => write!(text, "\n  {line}\n{}", wrap(&format!("{:50}{what}", ""), 80, 50)),
            };
        }
        text
    }
}
