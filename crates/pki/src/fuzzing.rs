//! What fuzzing needs of decoders that nobody outside may call: the layers of a PKCS#12 file, each without what lies around
//! it. Not here: inputs, and who makes them up (crates/fuzz).

use std::num::NonZeroU32;

use crate::PkiError;
use crate::pkcs12::bundle;
use crate::pkcs12_reader::{Password, Pkcs12, contents, opened, outer};

/// The password of every input.
const PASSWORD: &str = "fuzz";
/// Rounds by which it is stretched in an input, for each thing under it.
// INVARIANT: it is not 0, or this does not compile.
const ROUNDS: NonZeroU32 = NonZeroU32::new(2).unwrap();
/// Rounds that are gone through for one input in all.
const ROUNDS_MAX: u32 = 64;

fn password() -> Password<'static> {
    Password { text: PASSWORD, rounds_left: ROUNDS_MAX }
}

/// Reads a layer of a PKCS#12 file: 0 the file, whose MAC need not fit, 1 its AuthenticatedSafe, else SafeContents. True where
/// it was taken.
pub fn pkcs12(layer: u8, bytes: &[u8]) -> bool {
    let mut password = password();
    match layer {
        0 => outer(bytes).is_ok_and(|(safes, mac)| {
            let _ = mac.map(|mac| mac.check(&safes, &mut password));
            opened(&safes, &mut password).is_ok()
        }),
        1 => opened(bytes, &mut password).is_ok(),
        _ => Pkcs12 { keys: Vec::new(), certificates: Vec::new() }.add(bytes, &mut password).is_ok(),
    }
}

/// Layers of a file with this key (PKCS#8, DER) and these certificates (DER), as [`pkcs12`] numbers them. Hold secrets.
///
/// # Errors
/// As those of [`crate::pkcs12_bundle`] and [`crate::open_pkcs12`].
pub fn pkcs12_layers(key: &[u8], certificates: &[&[u8]]) -> Result<Vec<(u8, Vec<u8>)>, PkiError> {
    let file = bundle(key, certificates, "fuzz", (PASSWORD, ROUNDS))?;
    let (safes, _) = outer(&file)?;
    let mut layers = vec![(0, file), (1, safes.clone())];
    for safe in contents(&safes)? {
        layers.push((2, safe.open(&mut password())?.to_vec()));
    }
    Ok(layers)
}
