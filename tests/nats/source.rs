use std::collections::HashSet;
use std::time::{Duration, Instant};

use serde_json::Value;
use zlog_pipeline::handler::Handler;

use super::{STREAM, close, handler, options, record};
use crate::harness::{DEADLINE, Finished, Nats, nats, nats_with, old_nats, zlog};

/// Stores records `first` to `last` of a topic.
fn store(server: &Nats, topic: &'static str, first: u64, last: u64) {
    let mut handler = handler(options(server));
    for seq in first..=last {
        handler.handle(&record("a", topic, seq)).unwrap();
    }
    close(&mut handler);
}

/// The numbers of the printed records.
fn seqs(finished: &Finished) -> Vec<u64> {
    let seq = |line: &str| serde_json::from_str::<Value>(line).unwrap()["seq"].as_u64().unwrap();
    finished.out().lines().map(seq).collect()
}

#[track_caller]
fn tail(server: &Nats, args: &[&str]) -> Finished {
    zlog(["tail", "-o", "json", &server.url()]).args(args).run().success()
}

#[test]
fn the_end_of_the_history_ends_the_command_and_prefixes_select_by_bytes() {
    for server in [nats(), old_nats()].into_iter().flatten() {
        tail(with_stream(&server), &[]).stderr_lacks("zlog tail:");
        for (first, topic) in
            ["app.ERROR", "app.ERROR.db", "app.ERRORS", "app.INFO", "web.ERROR", "a b.INFO"]
                .into_iter()
                .enumerate()
        {
            let first = first as u64 * 10 + 1;
            store(&server, topic, first, first + 2);
        }
        let all = seqs(&tail(&server, &[]));
        assert_eq!(all.len(), 18);
        assert!(all.is_sorted());
        assert_eq!(seqs(&tail(&server, &["app.ERROR"])), [1, 2, 3, 11, 12, 13, 21, 22, 23]);
        assert_eq!(
            seqs(&tail(&server, &["app.ERROR", "web."])),
            [1, 2, 3, 11, 12, 13, 21, 22, 23, 41, 42, 43]
        );
        assert_eq!(seqs(&tail(&server, &["--whole-parts", "app.ERROR"])), [1, 2, 3, 11, 12, 13]);
        assert_eq!(seqs(&tail(&server, &["--root", "web"])), [41, 42, 43]);
        assert_eq!(seqs(&tail(&server, &["a b"])), [51, 52, 53]);
        assert_eq!(seqs(&tail(&server, &["app", "--not", "app.ERROR", "-n", "2"])), [31, 32]);
        assert_eq!(seqs(&tail(&server, &["-i", "a 12$"])), [12]);
        assert_eq!(seqs(&tail(&server, &["--last", "4"])), [43, 51, 52, 53]);
        assert_eq!(seqs(&tail(&server, &["--last", "2", "app.ERROR."])), [12, 13]);
        assert_eq!(seqs(&tail(&server, &["--last", "2", "app.ERROR"])), [22, 23]);
        assert_eq!(seqs(&tail(&server, &["--last", "2", "-i", "a 1"])), [12, 13]);
        assert_eq!(seqs(&tail(&server, &["nothing"])), [0; 0]);
    }
}

/// A server that has an empty stream.
fn with_stream(server: &Nats) -> &Nats {
    server.client().create(async_nats::jetstream::stream::Config {
        name: STREAM.to_owned(),
        subjects: vec!["zlog.>".to_owned()],
        ..Default::default()
    });
    server
}

#[test]
fn raw_bodies_and_records_of_other_programs_are_read() {
    let Some(server) = nats() else { return };
    store(&server, "app.INFO", 1, 1);
    let client = server.client();
    client.publish("zlog.shop.ERROR", "plain text");
    let stored = client.stored(STREAM);
    let raw = zlog(["tail", "-o", "raw", &server.url()]).run().success();
    let bodies = [&stored[0].body[..], b"\nplain text\n"].concat();
    raw.stdout(bodies);
    let text = zlog(["tail", "-o", "json", "shop", &server.url()]).run().success();
    let text: Value = serde_json::from_str(text.out().trim()).unwrap();
    assert_eq!((&text["msg"], &text["levelno"]), (&"plain text".into(), &40.into()));
}

#[test]
fn since_and_until_bound_the_history_by_the_times_of_records() {
    let Some(server) = nats() else { return };
    let mut handler = handler(options(&server));
    let now =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    for (seq, age) in [(1, 3.0), (2, 2.0), (3, 1.0), (4, 0.1)] {
        let created = Some(now - age * 3600.0);
        handler.handle(&zlog_core::Record { created, ..record("a", "app.INFO", seq) }).unwrap();
    }
    close(&mut handler);
    assert_eq!(seqs(&tail(&server, &["--since", "150m"])), [2, 3, 4]);
    assert_eq!(seqs(&tail(&server, &["--since", "150m", "--until", "30m"])), [2, 3]);
    assert_eq!(seqs(&tail(&server, &["--until", "150m"])), [1]);
    assert_eq!(seqs(&tail(&server, &["--since", "150m", "--last", "1"])), [4]);
}

#[test]
fn history_and_live_records_follow_each_other_without_a_gap_through_an_outage() {
    let Some(mut server) = nats() else { return };
    store(&server, "app.INFO", 1, 20);
    let mut tail = zlog(["tail", "-o", "json", "--follow", "--last", "5", &server.url()]).start();
    tail.expect_stdout("\"seq\":20");
    store(&server, "app.INFO", 21, 30);
    tail.expect_stdout("\"seq\":30");
    server.kill();
    // At once, not when the next sign of life is due.
    tail.expect_stderr("broke: the server is gone. Connecting again");
    server.run();
    tail.expect_stderr("connected again");
    store(&server, "app.INFO", 31, 40);
    tail.expect_stdout("\"seq\":40");
    tail.terminate();
    let tail = tail.wait().code(143).stderr_lacks("lost");
    assert_eq!(seqs(&tail), (16..=40).collect::<Vec<_>>());
}

#[test]
fn a_durable_consumer_goes_on_where_it_stopped() {
    for server in [nats(), old_nats()].into_iter().flatten() {
        store(&server, "app.INFO", 1, 10);
        let durable = |args: &[&str]| tail(&server, &[&["--durable", "files"], args].concat());
        assert_eq!(seqs(&durable(&["-n", "4"])), [1, 2, 3, 4]);
        // What the first one had requested and not done was given back: it may come in any order, and
        // twice.
        let mut rest = seqs(&durable(&[]));
        rest.sort_unstable();
        rest.dedup();
        assert_eq!(rest, (5..=10).collect::<Vec<_>>());
        assert_eq!(seqs(&durable(&[])), [0; 0]);
        store(&server, "app.INFO", 11, 12);
        assert_eq!(seqs(&durable(&[])), [11, 12]);
        let other = zlog(["tail", &server.url(), "--durable", "files", "web."]).run().code(1);
        other
            .stderr_has("the consumer files is not for these topics: it is \"zlog tail --durable: all topics\"")
            .stderr_has("nats consumer rm ZLOG files");
    }
}

#[test]
fn several_readers_of_a_durable_consumer_divide_the_records() {
    let Some(server) = nats() else { return };
    store(&server, "app.INFO", 1, 1);
    let args = ["tail", "-o", "json", "--follow", "--durable", "work", &server.url()];
    let mut readers: Vec<_> = (0..3).map(|_| zlog(args).start()).collect();
    let threads = |reader: &mut crate::harness::Running| reader.wait_for_thread("nats");
    readers.iter_mut().for_each(threads);
    for batch in 0..30 {
        store(&server, "app.INFO", 2 + batch * 100, 101 + batch * 100);
    }
    let until = Instant::now() + DEADLINE;
    let printed = |reader: &crate::harness::Running| {
        reader.stdout.bytes().iter().filter(|byte| **byte == b'\n').count()
    };
    while readers.iter().map(printed).sum::<usize>() < 3001 {
        assert!(Instant::now() < until, "{:?}", readers.iter().map(printed).collect::<Vec<_>>());
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut all = Vec::new();
    for mut reader in readers {
        reader.terminate();
        let own = seqs(&reader.wait().code(143));
        assert!(!own.is_empty() && own.is_sorted());
        all.extend(own);
    }
    assert!(all.len() < 3101, "{} records came twice", all.len() - 3001);
    assert_eq!(all.into_iter().collect::<HashSet<_>>(), (1..=3001).collect());
}

#[test]
fn a_record_is_acknowledged_when_its_handler_has_it() {
    let Some(server) = nats() else { return };
    store(&server, "app.INFO", 1, 3);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("app.log");
    let run = |handler: &str| {
        let args = ["tail", &server.url(), "--durable", "d", "--linger", "500ms", handler];
        zlog(args).run()
    };
    // Nobody listens there: the records are lost for this tail, and come again.
    run("--syslog=tcp://127.0.0.1:1,retry=50ms").stderr_has("3 of 3 records were lost");
    run(&format!("--file={},format=%(message)s", file.display())).success();
    let text = std::fs::read_to_string(&file).unwrap();
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    lines.dedup();
    assert_eq!(lines, ["a 1", "a 2", "a 3"]);
    run(&format!("--file={},format=%(message)s", file.display())).success();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
}

#[test]
fn what_can_not_be_read_is_reported_with_the_next_step() {
    let Some(mut server) = nats_with("authorization { token: 't' }") else { return };
    let tail = |args: &[&str]| zlog(["tail"]).args(args).env("ZLOG_NATS_TOKEN", "t").run();
    tail(&[&server.url()]).code(1).stderr_has("there is no stream ZLOG").stderr_has("stream=NAME");
    let wrong = zlog(["tail", &server.url()]).run().code(1);
    wrong.stderr_has("refuses the login").stderr_has("ZLOG_NATS_TOKEN");
    let url = server.url();
    server.kill();
    tail(&[&url]).code(1).stderr_has("no NATS server at").stderr_has("Check that it runs");
    tail(&[&url, "tcp://127.0.0.1:1"]).code(2).stderr_has("can't be combined");
    tail(&["--from-nats", &format!("{url},steam=X")]).code(2).stderr_has("stream");
    tail(&["--durable", "d", "--timeout", "1ms"]).stderr_has("--durable has no effect");
}

#[test]
fn a_number_of_records_and_a_time_limit_wait_for_them() {
    let Some(server) = nats() else { return };
    store(&server, "app.INFO", 1, 1);
    let tail = |count: &str, timeout: &str| {
        zlog(["tail", "-o", "json", &server.url(), "-n", count, "--timeout", timeout])
    };
    assert_eq!(seqs(&tail("1", "60s").run().success()), [1]);
    let missing = tail("2", "500ms").run().code(3).stderr_has("1 of 2 records came within 500ms");
    assert_eq!(seqs(&missing), [1]);
    let mut waiting = tail("2", "60s").start();
    waiting.expect_stdout("\"seq\":1");
    store(&server, "app.INFO", 2, 2);
    assert_eq!(seqs(&waiting.wait().success()), [1, 2]);
}

#[test]
fn why_nothing_is_found_is_told() {
    let Some(server) = nats() else { return };
    server.client().create(async_nats::jetstream::stream::Config {
        name: STREAM.to_owned(),
        subjects: vec!["zlog.>".to_owned(), "other.>".to_owned()],
        ..Default::default()
    });
    store(&server, "app.INFO", 1, 2);
    let source = |keys: &str| format!("--from-nats={}{keys}", server.url());
    let wrong = zlog(["tail", &source(",prefix=eu")]).run().code(1);
    wrong
        .stderr_has("the stream ZLOG has no records under eu.>: it collects ")
        .stderr_has("prefix=");
    let other = zlog(["tail", &source(",prefix=other")]).run().success();
    other.stderr_has("the stream ZLOG has 2 records, none of them under other.>");
    let late = zlog(["tail", &source(""), "--since", "2099-01-01"]).run().success();
    late.stderr_has("no record of the stream ZLOG was stored since then; the last one at 2");
}

#[test]
fn a_server_is_also_named_by_host_and_port() {
    let Some(server) = nats() else { return };
    let url = server.url();
    let address = url.strip_prefix("nats://").unwrap();
    zlog(["emit", "-m", "hello", "--nats", address]).run().success().stderr_has("1 record");
    let tail = zlog(["tail", "-o", "text", "--from-nats", address]).run().success();
    tail.stdout("hello\n");
}

#[test]
fn a_durable_consumer_that_somebody_deletes_ends_the_command() {
    let Some(server) = nats() else { return };
    store(&server, "app.INFO", 1, 2);
    let mut tail =
        zlog(["tail", "-o", "json", "--follow", "--durable", "d", &server.url()]).start();
    tail.expect_stdout("\"seq\":2");
    server.client().delete_consumer(STREAM, "d");
    let tail = tail.wait().code(1);
    tail.stderr_has("the consumer d was deleted while it was read").stderr_has("Start again");
}
