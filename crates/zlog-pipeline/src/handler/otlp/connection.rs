//! A connection to a collector: HTTP/1.1, with TLS for `https`.

use std::path::Path;
use std::sync::Arc;

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::HeaderMap;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};
use url::Url;

use super::OtlpOptions;
use zlog_core::text::escape::escape;
use zlog_core::{Error, Exit, Result};

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
    if url.scheme() != "https" {
        return Ok(None);
    }
    let mut roots = RootCertStore::empty();
    // One of the system's that can't be read is not trusted; the error of the connection says so.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = &options.trust {
        for certificate in certificates(path)? {
            roots.add(certificate).map_err(|error| {
                Error::new(format!("{} has a certificate that can't be used: {error}", shown(path)))
                    .hint("It must have X.509 certificates of authorities in PEM.")
            })?;
        }
    }
    let unusable = |error: tokio_rustls::rustls::Error| {
        Error::new(format!("TLS can't be set up: {error}"))
            .hint("Check that certificate and key belong together.")
    };
    let provider = Arc::new(crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().map_err(unusable)?;
    let config = config.with_root_certificates(roots);
    let config = match (&options.certificate, &options.key) {
        (Some(certificate), Some(path)) => {
            let key = PrivateKeyDer::from_pem_file(path).map_err(|error| no_pem(path, &error))?;
            config.with_client_auth_cert(certificates(certificate)?, key).map_err(unusable)?
        }
        _ => config.with_no_client_auth(),
    };
    Ok(Some(TlsConnector::from(Arc::new(config))))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found = read.map_err(|error| no_pem(path, &error))?;
    match found.is_empty() {
        true => Err(Error::new(format!("{} has no certificate", shown(path)))
            .hint("It must have certificates in PEM.")),
        false => Ok(found),
    }
}

fn no_pem(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::new(format!("{} can't be read: {error}", shown(path)))
        .hint("Check the path, its permissions, and that it is PEM.")
        .exit_as(Exit::Failed)
}

fn shown(path: &Path) -> String {
    escape(&path.to_string_lossy())
}
