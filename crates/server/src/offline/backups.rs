//! Looking into a backup target without a server: what lies there, and whether it is good. Not here: making and pruning
//! backups, which the server that owns the target does.

use std::sync::Arc;

use keyreeve_core::ports::crypto::Crypto;
use keyreeve_store::backup::targets::{KnownTargets, Target, Targets as _};
use keyreeve_store::backup::{ArchivedPiece, BackupError, Catalogue, FullBackup, Problem, verify_archive};
use keyreeve_store::disk::RealDisk;
use keyreeve_store::restore::{Plan, PointInTime, Report, preview};
use keyreeve_store::{OnRebuild, StoreError, StoreOptions, Unlock};
use serde_json::{Value, json};

use super::index::{OnProgress, telling};
use super::restore::{UnlockBy, scratch_in};
use crate::config::{Config, Data};
use crate::start::StartError;
use crate::start::open::{crypto, store_options};

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

/// What opens the archive, and where its epoch key is, if not at the target. Holds no secret.
pub struct Deep<'a> {
    /// What unlocks the root key.
    pub by: UnlockBy<'a>,
    /// A cell's file, or the address of another target.
    pub cell: Option<String>,
}

/// Verifies all that lies at a target; `deep`: also what is sealed, and that all live keys come back, as a restore would
/// see to it, in a scratch folder. `told` learns how far it has come.
///
/// # Errors
/// Where there is no backup, the target cannot be reached, or its root key does not open. Damage is in the answer, and
/// what could not be looked into.
pub fn verify(from: &str, deep: Option<&Deep<'_>>, told: OnProgress) -> Result<Value, StartError> {
    let told = telling(told);
    let crypto = crypto()?;
    let target = open(from, &crypto)?;
    let unlock = deep.map(|deep| deep.by.unlock_at(&*target)).transpose()?;
    let verified =
        verify_archive(&*target, &crypto, unlock.as_ref(), &mut |at| told(at)).map_err(StoreError::from)?;
    let mut problems = verified.problems;
    let mut opened = None;
    if let (Some(deep), Some(unlock)) = (deep, &unlock) {
        match open_all(&*target, unlock, deep.cell.clone(), told)? {
            Ok(report) => {
                let damaged = report.damaged.iter();
                let damaged = damaged.map(|found| (found.object.clone(), found.what.clone()));
                for (path, what) in damaged {
                    if problems.iter().all(|problem| problem.path != path) {
                        problems.push(Problem { path, what });
                    }
                }
                opened = Some(report);
            }
            Err(error) => {
                let what =
                    format!("not all of its keys could be opened, so it is not known to restore: {error}");
                problems.push(Problem { path: target.address().to_owned(), what });
            }
        }
    }
    let fulls = verified.catalogue.fulls.len();
    Ok(json!({
        "target": target.address(),
        "good": problems.is_empty(),
        "deep": opened.is_some(),
        "objects": verified.objects,
        "bytes": verified.bytes,
        "opened": opened.as_ref().map(|report| report.verified.opened),
        "entry": opened.as_ref().map(|report| report.head),
        "full_backups": fulls,
        "opened_from": opened.as_ref().and_then(|report| report.full),
        "problems": self::problems(&problems),
    }))
}

/// Restores the newest state into a scratch folder, opening everything; gives apart why that failed.
fn open_all(
    target: &dyn Target,
    unlock: &Unlock,
    cell: Option<String>,
    told: OnRebuild,
) -> Result<Result<Report, StoreError>, StartError> {
    let scratch = scratch_in(&std::env::temp_dir())?;
    let config = Config { data: Data { dir: scratch.path().to_owned() }, ..Config::default() };
    let options = StoreOptions { on_rebuild: told, ..store_options(&config, crypto()?) };
    let plan = Plan { from: target, to: PointInTime::Latest, keep_new: false, cell };
    Ok(preview(&options, unlock, &plan))
}

pub(super) fn open(address: &str, crypto: &Arc<dyn Crypto>) -> Result<Arc<dyn Target>, StartError> {
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
