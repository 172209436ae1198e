use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::format::{Options, Output};

fn text() -> Box<dyn Format> {
    Output::Text.format(Options::default()).unwrap().unwrap()
}

fn open(directory: &TempDir, max_bytes: u64, backup_count: u32) -> RotatingFileHandler {
    let path = directory.path().join("app.log");
    RotatingFileHandler::open(
        &path,
        text(),
        Rotation { max_bytes, backup_count, ..Rotation::default() },
    )
    .unwrap()
}

fn log(handler: &mut RotatingFileHandler, msg: &str) {
    handler.handle(&Record { msg: msg.into(), ..Record::default() }).unwrap();
}

/// What `app.log` holds, and `app.log.1`, and so on to the first that is missing.
fn files(directory: &TempDir) -> Vec<String> {
    let path = directory.path().join("app.log");
    let names = std::iter::once(path.clone()).chain((1..).map(|n| numbered(&path, n)));
    names.map_while(|name| fs::read_to_string(name).ok()).collect()
}

fn names(directory: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(directory.path()).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn files_move_up_and_the_oldest_goes() {
    let directory = tempfile::tempdir().unwrap();
    let mut handler = open(&directory, 8, 2);
    for msg in ["one", "two", "three", "four", "five"] {
        log(&mut handler, msg);
    }
    assert_eq!(files(&directory), ["five\n", "four\n", "three\n"]);
    assert_eq!(names(&directory), ["app.log", "app.log.1", "app.log.2"]);
}

#[test]
fn a_record_that_brings_the_file_to_the_limit_is_the_first_of_the_next() {
    for (max_bytes, expected) in [(9, vec!["one\ntwo\n"]), (8, vec!["two\n", "one\n"])] {
        let directory = tempfile::tempdir().unwrap();
        let mut handler = open(&directory, max_bytes, 3);
        log(&mut handler, "one");
        log(&mut handler, "two");
        assert_eq!(files(&directory), expected, "{max_bytes}");
    }
}

#[test]
fn a_record_is_counted_in_characters_and_the_file_in_bytes() {
    let directory = tempfile::tempdir().unwrap();
    // 4 bytes, then 2 characters (4 bytes): 6 in Python's arithmetic.
    let mut handler = open(&directory, 7, 3);
    log(&mut handler, "abc");
    log(&mut handler, "☃");
    assert_eq!(files(&directory), ["abc\n☃\n"]);
    // 8 bytes are there.
    log(&mut handler, "");
    assert_eq!(files(&directory), ["\n", "abc\n☃\n"]);
}

#[test]
fn a_zero_in_either_setting_never_rolls_over() {
    for (max_bytes, backup_count) in [(0, 3), (5, 0), (0, 0)] {
        let directory = tempfile::tempdir().unwrap();
        let mut handler = open(&directory, max_bytes, backup_count);
        (0..5).for_each(|_| log(&mut handler, "one"));
        assert_eq!(files(&directory), ["one\n".repeat(5)], "{max_bytes} {backup_count}");
    }
}

#[test]
fn an_empty_file_takes_a_record_of_any_length() {
    let directory = tempfile::tempdir().unwrap();
    let mut handler = open(&directory, 5, 3);
    log(&mut handler, "far too long");
    assert_eq!(files(&directory), ["far too long\n"]);
}

#[test]
fn what_was_there_before_counts_and_is_rolled_over() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("app.log"), "old\n").unwrap();
    let mut handler = open(&directory, 8, 1);
    log(&mut handler, "new");
    assert_eq!(files(&directory), ["new\n", "old\n"]);
}

#[test]
fn a_file_that_was_taken_away_is_made_anew() {
    let directory = tempfile::tempdir().unwrap();
    let mut handler = open(&directory, 8, 1);
    log(&mut handler, "one");
    fs::remove_file(handler.path()).unwrap();
    log(&mut handler, "two");
    assert_eq!(files(&directory), ["two\n"]);
}

/// A directory in the way of a file makes renaming fail, also for root.
#[test]
fn a_roll_over_that_fails_loses_nothing_and_is_taken_up_where_it_stopped() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.log");
    for (number, text) in [(2, "b\n"), (3, "c\n")] {
        fs::write(numbered(&path, number), text).unwrap();
    }
    fs::create_dir_all(numbered(&path, 4).join("x")).unwrap();
    let mut handler = open(&directory, 4, 4);
    log(&mut handler, "one");
    let record = |msg| Record { msg, ..Record::default() };
    for msg in ["two", "three"] {
        let error = handler.handle(&record(msg.into())).unwrap_err().to_string();
        let (from, to) = (numbered(&path, 3), numbered(&path, 4));
        let expected = format!("can't rename {} to {}: ", from.display(), to.display());
        assert!(error.starts_with(&expected), "{error}");
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\nthree\n");
    fs::remove_dir_all(numbered(&path, 4)).unwrap();
    log(&mut handler, "four");
    assert_eq!(fs::read_to_string(&path).unwrap(), "four\n");
    let rest = [(1, "one\ntwo\nthree\n"), (3, "b\n"), (4, "c\n")];
    for (number, text) in rest {
        assert_eq!(fs::read_to_string(numbered(&path, number)).unwrap(), text);
    }
}

#[test]
fn a_last_step_that_fails_again_and_again_pushes_no_file_out() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.log");
    for (number, text) in [(1, "a\n"), (2, "b\n"), (3, "c\n")] {
        fs::write(numbered(&path, number), text).unwrap();
    }
    let mut handler = open(&directory, 4, 9);
    log(&mut handler, "one");
    // The first shift is through, and then .1 is taken by what can't be replaced.
    for number in (1..9).rev() {
        rename(&numbered(&path, number), &numbered(&path, number + 1)).unwrap();
    }
    handler.step = Step::Rename;
    fs::create_dir_all(numbered(&path, 1).join("x")).unwrap();
    for _ in 0..5 {
        let record = Record { msg: "two".into(), ..Record::default() };
        handler.handle(&record).unwrap_err();
    }
    fs::remove_dir_all(numbered(&path, 1)).unwrap();
    log(&mut handler, "three");
    let one = format!("one\n{}", "two\n".repeat(5));
    assert_eq!(files(&directory), ["three\n", &one, "a\n", "b\n", "c\n"]);
}

#[test]
#[cfg(target_os = "linux")]
fn what_is_no_regular_file_is_never_rolled_over() {
    let rotation = Rotation { max_bytes: 1, backup_count: 1, ..Rotation::default() };
    let mut handler = RotatingFileHandler::open(Path::new("/dev/null"), text(), rotation).unwrap();
    (0..3).for_each(|_| log(&mut handler, "one"));
    assert!(!Path::new("/dev/null.1").exists());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn with_room_for_all_files_no_record_is_lost_and_no_file_too_long(
        max_bytes in 1u64..60,
        messages in prop::collection::vec("[a-zä☃ ]{0,20}", 0..40),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let mut handler = open(&directory, max_bytes, 50);
        messages.iter().for_each(|msg| log(&mut handler, msg));
        let mut files = files(&directory);
        files.reverse();
        let all: String = messages.iter().map(|msg| format!("{msg}\n")).collect();
        prop_assert_eq!(files.concat(), all);
        for file in files {
            // A file of one record may be of any length; its last one counts in characters.
            let last = file.lines().next_back().unwrap_or_default();
            let counted = file.len() - last.len() + last.chars().count();
            prop_assert!(file.lines().count() <= 1 || (counted as u64) < max_bytes, "{}", file);
        }
    }
}
