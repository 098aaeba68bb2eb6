//! Triple DES keys: made, kept and handed out for systems that still want them; nothing is encrypted with them here.

use std::sync::Arc;

use keyreeve_core::{
    Result,
    model::{CryptoParameters, KeyFormat, KeyMaterial, KeySpec, UsageMask},
    ports::{
        crypto::{Ciphertext, Generated, ParsedKey, Running},
        rng::Rng,
    },
};

use super::RawKey;
use crate::{
    error::unsupported,
    registry::{Source, Uses},
};

pub(crate) fn usage(_: &KeySpec) -> Uses {
    Uses::new(UsageMask::NONE, UsageMask::NONE)
}

/// Makes a key of two (112 or 128 bits) or three (168 or 192 bits) single keys; parity bits are random.
///
/// # Standard
/// SP 800-67 revision 2 section 3.1; KMIP counts 56 bits a key, others 64.
pub(crate) fn generate(spec: &KeySpec, rng: &dyn Rng) -> Result<Generated> {
    check_length(spec.length_bits)?;
    super::generate_raw(spec, rng)
}

pub(crate) fn parse(source: &Source<'_>) -> Result<Arc<dyn ParsedKey>> {
    let raw = RawKey::parse(source)?;
    check_length(raw.spec.length_bits)?;
    Ok(Arc::new(TripleDesKey { raw }))
}

/// Bytes of a key of this length, with parity bits.
pub(crate) fn material_bytes(length_bits: u32) -> usize {
    match length_bits {
        112 => 16,
        168 => 24,
        other => other as usize / 8,
    }
}

fn check_length(length_bits: u32) -> Result<()> {
    match length_bits {
        112 | 128 | 168 | 192 => Ok(()),
        other => Err(unsupported(format!("3DES of {other} bits is not offered: 112 and 168 are"))),
    }
}

/// A Triple DES key, kept only. Holds secrets.
struct TripleDesKey {
    raw: RawKey,
}

impl ParsedKey for TripleDesKey {
    fn spec(&self) -> &KeySpec {
        &self.raw.spec
    }

    fn encrypt(&self, _: &CryptoParameters, _: Option<&[u8]>, _: &[u8], _: &[u8]) -> Result<Ciphertext> {
        Err(unsupported("encryption with 3DES is not offered: use an AES key"))
    }

    fn decrypt(
        &self,
        _: &CryptoParameters,
        _: Option<&[u8]>,
        _: &[u8],
        _: &[u8],
        _: Option<&[u8]>,
    ) -> Result<keyreeve_core::SecretBytes> {
        Err(unsupported("decryption with 3DES is not offered"))
    }

    fn mac(&self, parameters: &CryptoParameters, data: &[u8]) -> Result<Vec<u8>> {
        self.raw.mac(parameters, data)
    }

    fn begin_mac(&self, parameters: &CryptoParameters) -> Result<Box<dyn Running>> {
        self.raw.begin_mac(parameters)
    }

    fn export(&self, format: KeyFormat) -> Result<KeyMaterial> {
        self.raw.export(format)
    }
}
