//! A connection to a collector: HTTP/1.1, with TLS for `https`.

use std::sync::Arc;

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::HeaderMap;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use url::Url;

use super::OtlpOptions;
use crate::tls;
use zlog_core::{Error, Result};

/// The longest answer that is read, in bytes.
const LONGEST_ANSWER: usize = 1 << 20;

/// Why there is no answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Failure {
    /// The collector can't be reached.
    Unreachable(String),
    /// The TLS handshake failed.
    Tls(String),
    /// The connection broke, or what came is no HTTP.
    Broken(String),
}

/// An open connection.
pub(super) struct Connection(SendRequest<Full<Bytes>>);

impl Connection {
    /// Connects to the host of `url`. Its task runs on the caller's runtime.
    pub(super) async fn open(url: Url, tls: Option<TlsConnector>) -> Result<Connection, Failure> {
        let host = url.host_str().unwrap_or_default().to_owned();
        // Addresses of IPv6 have brackets in a URL.
        let name = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = url.port_or_known_default().unwrap_or_default();
        let unreachable = |error: std::io::Error| {
            Failure::Unreachable(
                Error::io("", &error).message().trim_start_matches(": ").to_owned(),
            )
        };
        let stream = TcpStream::connect((&*name, port)).await.map_err(unreachable)?;
        // Requests are written whole.
        let _ = stream.set_nodelay(true);
        let Some(tls) = tls else { return start(stream).await };
        let name = ServerName::try_from(name).map_err(|error| Failure::Tls(error.to_string()))?;
        let stream = tls.connect(name, stream).await;
        start(stream.map_err(|error| Failure::Tls(error.to_string()))?).await
    }

    /// Whether the collector has closed it.
    pub(super) fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    /// Sends a request, and reads its answer: status, headers and body. There is no body if it is
    /// longer than 1 MiB.
    pub(super) async fn send(
        mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<(Connection, StatusCode, HeaderMap, Option<Bytes>), Failure> {
        let broken = |error: hyper::Error| Failure::Broken(crate::otlp::address::cause(&error));
        let response = self.0.send_request(request).await.map_err(broken)?;
        let (head, body) = response.into_parts();
        let body = match Limited::new(body, LONGEST_ANSWER).collect().await {
            Ok(body) => Some(body.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => None,
            Err(error) => return Err(Failure::Broken(error.to_string())),
        };
        Ok((self, head.status, head.headers, body))
    }
}

async fn start<S>(stream: S) -> Result<Connection, Failure>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let started = handshake(TokioIo::new(stream)).await;
    let (sender, connection) = started.map_err(|error| Failure::Broken(error.to_string()))?;
    // `send_request` returns the errors of this task.
    drop(tokio::spawn(connection));
    Ok(Connection(sender))
}

/// What TLS needs; `None` for `http`.
///
/// # Errors
/// A file can't be read, or has no certificate or key.
pub(super) fn tls(options: &OtlpOptions, url: &Url) -> Result<Option<TlsConnector>> {
    let is_encrypted = url.scheme() == "https";
    is_encrypted.then(|| Ok(Arc::new(tls::client(&options.tls, None)?).into())).transpose()
}
