//! AES-XTS: sectors of storage, as long as before and not authenticated. The key is two AES keys.

use aes::{
    Aes128, Aes256,
    cipher::{BlockCipherDecrypt, BlockCipherEncrypt, BlockSizeUser, KeyInit, consts::U16},
};
use keyreeve_core::{Result, SecretBytes};
use xts_mode::Xts128;

use crate::error::{invalid, library, unsupported};

/// Length of a tweak in bytes; the shortest data unit is as long.
pub(super) const TWEAK_BYTES: usize = 16;
/// Longest data unit in bytes.
///
/// # Standard
/// SP 800-38E section 4: 2^20 blocks.
const UNIT_BYTES_MAX: usize = 16 << 20;

/// Encrypts one data unit. `tweak`: the number of the unit, little-endian, or any 16 bytes.
///
/// # Standard
/// IEEE 1619 section 5.3, SP 800-38E.
///
/// # Errors
/// `InvalidField` for a tweak or data of another length, or halves of the key that are equal; `Unsupported` for a key
/// of another length.
pub(super) fn encrypt(key: &[u8], tweak: &[u8], data: &[u8]) -> Result<Vec<u8>> {
    let mut data = data.to_vec();
    match check(key, tweak, &data)? {
        (halves, tweak) if halves.0.len() == 16 => {
            xts::<Aes128>(halves)?.encrypt_sector(&mut data, tweak.into());
        }
        (halves, tweak) => xts::<Aes256>(halves)?.encrypt_sector(&mut data, tweak.into()),
    }
    Ok(data)
}

/// Decrypts one data unit. Wrong keys and altered data go unnoticed.
///
/// # Standard
/// IEEE 1619 section 5.4.
///
/// # Errors
/// As `encrypt`.
pub(super) fn decrypt(key: &[u8], tweak: &[u8], data: &[u8]) -> Result<SecretBytes> {
    let mut data = data.to_vec();
    match check(key, tweak, &data)? {
        (halves, tweak) if halves.0.len() == 16 => {
            xts::<Aes128>(halves)?.decrypt_sector(&mut data, tweak.into());
        }
        (halves, tweak) => xts::<Aes256>(halves)?.decrypt_sector(&mut data, tweak.into()),
    }
    Ok(SecretBytes::new(data))
}

/// The halves of the key, and the tweak.
type Checked<'a> = ((&'a [u8], &'a [u8]), [u8; TWEAK_BYTES]);

fn check<'a>(key: &'a [u8], tweak: &[u8], data: &[u8]) -> Result<Checked<'a>> {
    if !matches!(key.len(), 32 | 64) {
        return Err(unsupported("XTS needs a key of 256 or 512 bits: two AES keys"));
    }
    let halves = key.split_at(key.len() / 2);
    // FIPS 140-3 IG C.I: equal halves lose what the tweak is for.
    if halves.0 == halves.1 {
        return Err(invalid("the two halves of an XTS key must differ"));
    }
    let tweak: [u8; TWEAK_BYTES] = tweak.try_into().map_err(|_| {
        invalid(format!("the tweak (IV) has {} bytes, but XTS needs {TWEAK_BYTES}", tweak.len()))
    })?;
    match data.len() {
        TWEAK_BYTES..=UNIT_BYTES_MAX => Ok((halves, tweak)),
        other => Err(invalid(format!("a data unit of XTS has 16 bytes to 16 MiB, not {other} bytes"))),
    }
}

fn xts<C>((first, second): (&[u8], &[u8])) -> Result<Xts128<C>>
where
    C: KeyInit + BlockSizeUser<BlockSize = U16> + BlockCipherEncrypt + BlockCipherDecrypt,
{
    let cipher = |key| C::new_from_slice(key).map_err(|_| library("take an AES key"));
    Ok(Xts128::new(cipher(first)?, cipher(second)?))
}
