//! One known answer a family, run at start-up: a build or a processor that computes wrongly must not serve. The keys
//! beside this file are public test keys. The tests proper are in tests/.

use std::sync::Arc;

use keyreeve_core::{
    Error, Result, SecretBytes,
    model::{
        Algorithm, BlockCipherMode, CryptoParameters, Curve, HashAlgorithm, Kdf, KeyFormat, KeyId,
        KeyMaterial, KeySpec, ObjectType, PaddingMethod, Prf,
    },
    ports::crypto::{Crypto, EnvelopeKey, Generated, ParsedKey, ToSign},
};

use crate::der;

/// A family's name and its check: true where the answer is the known one.
type Check = (&'static str, fn(&dyn Crypto) -> Result<bool>);

const CHECKS: &[Check] = &[
    ("hashes", hashes),
    ("HMAC", hmac),
    ("sealing", sealing),
    ("AES", aes),
    ("AES-GCM-SIV", aes_gcm_siv),
    ("AES-SIV", aes_siv),
    ("AES-XTS", aes_xts),
    ("AES-CMAC", aes_cmac),
    ("AES key wrap", key_wrap),
    ("ChaCha20-Poly1305", chacha20_poly1305),
    ("RSA", rsa),
    ("ECDSA and ECDH", ec),
    ("secp256k1", secp256k1),
    ("Ed25519", ed25519),
    ("X25519 and HPKE", x25519),
    ("ML-KEM", ml_kem),
    ("ML-DSA", ml_dsa),
    ("SLH-DSA with SHA-2", slh_dsa_sha2),
    ("SLH-DSA with SHAKE", slh_dsa_shake),
    ("key derivation", derivation),
    ("data envelope", envelope),
];

pub(crate) fn run(crypto: &dyn Crypto) -> Result<()> {
    for (family, check) in CHECKS {
        match check(crypto) {
            Ok(true) => {}
            Ok(false) => return Err(Error::internal(format!("self-test: {family} gave a wrong answer"))),
            Err(error) => return Err(Error::internal(format!("self-test: {family} failed: {error}"))),
        }
    }
    Ok(())
}

/// FIPS 180-4 and FIPS 202, "abc", the first 16 bytes of what is longer; RFC 5869 appendix A.1, first 32 bytes.
fn hashes(crypto: &dyn Crypto) -> Result<bool> {
    let sha256 = *b"\xba\x78\x16\xbf\x8f\x01\xcf\xea\x41\x41\x40\xde\x5d\xae\x22\x23\
                    \xb0\x03\x61\xa3\x96\x17\x7a\x9c\xb4\x10\xff\x61\xf2\x00\x15\xad";
    let hkdf = *b"\x3c\xb2\x5f\x25\xfa\xac\xd5\x7a\x90\x43\x4f\x64\xd0\x36\x2f\x2a\
                  \x2d\x2d\x0a\x90\xcf\x1a\x5a\x4c\x5d\xb0\x2d\x56\xec\xc4\xc5\xbf";
    let salt: Vec<u8> = (0..13).collect();
    let info: Vec<u8> = (0xf0..0xfa).collect();
    let derived = crypto.hkdf_sha256(&salt, &[0x0b; 22], &[&info]);
    let longer = [
        (HashAlgorithm::Sha384, b"\xcb\x00\x75\x3f\x45\xa3\x5e\x8b\xb5\xa0\x3d\x69\x9a\xc6\x50\x07"),
        (HashAlgorithm::Sha512, b"\xdd\xaf\x35\xa1\x93\x61\x7a\xba\xcc\x41\x73\x49\xae\x20\x41\x31"),
        (HashAlgorithm::Sha3_256, b"\x3a\x98\x5d\xa7\x4f\xe2\x25\xb2\x04\x5c\x17\x2d\x6b\xd3\x90\xbd"),
    ];
    for (hash, known) in longer {
        if !crypto.hash(hash, &[b"a", b"bc"])?.starts_with(known) {
            return Ok(false);
        }
    }
    Ok(crypto.sha256(&[b"a", b"bc"]) == sha256 && derived.expose() == hkdf)
}

/// RFC 4231 section 4.3.
fn hmac(crypto: &dyn Crypto) -> Result<bool> {
    let expected = *b"\x5b\xdc\xc1\x46\xbf\x60\x75\x4e\x6a\x04\x24\x26\x08\x95\x75\xc7\
                      \x5a\x00\x3f\x08\x9d\x27\x39\x83\x9d\xec\x58\xb9\x64\xec\x38\x43";
    let key = symmetric(crypto, Algorithm::HmacSha256, b"Jefe")?;
    let mac = key.mac(&CryptoParameters::default(), b"what do ya want for nothing?")?;
    Ok(mac == expected && crypto.hmac_sha256(b"Jefe", &[b"what do ya want ", b"for nothing?"]) == expected)
}

/// AES-256-GCM, under which all lies that is kept: test case 14 of the GCM specification.
fn sealing(crypto: &dyn Crypto) -> Result<bool> {
    let known = *b"\xce\xa7\x40\x3d\x4d\x60\x6b\x6e\x07\x4e\xc5\xd3\xba\xf3\x9d\x18\
                   \xd0\xd1\xc8\xa7\x99\x99\x6b\xf0\x26\x5b\x98\xb5\xd4\x8a\xb9\x19";
    Ok(crypto.aead_seal(&[0; 32], &[0; 12], &[], &[0; 16])? == known
        && crypto.aead_open(&[0; 32], &[0; 12], &[], &known)?.expose() == [0; 16]
        && crypto.aead_open(&[0; 32], &[0; 12], b"other", &known).is_err())
}

/// FIPS 197 appendix C.1; test case 2 of the GCM specification; SP 800-38A F.2.1 and F.5.1, first block.
fn aes(crypto: &dyn Crypto) -> Result<bool> {
    let key: Vec<u8> = (0..16).collect();
    let block: Vec<u8> = (0..16).map(|i| i * 0x11).collect();
    let ecb = CryptoParameters { mode: Some(BlockCipherMode::Ecb), ..CryptoParameters::default() };
    let encrypted = symmetric(crypto, Algorithm::Aes, &key)?.encrypt(&ecb, None, &[], &block)?;
    let gcm = symmetric(crypto, Algorithm::Aes, &[0; 16])?;
    let sealed = gcm.encrypt(&CryptoParameters::default(), Some(&[0; 12]), &[], &[0; 16])?;
    let sp800_38a = symmetric(
        crypto,
        Algorithm::Aes,
        b"\x2b\x7e\x15\x16\x28\xae\xd2\xa6\xab\xf7\x15\x88\x09\xcf\x4f\x3c",
    )?;
    let text = b"\x6b\xc1\xbe\xe2\x2e\x40\x9f\x96\xe9\x3d\x7e\x11\x73\x93\x17\x2a";
    let cbc = CryptoParameters { padding: Some(PaddingMethod::None), ..mode(BlockCipherMode::Cbc) };
    let cbc = sp800_38a.encrypt(&cbc, Some(&(0..16).collect::<Vec<u8>>()), &[], text)?;
    let counter: Vec<u8> = (0xf0..=0xff).collect();
    let ctr = sp800_38a.encrypt(&mode(BlockCipherMode::Ctr), Some(&counter), &[], text)?;
    Ok(encrypted.data == *b"\x69\xc4\xe0\xd8\x6a\x7b\x04\x30\xd8\xcd\xb7\x80\x70\xb4\xc5\x5a"
        && sealed.data == *b"\x03\x88\xda\xce\x60\xb6\xa3\x92\xf3\x28\xc2\xb9\x71\xb2\xfe\x78"
        && sealed.tag.as_deref() == Some(b"\xab\x6e\x47\xd4\x2c\xec\x13\xbd\xf5\x3a\x67\xb2\x12\x57\xbd\xdf")
        && cbc.data == *b"\x76\x49\xab\xac\x81\x19\xb2\x46\xce\xe9\x8e\x9b\x12\xe9\x19\x7d"
        && ctr.data == *b"\x87\x4d\x61\x91\xb6\x20\xe3\x26\x1b\xef\x68\x64\x99\x0d\xb6\xce")
}

/// RFC 8452 appendix C.1: the tag of an empty message.
fn aes_gcm_siv(crypto: &dyn Crypto) -> Result<bool> {
    let key = symmetric(crypto, Algorithm::Aes, b"\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0")?;
    let nonce = b"\x03\0\0\0\0\0\0\0\0\0\0\0";
    let sealed = key.encrypt(&mode(BlockCipherMode::GcmSiv), Some(nonce), &[], &[])?;
    Ok(sealed.tag.as_deref() == Some(b"\xdc\x20\xe2\xd8\x3f\x25\x70\x5b\xb4\x9e\x43\x9e\xca\x56\xde\x25"))
}

/// RFC 5297 appendix A.1.
fn aes_siv(crypto: &dyn Crypto) -> Result<bool> {
    let key: Vec<u8> = (0xf0..=0xff).rev().chain(0xf0..=0xff).collect();
    let aad: Vec<u8> = (0x10..=0x27).collect();
    let text = b"\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee";
    let sealed =
        symmetric(crypto, Algorithm::Aes, &key)?.encrypt(&mode(BlockCipherMode::Siv), None, &aad, text)?;
    Ok(sealed.data == b"\x40\xc0\x2b\x96\x90\xc4\xdc\x04\xda\xef\x7f\x6a\xfe\x5c"
        && sealed.tag.as_deref() == Some(b"\x85\x63\x2d\x07\xc6\xe8\xf3\x7f\x95\x0a\xcd\x32\x0a\x2e\xcc\x93"))
}

/// IEEE 1619 annex B, vector 2.
fn aes_xts(crypto: &dyn Crypto) -> Result<bool> {
    let key = symmetric(crypto, Algorithm::Aes, &[[0x11; 16], [0x22; 16]].concat())?;
    let mut tweak = [0; 16];
    tweak[..5].fill(0x33);
    let xts = mode(BlockCipherMode::Xts);
    let sealed = key.encrypt(&xts, Some(&tweak), &[], &[0x44; 32])?.data;
    let known = b"\xc4\x54\x18\x5e\x6a\x16\x93\x6e\x39\x33\x40\x38\xac\xef\x83\x8b\
                  \xfb\x18\x6f\xff\x74\x80\xad\xc4\x28\x93\x82\xec\xd6\xd3\x94\xf0";
    Ok(sealed == known && key.decrypt(&xts, Some(&tweak), &[], known, None)?.expose() == [0x44; 32])
}

/// RFC 4493 section 4, example 2.
fn aes_cmac(crypto: &dyn Crypto) -> Result<bool> {
    let key = b"\x2b\x7e\x15\x16\x28\xae\xd2\xa6\xab\xf7\x15\x88\x09\xcf\x4f\x3c";
    let text = b"\x6b\xc1\xbe\xe2\x2e\x40\x9f\x96\xe9\x3d\x7e\x11\x73\x93\x17\x2a";
    let mac = symmetric(crypto, Algorithm::Aes, key)?.mac(&CryptoParameters::default(), text)?;
    Ok(mac == b"\x07\x0a\x16\xb4\x6b\x4d\x41\x44\xf7\x9b\xdd\x9d\xd0\x4a\x28\x7c")
}

/// RFC 3394 section 4.1.
fn key_wrap(crypto: &dyn Crypto) -> Result<bool> {
    let key = symmetric(crypto, Algorithm::Aes, &(0..16).collect::<Vec<u8>>())?;
    let secret = SecretBytes::new((0..16).map(|i| i * 0x11).collect());
    let wrapped = key.wrap(&CryptoParameters::default(), &secret)?;
    let known =
        b"\x1f\xa6\x8b\x0a\x81\x12\xb4\x47\xae\xf3\x4b\xd8\xfb\x5a\x7b\x82\x9d\x3e\x86\x23\x71\xd2\xcf\xe5";
    Ok(wrapped == known && key.unwrap(&CryptoParameters::default(), &wrapped)?.expose() == secret.expose())
}

/// The tag of RFC 8439 section 2.8.2.
fn chacha20_poly1305(crypto: &dyn Crypto) -> Result<bool> {
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
fn rsa(crypto: &dyn Crypto) -> Result<bool> {
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

/// An ECDSA signature over "abc" made by OpenSSL; what the key agrees on with its own public half, by Python's `cryptography`;
/// both sides of an agreement.
fn ec(crypto: &dyn Crypto) -> Result<bool> {
    let key = private(crypto, include_bytes!("selftest/p256.pkcs8"))?;
    let defaults = CryptoParameters::default();
    let known = include_bytes!("selftest/p256.signature");
    let agreed = b"\xb5\x67\x1c\xfa\xc8\xdf\x21\x7d\xed\x2f\xfd\x39\x34\x21\x93\xbe\
                   \xb9\x00\x43\x0f\x95\x0c\xeb\xa9\x92\xf4\x92\xef\x2a\x92\xe3\x54";
    let signature = key.sign(&defaults, ToSign::Data(b"abc"))?;
    let spec = KeySpec { algorithm: Algorithm::Ec, length_bits: 256, curve: Some(Curve::P256) };
    let peer = new_private(crypto, &spec)?;
    Ok(key.verify(&defaults, ToSign::Data(b"abc"), known)?
        && !key.verify(&defaults, ToSign::Data(b"abd"), known)?
        && key.verify(&defaults, ToSign::Data(b"abc"), &signature)?
        && key.agree(&key.public_key()?)?.expose() == agreed
        && key.agree(&peer.public_key()?)?.expose() == peer.agree(&key.public_key()?)?.expose())
}

/// Wycheproof, ECDSA on secp256k1 with SHA-256, case 2; both sides of an agreement.
fn secp256k1(crypto: &dyn Crypto) -> Result<bool> {
    let spki = b"\x30\x56\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x0a\x03\x42\x00\x04\
                 \x78\x2c\x8e\xd1\x7e\x3b\x2a\x78\x3b\x54\x64\xf3\x3b\x09\x65\x2a\x71\xc6\x78\xe0\x5e\xc5\x1e\x84\
                 \xe2\xbc\xfc\x66\x3a\x3d\xe9\x63\xaf\x9a\xcb\x42\x80\xb8\xc7\xf7\xc4\x2f\x4e\xf9\xab\xa6\x24\x5e\
                 \xc1\xec\x17\x12\xfd\x38\xa0\xfa\x96\x41\x8d\x8c\xd6\xaa\x61\x52";
    let signature = b"\x30\x45\x02\x20\x10\x9c\xd8\xae\x03\x74\x35\x89\x84\xa8\x24\x9c\x0a\x84\x36\x28\xf2\x83\x5f\xfa\
                      \xd1\xdf\x1a\x9a\x69\xaa\x2f\xe7\x23\x55\x54\x5c\x02\x21\x00\xac\x6f\x00\xda\xf5\x3b\xd8\xb1\
                      \xe3\x4d\xa3\x29\x35\x9b\x6e\x08\x01\x9c\x5b\x03\x7f\xed\x79\xee\x38\x3a\xe3\x9f\x85\xa1\x59\xc6";
    let material = KeyMaterial { format: KeyFormat::Spki, bytes: SecretBytes::copy_from(spki) };
    let known = crypto.parse(ObjectType::PublicKey, None, &material)?;
    let defaults = CryptoParameters::default();
    let spec = KeySpec { algorithm: Algorithm::Ec, length_bits: 256, curve: Some(Curve::Secp256k1) };
    let (mine, peer) = (new_private(crypto, &spec)?, new_private(crypto, &spec)?);
    Ok(known.verify(&defaults, ToSign::Data(b"Msg"), signature)?
        && !known.verify(&defaults, ToSign::Data(b"msg"), signature)?
        && mine.agree(&peer.public_key()?)?.expose() == peer.agree(&mine.public_key()?)?.expose())
}

/// Wycheproof, X25519, case 1; a message that Python's `cryptography` sealed by HPKE to the key 00 01 .. 1f.
fn x25519(crypto: &dyn Crypto) -> Result<bool> {
    let mine = b"\xc8\xa9\xd5\xa9\x10\x91\xad\x85\x1c\x66\x8b\x07\x36\xc1\xc9\xa0\
                  \x29\x36\xc0\xd3\xad\x62\x67\x08\x58\x08\x80\x47\xba\x05\x74\x75";
    let peer = b"\x50\x4a\x36\x99\x9f\x48\x9c\xd2\xfd\xbc\x08\xba\xff\x3d\x88\xfa\
                  \x00\x56\x9b\xa9\x86\xcb\xa2\x25\x48\xff\xde\x80\xf9\x80\x68\x29";
    let shared = b"\x43\x6a\x2c\x04\x0c\xf4\x5f\xea\x9b\x29\xa0\xcb\x81\xb1\xf4\x14\
                    \x58\xf8\x63\xd0\xd6\x1b\x45\x3d\x0a\x98\x27\x20\xd6\xd6\x13\x20";
    let peer = [b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x6e\x03\x21\x00".as_slice(), peer].concat();
    let key = |seed: &[u8]| private(crypto, der::curve_pkcs8(der::X25519, seed)?.expose());
    let sealed = include_bytes!("selftest/x25519.sealed");
    let recipient = key(&(0..32).collect::<Vec<u8>>())?;
    Ok(key(mine)?.agree(&peer)?.expose() == shared && opens(&*recipient, sealed)?)
}

/// A message that Python's `cryptography` sealed by HPKE to ML-KEM-768 with the seed 00 01 .. 3f.
fn ml_kem(crypto: &dyn Crypto) -> Result<bool> {
    let seed: Vec<u8> = [0x80, 64].into_iter().chain(0..64).collect();
    let pkcs8 = der::post_quantum_pkcs8(Algorithm::MlKem768, &seed)?;
    opens(&*private(crypto, pkcs8.expose())?, include_bytes!("selftest/ml-kem-768.sealed"))
}

/// Wycheproof, ML-DSA-65 with a seed, case 1; signed again and verified.
fn ml_dsa(crypto: &dyn Crypto) -> Result<bool> {
    let seed: Vec<u8> = [0x80, 32].into_iter().chain([0x2a; 32]).collect();
    let key = private(crypto, der::post_quantum_pkcs8(Algorithm::MlDsa65, &seed)?.expose())?;
    let defaults = CryptoParameters::default();
    let known = include_bytes!("selftest/ml-dsa-65.signature");
    let signature = key.sign(&defaults, ToSign::Data(b"abc"))?;
    Ok(key.verify(&defaults, ToSign::Data(b"Hello world"), known)?
        && !key.verify(&defaults, ToSign::Data(b"Hello worlds"), known)?
        && key.verify(&defaults, ToSign::Data(b"abc"), &signature)?)
}

/// A private key of ACVP, whose root is computed anew; a signature by it that Python's `slh-dsa` made; signed again and
/// verified.
fn slh_dsa_sha2(crypto: &dyn Crypto) -> Result<bool> {
    let key = slh_dsa(crypto, Algorithm::SlhDsaSha2_128f, include_bytes!("selftest/slh-dsa-sha2-128f.key"))?;
    let defaults = CryptoParameters::default();
    let known = include_bytes!("selftest/slh-dsa-sha2-128f.signature");
    let signature = key.sign(&defaults, ToSign::Data(b"abd"))?;
    Ok(key.verify(&defaults, ToSign::Data(b"abc"), known)?
        && !key.verify(&defaults, ToSign::Data(b"abd"), known)?
        && key.verify(&defaults, ToSign::Data(b"abd"), &signature)?)
}

/// The same, but for signing, which is slow with SHAKE and goes the same way.
fn slh_dsa_shake(crypto: &dyn Crypto) -> Result<bool> {
    let key = slh_dsa(crypto, Algorithm::SlhDsaShake128f, include_bytes!("selftest/slh-dsa-shake-128f.key"))?;
    let defaults = CryptoParameters::default();
    let known = include_bytes!("selftest/slh-dsa-shake-128f.signature");
    Ok(key.verify(&defaults, ToSign::Data(b"abc"), known)?
        && !key.verify(&defaults, ToSign::Data(b"abd"), known)?)
}

fn slh_dsa(crypto: &dyn Crypto, algorithm: Algorithm, key: &[u8]) -> Result<Arc<dyn ParsedKey>> {
    private(crypto, der::post_quantum_pkcs8(algorithm, key)?.expose())
}

/// RFC 7914 section 11; and what SP 800-108 computes for one block, by hand.
fn derivation(crypto: &dyn Crypto) -> Result<bool> {
    let hash = HashAlgorithm::Sha256;
    let pbkdf2 = Kdf::Pbkdf2 { hash, salt: b"salt".to_vec(), iterations: 1 };
    let known = b"\x55\xac\x04\x6e\x56\xe3\x08\x9f\xec\x16\x91\xc2\x25\x44\xb6\x05";
    let counter = Kdf::Counter { prf: Prf::Hmac(hash), fixed_input: b"abc".to_vec() };
    let feedback = Kdf::Feedback { prf: Prf::Hmac(hash), iv: Vec::new(), fixed_input: b"abc".to_vec() };
    let block = crypto.hmac_sha256(b"key", &[&1u32.to_be_bytes(), b"abc"]);
    Ok(crypto.derive(b"passwd", &pbkdf2, 16)?.expose() == known
        && crypto.derive(b"key", &counter, 32)?.expose() == block
        && crypto.derive(b"key", &feedback, 32)?.expose() == block)
}

/// RFC 8032 section 7.1, test 1.
fn ed25519(crypto: &dyn Crypto) -> Result<bool> {
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
fn envelope(crypto: &dyn Crypto) -> Result<bool> {
    let key = symmetric(crypto, Algorithm::Aes, &[7; 32])?;
    let owner = EnvelopeKey { key: KeyId::from_parts(0, &[1; 10]), version: 3 };
    let sealed = key.seal_envelope(owner, b"context", b"abc")?;
    Ok(key.open_envelope(owner, b"context", &sealed)?.expose() == b"abc"
        && key.open_envelope(owner, b"another", &sealed).is_err()
        && crate::envelope_owner(&sealed)? == owner)
}

/// Opens "abc", which was sealed with the context "context", and with no other.
fn opens(key: &dyn ParsedKey, sealed: &[u8]) -> Result<bool> {
    let owner = EnvelopeKey { key: KeyId::from_parts(0, &[0; 10]), version: 0 };
    Ok(key.open_envelope(owner, b"context", sealed)?.expose() == b"abc"
        && key.open_envelope(owner, b"another", sealed).is_err())
}

fn mode(mode: BlockCipherMode) -> CryptoParameters {
    CryptoParameters { mode: Some(mode), ..CryptoParameters::default() }
}

fn new_private(crypto: &dyn Crypto, spec: &KeySpec) -> Result<Arc<dyn ParsedKey>> {
    match crypto.generate(spec)? {
        Generated::Pair { private, .. } => crypto.parse(ObjectType::PrivateKey, Some(spec), &private),
        Generated::Symmetric(_) => Err(Error::internal("a key without halves")),
    }
}

fn symmetric(crypto: &dyn Crypto, algorithm: Algorithm, bytes: &[u8]) -> Result<Arc<dyn ParsedKey>> {
    let spec = KeySpec { algorithm, length_bits: bytes.len() as u32 * 8, curve: None };
    let material = KeyMaterial { format: KeyFormat::Raw, bytes: SecretBytes::copy_from(bytes) };
    crypto.parse(ObjectType::SymmetricKey, Some(&spec), &material)
}

fn private(crypto: &dyn Crypto, pkcs8: &[u8]) -> Result<Arc<dyn ParsedKey>> {
    let material = KeyMaterial { format: KeyFormat::Pkcs8, bytes: SecretBytes::copy_from(pkcs8) };
    crypto.parse(ObjectType::PrivateKey, None, &material)
}

#[cfg(test)]
mod tests;
