//! `zlog demo`: an emitter and a tail in one terminal.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use crate::harness::{DEADLINE, zlog};

#[test]
fn demo_prints_as_many_records_as_asked_for_and_ends() {
    let demo = zlog(["demo", "-n", "20", "--rate", "1000", "--seed", "1"]).run().success();
    let records = demo.out().lines().filter(|line| level_of(line).is_some()).count();
    assert_eq!(records, 20, "{}", demo.out());
}

#[test]
fn demo_shows_the_same_records_for_the_same_seed() {
    let levels = || -> Vec<&'static str> {
        let demo = zlog(["demo", "-n", "30", "--rate", "1000", "--seed", "9"]).run().success();
        demo.out().lines().filter_map(level_of).collect()
    };
    let first = levels();
    assert_eq!(first, levels());
    assert!(first.iter().any(|level| *level != first[0]), "levels vary: {first:?}");
}

#[test]
fn two_demos_at_once_do_not_meet() {
    let start = || zlog(["demo", "-n", "20", "--rate", "100"]).start();
    let (one, two) = (start(), start());
    for demo in [one, two] {
        let out = demo.wait().success().out();
        assert_eq!(out.lines().filter(|line| level_of(line).is_some()).count(), 20, "{out}");
    }
}

#[test]
fn demo_ends_at_a_signal() {
    let mut demo = zlog(["demo", "--rate", "100"]).start();
    demo.expect_stdout("demo");
    demo.terminate();
    let demo = demo.wait();
    demo.code(143);
}

/// Whether the process has ended: whoever inherits it may be slow to notice.
#[cfg(target_os = "linux")]
fn is_gone(process: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.as_raw_pid()));
    stat.map_or(true, |stat| stat.contains(") Z "))
}

#[cfg(target_os = "linux")]
#[test]
fn the_emitter_does_not_outlive_a_demo_that_was_killed_or_hung_up_on() {
    for signal in [Signal::KILL, Signal::HUP] {
        let mut demo = zlog(["demo", "--rate", "100"]).start();
        demo.expect_stdout("demo");
        let children = demo.children();
        assert!(matches!(children[..], [emitter] if !is_gone(emitter)), "{children:?}");
        demo.signal(signal);
        demo.expect_end();
        let until = Instant::now() + DEADLINE;
        while !children.iter().all(|child| is_gone(*child)) {
            if Instant::now() > until {
                demo.fail("the emitter goes on");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// The level in the columns of a line; none in the lines of a traceback.
fn level_of(line: &str) -> Option<&'static str> {
    let levels = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"];
    let begins_with_time = line.starts_with(|c: char| c.is_ascii_digit());
    begins_with_time.then(|| levels.into_iter().find(|level| line.contains(level)))?
}
