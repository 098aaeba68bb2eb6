//! RSA keys: generation, parsing, encodings. Signing is in `signature`, encryption in `encryption`.

mod bare;
mod encryption;
mod mixed;
mod numbers;
mod signature;

pub use numbers::{RsaNumbers, rsa_private_key};

use std::sync::Arc;

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rsa::{KeyPair, KeySize},
};
use keyreeve_core::{
    Result, SecretBytes,
    model::{Algorithm, CryptoParameters, HashAlgorithm, KeyFormat, KeyMaterial, KeySpec, UsageMask},
    ports::{
        crypto::{Ciphertext, Generated, ParsedKey, ToSign},
        rng::Rng,
    },
};

use crate::{
    der,
    error::{invalid, library, unsupported, wrong_usage},
    registry::{Half, Source, Uses},
    rng::drawn_anew,
};
use encryption::{Decrypting, Encrypting};

/// Shortest modulus that is kept, in bits; shorter ones are no protection to anybody.
const KEPT_BITS_MIN: u32 = 1024;
/// Modulus lengths that are computed with, in bits.
const COMPUTED_BITS: std::ops::RangeInclusive<u32> = 2048..=8192;

pub(crate) fn usage(_: &KeySpec) -> Uses {
    Uses::new(
        UsageMask::SIGN | UsageMask::DECRYPT | UsageMask::UNWRAP,
        UsageMask::VERIFY | UsageMask::ENCRYPT | UsageMask::WRAP,
    )
}

/// Makes a pair; tens of milliseconds and more, so not on an I/O thread. The library's own generator is used, which begins anew.
///
/// # Standard
/// FIPS 186-5 appendix A.1.
pub(crate) fn generate(spec: &KeySpec, _: &dyn Rng) -> Result<Generated> {
    let size = match spec.length_bits {
        2048 => KeySize::Rsa2048,
        3072 => KeySize::Rsa3072,
        4096 => KeySize::Rsa4096,
        other => {
            return Err(unsupported(format!(
                "RSA keys of {other} bits are not made here: 2048, 3072 and 4096 are"
            )));
        }
    };
    let pair = drawn_anew(|| KeyPair::generate(size))?.map_err(|_| library("make an RSA key"))?;
    let pkcs8: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| library("encode an RSA key"))?;
    let pkcs8 = KeyMaterial { format: KeyFormat::Pkcs8, bytes: SecretBytes::copy_from(pkcs8.as_ref()) };
    let private = der::rsa_private(&pkcs8)?;
    let public = SecretBytes::new(der::rsa_public_of_private(private.expose())?);
    // KMIP 2.1 section 4.26: RSA keys are PKCS#1 where nobody asks for another format.
    let private = KeyMaterial { format: KeyFormat::Pkcs1, bytes: private };
    let public = KeyMaterial { format: KeyFormat::Pkcs1, bytes: public };
    Ok(Generated::Pair { private, public })
}

pub(crate) fn parse(source: &Source<'_>) -> Result<Arc<dyn ParsedKey>> {
    match source.half {
        Half::Private => Ok(Arc::new(PrivateKey::parse(source.material)?)),
        Half::Public => Ok(Arc::new(PublicKey::parse(der::rsa_public(source.material)?)?)),
        Half::Secret => Err(invalid("an RSA key is private or public")),
    }
}

/// The public half.
///
/// # Standard
/// RFC 8017.
struct PublicKey {
    spec: KeySpec,
    pkcs1: Vec<u8>,
    spki: Vec<u8>,
    /// `None` for lengths that are kept but not computed with.
    encrypting: Option<Encrypting>,
}

impl PublicKey {
    fn parse(pkcs1: Vec<u8>) -> Result<Self> {
        let length_bits = der::rsa_modulus_bits(&pkcs1)?;
        if !(KEPT_BITS_MIN..=*COMPUTED_BITS.end()).contains(&length_bits) {
            return Err(invalid(format!("an RSA key of {length_bits} bits: 1024 to 8192 bits are accepted")));
        }
        let spki = der::rsa_spki(&pkcs1)?;
        let encrypting = match COMPUTED_BITS.contains(&length_bits) {
            true => Some(Encrypting::parse(&spki, &pkcs1)?),
            false => None,
        };
        let spec = KeySpec { algorithm: Algorithm::Rsa, length_bits, curve: None };
        Ok(Self { spec, pkcs1, spki, encrypting })
    }

    fn encrypting(&self) -> Result<&Encrypting> {
        self.encrypting.as_ref().ok_or_else(|| too_short(&self.spec))
    }
}

impl ParsedKey for PublicKey {
    fn spec(&self) -> &KeySpec {
        &self.spec
    }

    fn encrypt(
        &self,
        parameters: &CryptoParameters,
        iv: Option<&[u8]>,
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<Ciphertext> {
        encryption::check_plain(iv, aad, None)?;
        let data = self.encrypting()?.encrypt(parameters, plaintext)?;
        Ok(Ciphertext { data, ..Ciphertext::default() })
    }

    fn message_hash(&self, parameters: &CryptoParameters) -> Result<HashAlgorithm> {
        signature::message_hash(self.spec.length_bits, parameters)
    }

    fn verify(&self, parameters: &CryptoParameters, input: ToSign<'_>, signature: &[u8]) -> Result<bool> {
        if self.encrypting.is_none() {
            return Err(too_short(&self.spec));
        }
        signature::verify(&self.pkcs1, self.spec.length_bits, parameters, input, signature)
    }

    fn wrap(&self, parameters: &CryptoParameters, secret: &SecretBytes) -> Result<Vec<u8>> {
        encryption::check_wrap(parameters)?;
        self.encrypting()?.encrypt(parameters, secret.expose())
    }

    fn export(&self, format: KeyFormat) -> Result<KeyMaterial> {
        let bytes = match format {
            KeyFormat::Spki => &self.spki,
            KeyFormat::Pkcs1 => &self.pkcs1,
            _ => {
                return Err(unsupported("an RSA public key is exported as SubjectPublicKeyInfo or PKCS#1"));
            }
        };
        Ok(KeyMaterial { format, bytes: SecretBytes::copy_from(bytes) })
    }

    fn public_key(&self) -> Result<Vec<u8>> {
        Ok(self.spki.clone())
    }
}

/// The private half with the public one inside. Holds secrets.
struct PrivateKey {
    public: PublicKey,
    pkcs1: SecretBytes,
    /// `None` for lengths that are kept but not computed with.
    secret: Option<(KeyPair, Decrypting)>,
}

impl PrivateKey {
    fn parse(material: &KeyMaterial) -> Result<Self> {
        let pkcs1 = der::rsa_private(material)?;
        let public = PublicKey::parse(der::rsa_public_of_private(pkcs1.expose())?)?;
        let secret = match public.encrypting.is_some() {
            true => {
                let pair = KeyPair::from_der(pkcs1.expose())
                    .map_err(|_| invalid("the numbers of the RSA private key do not belong together"))?;
                Some((pair, Decrypting::parse(&pkcs1)?))
            }
            false => None,
        };
        Ok(Self { public, pkcs1, secret })
    }

    fn secret(&self) -> Result<&(KeyPair, Decrypting)> {
        self.secret.as_ref().ok_or_else(|| too_short(&self.public.spec))
    }
}

impl ParsedKey for PrivateKey {
    fn spec(&self) -> &KeySpec {
        &self.public.spec
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
        encryption::check_plain(iv, aad, tag)?;
        self.secret()?.1.decrypt(parameters, ciphertext)
    }

    fn sign(&self, parameters: &CryptoParameters, input: ToSign<'_>) -> Result<Vec<u8>> {
        signature::sign(&self.secret()?.0, self.public.spec.length_bits, parameters, input)
    }

    fn message_hash(&self, parameters: &CryptoParameters) -> Result<HashAlgorithm> {
        self.public.message_hash(parameters)
    }

    fn verify(&self, parameters: &CryptoParameters, input: ToSign<'_>, signature: &[u8]) -> Result<bool> {
        self.public.verify(parameters, input, signature)
    }

    fn wrap(&self, parameters: &CryptoParameters, secret: &SecretBytes) -> Result<Vec<u8>> {
        self.public.wrap(parameters, secret)
    }

    fn unwrap(&self, parameters: &CryptoParameters, wrapped: &[u8]) -> Result<SecretBytes> {
        encryption::check_wrap(parameters)?;
        self.secret()?.1.decrypt(parameters, wrapped)
    }

    fn export(&self, format: KeyFormat) -> Result<KeyMaterial> {
        let bytes = match format {
            KeyFormat::Pkcs1 => SecretBytes::copy_from(self.pkcs1.expose()),
            KeyFormat::Pkcs8 => der::rsa_pkcs8(self.pkcs1.expose())?,
            _ => return Err(unsupported("an RSA private key is exported as PKCS#8 or PKCS#1")),
        };
        Ok(KeyMaterial { format, bytes })
    }

    fn public_key(&self) -> Result<Vec<u8>> {
        self.public.public_key()
    }
}

fn too_short(spec: &KeySpec) -> keyreeve_core::Error {
    wrong_usage(format!(
        "an RSA key of {} bits is kept but not used: it is weak, 2048 bits are needed",
        spec.length_bits
    ))
}
