//! One slot of a cell: an epoch key, or a share of one, as a file or an object at a backup target holds it.
//!
//! | offset | bytes | what |
//! |---:|---:|---|
//! | 0 | 8 | magic `KRVCELL\n` |
//! | 8 | 2 | format, 1 |
//! | 10 | 16 | store id |
//! | 26 | 4 | timeline that wrote it |
//! | 30 | 8 | generation, from 1 |
//! | 38 | 1 | threshold: how many shares give the key; 1: it is the key itself |
//! | 39 | 1 | share, from 1 |
//! | 40 | 32 | the key or share |
//! | 72 | 32 | SHA-256 of the bytes before |
//! | 104 | 3992 | zeros |
//!
//! Numbers are big-endian. A slot without an entry is all zeros. The key stands in plain: a cell is as secret as what it
//! keeps others from, and is nothing without the root key.

use keyreeve_core::{
    SecretBytes,
    ports::{cell::CellEntry, crypto::Crypto},
};
use uuid::Uuid;

/// Bytes of a slot: a page, so that no write of one touches another.
pub(crate) const SLOT_LEN: usize = 4096;
const MAGIC: [u8; 8] = *b"KRVCELL\n";
const FORMAT: u16 = 1;
const KEY_LEN: usize = 32;
const BODY_LEN: usize = 72;
const USED_LEN: usize = BODY_LEN + 32;

/// The bytes of a slot with this entry; `None` where its key has not 32 bytes.
pub(crate) fn encode_slot(crypto: &dyn Crypto, entry: &CellEntry) -> Option<SecretBytes> {
    let key: &[u8; KEY_LEN] = entry.key.expose().try_into().ok()?;
    let mut bytes = Vec::with_capacity(SLOT_LEN);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&FORMAT.to_be_bytes());
    bytes.extend_from_slice(entry.store.as_bytes());
    bytes.extend_from_slice(&entry.timeline.to_be_bytes());
    bytes.extend_from_slice(&entry.generation.to_be_bytes());
    bytes.extend_from_slice(&[entry.threshold, entry.share]);
    bytes.extend_from_slice(key);
    let sum = crypto.sha256(&[&bytes]);
    bytes.extend_from_slice(&sum);
    bytes.resize(SLOT_LEN, 0);
    Some(SecretBytes::new(bytes))
}

/// The entry of a slot; `None` where it holds none, or one that is damaged.
pub(crate) fn decode_slot(crypto: &dyn Crypto, bytes: &[u8]) -> Option<CellEntry> {
    let (used, padding) = bytes.split_at_checked(USED_LEN)?;
    let (body, sum) = used.split_at_checked(BODY_LEN)?;
    let is_whole = bytes.len() == SLOT_LEN && padding.iter().all(|byte| *byte == 0);
    if !is_whole || !crypto.equal(&crypto.sha256(&[body]), sum) {
        return None;
    }
    let mut rest = body;
    let known = take::<8>(&mut rest)? == MAGIC && take(&mut rest)? == FORMAT.to_be_bytes();
    let store = Uuid::from_bytes(take(&mut rest)?);
    let timeline = u32::from_be_bytes(take(&mut rest)?);
    let generation = u64::from_be_bytes(take(&mut rest)?);
    let [threshold, share] = take(&mut rest)?;
    let sound = known && generation > 0 && threshold > 0 && share > 0;
    sound.then(|| CellEntry {
        store,
        timeline,
        generation,
        threshold,
        share,
        key: SecretBytes::copy_from(rest),
    })
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, left) = rest.split_first_chunk::<N>()?;
    *rest = left;
    Some(*taken)
}
