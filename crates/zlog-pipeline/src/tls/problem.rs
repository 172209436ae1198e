//! Words what is wrong between a client and a server with TLS.
//!
//! rustls reports some common mistakes in terms that only its authors understand. They are
//! recognised by their text: lettre and async-nats expose nothing else.

use std::sync::LazyLock;

use regex::Regex;

use super::fingerprint::DIFFERS;
use zlog_core::text::escape::escape;

/// What is wrong, to be put after the name of the server, and the next step.
pub(crate) type Problem = (String, String);

/// Explains what rustls says of a handshake with `host`, or of a later alert; `None` if its own
/// words have to do.
pub(crate) fn explain(said: &str, host: &str) -> Option<Problem> {
    of_certificate(said, host)
        .or_else(|| {
            let (_, found) = said.split_once(DIFFERS)?;
            let what = format!("has another certificate, with the fingerprint {}", escape(found));
            let hint = "If the server has got a new one, compare it there, and change fingerprint.";
            Some((what, hint.to_owned()))
        })
        .or_else(|| refused(said))
}

/// Whether the server has answered something that is no TLS.
pub(crate) fn is_no_tls(said: &str) -> bool {
    said.contains("corrupt message of type InvalidContentType")
}

/// The server has refused this client.
fn refused(said: &str) -> Option<Problem> {
    let (_, alert) = said.split_once("received fatal alert: ")?;
    match alert {
        "CertificateRequired" => Some((
            "asks for a certificate of the client".to_owned(),
            "Give certificate=FILE and key=FILE.".to_owned(),
        )),
        "BadCertificate"
        | "UnsupportedCertificate"
        | "CertificateRevoked"
        | "CertificateExpired"
        | "CertificateUnknown"
        | "UnknownCA"
        | "AccessDenied"
        | "DecryptError" => Some((
            format!("refuses the certificate of this client ({})", escape(alert)),
            "The server must trust its authority, and admit its name. The server's log may say \
             more."
                .to_owned(),
        )),
        // GnuTLS says so if a certificate is missing, too.
        "HandshakeFailure" | "ProtocolVersion" | "InsufficientSecurity" => Some((
            format!("refuses the handshake ({})", escape(alert)),
            "It may ask for a certificate of the client (certificate=FILE and key=FILE), or for \
             another version of TLS: zlog has 1.2 and 1.3."
                .to_owned(),
        )),
        _ => None,
    }
}

/// The problem with the server's certificate, and the next step.
pub(crate) fn of_certificate(said: &str, host: &str) -> Option<Problem> {
    let (_, wrong) = said.split_once("invalid peer certificate: ")?;
    // `openssl req -x509` makes such a certificate.
    if wrong.contains("CaUsedAsEndEntity") {
        return Some((
            "uses the certificate of an authority as its own".to_owned(),
            "Create a server certificate: openssl req -x509 … -addext \
             basicConstraints=critical,CA:FALSE."
                .to_owned(),
        ));
    }
    // BadSignature: a trusted certificate has the same name but another key.
    if wrong.contains("UnknownIssuer") || wrong.contains("BadSignature") {
        return Some((
            "has a certificate that is not trusted here".to_owned(),
            "If it is the right server, trust its certificate: trust=FILE (PEM).".to_owned(),
        ));
    }
    if wrong.contains("ertificate not valid for name") || wrong.contains("NotValidForName") {
        let names = names(wrong);
        let others = if names.is_empty() { "no name" } else { &names };
        return Some((
            format!("has a certificate for {others}, not for {host}"),
            format!("Use a name in the certificate, or get a certificate for {host}."),
        ));
    }
    if wrong.contains("ertificate expired") || wrong.contains("Expired") {
        let what = match day(wrong, "not valid after ") {
            Some(day) => format!("has a certificate that expired on {day}"),
            None => "has an expired certificate".to_owned(),
        };
        return Some((what, "Renew it, or check the clock of this machine.".to_owned()));
    }
    if wrong.contains("ertificate not valid yet") || wrong.contains("NotValidYet") {
        let what = match day(wrong, "not valid before ") {
            Some(day) => format!("has a certificate that is not valid before {day}"),
            None => "has a certificate that is not valid yet".to_owned(),
        };
        let hint = "Check the clock of this machine, or renew the certificate.".to_owned();
        return Some((what, hint));
    }
    None
}

/// The names in the certificate, according to rustls.
fn names(wrong: &str) -> String {
    static NAME: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"(?:DnsName|IpAddress)\("?([^")]+)"?\)"#).expect("the pattern is a constant")
    });
    let names: Vec<String> = NAME.captures_iter(wrong).map(|found| escape(&found[1])).collect();
    names.join(", ")
}

/// The date after `words` in a message of rustls, given in seconds since 1970.
fn day(wrong: &str, words: &str) -> Option<String> {
    let (_, rest) = wrong.split_once(words)?;
    let seconds = rest.split(' ').next()?.parse().ok()?;
    let day = jiff::Timestamp::from_second(seconds).ok()?;
    Some(day.strftime("%Y-%m-%d").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_refuses_is_said_with_the_next_step() {
        for (alert, says) in [
            ("CertificateRequired", "certificate=FILE and key=FILE"),
            ("UnknownCA", "refuses the certificate of this client (UnknownCA)"),
            ("HandshakeFailure", "refuses the handshake (HandshakeFailure)"),
        ] {
            let said = format!("received fatal alert: {alert}");
            let (what, hint) = explain(&said, "loghost").unwrap();
            assert!(format!("{what}\n{hint}").contains(says), "{what}\n{hint}");
        }
        assert_eq!(explain("received fatal alert: InternalError", "loghost"), None);
        let other = format!("unexpected error: {DIFFERS}sha-256:AB");
        let (what, _) = explain(&other, "loghost").unwrap();
        assert_eq!(what, "has another certificate, with the fingerprint sha-256:AB");
    }
}
