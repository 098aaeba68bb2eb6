//! Private keys of certificates: made, loaded and signed with. Not here: where they are kept.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use rcgen::{PKCS_ECDSA_P256_SHA256, PublicKeyData, SignatureAlgorithm};
use zeroize::Zeroizing;

use crate::PkiError;
use crate::pem;

/// An ECDSA P-256 private key as PKCS#8 DER; holds a secret and erases it when dropped.
pub struct PrivateKey(Zeroizing<Vec<u8>>);

impl PrivateKey {
    /// Makes a new key from the system's entropy.
    ///
    /// # Errors
    /// [`PkiError::Crypto`] without memory or entropy.
    pub fn generate() -> Result<Self, PkiError> {
        let failed = |_| PkiError::Crypto("making a P-256 key");
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map_err(failed)?;
        let document = pair.to_pkcs8v1().map_err(failed)?;
        Ok(Self(Zeroizing::new(document.as_ref().to_vec())))
    }

    /// Takes a PKCS#8 DER document, as [`PrivateKey::pkcs8_der`] gave it.
    ///
    /// # Errors
    /// [`PkiError::Malformed`] where it is not an ECDSA P-256 key.
    pub fn from_pkcs8_der(der: Zeroizing<Vec<u8>>) -> Result<Self, PkiError> {
        let key = Self(der);
        key.signer()?;
        Ok(key)
    }

    /// The secret key as PKCS#8 DER (RFC 5958), about 138 bytes.
    pub fn pkcs8_der(&self) -> &[u8] {
        &self.0
    }

    /// The secret key as PKCS#8 PEM, for a file that only its owner reads.
    pub fn pkcs8_pem(&self) -> Zeroizing<String> {
        pem::encode("PRIVATE KEY", &self.0)
    }

    pub(crate) fn signer(&self) -> Result<Signer, PkiError> {
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &self.0)
            .map(Signer)
            .map_err(|error| PkiError::malformed("ECDSA P-256 private key in PKCS#8", error))
    }
}

/// The parsed form of a [`PrivateKey`]; holds a secret, which the cryptographic library erases.
pub(crate) struct Signer(EcdsaKeyPair);

impl PublicKeyData for Signer {
    fn der_bytes(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl rcgen::SigningKey for Signer {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let signature = self.0.sign(&SystemRandom::new(), message);
        Ok(signature.map_err(|_| rcgen::Error::RingUnspecified)?.as_ref().to_vec())
    }
}
