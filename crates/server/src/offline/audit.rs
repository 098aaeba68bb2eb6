//! Examining a data folder, and checking proofs, without a server and without any secret.

use std::path::Path;
use std::sync::Arc;

use keyreeve_core::model::Time;
use keyreeve_core::ports::crypto::Crypto;
use keyreeve_crypto::SoftwareCrypto;
use keyreeve_store::audit::{self, NoteKey, Outside, Proof, SignatureType};
use keyreeve_store::disk::{Disk, RealDisk};
use serde_json::{Value, json};

/// Examines a data folder: chain, tree, checkpoints, states and certificates. `anchor` and `checkpoint` are what was kept
/// elsewhere; without an anchor nobody says whose the folder is. `witnesses` are texts with verifier keys, one a line: each of
/// those must have cosigned the checkpoint.
///
/// The answer has `good`: nothing is wrong, and `signer_known`: an anchor names who signs.
///
/// # Errors
/// Where the folder cannot be read, or holds no store. What is wrong with it is in the answer.
pub fn examine(
    dir: &Path,
    anchor: Option<&[u8]>,
    checkpoint: Option<&[u8]>,
    witnesses: &[String],
) -> Result<Value, String> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let crypto: Arc<dyn Crypto> = Arc::new(SoftwareCrypto::new());
    let witnesses = verifier_keys(witnesses)?;
    let outside = Outside { anchor, checkpoint, witnesses: &witnesses };
    let found = audit::examine(&disk, dir, &crypto, outside)?;
    let wrong = found.wrong.iter().map(|wrong| json!({ "lsn": wrong.lsn, "what": wrong.what }));
    Ok(json!({
        "good": found.wrong_count == 0,
        "signer_known": found.is_signer_known,
        "store": found.store,
        "timeline": found.timeline,
        "first": found.entries.0,
        "last": found.entries.1,
        "covered": found.covered,
        "unwitnessed": found.unwitnessed,
        "witnessed_at": found.witnessed_at.map(|seconds| {
            Time::from_seconds(i64::try_from(seconds).unwrap_or(i64::MAX)).to_string()
        }),
        "certificates": found.certificates,
        "destructions_pending": found.pending,
        "torn": found.torn,
        "wrong_count": found.wrong_count,
        "wrong": wrong.collect::<Vec<_>>(),
    }))
}

/// The witnesses' keys in texts: lines that are empty or begin with `#` are none.
fn verifier_keys(texts: &[String]) -> Result<Vec<NoteKey>, String> {
    let mut keys = Vec::new();
    for text in texts {
        let before = keys.len();
        let lines = text.lines().map(str::trim);
        for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let key = NoteKey::parse(line).map_err(|error| error.public().to_owned())?;
            if key.signs == SignatureType::Ed25519 {
                return Err(format!("the key of {} is a log's, and no witness'", key.name));
            }
            keys.push(key);
        }
        // Whoever names a witness wants it to be asked for.
        if keys.len() == before {
            return Err("a file that --witness names holds no verifier key".to_owned());
        }
    }
    Ok(keys)
}

/// Checks a proof that `audit proof` wrote, or with `old`, a checkpoint that was kept, that what it covers is still there.
///
/// # Errors
/// What is wrong with it.
pub fn check_proof(proof: &[u8], anchor: Option<&[u8]>, old: Option<&[u8]>) -> Result<Value, String> {
    let crypto: Arc<dyn Crypto> = Arc::new(SoftwareCrypto::new());
    let read: Proof = serde_json::from_slice(proof).map_err(|error| format!("this is no proof: {error}"))?;
    let shown = read.check(&crypto, anchor, old)?;
    Ok(json!({
        "valid": true,
        "signer_known": shown.is_signer_known,
        "store": shown.store,
        "log": shown.origin,
        "index": shown.index,
        "lsn": read.lsn,
        "size": shown.size,
    }))
}
