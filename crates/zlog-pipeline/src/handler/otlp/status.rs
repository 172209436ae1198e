//! What a collector answers by gRPC.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::HeaderMap;
use prost::Message;

use super::answer::{self, Answer, Refusal};
use crate::otlp::grpc;

/// `google.rpc.Status`, as far as it says when to try again.
#[derive(Clone, PartialEq, Message)]
struct Details {
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<Delay>,
}

/// `google.protobuf.Duration`.
#[derive(Clone, PartialEq, Message)]
struct Delay {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

/// Names of statuses, by their numbers.
const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// Reads an answer. `headers` have the trailers, too; `body` is `None` if it was too long.
///
/// Which statuses mean to try again stands in
/// <https://opentelemetry.io/docs/specs/otlp/#failures>.
pub(super) fn read(status: StatusCode, headers: &HeaderMap, body: Option<&Bytes>) -> Answer {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(code) = text("grpc-status").and_then(|code| code.parse::<usize>().ok()) else {
        // Something between here and the collector, which knows HTTP alone.
        return match answer::read(status, headers, body.map(|body| &**body)) {
            Answer::Accepted { .. } | Answer::Invalid(_) => {
                Answer::Invalid(format!("{status} without a status of gRPC"))
            }
            other => other,
        };
    };
    let message = answer::shortened(&percent_decoded(text("grpc-message").unwrap_or_default()));
    let after = retry_delay(text("grpc-status-details-bin").unwrap_or_default());
    let name = NAMES.get(code).copied().unwrap_or("an unknown status");
    let status = format!("{name} ({code})");
    // The words of grpc-go and of tonic.
    let is_too_large = message.contains("larger than max") || message.contains("too large");
    match code {
        0 => accepted(body),
        8 | 11 if is_too_large => Answer::TooLarge,
        8 if after.is_none() => Answer::Refused { kind: Refusal::Other, status, message },
        1 | 4 | 8 | 10 | 11 | 14 | 15 => Answer::Retry { status, message, after },
        7 | 16 => Answer::Refused { kind: Refusal::Login, status, message },
        12 => Answer::Refused { kind: Refusal::Path, status, message },
        _ => Answer::Refused { kind: Refusal::Other, status, message },
    }
}

fn accepted(body: Option<&Bytes>) -> Answer {
    let invalid = || Answer::Invalid("its answer is no message of gRPC".to_owned());
    match body.and_then(grpc::message) {
        Some((message, false)) => answer::partial(&message).unwrap_or_else(invalid),
        _ => invalid(),
    }
}

/// The time of `RetryInfo`, if there is one.
fn retry_delay(details: &str) -> Option<Duration> {
    let bytes = STANDARD_NO_PAD.decode(details.trim_end_matches('=')).ok()?;
    let details = Details::decode(&*bytes).ok()?.details;
    let found = details.iter().find(|it| it.type_url.ends_with("/google.rpc.RetryInfo"))?;
    let delay = RetryInfo::decode(&*found.value).ok()?.retry_delay.unwrap_or_default();
    let (seconds, nanos) = (u64::try_from(delay.seconds), u32::try_from(delay.nanos));
    let delay =
        Duration::from_secs(seconds.unwrap_or(0)) + Duration::from_nanos(nanos.unwrap_or(0).into());
    Some(delay.min(answer::LONGEST_WAIT))
}

/// The text of a header of gRPC.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(|_| *first == b'%');
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(pairs: &[(&'static str, &str)], body: &'static [u8]) -> Answer {
        let pair = |(name, value): &(&'static str, &str)| {
            (hyper::header::HeaderName::from_static(name), value.parse().unwrap())
        };
        read(StatusCode::OK, &pairs.iter().map(pair).collect(), Some(&Bytes::from_static(body)))
    }

    #[test]
    fn the_status_decides_whether_a_batch_is_sent_again() {
        let none = Answer::Accepted { rejected: 0, message: String::new() };
        assert_eq!(answer(&[("grpc-status", "0")], &[0; 5]), none);
        assert!(matches!(answer(&[("grpc-status", "0")], b""), Answer::Invalid(_)));
        assert!(matches!(answer(&[], &[0; 5]), Answer::Invalid(_)));
        let message = ("grpc-message", "no%20caf%C3%A9 %");
        for (code, again) in [("14", true), ("4", true), ("3", false), ("16", false), ("8", false)]
        {
            match answer(&[("grpc-status", code), message], b"") {
                Answer::Retry { message, after: None, .. } if again => {
                    assert_eq!(message, "no café %");
                }
                Answer::Refused { message, .. } if !again => assert_eq!(message, "no café %"),
                other => panic!("{code}: {other:?}"),
            }
        }
        let long = ("grpc-message", "grpc: received message larger than max (5 vs. 4)");
        assert_eq!(answer(&[("grpc-status", "8"), long], b""), Answer::TooLarge);
    }

    #[test]
    fn a_collector_that_is_out_of_resources_says_when_to_try_again() {
        let delay = Delay { seconds: 3, nanos: 500_000_000 };
        let value = RetryInfo { retry_delay: Some(delay) }.encode_to_vec();
        let type_url = "type.googleapis.com/google.rpc.RetryInfo".to_owned();
        let details = Details { details: vec![Any { type_url, value }] }.encode_to_vec();
        let details = STANDARD_NO_PAD.encode(details);
        let pairs = [("grpc-status", "8"), ("grpc-status-details-bin", &*details)];
        match answer(&pairs, b"") {
            Answer::Retry { status, after, .. } => {
                assert_eq!(
                    (&*status, after),
                    ("RESOURCE_EXHAUSTED (8)", Some(Duration::from_millis(3500)))
                );
            }
            other => panic!("{other:?}"),
        }
    }
}
