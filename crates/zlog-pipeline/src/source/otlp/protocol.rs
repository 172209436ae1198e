//! OTLP over HTTP and over gRPC: what a request asks for, and how it is answered.
//!
//! HTTP: <https://opentelemetry.io/docs/specs/otlp/#otlphttp>. gRPC is a POST by HTTP/2 with the
//! message after five bytes, and a status after the answer:
//! <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>.

use std::convert::Infallible;
use std::fmt::Write as _;

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::header::{
    ALLOW, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};
use prost::Message as _;

use crate::otlp::address::LOGS_PATH;
use crate::otlp::grpc;
use crate::otlp::proto::{ExportLogsPartialSuccess, ExportLogsServiceResponse, Status};

const PROTOBUF: &str = "application/x-protobuf";

/// How long a peer is to wait before it sends again, in seconds.
const RETRY_SECONDS: &str = "1";

/// The body of an answer.
pub(super) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// The result of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    /// Its records were delivered, except for so many; and why.
    Delivered { rejected: u64, why: String },
    /// It may be sent again later.
    Busy(&'static str),
    /// It must not be sent again.
    Refused(Refusal, String),
}

/// Kinds of refusals.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Refusal {
    Invalid,
    TooLarge,
    UnknownPath,
    Method,
    ContentType,
}

impl Refusal {
    /// The statuses of HTTP and of gRPC.
    fn statuses(self) -> (StatusCode, i32) {
        match self {
            Refusal::Invalid => (StatusCode::BAD_REQUEST, 3),
            Refusal::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, 8),
            Refusal::UnknownPath => (StatusCode::NOT_FOUND, 12),
            Refusal::Method => (StatusCode::METHOD_NOT_ALLOWED, 12),
            Refusal::ContentType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, 12),
        }
    }
}

/// How a request was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Protocol {
    Http,
    Grpc,
}

/// The compression of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Encoding {
    Identity,
    Gzip,
}

fn header<'h>(headers: &'h HeaderMap, name: &HeaderName) -> &'h str {
    let value = headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim()
}

impl Protocol {
    pub(super) fn of(parts: &Parts) -> Protocol {
        // With the format after it: application/grpc+proto.
        match header(&parts.headers, &CONTENT_TYPE).starts_with(grpc::CONTENT_TYPE) {
            true => Protocol::Grpc,
            false => Protocol::Http,
        }
    }

    /// Checks what a request asks for. Returns how its body is compressed.
    ///
    /// # Errors
    /// It is nothing that is answered here.
    pub(super) fn check(self, parts: &Parts) -> Result<Encoding, Outcome> {
        let refused = |kind, why: &str| Err(Outcome::Refused(kind, why.to_owned()));
        let encoding = match self {
            Protocol::Grpc if parts.uri.path() != grpc::PATH => {
                return refused(Refusal::UnknownPath, "zlog takes logs alone");
            }
            Protocol::Grpc => &HeaderName::from_static("grpc-encoding"),
            Protocol::Http if parts.uri.path() != LOGS_PATH => {
                return refused(Refusal::UnknownPath, "zlog takes logs alone, at /v1/logs");
            }
            Protocol::Http if parts.method != Method::POST => {
                return refused(Refusal::Method, "logs are sent by POST");
            }
            Protocol::Http if header(&parts.headers, &CONTENT_TYPE) != PROTOBUF => {
                return refused(
                    Refusal::ContentType,
                    "zlog takes application/x-protobuf and gRPC: set the protocol to http/protobuf",
                );
            }
            Protocol::Http => &CONTENT_ENCODING,
        };
        match header(&parts.headers, encoding) {
            "" | "identity" => Ok(Encoding::Identity),
            "gzip" => Ok(Encoding::Gzip),
            _ => refused(Refusal::ContentType, "the only compression that zlog takes is gzip"),
        }
    }

    /// The message in a body, and whether it is compressed.
    ///
    /// # Errors
    /// The body is not one message of gRPC.
    pub(super) fn message(
        self,
        body: Bytes,
        encoding: Encoding,
    ) -> Result<(Bytes, Encoding), Outcome> {
        if self == Protocol::Http {
            return Ok((body, encoding));
        }
        match (grpc::message(&body), encoding) {
            (Some((message, false)), _) => Ok((message, Encoding::Identity)),
            (Some((message, true)), Encoding::Gzip) => Ok((message, Encoding::Gzip)),
            _ => Err(Outcome::Refused(Refusal::Invalid, "no message of gRPC".to_owned())),
        }
    }

    /// The answer.
    pub(super) fn answer(self, outcome: Outcome) -> Response<Body> {
        match self {
            Protocol::Http => by_http(outcome),
            Protocol::Grpc => by_grpc(outcome),
        }
    }
}

fn response(rejected: u64, why: String) -> Vec<u8> {
    let partial = ExportLogsPartialSuccess {
        rejected_log_records: i64::try_from(rejected).unwrap_or(i64::MAX),
        error_message: why,
    };
    // A full success has no partial one.
    let partial_success = (rejected > 0).then_some(partial);
    ExportLogsServiceResponse { partial_success }.encode_to_vec()
}

fn by_http(outcome: Outcome) -> Response<Body> {
    let (status, body) = match outcome {
        Outcome::Delivered { rejected, why } => (StatusCode::OK, response(rejected, why)),
        Outcome::Busy(why) => {
            let status = Status { code: 14, message: why.to_owned() };
            (StatusCode::SERVICE_UNAVAILABLE, status.encode_to_vec())
        }
        Outcome::Refused(kind, message) => {
            let (status, code) = kind.statuses();
            (status, Status { code, message }.encode_to_vec())
        }
    };
    let mut answer = Response::new(Full::new(Bytes::from(body)).boxed_unsync());
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROTOBUF));
    match status {
        StatusCode::SERVICE_UNAVAILABLE => {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(RETRY_SECONDS));
        }
        StatusCode::METHOD_NOT_ALLOWED => {
            headers.insert(ALLOW, HeaderValue::from_static("POST"));
        }
        _ => {}
    }
    answer
}

fn by_grpc(outcome: Outcome) -> Response<Body> {
    let (code, why, body) = match outcome {
        Outcome::Delivered { rejected, why } => {
            (0, String::new(), grpc::framed(&response(rejected, why), false))
        }
        Outcome::Busy(why) => (14, why.to_owned(), None),
        Outcome::Refused(kind, why) => (kind.statuses().1, why, None),
    };
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from(code));
    if let Ok(why) = HeaderValue::from_str(&percent_encoded(&why))
        && !why.is_empty()
    {
        trailers.insert("grpc-message", why);
    }
    let body = Full::new(Bytes::from(body.unwrap_or_default()))
        .with_trailers(std::future::ready(Some(Ok(trailers))));
    let mut answer = Response::new(body.boxed_unsync());
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(grpc::CONTENT_TYPE));
    answer
}

/// A text as gRPC has it in a header.
fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b' '..=b'~' if byte != b'%' => out.push(byte.into()),
            // Writing to a string can't fail.
            _ => drop(write!(out, "%{byte:02X}")),
        }
        out
    })
}
