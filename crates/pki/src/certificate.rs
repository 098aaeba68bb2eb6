//! Reading certificates: the facts that authentication and listings need. Not here: chain building and
//! verification, which TLS does before a peer's certificate is read here.

use std::fmt;

use aws_lc_rs::digest;
use rustls_pki_types::CertificateDer;
use uuid::Uuid;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::PkiError;

/// What precedes a principal's id in a URI subject alternative name.
const PRINCIPAL_URN_PREFIX: &str = "urn:keyreeve:principal:";

/// A certificate's serial number, big-endian without leading zeros, printed as lower-case hex.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Serial(Vec<u8>);

impl Serial {
    pub(crate) fn random() -> Result<Self, PkiError> {
        let mut bytes = [0; 16];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| PkiError::Crypto("drawing a serial number"))?;
        // RFC 5280 section 4.1.2.2 asks for a positive number; a first byte that is not zero also fixes its length.
        bytes[0] |= 1;
        Ok(Self(bytes.to_vec()))
    }

    /// The number as big-endian bytes, 1 to 20 of them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The URI subject alternative name that names a principal.
pub fn principal_urn(principal: Uuid) -> String {
    format!("{PRINCIPAL_URN_PREFIX}{}", principal.hyphenated())
}

/// What a certificate says of its holder; holds no secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateInfo {
    /// Serial number, unique for one issuer.
    pub serial: Serial,
    /// SHA-256 of the certificate's DER.
    pub sha256: [u8; 32],
    /// SHA-256 of the DER SubjectPublicKeyInfo.
    pub spki_sha256: [u8; 32],
    /// First moment of validity, in Unix seconds.
    pub not_before_seconds: i64,
    /// Last moment of validity, in Unix seconds.
    pub not_after_seconds: i64,
    /// The subject's first common name.
    pub subject_common_name: Option<String>,
    /// The issuer's distinguished name as text.
    pub issuer: String,
    /// The URIs among the subject alternative names.
    pub subject_uris: Vec<String>,
}

impl CertificateInfo {
    /// Reads a certificate; its signature is not checked here.
    ///
    /// # Errors
    /// [`PkiError::Malformed`] where the bytes are not exactly one certificate.
    ///
    /// # Standard
    /// RFC 5280 section 4.1.
    pub fn read(certificate: &CertificateDer<'_>) -> Result<Self, PkiError> {
        let malformed = |error: &dyn fmt::Display| PkiError::malformed("certificate", error);
        let (rest, parsed) = X509Certificate::from_der(certificate).map_err(|error| malformed(&error))?;
        if !rest.is_empty() {
            return Err(malformed(&format_args!("{} bytes follow it", rest.len())));
        }
        let names = parsed.subject_alternative_name().map_err(|error| malformed(&error))?;
        let names = names.map_or(&[][..], |names| &names.value.general_names);
        let uris = names.iter().filter_map(|name| match name {
            GeneralName::URI(uri) => Some((*uri).to_owned()),
            _ => None,
        });
        let common_name = parsed.subject().iter_common_name().next().and_then(|name| name.as_str().ok());
        Ok(Self {
            serial: Serial(minimal(parsed.raw_serial())),
            sha256: sha256(certificate)?,
            spki_sha256: sha256(parsed.public_key().raw)?,
            not_before_seconds: parsed.validity().not_before.timestamp(),
            not_after_seconds: parsed.validity().not_after.timestamp(),
            subject_common_name: common_name.map(str::to_owned),
            issuer: parsed.issuer().to_string(),
            subject_uris: uris.collect(),
        })
    }

    /// The principal that the certificate names, where it names exactly one.
    pub fn principal(&self) -> Option<Uuid> {
        let mut named = self.subject_uris.iter().filter_map(|uri| uri.strip_prefix(PRINCIPAL_URN_PREFIX));
        match (named.next(), named.next()) {
            (Some(id), None) => Uuid::try_parse(id).ok(),
            _ => None,
        }
    }
}

fn sha256(bytes: &[u8]) -> Result<[u8; 32], PkiError> {
    let digest = digest::digest(&digest::SHA256, bytes);
    digest.as_ref().try_into().map_err(|_| PkiError::Crypto("hashing a certificate"))
}

fn minimal(serial: &[u8]) -> Vec<u8> {
    let zeros = serial.iter().take_while(|byte| **byte == 0).count();
    serial[zeros.min(serial.len().saturating_sub(1))..].to_vec()
}
