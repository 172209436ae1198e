use std::fs;
use std::io::Read;
use std::time::Duration;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::handler::Handler;
use crate::handler::testing::{log_path, record, text};

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
    handler.handle(&record(msg)).unwrap();
}

/// The contents of `app.log`, `app.log.1` and so on, up to the first missing file.
fn files(directory: &TempDir) -> Vec<String> {
    let path = directory.path().join("app.log");
    let names = std::iter::once(path.clone()).chain((1..).map(|n| numbered(&path, n)));
    names.map_while(|name| fs::read_to_string(name).ok()).collect()
}

fn names(directory: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(directory.path()).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    // The lock file exists as long as the handler.
    names.retain(|name| name != ".app.log.lock");
    names.sort();
    names
}

#[test]
fn files_are_renumbered_and_the_oldest_is_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let mut handler = open(&directory, 8, 2);
    for msg in ["one", "two", "three", "four", "five"] {
        log(&mut handler, msg);
    }
    assert_eq!(files(&directory), ["five\n", "four\n", "three\n"]);
    assert_eq!(names(&directory), ["app.log", "app.log.1", "app.log.2"]);
}

#[test]
fn a_record_that_would_reach_the_limit_starts_the_next_file() {
    for (max_bytes, expected) in [(9, vec!["one\ntwo\n"]), (8, vec!["two\n", "one\n"])] {
        let directory = tempfile::tempdir().unwrap();
        let mut handler = open(&directory, max_bytes, 3);
        log(&mut handler, "one");
        log(&mut handler, "two");
        assert_eq!(files(&directory), expected, "{max_bytes}");
    }
}

#[test]
fn a_record_counts_in_characters_and_the_file_in_bytes() {
    let directory = tempfile::tempdir().unwrap();
    // 4 bytes, then 2 characters (4 bytes): 6 in Python's arithmetic.
    let mut handler = open(&directory, 7, 3);
    log(&mut handler, "abc");
    log(&mut handler, "☃");
    assert_eq!(files(&directory), ["abc\n☃\n"]);
    // The file has 8 bytes.
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
fn existing_content_counts_and_is_rolled_over() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("app.log"), "old\n").unwrap();
    let mut handler = open(&directory, 8, 1);
    log(&mut handler, "new");
    assert_eq!(files(&directory), ["new\n", "old\n"]);
}

#[test]
fn a_missing_file_is_created_again() {
    let directory = tempfile::tempdir().unwrap();
    let mut handler = open(&directory, 8, 1);
    log(&mut handler, "one");
    fs::remove_file(directory.path().join("app.log")).unwrap();
    log(&mut handler, "two");
    // The last record is copied: it may have been written after the deletion.
    assert_eq!(files(&directory), ["two\n", "one\n"]);
}

/// A directory at the new name makes renaming fail, even for root.
#[test]
fn a_failed_rollover_loses_nothing_and_continues_where_it_stopped() {
    let (directory, path) = log_path();
    for (number, text) in [(2, "b\n"), (3, "c\n")] {
        fs::write(numbered(&path, number), text).unwrap();
    }
    fs::create_dir_all(numbered(&path, 4).join("x")).unwrap();
    let mut handler = open(&directory, 4, 4);
    log(&mut handler, "one");
    for msg in ["two", "three"] {
        let error = handler.handle(&record(msg)).unwrap_err().to_string();
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
fn a_repeated_failure_of_the_last_step_pushes_out_no_file() {
    let (directory, path) = log_path();
    for (number, text) in [(1, "a\n"), (2, "b\n"), (3, "c\n")] {
        fs::write(numbered(&path, number), text).unwrap();
    }
    let mut handler = open(&directory, 4, 9);
    log(&mut handler, "one");
    // The first renumbering succeeds; then a directory takes the name .1.
    for number in (1..9).rev() {
        let _ = fs::rename(numbered(&path, number), numbered(&path, number + 1));
    }
    handler.rule.shifted = true;
    fs::create_dir_all(numbered(&path, 1).join("x")).unwrap();
    for _ in 0..5 {
        let record = record("two");
        handler.handle(&record).unwrap_err();
    }
    fs::remove_dir_all(numbered(&path, 1)).unwrap();
    log(&mut handler, "three");
    let one = format!("one\n{}", "two\n".repeat(5));
    assert_eq!(files(&directory), ["three\n", &one, "a\n", "b\n", "c\n"]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_file_that_is_not_regular_is_refused_if_it_would_be_rotated() {
    let directory = tempfile::tempdir().unwrap();
    let link = directory.path().join("link.log");
    std::os::unix::fs::symlink(directory.path().join("app.log"), &link).unwrap();
    for path in [Path::new("/dev/null"), Path::new("/dev/stdout"), &link] {
        let rotates = Rotation { max_bytes: 1, backup_count: 1, ..Rotation::default() };
        let refused = RotatingFileHandler::open(path, text(), rotates).err().unwrap().to_string();
        assert!(refused.contains("is not a regular file, and can't be rotated"), "{refused}");
        assert!(!directory.path().join("app.log").exists(), "nothing is created");
    }
    // Without a limit, it is never renamed.
    for rotation in [Rotation { max_bytes: 1, ..Rotation::default() }, Rotation::default()] {
        let mut handler =
            RotatingFileHandler::open(Path::new("/dev/null"), text(), rotation).unwrap();
        (0..3).for_each(|_| log(&mut handler, "one"));
    }
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
            // A single record may have any length; the last one counts in characters.
            let last = file.lines().next_back().unwrap_or_default();
            let counted = file.len() - last.len() + last.chars().count();
            prop_assert!(file.lines().count() <= 1 || (counted as u64) < max_bytes, "{}", file);
        }
    }
}

fn compressing(
    directory: &TempDir,
    backup_count: u32,
    compress: Compression,
) -> RotatingFileHandler {
    let rotation = Rotation { max_bytes: 8, backup_count, compress };
    RotatingFileHandler::open(&directory.path().join("app.log"), text(), rotation).unwrap()
}

fn close(mut handler: RotatingFileHandler) {
    handler.close(Instant::now() + Duration::from_secs(20)).unwrap();
}

/// The content of a file, compressed or not.
fn content(path: &Path) -> Option<String> {
    let bytes = fs::read(path).ok()?;
    let name = path.to_str().unwrap();
    let mut text = String::new();
    if name.ends_with(".gz") {
        flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
    } else if name.ends_with(".zst") {
        text = String::from_utf8(zstd::decode_all(&bytes[..]).unwrap()).unwrap();
    } else {
        text = String::from_utf8(bytes).unwrap();
    }
    Some(text)
}

#[test]
fn compressed_files_are_renumbered_and_deleted_like_others() {
    for compress in [Compression::Gzip, Compression::Zstd] {
        let directory = tempfile::tempdir().unwrap();
        for msg in ["one", "two", "three", "four", "five"] {
            let mut handler = compressing(&directory, 2, compress);
            log(&mut handler, msg);
            close(handler);
        }
        let suffix = compress.suffix();
        let old = [1, 2].map(|number| format!("app.log.{number}{suffix}"));
        assert_eq!(names(&directory), ["app.log", &old[0], &old[1]]);
        let old = old.map(|name| content(&directory.path().join(name)).unwrap());
        assert_eq!(old, ["four\n", "three\n"]);
    }
}

#[test]
fn a_compressed_file_keeps_time_and_permissions() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.log.1");
    let old = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    fs::write(&path, "old\n").unwrap();
    fs::File::options().append(true).open(&path).unwrap().set_modified(old).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    }
    close(compressing(&directory, 2, Compression::Gzip));
    let metadata = directory.path().join("app.log.1.gz").metadata().unwrap();
    assert_eq!(metadata.modified().unwrap(), old);
    #[cfg(unix)]
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777, 0o640);
}

#[test]
fn the_next_start_continues_what_a_crash_interrupted() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
    // Not started; interrupted; complete except for the deletion of the original.
    for (name, text) in [
        ("app.log.1", "c\n"),
        (".app.log.compressing", "half a file"),
        ("app.log.2", "b\n"),
        ("app.log.3", "a\n"),
        ("app.log.3.gz", "whatever stands here is made anew"),
        // Files of other logs, or beyond the backup count.
        ("app.log.04", "x"),
        ("app.log.7", "x"),
        ("app.log.old", "x"),
    ] {
        write(name, text);
    }
    close(compressing(&directory, 5, Compression::Gzip));
    let expected = [
        "app.log",
        "app.log.04",
        "app.log.1.gz",
        "app.log.2.gz",
        "app.log.3.gz",
        "app.log.7",
        "app.log.old",
    ];
    assert_eq!(names(&directory), expected);
    for (number, text) in [(1, "c\n"), (2, "b\n"), (3, "a\n")] {
        let path = directory.path().join(format!("app.log.{number}.gz"));
        assert_eq!(content(&path).unwrap(), text);
    }
}

#[test]
fn a_replaced_file_removes_its_predecessor_whatever_the_compression() {
    let directory = tempfile::tempdir().unwrap();
    for compress in [Compression::Gzip, Compression::None, Compression::Zstd, Compression::None] {
        let mut handler = compressing(&directory, 1, compress);
        log(&mut handler, "one");
        log(&mut handler, "two");
        close(handler);
        let old = format!("app.log.1{}", compress.suffix());
        assert_eq!(names(&directory), ["app.log", &old], "{compress:?}");
    }
}

#[test]
fn rollovers_faster_than_the_compression_lose_nothing() {
    for compress in [Compression::Gzip, Compression::Zstd] {
        let directory = tempfile::tempdir().unwrap();
        let rotation = Rotation { max_bytes: 1024, backup_count: 1000, compress };
        let path = directory.path().join("app.log");
        let mut handler = RotatingFileHandler::open(&path, text(), rotation).unwrap();
        let messages: Vec<String> = (0..4000).map(|n| format!("record number {n}")).collect();
        messages.iter().for_each(|msg| log(&mut handler, msg));
        close(handler);
        let mut found = Vec::new();
        for name in names(&directory) {
            assert!(name == "app.log" || name.ends_with(compress.suffix()), "{name}");
            let text = content(&directory.path().join(&name)).unwrap();
            found.extend(text.lines().map(str::to_owned));
        }
        found.sort();
        let mut messages = messages;
        messages.sort();
        assert!(found == messages, "{} of {} records", found.len(), messages.len());
    }
}

#[test]
fn a_file_beyond_the_backup_count_is_deleted_even_while_it_is_compressed() {
    let directory = tempfile::tempdir().unwrap();
    let rotation = Rotation { max_bytes: 1024, backup_count: 2, compress: Compression::Zstd };
    let path = directory.path().join("app.log");
    let mut handler = RotatingFileHandler::open(&path, text(), rotation).unwrap();
    (0..4000).for_each(|n| log(&mut handler, &format!("record number {n}")));
    close(handler);
    assert_eq!(names(&directory), ["app.log", "app.log.1.zst", "app.log.2.zst"]);
    let last = [2, 1].map(|n| content(&directory.path().join(format!("app.log.{n}.zst"))).unwrap());
    let last = last.concat() + &fs::read_to_string(&path).unwrap();
    let count = last.lines().count();
    let expected: String = (4000 - count..4000).map(|n| format!("record number {n}\n")).collect();
    assert_eq!(last, expected);
}

#[test]
fn a_failed_compression_is_reported_and_keeps_the_file() {
    let directory = tempfile::tempdir().unwrap();
    // A directory at the temporary name makes compression fail, even for root.
    fs::create_dir_all(directory.path().join(".app.log.compressing/x")).unwrap();
    let mut handler = compressing(&directory, 2, Compression::Gzip);
    log(&mut handler, "one");
    log(&mut handler, "two");
    let error = handler.close(Instant::now() + Duration::from_secs(20)).unwrap_err().to_string();
    assert!(error.starts_with("can't compress "), "{error}");
    assert!(error.contains("app.log.1: "), "{error}");
    assert_eq!(files(&directory), ["two\n", "one\n"]);
}

#[test]
fn a_file_that_was_moved_away_does_not_count() {
    let directory = tempfile::tempdir().unwrap();
    let mut handler = open(&directory, 20, 3);
    log(&mut handler, "0123456789");
    fs::rename(directory.path().join("app.log"), directory.path().join("moved")).unwrap();
    handler.reopen().unwrap();
    log(&mut handler, "0123456789");
    assert_eq!(files(&directory), ["0123456789\n"]);
    // Somebody else truncated it, so there is room again.
    fs::write(directory.path().join("app.log"), "").unwrap();
    log(&mut handler, "0123456789");
    assert_eq!(files(&directory), ["0123456789\n"]);
}

#[test]
fn two_handlers_of_one_file_roll_it_over_once() {
    let directory = tempfile::tempdir().unwrap();
    let mut old = open(&directory, 20, 9);
    let mut new = open(&directory, 20, 9);
    log(&mut old, "0123456789");
    // Both are due; the second finds that the rollover is done.
    log(&mut old, "abcdefghij");
    log(&mut new, "klm");
    drop(old);
    log(&mut new, "nop");
    assert_eq!(files(&directory).concat().len(), 11 + 11 + 4 + 4);
    assert!(files(&directory).len() <= 2, "{:?}", files(&directory));
}

/// A directory has the name of the compressed file: it can't be deleted, even by root.
#[test]
fn a_failed_deletion_pushes_out_no_file() {
    let (directory, path) = log_path();
    fs::write(numbered(&path, 1), "a\n").unwrap();
    let stuck = directory.path().join("app.log.2.gz/x");
    fs::create_dir_all(&stuck).unwrap();
    let mut handler = open(&directory, 4, 2);
    log(&mut handler, "one");
    for _ in 0..3 {
        let record = record("two");
        let error = handler.handle(&record).unwrap_err().to_string();
        assert!(error.starts_with("can't delete "), "{error}");
    }
    assert_eq!(files(&directory), ["one\ntwo\ntwo\ntwo\n", "a\n"]);
    fs::remove_dir_all(stuck.parent().unwrap()).unwrap();
    log(&mut handler, "three");
    assert_eq!(files(&directory), ["three\n", "one\ntwo\ntwo\ntwo\n", "a\n"]);
}
