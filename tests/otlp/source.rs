use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use serde_json::{Value, json};

use super::full_record;
use crate::harness::{ANY_PORT, Rotel, Running, Zlog, python, zlog};

/// A relay that receives OTLP, and passes every record to its console.
struct Relay {
    relay: Running,
    address: SocketAddr,
    /// How many records [`Relay::next`] has returned.
    seen: usize,
}

fn relay() -> Zlog {
    let ports = ["--bind", ANY_PORT, "--publish-bind", ANY_PORT, "--no-ask"];
    zlog(["relay", "--otlp-listen", "127.0.0.1:0", "--console=format=json"]).args(ports)
}

impl Relay {
    #[track_caller]
    fn start(relay: Zlog) -> Relay {
        let mut relay = relay.start();
        let address = relay.expect_address("for OpenTelemetry");
        Relay { relay, address, seen: 0 }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next record.
    #[track_caller]
    fn next(&mut self) -> Value {
        self.seen += 1;
        let line = self.relay.expect_stdout_line(self.seen);
        serde_json::from_str(&line).unwrap()
    }

    #[track_caller]
    fn end(mut self) {
        self.relay.terminate();
        self.relay.wait().code(143);
    }
}

/// Checks the records of `otlp_logging.py`.
#[track_caller]
fn check_python(relay: &mut Relay, count: usize, ids: &str) {
    for number in 0..count {
        let record = relay.next();
        assert_eq!(record["msg"], format!("order {number} lost"), "{record}");
        for (name, value) in [
            ("topic", json!("shop.ERROR")),
            ("levelno", json!(40)),
            ("name", json!("shop.orders")),
            ("funcName", json!("<module>")),
            ("filename", json!("otlp_logging.py")),
            ("order", json!(7)),
            ("big", json!(1_u64 << 60)),
            ("tags", json!(["a", "b"])),
            ("ok", json!(true)),
            ("service.instance.id", json!("shop-1")),
            ("k8s.pod.name", json!("p")),
            ("telemetry.sdk.language", json!("python")),
            ("processName", Value::Null),
            ("seq", json!(number + 1)),
        ] {
            assert_eq!(record[name], value, "{name}: {record}");
        }
        assert!(record["exc_text"].as_str().unwrap().ends_with("ValueError: no ☃"), "{record}");
        if number == 0 {
            let seen = [&record["trace_id"], &record["span_id"]].map(|id| id.as_str().unwrap());
            assert_eq!(seen.join(" "), ids);
        }
    }
}

#[test]
fn records_of_the_python_sdk_arrive_whole_over_http_and_grpc() {
    let Some(python) = python() else { return };
    let mut relay = Relay::start(relay());
    for protocol in ["http", "grpc"] {
        for compression in ["none", "gzip"] {
            let endpoint = match protocol {
                "http" => format!("{}/v1/logs", relay.url()),
                _ => relay.url(),
            };
            let args = [protocol, &endpoint, "1", compression];
            let sent = python.script("otlp_logging", &args).wait().success();
            // Numbers begin at 1 for the first sender alone.
            let record = relay.next();
            assert_eq!(record["msg"], "order 0 lost", "{protocol}, {compression}");
            assert_eq!(
                format!("{} {}", record["trace_id"], record["span_id"]).replace('"', ""),
                sent.out().trim()
            );
        }
    }
    relay.end();
}

#[test]
fn many_records_of_the_python_sdk_arrive_in_order() {
    let Some(python) = python() else { return };
    let mut relay = Relay::start(relay());
    let endpoint = format!("{}/v1/logs", relay.url());
    let sent = python.script("otlp_logging", &["http", &endpoint, "600", "gzip"]).wait().success();
    check_python(&mut relay, 600, sent.out().trim());
    relay.end();
}

#[test]
fn what_a_collector_passes_on_is_the_record_that_zlog_sent() {
    for protocol in ["http", "grpc"] {
        let mut relay = Relay::start(relay());
        let Some(rotel) = Rotel::start(&relay.url(), protocol) else { return };
        let line = format!("{}\n", full_record());
        let sends_to = if protocol == "http" { rotel.http() } else { rotel.grpc() };
        let option = format!("--otlp={sends_to},compression=gzip");
        zlog(["tail", "--input", "-", &option]).stdin(line).run().success();
        let (mut record, mut sent) = (relay.next(), full_record());
        assert_eq!(record["service.instance.id"], sent["source"], "{record}");
        // The message is sent as it reads. The relay numbers it anew, and nothing is told by the time of
        // its start.
        sent["msg"] = "one of 5 lost ☃".into();
        for name in ["args", "source", "seq", "received", "msecs", "service.instance.id"] {
            for record in [&mut record, &mut sent] {
                record.as_object_mut().unwrap().remove(name);
            }
        }
        assert_eq!(record, sent, "{protocol}");
        relay.end();
    }
}

#[test]
fn what_the_python_sdk_could_not_send_comes_when_the_relay_is_back() {
    let Some(python) = python() else { return };
    let first = Relay::start(relay());
    let address = first.address.to_string();
    let endpoint = format!("http://{address}/v1/logs");
    first.end();
    // Nobody listens now: the SDK tries again.
    let sender = python.script("otlp_logging", &["http", &endpoint, "3", "none"]);
    let ports = ["--bind", ANY_PORT, "--publish-bind", ANY_PORT, "--no-ask"];
    let args = ["relay", "--otlp-listen", &address, "--console=format=json"];
    let mut second = Relay::start(zlog(args).args(ports));
    check_python(&mut second, 3, sender.wait().success().out().trim());
    second.end();
}

/// Sends bytes, and reads the answer until the connection is closed.
fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    // It may be closed before all is written.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn hostile_peers_are_refused_and_hold_nobody_up() {
    let Some(python) = python() else { return };
    let mut relay = Relay::start(relay());
    // They stop in the middle of a head, of a body, and before anything.
    let head = "POST /v1/logs HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-protobuf\r\n";
    let stalled: Vec<TcpStream> =
        ["", "PO", head, &format!("{head}Content-Length: 50\r\n\r\nx"), "PRI"]
            .iter()
            .map(|begin| {
                let mut stream = TcpStream::connect(relay.address).unwrap();
                stream.write_all(begin.as_bytes()).unwrap();
                stream
            })
            .collect();
    let close = "Connection: close\r\n";
    for (head, body, answer) in [
        (head.replace("/v1/logs", "/v1/traces"), "", "HTTP/1.1 404 "),
        (head.replace("POST", "GET"), "", "HTTP/1.1 405 "),
        (head.replace("x-protobuf", "json"), "{}", "HTTP/1.1 415 "),
        (format!("{head}Content-Encoding: br\r\n"), "", "HTTP/1.1 415 "),
        (format!("{head}Content-Encoding: gzip\r\n"), "no gzip", "HTTP/1.1 400 "),
        (head.to_owned(), "no protobuf", "HTTP/1.1 400 "),
    ] {
        let length = body.len();
        let request = format!("{head}{close}Content-Length: {length}\r\n\r\n{body}");
        let answered = exchange(relay.address, request.as_bytes());
        assert!(answered.starts_with(answer), "{request}: {answered}");
    }
    let huge = format!("{head}Content-Length: 99999999\r\n\r\n");
    assert!(exchange(relay.address, huge.as_bytes()).starts_with("HTTP/1.1 413 "));
    // A bomb: 64 MiB of zeros in 64 KiB.
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    bomb.write_all(&vec![0; 64 << 20]).unwrap();
    let bomb = bomb.finish().unwrap();
    let length = bomb.len();
    let request =
        format!("{head}{close}Content-Encoding: gzip\r\nContent-Length: {length}\r\n\r\n");
    let answered = exchange(relay.address, &[request.as_bytes(), &bomb].concat());
    assert!(answered.starts_with("HTTP/1.1 413 "), "{answered}");
    exchange(relay.address, b"\x16\x03\x01 a hello of TLS\r\n\r\n");
    relay.relay.expect_stderr("of OTLP: it sends no HTTP");

    let endpoint = format!("{}/v1/logs", relay.url());
    let sent = python.script("otlp_logging", &["http", &endpoint, "3", "none"]).wait().success();
    check_python(&mut relay, 3, sent.out().trim());
    // Nor do they hold up the end.
    relay.end();
    drop(stalled);
}

#[test]
fn a_record_that_is_too_long_is_refused_with_its_reason_and_the_others_arrive() {
    let mut relay = Relay::start(relay().args(["--max-record", "2K"]));
    let line = |text: &str| format!("{}\n", json!({"msg": text, "name": "app", "levelno": 20}));
    let input = [line("first"), line(&"x".repeat(3000)), line("last")].concat();
    for scheme in ["http", "grpc"] {
        let option = format!("--otlp={scheme}://{}", relay.address);
        let tail = zlog(["tail", "--input", "-", &option]).stdin(&*input).run();
        tail.stderr_has("1 record was not taken: the collector rejects them: a record has 30")
            .stderr_has("more than --max-record (2048)");
        assert_eq!(relay.next()["msg"], "first");
        assert_eq!(relay.next()["msg"], "last");
        relay.relay.expect_stderr("1 record of 127.0.0.1:");
    }
    relay.end();
}

#[test]
fn records_that_are_sent_to_the_own_listener_would_circulate() {
    for args in [
        &["relay", "--otlp-listen", "4318", "--otlp", "http://localhost:4318"][..],
        &["relay", "--otlp-listen", "4317", "--otlp", "grpc://127.0.0.1"],
        &["emit", "--otlp-listen", "127.0.0.1", "--otlp", "http://127.0.0.1:4318"],
    ] {
        let refused = zlog(args).run().code(2).stderr_lacks("bound").stderr_lacks("listening on");
        refused
            .stderr_has(" would send records back to their source: 127.0.0.1:431")
            .stderr_has("They would circulate endlessly.");
    }
}

#[test]
fn only_loopback_is_listened_on_unless_it_is_allowed() {
    for address in ["0.0.0.0:0", "*:0"] {
        let refused = zlog(["relay", "--otlp-listen", address]).run().code(2);
        refused.stderr_has("--allow-remote");
    }
    zlog(["emit", "--otlp-listen", "unix:/tmp/x"]).run().code(2).stderr_has("Write HOST:PORT");
    let both = zlog(["emit", "--otlp-listen", "0", "--listen", "0"]).run().code(2);
    both.stderr_has("cannot be used with");
}
