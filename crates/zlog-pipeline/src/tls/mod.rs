//! TLS of clients: which servers are trusted, and the certificate that a client shows. `problem`
//! words what is wrong with a certificate, `fingerprint` pins one.
//!
//! It is rustls with ring and the system's authorities, as lettre has it for mails.

mod fingerprint;
pub(crate) mod problem;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, crypto};

pub use self::fingerprint::Fingerprint;
use zlog_core::text::escape::escape;
use zlog_core::{Error, Result};

/// Files for TLS. They are read whenever a connection is made, so that they can be replaced
/// meanwhile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// Certificates to trust besides the system's, in PEM.
    pub trust: Option<PathBuf>,
    /// The certificate of this client, in PEM.
    pub certificate: Option<PathBuf>,
    /// The private key of that certificate, in PEM.
    pub key: Option<PathBuf>,
}

impl TlsOptions {
    /// Checks what can be checked without reading files.
    ///
    /// # Errors
    /// A certificate and a key do not fit together.
    pub fn validate(&self) -> Result<()> {
        if self.certificate.is_some() != self.key.is_some() {
            return Err(Error::usage("a certificate needs a key, and a key a certificate")
                .hint("Give certificate=FILE and key=FILE, or neither."));
        }
        Ok(())
    }

    /// The files that are read.
    pub fn inputs(&self) -> impl Iterator<Item = &Path> {
        let files = [&self.trust, &self.certificate, &self.key];
        files.into_iter().filter_map(Option::as_deref)
    }
}

/// What a connection with TLS needs. With a fingerprint, the certificate with that fingerprint is
/// trusted, and no other.
///
/// # Errors
/// A file can't be read, or has no certificate or key.
pub(crate) fn client(
    options: &TlsOptions,
    fingerprint: Option<&Fingerprint>,
) -> Result<ClientConfig> {
    let unusable = |error: rustls::Error| {
        Error::new(format!("TLS can't be set up: {error}"))
            .hint("Check that certificate and key belong together.")
    };
    let provider = Arc::new(crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider));
    let config = config.with_safe_default_protocol_versions().map_err(unusable)?;
    let config = match fingerprint {
        Some(fingerprint) => config
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(fingerprint.verifier(provider))),
        None => config.with_root_certificates(roots(options)?),
    };
    match (&options.certificate, &options.key) {
        (Some(certificate), Some(path)) => {
            let key = PrivateKeyDer::from_pem_file(path).map_err(|error| no_pem(path, &error))?;
            config.with_client_auth_cert(certificates(certificate)?, key).map_err(unusable)
        }
        _ => Ok(config.with_no_client_auth()),
    }
}

/// The authorities that are trusted.
fn roots(options: &TlsOptions) -> Result<RootCertStore> {
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
    Ok(roots)
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
}

fn shown(path: &Path) -> String {
    escape(&path.to_string_lossy())
}
