//! PEM (RFC 7468) around DER. Not here: files.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use zeroize::Zeroizing;

use crate::PkiError;

/// Why a PEM text cannot be read. No more of it: it may be a private key that stands in the wrong place.
pub(crate) const BROKEN: &str = "a block is broken: BEGIN, base64 and END stand on lines of their own";

/// A certificate as a PEM block.
pub fn encode_certificate(certificate: &CertificateDer<'_>) -> String {
    encode("CERTIFICATE", certificate).to_string()
}

/// A SubjectPublicKeyInfo in DER as a PEM block.
pub fn encode_public_key(spki: &[u8]) -> String {
    encode("PUBLIC KEY", spki).to_string()
}

/// All certificates in a PEM text, in their order; other blocks are passed over.
///
/// # Errors
/// [`PkiError::Malformed`] where a block is broken or no certificate is in the text.
pub fn decode_certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, PkiError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    let found = found.map_err(|_| PkiError::malformed("PEM certificate file", BROKEN))?;
    if found.is_empty() {
        return Err(PkiError::malformed("PEM certificate file", "it holds no CERTIFICATE block"));
    }
    Ok(found)
}

/// Any DER as a PEM block with lines of 64 characters; the text may hold a secret and erases itself.
pub fn encode(label: &str, der: &[u8]) -> Zeroizing<String> {
    let body = Zeroizing::new(STANDARD.encode(der));
    // INVARIANT: the capacity covers the whole text, so that growing leaves no copy of a secret behind.
    let mut text = Zeroizing::new(String::with_capacity(body.len() + body.len() / 64 + 2 * label.len() + 40));
    text.push_str("-----BEGIN ");
    text.push_str(label);
    text.push_str("-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
}
