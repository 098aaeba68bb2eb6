//! Elliptic curve keys on P-256, P-384, P-521 and secp256k1: ECDSA in DER, ECDH, and encryption to the public key. Keys
//! on Curve25519 are in `x25519`.

use std::sync::Arc;

use aws_lc_rs::{
    agreement, digest,
    encoding::{AsBigEndian, AsDer, EcPrivateKeyBin, EcPrivateKeyRfc5915Der, PublicKeyX509Der},
    signature::{
        self, ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256K1_SHA256_ASN1,
        ECDSA_P256K1_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA384_ASN1_SIGNING,
        ECDSA_P521_SHA512_ASN1, ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
        EcdsaVerificationAlgorithm, KeyPair,
    },
};
use keyreeve_core::{
    Result, SecretBytes,
    model::{
        Algorithm, CryptoParameters, Curve, HashAlgorithm, KeyFormat, KeyMaterial, KeySpec, PaddingMethod,
        SignatureScheme, UsageMask,
    },
    ports::{
        crypto::{Ciphertext, EnvelopeKey, Generated, ParsedKey, ToSign},
        rng::Rng,
    },
};

use super::x25519;
use crate::{
    der,
    error::{crypto_failed, invalid, library, unsupported, wrong_usage},
    hpke::{self, Bound, Kem, Recipient},
    registry::{Half, Source, Uses},
};

/// A curve with what the library calls it.
///
/// # Standard
/// FIPS 186-5, SP 800-186; SEC 2 for secp256k1; RFC 9180 section 7.1 for the KEMs.
struct NamedCurve {
    curve: Curve,
    length_bits: u32,
    hash: HashAlgorithm,
    /// The hash of `hash` in the library, whose length every digest is brought to.
    digest: &'static digest::Algorithm,
    signing: &'static EcdsaSigningAlgorithm,
    verification: &'static EcdsaVerificationAlgorithm,
    /// Where the library agrees on secrets on this curve.
    agreement: Option<(&'static agreement::Algorithm, Kem)>,
    /// Length of a private key in bytes, and the bits that its first byte has.
    scalar: (usize, u8),
}

static CURVES: [NamedCurve; 4] = [
    NamedCurve {
        curve: Curve::P256,
        length_bits: 256,
        hash: HashAlgorithm::Sha256,
        digest: &digest::SHA256,
        signing: &ECDSA_P256_SHA256_ASN1_SIGNING,
        verification: &ECDSA_P256_SHA256_ASN1,
        agreement: Some((&agreement::ECDH_P256, Kem { id: 0x10, kdf: hpke::HKDF_SHA256, enc_bytes: 65 })),
        scalar: (32, 0xff),
    },
    NamedCurve {
        curve: Curve::P384,
        length_bits: 384,
        hash: HashAlgorithm::Sha384,
        digest: &digest::SHA384,
        signing: &ECDSA_P384_SHA384_ASN1_SIGNING,
        verification: &ECDSA_P384_SHA384_ASN1,
        agreement: Some((&agreement::ECDH_P384, Kem { id: 0x11, kdf: hpke::HKDF_SHA384, enc_bytes: 97 })),
        scalar: (48, 0xff),
    },
    NamedCurve {
        curve: Curve::P521,
        length_bits: 521,
        hash: HashAlgorithm::Sha512,
        digest: &digest::SHA512,
        signing: &ECDSA_P521_SHA512_ASN1_SIGNING,
        verification: &ECDSA_P521_SHA512_ASN1,
        agreement: Some((&agreement::ECDH_P521, Kem { id: 0x12, kdf: hpke::HKDF_SHA512, enc_bytes: 133 })),
        scalar: (66, 0x01),
    },
    NamedCurve {
        curve: Curve::Secp256k1,
        length_bits: 256,
        hash: HashAlgorithm::Sha256,
        digest: &digest::SHA256,
        signing: &ECDSA_P256K1_SHA256_ASN1_SIGNING,
        verification: &ECDSA_P256K1_SHA256_ASN1,
        agreement: None,
        scalar: (32, 0xff),
    },
];

/// One key should either sign or receive: what it receives is encrypted to it only where it was made for that.
pub(crate) fn usage(spec: &KeySpec) -> Uses {
    let (private, public) = (UsageMask::SIGN | UsageMask::AGREE, UsageMask::VERIFY);
    match spec.curve {
        Some(Curve::Curve25519) => x25519::usage(),
        Some(Curve::Secp256k1) => Uses::new(private, public),
        _ => Uses {
            private: private | UsageMask::DECRYPT,
            public: public | UsageMask::ENCRYPT,
            by_name: UsageMask::DECRYPT | UsageMask::ENCRYPT,
        },
    }
}

/// Makes a pair on the curve of the spec, or else the first one of its length.
///
/// # Standard
/// FIPS 186-5 appendix A.2.2.
pub(crate) fn generate(spec: &KeySpec, rng: &dyn Rng) -> Result<Generated> {
    if spec.curve == Some(Curve::Curve25519) && spec.length_bits == 256 {
        return x25519::generate(rng);
    }
    let curve = CURVES
        .iter()
        .find(|named| {
            named.length_bits == spec.length_bits && spec.curve.is_none_or(|curve| curve == named.curve)
        })
        .ok_or_else(|| {
            unsupported(
                "EC keys are made on P-256, P-384, P-521, secp256k1 and Curve25519, with the curve's length",
            )
        })?;
    let (bytes, first_mask) = curve.scalar;
    let pair = hpke::draw(bytes, first_mask, rng, |scalar| {
        EcdsaKeyPair::from_private_key_der(curve.signing, der::sec1(curve.curve, scalar).ok()?.expose()).ok()
    })?;
    let pkcs8 = pair.to_pkcs8v1().map_err(|_| library("encode an EC key"))?;
    Ok(Generated::Pair {
        private: KeyMaterial { format: KeyFormat::Pkcs8, bytes: SecretBytes::copy_from(pkcs8.as_ref()) },
        public: KeyMaterial { format: KeyFormat::Spki, bytes: SecretBytes::new(spki(&pair)?) },
    })
}

pub(crate) fn parse(source: &Source<'_>) -> Result<Arc<dyn ParsedKey>> {
    if der::is_x25519(source.material) {
        return x25519::parse(source);
    }
    let bytes = source.material.bytes.expose();
    der::check_named_curve(source.material.format, bytes)?;
    // A SEC 1 key may leave its curve to the context: then the caller's comes first.
    let said = source.spec.and_then(|spec| spec.curve);
    let mut curves: Vec<&'static NamedCurve> = CURVES.iter().collect();
    curves.sort_by_key(|named| Some(named.curve) != said);
    match source.half {
        Half::Private => curves
            .into_iter()
            .find_map(|curve| PrivateKey::parse(curve, bytes, source.rng))
            .ok_or_else(|| refused("private"))
            .map(|key| Arc::new(key) as Arc<dyn ParsedKey>),
        Half::Public => curves
            .into_iter()
            .find_map(|curve| PublicKey::parse(curve, bytes, source.rng))
            .ok_or_else(|| refused("public"))
            .map(|key| Arc::new(key) as Arc<dyn ParsedKey>),
        Half::Secret => Err(invalid("an EC key is private or public")),
    }
}

/// The public half.
struct PublicKey {
    spec: KeySpec,
    curve: &'static NamedCurve,
    spki: Vec<u8>,
    key: signature::ParsedPublicKey,
    rng: Arc<dyn Rng>,
}

impl PublicKey {
    /// `None` where the bytes are no key on this curve; the library checks that the point is on it.
    fn parse(curve: &'static NamedCurve, spki: &[u8], rng: &Arc<dyn Rng>) -> Option<Self> {
        let key = signature::ParsedPublicKey::new(curve.verification, spki).ok()?;
        let spec =
            KeySpec { algorithm: Algorithm::Ec, length_bits: curve.length_bits, curve: Some(curve.curve) };
        Some(Self { spec, curve, spki: spki.to_vec(), key, rng: Arc::clone(rng) })
    }

    /// The key as one that messages are encrypted to.
    fn recipient(&self) -> Result<Recipient> {
        let Some((curve, kem)) = &self.curve.agreement else {
            return Err(wrong_usage("nothing is encrypted to a key on this curve: use P-256 or X25519"));
        };
        let public = der::public_key_bytes(&self.spki)?;
        if public.len() != kem.enc_bytes {
            return Err(unsupported("encryption needs the public key as an uncompressed point"));
        }
        Ok(Recipient { kem, curve, public, rng: Arc::clone(&self.rng) })
    }
}

impl ParsedKey for PublicKey {
    fn spec(&self) -> &KeySpec {
        &self.spec
    }

    fn message_hash(&self, parameters: &CryptoParameters) -> Result<HashAlgorithm> {
        hash(self.curve, parameters)
    }

    /// # Standard
    /// FIPS 186-5 section 6.4.2.
    fn verify(&self, parameters: &CryptoParameters, input: ToSign<'_>, signature: &[u8]) -> Result<bool> {
        let digest = digest_of(self.curve, parameters, input)?;
        Ok(self.key.verify_digest_sig(&digest, signature).is_ok())
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
        let data = self.recipient()?.seal(aead, Bound { info: &[], aad }, plaintext)?;
        Ok(Ciphertext { data, ..Ciphertext::default() })
    }

    fn seal_envelope(&self, _: EnvelopeKey, context: &[u8], plaintext: &[u8]) -> Result<Vec<u8>> {
        self.recipient()?.seal(hpke::AES_256_GCM, Bound { info: context, aad: &[] }, plaintext)
    }

    fn export(&self, format: KeyFormat) -> Result<KeyMaterial> {
        match format {
            KeyFormat::Spki => Ok(KeyMaterial { format, bytes: SecretBytes::copy_from(&self.spki) }),
            _ => Err(unsupported("an EC public key is exported as SubjectPublicKeyInfo")),
        }
    }

    fn public_key(&self) -> Result<Vec<u8>> {
        Ok(self.spki.clone())
    }
}

/// The private half with the public one inside. Holds secrets.
struct PrivateKey {
    public: PublicKey,
    pair: EcdsaKeyPair,
    /// Where the library agrees on secrets on this curve.
    agreement: Option<agreement::PrivateKey>,
}

impl PrivateKey {
    /// `None` where the bytes are no private key (PKCS#8 or SEC 1) on this curve.
    fn parse(curve: &'static NamedCurve, der: &[u8], rng: &Arc<dyn Rng>) -> Option<Self> {
        let pair = EcdsaKeyPair::from_private_key_der(curve.signing, der).ok()?;
        let agreement = curve
            .agreement
            .as_ref()
            .map(|(algorithm, _)| agreement::PrivateKey::from_private_key_der(algorithm, der).ok());
        let agreement = agreement.map_or(Some(None), |key| key.map(Some))?;
        let public = PublicKey::parse(curve, &spki(&pair).ok()?, rng)?;
        Some(Self { public, pair, agreement })
    }

    /// Opens what was encrypted to the public half.
    fn open(&self, aead: hpke::Aead, bound: Bound<'_>, sealed: &[u8]) -> Result<SecretBytes> {
        let recipient = self.public.recipient()?;
        match &self.agreement {
            Some(private) => recipient.open(private, aead, bound, sealed),
            None => Err(library("find the private half")),
        }
    }
}

impl ParsedKey for PrivateKey {
    fn spec(&self) -> &KeySpec {
        &self.public.spec
    }

    /// # Standard
    /// FIPS 186-5 section 6.4.1; the signature is the DER of RFC 3279 section 2.2.3.
    fn sign(&self, parameters: &CryptoParameters, input: ToSign<'_>) -> Result<Vec<u8>> {
        let digest = digest_of(self.public.curve, parameters, input)?;
        let signature = self.pair.sign_digest(&digest).map_err(|_| library("sign with an EC key"))?;
        Ok(signature.as_ref().to_vec())
    }

    fn message_hash(&self, parameters: &CryptoParameters) -> Result<HashAlgorithm> {
        self.public.message_hash(parameters)
    }

    fn verify(&self, parameters: &CryptoParameters, input: ToSign<'_>, signature: &[u8]) -> Result<bool> {
        self.public.verify(parameters, input, signature)
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
        self.open(hpke::aead(parameters, iv, tag)?, Bound { info: &[], aad }, ciphertext)
    }

    fn seal_envelope(&self, owner: EnvelopeKey, context: &[u8], plaintext: &[u8]) -> Result<Vec<u8>> {
        self.public.seal_envelope(owner, context, plaintext)
    }

    fn open_envelope(&self, _: EnvelopeKey, context: &[u8], envelope: &[u8]) -> Result<SecretBytes> {
        self.open(hpke::AES_256_GCM, Bound { info: context, aad: &[] }, envelope)
    }

    /// # Standard
    /// SP 800-56A revision 3 section 5.7.1.2.
    fn agree(&self, peer_public: &[u8]) -> Result<SecretBytes> {
        der::check_named_curve(KeyFormat::Spki, peer_public)?;
        match (&self.agreement, &self.public.curve.agreement) {
            (Some(private), Some((curve, _))) => {
                let peer = agreement::UnparsedPublicKey::new(curve, peer_public);
                agreement::agree(private, peer, crypto_failed(), |secret| Ok(SecretBytes::copy_from(secret)))
            }
            _ => agree_on_secp256k1(&self.pair, self.public.curve, peer_public),
        }
    }

    fn export(&self, format: KeyFormat) -> Result<KeyMaterial> {
        let refused = |_| library("encode an EC key");
        let bytes = match format {
            KeyFormat::Pkcs8 => SecretBytes::copy_from(self.pair.to_pkcs8v1().map_err(refused)?.as_ref()),
            KeyFormat::EcPrivateKey => {
                let der: EcPrivateKeyRfc5915Der<'_> = self.pair.private_key().as_der().map_err(refused)?;
                SecretBytes::copy_from(der.as_ref())
            }
            _ => return Err(unsupported("an EC private key is exported as PKCS#8 or EC private key")),
        };
        Ok(KeyMaterial { format, bytes })
    }

    fn public_key(&self) -> Result<Vec<u8>> {
        self.public.public_key()
    }
}

/// The library has no agreement on this curve.
///
/// # Standard
/// SEC 1 section 3.3.1.
fn agree_on_secp256k1(
    pair: &EcdsaKeyPair,
    curve: &'static NamedCurve,
    peer_public: &[u8],
) -> Result<SecretBytes> {
    // The library checks the peer's key first: encoding, curve and point.
    signature::ParsedPublicKey::new(curve.verification, peer_public).map_err(|_| crypto_failed())?;
    let scalar: EcPrivateKeyBin<'_> =
        pair.private_key().as_be_bytes().map_err(|_| library("encode an EC key"))?;
    let private = k256::SecretKey::from_slice(scalar.as_ref()).map_err(|_| library("take an EC key"))?;
    let peer = k256::PublicKey::from_sec1_bytes(&der::public_key_bytes(peer_public)?)
        .map_err(|_| crypto_failed())?;
    let shared = k256::ecdh::diffie_hellman(private.to_nonzero_scalar(), peer.as_affine());
    Ok(SecretBytes::copy_from(shared.raw_secret_bytes()))
}

fn spki(pair: &EcdsaKeyPair) -> Result<Vec<u8>> {
    let der: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(|_| library("encode an EC key"))?;
    Ok(der.as_ref().to_vec())
}

fn refused(half: &str) -> keyreeve_core::Error {
    invalid(format!("this is no {half} key on P-256, P-384, P-521 or secp256k1"))
}

/// The digest to sign, of any hash, at the length of the curve's own.
///
/// ECDSA takes the leftmost bits of a digest as a number, as many as the order has: a longer digest is cut, a shorter
/// one has zeros put in front, and the number stays the same. So the library's one hash a curve serves them all.
///
/// # Standard
/// FIPS 186-5 section 6.4.1, steps 1 and 2.
fn digest_of(curve: &NamedCurve, parameters: &CryptoParameters, input: ToSign<'_>) -> Result<digest::Digest> {
    let hash = hash(curve, parameters)?;
    let algorithm = crate::digest::algorithm(hash)?;
    let computed;
    let value = match input {
        ToSign::Data(data) => {
            computed = digest::digest(algorithm, data);
            computed.as_ref()
        }
        ToSign::Digest(value) if value.len() == algorithm.output_len() => value,
        ToSign::Digest(value) => {
            return Err(invalid(format!(
                "the digest has {} bytes instead of {}",
                value.len(),
                algorithm.output_len()
            )));
        }
    };
    let length = curve.digest.output_len();
    let mut fitted = vec![0; length.saturating_sub(value.len())];
    fitted.extend_from_slice(&value[..value.len().min(length)]);
    digest::Digest::import_less_safe(&fitted, curve.digest).map_err(|_| library("take a digest"))
}

fn hash(curve: &NamedCurve, parameters: &CryptoParameters) -> Result<HashAlgorithm> {
    if !matches!(parameters.padding, None | Some(PaddingMethod::None)) {
        return Err(invalid("ECDSA has no padding"));
    }
    match (parameters.signature, parameters.hash) {
        (None, asked) => Ok(asked.unwrap_or(curve.hash)),
        (Some(SignatureScheme::Ecdsa(named)), asked) if asked.is_none_or(|asked| asked == named) => Ok(named),
        (Some(SignatureScheme::Ecdsa(_)), _) => {
            Err(invalid("the signature scheme and the hash algorithm contradict each other"))
        }
        _ => Err(invalid("EC keys sign by ECDSA only")),
    }
}
