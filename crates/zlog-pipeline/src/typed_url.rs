//! What messages say of a URL that a user typed.

use url::{Host, ParseError, Url};

/// The cause of an error, in words that fit after "it is no address: ".
pub(crate) fn cause(error: ParseError) -> String {
    match error {
        ParseError::RelativeUrlWithoutBase => {
            "it has no :// with the protocol before it".to_owned()
        }
        error => error.to_string(),
    }
}

/// Checks that a URL has a valid host.
///
/// # Errors
/// Why not, in words that fit after "it is no address: ".
pub(crate) fn check_host(url: &Url) -> Result<(), &'static str> {
    match url.host() {
        // `Url` percent-encodes what is not valid in a host name.
        Some(Host::Domain(name)) if name.contains('%') => Err("no such host name"),
        Some(Host::Domain("")) | None => Err("the host is missing"),
        Some(_) => Ok(()),
    }
}

/// A text without the logins in its URLs: messages end up in logs. A password may contain what ends the
/// host elsewhere, so all up to the last `@` of a word is hidden.
pub fn without_logins(text: &str) -> String {
    let mut parts = text.split("://");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let word = part.find(' ').unwrap_or(part.len());
        let host = part[..word].rfind('@').unwrap_or(0);
        shown += if host > 0 { "://…" } else { "://" };
        shown += &part[host..];
    }
    shown
}

/// The same for a list of servers, separated by commas, of which some may have no `://`.
pub fn servers_without_logins(servers: &str) -> String {
    let hide = |server: &str| {
        let (scheme, rest) = server
            .split_once("://")
            .map_or(("", server), |(scheme, rest)| (&server[..scheme.len() + "://".len()], rest));
        match rest.rfind('@') {
            Some(at) => format!("{scheme}…{}", &rest[at..]),
            None => server.to_owned(),
        }
    };
    servers.split(',').map(hide).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_login_is_shown_and_the_rest_is() {
        for (text, shown) in [
            ("tcp://me:secret@a:1", "tcp://…@a:1"),
            ("smtp://me:p@ss@a?tls=required", "smtp://…@a?tls=required"),
            ("http://me:p/ss@a", "http://…@a"),
            ("http://me:p?s#s@a/x", "http://…@a/x"),
            ("smtp://me:p,ss@a,b", "smtp://…@a,b"),
            ("http://a/x", "http://a/x"),
            ("curl http://me:secret@a x@y", "curl http://…@a x@y"),
            ("logs@home.log", "logs@home.log"),
        ] {
            assert_eq!(without_logins(text), shown);
        }
        for (servers, shown) in [
            ("nats://me:secret@a,b", "nats://…@a,b"),
            ("nats://a, me:secret@b:1", "nats://a,…@b:1"),
            ("secret@a", "…@a"),
            ("tls://a:1", "tls://a:1"),
        ] {
            assert_eq!(servers_without_logins(servers), shown);
        }
    }
}
