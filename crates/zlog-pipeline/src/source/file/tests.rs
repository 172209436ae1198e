use std::fs;
use std::io::Write as _;
use std::ops::ControlFlow;

use tempfile::TempDir;

use super::*;
use crate::source::text::tests::{all, messages, poll_until};
use zlog_core::record::Record;

fn follow(path: &Path, from_end: bool) -> TextSource {
    let options = FileOptions { follow: true, from_end };
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
    assert!(!source.failed());
    let progress = source.read_progress();
    assert_eq!((progress.read(), progress.total()), (24, 24));
}

#[test]
fn a_file_that_cannot_be_read_is_named_and_the_others_go_on() {
    let dir = directory();
    let (missing, here) = (dir.path().join("missing"), dir.path().join("here"));
    fs::write(&here, "x\n").unwrap();
    let mut source = whole(&[missing.clone(), dir.path().into(), here]);
    assert_eq!(messages(&all(&mut source)), ["x"]);
    assert!(source.failed());
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
fn following_may_start_at_the_end() {
    let dir = directory();
    let path = dir.path().join("log");
    fs::write(&path, "old\n").unwrap();
    let (mut source, mut seen) = (follow(&path, true), Vec::new());
    // What is appended before the file is opened is old, too: go on until it is not.
    let deadline = std::time::Instant::now() + crate::source::text::tests::PATIENCE;
    while seen.is_empty() {
        assert!(std::time::Instant::now() < deadline);
        append(&path, "new\n");
        let mut sink = |record: Record<'_>| {
            seen.push(record.msg.into_owned());
            Ok(ControlFlow::Continue(()))
        };
        crate::source::Source::poll(&mut source, CHECK_INTERVAL, &mut sink).unwrap();
    }
    assert_eq!(seen[0], "new");
}

/// Writes over the text of a file, which is at no time shorter.
fn overwrite(path: &Path, text: &str) {
    let mut file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// Follows a file that says `before`, gives it another text, and waits for its last line.
fn rewritten(before: &str, rewrite: impl FnOnce(&Path), last: &str) -> (Vec<String>, Vec<String>) {
    let dir = directory();
    let path = dir.path().join("log");
    fs::write(&path, before).unwrap();
    let (mut source, mut seen) = (follow(&path, false), Vec::new());
    wait_for(&mut source, &mut seen, before.lines().last().unwrap());
    rewrite(&path);
    wait_for(&mut source, &mut seen, last);
    let told = source.take_notices().into_iter().map(|notice| notice.text).collect();
    (messages(&seen), told)
}

#[test]
fn a_file_that_was_rewritten_at_the_same_size_is_read_from_its_start() {
    let rewrite = |path: &Path| overwrite(path, "one 3\none 4\n");
    let (seen, told) = rewritten("one 1\none 2\n", rewrite, "one 4");
    assert_eq!(seen, ["one 1", "one 2", "one 3", "one 4"]);
    assert!(told.iter().any(|text| text.contains("was rewritten")), "{told:?}");
}

#[test]
fn a_file_that_grew_again_past_what_was_read_is_read_from_its_start() {
    let long: String = (0..2000).map(|number| format!("after {number}\n")).collect();
    let rewrite = |path: &Path| overwrite(path, &long);
    let before: String = (0..1000).map(|number| format!("first {number}\n")).collect();
    let (seen, told) = rewritten(&before, rewrite, "after 1999");
    let want: Vec<&str> = before.lines().chain(long.lines()).collect();
    assert_eq!(seen, want);
    assert!(told.iter().any(|text| text.contains("was rewritten")), "{told:?}");
}

/// A writer that does not append: it goes on where it was, beyond a hole.
#[test]
fn a_file_that_was_cut_and_is_written_on_beyond_a_hole_is_read_without_the_hole() {
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
    assert_eq!(seen[10_000].level, zlog_core::record::Level::ERROR);
    assert_eq!(source.counts().nuls, 130_000);
}

#[test]
fn that_it_cannot_be_known_whether_a_file_was_rewritten_is_told() {
    let dir = directory();
    let path = dir.path().join("log");
    append(&path, "same\n");
    let (mut source, mut seen) = (follow(&path, false), Vec::new());
    wait_for(&mut source, &mut seen, "same");
    let deadline = std::time::Instant::now() + crate::source::text::tests::PATIENCE;
    let mut told: Vec<Notice> = Vec::new();
    // When the file was first looked at can't be seen from outside: until it is told.
    for second in 1.. {
        assert!(std::time::Instant::now() < deadline);
        let time = std::time::UNIX_EPOCH + Duration::from_secs(second);
        fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        for _ in 0..5 {
            let mut sink = |_: Record<'_>| Ok(ControlFlow::Continue(()));
            crate::source::Source::poll(&mut source, CHECK_INTERVAL, &mut sink).unwrap();
        }
        told.extend(source.take_notices());
        if !told.is_empty() {
            break;
        }
    }
    assert!(told[0].text.contains("is not known") && !told[0].failed, "{told:?}");
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
    assert!(!source.failed());
}

#[test]
fn a_rotated_file_is_read_to_its_end_and_then_the_new_one() {
    let dir = directory();
    let (path, old) = (dir.path().join("log"), dir.path().join("log.1"));
    fs::write(&path, "a\n").unwrap();
    let (mut source, mut seen) = (follow(&path, false), Vec::new());
    wait_for(&mut source, &mut seen, "a");
    fs::rename(&path, &old).unwrap();
    append(&old, "late\nunfinished");
    fs::write(&path, "new\n").unwrap();
    wait_for(&mut source, &mut seen, "new");
    assert_eq!(messages(&seen), ["a", "late", "unfinished", "new"]);
}

#[test]
fn a_file_that_does_not_exist_yet_is_waited_for() {
    let dir = directory();
    let path = dir.path().join("log");
    let (mut source, mut seen) = (follow(&path, true), Vec::new());
    let mut said = Vec::new();
    let deadline = std::time::Instant::now() + crate::source::text::tests::PATIENCE;
    while said.is_empty() {
        assert!(std::time::Instant::now() < deadline);
        let mut sink = |_: Record<'_>| Ok(ControlFlow::Continue(()));
        crate::source::Source::poll(&mut source, CHECK_INTERVAL, &mut sink).unwrap();
        said = source.take_notices();
    }
    assert!(said[0].text.ends_with("waiting for it") && !said[0].failed);
    append(&path, "first\n");
    wait_for(&mut source, &mut seen, "first");
}

#[test]
fn what_cannot_be_read_in_place_of_a_followed_file_is_told_and_tried_again() {
    let dir = directory();
    let path = dir.path().join("log");
    fs::write(&path, "a\n").unwrap();
    let (mut source, mut seen) = (follow(&path, false), Vec::new());
    wait_for(&mut source, &mut seen, "a");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let told = format!("reading {}: is a directory", path.display());
    let deadline = std::time::Instant::now() + crate::source::text::tests::PATIENCE;
    let mut notices = Vec::new();
    while !notices.contains(&told) {
        assert!(std::time::Instant::now() < deadline, "{notices:?}");
        let mut sink = |_: Record<'_>| Ok(ControlFlow::Continue(()));
        crate::source::Source::poll(&mut source, CHECK_INTERVAL, &mut sink).unwrap();
        notices.extend(source.take_notices().into_iter().map(|notice| notice.text));
    }
    fs::remove_dir(&path).unwrap();
    fs::write(&path, "b\n").unwrap();
    wait_for(&mut source, &mut seen, "b");
    assert!(source.take_notices().iter().all(|notice| notice.text != told), "it is told once");
    assert!(source.failed());
}
