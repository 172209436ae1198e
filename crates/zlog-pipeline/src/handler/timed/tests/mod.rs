mod python;

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::handler::Handler;
use crate::handler::testing::{record, text};

/// 2026-11-20, 12:00 UTC.
const NOON: i64 = 1_795_176_000;
const DAY: i64 = 24 * 60 * 60;

/// A handler in UTC and its clock.
struct Timed {
    directory: TempDir,
    now: Arc<AtomicI64>,
}

impl Timed {
    fn new() -> Timed {
        let now = Arc::new(AtomicI64::new(NOON));
        Timed { directory: tempfile::tempdir().unwrap(), now }
    }

    fn open(
        &self,
        when: &str,
        backup_count: u32,
        compress: Compression,
    ) -> TimedRotatingFileHandler {
        let timing = Timing {
            when: when.parse().unwrap(),
            interval: 1,
            backup_count,
            utc: true,
            at_time: None,
            compress,
        };
        let now = Arc::clone(&self.now);
        let now = Box::new(move || now.load(Ordering::Relaxed));
        let format = text();
        let path = self.directory.path().join("app.log");
        TimedRotatingFileHandler::open_with_clock(&path, format, timing, TimeZone::UTC, now)
            .unwrap()
    }

    fn pass(&self, seconds: i64) {
        self.now.fetch_add(seconds, Ordering::Relaxed);
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.directory.path().join(name), text).unwrap();
    }

    /// The files and their contents; of compressed files only the names.
    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.directory.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
        names.sort();
        let with_content = |name: String| {
            let text = fs::read_to_string(self.directory.path().join(&name)).unwrap_or_default();
            format!("{name}: {}", text.trim_end().replace('\n', " "))
        };
        names.into_iter().map(with_content).collect()
    }
}

fn log(handler: &mut TimedRotatingFileHandler, msg: &str) {
    handler.handle(&record(msg)).unwrap();
}

#[test]
fn records_of_a_day_are_in_the_file_of_that_day() {
    let timed = Timed::new();
    let mut handler = timed.open("midnight", 2, Compression::None);
    for msg in ["one", "two", "three", "four", "five"] {
        log(&mut handler, msg);
        timed.pass(DAY / 2);
        log(&mut handler, msg);
        timed.pass(DAY / 2);
    }
    // The end of each day is midnight: it belongs to the next day.
    assert_eq!(
        timed.files(),
        ["app.log: five", "app.log.2026-11-23: three four", "app.log.2026-11-24: four five"]
    );
}

#[test]
fn an_existing_file_is_as_old_as_its_last_record() {
    let timed = Timed::new();
    timed.write("app.log", "old\n");
    let old = UNIX_EPOCH + Duration::from_secs((NOON - 3 * DAY) as u64);
    let file = fs::File::options().append(true).open(timed.directory.path().join("app.log"));
    file.unwrap().set_modified(old).unwrap();
    let mut handler = timed.open("midnight", 0, Compression::None);
    log(&mut handler, "new");
    assert_eq!(timed.files(), ["app.log: new", "app.log.2026-11-17: old"]);
}

#[test]
fn an_existing_name_postpones_the_rollover() {
    for taken in ["app.log.2026-11-20", "app.log.2026-11-20.gz", "app.log.2026-11-20.zst"] {
        let timed = Timed::new();
        timed.write(taken, "taken");
        let mut handler = timed.open("midnight", 0, Compression::None);
        log(&mut handler, "one");
        timed.pass(DAY);
        log(&mut handler, "two");
        let taken = format!("{taken}: taken");
        assert_eq!(timed.files(), ["app.log: one two", &taken]);
        timed.pass(DAY);
        log(&mut handler, "three");
        assert_eq!(timed.files(), ["app.log: three", &taken, "app.log.2026-11-21: one two"]);
    }
}

#[test]
fn compressed_files_count_and_only_files_of_this_log_are_deleted() {
    let timed = Timed::new();
    for name in [
        "app.log.2026-11-01.gz",
        "app.log.2026-11-02",
        "app.log.2026-11-02.gz",
        "app.log.2026-11-03.zst",
        // Names of other files.
        "app.log.2026-11-0",
        "app.log.2026-11-01.bak",
        "app.log.2026-11-01_12",
        "other.log.2026-11-01",
    ] {
        timed.write(name, "");
    }
    let mut handler = timed.open("midnight", 2, Compression::Gzip);
    log(&mut handler, "one");
    timed.pass(DAY);
    log(&mut handler, "two");
    handler.close(Instant::now() + Duration::from_secs(20)).unwrap();
    let expected = [
        "app.log: two",
        "app.log.2026-11-0: ",
        "app.log.2026-11-01.bak: ",
        "app.log.2026-11-01_12: ",
        "app.log.2026-11-03.zst: ",
        "app.log.2026-11-20.gz: ",
        "other.log.2026-11-01: ",
    ];
    assert_eq!(timed.files(), expected);
}

#[test]
fn a_failed_rollover_loses_no_record() {
    let timed = Timed::new();
    let mut handler = timed.open("midnight", 1, Compression::None);
    log(&mut handler, "one");
    // The oldest file can't be deleted, not even by root.
    let stuck = timed.directory.path().join("app.log.2026-11-01");
    fs::create_dir_all(stuck.join("x")).unwrap();
    timed.pass(DAY);
    let record = record("two");
    let error = handler.handle(&record).unwrap_err().to_string();
    assert!(error.starts_with("can't delete "), "{error}");
    log(&mut handler, "three");
    fs::remove_dir_all(stuck).unwrap();
    assert_eq!(timed.files(), ["app.log: two three", "app.log.2026-11-20: one"]);
}
