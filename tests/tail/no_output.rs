//! A `tail` that shows nothing says why, and its probe has no side effects.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::time::{Duration, Instant};

use serde_json::json;

use super::connections::{answer, web_server};
use super::{body, tail, tail_of};
use crate::harness::{ANY_PORT, DEADLINE, Input, Publisher, Running, zlog};

/// The user without rights.
const NOBODY: u32 = 65534;

/// Ends a running tail.
#[track_caller]
fn end(mut tail: Running) -> crate::harness::Finished {
    tail.terminate();
    tail.wait().code(143)
}

/// Repeats `send` until the subscriber subscribes to a prefix (`true`) or cancels it.
#[track_caller]
fn publish_until(publisher: &Publisher, change: (bool, &str), mut send: impl FnMut(&Publisher)) {
    let until = Instant::now() + DEADLINE;
    while Instant::now() < until {
        send(publisher);
        if publisher
            .next_change(Duration::from_millis(20))
            .is_some_and(|(on, t)| (on, &*t) == change)
        {
            return;
        }
    }
    panic!("no change of subscription {change:?}");
}

#[test]
fn a_tail_without_a_peer_reports_the_reason() {
    let (listener, endpoint) = web_server();
    std::thread::spawn(move || {
        loop {
            answer(&listener);
        }
    });
    // The system accepts connections to it, and nothing is ever sent.
    let (_mute, silent) = web_server();
    let cases = [
        ("tcp://127.0.0.1:1", "waiting: nobody answers at tcp://127.0.0.1:1 yet"),
        ("tcp://no-such-host.invalid:5555", "no-such-host.invalid:5555 is not found"),
        (&endpoint, "does not speak ZeroMQ"),
        (&silent, "is not a ZeroMQ publisher"),
    ];
    // All at the same time: each takes a few seconds.
    let tails = cases.map(|(endpoint, says)| (zlog(["tail", endpoint]).start(), says));
    let mut bound = zlog(["tail", "-b", ANY_PORT]).start();
    for (mut tail, says) in tails {
        tail.expect_stderr(says);
        end(tail);
    }
    bound.expect_stderr("no publisher has connected");
    end(bound);
}

#[test]
fn hundreds_of_dead_endpoints_are_reported_in_one_line() {
    let dead: Vec<String> = (1..=700).map(|port| format!("tcp://127.0.0.1:{port}")).collect();
    let tail = zlog(["tail", "--timeout", "5s"]).args(&dead).run().success();
    // A server may listen on some of the ports.
    let lines: Vec<_> =
        tail.err().lines().filter(|l| l.contains("nobody")).map(str::to_owned).collect();
    assert!(lines.len() == 1 && lines[0].ends_with(" more yet"), "{lines:?}");
}

#[test]
fn a_socket_file_that_cannot_be_used_is_reported_with_the_reason() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name| directory.path().join(name);
    drop(UnixListener::bind(path("stale")).unwrap());
    let _listener = UnixListener::bind(path("forbidden")).unwrap();
    for (path, mode) in
        [(path("stale"), 0o777), (path("forbidden"), 0), (directory.path().to_owned(), 0o755)]
    {
        std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }
    for (name, why) in [
        ("missing", "there is no such file"),
        ("stale", "no program listens on the socket"),
        ("forbidden", "no permission to connect to the socket"),
    ] {
        let endpoint = format!("ipc://{}", path(name).display());
        let mut command = zlog(["tail", &endpoint]).into_command();
        // Root may use any socket.
        if rustix::process::geteuid().is_root() {
            command.uid(NOBODY);
        }
        let mut tail = Running::start(command, Input::Empty);
        tail.expect_stderr(&format!("not connected to {endpoint}: {why}"));
    }
}

#[test]
fn a_peer_that_is_no_publisher_is_named() {
    let mut tail = zlog(["tail", "-b", ANY_PORT, "-o", "text"]).start();
    let endpoint = tail.endpoint();
    let mut healthy = zlog(["emit", "-c", &endpoint, "--wait", "60s"]).stdin_open().start();
    // As Logbook's ZeroMQHandler(multi=True) does.
    let push = zmq::Context::new().socket(zmq::PUSH).unwrap();
    push.set_linger(0).unwrap();
    push.connect(&endpoint).unwrap();
    let said = tail.expect_stderr("refused a peer at");
    // The type is not known if the peer has found out first and left.
    assert!(
        said.contains("the peer is a PUSH socket. ") || said.contains("the peer broke it off"),
        "{said}"
    );
    assert!(said.contains("Only publishers connect here") && said.contains("multi=True"), "{said}");
    healthy.write("still here\n");
    tail.expect_stdout("still here");
}

#[test]
fn a_publisher_that_stops_is_reported_even_after_records_were_shown() {
    let [one, two] = [Publisher::bind(), Publisher::bind()];
    let args = ["-o", "text", "-t", "a", "-c", &one.endpoint, "-c", &two.endpoint];
    let mut tail = zlog(["tail"]).args(args).start();
    for publisher in [&one, &two] {
        publisher.wait_for_subscription();
        publisher.send(["a.INFO", "hello"]);
    }
    tail.expect_stdout("hello");
    let gone = one.endpoint.clone();
    drop(one);
    let said = tail.expect_stderr("waiting again: nobody answers");
    assert!(said.contains(&gone), "{said}");
    let finished = end(tail).stdout("hello\nhello\n");
    assert_eq!(finished.err().lines().count(), 1, "{}", finished.err());
}

#[test]
fn a_misspelt_topic_is_reported_though_publishers_come_and_go() {
    let publisher = Publisher::bind();
    let mut tail = zlog(["tail", &publisher.endpoint, "myprogam.ERROR"]).start();
    publisher.wait_for_subscription();
    publisher.send(["myprogram.ERROR", "unheard"]);
    drop(publisher);
    let said =
        "a publisher has come and gone without a record of `myprogam.ERROR`. Without a topic, ";
    tail.expect_stderr(said);
    let finished = end(tail);
    assert_eq!(finished.err().matches("come and gone").count(), 1, "{}", finished.err());
}

#[test]
fn a_connection_without_records_is_reported() {
    for (_publisher, mut tail) in [&[][..], &["app.INFO"][..]].map(tail) {
        tail.expect_stderr("connected, and nothing has been published");
        end(tail);
    }
}

#[test]
fn other_topics_are_named_the_most_similar_first() {
    let (publisher, mut tail) = tail(&["myprogramm.ERROR"]);
    publish_until(&publisher, (false, ""), |publisher| {
        for topic in ["zebra.INFO", "other", "myprogram.ERROR", "a", "b"] {
            publisher.send([topic, "x"]);
        }
    });
    let said = tail.expect_stderr("other topics");
    assert!(said.contains("nearest: `myprogram.ERROR`"), "{said}");
    assert_eq!(said.matches('`').count(), 6, "three are named: {said}");
    end(tail).stdout("");
}

#[test]
fn the_names_of_other_topics_are_escaped() {
    let (publisher, mut tail) = tail(&["app"]);
    publish_until(&publisher, (false, ""), |publisher| {
        publisher.send(["ap\x1b]0;owned\x07", "x"]);
    });
    tail.expect_stderr(r"ap\x1b]0;owned\x07");
    let finished = end(tail);
    assert!(!finished.stderr.contains(&0x1b));
}

#[test]
fn the_probe_of_a_busy_stream_ends() {
    let (publisher, mut tail) = tail(&["app"]);
    publish_until(&publisher, (false, ""), |publisher| {
        for _ in 0..2000 {
            publisher.send(["other.INFO", "x"]);
        }
    });
    tail.expect_stderr("nearest: `other.INFO`");
    end(tail).stdout("");
}

#[test]
fn topics_left_out_by_whole_parts_are_named() {
    let (publisher, mut tail) = tail(&["--whole-parts", "app.ERROR"]);
    publish_until(&publisher, (false, ""), |publisher| publisher.send(["app.ERRORS", "x"]));
    tail.expect_stderr("nearest: `app.ERRORS`");
    end(tail).stdout("");
}

#[test]
fn filters_that_leave_out_all_records_are_reported() {
    let filters = [["--grep", "nothing"], ["--not", "app"], ["--level", "error"]];
    let tails = filters.map(|args| {
        let (publisher, tail) = tail(&args);
        publisher.send(["app.INFO", "x"]);
        (publisher, tail)
    });
    for (_publisher, tail) in &tails {
        let said = tail.stderr.wait_for_line(Instant::now() + DEADLINE, |_| true);
        let said = said.expect("it explains itself");
        assert!(said.contains("none of 1 record so far passes "), "{said}");
    }
}

#[test]
fn nothing_is_reported_with_quiet_or_after_a_record_was_shown() {
    let quiet = zlog(["tail", "-q", "--timeout", "4s", "tcp://127.0.0.1:1"]).start();
    let (publisher, tail) = tail(&["--timeout", "4s", "-o", "text"]);
    publisher.send(["app.INFO", "hello"]);
    assert_eq!(quiet.wait().success().err(), "");
    assert_eq!(tail.wait().success().stdout("hello\n").err(), "");
}

#[test]
fn the_probe_cancels_its_own_subscription_only() {
    let (publisher, mut tail) = tail(&["app.ERROR", "-o", "text"]);
    publish_until(&publisher, (true, ""), |_| {});
    publish_until(&publisher, (false, ""), |_| {});
    tail.expect_stderr("nothing has been published");
    // The publisher does not send a topic without a subscriber.
    publisher.send(["other.INFO", "other"]);
    publisher.send(["app.ERROR", "mine"]);
    tail.expect_stdout("mine");
    end(tail).stdout("mine\n");
}

#[test]
fn a_record_that_arrives_during_the_probe_ends_it() {
    let (publisher, mut tail) = tail(&["app.ERROR", "-o", "text"]);
    publish_until(&publisher, (true, ""), |_| {});
    publisher.send(["app.ERROR", "mine"]);
    tail.expect_stdout("mine");
    publish_until(&publisher, (false, ""), |publisher| publisher.send(["other.INFO", "x"]));
    let finished = end(tail).stdout("mine\n");
    assert_eq!(finished.err(), "");
}

#[test]
fn repeated_probes_report_no_losses() {
    let args = ["--root", "app", "--level", "error", "--fail-on-loss", "-n", "1", "-o", "text"];
    let (publisher, tail) = tail_of(5, &args);
    let mut seq = 0;
    for _ in 0..2 {
        publish_until(&publisher, (false, ""), |publisher| {
            seq += 1;
            let fields = json!({"source": "web1", "seq": seq});
            publisher.send(["app.INFO".to_owned(), body(fields)]);
        });
    }
    publisher.send(["app.ERROR".to_owned(), body(json!({"levelno": 40}))]);
    let finished = tail.wait().success().stdout("hello\n");
    assert!(finished.err().contains("`app.INFO`") && !finished.err().contains("lost"));
}
