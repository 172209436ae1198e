//! The fingerprint of a certificate: SHA-256 of its DER encoding (RFC 5425, section 4.2.2).

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{self, CryptoProvider};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, OtherError, SignatureScheme};

use zlog_core::text::escape::escape;
use zlog_core::{Error, Result};

/// The length of SHA-256 in bytes.
const LENGTH: usize = 32;

/// The fingerprint of a server's certificate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fingerprint([u8; LENGTH]);

impl Fingerprint {
    /// The fingerprint of a certificate in DER.
    pub fn of(certificate: &[u8]) -> Fingerprint {
        let mut bytes = [0; LENGTH];
        bytes.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, certificate).as_ref());
        Fingerprint(bytes)
    }

    /// Accepts the certificate with this fingerprint.
    pub(super) fn verifier(&self, provider: Arc<CryptoProvider>) -> Verifier {
        Verifier { fingerprint: self.clone(), provider }
    }
}

impl FromStr for Fingerprint {
    type Err = Error;

    /// Reads 32 bytes in hexadecimal, with or without colons and `sha-256:`, as the RFC, rsyslog
    /// and `openssl x509 -fingerprint -sha256` write them.
    fn from_str(text: &str) -> Result<Fingerprint> {
        let wrong = || {
            Error::usage(format!("{} is not a fingerprint", escape(text))).hint(
                "Write it as sha-256:AB:CD:…, 32 bytes. openssl x509 -in FILE -noout -fingerprint \
                 -sha256 prints it.",
            )
        };
        let lower = text.to_ascii_lowercase();
        let digits = ["sha-256:", "sha256:", "sha256 fingerprint="]
            .iter()
            .find_map(|name| lower.strip_prefix(name))
            .unwrap_or(&lower);
        let digits: Vec<u8> = digits.bytes().filter(|byte| *byte != b':').collect();
        if digits.len() != 2 * LENGTH {
            return Err(wrong());
        }
        let mut bytes = [0; LENGTH];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| wrong())?;
            // It would accept a sign.
            let digits = pair.bytes().all(|digit| digit.is_ascii_hexdigit());
            *byte = u8::from_str_radix(pair, 16).ok().filter(|_| digits).ok_or_else(wrong)?;
        }
        Ok(Fingerprint(bytes))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha-256")?;
        self.0.iter().try_for_each(|byte| write!(f, ":{byte:02X}"))
    }
}

/// The server has a certificate with this fingerprint, which is not the one that was named.
#[derive(Debug)]
pub(super) struct OtherFingerprint(pub(super) Fingerprint);

impl fmt::Display for OtherFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the fingerprint of the certificate is {}", self.0)
    }
}

impl std::error::Error for OtherFingerprint {}

/// Accepts one certificate, whoever has signed it and whatever its names and dates.
#[derive(Debug)]
pub(super) struct Verifier {
    fingerprint: Fingerprint,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let found = Fingerprint::of(certificate);
        if found == self.fingerprint {
            return Ok(ServerCertVerified::assertion());
        }
        Err(OtherError(Arc::new(OtherFingerprint(found))).into())
    }

    // As usual, it is checked that the server has the private key of the certificate.
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_in_the_forms_of_the_rfc_and_of_openssl() {
        let empty = Fingerprint::of(b"");
        let shown = empty.to_string();
        assert!(shown.starts_with("sha-256:E3:B0:C4:42:98:"), "{shown}");
        let hex = shown.strip_prefix("sha-256:").unwrap();
        for text in [
            shown.clone(),
            shown.to_lowercase(),
            format!("SHA256:{hex}"),
            format!("sha256 Fingerprint={hex}"),
            hex.replace(':', ""),
        ] {
            assert_eq!(text.parse::<Fingerprint>().unwrap(), empty, "{text}");
        }
        let signs = "+1".repeat(32);
        for wrong in ["", "sha-1:E3", &hex[3..], &shown.replace('E', "ü"), &signs, "\x1b"] {
            let error = wrong.parse::<Fingerprint>().unwrap_err().to_string();
            assert!(error.contains("is not a fingerprint\n  Write it as"), "{error}");
            assert!(!error.contains('\x1b'));
        }
    }
}
