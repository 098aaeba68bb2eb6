//! Examining a data folder or an archive, and checking proofs, without a server, and without any secret but where entries of an
//! archive are to be opened.

use std::path::Path;
use std::sync::Arc;

use keyreeve_core::model::Time;
use keyreeve_core::ports::crypto::Crypto;
use keyreeve_crypto::SoftwareCrypto;
use keyreeve_store::StoreError;
use keyreeve_store::audit::{self, Examination, NoteKey, Outside, Proof, SignatureType};
use keyreeve_store::disk::{Disk, RealDisk};
use serde_json::{Value, json};

use super::backups;
use super::index::{OnProgress, telling};
use super::restore::UnlockBy;
use crate::start::StartError;
use crate::start::open::crypto;

/// Texts with verifier keys of witnesses, and how many of these must have cosigned; none: each.
pub type Witnessing<'a> = (&'a [String], Option<usize>);

/// Examines a data folder: chain, tree, checkpoints, states and certificates. `anchor` and `checkpoint` are what was kept
/// elsewhere; without an anchor nobody says whose the folder is. `witnesses` are texts with verifier keys, one a line, which
/// must have cosigned the checkpoint.
///
/// The answer has `good`: nothing is wrong, and `signer_known`: an anchor names who signs.
///
/// # Errors
/// Where the folder cannot be read, or holds no store. What is wrong with it is in the answer.
pub fn examine(
    dir: &Path,
    anchor: Option<&[u8]>,
    checkpoint: Option<&[u8]>,
    witnesses: Witnessing<'_>,
) -> Result<Value, String> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let crypto: Arc<dyn Crypto> = Arc::new(SoftwareCrypto::new());
    let (witnesses, witnesses_needed) = verifier_keys(witnesses)?;
    let outside = Outside { anchor, checkpoint, witnesses: &witnesses, witnesses_needed };
    Ok(told(&audit::examine(&disk, dir, &crypto, outside)?))
}

/// Examines the archive at a backup target: its objects, the tree beside it, checkpoints and anchors. With `unlock` also each
/// entry, as [`examine`] does; its answer has besides `target`, `opened`, `objects` and `bytes`.
///
/// # Errors
/// Where the address is none, the target cannot be reached, holds no backup, or its root key does not open.
pub fn examine_archive(
    from: &str,
    unlock: Option<&UnlockBy<'_>>,
    (anchor, checkpoint, witnesses): (Option<&[u8]>, Option<&[u8]>, Witnessing<'_>),
    progress: OnProgress,
) -> Result<Value, StartError> {
    let crypto = crypto()?;
    let (witnesses, witnesses_needed) = verifier_keys(witnesses).map_err(StartError::Value)?;
    let outside = Outside { anchor, checkpoint, witnesses: &witnesses, witnesses_needed };
    let target = backups::open(from, &crypto)?;
    let unlock = unlock.map(|by| by.unlock_at(&*target)).transpose()?;
    let progress = telling(progress);
    let (found, verified) =
        audit::examine_archive(&*target, &crypto, unlock.as_ref(), outside, &mut |at| progress(at))
            .map_err(StoreError::from)?;
    let mut answer = told(&found);
    answer["target"] = target.address().into();
    answer["opened"] = unlock.is_some().into();
    answer["objects"] = verified.objects.into();
    answer["bytes"] = verified.bytes.into();
    if unlock.is_none() {
        // Sealed entries tell nothing of these.
        answer["certificates"] = Value::Null;
        answer["destructions_pending"] = Value::Null;
    }
    Ok(answer)
}

fn told(found: &Examination) -> Value {
    let wrong = found.wrong.iter().map(|wrong| json!({ "lsn": wrong.lsn, "what": wrong.what }));
    json!({
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
    })
}

/// The witnesses' keys in texts, of which lines that are empty or begin with `#` are none, and how many are needed.
fn verifier_keys((texts, needed): Witnessing<'_>) -> Result<(Vec<NoteKey>, Option<usize>), String> {
    let mut keys = Vec::new();
    for text in texts {
        let before = keys.len();
        let lines = text.lines().map(str::trim);
        for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let key = NoteKey::parse(line).map_err(|error| error.public().to_owned())?;
            if key.signs == SignatureType::Ed25519 {
                return Err(format!("the key of {} is a log's, and no witness'", key.name));
            }
            // One that is named twice has still looked once.
            if keys.iter().any(|known: &NoteKey| known.name == key.name || known.is_same_key(&key)) {
                return Err(format!("the witness {} is named twice", key.name));
            }
            keys.push(key);
        }
        // Whoever names a witness wants it to be asked for.
        if keys.len() == before {
            return Err("a file that --witness names holds no verifier key".to_owned());
        }
    }
    if let Some(needed) = needed.filter(|needed| *needed > keys.len()) {
        return Err(format!("{needed} witnesses cannot be asked for where {} are named", keys.len()));
    }
    Ok((keys, needed))
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
