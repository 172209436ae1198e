//! Examples and exit codes: said once, shown by `--help`, by the man pages and
//! run by the tests.

use std::fmt::Write;

use super::handlers;

/// What a command's help and man page say beside its options.
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
pub const ALL: [&Notes; 7] = [&ZLOG, &EMIT, &TAIL, &RELAY, &BENCH, &BENCH_PIPELINE, &DEMO];

const DONE: (&str, &str) = ("0", "Done; also when the reader of the output goes away");
const FAILED: (&str, &str) = ("1", "It failed; the error says what, why and what to do");
const USAGE: (&str, &str) = ("2", "Wrong usage");
const SIGNALS: (&str, &str) = ("130, 143", "Ended by SIGINT, SIGTERM");

const ZLOG: Notes = Notes {
    command: "",
    examples: &[
        ("zlog demo", "see it work, in one terminal"),
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
        ("zlog emit --root backup -- ./backup.sh", "the same; stderr has a level of its own"),
        ("zlog emit --root web --file app.log --follow", "publish a log as it grows"),
        ("zlog emit --test 100 --rate 20", "test records, 20 each second"),
        ("zlog emit -m 'disk full' -l error -r backup", "one record"),
        ("zlog emit --replay records.jsonl --speed 10x", "stored records, ten times as fast"),
        (
            "zlog emit --listen 127.0.0.1:9020",
            "what Python programs log, as SocketHandler sends it",
        ),
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
        ("zlog tail", "everything on the default endpoint"),
        ("zlog tail myprogram.ERROR", "one level of one program"),
        ("zlog tail --root myprogram --level warning", "that level and above"),
        ("zlog tail -i 'timeout|refused' -e healthcheck", "what matches, and what does not"),
        ("zlog tail --format '{asctime} {name}: {message}'", "a format string of Python's"),
        ("zlog tail -o json > records.jsonl", "store records"),
        ("zlog tail --input records.jsonl --since 1h", "read stored records, or any JSON log"),
        ("zlog tail --last 50 app", "a relay's last 50 records (--keep), then what comes"),
        ("zlog tail --file app.log,when=midnight,backups=7", "into a file, a new one each day ..."),
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
            "the input of a command, in batches",
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
        ("zlog relay", "emitters connect to port 12344, tails to 12345"),
        ("zlog emit --connect tcp://127.0.0.1:12344", "an emitter for it"),
        ("zlog relay -c tcp://a:12345 -c tcp://b:12345", "collect from two that bind"),
        ("zlog relay --keep 1000", "keep each topic's last records for late comers ..."),
        ("zlog tail --last 50 myprogram", "... who see the last 50, then what comes"),
        ("zlog relay --listen 9020 --file app.log", "Python's SocketHandlers into one file"),
        ("zlog relay --config relay.toml --check", "what is wrong with a configuration"),
        ("zlog relay --status", "ask how it stands"),
    ],
    exit_codes: &[DONE, FAILED, USAGE, ("3", "Records were lost, under --fail-on-loss"), SIGNALS],
};

const BENCH: Notes = Notes {
    command: "bench",
    examples: &[
        ("zlog bench", "what a log call costs, through every handler"),
        (
            "zlog bench --handlers file,pub --lines app.log",
            "lines of your own, two kinds of handlers",
        ),
        ("zlog bench --rate 5000 --threads 4", "latencies under a given load"),
        ("zlog bench --handlers smtp,queue --smtp-delay 20ms", "mail to a slow server"),
        ("zlog bench --compare-python", "Python's handlers and PyZMQ's beside zlog's"),
        ("zlog bench --plot bench.svg --plot bench.png", "throughput and latencies as images"),
        ("zlog bench --output json > baseline.json", "keep a report"),
        ("zlog bench --baseline baseline.json", "exit with 3 when a handler has become slower"),
    ],
    exit_codes: &[
        DONE,
        ("1", "A handler could not be measured, or a report not be written"),
        USAGE,
        ("3", "A handler has become slower than in --baseline"),
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
        ("1", "A pipeline could not be measured, or a report not be written"),
        USAGE,
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

impl Notes {
    /// The name of its man page: `zlog-bench-pipeline`.
    pub fn man_page_name(&self) -> String {
        ["zlog"].into_iter().chain(self.command.split_whitespace()).collect::<Vec<_>>().join("-")
    }

    /// What may stand in the values of the command's options, under a title.
    pub fn keys(&self) -> Option<(&'static str, Vec<(String, String)>)> {
        match self.command {
            "tail" | "relay" => Some(("Keys of handlers", handlers::keys_help())),
            _ => None,
        }
    }

    /// As they stand at the end of `--help`.
    pub fn after_help(&self) -> String {
        let mut text = String::from("Examples:\n");
        // Writing to a String can't fail.
        for (line, what) in self.examples {
            // A line too long for its column has its explanation below.
            let _ = match line.chars().count() {
                0..=46 => writeln!(text, "  {line:<46}  {what}"),
                _ => writeln!(text, "  {line}\n{:50}{what}", ""),
            };
        }
        if let Some((title, keys)) = self.keys() {
            let _ = writeln!(text, "\n{title}:");
            for (key, what) in keys {
                let _ = writeln!(text, "  {key}\n      {what}");
            }
        }
        text.push_str("\nExit codes:\n");
        for (code, meaning) in self.exit_codes {
            let _ = writeln!(text, "  {code:<8}  {meaning}");
        }
        text.truncate(text.trim_end().len());
        text
    }
}
