//! Spools that are damaged, and disks that are full.

use std::path::{Path, PathBuf};
use std::process::Command;

use std::time::Instant;

use super::{Relay, STEP, emit, emit_within, expected, numbers};
use crate::harness::{DEADLINE, Input, Running, clear_environment, left_out, own_address, zlog};

/// The segments of a spool, the oldest first.
fn segments(spool: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(spool).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = entries.filter(|path| path.extension().is_some()).collect();
    paths.sort();
    paths
}

/// Changes a byte, counted from the end.
fn change(path: &Path, from_end: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    let at = bytes.len() - from_end;
    bytes[at] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

/// A spool of so many segments, with 100 records each.
fn filled(directory: &Path, segments: usize) -> PathBuf {
    let spool = directory.join("spool");
    for at in 0..segments {
        let emit = emit_within("0s", "tcp://127.0.0.1:1", &spool);
        emit.stdin(numbers(at * 100..(at + 1) * 100)).run().success();
    }
    spool
}

#[test]
fn a_changed_byte_costs_one_record_which_is_counted() {
    let directory = tempfile::tempdir().unwrap();
    let spool = filled(directory.path(), 3);
    change(&segments(&spool)[1], 5);
    let mut relay = Relay::start(&[]);
    let emit = emit(&relay.confirm, &spool).args(["--fail-on-loss", "--confirm"]);
    let said = emit.run().code(3).err();
    assert!(said.contains("1 damaged record left out"), "{said}");
    assert!(said.contains("1 record damaged in the spool"), "{said}");
    let lines = relay.wait_for_lines(299);
    assert_eq!(lines, [expected(0..199), expected(200..300)].concat());
    relay.end();
}

#[test]
fn a_segment_in_the_middle_that_cannot_be_read_is_skipped_and_counted() {
    let directory = tempfile::tempdir().unwrap();
    let spool = filled(directory.path(), 3);
    std::fs::write(&segments(&spool)[1], "this is no segment").unwrap();
    let mut relay = Relay::start(&[]);
    let emit = emit(&relay.confirm, &spool).args(["--fail-on-loss", "--confirm"]);
    let said = emit.run().code(3).err();
    assert!(said.contains("100 damaged records left out"), "{said}");
    assert_eq!(relay.wait_for_lines(200), [expected(0..100), expected(200..300)].concat());
    relay.end();
}

#[test]
fn a_last_segment_that_cannot_be_read_is_a_loss_and_its_file_is_kept() {
    for way in [&(|bytes: &mut Vec<u8>| bytes[20] ^= 1) as &dyn Fn(&mut Vec<u8>), &|bytes| {
        bytes.truncate(10);
    }] {
        let directory = tempfile::tempdir().unwrap();
        let spool = filled(directory.path(), 1);
        let path = &segments(&spool)[0];
        let mut bytes = std::fs::read(path).unwrap();
        way(&mut bytes);
        std::fs::write(path, &bytes).unwrap();
        let relay = Relay::start(&[]);
        let emit = emit(&relay.confirm, &spool).args(["--fail-on-loss", "--confirm", "-m", "0"]);
        emit.run().code(3).stderr_has("kept as *.damaged").stderr_has("1 confirmed");
        let aside = std::fs::read(format!("{}.damaged", path.display())).unwrap();
        assert_eq!(aside, bytes);
        relay.end();
    }
}

#[test]
fn a_torn_last_record_is_left_out() {
    let directory = tempfile::tempdir().unwrap();
    let spool = filled(directory.path(), 1);
    let path = &segments(&spool)[0];
    let bytes = std::fs::read(path).unwrap();
    std::fs::write(path, &bytes[..bytes.len() - 7]).unwrap();
    let mut relay = Relay::start(&[]);
    emit(&relay.confirm, &spool).args(["--confirm", "-m", "99"]).run().success();
    assert_eq!(relay.wait_for_lines(100), expected(0..100));
    relay.end();
}

#[test]
fn a_relay_with_a_damaged_spool_starts_and_counts_what_is_missing() {
    let mut relay = Relay::start(&[]);
    let spool = relay.directory.path().join("emit");
    emit(&relay.confirm, &spool).args(["--confirm"]).stdin(numbers(0..100)).run().success();
    relay.wait_for_lines(100);
    let own = relay.directory.path().join("spool");
    relay.running.signal(rustix::process::Signal::KILL);
    relay.running.expect_end();
    std::fs::remove_file(own.join("cursor")).unwrap();
    let path = &segments(&own)[0];
    change(path, path.metadata().unwrap().len() as usize / 2);
    relay.kill_and_restart(&[]);
    // All of it comes again, but for the damaged one.
    let lines = relay.wait_for_lines(199);
    let (first, again) = lines.split_at(100);
    let missing: Vec<_> = first.iter().filter(|line| !again.contains(line)).collect();
    assert_eq!((missing.len(), again.len()), (1, 99));
    emit(&relay.confirm, &spool).args(["--confirm", "-m", "new"]).run().success();
    relay.wait_for_lines(200);
    let said = relay.end();
    assert!(said.contains("1 damaged record left out"), "{said}");
}

/// Runs a shell script in a mount namespace with a small disk at `$1`.
fn on_small_disk(at: &Path, script: &str) -> Option<Running> {
    let unshare = || {
        let mut command = Command::new("unshare");
        clear_environment(&mut command);
        let root = rustix::process::geteuid().is_root();
        command.arg("--mount");
        if !root {
            command.args(["--user", "--map-root-user"]);
        }
        command
    };
    let mount = "mount -t tmpfs -o size=256k none \"$1\"";
    let can = unshare().args(["sh", "-c", mount, "sh"]).arg(at).output();
    if !can.is_ok_and(|output| output.status.success()) {
        return left_out("unshare --mount", "no disk can be mounted");
    }
    let mut command = unshare();
    command.args(["sh", "-c", &format!("{mount}\n{script}"), "sh"]).arg(at);
    command.arg(env!("CARGO_BIN_EXE_zlog"));
    Some(Running::start(command, Input::Open))
}

#[test]
fn on_a_full_disk_the_input_waits_and_goes_on_when_there_is_room() {
    let directory = tempfile::tempdir().unwrap();
    let mut relay = Relay::start(&[]);
    relay.running.signal(rustix::process::Signal::STOP);
    let script = format!(
        "\"$2\" emit --no-detect --confirm --linger 60s --confirm-at {} --spool \"$1/spool\"",
        relay.confirm
    );
    let Some(mut emit) = on_small_disk(directory.path(), &script) else { return };
    emit.write(numbers(0..5000));
    emit.close_stdin();
    emit.expect_stderr("no room in the spool");
    relay.running.signal(rustix::process::Signal::CONT);
    emit.wait().success();
    assert_eq!(relay.wait_for_lines(5000), expected(0..5000));
    relay.end();
}

/// Fills the small disk at `$1`, and frees it once there is this file.
fn fill_until(file: &Path) -> String {
    format!(
        "head -c 1M /dev/zero >\"$1/fill\" 2>/dev/null\n\
         (for _ in $(seq 600); do [ -e '{}' ] && break; sleep 0.1; done; rm \"$1/fill\") \
         >/dev/null 2>&1 &\n",
        file.display()
    )
}

#[test]
fn on_a_disk_that_is_full_at_the_start_the_input_waits_until_there_is_room() {
    let (directory, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let is_free = other.path().join("free");
    let mut relay = Relay::start(&[]);
    let script = format!(
        "{}\"$2\" emit --no-detect --confirm --linger 60s --confirm-at {} --spool \"$1/spool\"",
        fill_until(&is_free),
        relay.confirm
    );
    let Some(mut emit) = on_small_disk(directory.path(), &script) else { return };
    emit.write(numbers(0..100));
    emit.close_stdin();
    emit.expect_stderr("waiting: no room to open the spool");
    std::fs::write(&is_free, "").unwrap();
    emit.wait().success();
    assert_eq!(relay.wait_for_lines(100), expected(0..100));
    relay.end();
}

#[test]
fn on_a_disk_that_is_full_from_the_start_with_on_full_drop_all_records_are_counted() {
    let (directory, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let is_done = other.path().join("done");
    let script = format!(
        "{}\"$2\" emit --no-detect --fail-on-loss --on-full drop --linger 0s \
         --confirm-at tcp://127.0.0.1:1 --spool \"$1/spool\"",
        fill_until(&is_done)
    );
    let Some(mut emit) = on_small_disk(directory.path(), &script) else { return };
    emit.write(numbers(0..100));
    emit.close_stdin();
    let said = emit.wait().code(3).err();
    std::fs::write(&is_done, "").unwrap();
    assert_eq!(said.matches("dropping records: no room to open the spool").count(), 1, "{said}");
    assert!(said.contains("100 dropped"), "{said}");
}

#[test]
fn a_relay_whose_disk_is_full_at_the_start_runs_and_stores_once_there_is_room() {
    let (directory, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (is_free, out) = (other.path().join("free"), other.path().join("out"));
    let address = own_address();
    let script = format!(
        "{}exec \"$2\" relay -b {address} -p {address} --no-ask --confirm-at {address} \
         --linger 60s --file '{},format=%(message)s' --spool \"$1/spool\"",
        fill_until(&is_free),
        out.display()
    );
    let Some(mut relay) = on_small_disk(directory.path(), &script) else { return };
    relay.expect_stderr("senders wait: no room to open the spool");
    let [collect, _, confirm] = relay.endpoints(3).try_into().unwrap();
    // Records without confirmation pass.
    let plain = ["emit", "-c", &collect, "--wait", "60s", "-m", "plain"];
    zlog(plain).run().success();
    let until = Instant::now() + DEADLINE;
    while std::fs::read_to_string(&out).unwrap_or_default() != "plain\n" {
        assert!(Instant::now() < until, "{:?}", std::fs::read_to_string(&out));
        std::thread::sleep(STEP);
    }
    let spool = other.path().join("emit");
    let mut emit = emit(&confirm, &spool).args(["--confirm"]).stdin_open().start();
    emit.write(numbers(0..100));
    emit.close_stdin();
    emit.expect_stderr("has not confirmed anything");
    std::fs::write(&is_free, "").unwrap();
    emit.wait().success().stderr_has("100 confirmed");
    relay.terminate();
    relay.wait().code(143).stderr_has("is open now").stderr_has("stored 100 records");
    let lines: Vec<_> = std::fs::read_to_string(&out).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(lines[1..], expected(0..100));
}

#[test]
fn a_position_is_not_saved_past_records_that_a_full_disk_has_kept_in_memory() {
    let (directory, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let at = |name: &str| other.path().join(name).display().to_string();
    let (log, more, position) = (at("log"), at("more"), at("position"));
    std::fs::write(&log, numbers(0..10)).unwrap();
    std::fs::write(&more, numbers(10..200)).unwrap();
    let mut relay = Relay::start(&[]);
    // The first process is killed after it has read what has no room on the disk.
    let script = format!(
        "args=\"emit --no-detect --file {log} --position {position} --spool $1/spool\"\n\
         \"$2\" $args --follow --confirm-at tcp://127.0.0.1:1 & emit=$!\n\
         for _ in $(seq 600); do [ -s {position} ] && break; sleep 0.1; done\n\
         head -c 1M /dev/zero >\"$1/fill\" 2>/dev/null\n\
         cat {more} >>{log}; sleep 1\n\
         kill -9 $emit; wait $emit; rm \"$1/fill\"\n\
         \"$2\" $args --confirm --linger 60s --confirm-at {}",
        relay.confirm
    );
    let Some(emit) = on_small_disk(directory.path(), &script) else { return };
    emit.wait().success();
    let lines = relay.wait_for_line(|line| line == "199");
    let missing: Vec<_> = expected(0..200).into_iter().filter(|it| !lines.contains(it)).collect();
    assert_eq!(missing, [""; 0]);
    relay.end();
}
