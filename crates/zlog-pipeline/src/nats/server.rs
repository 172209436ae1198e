//! Which servers to connect to, and how to log in.

use std::path::{Path, PathBuf};

use url::Url;

use crate::tls::TlsOptions;
use crate::typed_url;
use zlog_core::text::escape::escape;
use zlog_core::{Error, Result};

/// The environment variable with the user name.
pub(crate) const USER_VARIABLE: &str = "ZLOG_NATS_USER";
/// The environment variable with the password.
pub(crate) const PASSWORD_VARIABLE: &str = "ZLOG_NATS_PASSWORD";
/// The environment variable with the token.
pub(crate) const TOKEN_VARIABLE: &str = "ZLOG_NATS_TOKEN";

/// The port of a server without one.
const DEFAULT_PORT: u16 = 4222;

/// Servers of one system, and the login. Files are read whenever a connection is made, so that they
/// can be replaced meanwhile. Without any of them, the environment has the login, if there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerOptions {
    /// `nats://HOST[:4222]`, or `tls://HOST[:4222]` for a server that must use TLS. Several are
    /// separated by commas, and tried in a random order.
    pub servers: String,
    /// A credentials file (`.creds`): a user's JWT and the seed of its NKey.
    pub credentials: Option<PathBuf>,
    /// A file with the seed of an NKey.
    pub nkey: Option<PathBuf>,
    /// A file with a token.
    pub token: Option<PathBuf>,
    /// Its certificates, for a server with TLS.
    pub tls: TlsOptions,
}

impl Default for ServerOptions {
    /// The server of this machine, without a login.
    fn default() -> ServerOptions {
        ServerOptions {
            servers: format!("nats://127.0.0.1:{DEFAULT_PORT}"),
            credentials: None,
            nkey: None,
            token: None,
            tls: TlsOptions::default(),
        }
    }
}

impl ServerOptions {
    /// Reads the servers. One without a scheme has that of the first one, or else `nats://`.
    ///
    /// # Errors
    /// There is none, one is not a URL of NATS, or contains a login.
    pub fn parse(text: &str) -> Result<Vec<Url>> {
        let scheme = text.split_once("://").map_or("nats", |(scheme, _)| scheme.trim());
        let scheme = if scheme == "tls" { scheme } else { "nats" };
        text.split(',').map(|server| parse(server.trim(), scheme)).collect()
    }

    /// Whether servers as they were typed contain a login. It would be shown in messages, too.
    pub fn has_login(text: &str) -> bool {
        text.contains('@')
    }

    /// Checks what can be checked without reading files.
    ///
    /// # Errors
    /// See [`ServerOptions::parse`]; or logins, or a certificate and a key, do not fit together.
    pub fn validate(&self) -> Result<()> {
        ServerOptions::parse(&self.servers)?;
        let logins = [&self.credentials, &self.nkey, &self.token];
        if logins.iter().filter(|login| login.is_some()).count() > 1 {
            return Err(Error::usage("more than one login for the NATS server")
                .hint("Give one of credentials, nkey and token."));
        }
        self.tls.validate()
    }

    /// The files that are read.
    pub fn inputs(&self) -> impl Iterator<Item = &Path> {
        let logins = [&self.credentials, &self.nkey, &self.token];
        logins.into_iter().filter_map(Option::as_deref).chain(self.tls.inputs())
    }
}

/// Reads the URL of one server, or its host and port.
fn parse(server: &str, scheme: &str) -> Result<Url> {
    let shown = escape(&typed_url::servers_without_logins(server));
    let wrong = |why: &str| {
        Error::usage(format!("{shown} is not the URL of a NATS server: {why}"))
            .hint("Write it as nats://HOST:4222, or as tls://HOST:4222.")
    };
    let parsed = match server.contains("://") {
        true => Url::parse(server),
        false => Url::parse(&format!("{scheme}://{server}")),
    };
    let mut url = parsed.map_err(|error| wrong(&typed_url::cause(error)))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::usage(format!("the URL of the NATS server {shown} contains a login"))
            .hint(format!(
                "Other users can see it there. Set {USER_VARIABLE} and {PASSWORD_VARIABLE}, or \
                 {TOKEN_VARIABLE}, or give a file: credentials=FILE, nkey=FILE or token=FILE."
            )));
    }
    if !matches!(url.scheme(), "nats" | "tls") {
        return Err(wrong("it does not begin with nats:// or tls://"));
    }
    typed_url::check_host(&url).map_err(wrong)?;
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("unexpected text after host and port"));
    }
    if url.port().is_none() {
        // It can't fail: the URL has a host.
        let _ = url.set_port(Some(DEFAULT_PORT));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_urls_separated_by_commas() {
        let shown = |text: &str| {
            let servers = ServerOptions::parse(text).unwrap();
            servers.iter().map(Url::to_string).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(shown("nats://a"), "nats://a:4222");
        assert_eq!(shown("nats://a:1, tls://[::1]"), "nats://a:1 tls://[::1]:4222");
        assert_eq!(shown("a:1,b"), "nats://a:1 nats://b:4222");
        assert_eq!(shown("tls://a,b:1"), "tls://a:4222 tls://b:1");
        for (bad, why) in [
            ("", "the host is missing"),
            ("nats://a,", "the host is missing"),
            ("http://a", "it does not begin with"),
            ("nats://", "the host is missing"),
            ("nats://a/b", "unexpected text"),
            ("a:b", "is not the URL"),
        ] {
            let error = ServerOptions::parse(bad).unwrap_err().to_string();
            assert!(error.contains(why), "{bad}: {error}");
        }
    }

    #[test]
    fn a_login_in_a_url_is_refused_and_not_shown() {
        for url in [
            "nats://me:secret@a",
            "me:secret@a:4222",
            "nats://secret@a",
            "tls://a,nats://me:s@secret@a",
        ] {
            let error = ServerOptions::parse(url).unwrap_err().to_string();
            assert!(error.contains("contains a login") && !error.contains("secret"), "{error}");
            assert!(error.contains("ZLOG_NATS_PASSWORD"), "{error}");
        }
    }

    #[test]
    fn one_login_at_most_and_a_certificate_only_with_its_key() {
        let file = || Some(PathBuf::from("f"));
        let two = ServerOptions { nkey: file(), token: file(), ..ServerOptions::default() };
        assert!(two.validate().unwrap_err().to_string().contains("more than one login"));
        let tls = TlsOptions { key: file(), ..TlsOptions::default() };
        let half = ServerOptions { tls: tls.clone(), ..ServerOptions::default() };
        assert!(half.validate().unwrap_err().to_string().contains("a key a certificate"));
        let tls = TlsOptions { certificate: file(), ..tls };
        let whole = ServerOptions { tls, nkey: file(), ..half };
        whole.validate().unwrap();
        assert_eq!(whole.inputs().count(), 3);
    }
}
