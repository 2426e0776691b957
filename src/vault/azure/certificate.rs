//! A service principal that shows who it is by a certificate: it signs a short statement, and its key goes nowhere. The SDK's own takes OpenSSL.

use std::fmt;
use std::time::{Duration, SystemTime};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PSS_SHA256, RsaKeyPair};
use azure_core::error::{Error, ErrorKind};
use azure_core::http::ClientMethodOptions;
use azure_identity::ClientAssertion;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;
use uuid::Uuid;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::secret::Secret;
use crate::sys::clock::{Clock, SystemClock};

/// How long a statement is good: one is made for each token that is asked for.
const GOOD_FOR: Duration = Duration::from_secs(600);

/// The key with its certificate, and whom it speaks for to whom.
pub(super) struct Certificate {
    key: RsaKeyPair,
    thumbprint: String,
    client: String,
    audience: String,
    ends: i64,
}

impl Certificate {
    /// Reads a certificate and its key, both in PEM.
    pub(super) fn new(pem: &Secret, authority: &Url, tenant: &str, client: &str) -> Result<Self, String> {
        let pem = pem.expose();
        let certificate = CertificateDer::pem_slice_iter(pem).find_map(Result::ok);
        let certificate = certificate.ok_or("holds no certificate in PEM")?;
        let (_, read) =
            X509Certificate::from_der(&certificate).map_err(|_none| "holds a certificate that is none")?;
        let key = match PrivateKeyDer::from_pem_slice(pem) {
            Ok(PrivateKeyDer::Pkcs8(key)) => RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).ok(),
            Ok(PrivateKeyDer::Pkcs1(key)) => RsaKeyPair::from_der(key.secret_pkcs1_der()).ok(),
            Ok(_) | Err(_) => None,
        };
        let key =
            key.ok_or("holds no private RSA key in PEM, which the certificate of a service principal has")?;
        let audience = format!("{}/{tenant}/oauth2/v2.0/token", authority.as_str().trim_end_matches('/'));
        Ok(Self {
            key,
            thumbprint: URL_SAFE_NO_PAD.encode(Sha256::digest(&certificate)),
            client: client.to_owned(),
            audience,
            ends: read.validity().not_after.timestamp(),
        })
    }

    /// When it ends.
    pub(super) fn ends(&self) -> i64 {
        self.ends
    }

    fn statement(&self, now: SystemTime) -> Result<String, Error> {
        let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let header = json!({"alg": "PS256", "typ": "JWT", "x5t#S256": self.thumbprint});
        let claims = json!({"aud": self.audience, "iss": self.client, "sub": self.client, "jti": Uuid::new_v4().to_string(),
            "nbf": since.as_secs(), "iat": since.as_secs(), "exp": (since + GOOD_FOR).as_secs()});
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(header), part(claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key.sign(&RSA_PSS_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).map_err(
            |_unspecified| Error::with_message(ErrorKind::Credential, "the certificate's key does not sign"),
        )?;
        Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({})", self.thumbprint)
    }
}

#[async_trait::async_trait]
impl ClientAssertion for Certificate {
    async fn secret(&self, _options: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        self.statement(SystemClock.now())
    }
}
