//! The address of a syslog daemon.

use std::fmt;
use std::path::{Path, PathBuf};

use url::{Host, Url};

use super::Protocol;
use crate::typed_url;
use zlog_core::text::escape::escape;
use zlog_core::{Error, Result};

/// The daemon's address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Address {
    /// A socket in the file system, either of datagrams or a stream.
    Unix(PathBuf),
    /// One message per datagram.
    Udp {
        /// Name or IP address.
        host: String,
        /// 514 by default.
        port: u16,
    },
    /// Messages preceded by their lengths (RFC 6587).
    Tcp {
        /// Name or IP address.
        host: String,
        /// 601 by default.
        port: u16,
    },
    /// The same with TLS (RFC 5425).
    Tls {
        /// Name or IP address, which the daemon's certificate must have.
        host: String,
        /// 6514 by default.
        port: u16,
    },
}

impl Address {
    /// Reads `unix:/dev/log` or an absolute path, `udp://HOST[:PORT]` (514),
    /// `tcp://HOST[:PORT]` (601) or `tls://HOST[:PORT]` (6514).
    ///
    /// # Errors
    /// The address has none of these forms.
    pub(crate) fn parse(address: &str) -> Result<Address> {
        let wrong = |why: &str| {
            let shown = escape(&typed_url::without_logins(address));
            Error::usage(format!("{shown} is not a syslog address: {why}")).hint(
                "Write it as unix:/dev/log, udp://HOST:514, tcp://HOST:601 or tls://HOST:6514.",
            )
        };
        if let Some(path) = address.strip_prefix("unix:") {
            // Also accept unix:///dev/log.
            let path = path.strip_prefix("//").unwrap_or(path);
            return unix(Path::new(path)).map_err(|why| wrong(&why));
        }
        if address.starts_with('/') {
            return unix(Path::new(address)).map_err(|why| wrong(&why));
        }
        let url = Url::parse(address).map_err(|error| wrong(&typed_url::cause(error)))?;
        let plain = url.username().is_empty()
            && url.password().is_none()
            && matches!(url.path(), "" | "/")
            && url.query().is_none()
            && url.fragment().is_none();
        let host = match url.host() {
            // `Url` percent-encodes what is not valid in a host name.
            Some(Host::Domain(name)) if name.contains('%') => {
                return Err(wrong("no such host name"));
            }
            Some(Host::Domain(name)) if !name.is_empty() => name.to_owned(),
            Some(Host::Ipv4(ip)) => ip.to_string(),
            Some(Host::Ipv6(ip)) => ip.to_string(),
            Some(Host::Domain(_)) | None => return Err(wrong("the host is missing")),
        };
        match url.scheme() {
            "udp" | "tcp" | "tls" if !plain => Err(wrong("unexpected text beside host and port")),
            "udp" => Ok(Address::Udp { host, port: url.port().unwrap_or(514) }),
            "tcp" => Ok(Address::Tcp { host, port: url.port().unwrap_or(601) }),
            "tls" => Ok(Address::Tls { host, port: url.port().unwrap_or(6514) }),
            _ => Err(wrong("it does not begin with unix:, udp://, tcp:// or tls://")),
        }
    }

    /// The format that daemons expect at this address by default.
    pub(super) fn protocol(&self) -> Protocol {
        match self {
            Address::Unix(path) if path == Path::new("/dev/log") => Protocol::Local,
            _ => Protocol::Rfc5424,
        }
    }

    pub(super) fn is_udp(&self) -> bool {
        matches!(self, Address::Udp { .. })
    }

    /// Whether messages are sent over TCP, with or without TLS.
    pub(super) fn is_tcp(&self) -> bool {
        matches!(self, Address::Tcp { .. } | Address::Tls { .. })
    }

    pub(super) fn is_tls(&self) -> bool {
        matches!(self, Address::Tls { .. })
    }

    /// The host and the port, if there are any.
    pub(super) fn host(&self) -> Option<(&str, u16)> {
        match self {
            Address::Unix(_) => None,
            Address::Udp { host, port }
            | Address::Tcp { host, port }
            | Address::Tls { host, port } => Some((host, *port)),
        }
    }
}

#[cfg(unix)]
fn unix(path: &Path) -> Result<Address, String> {
    if path.as_os_str().is_empty() {
        return Err("the path is missing".to_owned());
    }
    // Report a path that is too long now instead of at the first record.
    std::os::unix::net::SocketAddr::from_pathname(path).map_err(|error| error.to_string())?;
    Ok(Address::Unix(path.to_owned()))
}

#[cfg(not(unix))]
fn unix(_: &Path) -> Result<Address, String> {
    Err("there are no Unix sockets on this system".to_owned())
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, host, port) = match self {
            Address::Unix(path) => {
                return write!(f, "unix:{}", escape(&path.to_string_lossy()));
            }
            Address::Udp { host, port } => ("udp", escape(host), port),
            Address::Tcp { host, port } => ("tcp", escape(host), port),
            Address::Tls { host, port } => ("tls", escape(host), port),
        };
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        write!(f, "{scheme}://{host}:{port}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_with_their_default_ports_and_shown_as_they_are_written() {
        let cases = [
            ("/dev/log", "unix:/dev/log"),
            ("unix:/dev/log", "unix:/dev/log"),
            ("unix:///dev/log", "unix:/dev/log"),
            ("unix:log.sock", "unix:log.sock"),
            ("udp://loghost", "udp://loghost:514"),
            ("udp://127.0.0.1:1514", "udp://127.0.0.1:1514"),
            ("tcp://loghost/", "tcp://loghost:601"),
            ("tcp://[::1]:601", "tcp://[::1]:601"),
            ("tls://loghost", "tls://loghost:6514"),
            ("tls://[::1]:1", "tls://[::1]:1"),
        ];
        for (text, shown) in cases {
            assert_eq!(Address::parse(text).unwrap().to_string(), shown, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_the_next_step() {
        let long = format!("unix:/{}", "x".repeat(200));
        let wrong = [
            "",
            "loghost",
            "loghost:514",
            "unix:",
            "udp://",
            "udp:loghost",
            "tls://loghost/path",
            "ssl://loghost",
            "tcp://loghost/path",
            "tcp://me@loghost",
            "tcp://loghost:99999",
            "udp://log\x1bhost",
            &long,
        ];
        for text in wrong {
            let Err(error) = Address::parse(text) else { panic!("{text} was taken") };
            let error = error.to_string();
            assert!(
                error.contains("is not a syslog address") && !error.contains('\x1b'),
                "{error}"
            );
            assert!(error.contains("\n  Write it as"), "{error}");
        }
    }
}
