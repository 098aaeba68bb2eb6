//! X25519 keys: agreement, and encryption to the public key.

use std::sync::Arc;

use aws_lc_rs::{
    agreement::{self, X25519},
    encoding::{AsBigEndian, AsDer, Curve25519SeedBin, PublicKeyX509Der},
};
use keyreeve_core::{
    Result, SecretBytes,
    model::{Algorithm, CryptoParameters, Curve, KeyFormat, KeyMaterial, KeySpec, UsageMask},
    ports::{
        crypto::{Ciphertext, EnvelopeKey, Generated, ParsedKey},
        rng::Rng,
    },
};

use crate::{
    der,
    error::{crypto_failed, invalid, library, unsupported},
    hpke::{self, Bound, Kem, Recipient},
    registry::{Half, Source, Uses},
};

const KEY_BYTES: usize = 32;

/// # Standard
/// RFC 9180 section 7.1: DHKEM(X25519, HKDF-SHA256).
static KEM: Kem = Kem { id: 0x20, kdf: hpke::HKDF_SHA256, enc_bytes: KEY_BYTES };

const SPEC: KeySpec = KeySpec { algorithm: Algorithm::Ec, length_bits: 256, curve: Some(Curve::Curve25519) };

pub(super) fn usage() -> Uses {
    Uses::new(UsageMask::AGREE | UsageMask::DECRYPT, UsageMask::ENCRYPT)
}

/// # Standard
/// RFC 7748 section 5: any 32 bytes are a private key.
pub(super) fn generate(rng: &dyn Rng) -> Result<Generated> {
    let private = hpke::draw(KEY_BYTES, 0xff, rng, |bytes| {
        agreement::PrivateKey::from_private_key(&X25519, bytes).ok()
    })?;
    Ok(Generated::Pair {
        private: KeyMaterial { format: KeyFormat::Pkcs8, bytes: pkcs8(&private)? },
        public: KeyMaterial { format: KeyFormat::Spki, bytes: SecretBytes::new(public_of(&private)?.0) },
    })
}

pub(super) fn parse(source: &Source<'_>) -> Result<Arc<dyn ParsedKey>> {
    let bytes = source.material.bytes.expose();
    match source.half {
        Half::Private => {
            let seed = der::curve_private_key(bytes)?;
            let private = agreement::PrivateKey::from_private_key(&X25519, seed.expose())
                .map_err(|_| invalid("this is no X25519 private key"))?;
            let (spki, point) = public_of(&private)?;
            Ok(Arc::new(PrivateKey { public: PublicKey::new(spki, point, source), private }))
        }
        Half::Public => {
            let point = der::public_key_bytes(bytes)?;
            match point.len() {
                KEY_BYTES => Ok(Arc::new(PublicKey::new(bytes.to_vec(), point, source))),
                other => Err(invalid(format!("an X25519 public key has 32 bytes, not {other}"))),
            }
        }
        Half::Secret => Err(invalid("an X25519 key is private or public")),
    }
}

/// The public half.
struct PublicKey {
    spki: Vec<u8>,
    recipient: Recipient,
}

impl PublicKey {
    fn new(spki: Vec<u8>, public: Vec<u8>, source: &Source<'_>) -> Self {
        let rng = Arc::clone(source.rng);
        Self { spki, recipient: Recipient { kem: &KEM, curve: &X25519, public, rng } }
    }
}

impl ParsedKey for PublicKey {
    fn spec(&self) -> &KeySpec {
        &SPEC
    }

    /// # Standard
    /// RFC 9180 section 6.1.
    fn encrypt(
        &self,
        parameters: &CryptoParameters,
        iv: Option<&[u8]>,
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<Ciphertext> {
        let aead = hpke::aead(parameters, iv, None)?;
        let data = self.recipient.seal(aead, Bound { info: &[], aad }, plaintext)?;
        Ok(Ciphertext { data, ..Ciphertext::default() })
    }

    fn seal_envelope(&self, _: EnvelopeKey, context: &[u8], plaintext: &[u8]) -> Result<Vec<u8>> {
        self.recipient.seal(hpke::AES_256_GCM, Bound { info: context, aad: &[] }, plaintext)
    }

    fn export(&self, format: KeyFormat) -> Result<KeyMaterial> {
        match format {
            KeyFormat::Spki => Ok(KeyMaterial { format, bytes: SecretBytes::copy_from(&self.spki) }),
            _ => Err(unsupported("an X25519 public key is exported as SubjectPublicKeyInfo")),
        }
    }

    fn public_key(&self) -> Result<Vec<u8>> {
        Ok(self.spki.clone())
    }
}

/// The private half with the public one inside. Holds secrets.
struct PrivateKey {
    public: PublicKey,
    private: agreement::PrivateKey,
}

impl ParsedKey for PrivateKey {
    fn spec(&self) -> &KeySpec {
        &SPEC
    }

    fn encrypt(
        &self,
        parameters: &CryptoParameters,
        iv: Option<&[u8]>,
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<Ciphertext> {
        self.public.encrypt(parameters, iv, aad, plaintext)
    }

    fn decrypt(
        &self,
        parameters: &CryptoParameters,
        iv: Option<&[u8]>,
        aad: &[u8],
        ciphertext: &[u8],
        tag: Option<&[u8]>,
    ) -> Result<SecretBytes> {
        let aead = hpke::aead(parameters, iv, tag)?;
        self.public.recipient.open(&self.private, aead, Bound { info: &[], aad }, ciphertext)
    }

    fn seal_envelope(&self, owner: EnvelopeKey, context: &[u8], plaintext: &[u8]) -> Result<Vec<u8>> {
        self.public.seal_envelope(owner, context, plaintext)
    }

    fn open_envelope(&self, _: EnvelopeKey, context: &[u8], envelope: &[u8]) -> Result<SecretBytes> {
        let bound = Bound { info: context, aad: &[] };
        self.public.recipient.open(&self.private, hpke::AES_256_GCM, bound, envelope)
    }

    /// # Standard
    /// RFC 7748 section 6.1; a shared secret of zeros only is refused.
    fn agree(&self, peer_public: &[u8]) -> Result<SecretBytes> {
        let peer = agreement::UnparsedPublicKey::new(&X25519, der::x25519_public_key(peer_public)?);
        agreement::agree(&self.private, peer, crypto_failed(), |secret| Ok(SecretBytes::copy_from(secret)))
    }

    fn export(&self, format: KeyFormat) -> Result<KeyMaterial> {
        match format {
            KeyFormat::Pkcs8 => Ok(KeyMaterial { format, bytes: pkcs8(&self.private)? }),
            _ => Err(unsupported("an X25519 private key is exported as PKCS#8")),
        }
    }

    fn public_key(&self) -> Result<Vec<u8>> {
        self.public.public_key()
    }
}

/// # Standard
/// RFC 8410 section 7, version 1.
fn pkcs8(private: &agreement::PrivateKey) -> Result<SecretBytes> {
    let seed: Curve25519SeedBin<'_> = private.as_be_bytes().map_err(|_| library("encode an X25519 key"))?;
    der::curve_pkcs8(der::X25519, seed.as_ref())
}

/// SubjectPublicKeyInfo and the bare 32 bytes.
fn public_of(private: &agreement::PrivateKey) -> Result<(Vec<u8>, Vec<u8>)> {
    let refused = |_| library("compute an X25519 public key");
    let public = private.compute_public_key().map_err(refused)?;
    let spki: PublicKeyX509Der<'_> = public.as_der().map_err(refused)?;
    Ok((spki.as_ref().to_vec(), public.as_ref().to_vec()))
}
