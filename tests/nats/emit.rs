use super::STREAM;
use crate::harness::{ANY_PORT, nats, nats_with, published, zlog};

/// The option for this server.
fn option(url: &str) -> String {
    format!("--nats={url},retry=50ms,retry-max=100ms")
}

#[test]
fn records_are_stored_under_their_topics_and_nothing_is_published() {
    let Some(server) = nats() else { return };
    let args = ["emit", "--root", "backup", "--source", "nightly", &option(&server.url())];
    // Twice under the same source, as a job that runs again.
    for _ in 0..2 {
        let emit = zlog(args).stdin("hello\nERROR: no space\n").run().success();
        emit.stderr_has("2 records stored in ").stderr_lacks("bound").stderr_lacks("subscriber");
    }
    let stored = server.client().stored(STREAM);
    let seen: Vec<_> = stored
        .iter()
        .map(|stored| (&*stored.subject, stored.json()["seq"].as_u64().unwrap()))
        .collect();
    let both = [("zlog.backup.INFO", 1), ("zlog.backup.ERROR", 1)];
    assert_eq!(seen, [both, both].concat());
    assert_eq!(stored[0].json()["source"], "nightly");
}

#[test]
fn records_are_published_too_if_an_endpoint_is_given() {
    let Some(server) = nats() else { return };
    let emit =
        zlog(["emit", "--bind", ANY_PORT, "--wait", "60s", "--root", "a", &option(&server.url())]);
    let (messages, emit) = published(emit.stdin("hello\n"));
    emit.success().stderr_has("0 dropped; 1 stored");
    assert_eq!(messages[0].topic, "a.INFO");
    let stored = server.client().stored(STREAM);
    assert_eq!((stored.len(), &*stored[0].subject), (1, "zlog.a.INFO"));
}

#[test]
fn with_fail_on_loss_what_is_stored_is_no_loss_though_nobody_subscribes() {
    let Some(server) = nats() else { return };
    let args = ["emit", "--bind", ANY_PORT, "--wait", "0s", "--fail-on-loss", "-m", "x"];
    zlog(args).run().code(3).stderr_has("1 record lost: there was no subscriber yet");
    let stored = zlog(args).args([option(&server.url())]).run().success();
    stored.stderr_has("; 1 stored").stderr_has("1 had no subscriber").stderr_lacks("lost");
    assert_eq!(server.client().stored(STREAM).len(), 1);
}

#[test]
fn a_command_runs_to_its_end_while_the_server_is_away() {
    let Some(mut server) = nats() else { return };
    server.kill();
    let option = option(&server.url());
    let run = |more: &[&str]| {
        let emit = zlog(["emit", "--linger", "500ms", &option]).args(more);
        emit.args(["--", "sh", "-c", "echo hello; exit 7"]).run()
    };
    let emit = run(&[]).code(7);
    emit.stderr_has("no NATS server at")
        .stderr_has("1 of 1 record was lost (1 could not be delivered)");
    run(&["--fail-on-loss"]).code(7);
    let failed = zlog(["emit", "--linger", "500ms", "--fail-on-loss", "-m", "x", &option]).run();
    failed
        .code(3)
        .stderr_has("0 of 1 record stored in ")
        .stderr_has("; waited until --linger (500ms) was over")
        .stderr_lacks("stored in 0");
    let quiet = zlog(["emit", "--linger", "500ms", "--quiet", "-m", "x", &option]).run().code(1);
    let err = quiet.err();
    assert!(err.contains("1 of 1 record was lost") && err.lines().count() == 1, "{err}");
}

#[test]
fn the_lines_of_a_file_wait_for_the_end_of_an_outage_however_many_they_are() {
    let Some(mut server) = nats() else { return };
    server.kill();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("log");
    std::fs::write(&file, "line\n".repeat(1000)).unwrap();
    let option = format!("{},spool=10,queue=10", option(&server.url()));
    let mut emit = zlog(["emit", &option, "--file"]).args([&file]).start();
    emit.expect_stderr("no NATS server at");
    server.run();
    emit.wait().success().stderr_has("1,000 records stored").stderr_lacks("lost (");
    assert_eq!(server.client().count(STREAM), 1000);
}

#[test]
fn a_position_is_kept_until_records_are_stored() {
    let Some(mut server) = nats_with("") else { return };
    let directory = tempfile::tempdir().unwrap();
    let (file, position) = (directory.path().join("log"), directory.path().join("position"));
    std::fs::write(&file, "one\ntwo\n").unwrap();
    let option = option(&server.url());
    let emit = || {
        let paths = ["--file", file.to_str().unwrap(), "--position", position.to_str().unwrap()];
        zlog(["emit", "--linger", "1s", &option]).args(paths).run()
    };
    server.kill();
    emit().stderr_has("2 of 2 records were lost");
    server.run();
    emit().success().stderr_has("2 records stored");
    emit().success().stderr_has("0 records stored");
    assert_eq!(server.client().count(STREAM), 2);
}
