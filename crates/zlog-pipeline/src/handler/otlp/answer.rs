//! What a collector answers.

use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use prost::Message as _;

use crate::os::clock::now;
use crate::otlp::proto::{ExportLogsPartialSuccess, ExportLogsServiceResponse, Status};
use zlog_core::text::prefix;

/// The longest wait that a collector may ask for. After it, the answer may be another.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(600);
/// The most bytes of a message that are shown.
const SHOWN: usize = 200;

/// An answer.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Answer {
    /// It took the records, except for so many, and may say why.
    Accepted { rejected: u64, message: String },
    /// It will never take them.
    Refused { kind: Refusal, status: String, message: String },
    /// The request is too large.
    TooLarge,
    /// It may take them later, after this time if it asked for one.
    Retry { status: String, message: String, after: Option<Duration> },
    /// This is no answer of a collector.
    Invalid(String),
}

/// Kinds of refusals, by what is to be done about them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Refusal {
    /// A login is missing or wrong.
    Login,
    /// Logs are not taken there.
    Path,
    /// They are taken elsewhere.
    Redirect,
    Other,
}

/// Reads an answer by HTTP. `body` is `None` if it was too long to be read.
pub(super) fn read(status: StatusCode, headers: &HeaderMap, body: Option<&[u8]>) -> Answer {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = &*kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if status.is_success() {
        let long = || Answer::Invalid("an answer of more than 1 MiB".to_owned());
        return body.map_or_else(long, |body| accepted(kind, body));
    }
    let message = explanation(kind, body.unwrap_or_default());
    let kind = match status.as_u16() {
        413 => return Answer::TooLarge,
        429 | 502 | 503 | 504 => {
            let (status, after) = (status.to_string(), retry_after(headers));
            return Answer::Retry { status, message, after };
        }
        401 | 403 => Refusal::Login,
        404 | 405 => Refusal::Path,
        300..=399 => Refusal::Redirect,
        _ => Refusal::Other,
    };
    Answer::Refused { kind, status: status.to_string(), message }
}

fn accepted(kind: &str, body: &[u8]) -> Answer {
    let invalid = || {
        let kind = if kind.is_empty() { "no content type" } else { kind };
        Answer::Invalid(format!("{} bytes, {kind}", body.len()))
    };
    if body.is_empty() {
        return Answer::Accepted { rejected: 0, message: String::new() };
    }
    let answer = match kind {
        "application/x-protobuf" => partial(body),
        "application/json" => json_partial(body).map(|partial| taken(&partial)),
        _ => None,
    };
    answer.unwrap_or_else(invalid)
}

/// The answer in an `ExportLogsServiceResponse`; `None` if it is none.
pub(super) fn partial(body: &[u8]) -> Option<Answer> {
    let response = ExportLogsServiceResponse::decode(body).ok()?;
    Some(taken(&response.partial_success.unwrap_or_default()))
}

fn taken(partial: &ExportLogsPartialSuccess) -> Answer {
    let rejected = u64::try_from(partial.rejected_log_records).unwrap_or(0);
    Answer::Accepted { rejected, message: shortened(&partial.error_message) }
}

/// Reads a partial success from JSON, whose numbers may be strings.
fn json_partial(body: &[u8]) -> Option<ExportLogsPartialSuccess> {
    let json: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(body).ok()?;
    let partial = json.get("partialSuccess").cloned().unwrap_or_default();
    let rejected = &partial["rejectedLogRecords"];
    let number = rejected.as_str().and_then(|text| text.parse().ok()).or(rejected.as_i64());
    Some(ExportLogsPartialSuccess {
        rejected_log_records: number.unwrap_or_default(),
        error_message: partial["errorMessage"].as_str().unwrap_or_default().to_owned(),
    })
}

/// The text of a refusal.
fn explanation(kind: &str, body: &[u8]) -> String {
    let status = (kind == "application/x-protobuf").then(|| Status::decode(body).ok()).flatten();
    let json = || serde_json::from_slice::<serde_json::Value>(body).ok();
    let text = match (status, json()) {
        (Some(status), _) => status.message,
        (None, Some(json)) if json["message"].is_string() => {
            json["message"].as_str().unwrap_or_default().to_owned()
        }
        (None, _) => String::from_utf8_lossy(body).into_owned(),
    };
    shortened(text.trim())
}

pub(super) fn shortened(text: &str) -> String {
    match prefix(text, SHOWN) {
        short if short.len() < text.len() => format!("{short}…"),
        whole => whole.to_owned(),
    }
}

/// Seconds, or a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let seconds = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
            Duration::try_from_secs_f64(date.as_second() as f64 - now()).ok()?
        }
    };
    Some(seconds.min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &str)], body: &[u8]) -> Answer {
        let headers = headers.iter().map(|(name, value)| {
            (hyper::header::HeaderName::from_static(name), value.parse().unwrap())
        });
        read(StatusCode::from_u16(status).unwrap(), &headers.collect(), Some(body))
    }

    #[test]
    fn an_answer_says_when_to_try_again() {
        let after = |value: &str| match answer(503, &[("retry-after", value)], b"busy") {
            Answer::Retry { after, message, .. } => {
                assert_eq!(message, "busy");
                after
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(after("7"), Some(Duration::from_secs(7)));
        assert_eq!(after("99999999999"), Some(LONGEST_WAIT));
        assert_eq!(after("Fri, 31 Dec 2100 23:59:59 GMT"), Some(LONGEST_WAIT));
        assert_eq!(after("Fri, 31 Dec 1999 23:59:59 GMT"), None);
        assert_eq!(after("soon"), None);
    }

    #[test]
    fn only_an_answer_of_a_collector_counts_as_a_success() {
        let none = Answer::Accepted { rejected: 0, message: String::new() };
        assert_eq!(answer(204, &[], b""), none);
        assert_eq!(answer(200, &[("content-type", "application/json")], b"{}"), none);
        let upper = answer(200, &[("content-type", "Application/JSON")], b"{}");
        assert_eq!(upper, none);
        let html = answer(200, &[("content-type", "text/html; charset=utf-8")], b"<html>");
        assert_eq!(html, Answer::Invalid("6 bytes, text/html".to_owned()));
        let broken = answer(200, &[("content-type", "application/x-protobuf")], b"<html>");
        assert!(matches!(broken, Answer::Invalid(_)), "{broken:?}");
        let json = br#"{"partialSuccess":{"rejectedLogRecords":"2","errorMessage":"too old"}}"#;
        let partial = answer(200, &[("content-type", "application/json")], json);
        assert_eq!(partial, Answer::Accepted { rejected: 2, message: "too old".to_owned() });
    }

    #[test]
    fn a_refusal_has_the_words_of_the_collector() {
        let status = Status { code: 3, message: "no tenant".to_owned() }.encode_to_vec();
        for (kind, body) in [
            ("application/x-protobuf", &*status),
            ("application/json", br#"{"code":3,"message":"no tenant"}"#),
            ("text/plain", b"no tenant\n"),
        ] {
            let refused = answer(401, &[("content-type", kind)], body);
            let expected = Answer::Refused {
                kind: Refusal::Login,
                status: "401 Unauthorized".to_owned(),
                message: "no tenant".to_owned(),
            };
            assert_eq!(refused, expected, "{kind}");
        }
    }
}
