//! Fuzzes records, lines, format strings and the relay's answers for a given time: changes,
//! removes, repeats and mixes bytes of real ones. None may panic, take long, or write more
//! than one line.
//!
//!     cargo run --example record_fuzz -- [SECONDS] [SEED]
//!
//! Without `--release`, integer overflow panics. `pickle_fuzz` does the same for pickles.

#![allow(clippy::unwrap_used, reason = "failures are panics")]

mod mutate;

use std::time::{Duration, Instant};

use fastrand::Rng;
use jiff::Zoned;
use zlog_core::filter::{Condition, Span};
use zlog_core::format::FormatterSpec;
use zlog_core::format::{Format, Options, Output};
use zlog_core::parse::{self, Parser, backslash_replace};
use zlog_core::sequence::SequenceTracker;
use zlog_core::text::escape::{Newlines, is_unsafe};
use zlog_core::text::parsers;
use zlog_core::wire::{self, query, topic};
use zlog_core::{Level, Record};
use zlog_pipeline::socket::{Endpoint, Role};

/// Bodies and lines of many programs.
const EXEMPLARS: [&str; 12] = [
    r#"{"name":"shop.db","msg":"got %s of %-5d in %.3f","args":["it",7,1.5],"levelname":"ERROR","levelno":40,"lineno":7,"funcName":"buy","exc_text":"Traceback\n  File","created":1763712000.123456,"msecs":123.0,"relativeCreated":5.25,"thread":140,"process":7,"source":"h/7","seq":9,"k":{"n":[1,{"d":null}]},"f":1.10}"#,
    r#"{"msg":"%(a)s and %(b)*d","args":{"a":"x","b":1e300},"levelno":-2147483648,"topic":"app.ERROR.db","received":1e308,"seq":18446744073709551615}"#,
    r#"{"time":"2026-01-02T03:04:05Z","channel":"app","level":14,"msg":"hello","message":"hello","args":[],"kwargs":{},"extra":{"user":"bob"},"process":7,"heavy_initialized":true}"#,
    r#"{"level":30,"time":1763712000123,"pid":7,"hostname":"h","msg":"hi","v":1}"#,
    r#"{"MESSAGE":"denied","PRIORITY":"4","SYSLOG_IDENTIFIER":"sshd","__REALTIME_TIMESTAMP":"1763712000500000"}"#,
    r#"{"timestamp":"2025-11-21T08:00:00Z","level":"WARN","fields":{"message":"m","n":1},"target":"app::db"}"#,
    r#"time="2024-01-02T03:04:05Z" level=warning msg="a \"b\"\n\\c" n=1 f=-0.5e3 ok=true s="x y" topic=app.INFO seq=3 stack="main\n\tx.go:1""#,
    "<134>1 2026-11-21T07:49:12.345678+01:00 host app 7 - - ERROR: disk full",
    "2026-11-21 07:49:12,345 ERROR name: Grüße, \u{1b}[31m世界\u{1b}[0m",
    "E0102 03:04:05.678901 7 file.go:12] [core:error] level=error W/tag( 12): npm ERR! x",
    "sub.topic::message %s {x} $y",
    "127.0.0.1 - - [21/Nov/2026:07:49:12 +0000] \"GET / HTTP/1.1\" 500 12",
];

/// Format strings of all styles.
const FORMATS: [&str; 6] = [
    "%(asctime)s %(levelname)-8s %(name)s:%(lineno)04x %(msecs)+08.3e %(message).20s",
    "{asctime} {levelname:^9} {name!r:>8} {lineno:_x} {args[0]} {created:010,.2f} {user:.1}",
    "${levelname} $message $$5 ${user}",
    "%(process)d %(seq)#o %(args)r %(fault)a %% %(relativeCreated)g",
    "{seq:#b}{{}}{msecs:%}{thread:c}{message!a:.3}{exc_text}",
    "pretty",
];

/// Text to insert: numbers at the limits of their types, and text with a special meaning.
const TOKENS: [&str; 24] = [
    "18446744073709551616",
    "-9223372036854775808",
    "1e400",
    "-0.0",
    "NaN",
    "null",
    "\"",
    "\\",
    "\\ud800",
    "\\u0000",
    "\n",
    "\r\n",
    "\u{1b}[",
    "\u{202e}",
    "\u{2028}",
    "%",
    "{",
    "}",
    "$",
    "[",
    "]",
    "é",
    "\0",
    "::",
];

fn main() {
    let mut args = std::env::args().skip(1);
    let seconds = args.next().map_or(10, |word| word.parse().expect("seconds"));
    let seed = args.next().map_or_else(|| fastrand::u64(..), |word| word.parse().expect("a seed"));
    let mut fuzz = Fuzz::new(seed);
    let until = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < until {
        for _ in 0..100 {
            fuzz.round();
        }
    }
    let Fuzz { inputs, longest, .. } = fuzz;
    let build = if cfg!(debug_assertions) { "debug" } else { "release" };
    println!("seed {seed}, {seconds} s, {build} build");
    println!("{inputs} inputs; longest: {:.1} ms of processor time", longest.as_secs_f64() * 1e3);
}

struct Fuzz {
    rng: Rng,
    /// Formats, and whether each escapes characters that are unsafe for a terminal.
    formats: Vec<(Box<dyn Format>, bool)>,
    parser: Parser,
    sequences: SequenceTracker,
    /// An answer of each kind.
    answers: Vec<Vec<u8>>,
    inputs: u64,
    longest: Duration,
}

impl Fuzz {
    fn new(seed: u64) -> Fuzz {
        let topic_delim = Some("::".to_owned());
        let status = query::Status {
            handlers: vec![query::Handler { outage: Some("x\n  y".into()), ..Default::default() }],
            sources: vec![query::Source { remarks: vec!["r".into()], ..Default::default() }],
            keep: Some(query::Keep::default()),
            ..Default::default()
        };
        let end = query::End { messages: 3, window: 1, subscribed: true, is_cut: false };
        let answers = [
            query::Answer::Ready,
            query::Answer::Message { received: 1.5 },
            query::Answer::End(end),
            query::Answer::Status(Box::new(status)),
            query::Answer::Refused { why: "no".into() },
        ];
        Fuzz {
            rng: Rng::with_seed(seed),
            formats: formats(),
            parser: Parser::new(parse::Options { topic_delim, ..parse::Options::default() }),
            sequences: SequenceTracker::default(),
            answers: answers.iter().map(query::write_answer).collect(),
            inputs: 0,
            longest: Duration::ZERO,
        }
    }

    fn round(&mut self) {
        let begun = thread_time();
        let body = self.one_of(&EXEMPLARS);
        let topic = self.mutated(b"app.db.ERROR.x");
        let frames: [&[u8]; 2] = [&topic, &body];
        let some = self.rng.usize(..3);
        let (record, _) = wire::decode(&frames[..some.clamp(1, 2)], 1.5);
        self.shown(&record);
        let line = backslash_replace(&body);
        let parsed = self.parser.parse(&line);
        self.shown(&parsed);
        self.format_string(&record);
        let at = self.rng.usize(..self.answers.len());
        let answer = self.answers[at].clone();
        let answer = self.mutated(&answer);
        let _ = (query::read_answer(&answer), query::read_question(&[&answer]));
        self.typed();
        self.inputs += 1;
        let took = thread_time() - begun;
        self.longest = self.longest.max(took);
        assert!(took < Duration::from_secs(10), "{took:?} for {}", body.escape_ascii());
    }

    fn shown(&mut self, record: &Record<'_>) {
        let mut out = Vec::new();
        for (format, escapes) in &mut self.formats {
            out.clear();
            format.write(record, &mut out);
            let text = str::from_utf8(&out).expect("UTF-8").strip_suffix('\n').expect("a line");
            if *escapes {
                assert!(!text.contains(is_unsafe), "{text:?} of {record:?}");
            }
        }
        let (source, topic) = (record.source.as_deref().unwrap_or_default(), &record.topic);
        self.sequences.observe(source, topic, record.seq.unwrap_or_default());
        out.clear();
        wire::json::write(record, &mut out);
        assert!(wire::json::read_body(str::from_utf8(&out).unwrap()).is_ok(), "{record:?}");
    }

    fn format_string(&mut self, record: &Record<'_>) {
        let bytes = self.one_of(&FORMATS);
        let format = String::from_utf8_lossy(&bytes).into_owned();
        let spec = FormatterSpec { extras: vec![("user".into(), None)], ..spec(&format) };
        let built = spec.build(Output::Pretty, Options::default());
        if let Ok(mut format) = built {
            format.write(record, &mut Vec::new());
        }
    }

    /// Parses typed values.
    fn typed(&mut self) {
        const TYPED: [&str; 7] = [
            "1h 30m",
            "2026-11-21 07:30",
            "16M",
            "20/s",
            "Level 15",
            "tcp://127.0.0.1:12345",
            "not (a.b>=1 or c~'x.y')",
        ];
        let bytes = self.one_of(&TYPED);
        let text = String::from_utf8_lossy(&bytes);
        let _ = Span::parse(Some(&text), None, &Zoned::now());
        let _ = text.parse::<Condition>();
        let _ = (text.parse::<parsers::Seconds>(), parsers::size(&text), parsers::rate(&text));
        let _ = (Level::from_typed(&text), parsers::speed(&text), topic::typed_root(&text));
        let _ = Endpoint::parse(&text, Role::Connect).map(|endpoint| endpoint.query_endpoint());
    }

    fn one_of(&mut self, real: &[&str]) -> Vec<u8> {
        let at = self.rng.usize(..real.len());
        self.mutated(real[at].as_bytes())
    }

    fn mutated(&mut self, real: &[u8]) -> Vec<u8> {
        mutate::changed(&mut self.rng, real, &EXEMPLARS, &TOKENS, 6)
    }
}

fn spec(format: &str) -> FormatterSpec {
    FormatterSpec { format: Some(format.to_owned()), ..FormatterSpec::default() }
}

/// All formats, for a terminal and for a pipe, with and without newlines.
fn formats() -> Vec<(Box<dyn Format>, bool)> {
    let mut formats = Vec::new();
    let shapes = ["pretty", "json", "logfmt", "bare", "syslog", "basic", FORMATS[0], FORMATS[3]];
    for shape in shapes {
        for (newlines, escape) in [(Newlines::Keep, false), (Newlines::Escape, true)] {
            let spec = FormatterSpec { newlines, ..spec(shape) };
            let options = Options { escape, ..Options::default() };
            formats.push((spec.build(Output::Pretty, options).unwrap(), escape));
        }
    }
    formats
}

/// The processor time of this thread, which does not depend on the load of the machine.
fn thread_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}
