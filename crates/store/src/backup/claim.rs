//! The claim: which machine may write to a target. `claim.json` at its root, changed by compare-and-swap alone.
//!
//! ```json
//! {"format": 1, "store": "UUID", "timeline": 1, "owner": "UUID", "fence": 1}
//! ```
//!
//! `owner` is the random id of a data folder (DIR/owner); `fence` grows with every claim. Who claims with a later timeline
//! fences the machine before, which finds out at its next write to the target: it reads the claim before each.

use std::{io::ErrorKind, path::Path, sync::Arc};

use keyreeve_core::{Error, ports::crypto::Crypto};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    BackupError,
    targets::{PutIf, Target, Version},
};
use crate::{
    disk::{Disk, read_file, replace_file},
    faults::{Fault, breaks},
    options::StoreError,
};

/// Where the claim lies at a target.
pub(crate) const CLAIM_PATH: &str = "claim.json";
const FORMAT: u32 = 1;
/// Two machines that claim at the same time see each other after the first attempt.
const TRIES_MAX: u32 = 3;

/// Who claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claimant {
    pub(crate) store: Uuid,
    pub(crate) timeline: u32,
    /// Of the data folder.
    pub(crate) owner: Uuid,
}

/// The content of claim.json.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClaimFile {
    format: u32,
    pub(crate) store: Uuid,
    pub(crate) timeline: u32,
    pub(crate) owner: Uuid,
    pub(crate) fence: u64,
}

/// The random id of a data folder, drawn when it is first asked for.
///
/// # Errors
/// What the disk reports; `Damaged` where the file holds no id.
pub(crate) fn owner_of(disk: &dyn Disk, crypto: &dyn Crypto, dir: &Path) -> Result<Uuid, StoreError> {
    let path = dir.join("owner");
    let damaged = |what: String| StoreError::Damaged { path: path.clone(), what };
    match read_file(disk, &path, 64) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let mut id = [0; 16];
            crypto.fill(&mut id).map_err(|error| damaged(error.to_string()))?;
            let owner = uuid::Builder::from_random_bytes(id).into_uuid();
            let written = replace_file(disk, &path, format!("{owner}\n").as_bytes());
            written.map(|()| owner).map_err(StoreError::io("write", &path))
        }
        Err(error) => Err(StoreError::io("read", &path)(error)),
        Ok(bytes) => {
            let id = std::str::from_utf8(&bytes).ok().and_then(|text| Uuid::parse_str(text.trim()).ok());
            id.ok_or_else(|| damaged("it holds no id".into()))
        }
    }
}

/// The claim at a target, where there is one.
///
/// # Errors
/// `Target`; `Damaged` where it cannot be read.
pub(crate) fn read(target: &dyn Target) -> Result<Option<(ClaimFile, Version)>, BackupError> {
    let Some((bytes, version)) = target.get(CLAIM_PATH)? else {
        return Ok(None);
    };
    let damaged = |what: String| {
        let way_out = "where no other machine writes there, remove it, and register the target again";
        BackupError::damaged(&format!("{}/{CLAIM_PATH}", target.address()), format!("{what}; {way_out}"))
    };
    let file: ClaimFile = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
    match file.format {
        FORMAT => Ok(Some((file, version))),
        format => Err(damaged(format!("it has the unknown format {format}"))),
    }
}

/// A claim that this machine holds, or held when it last looked.
pub(crate) struct Claim {
    target: Arc<dyn Target>,
    file: ClaimFile,
}

impl Claim {
    /// Claims a target: a new one, one that is ours already, or one of an earlier timeline of this store. `take_over`: also
    /// one that another data folder of the same timeline holds, which is fenced then.
    ///
    /// # Errors
    /// `Mismatch` where another store has it; `Fenced` where another machine has it, or a later timeline does; `Target`.
    pub(crate) fn acquire(
        target: Arc<dyn Target>,
        who: Claimant,
        take_over: bool,
    ) -> Result<Self, BackupError> {
        for _ in 0..TRIES_MAX {
            let there = read(&*target)?;
            let fence = match &there {
                None => 0,
                Some((file, _)) => {
                    belongs(&*target, file, who)?;
                    if file.owner == who.owner && file.timeline == who.timeline {
                        return Ok(Self { target, file: file.clone() });
                    }
                    if file.timeline > who.timeline || (file.timeline == who.timeline && !take_over) {
                        return Err(fenced(&*target, file));
                    }
                    file.fence
                }
            };
            let Claimant { store, timeline, owner } = who;
            let file = ClaimFile { format: FORMAT, store, timeline, owner, fence: fence.saturating_add(1) };
            let text = serde_json::to_string_pretty(&file).map_err(Error::internal)? + "\n";
            let when = there.as_ref().map_or(PutIf::Absent, |(_, version)| PutIf::Unchanged(version));
            if target.put(CLAIM_PATH, text.as_bytes(), when)? {
                return Ok(Self { target, file });
            }
        }
        Err(mismatch(&*target, "others claim it at the same time: try again"))
    }

    /// Goes on with a claim that this machine made before.
    ///
    /// # Errors
    /// `Fenced` where another machine has it now; `Mismatch` where it is not claimed, or for an earlier timeline; `Target`.
    pub(crate) fn resume(target: Arc<dyn Target>, who: Claimant) -> Result<Self, BackupError> {
        let Some((file, _)) = read(&*target)? else {
            return Err(mismatch(
                &*target,
                "its claim is gone: is it the right place, and mounted? Register it anew",
            ));
        };
        belongs(&*target, &file, who)?;
        if file.timeline < who.timeline {
            return Err(mismatch(&*target, "an earlier timeline has it still: it must be claimed first"));
        }
        if file.timeline > who.timeline || file.owner != who.owner {
            return Err(fenced(&*target, &file));
        }
        Ok(Self { target, file })
    }

    /// Makes sure that the target is still ours. Called before each write there.
    ///
    /// # Errors
    /// `Fenced` where another machine has it now; `Mismatch` where nobody has; `Target`.
    pub(crate) fn check(&self) -> Result<(), BackupError> {
        match read(&*self.target)? {
            Some((file, _)) if file == self.file || breaks(Fault::SkipClaim) => Ok(()),
            Some((file, _)) => Err(fenced(&*self.target, &file)),
            None => Err(mismatch(&*self.target, "its claim is gone: is it the right place, and mounted?")),
        }
    }
}

fn belongs(target: &dyn Target, file: &ClaimFile, who: Claimant) -> Result<(), BackupError> {
    match file.store == who.store {
        true => Ok(()),
        false => Err(mismatch(
            target,
            &format!("it holds the archive of store {}: choose another place", file.store),
        )),
    }
}

fn fenced(target: &dyn Target, file: &ClaimFile) -> BackupError {
    BackupError::Fenced { target: target.address().to_owned(), timeline: file.timeline }
}

fn mismatch(target: &dyn Target, what: &str) -> BackupError {
    BackupError::Mismatch { target: target.address().to_owned(), what: what.to_owned() }
}
