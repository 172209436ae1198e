use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use zlog_core::Record;
use zlog_pipeline::handler::Handler;
use zlog_pipeline::handler::file::{FileHandler, Sync};
use zlog_pipeline::handler::rotating::{Compression, RotatingFileHandler, Rotation};

use super::text;
use crate::harness::python;

/// Writes to a file while another thread changes it.
struct Writer<'t> {
    path: &'t Path,
    /// The writer has ended.
    ended: AtomicBool,
    /// It must reopen its file.
    reopen: AtomicBool,
}

impl Writer<'_> {
    /// Logs numbers from 0 as fast as possible while the other side works. Returns how many.
    fn write(&self, mut handler: impl Handler, other_side: &AtomicBool) -> usize {
        let mut number = 0;
        while !other_side.load(Ordering::Relaxed) || number % 1000 != 0 {
            let msg = number.to_string().into();
            handler.handle(&Record { msg, ..Record::default() }).unwrap();
            number += 1;
            if self.reopen.swap(false, Ordering::Relaxed) {
                handler.reopen().unwrap();
            }
        }
        handler.close(Instant::now() + Duration::from_secs(20)).unwrap();
        self.ended.store(true, Ordering::Relaxed);
        number
    }

    /// Waits until the path exists again and the file has `bytes` bytes.
    fn wait(&self, bytes: u64) {
        let until = Instant::now() + crate::harness::DEADLINE;
        while !fs::metadata(self.path).is_ok_and(|there| there.len() >= bytes) {
            assert!(Instant::now() < until, "{} does not come back", self.path.display());
            thread::yield_now();
        }
    }
}

/// Runs a writer, and `other` on its file at the same time. Returns how many numbers were logged,
/// and the result of `other`.
fn disturbed<T: Send>(
    path: &Path,
    handler: impl Handler + Send,
    disturb: impl FnOnce(&Writer<'_>) -> T + Send,
) -> (usize, T) {
    let writer = Writer { path, ended: AtomicBool::new(false), reopen: AtomicBool::new(false) };
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let writing = scope.spawn(|| writer.write(handler, &done));
        let result = disturb(&writer);
        done.store(true, Ordering::Relaxed);
        (writing.join().unwrap(), result)
    })
}

fn open(path: &Path) -> FileHandler {
    opened(path, Sync::None)
}

fn opened(path: &Path, sync: Sync) -> FileHandler {
    FileHandler::open(path, text(), sync).unwrap()
}

fn lines(text: &str) -> Vec<usize> {
    text.lines().map(|line| line.parse().unwrap_or_else(|_| panic!("{line:?}"))).collect()
}

/// All files in the directory of a log except the lock.
fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    let logs = entries.filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
    logs.map(|entry| entry.path()).collect()
}

/// Every number exactly once, in any of the files.
fn assert_complete(directory: &Path, count: usize) {
    let mut numbers: Vec<usize> = files(directory)
        .iter()
        .flat_map(|path| lines(&fs::read_to_string(path).unwrap()))
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers.len(), count);
    assert!(numbers.into_iter().eq(0..count));
}

#[test]
fn moving_the_file_of_a_fast_writer_loses_nothing() {
    moved(Sync::None);
    moved(Sync::Block);
}

fn moved(sync: Sync) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.log");
    let (count, ()) = disturbed(&path, opened(&path, sync), |writer| {
        for number in 0..20 {
            writer.wait(1);
            fs::rename(&path, directory.path().join(format!("moved.{number}"))).unwrap();
            // Reopened every second time, as by SIGHUP; unnoticed the other times.
            writer.reopen.store(number % 2 == 0, Ordering::Relaxed);
        }
        writer.wait(1);
    });
    assert_eq!(files(directory.path()).len(), 21);
    assert_complete(directory.path(), count);
}

#[test]
fn deleting_the_file_of_a_fast_writer_loses_only_the_deleted_records() {
    deleted(Sync::None);
    deleted(Sync::Block);
}

fn deleted(sync: Sync) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.log");
    let (count, mut deleted) = disturbed(&path, opened(&path, sync), |writer| {
        let mut deleted = Vec::new();
        for number in 0..10 {
            writer.wait(1);
            deleted.push(File::open(&path).unwrap());
            fs::remove_file(&path).unwrap();
            writer.reopen.store(number % 2 == 0, Ordering::Relaxed);
        }
        writer.wait(1);
        deleted
    });
    let left = lines(&fs::read_to_string(&path).unwrap());
    assert!(left.windows(2).all(|pair| pair[0] + 1 == pair[1]), "in order, and each once");
    assert_eq!(left.last(), Some(&(count - 1)));
    let mut all = BTreeSet::from_iter(left);
    for file in &mut deleted {
        let mut text = String::new();
        file.rewind().unwrap();
        file.read_to_string(&mut text).unwrap();
        all.extend(lines(&text));
    }
    assert!(all.into_iter().eq(0..count));
}

#[test]
fn moving_a_file_during_rollovers_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.log");
    let rotation =
        Rotation { max_bytes: 1024, backup_count: 1_000_000, compress: Compression::None };
    let handler = RotatingFileHandler::open(&path, text(), rotation).unwrap();
    let (count, moved) = disturbed(&path, handler, |writer| {
        let mut moved = 0;
        for number in 0..20 {
            writer.wait(1);
            // The writer may have renamed it first.
            moved += usize::from(
                fs::rename(&path, directory.path().join(format!("moved.{number}"))).is_ok(),
            );
        }
        moved
    });
    assert!(moved > 0);
    assert_complete(directory.path(), count);
}

#[test]
fn a_second_writer_is_refused_and_a_killed_writer_blocks_nobody() {
    let Some(python) = python() else { return };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.log");
    let lock = directory.path().join(".app.log.lock");
    for locked in [&lock, &path] {
        let handler = open(&path);
        python.script("lock", &[locked.to_str().unwrap()]).expect_stdout("refused");
        drop(handler);
        let mut other = python.script("lock", &[locked.to_str().unwrap()]);
        other.expect_stdout("locked");
        let refused = FileHandler::open(&path, text(), Sync::None).err().unwrap().to_string();
        assert!(refused.contains("another process already writes to it"), "{refused}");
        // Killed without a chance to clean up.
        drop(other);
        let until = Instant::now() + crate::harness::DEADLINE;
        while FileHandler::open(&path, text(), Sync::None).is_err() {
            assert!(Instant::now() < until, "it is still refused");
        }
    }
}
