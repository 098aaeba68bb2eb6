//! Hybrid public key encryption to one recipient, in one message: a shared secret from a key encapsulation, and from it
//! the key of an AEAD. What comes out is the encapsulation with the sealed data behind it, which every implementation of
//! the standard opens.

use std::sync::Arc;

use aws_lc_rs::{aead, agreement, hmac};
use keyreeve_core::{
    Result, SecretBytes,
    model::{Algorithm, CryptoParameters},
    ports::rng::Rng,
};
use zeroize::Zeroizing;

use crate::{
    digest,
    error::{crypto_failed, invalid, library, unsupported},
};

/// A key encapsulation with the hash that goes with it.
///
/// # Standard
/// RFC 9180 section 7.1, and the registry that it opened.
pub(crate) struct Kem {
    /// The mechanism's identifier.
    pub id: u16,
    /// The hash of key derivation in the KEM and after it.
    pub kdf: Kdf,
    /// Length of an encapsulation in bytes.
    pub enc_bytes: usize,
}

/// HKDF with one hash.
///
/// # Standard
/// RFC 9180 section 7.2.
#[derive(Clone, Copy)]
pub(crate) struct Kdf {
    id: u16,
    hash: hmac::Algorithm,
}

/// HKDF-SHA256.
pub(crate) const HKDF_SHA256: Kdf = Kdf { id: 1, hash: hmac::HMAC_SHA256 };
/// HKDF-SHA384.
pub(crate) const HKDF_SHA384: Kdf = Kdf { id: 2, hash: hmac::HMAC_SHA384 };
/// HKDF-SHA512.
pub(crate) const HKDF_SHA512: Kdf = Kdf { id: 3, hash: hmac::HMAC_SHA512 };

/// # Standard
/// RFC 9180 section 7.3.
#[derive(Clone, Copy)]
pub(crate) struct Aead {
    id: u16,
    algorithm: &'static aead::Algorithm,
}

#[cfg(test)]
const AES_128_GCM: Aead = Aead { id: 1, algorithm: &aead::AES_128_GCM };
/// AES-256-GCM.
pub(crate) const AES_256_GCM: Aead = Aead { id: 2, algorithm: &aead::AES_256_GCM };
const CHACHA20_POLY1305: Aead = Aead { id: 3, algorithm: &aead::CHACHA20_POLY1305 };

/// AES-256-GCM, or what the parameters name instead.
///
/// # Errors
/// `InvalidField` where an IV or a tag comes apart, `Unsupported` for other parameters.
pub(crate) fn aead(parameters: &CryptoParameters, iv: Option<&[u8]>, tag: Option<&[u8]>) -> Result<Aead> {
    if iv.is_some() || tag.is_some() || parameters.random_iv == Some(true) {
        return Err(invalid("HPKE has its IV and tag within the ciphertext: give none"));
    }
    if parameters.mode.is_some() || parameters.padding.is_some() || parameters.hash.is_some() {
        return Err(unsupported("HPKE takes no mode, padding or hash: the key tells them"));
    }
    match parameters.algorithm {
        // Clients also name the algorithm of the key itself.
        None | Some(Algorithm::Aes | Algorithm::Ec) => Ok(AES_256_GCM),
        Some(own) if own.is_post_quantum() => Ok(AES_256_GCM),
        Some(Algorithm::ChaCha20Poly1305) => Ok(CHACHA20_POLY1305),
        Some(_) => Err(unsupported("HPKE is offered with AES-256-GCM and ChaCha20-Poly1305")),
    }
}

/// What a message is bound to, besides the recipient's key.
#[derive(Clone, Copy)]
pub(crate) struct Bound<'a> {
    /// In the derivation of the key.
    pub info: &'a [u8],
    /// Authenticated by the AEAD.
    pub aad: &'a [u8],
}

/// Seals with the secret that `enc` encapsulates: enc, ciphertext, 16 bytes of tag.
///
/// # Standard
/// RFC 9180 section 6.1, base mode.
pub(crate) fn seal(
    kem: &Kem,
    aead: Aead,
    (shared_secret, enc): (&[u8], &[u8]),
    bound: Bound<'_>,
    plaintext: &[u8],
) -> Result<Vec<u8>> {
    let (key, nonce) = key_schedule(kem, aead, shared_secret, bound.info)?;
    let mut out = Vec::with_capacity(enc.len() + plaintext.len() + 16);
    out.extend_from_slice(enc);
    out.extend_from_slice(plaintext);
    let tag = key
        .seal_in_place_separate_tag(nonce, aead::Aad::from(bound.aad), &mut out[enc.len()..])
        .map_err(|_| invalid("the data is too long"))?;
    out.extend_from_slice(tag.as_ref());
    Ok(out)
}

/// Opens what `seal` made: `decapsulate` gets the encapsulation and gives the shared secret.
///
/// # Errors
/// `CryptoFailed`.
pub(crate) fn open(
    kem: &Kem,
    aead: Aead,
    decapsulate: impl FnOnce(&[u8]) -> Result<SecretBytes>,
    bound: Bound<'_>,
    sealed: &[u8],
) -> Result<SecretBytes> {
    let (enc, sealed) = sealed.split_at_checked(kem.enc_bytes).ok_or_else(crypto_failed)?;
    let (data, tag) = sealed.len().checked_sub(16).map(|at| sealed.split_at(at)).ok_or_else(crypto_failed)?;
    let shared_secret = decapsulate(enc)?;
    let (key, nonce) = key_schedule(kem, aead, shared_secret.expose(), bound.info)?;
    let mut out = vec![0; data.len()];
    key.open_separate_gather(nonce, aead::Aad::from(bound.aad), data, tag, &mut out)
        .map_err(|_| crypto_failed())?;
    Ok(SecretBytes::new(out))
}

/// Who a message of a Diffie-Hellman KEM is for.
pub(crate) struct Recipient {
    /// The mechanism.
    pub kem: &'static Kem,
    /// Its curve.
    pub curve: &'static agreement::Algorithm,
    /// The public key as the mechanism serializes it: an uncompressed point, or the 32 bytes of X25519.
    pub public: Vec<u8>,
    /// Where ephemeral keys come from.
    pub rng: Arc<dyn Rng>,
}

impl Recipient {
    /// Seals under a fresh key.
    ///
    /// # Standard
    /// RFC 9180 section 4.1, Encap.
    ///
    /// # Errors
    /// `InvalidField` where the recipient's key is none of this curve.
    pub(crate) fn seal(&self, aead: Aead, bound: Bound<'_>, plaintext: &[u8]) -> Result<Vec<u8>> {
        let ephemeral = ephemeral(self.curve, self.rng.as_ref())?;
        let enc = ephemeral.compute_public_key().map_err(|_| library("make an ephemeral key"))?;
        let peer = agreement::UnparsedPublicKey::new(self.curve, &self.public);
        let refused = invalid("the public key is none of its curve");
        let secret =
            agreement::agree(&ephemeral, peer, refused, |dh| Ok(self.shared_secret(dh, enc.as_ref())))?;
        seal(self.kem, aead, (secret.expose(), enc.as_ref()), bound, plaintext)
    }

    /// Opens with the private half.
    ///
    /// # Standard
    /// RFC 9180 section 4.1, Decap.
    ///
    /// # Errors
    /// `CryptoFailed`.
    pub(crate) fn open(
        &self,
        private: &agreement::PrivateKey,
        aead: Aead,
        bound: Bound<'_>,
        sealed: &[u8],
    ) -> Result<SecretBytes> {
        let decapsulate = |enc: &[u8]| {
            let peer = agreement::UnparsedPublicKey::new(self.curve, enc);
            agreement::agree(private, peer, crypto_failed(), |dh| Ok(self.shared_secret(dh, enc)))
        };
        open(self.kem, aead, decapsulate, bound, sealed)
    }

    /// ExtractAndExpand.
    fn shared_secret(&self, dh: &[u8], enc: &[u8]) -> SecretBytes {
        let suite = [b"KEM".as_slice(), &self.kem.id.to_be_bytes()].concat();
        let labeled = Labeled { suite: &suite, kdf: self.kem.kdf };
        let prk = labeled.extract(&[], b"eae_prk", dh);
        let context = [enc, self.public.as_slice()];
        SecretBytes::copy_from(&labeled.expand(&prk, b"shared_secret", &context, self.kem.kdf.hash.tag_len()))
    }
}

/// A private key from random bytes, drawn again where they are no number below the order of the curve.
fn ephemeral(curve: &'static agreement::Algorithm, rng: &dyn Rng) -> Result<agreement::PrivateKey> {
    let (bytes, first_mask) = match curve {
        curve if *curve == agreement::ECDH_P384 => (48, 0xff),
        curve if *curve == agreement::ECDH_P521 => (66, 0x01),
        _ => (32, 0xff),
    };
    draw(bytes, first_mask, rng, |candidate| agreement::PrivateKey::from_private_key(curve, candidate).ok())
}

/// Draws random bytes until `accept` takes them. An order is so near the next power of two that one draw nearly always
/// does; a generator that gives the same for ever is not waited for.
///
/// # Standard
/// FIPS 186-5 appendix A.2.2.
pub(crate) fn draw<T>(
    bytes: usize,
    first_mask: u8,
    rng: &dyn Rng,
    accept: impl Fn(&[u8]) -> Option<T>,
) -> Result<T> {
    const DRAWS_MAX: usize = 64;
    let mut candidate = Zeroizing::new(vec![0; bytes]);
    for _ in 0..DRAWS_MAX {
        rng.fill(&mut candidate)?;
        if let Some(first) = candidate.first_mut() {
            *first &= first_mask;
        }
        if let Some(accepted) = accept(&candidate) {
            return Ok(accepted);
        }
    }
    Err(library("draw a private key"))
}

/// # Standard
/// RFC 9180 section 5.1, base mode.
fn key_schedule(
    kem: &Kem,
    aead: Aead,
    shared_secret: &[u8],
    info: &[u8],
) -> Result<(aead::LessSafeKey, aead::Nonce)> {
    const BASE: &[u8] = &[0];
    let suite =
        [b"HPKE".as_slice(), &kem.id.to_be_bytes(), &kem.kdf.id.to_be_bytes(), &aead.id.to_be_bytes()];
    let suite = suite.concat();
    let labeled = Labeled { suite: &suite, kdf: kem.kdf };
    let psk_id_hash = labeled.extract(&[], b"psk_id_hash", &[]);
    let info_hash = labeled.extract(&[], b"info_hash", info);
    let context = [BASE, &psk_id_hash, &info_hash];
    let secret = labeled.extract(shared_secret, b"secret", &[]);
    let key = labeled.expand(&secret, b"key", &context, aead.algorithm.key_len());
    let nonce = labeled.expand(&secret, b"base_nonce", &context, aead.algorithm.nonce_len());
    let unbound = aead::UnboundKey::new(aead.algorithm, &key).map_err(|_| library("take a derived key"))?;
    let nonce =
        aead::Nonce::try_assume_unique_for_key(&nonce).map_err(|_| library("take a derived nonce"))?;
    Ok((aead::LessSafeKey::new(unbound), nonce))
}

/// HKDF with the labels of one suite.
///
/// # Standard
/// RFC 9180 section 4, RFC 5869.
struct Labeled<'a> {
    suite: &'a [u8],
    kdf: Kdf,
}

impl Labeled<'_> {
    fn extract(&self, salt: &[u8], label: &[u8], ikm: &[u8]) -> Zeroizing<Vec<u8>> {
        let salt = hmac::Key::new(self.kdf.hash, salt);
        Zeroizing::new(digest::hmac(&salt, &[b"HPKE-v1", self.suite, label, ikm]).as_ref().to_vec())
    }

    fn expand(&self, prk: &[u8], label: &[u8], info: &[&[u8]], bytes: usize) -> Zeroizing<Vec<u8>> {
        let prk = hmac::Key::new(self.kdf.hash, prk);
        let length = (bytes as u16).to_be_bytes();
        let head = [length.as_slice(), b"HPKE-v1", self.suite, label];
        let mut out = Zeroizing::new(Vec::with_capacity(bytes));
        let mut block = Zeroizing::new(Vec::new());
        for round in 1u8.. {
            let round = [round];
            let parts = [[block.as_slice()].as_slice(), &head, info, &[&round]].concat();
            block = Zeroizing::new(digest::hmac(&prk, &parts).as_ref().to_vec());
            let missing = bytes - out.len();
            out.extend_from_slice(&block[..missing.min(block.len())]);
            if out.len() == bytes {
                break;
            }
        }
        out
    }
}

#[cfg(test)]
pub(crate) mod tests;
