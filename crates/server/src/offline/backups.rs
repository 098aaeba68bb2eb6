//! Looking into a backup target without a server: what lies there, and whether it is good. Not here: making and pruning
//! backups, which the server that owns the target does.

use std::sync::Arc;

use keyreeve_core::ports::crypto::Crypto;
use keyreeve_store::StoreError;
use keyreeve_store::backup::targets::{KnownTargets, Target, Targets as _};
use keyreeve_store::backup::{ArchivedPiece, BackupError, Catalogue, FullBackup, Problem, verify_archive};
use keyreeve_store::disk::RealDisk;
use serde_json::{Value, json};

use super::restore::UnlockBy;
use crate::start::StartError;
use crate::start::open::crypto;

/// Lists the backups at a target: full ones, and the runs of the journal. Needs no key.
///
/// # Errors
/// Where the address is none, or the target cannot be reached.
pub fn list(from: &str) -> Result<Value, StartError> {
    let crypto = crypto()?;
    let target = open(from, &crypto)?;
    let catalogue = Catalogue::read(&*target, &crypto).map_err(StoreError::from)?;
    let claim = catalogue.claim.map(|claim| json!({ "timeline": claim.timeline, "owner": claim.owner }));
    Ok(json!({
        "target": target.address(),
        "store": catalogue.store(),
        "claim": claim,
        "root_key": catalogue.has_root,
        "backups": catalogue.fulls.iter().map(full).chain(runs(&catalogue.pieces)).collect::<Vec<_>>(),
        "problems": problems(&catalogue.problems),
    }))
}

/// Verifies all that lies at a target; `deep`: also what is sealed, with the root key. `told` gets each object's path
/// before it is read.
///
/// # Errors
/// Where there is no backup, the target cannot be reached, or its root key does not open. Damage is in the answer.
pub fn verify(
    from: &str,
    deep: Option<&UnlockBy<'_>>,
    told: &mut dyn FnMut(&str),
) -> Result<Value, StartError> {
    let crypto = crypto()?;
    let target = open(from, &crypto)?;
    let unlock = deep.map(|by| by.unlock_at(&*target)).transpose()?;
    let verified = verify_archive(&*target, &crypto, unlock.as_ref(), told).map_err(StoreError::from)?;
    Ok(json!({
        "target": target.address(),
        "good": verified.problems.is_empty(),
        "deep": unlock.is_some(),
        "objects": verified.objects,
        "bytes": verified.bytes,
        "leaves": verified.leaves,
        "problems": problems(&verified.problems),
    }))
}

fn open(address: &str, crypto: &Arc<dyn Crypto>) -> Result<Arc<dyn Target>, StartError> {
    let known = KnownTargets::new(Arc::new(RealDisk), crypto.clone());
    Ok(known.open(address).map_err(BackupError::from).map_err(StoreError::from)?)
}

fn full(full: &FullBackup) -> Value {
    let point = &full.manifest.point;
    json!({
        "kind": "full",
        "timeline": point.timeline,
        "from": 1,
        "to": point.lsn.0,
        "time": point.time.to_string(),
        "objects": full.manifest.chunks.len() + 1,
        "bytes": full.manifest.bytes(),
        "whole": full.is_whole,
    })
}

/// The pieces of the journal, as runs without a gap.
fn runs(pieces: &[ArchivedPiece]) -> impl Iterator<Item = Value> {
    let follows = |before: &ArchivedPiece, next: &ArchivedPiece| {
        before.timeline == next.timeline && next.first.0 <= before.last.0.saturating_add(1)
    };
    pieces.chunk_by(follows).filter_map(|run| {
        // Pieces may overlap: the last one need not reach farthest.
        let (first, last) = (run.first()?, run.iter().max_by_key(|piece| piece.last)?);
        Some(json!({
            "kind": "incremental",
            "timeline": first.timeline,
            "from": first.first.0,
            "to": last.last.0,
            "time": last.last_time.to_string(),
            "objects": run.len(),
            "bytes": run.iter().map(|piece| piece.bytes).sum::<u64>(),
            "whole": true,
        }))
    })
}

fn problems(problems: &[Problem]) -> Vec<Value> {
    problems.iter().map(|problem| json!({ "path": problem.path, "what": problem.what })).collect()
}
