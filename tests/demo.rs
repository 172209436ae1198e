//! `zlog demo`: an emitter and a tail in one terminal.

use crate::harness::zlog;

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
    demo.expect_stdout("demo.");
    demo.terminate();
    let demo = demo.wait();
    demo.code(143);
}

/// The level in the columns of a line; none in the lines of a traceback.
fn level_of(line: &str) -> Option<&'static str> {
    let levels = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"];
    let begins_with_time = line.starts_with(|c: char| c.is_ascii_digit());
    begins_with_time.then(|| levels.into_iter().find(|level| line.contains(level)))?
}
