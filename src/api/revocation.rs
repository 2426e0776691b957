//! Which certificates were taken back. A list's signature is checked once, when it is read; a handshake and a request then
//! cost one look-up each, however long the list is.
//!
//! An authority in use must have a list here, and one whose time is not over: otherwise nobody can tell, and its callers
//! are refused.

use std::collections::{HashMap, HashSet};
use std::time::SystemTime;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use x509_parser::prelude::{CertificateRevocationList, FromDer, X509Certificate};

use super::identity::{PeerCertificate, unix_time, without_leading_zeros};
use super::refusal::Refusal;

/// A revocation list that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RevocationError {
    /// It is no list, or bytes follow it.
    #[error("it is not a revocation list in PEM")]
    Malformed,
    /// None of the configured authorities signed it.
    #[error("it holds a list that none of the authorities in `client_ca` signed")]
    Stranger,
    /// It covers some certificates only, or in a way that is not known here.
    #[error("it holds a list with a critical extension; only complete lists are read")]
    Partial,
    /// It does not say until when it holds.
    #[error("it holds a list without nextUpdate")]
    Endless,
}

/// The revocation lists in force, by the issuer's name.
#[derive(Debug, Default)]
pub(super) struct Revocations {
    by_issuer: HashMap<Vec<u8>, Issuer>,
}

/// What one name of an authority revoked. Several authorities may have one name, as when a key is replaced; then each must
/// have a list, and what any of them revoked is revoked.
#[derive(Debug)]
struct Issuer {
    serials: HashSet<Vec<u8>>,
    /// The authorities of the name, by public key, that have no list yet.
    without_list: HashSet<Vec<u8>>,
    from: SystemTime,
    until: SystemTime,
}

impl Revocations {
    /// Reads lists, each of which one of the authorities must have signed.
    pub(super) fn read(pem: &[u8], authorities: &[CertificateDer<'_>]) -> Result<Self, RevocationError> {
        let mut lists = Self { by_issuer: authorities_by_name(authorities)? };
        let mut read = 0;
        for list in CertificateRevocationListDer::pem_slice_iter(pem) {
            let list = list.map_err(|_malformed| RevocationError::Malformed)?;
            lists.add(&list, authorities)?;
            read += 1;
        }
        if read == 0 { Err(RevocationError::Malformed) } else { Ok(lists) }
    }

    /// The certificate is not revoked, and the moment after which that must be asked again.
    pub(super) fn check(
        &self,
        certificate: &PeerCertificate,
        now: SystemTime,
    ) -> Result<SystemTime, Refusal> {
        let issuer = self.by_issuer.get(&certificate.issuer).ok_or(Refusal::NoCrl)?;
        if issuer.serials.contains(&certificate.serial) {
            return Err(Refusal::Revoked);
        }
        if !issuer.without_list.is_empty() {
            return Err(Refusal::NoCrl);
        }
        if now < issuer.from || now >= issuer.until {
            return Err(Refusal::CrlExpired);
        }
        Ok(issuer.until)
    }

    /// When the first of the lists ends.
    pub(super) fn first_end(&self) -> Option<SystemTime> {
        self.by_issuer.values().map(|issuer| issuer.until).min()
    }

    /// Whether an authority is without a list, so that its callers are refused.
    pub(super) fn is_incomplete(&self) -> bool {
        self.by_issuer.values().any(|issuer| !issuer.without_list.is_empty())
    }

    fn add(
        &mut self,
        der: &CertificateRevocationListDer<'_>,
        authorities: &[CertificateDer<'_>],
    ) -> Result<(), RevocationError> {
        let (rest, list) =
            CertificateRevocationList::from_der(der).map_err(|_malformed| RevocationError::Malformed)?;
        if !rest.is_empty() {
            return Err(RevocationError::Malformed);
        }
        let signer = signer(&list, authorities)?;
        if list.extensions().iter().any(|extension| extension.critical) {
            return Err(RevocationError::Partial);
        }
        let until = list.next_update().ok_or(RevocationError::Endless)?;
        let name = list.issuer().as_raw();
        let issuer = self.by_issuer.get_mut(name).ok_or(RevocationError::Stranger)?;
        for revoked in list.iter_revoked_certificates() {
            // A critical extension of an entry could say that it is another authority's certificate.
            if revoked.extensions().iter().any(|extension| extension.critical) {
                return Err(RevocationError::Partial);
            }
            issuer.serials.insert(without_leading_zeros(revoked.raw_serial()).to_vec());
        }
        issuer.without_list.remove(&signer);
        issuer.from = issuer.from.max(unix_time(list.last_update().timestamp()));
        issuer.until = issuer.until.min(unix_time(until.timestamp()));
        Ok(())
    }
}

fn authorities_by_name(
    authorities: &[CertificateDer<'_>],
) -> Result<HashMap<Vec<u8>, Issuer>, RevocationError> {
    let mut by_issuer = HashMap::new();
    for der in authorities {
        let (_, authority) =
            X509Certificate::from_der(der).map_err(|_malformed| RevocationError::Stranger)?;
        let issuer = by_issuer.entry(authority.subject().as_raw().to_vec()).or_insert_with(|| Issuer {
            serials: HashSet::new(),
            without_list: HashSet::new(),
            from: SystemTime::UNIX_EPOCH,
            until: unix_time(i64::MAX >> 16),
        });
        issuer.without_list.insert(authority.public_key().raw.to_vec());
    }
    Ok(by_issuer)
}

/// The public key of the authority that signed the list.
fn signer(
    list: &CertificateRevocationList<'_>,
    authorities: &[CertificateDer<'_>],
) -> Result<Vec<u8>, RevocationError> {
    // What is signed says by which algorithm; SHA-1 signatures can be forged.
    let algorithm = &list.signature_algorithm.algorithm;
    let is_sha1 = [SHA1_WITH_RSA, SHA1_WITH_RSA_OIW].contains(&algorithm.to_id_string().as_str());
    if is_sha1 || *algorithm != list.tbs_cert_list.signature.algorithm {
        return Err(RevocationError::Stranger);
    }
    for der in authorities {
        let Ok((_, authority)) = X509Certificate::from_der(der) else { continue };
        let same_name = authority.subject().as_raw() == list.issuer().as_raw();
        if same_name && list.verify_signature(authority.public_key()).is_ok() {
            return Ok(authority.public_key().raw.to_vec());
        }
    }
    Err(RevocationError::Stranger)
}

const SHA1_WITH_RSA: &str = "1.2.840.113549.1.1.5";
const SHA1_WITH_RSA_OIW: &str = "1.3.14.3.2.29";

#[cfg(test)]
mod tests;
