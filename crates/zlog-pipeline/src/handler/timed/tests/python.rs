use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use fastrand::Rng;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use zlog_core::Record;

use crate::handler::Handler;
use crate::handler::testing::text;
use crate::handler::timed::schedule::Schedule;
use crate::handler::timed::{Compression, TimedRotatingFileHandler, Timing};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/timed.py");
/// The answers of CPython 3.13.0, for machines with older versions. Generated with
/// `ZLOG_UPDATE=1 cargo test --workspace --lib rollovers_are_due`.
const RECORDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/timed-python-3.13.jsonl");
/// Time zones with summer time in the north, in the south, of half an hour, around midnight, in
/// winter (Dublin), in Ramadan, and without.
const ZONES: [&str; 14] = [
    "Europe/Berlin",
    "Europe/Dublin",
    "America/New_York",
    "America/St_Johns",
    "America/Sao_Paulo",
    "America/Havana",
    "Africa/Casablanca",
    "Africa/Cairo",
    "Asia/Beirut",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Chatham",
    "UTC",
];
const WHEN: [&str; 12] =
    ["S", "m", "H", "D", "midnight", "MIDNIGHT", "w0", "W1", "W2", "W4", "W5", "W6"];

/// A Python whose `TimedRotatingFileHandler` has the rules of 2024, as in 3.13. The other tests may
/// use an older one.
fn python(directory: &Path) -> Option<PathBuf> {
    let named = ["python3", "python3.12", "python3.13", "python3.14", "python3.15"];
    let mut candidates: Vec<PathBuf> = named.into_iter().map(PathBuf::from).collect();
    let versions = Path::new(&std::env::var_os("HOME")?).join(".pyenv/versions");
    for version in fs::read_dir(versions).into_iter().flatten().flatten() {
        candidates.push(version.path().join("bin/python3"));
    }
    candidates.into_iter().find(|program| {
        let output = Command::new(program).arg(SCRIPT).arg(directory).output();
        output.is_ok_and(|output| output.stdout.starts_with(b"ready"))
    })
}

/// That Python's answer to each line; `None`, and a message, if there is none.
fn answers(directory: &Path, cases: &[Value]) -> Option<Vec<Value>> {
    let Some(program) = python(directory) else {
        // cargo hides the output of eprintln! when a test passes.
        #[expect(clippy::disallowed_methods, reason = "a test's own words")]
        let _ = writeln!(std::io::stderr(), "SKIPPED: no Python 3.13 for TimedRotatingFileHandler");
        return None;
    };
    let mut command = Command::new(program);
    command.arg(SCRIPT).arg(directory).env("PYTHONDONTWRITEBYTECODE", "1");
    let lines: String = cases.iter().map(|case| format!("{case}\n")).collect();
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success(), "{}", output.status);
    let out = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<Value> =
        out.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), cases.len());
    Some(answers)
}

/// Random settings of a handler.
fn settings(rng: &mut Rng) -> Value {
    let at = match rng.u8(..3) {
        0 => Some(format!("{:02}:{:02}:{:02}", rng.u8(..24), rng.u8(..60), rng.u8(..60))),
        1 => Some(["00:00:00", "02:30:00", "23:59:59", "03:00:00"][rng.usize(..4)].to_owned()),
        _ => None,
    };
    json!({
        "when": WHEN[rng.usize(..WHEN.len())],
        "interval": if rng.bool() { 1 } else { rng.u32(1..10) },
        "utc": rng.u8(..4) == 0,
        "at": at,
        "backup_count": rng.u32(..4),
        "tz": ZONES[rng.usize(..ZONES.len())],
    })
}

fn timing(case: &Value) -> (Timing, TimeZone) {
    let timing = Timing {
        when: case["when"].as_str().unwrap().parse().unwrap(),
        interval: case["interval"].as_u64().unwrap() as u32,
        backup_count: case["backup_count"].as_u64().unwrap() as u32,
        utc: case["utc"].as_bool().unwrap(),
        at_time: case["at"].as_str().map(|at| at.parse().unwrap()),
        compress: Compression::None,
    };
    let zone = TimeZone::get(case["tz"].as_str().unwrap()).unwrap();
    (timing, if timing.utc { TimeZone::UTC } else { zone })
}

/// A time between 1990 and 2030, usually around a change of summer time.
fn time(rng: &mut Rng, zone: &TimeZone) -> i64 {
    let time = rng.i64(631_152_000..1_893_456_000);
    let change = zone.following(Timestamp::from_second(time).unwrap()).next();
    match change {
        Some(change) if rng.u8(..4) > 0 => {
            let spread = [3_600 * 3, 86_400 * 2, 86_400 * 8][rng.usize(..3)];
            change.timestamp().as_second() + rng.i64(-spread..spread)
        }
        // The rules change at full hours and midnights.
        _ if rng.bool() => time - time.rem_euclid(3_600),
        _ => time,
    }
}

/// The next rollover after a time, and the name if it happens `late` seconds late.
fn asked(schedule: &Schedule, times: &Value) -> Value {
    let answer = |time: &Value| {
        let due = schedule.next(time[0].as_i64().unwrap());
        json!([due, schedule.name(due, due + time[1].as_i64().unwrap())])
    };
    times.as_array().unwrap().iter().map(answer).collect()
}

fn compare(cases: &[Value], answers: &[Value]) {
    for (case, theirs) in cases.iter().zip(answers) {
        let (timing, zone) = timing(case);
        let schedule = Schedule::new(timing.when, timing.interval, timing.at_time, zone).unwrap();
        assert_eq!(asked(&schedule, &case["times"]), *theirs, "{case}");
    }
}

#[test]
fn rollovers_are_due_and_named_as_in_python() {
    let directory = tempfile::tempdir().unwrap();
    let mut rng = Rng::with_seed(11);
    let case = |rng: &mut Rng| {
        let mut case = settings(rng);
        let zone = TimeZone::get(case["tz"].as_str().unwrap()).unwrap();
        let late = |rng: &mut Rng| if rng.bool() { 0 } else { rng.i64(0..1_000_000) };
        case["times"] = (0..8).map(|_| json!([time(rng, &zone), late(rng)])).collect();
        case
    };
    let cases: Vec<Value> = (0..1500).map(|_| case(&mut rng)).collect();
    let Some(answers) = answers(directory.path(), &cases) else { return };
    compare(&cases, &answers);
    if std::env::var_os("ZLOG_UPDATE").is_some_and(|value| value == "1") {
        // The rules of time zones change for the future, not for the past.
        let past = |answers: &Value| {
            let mut answers = answers.as_array().unwrap().iter();
            answers.all(|answer| answer[0].as_i64().unwrap() < 1_577_836_800)
        };
        let lines = cases.into_iter().zip(answers).filter(|(_, answers)| past(answers));
        let lines = lines.take(100).map(|(mut case, answers)| {
            case["answers"] = answers;
            format!("{case}\n")
        });
        fs::write(RECORDED, lines.collect::<String>()).unwrap();
    }
}

#[test]
fn rollovers_match_the_recorded_answers_of_python() {
    let recorded = fs::read_to_string(RECORDED).unwrap();
    let cases: Vec<Value> =
        recorded.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let answers: Vec<Value> = cases.iter().map(|case| case["answers"].clone()).collect();
    assert!(cases.len() >= 50, "{}", cases.len());
    compare(&cases, &answers);
}

/// A case with existing files, and records with their times.
fn filed(rng: &mut Rng, number: usize) -> (Value, Vec<String>) {
    let mut case = settings(rng);
    let (timing, zone) = timing(&case);
    let begun = time(rng, &zone);
    let schedule = Schedule::new(timing.when, timing.interval, timing.at_time, zone).unwrap();
    let step = schedule.next(begun) - begun;
    let mut at = begun;
    let mut messages = Vec::new();
    for message in 0..rng.usize(1..12) {
        at += rng.i64(0..step * 2);
        messages.push(json!([at, format!("{message} at {at}")]));
    }
    case["number"] = number.into();
    case["begun"] = begun.into();
    case["messages"] = messages.into();
    (case, (0..rng.usize(..8)).map(|_| before(rng, &schedule)).collect())
}

/// A name that looks like that of a replaced file, or almost.
fn before(rng: &mut Rng, schedule: &Schedule) -> String {
    let old = schedule.name(rng.i64(0..600_000_000), 0);
    // Only `.gz` differs: here it is a replaced file, in Python it is not.
    let ends = ["", "", "", "x", "_00", "-00", ".bak"];
    let starts = ["app.log.", "app.log.", "app.log.", "app.log", "app.", "xapp.log."];
    format!("{}{old}{}", starts[rng.usize(..starts.len())], ends[rng.usize(..ends.len())])
}

/// All files in a directory with their contents, except the lock.
fn files(directory: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    let file = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().unwrap();
        (name, fs::read_to_string(entry.path()).unwrap())
    };
    entries.map(file).filter(|(name, _)| !name.starts_with('.')).collect()
}

/// The directory of a case with its existing files.
fn prepare(parent: &Path, number: usize, before: &[String]) -> PathBuf {
    let directory = parent.join(number.to_string());
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("app.log"), "before\n").unwrap();
    before.iter().for_each(|name| fs::write(directory.join(name), "old\n").unwrap());
    directory
}

/// Logs the records of a case with zlog's handler and the clock of the case.
fn log(directory: &Path, case: &Value) {
    let path = directory.join("app.log");
    let begun = UNIX_EPOCH + Duration::from_secs(case["begun"].as_u64().unwrap());
    fs::File::options().append(true).open(&path).unwrap().set_modified(begun).unwrap();
    let (timing, zone) = timing(case);
    let now = Arc::new(AtomicI64::new(0));
    let clock = Arc::clone(&now);
    let clock = Box::new(move || clock.load(Ordering::Relaxed));
    let mut handler =
        TimedRotatingFileHandler::open_with_clock(&path, text(), timing, zone, clock).unwrap();
    for message in case["messages"].as_array().unwrap() {
        now.store(message[0].as_i64().unwrap(), Ordering::Relaxed);
        let msg = message[1].as_str().unwrap().into();
        handler.handle(&Record { msg, ..Record::default() }).unwrap();
    }
}

#[test]
fn files_are_replaced_and_deleted_as_in_python() {
    let temporary = tempfile::tempdir().unwrap();
    let [ours, theirs] = ["zlog", "python"].map(|name| temporary.path().join(name));
    let mut rng = Rng::with_seed(12);
    let cases: Vec<_> = (0..200).map(|number| filed(&mut rng, number)).collect();
    for (number, (_, before)) in cases.iter().enumerate() {
        prepare(&theirs, number, before);
    }
    let lines: Vec<Value> = cases.iter().map(|(case, _)| case.clone()).collect();
    let Some(answers) = answers(&theirs, &lines) else { return };
    let (mut compared, mut deleted) = (0, 0);
    for (number, (case, before)) in cases.iter().enumerate() {
        let directory = prepare(&ours, number, before);
        log(&directory, case);
        // If a name exists, Python stops replacing the file until it restarts: see the
        // handler's module.
        if answers[number] == true {
            continue;
        }
        let [ours, theirs] = [&directory, &theirs.join(number.to_string())].map(|d| files(d));
        assert_eq!(ours, theirs, "{case} {before:?}");
        compared += 1;
        deleted += usize::from(before.iter().any(|name| !ours.contains_key(name)));
    }
    assert!(compared > 150, "only {compared} cases were compared");
    assert!(deleted > 25, "old files were deleted in {deleted} cases only");
}
