//! What of an epoch key lies in one cell: all of it, or one share where several places must come together.
//!
//! The shares of an epoch key follow from the key itself, so that a place that was out of reach gets its own later,
//! and one place never has two. Whoever lacks shares would have to break HKDF-SHA-256 to tell the key from them.

use std::{collections::BTreeMap, sync::atomic::AtomicU64};

use keyreeve_core::{
    Error, Result, SecretBytes,
    ports::{cell::CellEntry, crypto::Crypto, rng::Rng},
};
use uuid::Uuid;

use crate::sealing::{
    Place,
    shares::{Share, combine, split},
};

/// What the cell with this share holds of an epoch key, of which `threshold` shares give the whole; 1: the key itself.
///
/// # Errors
/// `Internal` for a share that cannot be.
pub(crate) fn cell_entry(
    crypto: &dyn Crypto,
    place: Place,
    (generation, key): (u64, &SecretBytes),
    (threshold, share): (u8, u8),
) -> Result<CellEntry> {
    let Place { store, timeline } = place;
    let key = match threshold {
        0 | 1 => SecretBytes::copy_from(key.expose()),
        _ => {
            let context = [store.as_bytes().as_slice(), &generation.to_be_bytes(), &[threshold]].concat();
            let stream = Stream { crypto, key, context, block: AtomicU64::new(0) };
            // Always all shares that there can be: the stream serves the same polynomials whichever is asked for.
            let shares = split(&stream, key, u8::MAX, threshold)?;
            let found = shares.into_iter().find(|one| one.index == share);
            found.ok_or_else(|| Error::internal(format!("an epoch key has no share {share}")))?.value
        }
    };
    Ok(CellEntry { store, timeline, generation, threshold: threshold.max(1), share, key })
}

/// The epoch key of a generation with its threshold, where these entries are enough for it. Shares that do not belong
/// together give some other key: no tree opens under it. Holds a secret.
pub(crate) fn epoch_key(store: Uuid, generation: u64, entries: &[CellEntry]) -> Option<(SecretBytes, u8)> {
    let ours = || entries.iter().filter(|entry| entry.store == store && entry.generation == generation);
    if let Some(whole) = ours().find(|entry| entry.threshold == 1) {
        return Some((SecretBytes::copy_from(whole.key.expose()), 1));
    }
    let threshold = ours().next()?.threshold;
    let shares: BTreeMap<u8, &CellEntry> = ours().map(|entry| (entry.share, entry)).collect();
    if shares.len() < usize::from(threshold) {
        return None;
    }
    let share = |(index, entry): (&u8, &&CellEntry)| Share {
        index: *index,
        value: SecretBytes::copy_from(entry.key.expose()),
    };
    let shares: Vec<Share> = shares.iter().take(threshold.into()).map(share).collect();
    Some((combine(&shares).ok()?, threshold))
}

/// Bytes that follow from an epoch key: block n is HKDF-SHA-256(no salt, epoch key, "keyreeve/cell-share/v1" || store 16
/// || generation u64 || threshold u8 || n u64).
struct Stream<'a> {
    crypto: &'a dyn Crypto,
    key: &'a SecretBytes,
    context: Vec<u8>,
    block: AtomicU64,
}

impl Rng for Stream<'_> {
    fn fill(&self, out: &mut [u8]) -> Result<()> {
        for chunk in out.chunks_mut(32) {
            let block = self.block.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let info: [&[u8]; 3] = [b"keyreeve/cell-share/v1", &self.context, &block.to_be_bytes()];
            let bytes = self.crypto.hkdf_sha256(&[], self.key.expose(), &info);
            chunk.copy_from_slice(bytes.expose().get(..chunk.len()).unwrap_or_default());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use keyreeve_crypto::SoftwareCrypto;

    use super::*;

    const PLACE: Place = Place { store: Uuid::from_u128(7), timeline: 1 };

    fn entries(threshold: u8, shares: &[u8]) -> Vec<CellEntry> {
        let key = SecretBytes::new(vec![0x5a; 32]);
        let crypto = SoftwareCrypto::new();
        shares
            .iter()
            .map(|share| cell_entry(&crypto, PLACE, (3, &key), (threshold, *share)).unwrap())
            .collect()
    }

    fn opens(entries: &[CellEntry]) -> Option<bool> {
        epoch_key(PLACE.store, 3, entries).map(|(key, _)| key.expose() == [0x5a; 32])
    }

    #[test]
    fn as_many_shares_as_the_threshold_give_the_key_and_fewer_do_not() {
        assert_eq!(opens(&entries(3, &[9, 1, 200])), Some(true));
        assert_eq!(opens(&entries(3, &[255, 2, 3, 4])), Some(true));
        assert_eq!(opens(&entries(3, &[9, 1])), None);
        assert_eq!(opens(&entries(3, &[9, 9, 9])), None, "the same share twice counts once");
        assert_eq!(opens(&entries(1, &[4])), Some(true));
    }

    #[test]
    fn a_share_stays_the_same_whenever_it_is_asked_for() {
        let (first, again) = (entries(2, &[1, 2]), entries(2, &[2]));
        assert!(first[1].key.expose() == again[0].key.expose());
        assert!(first[0].key.expose() != first[1].key.expose());
        // Shares lie in cells for years: were another version of the library to draw them otherwise, this says so.
        let drawn = "da57c0d38e8dd2f022634593eb8a3bd141369312cf5767332e8faf396b5c85bf";
        assert_eq!(hex::encode(first[0].key.expose()), drawn);
    }

    #[test]
    fn entries_of_another_store_or_generation_count_for_nothing() {
        let all = entries(2, &[1, 2]);
        assert!(epoch_key(Uuid::from_u128(8), 3, &all).is_none());
        assert!(epoch_key(PLACE.store, 4, &all).is_none());
    }
}
