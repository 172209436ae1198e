//! `emit --spool` → relay → relay: the first relay keeps records in a spool of its own until the second
//! one confirms them.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::kills::handed_again;
use super::{Relay, STEP, emit, expected, numbers};
use crate::harness::{DEADLINE, Running, own_address, zlog};

/// The handler that sends to this relay.
fn next(relay: &Relay, spool: &Path) -> String {
    format!("{},connect,spool-dir={},confirm-at={}", relay.collect, spool.display(), relay.confirm)
}

/// The options of a relay that sends to `last` alone.
fn sends_to(handler: &str) -> [&str; 6] {
    ["--on-full", "block", "--confirm-when", "handled", "--publish", handler]
}

#[test]
fn records_pass_two_relays_once_and_in_order_and_the_first_confirms_what_its_spool_has() {
    let mut last = Relay::start(&["--confirm-when", "handled"]);
    let directory = tempfile::tempdir().unwrap();
    let handler = next(&last, &directory.path().join("next"));
    let first = Relay::start(&sends_to(&handler));
    let spool = directory.path().join("emit");
    let emit = emit(&first.confirm, &spool).args(["--confirm", "--fail-on-loss"]);
    emit.stdin(numbers(0..3000)).run().success();
    assert_eq!(last.wait_for_lines(3000), expected(0..3000));
    first.end();
    last.end();
}

#[test]
fn what_the_next_relay_has_not_confirmed_waits_on_disk_and_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let spool = directory.path().join("next");
    let mut last = Relay::start(&[]);
    last.running.signal(Signal::STOP);
    let handler = next(&last, &spool);
    let options = [&sends_to(&handler)[..], &["--linger", "100ms"]].concat();
    let first = Relay::start(&options);
    let emit_all = emit(&first.confirm, &directory.path().join("emit")).args(["--confirm"]);
    emit_all.stdin(numbers(0..100)).run().success();
    let said = first.end();
    assert!(said.contains("100 records left in the spool"), "{said}");
    last.running.signal(Signal::CONT);
    let again = Relay::start(&options);
    assert_eq!(last.wait_for_lines(100), expected(0..100));
    again.end();
    last.end();
}

#[test]
fn whichever_of_three_processes_is_killed_every_record_arrives_in_order() {
    const LINES: usize = 2000;
    let directory = tempfile::tempdir().unwrap();
    let (own, between) = (directory.path().join("emit"), directory.path().join("next"));
    let mut last = Relay::start(&[]);
    let handler = next(&last, &between);
    let mut first = Relay::start(&sends_to(&handler));
    // How many records may come twice, by what each relay said when it started.
    let mut told = 0;
    let rounds = 6 * super::kills::factor();
    for round in 0..rounds {
        let root = format!("w{round} ");
        let lines: String = (0..LINES).map(|at| format!("{root}{at}\n")).collect();
        let mut emit = emit(&first.confirm, &own).args(["--confirm"]).stdin(lines).start();
        std::thread::sleep(Duration::from_micros(fastrand::u64(0..60_000)));
        match round % 3 {
            0 => {
                first.kill_and_restart(&sends_to(&handler));
                told += handed_again(&String::from_utf8_lossy(&first.running.stderr.bytes()));
            }
            1 => {
                last.kill_and_restart(&[]);
                told += handed_again(&String::from_utf8_lossy(&last.running.stderr.bytes()));
            }
            _ => {
                emit.signal(Signal::KILL);
                emit.expect_end();
                continue;
            }
        }
        emit.wait().success();
    }
    super::emit(&first.confirm, &own).args(["--confirm", "-m", "last 0"]).run().success();
    let lines = last.wait_for_line(|line| line == "last 0");
    let mut again = 0;
    for round in 0..rounds {
        let root = format!("w{round} ");
        let found = lines.iter().filter_map(|line| line.strip_prefix(&root));
        let mut next = 0;
        for number in found.map(|at| at.parse::<usize>().expect(at)) {
            assert!(number <= next, "w{round}: {number} after {next}");
            again += usize::from(number < next);
            next = next.max(number + 1);
        }
        // A killed emit has not read all of its input.
        assert!(next == LINES || round % 3 == 2, "w{round}: {next} of {LINES}");
    }
    assert!(again <= told, "{again} came twice, {told} were told");
    first.end();
    last.end();
}

/// The next relay is away, so that everything waits in the spool while the handler changes.
#[test]
#[expect(clippy::too_many_lines, reason = "one run, step by step")]
fn a_reload_lets_a_handler_keep_its_spool_whether_it_changes_or_not() {
    let directory = tempfile::tempdir().unwrap();
    let mut last = Relay::start(&[]);
    last.running.signal(Signal::STOP);
    let config = directory.path().join("relay.toml");
    let (spool, other) = (directory.path().join("next"), directory.path().join("other"));
    let (collect, confirm) = (last.collect.clone(), last.confirm.clone());
    let publish = |name: &str, spool: &Path, more: &str| {
        format!(
            "[handlers.{name}]\nclass = \"publish\"\nconnect = \"{collect}\"\n\
             confirm-at = \"{confirm}\"\nspool-dir = {spool:?}\n{more}\n"
        )
    };
    let write = |handlers: &[String]| {
        std::fs::write(&config, format!("version = 1\n{}", handlers.concat())).unwrap();
    };
    write(&[publish("next", &spool, "")]);
    let address = own_address();
    let relay = ["relay", "-b", &address, "-p", &address, "--no-ask", "--linger", "60s"];
    let mut first = zlog(relay).args(["--config"]).args([&config]).start();
    let [to, _] = first.endpoints(2).try_into().unwrap();
    let send = |range: std::ops::Range<usize>| {
        let emit = zlog(["emit", "-c", &to, "--wait", "60s", "--linger", "60s", "--no-detect"]);
        emit.stdin(numbers(range)).run().success();
    };
    // Others may write to it: it is refused.
    std::fs::create_dir(&other).unwrap();
    std::fs::set_permissions(&other, std::fs::Permissions::from_mode(0o777)).unwrap();
    let refused = [publish("next", &spool, "queue = 9"), publish("wrong", &other, "")];
    send(0..100);
    for (number, (handlers, says)) in [
        (vec![publish("next", &spool, "")], ": 1 handler, 1 unchanged"),
        (vec![publish("next", &spool, "spool-bytes = \"2M\"")], ": 1 handler, 0 unchanged"),
        (
            vec![publish("renamed", &spool, "queue = 50\non-full = \"block\"")],
            ": 1 handler, 0 unchanged",
        ),
        (refused.to_vec(), "continuing with the current configuration"),
    ]
    .into_iter()
    .enumerate()
    {
        write(&handlers);
        let heard =
            |first: &Running| String::from_utf8_lossy(&first.stderr.bytes()).matches(says).count();
        let before = heard(&first);
        first.signal(Signal::HUP);
        let until = Instant::now() + DEADLINE;
        while heard(&first) == before {
            if Instant::now() > until {
                first.fail(&format!("not said again: {says}"));
            }
            std::thread::sleep(STEP);
        }
        send((number + 1) * 100..(number + 2) * 100);
    }
    last.running.signal(Signal::CONT);
    assert_eq!(last.wait_for_lines(500), expected(0..500));
    first.terminate();
    let said = first.wait().code(143).err();
    assert!(!said.contains("were lost") && !said.contains("another zlog uses it"), "{said}");
    assert!(said.contains("others may write to this directory"), "{said}");
    last.end();
}
