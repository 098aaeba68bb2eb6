//! The three ways in which PKCS#8 holds an ML-KEM private key: as seed, expanded, or both. The library computes with
//! expanded keys only.

use keyreeve_core::{Result, SecretBytes, model::Algorithm};
use ml_kem::{DecapsulationKey, MlKem512, MlKem768, MlKem1024, Seed};
use pkcs8::der::{
    AnyRef, Decode, Encode, Reader, Tag, TagNumber, Tagged,
    asn1::{OctetStringRef, SequenceRef},
};
use zeroize::Zeroizing;

use crate::error::{invalid, library, unsupported};

/// The encoding of an expanded key. Holds secrets.
///
/// # Standard
/// RFC 9935 section 6, expandedKey.
pub(super) fn expanded(key: &[u8]) -> Result<SecretBytes> {
    OctetStringRef::new(key)
        .and_then(|key| key.to_der())
        .map(SecretBytes::new)
        .map_err(|_| library("encode an ML-KEM key"))
}

/// The expanded key of any of the three encodings. Holds secrets.
///
/// # Standard
/// RFC 9935 section 6.
///
/// # Errors
/// `InvalidField` where it is none of them, or seed and expanded key do not belong together.
pub(super) fn expanded_key(algorithm: Algorithm, encoded: &[u8]) -> Result<SecretBytes> {
    let malformed = || invalid("the private key is not encoded as ML-KEM's are");
    let any = AnyRef::from_der(encoded).map_err(|_| malformed())?;
    match any.tag() {
        Tag::ContextSpecific { constructed: false, number: TagNumber(0) } => expand(algorithm, any.value()),
        Tag::OctetString => Ok(SecretBytes::copy_from(any.value())),
        Tag::Sequence => {
            let sequence = <&SequenceRef>::from_der(encoded).map_err(|_| malformed())?;
            let mut reader = pkcs8::der::SliceReader::new(sequence.as_bytes()).map_err(|_| malformed())?;
            let seed = <&OctetStringRef>::decode(&mut reader).map_err(|_| malformed())?;
            let expanded = <&OctetStringRef>::decode(&mut reader).map_err(|_| malformed())?;
            reader.finish().map_err(|_| malformed())?;
            let key = expand(algorithm, seed.as_bytes())?;
            aws_lc_rs::constant_time::verify_slices_are_equal(key.expose(), expanded.as_bytes())
                .map_err(|_| invalid("the seed and the expanded key do not belong together"))?;
            Ok(key)
        }
        _ => Err(malformed()),
    }
}

/// # Standard
/// FIPS 203 algorithm 16, from d and z.
fn expand(algorithm: Algorithm, seed: &[u8]) -> Result<SecretBytes> {
    let seed =
        Zeroizing::new(Seed::try_from(seed).map_err(|_| invalid("the seed of an ML-KEM key has 64 bytes"))?);
    // The standard's own form, which that crate would rather see gone: ours is what the library computes with.
    #[allow(deprecated)]
    fn bytes(key: &impl ml_kem::ExpandedKeyEncoding) -> SecretBytes {
        let mut expanded = key.to_expanded_bytes();
        SecretBytes::take_from(&mut expanded)
    }
    match algorithm {
        Algorithm::MlKem512 => Ok(bytes(&DecapsulationKey::<MlKem512>::from_seed(*seed))),
        Algorithm::MlKem768 => Ok(bytes(&DecapsulationKey::<MlKem768>::from_seed(*seed))),
        Algorithm::MlKem1024 => Ok(bytes(&DecapsulationKey::<MlKem1024>::from_seed(*seed))),
        _ => Err(unsupported("not an ML-KEM key")),
    }
}
