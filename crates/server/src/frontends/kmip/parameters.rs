//! Cryptographic parameters of a request in core's terms, and the other way round.

use keyreeve_core::model::{
    Algorithm, BlockCipherMode, CryptoParameters, HashAlgorithm, MaskGenerator, PaddingMethod,
    SignatureScheme,
};
use keyreeve_kmip::attributes::CryptographicParameters;
use keyreeve_kmip::enums;

use super::errors::{Failure, not_supported};

/// What the client asked for; nothing at all where it asked for nothing.
pub(super) fn incoming(wire: Option<&CryptographicParameters>) -> Result<CryptoParameters, Failure> {
    let Some(wire) = wire else { return Ok(CryptoParameters::default()) };
    let count = |number: Option<i32>| number.map(u32::try_from).transpose();
    let counts = || {
        Ok::<_, std::num::TryFromIntError>(CryptoParameters {
            iv_length: count(wire.iv_length)?,
            tag_length: count(wire.tag_length)?,
            fixed_field_length_bits: count(wire.fixed_field_length)?,
            invocation_field_length_bits: count(wire.invocation_field_length)?,
            counter_length_bits: count(wire.counter_length)?,
            initial_counter_value: count(wire.initial_counter_value)?,
            salt_length: count(wire.salt_length)?,
            trailer_field: count(wire.trailer_field)?,
            ..CryptoParameters::default()
        })
    };
    let counts = counts().map_err(|_| {
        let message = "CryptographicParameters: lengths and counts must not be negative";
        Failure::new(enums::ResultReason::InvalidField, message)
    })?;
    let mask_hash = wire.mask_generator_hashing_algorithm.map(|hash| HashAlgorithm::from_code(hash.into()));
    if wire.mask_generator.is_some_and(|generator| generator != enums::MaskGenerator::Mgf1) {
        return Err(not_supported("a mask generator other than MGF1"));
    }
    Ok(CryptoParameters {
        mode: wire.block_cipher_mode.map(|mode| BlockCipherMode::from_code(mode.into())),
        padding: wire.padding_method.map(|padding| PaddingMethod::from_code(padding.into())),
        hash: wire.hashing_algorithm.map(|hash| HashAlgorithm::from_code(hash.into())),
        signature: wire.digital_signature_algorithm.map(|scheme| SignatureScheme::from_code(scheme.into())),
        algorithm: wire.cryptographic_algorithm.map(|algorithm| Algorithm::from_code(algorithm.into())),
        random_iv: wire.random_iv,
        mask_generator: mask_hash.map(MaskGenerator::Mgf1),
        oaep_label: wire.p_source.clone(),
        key_role_type: wire.key_role_type.map(Into::into),
        ..counts
    })
}
