//! TLS as a client: 1.3 only, one CA, our certificate, no resumption.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};

use super::Target;
use crate::cli::exit::{Exit, Failure};

/// The configuration for a target, and the name that its certificate must hold.
pub(super) fn config(target: &Target) -> Result<(Arc<ClientConfig>, ServerName<'static>), Failure> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| Failure::new(Exit::Failed, format!("TLS cannot be set up: {error}")))?;
    let mut config = builder
        .with_root_certificates(roots(&target.ca)?)
        .with_client_auth_cert(chain(&target.cert)?, private_key(&target.key)?)
        .map_err(|_mismatch| {
            let (cert, key) = (target.cert.display(), target.key.display());
            Failure::new(Exit::Usage, format!("{key} is not the key of {cert}"))
                .hint("give the two that were issued together")
        })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = Resumption::disabled();
    let name = ServerName::try_from(target.host.clone()).map_err(|_error| {
        Failure::new(Exit::Usage, format!("{:?} is neither a DNS name nor an address", target.host))
    })?;
    Ok((Arc::new(config), name))
}

fn roots(path: &Path) -> Result<RootCertStore, Failure> {
    let mut roots = RootCertStore::empty();
    for certificate in chain(path)? {
        roots.add(certificate).map_err(|error| {
            Failure::new(Exit::Usage, format!("{}: holds no CA's certificate: {error}", path.display()))
        })?;
    }
    Ok(roots)
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let text = read(path)?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&text).filter_map(Result::ok).collect();
    if certificates.is_empty() {
        return Err(Failure::new(Exit::Usage, format!("{}: holds no certificate in PEM", path.display())));
    }
    Ok(certificates)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, Failure> {
    let mode = std::fs::metadata(path).map(|status| status.permissions().mode()).unwrap_or_default();
    if mode & 0o007 != 0 {
        let message = format!(
            "{}: everybody on this machine may read this key (mode {:04o})",
            path.display(),
            mode & 0o7777
        );
        return Err(Failure::new(Exit::Usage, message).hint(format!("chmod 600 {}", path.display())));
    }
    PrivateKeyDer::from_pem_slice(&read(path)?).map_err(|_error| {
        Failure::new(Exit::Usage, format!("{}: holds no private key in PEM", path.display()))
    })
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| {
        Failure::new(Exit::Usage, format!("{}: {error}", path.display()))
            .hint("whoever runs the CA makes one with `reeve pki issue agent NAME`")
    })
}
