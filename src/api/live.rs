//! One reading of configuration, certificates and revocation lists: built whole, then put in force in one step.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{RootCertStore, ServerConfig};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::config::{Settings, TlsFiles};
use super::identity::PeerCertificate;
use super::refusal::Refusal;
use super::revocation::{RevocationError, Revocations};
use super::verifier::Verifier;
use crate::config::ConfigError;
use crate::principal::PrincipalName;
use crate::secret::{Reference, SecretError};
use crate::sys::trusted_file::{self, TrustedFileError};

/// A configuration that cannot be put in force.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// `reeved.toml` itself is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A file it names is missing, or others could have written it.
    #[error(transparent)]
    File(#[from] TrustedFileError),
    /// The server's key cannot be had.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// What the key's reference stands for is no key.
    #[error("{0}: holds no private key in PEM")]
    Key(Reference),
    /// A file holds nothing of the kind it is for.
    #[error("{}: holds no {what} in PEM", path.display())]
    Pem {
        /// Which file.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
    },
    /// An authority's certificate cannot be one.
    #[error("{}: holds a certificate that is no authority's", .0.display())]
    Authority(PathBuf),
    /// A revocation list cannot be used.
    #[error("{}: cannot be used as tls.crl", path.display())]
    Revocation {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: RevocationError,
    },
    /// The certificate and the key do not belong together, or are of a kind that TLS does not take.
    #[error("the server's certificate and key cannot be used")]
    Tls(#[from] rustls::Error),
    /// What was read is not what lies there any more.
    #[error("the files were changed while they were read: reload again")]
    Changing,
    /// Reading was cut off.
    #[error("reading was cut off")]
    Interrupted,
    /// The authorities cannot be used.
    #[error("the authorities in `client_ca` cannot be used")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
}

impl LiveError {
    /// What a remote admin may read: which part is wrong, and no path.
    pub(super) fn public(&self) -> &'static str {
        match self {
            Self::Config(_) => "reeved.toml is not valid",
            Self::File(_) => "a file that reeved.toml names cannot be read or is not to be trusted",
            Self::Secret(_) => "tls.key cannot be read, or is not to be trusted",
            Self::Key(_) => "tls.key holds no key",
            Self::Pem { .. } => "a file of tls.* holds nothing of its kind",
            Self::Authority(_) | Self::Verifier(_) => "tls.client_ca cannot be used",
            Self::Revocation { .. } => "tls.crl cannot be used",
            Self::Changing => "the files were changed while they were read: reload again",
            Self::Interrupted => "reading was cut off",
            Self::Tls(_) => "tls.certificate and tls.key cannot be used",
        }
    }
}

/// What is in force.
pub(super) struct Live {
    /// Grows with every reading; connections of an older one are judged again.
    pub(super) generation: u64,
    pub(super) settings: Settings,
    pub(super) tls: Arc<ServerConfig>,
    pub(super) verifier: Arc<Verifier>,
    authorities: Vec<CertificateDer<'static>>,
    /// When the server's own certificate and the first of the authorities end.
    pub(super) ends: Ends,
}

/// When certificates end, in Unix time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ends {
    pub(super) server: i64,
    pub(super) client_ca: i64,
}

/// A caller that is let in, and until when.
pub(super) struct Admitted {
    pub(super) principal: PrincipalName,
    pub(super) until: SystemTime,
}

/// No file of ours comes near this; a revocation list of a million entries has about 40 MB.
const MAX_PEM: usize = 1 << 20;
const MAX_CRL: usize = 64 << 20;

impl Live {
    /// Reads everything that `settings` name.
    pub(super) fn load(settings: Settings, generation: u64) -> Result<Self, LiveError> {
        let files = &settings.tls;
        let authorities = certificates(&files.client_ca)?;
        let verifier =
            Arc::new(Verifier::new(store(files, &authorities)?, revocations(files, &authorities)?)?);
        let chain = certificates(&files.certificate)?;
        let ends = Ends {
            server: first_end(chain.get(..1).unwrap_or_default()),
            client_ca: first_end(&authorities),
        };
        let identity = SingleCertAndKey::from(CertifiedKey::from_der(chain, key(&settings)?, &provider())?);
        let tls = server_config(Arc::clone(&verifier), Arc::new(identity))?;
        Ok(Self { generation, settings, tls, verifier, authorities, ends })
    }

    /// The same with the revocation lists read anew, and nothing else.
    pub(super) fn with_new_revocations(&self) -> Result<Self, LiveError> {
        let files = &self.settings.tls;
        let revocations = revocations(files, &self.authorities)?;
        let verifier = Arc::new(Verifier::new(store(files, &self.authorities)?, revocations)?);
        Ok(Self {
            generation: self.generation,
            settings: self.settings.clone(),
            tls: server_config(Arc::clone(&verifier), Arc::clone(&self.tls.cert_resolver))?,
            verifier,
            authorities: self.authorities.clone(),
            ends: self.ends,
        })
    }

    /// Judges a certificate whole: for connections that are older than this reading.
    pub(super) fn judge(&self, certificate: &PeerCertificate, now: SystemTime) -> Result<Admitted, Refusal> {
        let until = self.verifier.judge(certificate, now)?;
        let principal = self.settings.identities.principal(certificate)?.clone();
        Ok(Admitted { principal, until })
    }

    /// Says who a certificate is that this reading's verifier has just accepted in a handshake.
    pub(super) fn admit(&self, certificate: &PeerCertificate, now: SystemTime) -> Result<Admitted, Refusal> {
        let until = self.verifier.revocation(certificate, now)?;
        let principal = self.settings.identities.principal(certificate)?.clone();
        Ok(Admitted { principal, until })
    }
}

/// The one provider of cryptography, given to every configuration by hand: there is no global one.
pub(super) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: std::sync::OnceLock<Arc<CryptoProvider>> = std::sync::OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider())))
}

fn server_config(
    verifier: Arc<Verifier>,
    identity: Arc<dyn ResolvesServerCert>,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(identity);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // A resumed session checks neither the certificate nor the revocation list again.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    Ok(Arc::new(config))
}

fn store(files: &TlsFiles, authorities: &[CertificateDer<'static>]) -> Result<RootCertStore, LiveError> {
    let mut store = RootCertStore::empty();
    for authority in authorities {
        let is_ca = X509Certificate::from_der(authority).is_ok_and(|(_, certificate)| certificate.is_ca());
        if !is_ca || store.add(authority.clone()).is_err() {
            return Err(LiveError::Authority(files.client_ca.clone()));
        }
    }
    Ok(store)
}

fn revocations(
    files: &TlsFiles,
    authorities: &[CertificateDer<'static>],
) -> Result<Option<Revocations>, LiveError> {
    let Some(path) = &files.crl else { return Ok(None) };
    let pem = trusted_file::read(path, MAX_CRL)?;
    let revocations = Revocations::read(&pem, authorities)
        .map_err(|source| LiveError::Revocation { path: path.clone(), source })?;
    Ok(Some(revocations))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, LiveError> {
    let pem = trusted_file::read(path, MAX_PEM)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) | Err(_) => Err(LiveError::Pem { path: path.to_owned(), what: "certificate" }),
    }
}

fn key(settings: &Settings) -> Result<PrivateKeyDer<'static>, LiveError> {
    let reference = &settings.tls.key;
    let found = settings.secrets.read(reference)?;
    tracing::debug!(%reference, source = %found.source, "tls.key is read");
    PrivateKeyDer::from_pem_slice(found.value.expose())
        .map_err(|_malformed| LiveError::Key(reference.clone()))
}

fn first_end(certificates: &[CertificateDer<'_>]) -> i64 {
    let ends = certificates.iter().filter_map(|der| X509Certificate::from_der(der).ok());
    ends.map(|(_, certificate)| certificate.validity().not_after.timestamp()).min().unwrap_or(0)
}

/// Seconds since 1970, for metrics.
pub(super) fn seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
