//! The programs of docs/python.md run as they stand, at a loopback address of the test.
//!
//! Loopback has more than one address only on Linux, so these tests run only there.
#![cfg(target_os = "linux")]

use std::path::Path;
use std::time::{Duration, Instant};

use crate::harness::{DEADLINE, Input, Python, Running, own_address, python, zlog};

/// Where the programs of the document bind, at an address of the test.
struct Place {
    python: Python,
    directory: tempfile::TempDir,
    host: String,
}

impl Place {
    fn new(python: Python) -> Place {
        let host = own_address().trim_start_matches("tcp://").trim_end_matches(":*").to_owned();
        Place { python, directory: tempfile::tempdir().unwrap(), host }
    }

    fn endpoint(&self) -> String {
        format!("tcp://{}:12345", self.host)
    }

    /// Starts the program of the document that contains `part`.
    #[track_caller]
    fn start(&self, part: &str) -> Running {
        let programs = programs();
        let mut found = programs.iter().filter(|program| program.contains(part));
        let program = found.next().unwrap_or_else(|| panic!("no program with {part}"));
        assert!(found.next().is_none(), "two programs with {part}");
        let mut command = self.python.command();
        command.env("PYTHONPATH", Path::new(env!("CARGO_MANIFEST_DIR")).join("python"));
        command.env("ZLOG_ENDPOINT", self.endpoint()).current_dir(self.directory.path());
        command.args(["-c", &program.replace("127.0.0.1", &self.host)]);
        Running::start(command, Input::Empty)
    }

    /// A tail of the programs, which ends after its first record.
    fn tail(&self, more: &[&str]) -> Running {
        zlog(["tail", &self.endpoint(), "-o", "text", "-n", "1"]).args(more).start()
    }

    /// Publishes one record, as `zlog emit`, once somebody has subscribed.
    fn emit(&self) {
        let args = ["emit", "--wait", "60s", "--root", "myprogram", "-m", "hello"];
        zlog(args).args(["--bind", &self.endpoint()]).run().success();
    }
}

/// The whole programs of the document: others are parts of programs.
fn programs() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/python.md");
    let document = std::fs::read_to_string(path).unwrap();
    let blocks = document.split("```python\n").skip(1);
    let programs = blocks.map(|block| block.split("```").next().unwrap_or_default().to_owned());
    programs.filter(|program| program.starts_with("import ")).collect()
}

#[test]
fn each_program_of_the_document_on_python_has_a_test() {
    assert_eq!(programs().len(), 5, "run the new one here, too");
}

#[test]
fn the_program_with_a_pubhandler_is_watched_by_tail() {
    let Some(place) = python().map(Place::new) else { return };
    let _program = place.start("for number in range(60)");
    let tail = place.tail(&["myprogram.WARNING"]).wait().success();
    assert!(tail.out().contains(" - number "), "{}", tail.out());
}

#[test]
fn the_program_with_a_zlog_handler_is_watched_by_tail() {
    let Some(place) = python().map(Place::new) else { return };
    let tail = place.tail(&["myprogram.ERROR"]);
    let until = Instant::now() + DEADLINE;
    let shows = |out: &[u8]| (out == b"no connection\n").then_some(());
    // The program waits a second for a reader. On a busy machine, `tail` may take longer.
    while tail.stdout.wait_for(Instant::now() + Duration::from_millis(100), shows).is_none() {
        assert!(Instant::now() < until, "tail shows nothing");
        place.start("ZlogHandler(root=").wait().success();
    }
    tail.wait().success();
}

#[test]
fn the_program_that_waits_for_a_subscriber_loses_nothing() {
    let Some(place) = python().map(Place::new) else { return };
    let program = place.start("zmq.XPUB");
    let tail = place.tail(&[]).wait().success();
    assert!(tail.out().ends_with(" - backup done\n"), "{}", tail.out());
    program.wait().success();
}

#[test]
fn the_programs_that_subscribe_get_what_emit_publishes() {
    let Some(place) = python().map(Place::new) else { return };
    let mut program = place.start("sub.recv_multipart()");
    place.emit();
    program.expect_stderr("INFO:myprogram:hello");
    drop(program);
    let _program = place.start("LogRecordSubscriber(");
    place.emit();
    let file = place.directory.path().join("myprogram.log");
    let until = Instant::now() + DEADLINE;
    while std::fs::read_to_string(&file).unwrap_or_default() != "hello\n" {
        assert!(Instant::now() < until, "no record in myprogram.log");
        std::thread::sleep(Duration::from_millis(20));
    }
}
