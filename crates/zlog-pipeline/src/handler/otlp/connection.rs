//! A connection to a collector: HTTP/1.1, or HTTP/2 for gRPC; with TLS for `https`.

use std::sync::Arc;

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::client::conn::{http1, http2};
use hyper::header::HeaderMap;
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use url::Url;

use super::OtlpOptions;
use crate::otlp::address::{Protocol, cause};
use crate::tls::{self, problem};
use zlog_core::Result;

/// The longest answer that is read, in bytes.
const LONGEST_ANSWER: usize = 1 << 20;

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// The collector can't be reached.
    Unreachable(std::io::Error),
    /// The TLS handshake failed.
    Tls(std::io::Error),
    /// The connection broke, or what came is no HTTP.
    Broken(String),
}

/// An open connection.
pub(super) enum Connection {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// An answer: status, headers with the trailers, and body. There is no body if it is longer than
/// 1 MiB.
pub(super) struct Answered {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Bytes>,
}

impl Connection {
    /// Connects to the host of `url`. Its task runs on the caller's runtime.
    pub(super) async fn open(
        url: Url,
        protocol: Protocol,
        tls: Option<TlsConnector>,
    ) -> Result<Connection, Failure> {
        let host = url.host_str().unwrap_or_default().to_owned();
        // Addresses of IPv6 have brackets in a URL.
        let name = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = url.port_or_known_default().unwrap_or_default();
        let stream = TcpStream::connect((&*name, port)).await.map_err(Failure::Unreachable)?;
        // Requests are written whole.
        let _ = stream.set_nodelay(true);
        let Some(tls) = tls else { return start(stream, protocol).await };
        let no_name = |error| Failure::Tls(std::io::Error::other(error));
        let name = ServerName::try_from(name).map_err(no_name)?;
        let stream = tls.connect(name, stream).await.map_err(Failure::Tls)?;
        start(stream, protocol).await
    }

    /// Whether the collector has closed it.
    pub(super) fn is_closed(&self) -> bool {
        match self {
            Connection::Http1(sender) => sender.is_closed(),
            Connection::Http2(sender) => sender.is_closed(),
        }
    }

    /// Sends a request, and reads its answer.
    pub(super) async fn send(
        mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<(Connection, Answered), Failure> {
        let response = match &mut self {
            Connection::Http1(sender) => sender.send_request(request).await,
            Connection::Http2(sender) => sender.send_request(request).await,
        };
        let (head, body) = response.map_err(|error| broken(&error))?.into_parts();
        let (status, mut headers) = (head.status, head.headers);
        let body = match Limited::new(body, LONGEST_ANSWER).collect().await {
            Ok(body) => {
                headers.extend(body.trailers().cloned().unwrap_or_default());
                Some(body.to_bytes())
            }
            Err(error) if error.is::<LengthLimitError>() => None,
            Err(error) => return Err(broken(&*error)),
        };
        Ok((self, Answered { status, headers, body }))
    }
}

fn broken(error: &(dyn std::error::Error + 'static)) -> Failure {
    match problem::of_rustls(error) {
        // With TLS 1.3, a server refuses the certificate of a client after the handshake.
        Some(of_tls) if problem::explain(of_tls).is_some() => {
            Failure::Tls(std::io::Error::other(of_tls.clone()))
        }
        _ => Failure::Broken(cause(error)),
    }
}

async fn start<S>(stream: S, protocol: Protocol) -> Result<Connection, Failure>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let io = TokioIo::new(stream);
    // `send_request` returns the errors of these tasks.
    match protocol {
        Protocol::Http => {
            let (sender, connection) =
                http1::handshake(io).await.map_err(|error| broken(&error))?;
            drop(tokio::spawn(connection));
            Ok(Connection::Http1(sender))
        }
        Protocol::Grpc => {
            let started = http2::handshake(TokioExecutor::new(), io).await;
            let (sender, connection) = started.map_err(|error| broken(&error))?;
            drop(tokio::spawn(connection));
            Ok(Connection::Http2(sender))
        }
    }
}

/// What TLS needs; `None` for `http`.
///
/// # Errors
/// A file can't be read, or has no certificate or key.
pub(super) fn tls(
    options: &OtlpOptions,
    url: &Url,
    protocol: Protocol,
) -> Result<Option<TlsConnector>> {
    if url.scheme() != "https" {
        return Ok(None);
    }
    let mut config = tls::client(&options.tls, None)?;
    if protocol == Protocol::Grpc {
        config.alpn_protocols = vec![b"h2".to_vec()];
    }
    Ok(Some(Arc::new(config).into()))
}
