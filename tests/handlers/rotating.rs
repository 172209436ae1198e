use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde_json::json;
use zlog_core::Record;
use zlog_pipeline::handler::Handler;
use zlog_pipeline::handler::rotating::{Compression, RotatingFileHandler, Rotation};

use super::text;
use crate::harness::{ANY_PORT, DEADLINE, python, zlog};

/// The number of cases.
const CASES: usize = 400;

/// Settings, existing files, and messages.
struct Case {
    rotation: Rotation,
    before: Vec<(String, String)>,
    messages: Vec<String>,
}

fn case(rng: &mut Rng) -> Case {
    let compress = Compression::None;
    let rotation = Rotation { max_bytes: rng.u64(0..80), backup_count: rng.u32(0..5), compress };
    let mut before = Vec::new();
    for number in 0..7 {
        // With gaps, and with more files than are kept.
        if rng.u8(..3) == 0 {
            let name = if number == 0 { "app.log".into() } else { format!("app.log.{number}") };
            before.push((name, message(rng) + "\n"));
        }
    }
    let messages = (0..rng.usize(..30)).map(|_| message(rng)).collect();
    Case { rotation, before, messages }
}

/// One or more lines, ASCII or not, empty or longer than a whole file.
fn message(rng: &mut Rng) -> String {
    let pieces = ["a", "word ", "ü", "☃", "🦀", "\n", "100%", "%s", "\r", "\t", ""];
    let most = if rng.u8(..10) == 0 { 60 } else { 8 };
    (0..rng.usize(..most)).map(|_| pieces[rng.usize(..pieces.len())]).collect()
}

/// All files in a directory with their contents, except the lock.
fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    let file = |entry: fs::DirEntry| {
        (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())
    };
    entries.map(file).filter(|(name, _)| !name.starts_with('.')).collect()
}

/// The directory of a case with its existing files.
fn prepare(parent: &Path, number: usize, case: &Case) -> std::path::PathBuf {
    let directory = parent.join(number.to_string());
    fs::create_dir_all(&directory).unwrap();
    for (name, content) in &case.before {
        fs::write(directory.join(name), content).unwrap();
    }
    directory
}

#[test]
fn rollovers_leave_the_same_files_as_in_python() {
    let Some(python) = python() else { return };
    let temporary = tempfile::tempdir().unwrap();
    let [ours, theirs] = ["zlog", "python"].map(|name| temporary.path().join(name));
    let mut rng = Rng::with_seed(7);
    let cases: Vec<Case> = (0..CASES).map(|_| case(&mut rng)).collect();

    let mut peer = python.script("rotating", &[theirs.to_str().unwrap()]);
    for (number, case) in cases.iter().enumerate() {
        prepare(&theirs, number, case);
        let Rotation { max_bytes, backup_count, .. } = case.rotation;
        let line = json!({
            "max_bytes": max_bytes, "backup_count": backup_count, "messages": case.messages,
        });
        peer.write(format!("{line}\n"));
    }
    peer.close_stdin();
    peer.wait().success().stdout("done\n");

    let mut rolled = 0;
    for (number, case) in cases.iter().enumerate() {
        let directory = prepare(&ours, number, case);
        let path = directory.join("app.log");
        let mut handler = RotatingFileHandler::open(&path, text(), case.rotation).unwrap();
        for msg in &case.messages {
            handler.handle(&Record { msg: msg.into(), ..Record::default() }).unwrap();
        }
        let [ours, theirs] = [&directory, &theirs.join(number.to_string())].map(|d| files(d));
        assert_eq!(ours, theirs, "case {number}: {:?} {:?}", case.rotation, case.messages);
        rolled += usize::from(ours.len() > case.before.len() + 1);
    }
    assert!(rolled > CASES / 4, "only {rolled} cases have rolled over");
}

#[test]
fn a_limit_of_zero_or_none_never_rotates_in_a_file_and_on_the_command_line() {
    let input = "a line of some length\n".repeat(500);
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("app.log");
    let config = directory.path().join(".relay.toml");
    let whole = |args: &[&str]| {
        let mut zlog = zlog(args).stdin(input.as_bytes()).start();
        let until = Instant::now() + DEADLINE;
        let is_whole = || fs::read(&log).is_ok_and(|text| text.len() == input.len());
        while !is_whole() {
            assert!(Instant::now() < until, "{args:?}: {:?}", files(directory.path()).keys());
            std::thread::sleep(Duration::from_millis(10));
        }
        zlog.terminate();
        zlog.expect_end();
        let names: Vec<String> = files(directory.path()).into_keys().collect();
        assert_eq!(names, ["app.log"], "{args:?}");
        fs::remove_file(&log).unwrap();
    };
    let file = |keys: &str| format!("{},{keys}format=%(message)s", log.display());
    for keys in ["max-bytes=0,backups=2,", "max-bytes=0,", ""] {
        whole(&["tail", "-f", "-", "--file", &file(keys)]);
    }
    for keys in ["max-bytes = 0\nbackups = 2", "max-bytes = 0", "backups = 2", ""] {
        let text = format!(
            "version = 1\n[relay]\nstdin = true\n[formatters.m]\nformat = '%(message)s'\n\
             [handlers.a]\nclass = 'rotating'\npath = '{}'\nformatter = 'm'\n{keys}\n",
            log.display()
        );
        fs::write(&config, text).unwrap();
        let config = config.to_str().unwrap();
        whole(&["relay", "--config", config, "--bind", ANY_PORT, "--publish-bind", ANY_PORT]);
    }
}
