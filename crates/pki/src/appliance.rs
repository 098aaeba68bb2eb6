//! Certificates of old appliances, which TLS libraries refuse: what is wrong with one, and signatures by its key.
//! Not here: who decides that one is taken all the same.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA384_ASN1, ECDSA_P384_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ED25519,
    RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
    RSA_PKCS1_2048_8192_SHA384, UnparsedPublicKey, VerificationAlgorithm,
};
use rustls_pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate, X509Version};
use x509_parser::public_key::PublicKey;

use crate::PkiError;

/// Bits of an RSA key that are few, and bits of one that are too few for anything.
const RSA_BITS_GOOD: usize = 2048;
const RSA_BITS_MIN: usize = 1024;

/// Signature algorithms whose hash has been broken.
const BROKEN: &[(&str, &str)] = &[
    ("1.2.840.113549.1.1.4", "MD5"),
    ("1.2.840.113549.1.1.5", "SHA-1"),
    ("1.2.840.10045.4.1", "SHA-1"),
    ("1.2.840.10040.4.3", "SHA-1"),
];

/// What people should know before they take this certificate, in words; empty where nothing is wrong with it but its
/// issuer.
///
/// # Errors
/// [`PkiError::Malformed`] where it is no certificate; [`PkiError::UnsupportedKey`] for a key whose signatures cannot be
/// verified in TLS.
pub fn weaknesses(certificate: &CertificateDer<'_>) -> Result<Vec<String>, PkiError> {
    let parsed = parse(certificate)?;
    let mut found = Vec::new();
    if parsed.version() != X509Version::V3 {
        found.push(format!("it is of X.509 version {}", parsed.version().0 + 1));
    }
    let signed_by = parsed.signature_algorithm.algorithm.to_id_string();
    if let Some((_, hash)) = BROKEN.iter().find(|(id, _)| *id == signed_by) {
        found.push(format!("it is signed over {hash}"));
    }
    match parsed.public_key().parsed() {
        Ok(PublicKey::RSA(key)) => {
            let bits = key.key_size();
            if bits < RSA_BITS_MIN {
                return Err(PkiError::UnsupportedKey(format!("an RSA key of {bits} bits")));
            }
            if bits < RSA_BITS_GOOD {
                found.push(format!("its RSA key has {bits} bits"));
            }
        }
        Ok(PublicKey::EC(point)) if matches!(point.data().len(), 65 | 97) => {}
        _ if parsed.public_key().subject_public_key.data.len() == 32 => {}
        _ => return Err(PkiError::UnsupportedKey("a key of another kind".to_owned())),
    }
    Ok(found)
}

/// Verifies a signature of TLS 1.2 by a certificate's key; of the certificate nothing else is looked at. RSA keys have 1024
/// bits at least; `scheme` is TLS's number of the signature scheme.
///
/// # Errors
/// [`PkiError::Malformed`] where certificate, scheme, key and signature do not belong together.
///
/// # Standard
/// RFC 8446 section 4.2.3 (numbers), RFC 5246 section 7.4.8.
pub fn verify_signature(
    certificate: &CertificateDer<'_>,
    scheme: u16,
    message: &[u8],
    signature: &[u8],
) -> Result<(), PkiError> {
    let parsed = parse(certificate)?;
    let key = &parsed.public_key().subject_public_key.data;
    let algorithm: &dyn VerificationAlgorithm = match (scheme, key.len()) {
        (0x0401, _) => &RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        (0x0501, _) => &RSA_PKCS1_2048_8192_SHA384,
        (0x0601, _) => &RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
        (0x0403, 65) => &ECDSA_P256_SHA256_ASN1,
        (0x0503, 65) => &ECDSA_P256_SHA384_ASN1,
        (0x0403, 97) => &ECDSA_P384_SHA256_ASN1,
        (0x0503, 97) => &ECDSA_P384_SHA384_ASN1,
        (0x0807, 32) => &ED25519,
        _ => {
            return Err(PkiError::malformed(
                "signature",
                format!("scheme {scheme:#06x} does not fit the key"),
            ));
        }
    };
    let verified = UnparsedPublicKey::new(algorithm, key).verify(message, signature);
    verified.map_err(|_| PkiError::malformed("signature", "it is not by the certificate's key"))
}

fn parse<'a>(certificate: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, PkiError> {
    match X509Certificate::from_der(certificate) {
        Ok(([], parsed)) => Ok(parsed),
        Ok((rest, _)) => Err(PkiError::malformed("certificate", format!("{} bytes follow it", rest.len()))),
        Err(error) => Err(PkiError::malformed("certificate", error)),
    }
}
