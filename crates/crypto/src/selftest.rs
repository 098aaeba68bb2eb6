//! One known answer a family, run at start-up: a build or a processor that computes wrongly must not serve. The keys
//! beside this file are public test keys. The tests proper are in tests/.

use std::sync::Arc;

use keyreeve_core::{
    Error, Result, SecretBytes,
    model::{
        Algorithm, BlockCipherMode, CryptoParameters, Curve, KeyFormat, KeyId, KeyMaterial, KeySpec,
        ObjectType, PaddingMethod,
    },
    ports::crypto::{Crypto, EnvelopeKey, Generated, ParsedKey, ToSign},
};

use crate::SoftwareCrypto;

/// A family's name and its check: true where the answer is the known one.
type Check = (&'static str, fn(&SoftwareCrypto) -> Result<bool>);

const CHECKS: &[Check] = &[
    ("hashes", hashes),
    ("HMAC", hmac),
    ("AES", aes),
    ("AES key wrap", key_wrap),
    ("ChaCha20-Poly1305", chacha20_poly1305),
    ("RSA", rsa),
    ("ECDSA and ECDH", ec),
    ("Ed25519", ed25519),
    ("data envelope", envelope),
];

pub(crate) fn run(crypto: &SoftwareCrypto) -> Result<()> {
    for (family, check) in CHECKS {
        match check(crypto) {
            Ok(true) => {}
            Ok(false) => return Err(Error::internal(format!("self-test: {family} gave a wrong answer"))),
            Err(error) => return Err(Error::internal(format!("self-test: {family} failed: {error}"))),
        }
    }
    Ok(())
}

/// FIPS 180-4 example "abc"; RFC 5869 appendix A.1, first 32 bytes.
fn hashes(crypto: &SoftwareCrypto) -> Result<bool> {
    let sha256 = *b"\xba\x78\x16\xbf\x8f\x01\xcf\xea\x41\x41\x40\xde\x5d\xae\x22\x23\
                    \xb0\x03\x61\xa3\x96\x17\x7a\x9c\xb4\x10\xff\x61\xf2\x00\x15\xad";
    let hkdf = *b"\x3c\xb2\x5f\x25\xfa\xac\xd5\x7a\x90\x43\x4f\x64\xd0\x36\x2f\x2a\
                  \x2d\x2d\x0a\x90\xcf\x1a\x5a\x4c\x5d\xb0\x2d\x56\xec\xc4\xc5\xbf";
    let salt: Vec<u8> = (0..13).collect();
    let info: Vec<u8> = (0xf0..0xfa).collect();
    let derived = crypto.hkdf_sha256(&salt, &[0x0b; 22], &[&info]);
    Ok(crypto.sha256(&[b"a", b"bc"]) == sha256 && derived.expose() == hkdf)
}

/// RFC 4231 section 4.3.
fn hmac(crypto: &SoftwareCrypto) -> Result<bool> {
    let expected = *b"\x5b\xdc\xc1\x46\xbf\x60\x75\x4e\x6a\x04\x24\x26\x08\x95\x75\xc7\
                      \x5a\x00\x3f\x08\x9d\x27\x39\x83\x9d\xec\x58\xb9\x64\xec\x38\x43";
    let key = symmetric(crypto, Algorithm::HmacSha256, b"Jefe")?;
    let mac = key.mac(&CryptoParameters::default(), b"what do ya want for nothing?")?;
    Ok(mac == expected && crypto.hmac_sha256(b"Jefe", &[b"what do ya want ", b"for nothing?"]) == expected)
}

/// FIPS 197 appendix C.1, and test case 2 of the GCM specification.
fn aes(crypto: &SoftwareCrypto) -> Result<bool> {
    let key: Vec<u8> = (0..16).collect();
    let block: Vec<u8> = (0..16).map(|i| i * 0x11).collect();
    let ecb = CryptoParameters { mode: Some(BlockCipherMode::Ecb), ..CryptoParameters::default() };
    let encrypted = symmetric(crypto, Algorithm::Aes, &key)?.encrypt(&ecb, None, &[], &block)?;
    let gcm = symmetric(crypto, Algorithm::Aes, &[0; 16])?;
    let sealed = gcm.encrypt(&CryptoParameters::default(), Some(&[0; 12]), &[], &[0; 16])?;
    Ok(encrypted.data == *b"\x69\xc4\xe0\xd8\x6a\x7b\x04\x30\xd8\xcd\xb7\x80\x70\xb4\xc5\x5a"
        && sealed.data == *b"\x03\x88\xda\xce\x60\xb6\xa3\x92\xf3\x28\xc2\xb9\x71\xb2\xfe\x78"
        && sealed.tag.as_deref() == Some(b"\xab\x6e\x47\xd4\x2c\xec\x13\xbd\xf5\x3a\x67\xb2\x12\x57\xbd\xdf"))
}

/// RFC 3394 section 4.1.
fn key_wrap(crypto: &SoftwareCrypto) -> Result<bool> {
    let key = symmetric(crypto, Algorithm::Aes, &(0..16).collect::<Vec<u8>>())?;
    let secret = SecretBytes::new((0..16).map(|i| i * 0x11).collect());
    let wrapped = key.wrap(&CryptoParameters::default(), &secret)?;
    let known =
        b"\x1f\xa6\x8b\x0a\x81\x12\xb4\x47\xae\xf3\x4b\xd8\xfb\x5a\x7b\x82\x9d\x3e\x86\x23\x71\xd2\xcf\xe5";
    Ok(wrapped == known && key.unwrap(&CryptoParameters::default(), &wrapped)?.expose() == secret.expose())
}

/// The tag of RFC 8439 section 2.8.2.
fn chacha20_poly1305(crypto: &SoftwareCrypto) -> Result<bool> {
    let key = symmetric(crypto, Algorithm::ChaCha20Poly1305, &(0x80..0xa0).collect::<Vec<u8>>())?;
    let nonce = b"\x07\x00\x00\x00\x40\x41\x42\x43\x44\x45\x46\x47";
    let aad = b"\x50\x51\x52\x53\xc0\xc1\xc2\xc3\xc4\xc5\xc6\xc7";
    let text =
        b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, \
                 sunscreen would be it.";
    let sealed = key.encrypt(&CryptoParameters::default(), Some(nonce), aad, text)?;
    Ok(sealed.tag.as_deref() == Some(b"\x1a\xe1\x0b\x59\x4f\x09\xe2\x6a\x7e\x90\x2e\xcb\xd0\x60\x06\x91"))
}

/// A PKCS#1 v1.5 signature over "abc" made by OpenSSL, made again; PSS and OAEP there and back.
fn rsa(crypto: &SoftwareCrypto) -> Result<bool> {
    let key = private(crypto, include_bytes!("selftest/rsa.pkcs8"))?;
    let pkcs1v15 = CryptoParameters { padding: Some(PaddingMethod::Pkcs1v15), ..CryptoParameters::default() };
    let known = key.sign(&pkcs1v15, ToSign::Data(b"abc"))? == include_bytes!("selftest/rsa.signature");
    let defaults = CryptoParameters::default();
    let pss = key.sign(&defaults, ToSign::Data(b"abc"))?;
    let oaep = key.encrypt(&defaults, None, &[], b"abc")?.data;
    Ok(known
        && key.verify(&defaults, ToSign::Data(b"abc"), &pss)?
        && !key.verify(&defaults, ToSign::Data(b"abd"), &pss)?
        && key.decrypt(&defaults, None, &[], &oaep, None)?.expose() == b"abc")
}

/// An ECDSA signature over "abc" made by OpenSSL; both sides of an agreement.
fn ec(crypto: &SoftwareCrypto) -> Result<bool> {
    let key = private(crypto, include_bytes!("selftest/p256.pkcs8"))?;
    let defaults = CryptoParameters::default();
    let known = include_bytes!("selftest/p256.signature");
    let signature = key.sign(&defaults, ToSign::Data(b"abc"))?;
    let spec = KeySpec { algorithm: Algorithm::Ec, length_bits: 256, curve: Some(Curve::P256) };
    let peer = match crypto.generate(&spec)? {
        Generated::Pair { private, .. } => crypto.parse(ObjectType::PrivateKey, Some(&spec), &private)?,
        Generated::Symmetric(_) => return Ok(false),
    };
    Ok(key.verify(&defaults, ToSign::Data(b"abc"), known)?
        && !key.verify(&defaults, ToSign::Data(b"abd"), known)?
        && key.verify(&defaults, ToSign::Data(b"abc"), &signature)?
        && key.agree(&peer.public_key()?)?.expose() == peer.agree(&key.public_key()?)?.expose())
}

/// RFC 8032 section 7.1, test 1.
fn ed25519(crypto: &SoftwareCrypto) -> Result<bool> {
    // RFC 8410 section 7: PKCS#8 around the seed.
    let key = private(
        crypto,
        b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20\
          \x9d\x61\xb1\x9d\xef\xfd\x5a\x60\xba\x84\x4a\xf4\x92\xec\x2c\xc4\
          \x44\x49\xc5\x69\x7b\x32\x69\x19\x70\x3b\xac\x03\x1c\xae\x7f\x60",
    )?;
    let known = b"\xe5\x56\x43\x00\xc3\x60\xac\x72\x90\x86\xe2\xcc\x80\x6e\x82\x8a\
                  \x84\x87\x7f\x1e\xb8\xe5\xd9\x74\xd8\x73\xe0\x65\x22\x49\x01\x55\
                  \x5f\xb8\x82\x15\x90\xa3\x3b\xac\xc6\x1e\x39\x70\x1c\xf9\xb4\x6b\
                  \xd2\x5b\xf5\xf0\x59\x5b\xbe\x24\x65\x51\x41\x43\x8e\x7a\x10\x0b";
    Ok(key.sign(&CryptoParameters::default(), ToSign::Data(b""))? == known)
}

/// There and back, and not with another context.
fn envelope(crypto: &SoftwareCrypto) -> Result<bool> {
    let key = symmetric(crypto, Algorithm::Aes, &[7; 32])?;
    let owner = EnvelopeKey { key: KeyId::from_parts(0, &[1; 10]), version: 3 };
    let sealed = key.seal_envelope(owner, b"context", b"abc")?;
    Ok(key.open_envelope(owner, b"context", &sealed)?.expose() == b"abc"
        && key.open_envelope(owner, b"another", &sealed).is_err()
        && crate::envelope_owner(&sealed)? == owner)
}

fn symmetric(crypto: &SoftwareCrypto, algorithm: Algorithm, bytes: &[u8]) -> Result<Arc<dyn ParsedKey>> {
    let spec = KeySpec { algorithm, length_bits: bytes.len() as u32 * 8, curve: None };
    let material = KeyMaterial { format: KeyFormat::Raw, bytes: SecretBytes::copy_from(bytes) };
    crypto.parse(ObjectType::SymmetricKey, Some(&spec), &material)
}

fn private(crypto: &SoftwareCrypto, pkcs8: &[u8]) -> Result<Arc<dyn ParsedKey>> {
    let material = KeyMaterial { format: KeyFormat::Pkcs8, bytes: SecretBytes::copy_from(pkcs8) };
    crypto.parse(ObjectType::PrivateKey, None, &material)
}
