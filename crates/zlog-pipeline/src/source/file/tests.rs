use std::fs;
use std::io::{Read as _, Write as _};
use std::time::Instant;

use tempfile::TempDir;

use super::follower::CHECK_INTERVAL;
use super::open_file::OpenFile;
use super::*;
use crate::source::Source as _;
use crate::source::fingerprint::Change;
use crate::source::testing::{DEADLINE, all, keep, messages, poll_until};
use zlog_core::{Exit, Level, Record};

fn follow(path: &Path, from_end: bool) -> TextSource {
    let rotate_wait = Duration::from_millis(300);
    let options = FileOptions { follow: true, from_end, rotate_wait, ..FileOptions::default() };
    open(vec![path.into()], options, StreamSpec::default(), &LineOptions::default(), None).unwrap()
}

fn whole(paths: &[PathBuf]) -> TextSource {
    let options = FileOptions::default();
    open(paths.to_vec(), options, StreamSpec::default(), &LineOptions::default(), None).unwrap()
}

fn append(path: &Path, text: &str) {
    let mut file = fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

fn wait_for(source: &mut TextSource, seen: &mut Vec<Record<'static>>, last: &str) {
    poll_until(source, seen, |seen| seen.last().is_some_and(|record| record.msg == last));
}

fn directory() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn files_are_read_whole_and_in_the_order_given() {
    let dir = directory();
    let (a, b) = (dir.path().join("a"), dir.path().join("b"));
    fs::write(&a, "a1\na2 without newline").unwrap();
    fs::write(&b, "b1\n").unwrap();
    let mut source = whole(&[b, a]);
    assert_eq!(messages(&all(&mut source)), ["b1", "a1", "a2 without newline"]);
    assert_eq!(source.exit(), Exit::Done);
    let progress = source.progress();
    assert_eq!((progress.read(), progress.total()), (24, 24));
}

#[test]
fn a_file_that_cannot_be_read_is_named_and_the_others_go_on() {
    let dir = directory();
    let (missing, here) = (dir.path().join("missing"), dir.path().join("here"));
    fs::write(&here, "x\n").unwrap();
    let mut source = whole(&[missing.clone(), dir.path().into(), here]);
    assert_eq!(messages(&all(&mut source)), ["x"]);
    assert_eq!(source.exit(), Exit::Failed);
    let notices = source.take_notices();
    assert_eq!(notices.len(), 2);
    assert_eq!(
        notices[0].text,
        format!("reading {}: no such file or directory", missing.display())
    );
}

#[test]
fn a_followed_file_is_read_whole_and_then_as_it_grows() {
    let dir = directory();
    let path = dir.path().join("log");
    fs::write(&path, "old\n").unwrap();
    let (mut source, mut seen) = (follow(&path, false), Vec::new());
    wait_for(&mut source, &mut seen, "old");
    append(&path, "new\nhalf");
    wait_for(&mut source, &mut seen, "new");
    append(&path, " line\n");
    wait_for(&mut source, &mut seen, "half line");
    assert_eq!(messages(&seen), ["old", "new", "half line"]);
}

#[test]
fn from_end_starts_at_the_end_of_the_file() {
    let dir = directory();
    let path = dir.path().join("log");
    fs::write(&path, "old\n").unwrap();
    let (mut source, mut seen) = (follow(&path, true), Vec::new());
    // Lines that are appended before the file is opened are skipped: append until one comes.
    let deadline = Instant::now() + DEADLINE;
    while seen.is_empty() {
        assert!(Instant::now() < deadline);
        append(&path, "new\n");
        source.poll(CHECK_INTERVAL, &mut keep(&mut seen)).unwrap();
    }
    assert_eq!(seen[0].msg, "new");
}

/// Overwrites the start of a file, which never becomes shorter.
fn overwrite(path: &Path, text: &str) {
    let mut file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

#[test]
fn a_file_that_is_rewritten_at_the_same_size_is_read_from_its_start() {
    let dir = directory();
    let path = dir.path().join("log");
    fs::write(&path, "one 1\none 2\n").unwrap();
    let (mut source, mut seen) = (follow(&path, false), Vec::new());
    wait_for(&mut source, &mut seen, "one 2");
    overwrite(&path, "one 3\none 4\n");
    wait_for(&mut source, &mut seen, "one 4");
    assert_eq!(messages(&seen), ["one 1", "one 2", "one 3", "one 4"]);
    let notices = source.take_notices();
    assert!(notices.iter().any(|notice| notice.text.contains("was rewritten")), "{notices:?}");
}

/// Without the reading thread, which could read while the file is half rewritten.
#[test]
fn a_rewritten_file_that_is_longer_than_before_is_read_from_its_start() {
    let dir = directory();
    let path = dir.path().join("log");
    let before: String = (0..1000).map(|number| format!("first {number}\n")).collect();
    let after: String = (0..2000).map(|number| format!("after {number}\n")).collect();
    fs::write(&path, &before).unwrap();
    let mut open = OpenFile::new(File::open(&path).unwrap(), Start::Beginning).unwrap();
    let mut read = String::new();
    open.read_to_string(&mut read).unwrap();
    assert_eq!((&*read, open.change()), (&*before, None));
    overwrite(&path, &after);
    assert_eq!(open.read(&mut [0; 100]).unwrap(), 0, "what follows is no continuation");
    assert_eq!(open.change(), Some(Change::Rewritten));
    open.rewind();
    read.clear();
    open.read_to_string(&mut read).unwrap();
    assert_eq!(read, after);
}

/// The writer does not append: it goes on at its old offset, which leaves a hole.
#[test]
fn a_truncated_file_that_is_written_at_its_old_offset_is_read_without_the_hole() {
    let dir = directory();
    let path = dir.path().join("log");
    let mut writer = fs::File::create(&path).unwrap();
    writer.write_all("INFO: before\n".repeat(10_000).as_bytes()).unwrap();
    let (mut source, mut seen) = (follow(&path, false), Vec::new());
    poll_until(&mut source, &mut seen, |seen| seen.len() == 10_000);
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(0).unwrap();
    writer.write_all(b"ERROR: after\n").unwrap();
    wait_for(&mut source, &mut seen, "ERROR: after");
    assert_eq!(seen.len(), 10_001);
    assert_eq!(seen[10_000].level, Level::ERROR);
    assert_eq!(source.counts().lines.nuls, 130_000);
}

#[test]
fn a_notice_says_that_a_file_may_have_been_rewritten() {
    let dir = directory();
    let path = dir.path().join("log");
    append(&path, "same\n");
    let (mut source, mut seen) = (follow(&path, false), Vec::new());
    wait_for(&mut source, &mut seen, "same");
    let deadline = Instant::now() + DEADLINE;
    let mut notices: Vec<Notice> = Vec::new();
    // The first check of the file can't be seen from outside: modify it until a notice comes.
    for second in 1.. {
        assert!(Instant::now() < deadline);
        let time = std::time::UNIX_EPOCH + Duration::from_secs(second);
        fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        for _ in 0..5 {
            source.poll(CHECK_INTERVAL, &mut keep(&mut seen)).unwrap();
        }
        notices.extend(source.take_notices());
        if !notices.is_empty() {
            break;
        }
    }
    assert!(notices[0].text.contains("can't know") && !notices[0].failed(), "{notices:?}");
    append(&path, "more\n");
    wait_for(&mut source, &mut seen, "more");
    assert_eq!(messages(&seen), ["same", "more"]);
}

#[test]
fn a_truncated_file_is_read_from_its_start() {
    let dir = directory();
    let path = dir.path().join("log");
    fs::write(&path, "a long first line\nunfinished").unwrap();
    let (mut source, mut seen) = (follow(&path, false), Vec::new());
    wait_for(&mut source, &mut seen, "a long first line");
    fs::write(&path, "b\n").unwrap();
    wait_for(&mut source, &mut seen, "b");
    assert_eq!(messages(&seen), ["a long first line", "unfinished", "b"]);
    assert!(source.take_notices().iter().any(|notice| notice.text.contains("truncated")));
    assert_eq!(source.exit(), Exit::Done);
}

#[test]
fn a_rotated_file_is_read_on_beside_the_new_one_and_ends_when_it_has_not_grown() {
    let dir = directory();
    let (path, old) = (dir.path().join("log"), dir.path().join("log.1"));
    fs::write(&path, "a\n").unwrap();
    let (mut source, mut seen) = (follow(&path, false), Vec::new());
    wait_for(&mut source, &mut seen, "a");
    fs::rename(&path, &old).unwrap();
    append(&old, "late\nunfinished");
    fs::write(&path, "new\n").unwrap();
    wait_for(&mut source, &mut seen, "unfinished");
    // Lines of different files may overtake each other.
    let of_old: Vec<_> = messages(&seen).into_iter().filter(|message| message != "new").collect();
    assert_eq!(of_old, ["a", "late", "unfinished"]);
    assert_eq!(seen.len(), 4);
}

#[test]
fn a_file_that_does_not_exist_yet_is_waited_for() {
    let dir = directory();
    let path = dir.path().join("log");
    let (mut source, mut seen) = (follow(&path, true), Vec::new());
    let mut notices = Vec::new();
    let deadline = Instant::now() + DEADLINE;
    while notices.is_empty() {
        assert!(Instant::now() < deadline);
        source.poll(CHECK_INTERVAL, &mut keep(&mut seen)).unwrap();
        notices = source.take_notices();
    }
    assert!(notices[0].text.ends_with("waiting for it") && !notices[0].failed());
    append(&path, "first\n");
    wait_for(&mut source, &mut seen, "first");
}

#[test]
fn a_replacement_that_cannot_be_read_is_reported_once_and_tried_again() {
    let dir = directory();
    let path = dir.path().join("log");
    fs::write(&path, "a\n").unwrap();
    let (mut source, mut seen) = (follow(&path, false), Vec::new());
    wait_for(&mut source, &mut seen, "a");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let expected = format!("reading {}: is a directory", path.display());
    let deadline = Instant::now() + DEADLINE;
    let mut notices = Vec::new();
    while !notices.contains(&expected) {
        assert!(Instant::now() < deadline, "{notices:?}");
        source.poll(CHECK_INTERVAL, &mut keep(&mut seen)).unwrap();
        notices.extend(source.take_notices().into_iter().map(|notice| notice.text));
    }
    fs::remove_dir(&path).unwrap();
    fs::write(&path, "b\n").unwrap();
    wait_for(&mut source, &mut seen, "b");
    assert!(
        source.take_notices().iter().all(|notice| notice.text != expected),
        "it is reported once"
    );
    assert_eq!(source.exit(), Exit::Failed);
}

#[test]
fn the_number_of_renamed_files_that_are_read_on_is_limited() {
    let dir = directory();
    let path = dir.path().join("log");
    fs::write(&path, "0\n").unwrap();
    let options =
        FileOptions { follow: true, rotate_wait: DEADLINE * 10, ..FileOptions::default() };
    let lines = LineOptions::default();
    let mut source =
        open(vec![path.clone()], options, StreamSpec::default(), &lines, None).unwrap();
    let mut seen = Vec::new();
    for number in 1..=20 {
        wait_for(&mut source, &mut seen, &(number - 1).to_string());
        fs::rename(&path, dir.path().join(format!("log.{number}"))).unwrap();
        fs::write(&path, format!("{number}\n")).unwrap();
    }
    wait_for(&mut source, &mut seen, "20");
    let notices = source.take_notices();
    let limited = notices.iter().filter(|notice| notice.text.contains("replaced too often"));
    assert_eq!(limited.count(), 4, "{notices:?}");
    assert_eq!(source.counts().lines.gaps, 4);
    append(&dir.path().join("log.20"), "late\n");
    wait_for(&mut source, &mut seen, "late");
}

#[test]
fn a_position_file_stays_small_and_its_last_line_counts() {
    let dir = directory();
    let (log, path) = (dir.path().join("log"), dir.path().join("positions"));
    fs::write(&log, "one\n".repeat(1000)).unwrap();
    let origin = |offset| {
        let file = std::fs::File::open(&log).unwrap();
        let start = Start::At(offset);
        std::sync::Arc::new(OpenFile::new(file, start).unwrap().origin(&log).unwrap())
    };
    let (mut positions, found) =
        PositionFile::open(&path, std::slice::from_ref(&log), None).unwrap();
    assert_eq!(found, [[]]);
    for line in 0..=1000 {
        positions.confirm(0, Some(&origin(0)), line * 4);
        positions.save().unwrap();
        assert!(path.metadata().unwrap().len() < 100_000);
    }
    drop(positions);
    let (_, found) = PositionFile::open(&path, std::slice::from_ref(&log), None).unwrap();
    assert_eq!(found[0][0].start(), Start::At(4000));
}
