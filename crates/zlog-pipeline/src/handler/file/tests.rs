use std::fs::{self, File};
use std::time::Duration;

use super::block::MAX_WAIT;
use super::*;
use crate::handler::testing::{log_path, record, text};
use crate::os::terminal::BLOCK;

#[test]
fn a_file_is_created_with_its_directories_and_appended_to() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("var/log/app.log");
    for sync in [Sync::None, Sync::Data] {
        let mut handler = FileHandler::open(&path, text(), sync).unwrap();
        handler.handle(&record("naïve ☃")).unwrap();
        handler.flush().unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), "naïve ☃\nnaïve ☃\n");
}

#[test]
fn a_record_is_in_the_file_once_it_has_been_handled() {
    let (_directory, path) = log_path();
    let mut handler = FileHandler::open(&path, text(), Sync::None).unwrap();
    for number in 1..=3 {
        handler.handle(&record("one")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\n".repeat(number));
    }
}

#[test]
fn flush_timer_reopen_and_close_each_write_the_block() {
    type End = fn(&mut FileHandler);
    let ends: [End; 4] = [
        |handler| handler.flush().unwrap(),
        |handler| handler.on_timer(Instant::now() + MAX_WAIT).unwrap(),
        |handler| handler.reopen().unwrap(),
        |handler| handler.close(Instant::now()).unwrap(),
    ];
    for end in ends {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("app.log");
        let mut handler = FileHandler::open(&path, text(), Sync::Block).unwrap();
        log(&mut handler, "one");
        log(&mut handler, "two");
        assert_eq!(
            (handler.backlog().waiting, fs::read_to_string(&path).unwrap()),
            (2, String::new())
        );
        end(&mut handler);
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\n");
        assert_eq!(handler.backlog(), Backlog::default());
    }
}

#[test]
fn the_timer_writes_the_block_only_when_its_first_record_is_due() {
    let (_directory, path) = log_path();
    let mut handler = FileHandler::open(&path, text(), Sync::Block).unwrap();
    let before = Instant::now();
    log(&mut handler, "one");
    handler.on_timer(before).unwrap();
    let due = handler.due(before).unwrap();
    assert!(due >= before + MAX_WAIT && due <= Instant::now() + MAX_WAIT);
    assert_eq!(fs::read_to_string(&path).unwrap(), "");
    log(&mut handler, "two");
    handler.on_timer(before).unwrap();
    assert_eq!(handler.due(before), Some(due), "the first record counts");
    handler.on_timer(due).unwrap();
    assert!(handler.due(due).unwrap() > due);
    assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\n");
}

#[test]
fn the_block_is_written_on_drop() {
    let (_directory, path) = log_path();
    let mut handler = FileHandler::open(&path, text(), Sync::Block).unwrap();
    log(&mut handler, "one");
    drop(handler);
    assert_eq!(fs::read_to_string(&path).unwrap(), "one\n");
}

#[test]
fn records_are_written_in_blocks() {
    let (_directory, path) = log_path();
    let mut handler = FileHandler::open(&path, text(), Sync::Block).unwrap();
    for _ in 0..1000 {
        log(&mut handler, &"x".repeat(99));
    }
    let written = fs::metadata(&path).unwrap().len();
    assert!(written >= BLOCK as u64 && written < 100_000, "{written}");
    handler.close(Instant::now()).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().len(), 100_000);
}

#[test]
#[cfg(unix)]
fn a_block_gathered_before_the_file_was_deleted_goes_to_the_new_file() {
    let (_directory, path) = log_path();
    let mut handler = FileHandler::open(&path, text(), Sync::Block).unwrap();
    log(&mut handler, "one");
    handler.flush().unwrap();
    handler.reopen().unwrap();
    log(&mut handler, "two");
    fs::remove_file(&path).unwrap();
    handler.reopen().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\n");
}

#[test]
#[cfg(unix)]
fn a_block_gathered_before_the_file_was_moved_goes_to_the_new_file_only() {
    let directory = tempfile::tempdir().unwrap();
    let [path, old] = ["app.log", "app.log.1"].map(|name| directory.path().join(name));
    let mut handler = FileHandler::open(&path, text(), Sync::Block).unwrap();
    log(&mut handler, "one");
    handler.flush().unwrap();
    log(&mut handler, "two");
    fs::rename(&path, &old).unwrap();
    handler.reopen().unwrap();
    let [new, old] = [&path, &old].map(|path| fs::read_to_string(path).unwrap());
    assert_eq!((&*old, &*new), ("one\n", "two\n"));
}

#[test]
#[cfg(target_os = "linux")]
fn a_non_regular_file_gets_one_write_per_record() {
    let mut handler = FileHandler::open(Path::new("/dev/full"), text(), Sync::Block).unwrap();
    let error = handler.handle(&record("one")).unwrap_err();
    assert!(!error.record_taken);
    assert_eq!(handler.backlog(), Backlog::default());
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_an_error_that_names_the_path() {
    let mut handler = FileHandler::open(Path::new("/dev/full"), text(), Sync::None).unwrap();
    let error = handler.handle(&record("one")).unwrap_err().to_string();
    assert_eq!(error, "writing to /dev/full: no space left on device");
}

#[test]
fn an_error_on_open_names_the_path_and_the_next_step() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let cases = [
        (directory.path().to_owned(), "can't open", "Name a file in that directory."),
        (file.join("app.log"), "can't create the directory of", "Part of its path is a file"),
        (file.join("a/b.log"), "can't create the directory of", "Part of its path is a file"),
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

fn open(path: &Path) -> FileHandler {
    FileHandler::open(path, text(), Sync::None).unwrap()
}

fn log(handler: &mut FileHandler, msg: &str) {
    handler.handle(&record(msg)).unwrap();
}

/// The error of opening it.
fn refusal(path: &Path) -> String {
    match FileHandler::open(path, text(), Sync::None) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("{} was opened", path.display()),
    }
}

/// Locks a file as another process would. Unlock it explicitly: a child process of another
/// test may briefly hold a copy of the descriptor.
fn lock(path: &Path) -> File {
    let lock = File::options().create(true).append(true).read(true).open(path).unwrap();
    lock.try_lock().unwrap();
    lock
}

#[test]
#[cfg(unix)]
fn reopen_creates_the_file_and_its_directory_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log/app.log");
    let mut handler = open(&path);
    log(&mut handler, "one");
    fs::rename(directory.path().join("log"), directory.path().join("old")).unwrap();
    handler.reopen().unwrap();
    log(&mut handler, "two");
    assert_eq!(fs::read_to_string(&path).unwrap(), "two\n");
    assert_eq!(fs::read_to_string(directory.path().join("old/app.log")).unwrap(), "one\n");
    // The lock was deleted with the directory and must be taken again.
    assert!(directory.path().join("log/.app.log.lock").exists());
}

#[test]
#[cfg(unix)]
fn a_moved_or_deleted_file_is_noticed_without_a_signal_and_no_record_is_lost() {
    for deleted in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("app.log");
        let moved = directory.path().join("moved");
        let mut handler = open(&path);
        log(&mut handler, "0");
        handler.file.check(Instant::now()).unwrap();
        // Records before and after the change, all since the last check.
        log(&mut handler, "1");
        if deleted {
            fs::remove_file(&path).unwrap();
        } else {
            fs::rename(&path, &moved).unwrap();
        }
        log(&mut handler, "2");
        let mut number = 3;
        while !path.exists() {
            log(&mut handler, &number.to_string());
            number += 1;
        }
        log(&mut handler, "last");
        let text = fs::read_to_string(&moved).unwrap_or_else(|_| "0\n".to_owned());
        let text = text + &fs::read_to_string(&path).unwrap();
        let expected: String = (0..number).map(|number| format!("{number}\n")).collect();
        assert_eq!(text, expected + "last\n");
    }
}

#[test]
#[cfg(unix)]
fn close_rescues_the_last_records_of_a_deleted_file() {
    let (_directory, path) = log_path();
    let mut handler = open(&path);
    fs::remove_file(&path).unwrap();
    log(&mut handler, "one");
    handler.close(Instant::now()).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "one\n");
}

#[test]
fn a_truncated_file_continues_at_its_new_end() {
    let (directory, path) = log_path();
    let copy = directory.path().join("copy");
    let mut handler = open(&path);
    (0..100).for_each(|_| log(&mut handler, "one"));
    fs::copy(&path, &copy).unwrap();
    File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
    log(&mut handler, "two");
    assert_eq!(fs::read_to_string(&path).unwrap(), "two\n");
    assert_eq!(fs::read_to_string(&copy).unwrap(), "one\n".repeat(100));
}

#[test]
#[cfg(unix)]
fn a_failed_reopen_is_reported_and_records_still_go_to_the_old_file() {
    let (directory, path) = log_path();
    let moved = directory.path().join("moved");
    let mut handler = open(&path);
    fs::rename(&path, &moved).unwrap();
    fs::create_dir(&path).unwrap();
    let error = handler.reopen().unwrap_err().to_string();
    assert!(error.contains("is not a regular file any more"), "{error}");
    log(&mut handler, "one");
    assert_eq!(fs::read_to_string(&moved).unwrap(), "one\n");
    fs::remove_dir(&path).unwrap();
    handler.reopen().unwrap();
    log(&mut handler, "two");
    assert_eq!(fs::read_to_string(&path).unwrap(), "two\n");
}

#[test]
#[cfg(unix)]
fn a_directory_in_place_of_the_file_is_one_outage_until_it_is_removed() {
    let (directory, path) = log_path();
    let mut handler = open(&path);
    let moved = directory.path().join("moved.log");
    fs::rename(&path, &moved).unwrap();
    fs::create_dir(&path).unwrap();
    let mut later = Instant::now();
    let mut check = |handler: &mut FileHandler| {
        later += Duration::from_secs(2);
        handler.on_timer(later).is_ok()
    };
    for msg in ["one", "two"] {
        log(&mut handler, msg);
        handler.flush().unwrap();
        assert!(!check(&mut handler) && handler.backlog().unreachable, "{msg}");
    }
    fs::remove_dir(&path).unwrap();
    assert!(check(&mut handler) && !handler.backlog().unreachable);
    log(&mut handler, "three");
    handler.flush().unwrap();
    assert_eq!(fs::read_to_string(&moved).unwrap(), "one\ntwo\n");
    assert_eq!(fs::read_to_string(&path).unwrap(), "three\n");
}

#[test]
fn a_file_locked_by_another_process_is_refused_and_the_error_names_the_process() {
    let (directory, path) = log_path();
    let at = directory.path().join(".app.log.lock");
    let host = gethostname::gethostname().into_string().unwrap();
    let holders = [
        (format!("4242 {host}\n"), "process 4242"),
        ("4242 far\u{1b}away\n".to_owned(), "process 4242 on far\\x1baway"),
        ("x y\n".to_owned(), "another process"),
        (String::new(), "another process"),
    ];
    for (text, holder) in holders {
        fs::write(&at, text).unwrap();
        let lock = lock(&at);
        let error = refusal(&path);
        let expected = format!("can't write to {}: {holder} already writes to it", path.display());
        assert!(error.starts_with(&expected), "{error}");
        assert!(error.contains("name another file"), "{error}");
        lock.unlock().unwrap();
    }
    // A leftover lock file blocks nobody and is removed in the end.
    let mut handler = open(&path);
    let text = format!("{} {host}\n", std::process::id());
    assert_eq!(fs::read_to_string(&at).unwrap(), text);
    log(&mut handler, "one");
    drop(handler);
    assert!(!at.exists());
    assert_eq!(fs::read_to_string(&path).unwrap(), "one\n");
}

#[test]
#[cfg(unix)]
fn a_link_to_a_locked_file_is_refused_too() {
    let directory = tempfile::tempdir().unwrap();
    let [path, link] = ["app.log", "link.log"].map(|name| directory.path().join(name));
    let _handler = open(&path);
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(refusal(&link).contains("another process already writes to it"));
    fs::remove_file(&link).unwrap();
    fs::hard_link(&path, &link).unwrap();
    assert!(refusal(&link).contains("another process already writes to it"));
}

#[test]
#[cfg(unix)]
fn without_a_lock_file_the_log_itself_is_locked() {
    let directory = tempfile::tempdir().unwrap();
    // The longest possible name: the lock file.s name would be too long.
    let path = directory.path().join("x".repeat(255));
    let handler = open(&path);
    File::open(&path).unwrap().try_lock().unwrap_err();
    drop(handler);
    let lock = lock(&path);
    assert!(refusal(&path).contains("another process already writes to it"));
    lock.unlock().unwrap();
    open(&path);
}

#[test]
#[cfg(unix)]
fn a_lock_file_that_is_a_symbolic_link_is_not_followed() {
    let directory = tempfile::tempdir().unwrap();
    let precious = directory.path().join("precious");
    fs::write(&precious, "precious").unwrap();
    let at = directory.path().join(".app.log.lock");
    std::os::unix::fs::symlink(&precious, &at).unwrap();
    let error = refusal(&directory.path().join("app.log"));
    assert!(error.starts_with(&format!("can't open the lock file {}: ", at.display())), "{error}");
    assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
}

#[test]
fn opening_a_path_again_in_one_process_hands_it_over() {
    let (directory, path) = log_path();
    let at = directory.path().join(".app.log.lock");
    let mut old = open(&path);
    // The same file through another path.
    fs::create_dir(directory.path().join("sub")).unwrap();
    let mut new = open(&directory.path().join("sub/../app.log"));
    log(&mut old, "one");
    log(&mut new, "two");
    drop(old);
    log(&mut new, "three");
    assert!(File::open(&at).unwrap().try_lock().is_err());
    drop(new);
    assert!(!at.exists());
    assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\nthree\n");
}

#[test]
#[cfg(unix)]
fn the_timer_releases_a_file_that_was_moved_away() {
    let (_directory, path) = log_path();
    let mut handler = open(&path);
    let start = Instant::now();
    let due = handler.due(start).unwrap();
    fs::remove_file(&path).unwrap();
    handler.on_timer(start).unwrap();
    assert!(!path.exists());
    handler.on_timer(due).unwrap();
    assert!(path.exists());
}

#[test]
#[cfg(unix)]
fn the_lock_on_the_log_itself_is_handed_over_too() {
    let (_directory, path) = log_path();
    let old = open(&path);
    let mut new = open(&path);
    drop(old);
    File::open(&path).unwrap().try_lock().unwrap();
    new.file.check(Instant::now()).unwrap();
    File::open(&path).unwrap().try_lock().unwrap_err();
}

#[test]
#[cfg(unix)]
fn a_pipe_without_a_reader_is_an_error_and_does_not_block() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    let Err(error) = FileHandler::open(&path, text(), Sync::None) else { panic!("nobody reads") };
    assert!(error.to_string().contains("start its reader first"), "{error}");
    let reader = {
        let path = path.clone();
        std::thread::spawn(move || fs::read_to_string(path).unwrap())
    };
    let until = Instant::now() + std::time::Duration::from_secs(20);
    let mut handler = loop {
        match FileHandler::open(&path, text(), Sync::None) {
            Ok(handler) => break handler,
            Err(error) => assert!(Instant::now() < until, "{error}"),
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    };
    // Much more than a pipe holds: the write waits for the reader.
    let long = "x".repeat(1_000_000);
    handler.handle(&record(&long)).unwrap();
    drop(handler);
    assert_eq!(reader.join().unwrap(), format!("{long}\n"));
}
