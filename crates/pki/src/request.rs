//! Certificate requests (PKCS#10): read, checked, and reduced to their public key and what they ask for. Not here: any
//! use of the names and extensions that a request asks for, since the authority decides those.

use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use rcgen::{PublicKeyData as _, SignatureAlgorithm, SubjectPublicKeyInfo};
use rustls_pki_types::CertificateSigningRequestDer;
use rustls_pki_types::pem::PemObject as _;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::cri_attributes::ParsedCriAttribute;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;

use crate::PkiError;
use crate::issuer::{Wanted, wanted};

/// Bytes of a request, in DER or PEM, at most: what is read of one takes many times as much.
const REQUEST_BYTES_MAX: usize = 96 * 1024;

/// A request whose signature proves that its sender holds the private key.
pub struct CertificateRequest {
    pub(crate) public_key: SubjectPublicKeyInfo,
    spki: Vec<u8>,
    wanted: Result<Wanted, PkiError>,
}

impl CertificateRequest {
    /// Reads a request in PEM or DER and checks its signature.
    ///
    /// # Errors
    /// [`PkiError::Malformed`], [`PkiError::UnsupportedKey`] or [`PkiError::RequestSignature`].
    ///
    /// # Standard
    /// RFC 2986 section 4.
    pub fn read(bytes: &[u8]) -> Result<Self, PkiError> {
        let malformed = |detail: String| PkiError::malformed("certificate request", detail);
        if bytes.len() > REQUEST_BYTES_MAX {
            return Err(malformed(format!("it has {} bytes, of {REQUEST_BYTES_MAX} at most", bytes.len())));
        }
        let from_pem;
        let der = if bytes.trim_ascii_start().starts_with(b"-----BEGIN") {
            from_pem = CertificateSigningRequestDer::from_pem_slice(bytes)
                .map_err(|_| malformed(crate::pem::BROKEN.to_owned()))?;
            from_pem.as_ref()
        } else {
            bytes
        };
        let (rest, request) =
            X509CertificationRequest::from_der(der).map_err(|error| malformed(error.to_string()))?;
        if !rest.is_empty() {
            return Err(malformed(format!("{} bytes follow it", rest.len())));
        }
        let public_key = certifiable_key(&request)?;
        verify(&request, &public_key)?;
        let wanted = asked(&request);
        Ok(Self { public_key, spki: request.certification_request_info.subject_pki.raw.to_vec(), wanted })
    }

    /// The public key that is to be certified, SubjectPublicKeyInfo in DER.
    pub fn subject_public_key_info(&self) -> &[u8] {
        &self.spki
    }

    /// What the certificate is asked to say.
    ///
    /// # Errors
    /// [`PkiError::NotCertified`] where that is more than a holder of a key gets.
    pub fn into_wanted(self) -> Result<Wanted, PkiError> {
        self.wanted
    }
}

/// The name and the extensions that a request asks for.
///
/// # Standard
/// RFC 2985 section 5.4.2 (extensionRequest).
fn asked(request: &X509CertificationRequest<'_>) -> Result<Wanted, PkiError> {
    let info = &request.certification_request_info;
    let mut requests = info.iter_attributes().filter_map(|attribute| match attribute.parsed_attribute() {
        ParsedCriAttribute::ExtensionRequest(asked) => Some(&asked.extensions[..]),
        _ => None,
    });
    let extensions = requests.next().unwrap_or_default();
    if requests.next().is_some() {
        return Err(PkiError::NotCertified("the request asks for extensions twice".to_owned()));
    }
    wanted(info.subject.as_raw(), extensions)
}

fn certifiable_key(request: &X509CertificationRequest<'_>) -> Result<SubjectPublicKeyInfo, PkiError> {
    let spki = &request.certification_request_info.subject_pki;
    let bits = match spki.parsed().map_err(|error| PkiError::malformed("certificate request", error))? {
        PublicKey::RSA(key) => Some(key.key_size()),
        _ => None,
    };
    match bits {
        Some(bits) if !(2048..=8192).contains(&bits) => {
            Err(PkiError::UnsupportedKey(format!("the request holds an RSA key of {bits} bits")))
        }
        _ => SubjectPublicKeyInfo::from_der(spki.raw).map_err(|_| {
            let algorithm = &spki.algorithm.algorithm;
            PkiError::UnsupportedKey(format!("the request holds a key of algorithm {algorithm}"))
        }),
    }
}

fn verify(request: &X509CertificationRequest<'_>, key: &SubjectPublicKeyInfo) -> Result<(), PkiError> {
    let oid = request.signature_algorithm.algorithm.to_id_string();
    let found = SIGNATURES.iter().find(|(kind, name, _)| *kind == key.algorithm() && *name == oid);
    let (_, _, algorithm) = found.ok_or_else(|| {
        PkiError::UnsupportedKey(format!(
            "the request is signed with algorithm {oid}, which does not fit its key"
        ))
    })?;
    UnparsedPublicKey::new(*algorithm, key.der_bytes())
        .verify(request.certification_request_info.raw, &request.signature_value.data)
        .map_err(|_| PkiError::RequestSignature)
}

type Signature = (&'static SignatureAlgorithm, &'static str, &'static dyn VerificationAlgorithm);

/// Which signatures are taken from which keys: kind of key, signature's object identifier, the way to check it.
static SIGNATURES: [Signature; 10] = [
    (&rcgen::PKCS_RSA_SHA256, "1.2.840.113549.1.1.11", &signature::RSA_PKCS1_2048_8192_SHA256),
    (&rcgen::PKCS_RSA_SHA256, "1.2.840.113549.1.1.12", &signature::RSA_PKCS1_2048_8192_SHA384),
    (&rcgen::PKCS_RSA_SHA256, "1.2.840.113549.1.1.13", &signature::RSA_PKCS1_2048_8192_SHA512),
    (&rcgen::PKCS_ECDSA_P256_SHA256, "1.2.840.10045.4.3.2", &signature::ECDSA_P256_SHA256_ASN1),
    (&rcgen::PKCS_ECDSA_P384_SHA384, "1.2.840.10045.4.3.2", &signature::ECDSA_P384_SHA256_ASN1),
    (&rcgen::PKCS_ECDSA_P384_SHA384, "1.2.840.10045.4.3.3", &signature::ECDSA_P384_SHA384_ASN1),
    (&rcgen::PKCS_ECDSA_P521_SHA256, "1.2.840.10045.4.3.2", &signature::ECDSA_P521_SHA256_ASN1),
    (&rcgen::PKCS_ECDSA_P521_SHA256, "1.2.840.10045.4.3.3", &signature::ECDSA_P521_SHA384_ASN1),
    (&rcgen::PKCS_ECDSA_P521_SHA256, "1.2.840.10045.4.3.4", &signature::ECDSA_P521_SHA512_ASN1),
    (&rcgen::PKCS_ED25519, "1.3.101.112", &signature::ED25519),
];
