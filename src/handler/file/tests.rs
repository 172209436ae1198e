use std::fs;

use super::*;
use crate::format::{Options, Output};

fn text() -> Box<dyn Format> {
    Output::Text.format(Options::default()).unwrap().unwrap()
}

fn record(msg: &str) -> Record<'_> {
    Record { msg: msg.into(), ..Record::default() }
}

#[test]
fn a_file_is_created_with_its_directories_and_appended_to_ever_after() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("var/log/app.log");
    for sync in [Sync::None, Sync::Data] {
        let mut handler = FileHandler::open(&path, text(), sync).unwrap();
        handler.handle(&record("naïve ☃")).unwrap();
        handler.flush().unwrap();
        assert_eq!(handler.path(), path);
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), "naïve ☃\nnaïve ☃\n");
}

#[test]
fn a_record_is_in_the_file_once_it_has_been_handled() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.log");
    let mut handler = FileHandler::open(&path, text(), Sync::None).unwrap();
    for number in 1..=3 {
        handler.handle(&record("one")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\n".repeat(number));
    }
}

#[test]
fn the_memory_of_a_huge_record_is_given_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.log");
    let mut handler = FileHandler::open(&path, text(), Sync::None).unwrap();
    handler.handle(&record(&"x".repeat(4 * KEEP))).unwrap();
    handler.handle(&record("small")).unwrap();
    assert!(handler.line.buffer.capacity() <= KEEP);
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_an_error_that_names_the_path() {
    let mut handler = FileHandler::open(Path::new("/dev/full"), text(), Sync::None).unwrap();
    let error = handler.handle(&record("one")).unwrap_err().to_string();
    assert_eq!(error, "writing to /dev/full: no space left on device");
}

#[test]
fn a_path_that_can_not_be_opened_is_named_with_the_next_step() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let cases = [
        (directory.path().to_owned(), "can't open", "Name a file in that directory."),
        (file.join("app.log"), "can't make the directory of", "A part of its path is a file"),
        (file.join("a/b.log"), "can't make the directory of", "A part of its path is a file"),
    ];
    for (path, what, hint) in cases {
        let Err(error) = FileHandler::open(&path, text(), Sync::None) else {
            panic!("{} was opened", path.display());
        };
        let error = error.to_string();
        assert!(error.starts_with(&format!("{what} {}: ", path.display())), "{error}");
        assert!(error.contains(hint), "{error}");
    }
}
