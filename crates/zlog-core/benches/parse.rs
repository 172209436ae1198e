//! What it costs to parse a line, with the line formats and without them, and to parse and filter
//! a JSON record, with a condition and without one; as ratios within one run:
//! `cargo bench -p zlog-core --bench parse`.
//!
//! Without formats, a parser looks for a leading time and the word of a level, as it does in
//! lines of no format.

use std::hint::black_box;
use std::time::{Duration, Instant};

use regex::Regex;

use zlog_core::Record;
use zlog_core::filter::{Filter, TextFilter};
use zlog_core::formats::Formats;
use zlog_core::parse::{Options, Parser};

/// A kind of stream, and some of its lines.
const STREAMS: [(&str, &[&str]); 12] = [
    ("klog", &["E0102 03:04:05.678901    4711 controller.go:12] sync of shop/web failed: EOF"]),
    ("python-dashes", &["2024-01-02 03:04:05,123 - shop.web - ERROR - order 17 failed: no stock"]),
    (
        "spring-boot",
        &["2024-01-02T03:04:05.678+01:00  INFO 4711 --- [main] c.e.App      : Started"],
    ),
    ("tracing", &["2024-01-02T03:04:05.678901Z  INFO shop::web: order 17 of user 5 accepted"]),
    ("env-logger", &["[2024-01-02T03:04:05Z INFO  shop::web] order 17 of user 5 accepted"]),
    (
        "nginx-error",
        &["2024/01/02 03:04:05 [error] 12#12: *1 open() \"/x\" failed (2: No such file)"],
    ),
    ("syslog", &["Jan  2 03:04:05 web-1 sshd[4711]: Accepted publickey for root from 10.0.0.1"]),
    ("access-log", &["10.0.0.1 - - [02/Jan/2024:03:04:05 +0000] \"GET /a HTTP/1.1\" 200 2326"]),
    (
        "two in turn",
        &[
            "[2024-01-02 03:04:05 +0000] [7] [INFO] Booting worker with pid: 7",
            "10.0.0.1 - - [02/Jan/2024:03:04:05 +0000] \"GET /a HTTP/1.1\" 200 2326",
        ],
    ),
    ("no format, time", &["2024-01-02 03:04:05 order 17 of user 5 was accepted at last"]),
    ("no format, level", &["[worker 17] ERROR order 17 of user 5 was refused: no stock"]),
    ("prose", &["order 17 of user 5 was accepted, and goes to the next shop in Hamburg"]),
];

/// A record as a web server logs it.
const JSON: &str = r#"{"time":"2024-01-02T03:04:05.678901Z","level":"warning","logger":"shop.web","msg":"order 17 of user 5 was refused","status":503,"path":"/api/v1/orders/17","elapsed":0.255,"user":{"id":4718,"name":"bo"},"request_id":"0b9f6a1c2d"}"#;

/// Conditions for `--where`.
const CONDITIONS: [&str; 8] = [
    "level>=warning",
    "status>=500",
    "status>=600",
    "user.name=bo",
    "path~^/api/",
    "missing",
    "status>=500 and user.name=bo",
    "status<500 or elapsed>1 or not path~orders",
];

/// Nanoseconds per line: the fastest of many short runs, which other programs disturb least.
fn nanoseconds(options: &Options, lines: &[&str]) -> f64 {
    filtered(options, lines, &mut Filter::default())
}

/// As [`nanoseconds`], with a filter.
fn filtered(options: &Options, lines: &[&str], filter: &mut Filter) -> f64 {
    const LINES: u32 = 2000;
    let mut parser = Parser::new(options.clone());
    let mut fastest = Duration::MAX;
    for _ in 0..300 {
        let start = Instant::now();
        for line in lines.iter().cycle().take(LINES as usize) {
            let mut record = Record::default();
            black_box(parser.parse_into(black_box(line), &mut record));
            black_box(filter.accepts(black_box(&record)));
        }
        fastest = fastest.min(start.elapsed());
    }
    fastest.as_secs_f64() * 1e9 / f64::from(LINES)
}

/// Microseconds to load the built-in formats, and to read the first line of each stream, which
/// compiles patterns: the fastest of some.
fn startup() -> (f64, f64) {
    let mut fastest = [Duration::MAX; 2];
    for _ in 0..20 {
        let start = Instant::now();
        let formats = Formats::new(Vec::new());
        fastest[0] = fastest[0].min(start.elapsed());
        let mut parser = Parser::new(Options { formats, ..Options::default() });
        let start = Instant::now();
        for line in STREAMS.iter().flat_map(|(_, lines)| *lines) {
            black_box(parser.parse(black_box(line)));
        }
        fastest[1] = fastest[1].min(start.elapsed());
    }
    fastest.map(|time| time.as_secs_f64() * 1e6).into()
}

fn main() {
    let with = Options::default();
    let without = Options { formats: Formats::none(), ..Options::default() };
    let (load, first) = startup();
    println!("formats are loaded in {load:.0} µs, the first lines read in {first:.0} µs\n");
    println!("{:18}{:>12}{:>12}{:>9}", "lines", "without, ns", "with, ns", "ratio");
    // `cargo bench` passes options of its own.
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let filter = filter.unwrap_or_default();
    for (name, lines) in STREAMS.iter().filter(|(name, _)| name.contains(&filter)) {
        let [without, with] = [&without, &with].map(|options| nanoseconds(options, lines));
        println!("{name:18}{without:>12.0}{with:>12.0}{:>9.2}", with / without);
    }
    println!("\n{:54}{:>9}{:>9}", "JSON record", "ns", "ratio");
    let none = nanoseconds(&with, &[JSON]);
    println!("{:54}{none:>9.0}{:>9.2}", "without a condition", 1.0);
    for condition in CONDITIONS {
        let conditions = vec![condition.parse().expect("a condition")];
        let mut filter = Filter { conditions, ..Filter::default() };
        let with = filtered(&with, &[JSON], &mut filter);
        println!("{:54}{with:>9.0}{:>9.2}", format!("--where '{condition}'"), with / none);
    }
    let words = vec![Regex::new("user=.*bo|refused by").expect("an expression")];
    let mut filter = Filter { text: TextFilter::new(words, false, vec![]), ..Filter::default() };
    let with = filtered(&with, &[JSON], &mut filter);
    println!("{:54}{with:>9.0}{:>9.2}", "--grep, of which a field matches", with / none);
}
