//! The real logrotate, on a file that zlog writes to at the same time.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use flate2::read::GzDecoder;

use crate::harness::{DEADLINE, Logrotate, Publisher, Running, logrotate, python, zlog};

/// The number of rotations.
const ROTATIONS: usize = 4;
/// The least number of bytes between two rotations.
const BYTES: u64 = 500;
const TOPIC: &str = "logrotate.INFO";
/// The polling interval, and the pace of a stream.
const PAUSE: Duration = Duration::from_millis(1);

/// A zlog that writes a steady stream of numbers from 0, one per line.
struct Steady {
    directory: tempfile::TempDir,
    zlog: Running,
    from: From,
}

/// Where the numbers come from.
enum From {
    /// A publisher of the test.
    Publisher { stop: Arc<AtomicBool>, publishing: JoinHandle<(Publisher, usize)> },
    /// A program that logs through Python's `SocketHandler`.
    Python(Running),
}

impl Steady {
    fn tail() -> Steady {
        let (directory, option) = log();
        let publisher = Publisher::bind();
        let zlog = zlog(["tail", TOPIC, "-c", &publisher.endpoint, "--file", &option]).start();
        // A unique root: the port may have belonged to another test, whose tail still looks for it.
        while publisher.wait_for_subscription() != TOPIC.as_bytes() {}
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let publishing = thread::spawn(move || {
            let mut count = 0;
            while !stopped.load(Ordering::Relaxed) {
                for number in count..count + 20 {
                    publisher.send([TOPIC, &number.to_string()]);
                }
                count += 20;
                thread::sleep(PAUSE);
            }
            // Closing it now would lose messages in transit.
            (publisher, count)
        });
        Steady { directory, zlog, from: From::Publisher { stop, publishing } }
    }

    /// `None` without Python.
    fn relay() -> Option<Steady> {
        let python = python()?;
        let (directory, option) = log();
        // A private endpoint: a stray subscriber would cause reports about lack of room.
        let publish = format!("ipc://{}/publish", directory.path().display());
        let args = ["relay", "--listen", "127.0.0.1:0", "--file", &option];
        let mut zlog = zlog(args).args(["--publish-bind", &publish]).start();
        let port = zlog.expect_address("listening on").port().to_string();
        let mut program = python.script("network_logging", &["steady", &port, "app"]);
        program.expect_stdout("ready");
        program.write("go\n");
        Some(Steady { directory, zlog, from: From::Python(program) })
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("app.log")
    }

    /// Waits until the file, a new one after each rotation, has this size.
    fn wait_for_more(&mut self) {
        let until = Instant::now() + DEADLINE;
        while !fs::metadata(self.path()).is_ok_and(|there| there.len() >= BYTES) {
            if Instant::now() > until {
                self.zlog.fail("nothing more comes to its file");
            }
            thread::sleep(PAUSE);
        }
    }

    /// Rotates the file several times, and ends the stream. Returns the text of all files, oldest
    /// first, and the expected number of lines.
    fn rotated(mut self, logrotate: &Logrotate, directives: &str) -> (Vec<String>, usize) {
        let directives = directives.replace("PID", &self.zlog.id().to_string());
        let path = self.path();
        for _ in 0..ROTATIONS {
            self.wait_for_more();
            let until = Instant::now() + DEADLINE;
            while !logrotate.rotate(&path, &directives) {
                assert!(Instant::now() < until, "{directives}: {:?}", old_files(&path));
                // Names contain the second: wait for the next one.
                thread::sleep(20 * PAUSE);
            }
        }
        self.wait_for_more();
        let (count, publisher) = match self.from {
            From::Publisher { stop, publishing } => {
                stop.store(true, Ordering::Relaxed);
                let (publisher, count) = publishing.join().unwrap();
                (count, Some(publisher))
            }
            From::Python(mut program) => {
                program.write("stop\n");
                let out = program.wait().success().out();
                (out.trim().rsplit('\n').next().unwrap().parse().unwrap(), None)
            }
        };
        let last = (count - 1).to_string();
        let until = Instant::now() + DEADLINE;
        while text(&path).strip_suffix('\n').and_then(|text| text.lines().last()) != Some(&*last) {
            if Instant::now() > until {
                self.zlog.fail("the last number does not come");
            }
            thread::sleep(PAUSE);
        }
        drop(publisher);
        self.zlog.terminate();
        self.zlog.wait().code(143).stderr_lacks("lost").stderr_lacks("error");
        let old = old_files(&path);
        let backups = old.iter().filter(|path| is_backup(path)).count();
        assert_eq!(old.len() - backups, ROTATIONS);
        (old.iter().chain([&path]).map(|path| text(path)).collect(), count)
    }
}

/// A directory for a log, and the option that writes only messages into it.
fn log() -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let option = format!("{}/app.log,format=%(message)s", directory.path().display());
    (directory, option)
}

/// `app.log.2.gz`, `app.log-20261121-1795272000` and so on, in the order of their last writes.
fn old_files(log: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(log.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
    let is_old =
        |path: &PathBuf| path.to_str().unwrap().starts_with(log.to_str().unwrap()) && path != log;
    let written = |path: &PathBuf| fs::metadata(path).unwrap().modified().unwrap();
    let mut old: Vec<_> = entries.filter(is_old).map(|path| (written(&path), path)).collect();
    old.sort();
    old.into_iter().map(|(_, path)| path).collect()
}

/// `app.log-2026112721.backup`, a file that zlog created between logrotate's `rename` and its `create`.
fn is_backup(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "backup")
}

fn text(path: &Path) -> String {
    let bytes = fs::read(path).unwrap_or_default();
    if path.extension().is_none_or(|extension| extension != "gz") {
        return String::from_utf8(bytes).unwrap();
    }
    let mut text = String::new();
    GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
    text
}

/// The numbers in a file, which must contain only complete lines.
#[track_caller]
fn numbers(text: &str) -> Vec<usize> {
    assert!(text.ends_with('\n'), "the last line is cut off: {:?}", text.lines().last());
    text.lines().map(|line| line.parse().unwrap_or_else(|_| panic!("{line:?}"))).collect()
}

/// Rotates the file of a tail and that of a relay: each has every number once, in order.
#[track_caller]
fn loses_nothing(directives: &str) {
    let Some(logrotate) = logrotate() else { return };
    for steady in [Some(Steady::tail()), Steady::relay()].into_iter().flatten() {
        let (files, count) = steady.rotated(&logrotate, directives);
        let all: Vec<usize> = files.iter().flat_map(|text| numbers(text)).collect();
        let hole = all.iter().enumerate().find(|(index, number)| index != *number);
        assert_eq!((all.len(), hole), (count, None), "{directives}");
    }
}

#[test]
fn logrotate_with_create_and_sighup_loses_and_doubles_nothing() {
    loses_nothing("rotate 100\ncreate\npostrotate\nkill -HUP PID\nendscript");
}

#[test]
fn logrotate_with_create_and_no_signal_loses_and_doubles_nothing() {
    loses_nothing("rotate 100\ncreate");
}

#[test]
fn logrotate_without_create_loses_and_doubles_nothing() {
    loses_nothing("rotate 100\nnocreate");
}

#[test]
fn logrotate_with_delayed_compression_loses_and_doubles_nothing() {
    loses_nothing("rotate 100\ncreate\ncompress\ndelaycompress");
}

#[test]
fn logrotate_with_dates_and_compression_loses_and_doubles_nothing() {
    loses_nothing("rotate 100\ncreate\ncompress\ndelaycompress\ndateext\ndateformat -%Y%m%d-%s");
}

/// Without `delaycompress`, logrotate reads and deletes the moved file after the postrotate script. zlog
/// closes that file then; how soon depends on the system.
#[test]
fn logrotate_with_compression_after_sighup_loses_and_doubles_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("compress");
    let has_file = r"ls -l /proc/$1/fd | grep -q '/app\.log\.1$'";
    let wait = format!(
        "n=0; while {has_file}; do n=$((n + 1)); [ $n -lt 6000 ] || exit 1; sleep 0.02; done"
    );
    fs::write(&script, format!("{wait}\nexec gzip\n")).unwrap();
    loses_nothing(&format!(
        "rotate 100\ncreate\npostrotate\nkill -HUP PID\nendscript\n\
         compress\ncompresscmd /bin/sh\ncompressoptions {} PID",
        script.display()
    ));
}

/// Records written between logrotate's copy and its truncation are lost, as its manual says. No
/// others may be missing.
#[test]
fn after_a_copytruncate_the_file_continues_at_its_new_end() {
    let Some(logrotate) = logrotate() else { return };
    for steady in [Some(Steady::tail()), Steady::relay()].into_iter().flatten() {
        let (files, count) = steady.rotated(&logrotate, "rotate 100\ncopytruncate");
        let mut next = 0;
        for (number, text) in files.iter().enumerate() {
            // A copy may end in the middle of a write.
            let whole = text.rfind('\n').map_or(0, |end| end + 1);
            let is_copy = number < ROTATIONS;
            let there = numbers(if is_copy { &text[..whole] } else { text });
            assert!(there[0] >= next, "{} is there twice", there[0]);
            assert!(there.is_sorted_by(|a, b| a + 1 == *b), "a hole within file {number}");
            next = there[there.len() - 1] + 1;
        }
        assert_eq!(next, count);
    }
}
