//! Words what is wrong between a client and a server with TLS.
//!
//! rustls reports some common mistakes in terms that only its authors understand.

use std::error::Error as StdError;
use std::io;

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, OtherError};

use super::fingerprint::OtherFingerprint;
use zlog_core::text::escape::escape;

/// What is wrong, to be put after the name of the server, and the next step.
pub(crate) type Problem = (String, String);

/// The error of rustls among an error and its causes, if there is one.
pub(crate) fn of_rustls<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e Error> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // The source of an I/O error is not the error in it, but the cause of that.
        let within = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        cause = within.map(|within| within as _).or_else(|| error.source());
    }
    None
}

/// Explains an error of a handshake, or a later alert; `None` if the words of rustls have to do.
pub(crate) fn explain(error: &Error) -> Option<Problem> {
    match error {
        Error::InvalidCertificate(wrong) => Some(of_certificate(wrong)),
        Error::AlertReceived(alert) => refused(*alert),
        Error::Other(OtherError(other)) => {
            let OtherFingerprint(found) = other.downcast_ref()?;
            let what = format!("has another certificate, with the fingerprint {found}");
            let hint = "If the server has got a new one, compare it there, and change fingerprint.";
            Some((what, hint.to_owned()))
        }
        _ => None,
    }
}

/// Whether the server has answered something that is no TLS.
pub(crate) fn is_no_tls(error: &Error) -> bool {
    matches!(error, Error::InvalidMessage(InvalidMessage::InvalidContentType))
}

/// The server has refused this client.
fn refused(alert: AlertDescription) -> Option<Problem> {
    match alert {
        AlertDescription::CertificateRequired => Some((
            "asks for a certificate of the client".to_owned(),
            "Give certificate=FILE and key=FILE.".to_owned(),
        )),
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA
        | AlertDescription::AccessDenied
        | AlertDescription::DecryptError => Some((
            format!("refuses the certificate of this client ({alert:?})"),
            "The server must trust its authority, and admit its name. The server's log may say \
             more."
                .to_owned(),
        )),
        // GnuTLS says so if a certificate is missing, too.
        AlertDescription::HandshakeFailure
        | AlertDescription::ProtocolVersion
        | AlertDescription::InsufficientSecurity => Some((
            format!("refuses the handshake ({alert:?})"),
            "It may ask for a certificate of the client (certificate=FILE and key=FILE), or for \
             another version of TLS: zlog has 1.2 and 1.3."
                .to_owned(),
        )),
        _ => None,
    }
}

/// The problem with the server's certificate, and the next step.
pub(crate) fn of_certificate(wrong: &CertificateError) -> Problem {
    match wrong {
        CertificateError::Other(OtherError(other))
            if other.downcast_ref() == Some(&webpki::Error::CaUsedAsEndEntity) =>
        {
            // `openssl req -x509` makes such a certificate.
            (
                "uses the certificate of an authority as its own".to_owned(),
                "Create a server certificate: openssl req -x509 … -addext \
                 basicConstraints=critical,CA:FALSE."
                    .to_owned(),
            )
        }
        // BadSignature: a trusted certificate has the same name but another key.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => (
            "has a certificate that is not trusted here".to_owned(),
            "If it is the right server, trust its certificate: trust=FILE (PEM).".to_owned(),
        ),
        CertificateError::NotValidForNameContext { presented, expected } => {
            let host = escape(&expected.to_str());
            let names: Vec<String> = presented.iter().filter_map(|name| bare(name)).collect();
            let names = if names.is_empty() { "no name".to_owned() } else { names.join(", ") };
            (
                format!("has a certificate for {names}, not for {host}"),
                format!("Use a name in the certificate, or get a certificate for {host}."),
            )
        }
        CertificateError::ExpiredContext { not_after, .. } => (
            format!("has a certificate that expired on {}", day(not_after.as_secs())),
            "Renew it, or check the clock of this machine.".to_owned(),
        ),
        // Its first day is after its last one.
        CertificateError::Expired => (
            "has a certificate that is never valid".to_owned(),
            "Renew it, with a first day before the last one.".to_owned(),
        ),
        CertificateError::NotValidYetContext { not_before, .. } => (
            format!("has a certificate that is not valid before {}", day(not_before.as_secs())),
            "Check the clock of this machine, or renew the certificate.".to_owned(),
        ),
        other => (
            format!("has a certificate that can't be used ({})", escape(&other.to_string())),
            "Give the server another certificate.".to_owned(),
        ),
    }
}

/// A host in a certificate, which rustls gives as `DnsName("loghost")`. `None` for other names.
fn bare(name: &str) -> Option<String> {
    let (kind, name) = name.split_once('(')?;
    ["DnsName", "IpAddress"].contains(&kind).then(|| escape(name.trim_matches(['"', ')'])))
}

/// The date of a time in seconds since 1970.
fn day(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|it| jiff::Timestamp::from_second(it).ok());
    time.map_or_else(|| "a date too far away".to_owned(), |it| it.strftime("%Y-%m-%d").to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use rustls::pki_types::{ServerName, UnixTime};

    use super::super::Fingerprint;
    use super::*;

    fn explained(error: &Error) -> String {
        explain(error).map(|(what, hint)| format!("{what}\n{hint}")).unwrap_or_default()
    }

    #[test]
    fn what_a_server_refuses_is_said_with_the_next_step() {
        for (alert, says) in [
            (AlertDescription::CertificateRequired, "certificate=FILE and key=FILE"),
            (AlertDescription::UnknownCA, "refuses the certificate of this client (UnknownCA)"),
            (AlertDescription::HandshakeFailure, "refuses the handshake (HandshakeFailure)"),
        ] {
            let said = explained(&Error::AlertReceived(alert));
            assert!(said.contains(says), "{said}");
        }
        let other = AlertDescription::InternalError;
        assert_eq!(explain(&Error::AlertReceived(other)), None);
    }

    #[test]
    fn what_is_wrong_with_a_certificate_is_said_with_its_names_and_dates() {
        let time = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let expected = ServerName::try_from("loghost").unwrap();
        let presented = ["DnsName(\"other\")", "IpAddress(10.0.0.1)", "Unsupported(0x01)"];
        let presented = presented.map(str::to_owned).into();
        let authority = OtherError(Arc::new(webpki::Error::CaUsedAsEndEntity));
        let (now, day) = (time(1 << 31), time(1_700_000_000));
        for (wrong, says) in [
            (CertificateError::UnknownIssuer, "that is not trusted here"),
            (CertificateError::Expired, "that is never valid"),
            (CertificateError::InvalidPurpose, "that can't be used ("),
            (CertificateError::Other(authority), "the certificate of an authority as its own"),
            (
                CertificateError::NotValidForNameContext { expected, presented },
                "a certificate for other, 10.0.0.1, not for loghost",
            ),
            (
                CertificateError::ExpiredContext { time: now, not_after: day },
                "that expired on 2023-11-14",
            ),
            (
                CertificateError::NotValidYetContext { time: time(0), not_before: day },
                "that is not valid before 2023-11-14",
            ),
        ] {
            let said = explained(&Error::InvalidCertificate(wrong));
            assert!(said.contains(says), "{said}");
        }
    }

    #[test]
    fn an_error_of_rustls_is_found_within_those_around_it() {
        let fingerprint: Fingerprint = "AB".repeat(32).parse().unwrap();
        let error = Error::Other(OtherError(Arc::new(OtherFingerprint(fingerprint))));
        let within = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, error));
        let said = explained(of_rustls(&within).unwrap());
        assert!(said.starts_with("has another certificate, with the fingerprint sha-256:AB:AB"));
        assert!(of_rustls(&io::Error::other("no TLS")).is_none());
    }
}
