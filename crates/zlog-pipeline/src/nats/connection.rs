//! A connection to one server of a system.

use std::env;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_nats::jetstream::Context;
use async_nats::jetstream::context::ContextBuilder;
use async_nats::{
    Client, ConnectError, ConnectErrorKind, ConnectOptions, Event, ServerAddr, ServerError,
    ServerInfo,
};
use tokio::sync::watch;
use url::Url;

use super::server::{PASSWORD_VARIABLE, ServerOptions, TOKEN_VARIABLE, USER_VARIABLE};
use crate::os::runtime::Runtime;
use crate::tls::problem;
use zlog_core::text::escape::escape;
use zlog_core::{Error, Result};

/// Longer than any connection is kept after it broke.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// What happened to a connection that worked. Nothing is repaired: its owner drops it and connects
/// anew, so that at most one connection sends records, and their order is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Trouble {
    /// The server is gone, or has closed the connection.
    Disconnected,
    /// An error of the server that concerns the connection as a whole: a subject that this user
    /// must not use, a login that has expired.
    Refused(String),
}

/// A connection. Its tasks run on a thread of its own.
pub(crate) struct Connection {
    pub(crate) client: Client,
    pub(crate) jetstream: Context,
    /// The server at the other end.
    pub(crate) server: Option<Url>,
    trouble: watch::Receiver<Option<Trouble>>,
    pub(crate) runtime: Runtime,
}

impl Connection {
    /// Connects to one of the servers, or of those in `known`: other servers of the same system.
    /// To `last`, the one before, only if no other one can be reached: a server that its cluster has
    /// lost takes connections, and stores nothing. Requests to JetStream may take `timeout`.
    ///
    /// # Errors
    /// No server can be reached until `deadline`, the login is refused, or a file can't be read.
    pub(crate) fn open(
        options: &ServerOptions,
        known: &[Url],
        last: Option<&Url>,
        timeout: Duration,
        deadline: Instant,
    ) -> Result<Connection> {
        let (sender, trouble) = watch::channel(None);
        let connected = Arc::new(AtomicBool::new(false));
        let was_connected = Arc::clone(&connected);
        let connect = with_login(options)?
            .name("zlog")
            .connection_timeout(timeout)
            .ignore_discovered_servers()
            .retain_servers_order()
            .reconnect_delay_callback(move |_| match was_connected.load(Ordering::Relaxed) {
                // Its owner connects anew: see `Trouble`.
                true => NEVER,
                false => Duration::ZERO,
            })
            .event_callback(move |event| {
                if let Some(trouble) = trouble_of(event) {
                    // The first one is the cause of the others.
                    sender.send_if_modified(|known| match known {
                        Some(_) => false,
                        None => known.replace(trouble).is_none(),
                    });
                }
                std::future::ready(())
            });
        let mut servers = ServerOptions::parse(&options.servers)?;
        servers.extend(known.iter().cloned());
        fastrand::shuffle(&mut servers);
        servers.sort_by_key(|server| Some(server) == last);
        let addresses: Result<Vec<_>, _> = servers.into_iter().map(ServerAddr::from_url).collect();
        let addresses = addresses.map_err(|error| Error::io("a NATS server", &error))?;
        let runtime = Runtime::start("nats")?;
        let opened = runtime.run(deadline, async move {
            let client = connect.connect(addresses).await?;
            connected.store(true, Ordering::Relaxed);
            let jetstream = ContextBuilder::new().timeout(timeout).build(client.clone());
            let pool = client.server_pool().await.unwrap_or_default();
            let server = pool.iter().find(|server| server.did_connect);
            let server = server.and_then(|server| Url::parse(server.addr.as_url_str()).ok());
            Ok((client, jetstream, server))
        });
        match opened {
            Some(Ok((client, jetstream, server))) => {
                Ok(Connection { client, jetstream, server, trouble, runtime })
            }
            Some(Err(error)) => Err(not_connected(options, &error)),
            None => Err(not_reached(options, "it did not answer in time")),
        }
    }

    /// What has happened to it, if anything.
    pub(crate) fn trouble(&self) -> Option<Trouble> {
        self.trouble.borrow().clone()
    }

    /// To wait for trouble.
    pub(crate) fn watch(&self) -> watch::Receiver<Option<Trouble>> {
        self.trouble.clone()
    }

    /// The other servers of the system, as this one knows them. Without those of `options`, and
    /// with TLS if these have it.
    pub(crate) fn discovered(&self, options: &ServerOptions) -> Vec<Url> {
        let named = ServerOptions::parse(&options.servers).unwrap_or_default();
        let scheme = named.first().map_or("nats", Url::scheme);
        let ServerInfo { connect_urls, .. } = self.client.server_info();
        let urls =
            connect_urls.iter().filter_map(|url| Url::parse(&format!("{scheme}://{url}")).ok());
        urls.filter(|url| !named.contains(url)).collect()
    }
}

/// What the servers of a system can do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Features {
    /// Compress streams.
    pub(crate) compression: bool,
    /// Take batches that are confirmed every so many messages (ADR-50, fast ingest).
    pub(crate) batches: bool,
}

impl Features {
    /// Those of the server at the other end, by its version.
    pub(crate) fn of(client: &Client) -> Features {
        let is_from = |major, minor| client.is_server_compatible(major, minor, 0);
        Features { compression: is_from(2, 10), batches: is_from(2, 14) }
    }
}

/// Waits until something happens to a connection.
pub(crate) async fn wait_for_trouble(watch: &mut watch::Receiver<Option<Trouble>>) -> Trouble {
    match watch.wait_for(Option::is_some).await {
        Ok(trouble) => trouble.clone().unwrap_or(Trouble::Disconnected),
        // The tasks of the connection have ended.
        Err(_) => Trouble::Disconnected,
    }
}

fn trouble_of(event: Event) -> Option<Trouble> {
    match event {
        Event::Disconnected | Event::Closed => Some(Trouble::Disconnected),
        Event::ServerError(ServerError::Other(text)) => Some(Trouble::Refused(text)),
        Event::ServerError(error) => Some(Trouble::Refused(error.to_string())),
        _ => None,
    }
}

/// The options with the login, read from its file or the environment.
fn with_login(options: &ServerOptions) -> Result<ConnectOptions> {
    let mut connect = ConnectOptions::new();
    if let Some(path) = &options.tls.trust {
        check_file(path, "the certificates to trust")?;
        connect = connect.add_root_certificates(path.clone());
    }
    if let (Some(certificate), Some(key)) = (&options.tls.certificate, &options.tls.key) {
        check_file(certificate, "the certificate")?;
        check_file(key, "the private key")?;
        connect = connect.add_client_certificate(certificate.clone(), key.clone());
    }
    if let Some(path) = &options.credentials {
        // The client insists on the end of the last line.
        let text = read(path, "the credentials")? + "\n";
        return connect.credentials(&text).map_err(|_| {
            Error::new(format!("{} has no credentials for NATS", shown(path)))
                .hint("It must have a user's JWT and the seed of its NKey, as `nsc` writes them.")
        });
    }
    if let Some(path) = &options.nkey {
        return Ok(connect.nkey(read(path, "the seed of the NKey")?));
    }
    if let Some(path) = &options.token {
        return Ok(connect.token(read(path, "the token")?));
    }
    let set = |name| env::var(name).ok().filter(|value| !value.is_empty());
    match (set(USER_VARIABLE), set(PASSWORD_VARIABLE), set(TOKEN_VARIABLE)) {
        (Some(user), Some(password), None) => Ok(connect.user_and_password(user, password)),
        (None, None, Some(token)) => Ok(connect.token(token)),
        (None, None, None) => Ok(connect),
        _ => Err(Error::new(
            "the environment has an incomplete login for the NATS server, or two logins",
        )
        .hint(format!("Set {USER_VARIABLE} and {PASSWORD_VARIABLE}, or {TOKEN_VARIABLE} alone."))),
    }
}

fn check_file(path: &Path, what: &str) -> Result<()> {
    std::fs::File::open(path).map(drop).map_err(|error| unreadable(path, what, &error))
}

/// Reads a secret without its last line feed.
fn read(path: &Path, what: &str) -> Result<String> {
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, what, &error))?;
    Ok(text.trim_end().to_owned())
}

fn unreadable(path: &Path, what: &str, error: &std::io::Error) -> Error {
    Error::io(format_args!("{what} can't be read from {}", shown(path)), error)
        .hint("Check the path and its permissions.")
}

fn shown(path: &Path) -> String {
    escape(&path.to_string_lossy())
}

fn not_reached(options: &ServerOptions, why: &str) -> Error {
    let servers = escape(&options.servers);
    Error::new(format!("no NATS server at {servers}: {}", escape(why)))
        .hint("Check that it runs and listens there.")
}

/// The error that names the servers, the cause and the next step.
fn not_connected(options: &ServerOptions, error: &ConnectError) -> Error {
    let servers = escape(&options.servers);
    // A certificate that is not trusted is only an error of I/O for the client.
    let of_tls = problem::of_rustls(error);
    let kind = if of_tls.is_some() { ConnectErrorKind::Tls } else { error.kind() };
    match kind {
        ConnectErrorKind::AuthorizationViolation => {
            let hint = match options
                .credentials
                .as_ref()
                .or(options.nkey.as_ref())
                .or(options.token.as_ref())
            {
                Some(path) => format!("Check {}.", shown(path)),
                None => format!(
                    "Give a login: credentials=FILE, nkey=FILE, token=FILE, {TOKEN_VARIABLE}, or \
                     {USER_VARIABLE} and {PASSWORD_VARIABLE}."
                ),
            };
            Error::new(format!("the NATS server {servers} refuses the login")).hint(hint)
        }
        ConnectErrorKind::Authentication => {
            Error::new(format!("can't log in to the NATS server {servers}: {}", text(error)))
                .hint("Check the seed of the NKey: it begins with SU.")
        }
        ConnectErrorKind::Tls if of_tls.is_some_and(problem::is_no_tls) => {
            Error::new(format!("the NATS server {servers} answers without TLS"))
                .hint("For a server without TLS, write nats:// instead of tls://.")
        }
        ConnectErrorKind::Tls => {
            let known = of_tls.and_then(problem::explain);
            match known {
                Some((what, hint)) => {
                    Error::new(format!("the NATS server {servers} {what}")).hint(hint)
                }
                None => Error::new(format!(
                    "no TLS with the NATS server {servers}: {}",
                    text(error)
                ))
                .hint("Check that it uses TLS. trust=FILE names the certificate of its authority."),
            }
        }
        _ => not_reached(options, &text(error)),
    }
}

/// The innermost cause: those around it say that connecting failed.
pub(crate) fn text(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    escape(&cause.to_string())
}
