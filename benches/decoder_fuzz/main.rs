//! Fuzzes what zlog reads from disks and peers, for a given time: configuration files, spools, batches
//! with confirmation and their answers, questions to a relay, and subjects of NATS. Changes, removes,
//! repeats and mixes bytes of real ones and of the corpus.
//!
//!     cargo run --example decoder_fuzz -- [SECONDS] [SEED] [TARGET]
//!
//! SECONDS is the time of each target. KEEP=1 adds the first input of each outcome to the corpus,
//! tests/data/fuzz, which the ordinary tests replay. Without `--release`, integer overflow panics.
//! `record_fuzz` does the same for records and lines.

#![allow(clippy::unwrap_used, reason = "failures are panics")]

#[path = "../mutate.rs"]
mod mutate;
mod targets;

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use fastrand::Rng;
use mutate::changed;
use targets::{EXEMPLAR, TARGETS, Target, corpus, pack};
use zlog_core::wire::{confirm, query};

/// The longest time that an input may take, of the processor.
const LONGEST: Duration = Duration::from_secs(10);
/// Most inputs that are kept of a target, and the longest of them.
const MOST_KEPT: usize = 60;
const LONGEST_KEPT: usize = 6000;

/// Text with a special meaning somewhere, and numbers at the limits of their types.
const TOKENS: [&str; 26] = [
    "18446744073709551615",
    "18446744073709551616",
    "-1",
    "1e400",
    "nan",
    "null",
    "true",
    "\"",
    "'''",
    "\\",
    "\\ud800",
    "\n",
    "\r\n",
    "\u{1b}[",
    "\u{202e}",
    "[",
    "]]",
    "{",
    "}",
    "=",
    "#",
    "%",
    ".",
    "*>",
    "\0",
    "é",
];

fn main() {
    let mut args = std::env::args().skip(1);
    let seconds = args.next().map_or(10, |word| word.parse().expect("seconds"));
    let seed = args.next().map_or_else(|| fastrand::u64(..), |word| word.parse().expect("a seed"));
    let only = args.next();
    let chosen = |(name, _): &(&str, Target)| only.as_deref().is_none_or(|only| only == *name);
    let targets: Vec<_> = TARGETS.into_iter().filter(chosen).collect();
    assert!(!targets.is_empty(), "targets: {:?}", TARGETS.map(|(name, _)| name));
    for (name, target) in targets {
        fuzz(name, target, Duration::from_secs(seconds), &mut Rng::with_seed(seed));
    }
    let build = if cfg!(debug_assertions) { "debug" } else { "release" };
    println!("seed {seed}, {seconds} s each, {build} build");
}

fn fuzz(name: &str, target: Target, time: Duration, rng: &mut Rng) {
    let directory = corpus().join(name);
    let kept = fs::read_dir(&directory).into_iter().flatten();
    let mut real: Vec<Vec<u8>> = kept.map(|file| fs::read(file.unwrap().path()).unwrap()).collect();
    let mut outcomes: HashSet<String> = HashSet::new();
    let keeps = std::env::var_os("KEEP").is_some();
    for input in &real {
        outcomes.insert(shape(&target(input)));
    }
    real.extend(exemplars(name));
    let until = Instant::now() + time;
    let (mut inputs, mut longest) = (0_u64, Duration::ZERO);
    while Instant::now() < until {
        let input = if name == "spool" { changed_spool(rng) } else { changed_of(rng, &real, 8) };
        let (begun, last) = (thread_time(), Last(&input));
        let outcome = target(&input);
        let took = thread_time() - begun;
        assert!(took < LONGEST, "{name}: {took:?}");
        std::mem::forget(last);
        (inputs, longest) = (inputs + 1, longest.max(took));
        if outcomes.insert(shape(&outcome)) && keeps && input.len() <= LONGEST_KEPT {
            keep(&directory, &input);
        }
    }
    let (outcomes, longest) = (outcomes.len(), longest.as_secs_f64() * 1e3);
    println!(
        "{name}: {inputs} inputs, {outcomes} outcomes, longest {longest:.1} ms of processor time"
    );
}

/// Prints the input when a target panics.
struct Last<'i>(&'i [u8]);

impl Drop for Last<'_> {
    fn drop(&mut self) {
        println!("the input: {}", self.0.escape_ascii());
    }
}

fn keep(directory: &Path, input: &[u8]) {
    fs::create_dir_all(directory).unwrap();
    let count = fs::read_dir(directory).unwrap().count();
    if count < MOST_KEPT {
        fs::write(directory.join(format!("{count:03}")), input).unwrap();
    }
}

/// An outcome without numbers and quoted text.
fn shape(outcome: &str) -> String {
    let parts = outcome.split(['"', '\'', '`']).step_by(2);
    parts.flat_map(str::chars).filter(|c| !c.is_ascii_digit()).take(200).collect()
}

/// Real inputs of a target.
fn exemplars(target: &str) -> Vec<Vec<u8>> {
    match target {
        "config" => configs(),
        "batch" => {
            let batch = confirm::Batch { source: 0xab, confirmed: 3, after: 4, first: 7 };
            let records =
                |records: u16| [&records.to_le_bytes()[..], &confirm::write_batch(&batch)].concat();
            vec![records(1), records(confirm::MAX_RECORDS as u16)]
        }
        "answer" => {
            let source = confirm::source_text(0xab);
            let answers = [
                confirm::Answer::Confirmed { source, number: 9, refused: 1 },
                confirm::Answer::Refused { why: "no\u{1b}".into() },
            ];
            answers.iter().map(confirm::write_answer).collect()
        }
        "question" => questions(),
        "subject" => ["app.ERROR.db", "%.%", "a%20b.%C3%A9", "größe.%FF"]
            .map(|text| text.as_bytes().to_vec())
            .to_vec(),
        "spool" => Vec::new(),
        other => panic!("no input for {other}"),
    }
}

fn questions() -> Vec<Vec<u8>> {
    let (begin, end) = query::markers();
    let hole = query::Hole {
        source: "web1:7:ab".into(),
        topic: "app.INFO".into(),
        first: 7,
        last: u64::MAX,
    };
    let prefixes = vec!["app.".into(), String::new()];
    let questions = [
        query::Question::Status,
        query::Question::Missing(query::Missing { holes: vec![hole.clone(), hole] }),
        query::Question::Last(query::Last { n: 50, prefixes, begin, end }),
    ];
    questions.iter().map(query::write_question).collect()
}

/// The commented example with every kind of handler, each of its tables, and a short file.
fn configs() -> Vec<Vec<u8>> {
    let whole = include_str!("../../examples/relay.toml");
    let short = "version = 1\n[handlers.a]\nclass = 'file'\npath = \"a.log\"\nlevel = 30\n\
                 [formatters.f]\nformat = \"{message}\"\n[root]\nhandlers = [\"a\"]\n";
    let tables = whole.split("\n[").skip(1).map(|table| format!("version = 1\n[{table}"));
    let all = tables.chain([whole.to_owned(), short.to_owned()]);
    all.map(String::into_bytes).collect()
}

/// The files of a spool, some of them changed, copied or removed.
fn changed_spool(rng: &mut Rng) -> Vec<u8> {
    let contents: Vec<_> = EXEMPLAR.files.iter().map(|(_, bytes)| bytes.clone()).collect();
    let mut files = EXEMPLAR.files.clone();
    for _ in 0..=rng.usize(..3) {
        if files.is_empty() {
            break;
        }
        let at = rng.usize(..files.len());
        match rng.u8(..8) {
            0 => drop(files.remove(at)),
            // A copy under another name, as a restored backup may leave one.
            1 => files.push((format!("{:016}.segment", rng.u64(..12)), files[at].1.clone())),
            2 => files[at].1 = contents[rng.usize(..contents.len())].clone(),
            _ => files[at].1 = changed(rng, &files[at].1, &contents, &TOKENS, 4),
        }
    }
    pack(&files)
}

fn changed_of(rng: &mut Rng, real: &[Vec<u8>], most: usize) -> Vec<u8> {
    let at = rng.usize(..real.len());
    changed(rng, &real[at], real, &TOKENS, most)
}

/// The processor time of this thread, which does not depend on the load of the machine.
fn thread_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}
