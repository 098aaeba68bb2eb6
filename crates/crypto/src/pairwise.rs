//! The test that a new pair of keys must pass before anybody gets it: what one half makes, the other one takes.
//!
//! # Standard
//! FIPS 140-3 section 7.10.3 (pair-wise consistency).

use keyreeve_core::{
    Error, Result,
    model::{CryptoParameters, KeyId, ObjectType},
    ports::crypto::{Crypto, EnvelopeKey, Generated, ToSign},
};

/// What is signed or encrypted.
const MESSAGE: &[u8] = b"keyreeve pair-wise consistency test";

/// Parses both halves and uses them on one another; a symmetric key passes.
///
/// # Errors
/// `Internal` where the halves do not fit: the library or the machine computes wrongly.
pub(crate) fn check(crypto: &dyn Crypto, generated: &Generated) -> Result<()> {
    let Generated::Pair { private, public } = generated else { return Ok(()) };
    let private = crypto.parse(ObjectType::PrivateKey, None, private)?;
    let public = crypto.parse(ObjectType::PublicKey, None, public)?;
    let parameters = CryptoParameters::default();
    let fits = match private.sign(&parameters, ToSign::Data(MESSAGE)) {
        Ok(signature) => {
            public.verify(&parameters, ToSign::Data(MESSAGE), &signature)?
                && !public.verify(&parameters, ToSign::Data(&MESSAGE[1..]), &signature)?
        }
        // Keys that do not sign encrypt.
        Err(_) => {
            let owner = EnvelopeKey { key: KeyId::from_parts(0, &[0; 10]), version: 0 };
            let sealed = public.seal_envelope(owner, b"", MESSAGE)?;
            private.open_envelope(owner, b"", &sealed)?.expose() == MESSAGE
        }
    };
    if fits { Ok(()) } else { Err(Error::internal("a new pair of keys does not fit together")) }
}
