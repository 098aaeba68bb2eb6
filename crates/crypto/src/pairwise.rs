//! The test that a new pair of keys must pass before anybody gets it: what one half makes, the other one takes, in every
//! way in which the pair can be used.

use keyreeve_core::{
    Error, Result,
    model::{CryptoParameters, KeyId, ObjectType, UsageMask},
    ports::crypto::{Crypto, EnvelopeKey, Generated, ParsedKey, ToSign},
};

/// What is signed or encrypted.
const MESSAGE: &[u8] = b"keyreeve pair-wise consistency test";

/// Parses both halves and uses them on one another; a symmetric key passes. `another` makes a second pair of the kind,
/// which those that agree on secrets agree with.
///
/// # Standard
/// FIPS 140-3 section 7.10.3 (pair-wise consistency); SP 800-56A revision 3 section 5.6.2.1.4.
///
/// # Errors
/// `Internal` where the halves do not fit: the library or the machine computes wrongly.
pub(crate) fn check(
    crypto: &dyn Crypto,
    generated: &Generated,
    another: &dyn Fn() -> Result<Generated>,
) -> Result<()> {
    let Generated::Pair { private, public } = generated else { return Ok(()) };
    let private = &*crypto.parse(ObjectType::PrivateKey, None, private)?;
    let public = &*crypto.parse(ObjectType::PublicKey, None, public)?;
    let (uses, _) = crypto.fitting_usage(private.spec());
    let fits = (!uses.allows(UsageMask::SIGN) || signs(private, public)?)
        && if uses.allows(UsageMask::AGREE) {
            // What HPKE encrypts to such a key rests on the agreement alone.
            agrees(crypto, private, public, another()?)?
        } else {
            !uses.allows(UsageMask::DECRYPT) || decrypts(private, public)?
        };
    if fits { Ok(()) } else { Err(Error::internal("a new pair of keys does not fit together")) }
}

fn signs(private: &dyn ParsedKey, public: &dyn ParsedKey) -> Result<bool> {
    let parameters = CryptoParameters::default();
    let signature = private.sign(&parameters, ToSign::Data(MESSAGE))?;
    Ok(public.verify(&parameters, ToSign::Data(MESSAGE), &signature)?
        && !public.verify(&parameters, ToSign::Data(&MESSAGE[1..]), &signature)?)
}

/// Both sides come to the same secret.
fn agrees(
    crypto: &dyn Crypto,
    private: &dyn ParsedKey,
    public: &dyn ParsedKey,
    peer: Generated,
) -> Result<bool> {
    let Generated::Pair { private: peer, .. } = peer else { return Ok(false) };
    let peer = crypto.parse(ObjectType::PrivateKey, None, &peer)?;
    let (mine, theirs) = (private.agree(&peer.public_key()?)?, peer.agree(&public.public_key()?)?);
    Ok(crypto.equal(mine.expose(), theirs.expose()))
}

/// RSA decrypts by itself, ML-KEM by HPKE. Decryption that fails says that the halves do not fit.
fn decrypts(private: &dyn ParsedKey, public: &dyn ParsedKey) -> Result<bool> {
    let parameters = CryptoParameters::default();
    let opened = if private.spec().algorithm.is_post_quantum() {
        let owner = EnvelopeKey { key: KeyId::from_parts(0, &[0; 10]), version: 0 };
        private.open_envelope(owner, b"", &public.seal_envelope(owner, b"", MESSAGE)?)
    } else {
        let sealed = public.encrypt(&parameters, None, &[], MESSAGE)?;
        private.decrypt(&parameters, None, &[], &sealed.data, None)
    };
    Ok(opened.is_ok_and(|opened| opened.expose() == MESSAGE))
}

#[cfg(test)]
mod tests {
    use keyreeve_core::{ErrorKind, model::KeySpec};

    use super::*;
    use crate::SoftwareCrypto;

    fn kinds() -> impl Iterator<Item = &'static str> {
        // One of each family and curve; every parameter set of SLH-DSA signs for seconds.
        KeySpec::names().filter(|name| {
            let large = name.starts_with("rsa-") && *name != "rsa-2048";
            let slow = name.starts_with("slh-dsa-") && *name != "slh-dsa-sha2-128f";
            !large && !slow && KeySpec::from_name(name).is_some_and(|spec| spec.algorithm.is_asymmetric())
        })
    }

    /// The halves of two pairs, each of which fits by itself.
    #[test]
    fn halves_that_do_not_fit_are_refused() {
        let crypto = SoftwareCrypto::new();
        for name in kinds() {
            let spec = KeySpec::from_name(name).unwrap();
            let make = || crypto.generate(&spec);
            let (Generated::Pair { private, public }, Generated::Pair { public: other, .. }) =
                (make().unwrap(), make().unwrap())
            else {
                panic!("{name}: a key without halves")
            };
            let mixed = Generated::Pair { private, public: other };
            let refused = check(&crypto, &mixed, &make).expect_err(name);
            assert_eq!(refused.kind(), ErrorKind::Internal, "{name}");
            let Generated::Pair { private, .. } = mixed else { unreachable!() };
            check(&crypto, &Generated::Pair { private, public }, &make).expect(name);
        }
    }

    /// Each use is tried by itself: RSA pairs that sign must decrypt too, and curves agree.
    #[test]
    fn every_use_of_a_pair_is_tried() {
        let crypto = SoftwareCrypto::new();
        let halves = |name| {
            let spec = KeySpec::from_name(name).unwrap();
            let Generated::Pair { private, public } = crypto.generate(&spec).unwrap() else {
                panic!("{name}: a key without halves")
            };
            let private = crypto.parse(ObjectType::PrivateKey, None, &private).unwrap();
            (private, crypto.parse(ObjectType::PublicKey, None, &public).unwrap())
        };
        for name in ["rsa-2048", "ml-kem-512"] {
            let ((private, public), (_, other)) = (halves(name), halves(name));
            assert!(decrypts(&*private, &*public).unwrap(), "{name}");
            assert!(!decrypts(&*private, &*other).unwrap(), "{name}");
        }
        for name in ["ec-p256", "ec-p384", "ec-p521", "secp256k1", "x25519"] {
            let spec = KeySpec::from_name(name).unwrap();
            let ((private, public), (_, other)) = (halves(name), halves(name));
            let peer = || crypto.generate(&spec).unwrap();
            assert!(agrees(&crypto, &*private, &*public, peer()).unwrap(), "{name}");
            assert!(!agrees(&crypto, &*private, &*other, peer()).unwrap(), "{name}");
        }
    }
}
