//! Sends batches, and decides what becomes of them.

use std::env;
use std::path::Path;
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::{
    CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderName, HeaderValue, TE, USER_AGENT,
};
use url::{Position, Url};

use super::answer::{self, Answer, Refusal};
use super::connection::{self, Answered, Connection, Failure};
use super::request::{append, gzip, request};
use super::status;
use super::{Compression, OtlpOptions};
use crate::handler::Backlog;
use crate::handler::retry::{Batch, Retry, SendOutcome, Transport, deadline};
use crate::handler::topic::write_topic;
use crate::os::runtime::Runtime;
use crate::otlp::address::{self, Protocol};
use crate::otlp::{grpc, write};
use crate::tls::problem;
use zlog_core::text::escape::escape;
use zlog_core::text::plural::{counted, were};
use zlog_core::{Error, Record, Result};

/// The most bytes of a request with more than one record: a quarter of what gRPC takes by default,
/// which many collectors have for HTTP, too.
const BATCH_BYTES: usize = 1 << 20;

/// Sends records to a collector.
pub type OtlpHandler = Retry<OtlpTransport>;

impl OtlpHandler {
    /// Sends records as `options` say. Connects with the first batch.
    ///
    /// # Errors
    /// See [`OtlpOptions::validate`].
    pub fn new(options: OtlpOptions) -> Result<OtlpHandler> {
        options.validate()?;
        let (batch, retry) = (options.batch.clone(), options.retry.clone());
        let (url, protocol) = address::parse(&options.url)?;
        let transport = OtlpTransport {
            url,
            protocol,
            options,
            link: None,
            topic: String::new(),
            refused: 0,
            after: None,
            last_warning: String::new(),
            notices: Vec::new(),
        };
        Ok(Retry::with_transport(transport, batch, retry, BATCH_BYTES))
    }
}

/// Sends batches to a collector.
pub struct OtlpTransport {
    options: OtlpOptions,
    /// With the scheme `http` or `https`, for gRPC, too.
    url: Url,
    protocol: Protocol,
    link: Option<Link>,
    /// Reused: the topic of a record.
    topic: String,
    /// Records that were refused for good.
    refused: u64,
    /// How long the collector asked to wait.
    after: Option<Duration>,
    /// The last warning of the collector, which is not repeated.
    last_warning: String,
    notices: Vec<String>,
}

/// A connection, its thread, and the headers of requests.
struct Link {
    runtime: Runtime,
    headers: Vec<(HeaderName, HeaderValue)>,
    connection: Connection,
}

impl Transport for OtlpTransport {
    type Progress = ();

    fn format(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        let root = &self.options.root;
        write_topic(record, root, root.is_empty(), &mut self.topic);
        append(&write::log(record, &self.topic), out);
    }

    fn send(&mut self, batch: &mut Batch<()>, until: Option<Instant>) -> SendOutcome {
        let mut most = batch.len();
        let mut problem = None;
        while batch.done < batch.len() {
            let end = batch.len().min(batch.done + most);
            let count = end - batch.done;
            let refused = match self.exchange(&request(batch, batch.done..end), until) {
                Err(error) => return SendOutcome::Retry(error),
                Ok(Answer::Retry { status, message, after }) => {
                    self.after = after;
                    let what = format!("the collector {} answers {status}", self.shown());
                    return SendOutcome::Retry(
                        Error::new(with(what, &message))
                            .hint("It is busy, or not ready. The records are sent again."),
                    );
                }
                Ok(Answer::Invalid(what)) => return SendOutcome::Retry(self.invalid(&what)),
                Ok(Answer::TooLarge) if count > 1 => {
                    most = count / 2;
                    continue;
                }
                Ok(Answer::TooLarge) => {
                    problem.get_or_insert_with(|| {
                        Error::new(format!("{}: larger than the collector allows", lost(1)))
                            .hint("Raise the limit of the collector (max_request_body_size).")
                    });
                    1
                }
                Ok(Answer::Refused { kind, status, message }) => {
                    problem.get_or_insert_with(|| {
                        let what =
                            format!("{}: the collector answers {status}", lost(count as u64));
                        Error::new(with(what, &message)).hint(next_step(kind, &self.shown()))
                    });
                    count as u64
                }
                Ok(Answer::Accepted { rejected: 0, message }) => {
                    self.warn(message);
                    0
                }
                Ok(Answer::Accepted { rejected, message }) => {
                    let rejected = rejected.min(count as u64);
                    problem.get_or_insert_with(|| {
                        let what = format!("{}: the collector rejects them", lost(rejected));
                        Error::new(with(what, &message)).hint("It took the others.")
                    });
                    rejected
                }
            };
            self.refused += refused;
            batch.done = end;
        }
        problem.map_or(SendOutcome::Sent, SendOutcome::SentInPart)
    }

    fn backlog(&self) -> Backlog {
        Backlog { lost: self.refused, ..Backlog::default() }
    }

    fn retry_after(&mut self) -> Option<Duration> {
        self.after.take()
    }

    fn take_notices(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notices)
    }
}

impl OtlpTransport {
    /// What answers is no collector.
    fn invalid(&self, what: &str) -> Error {
        let url = self.shown();
        Error::new(format!("{url} answers, but not as a collector: {}", escape(what))).hint(
            match self.protocol {
                Protocol::Http => {
                    "Check the URL: its port and its path. Collectors take logs at \
                     http://HOST:4318/v1/logs."
                }
                Protocol::Grpc => "Check the port: that of gRPC is 4317.",
            },
        )
    }

    /// The URL, for messages: without a query, which may have a key.
    fn shown(&self) -> String {
        match self.protocol {
            Protocol::Http => escape(&self.url[..Position::AfterPath]),
            Protocol::Grpc => escape(self.options.url.split('?').next().unwrap_or_default()),
        }
    }

    /// Tells a warning of the collector, once.
    fn warn(&mut self, message: String) {
        if !message.is_empty() && message != self.last_warning {
            self.notices.push(format!("the collector warns: {}", escape(&message)));
            self.last_warning = message;
        }
    }

    /// Sends a request and reads its answer.
    fn exchange(&mut self, body: &[u8], until: Option<Instant>) -> Result<Answer> {
        let compressed = match self.options.compression {
            Compression::None => None,
            // Writing to memory does not fail.
            Compression::Gzip => gzip(body).ok(),
        };
        let is_compressed = compressed.is_some();
        let body = compressed.unwrap_or_else(|| body.to_vec());
        let body = match self.protocol {
            Protocol::Http => body,
            // Requests of 4 GiB do not fit into a spool.
            Protocol::Grpc => grpc::framed(&body, is_compressed).unwrap_or_default(),
        };
        let body = Bytes::from(body);
        let deadline = deadline(self.options.timeout, until);
        // A collector closes connections that are idle, perhaps just now.
        if let Some(link) = self.link.take().filter(|link| !link.connection.is_closed())
            && let Ok(answer) = self.ask(link, &body, is_compressed, deadline)
        {
            return Ok(answer);
        }
        let link = self.connect(deadline)?;
        self.ask(link, &body, is_compressed, deadline)
    }

    fn ask(
        &mut self,
        link: Link,
        body: &Bytes,
        is_compressed: bool,
        deadline: Instant,
    ) -> Result<Answer> {
        let Link { runtime, headers, connection } = link;
        let mut request = Request::new(Full::new(body.clone()));
        *request.method_mut() = hyper::Method::POST;
        let host = &self.url[Position::BeforeHost..Position::AfterPort];
        let (target, kind, encoding) = match self.protocol {
            Protocol::Http => {
                let target = self.url[Position::BeforePath..Position::AfterQuery].to_owned();
                (target, "application/x-protobuf", CONTENT_ENCODING)
            }
            // HTTP/2 has the host there.
            Protocol::Grpc => {
                let target = format!("{}://{host}{}", self.url.scheme(), grpc::PATH);
                (target, grpc::CONTENT_TYPE, HeaderName::from_static("grpc-encoding"))
            }
        };
        *request.uri_mut() =
            target.parse().map_err(|_| self.failed(&Failure::Broken("its path".into())))?;
        let own = request.headers_mut();
        own.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        let agent = concat!("zlog/", env!("CARGO_PKG_VERSION"));
        own.insert(USER_AGENT, HeaderValue::from_static(agent));
        if is_compressed {
            own.insert(encoding, HeaderValue::from_static("gzip"));
        }
        match (self.protocol, HeaderValue::from_str(host)) {
            (Protocol::Http, Ok(host)) => drop(own.insert(HOST, host)),
            (Protocol::Http, Err(_)) => {}
            (Protocol::Grpc, _) => drop(own.insert(TE, HeaderValue::from_static("trailers"))),
        }
        for (name, value) in &headers {
            own.insert(name, value.clone());
        }
        let answered = runtime.run(deadline, connection.send(request));
        let answered = answered.ok_or_else(|| self.late())?;
        let (connection, answered) = answered.map_err(|failure| self.failed(&failure))?;
        self.link = Some(Link { runtime, headers, connection });
        let Answered { status, headers, body } = answered;
        Ok(match self.protocol {
            Protocol::Http => answer::read(status, &headers, body.as_deref()),
            Protocol::Grpc => status::read(status, &headers, body.as_ref()),
        })
    }

    fn connect(&self, deadline: Instant) -> Result<Link> {
        let headers = headers(&self.options)?;
        let tls = connection::tls(&self.options, &self.url, self.protocol)?;
        let runtime = Runtime::start("otlp")?;
        let opened = runtime.run(deadline, Connection::open(self.url.clone(), self.protocol, tls));
        let connection = opened.ok_or_else(|| self.late())?;
        let connection = connection.map_err(|failure| self.failed(&failure))?;
        Ok(Link { runtime, headers, connection })
    }

    fn late(&self) -> Error {
        let timeout = self.options.timeout;
        Error::new(format!("the collector {} did not answer within {timeout:?}", self.shown()))
            .hint("Check that it runs, or raise timeout. The records are sent again.")
    }

    /// The error of a handshake.
    fn no_tls(&self, error: &std::io::Error) -> Error {
        let url = self.shown();
        let of_tls = problem::of_rustls(error);
        if let Some((what, hint)) = of_tls.and_then(problem::explain) {
            return Error::new(format!("the collector {url} {what}")).hint(hint);
        }
        let plain = match self.protocol {
            Protocol::Http => "For a collector without TLS, write http:// instead of https://.",
            Protocol::Grpc => "For a collector without TLS, write grpc:// instead of grpcs://.",
        };
        if of_tls.is_some_and(problem::is_no_tls) {
            return Error::new(format!("the collector {url} answers without TLS")).hint(plain);
        }
        let why = escape(&error.to_string());
        Error::new(format!("no TLS with the collector {url}: {why}")).hint(plain)
    }

    /// The error that names the collector, the cause and the next step.
    fn failed(&self, failure: &Failure) -> Error {
        let url = self.shown();
        match failure {
            Failure::Unreachable(error) => Error::io(
                format_args!("no collector at {url}"),
                error,
            )
            .hint(
                "Check that it runs and listens there: OTLP over HTTP has port 4318, gRPC 4317. The \
                 records are sent again.",
            ),
            Failure::Tls(error) => self.no_tls(error),
            Failure::Broken(why) => Error::new(format!(
                "the connection to the collector {url} broke: {}",
                escape(why)
            ))
            .hint(
                "Check the protocol: http:// for OTLP over HTTP, at port 4318, or grpc://, at port \
                 4317. The records are sent again.",
            ),
        }
    }
}

/// The message with the words of the collector.
fn with(what: String, message: &str) -> String {
    if message.is_empty() { what } else { format!("{what}: {}", escape(message)) }
}

fn lost(count: u64) -> String {
    format!("{} {} not taken", counted(count, "record"), were(count))
}

/// What to do about a refusal.
fn next_step(kind: Refusal, url: &str) -> String {
    match kind {
        Refusal::Login => {
            format!("Give a login in a header: headers=FILE, or {}.", address::HEADER_VARIABLES[0])
        }
        Refusal::Path => format!("Check {url}: collectors take logs at /v1/logs, or by grpc://."),
        Refusal::Redirect => "Give the URL that it redirects to.".to_owned(),
        Refusal::Other => {
            "By the specification of OTLP, they are not sent again. Its log may say more."
                .to_owned()
        }
    }
}

/// The headers of a file, or else of the environment.
///
/// # Errors
/// The file or a header can't be read.
fn headers(options: &OtlpOptions) -> Result<Vec<(HeaderName, HeaderValue)>> {
    if let Some(path) = &options.headers {
        return of_file(path);
    }
    let set = |name| Some((name, env::var(name).ok().filter(|text| !text.is_empty())?));
    let Some((name, text)) = address::HEADER_VARIABLES.into_iter().find_map(set) else {
        return Ok(Vec::new());
    };
    let pairs = text.split(',').filter(|pair| !pair.trim().is_empty());
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        header(name, &decoded(value.trim()))
    };
    let headers = pairs.map(pair).collect::<Option<Vec<_>>>();
    headers.ok_or_else(|| {
        Error::new(format!("a header in {name} can't be read"))
            .hint("Write it as NAME=VALUE,NAME=VALUE.")
    })
}

fn of_file(path: &Path) -> Result<Vec<(HeaderName, HeaderValue)>> {
    let shown = escape(&path.to_string_lossy());
    let text = std::fs::read_to_string(path).map_err(|error| {
        Error::io(format_args!("the headers can't be read from {shown}"), &error)
            .hint("Check the path and its permissions.")
    })?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let headers = lines.map(|(at, line)| {
        let pair = line.split_once(':');
        pair.and_then(|(name, value)| header(name, value.trim())).ok_or_else(|| {
            // Its text may be a secret.
            Error::new(format!("line {} of {shown} is not a header", at + 1))
                .hint("Write it as NAME: VALUE.")
        })
    });
    headers.collect()
}

fn header(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    let mut value = HeaderValue::from_str(value).ok()?;
    value.set_sensitive(true);
    Some((name.trim().parse().ok()?, value))
}

/// The text without its percent-encoding, which OpenTelemetry's variables may have.
fn decoded(text: &str) -> String {
    // In forms, these two mean something else.
    let pairs = format!("v={}", text.replace('+', "%2B").replace('&', "%26"));
    let mut pairs = url::form_urlencoded::parse(pairs.as_bytes());
    pairs.next().map_or_else(String::new, |(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_variables_are_percent_decoded_and_those_of_files_are_not() {
        for (text, value) in
            [("a%20b", "a b"), ("x+y&z;%26=1", "x+y&z;&=1"), ("%zz", "%zz"), ("", "")]
        {
            assert_eq!(decoded(text), value);
        }
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("headers");
        std::fs::write(&path, "Authorization: Bearer a%41+&;b\n").unwrap();
        let headers = of_file(&path).unwrap();
        assert_eq!(headers[0].1.as_bytes(), b"Bearer a%41+&;b");
    }
}
