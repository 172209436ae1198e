use super::{check_full_record, full_record};
use crate::harness::{Finished, OtlpReceiver, Rotel, zlog};

/// Sends [`full_record`] with the handler.
fn send(option: &str) -> Finished {
    let option = format!("--otlp={option}");
    let line = format!("{}\n", full_record());
    zlog(["tail", "--input", "-", "--linger", "2s", &option]).stdin(line).run()
}

#[test]
fn the_package_of_opentelemetry_reads_every_field() {
    for compression in ["none", "gzip"] {
        let Some(mut receiver) = OtlpReceiver::start(&[]) else { return };
        send(&format!("{},compression={compression}", receiver.url("http"))).success();
        let request = receiver.next();
        assert_eq!(request["path"], "/v1/logs");
        assert_eq!(request["headers"]["content-type"], "application/x-protobuf");
        let encoding = (compression == "gzip").then_some("gzip");
        assert_eq!(request["headers"]["content-encoding"].as_str(), encoding);
        check_full_record(&request);
    }
}

#[test]
fn a_collector_passes_every_field_on() {
    let Some(mut receiver) = OtlpReceiver::start(&[]) else { return };
    let Some(rotel) = Rotel::start(&receiver.url("http"), "http") else { return };
    for url in [rotel.http(), rotel.grpc()] {
        for compression in ["none", "gzip"] {
            send(&format!("{url},compression={compression}")).success();
            check_full_record(&receiver.next());
        }
    }
}

#[test]
fn what_does_not_speak_the_protocol_is_named_with_the_next_step() {
    let Some(receiver) = OtlpReceiver::start(&[]) else { return };
    let tail = send(&receiver.url("grpc"));
    tail.stderr_has("the connection to the collector grpc://127.0.0.1:").stderr_has("1 record");
    for (scheme, plain) in [("https", "http"), ("grpcs", "grpc")] {
        let tail = send(&receiver.url(scheme));
        let tail = tail.stderr_has(&format!("the collector {scheme}://127.0.0.1:"));
        let tail = tail.stderr_has("answers without TLS").stderr_has("1 record");
        tail.stderr_has(&format!("write {plain}:// instead of {scheme}://"));
    }
}

#[test]
fn the_certificate_of_a_collector_is_checked() {
    let data = |name: &str| format!("{}/tests/data/tls/{name}", env!("CARGO_MANIFEST_DIR"));
    let key = data("key.pem");
    for (shown, trusted, says) in [
        ("cert.pem", Some("cert.pem"), None),
        ("cert.pem", None, Some("that is not trusted here")),
        ("cert.pem", Some("authority.pem"), Some("has a certificate")),
        ("other-name.pem", Some("other-name.pem"), Some(", not for 127.0.0.1")),
        ("expired.pem", Some("expired.pem"), Some("that expired on ")),
    ] {
        let Some(mut receiver) = OtlpReceiver::start(&[&data(shown), &key]) else { return };
        let trust = trusted.map(|name| format!(",trust={}", data(name))).unwrap_or_default();
        let tail = send(&format!("{}{trust}", receiver.url("https")));
        match says {
            None => {
                tail.success();
                check_full_record(&receiver.next());
            }
            Some(says) => {
                let tail = tail.stderr_has("the collector https://127.0.0.1:");
                tail.stderr_has(says).stderr_has("1 of 1 record was lost");
            }
        }
    }
}
