//! Verifying a data folder, or what lies at a backup target: no server, and no secret but where entries of a target are opened.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use keyreeve_server::offline::audit;
use serde_json::Value;

use crate::commands::certificate::anchor_of;
use crate::commands::server::started;
use crate::commands::unlock::UnlockFlags;
use crate::commands::{Session, address, text};
use crate::errors::{Failure, Kind, Result};
use crate::input;
use crate::output::{self, Format};
use crate::progress::Progress;

/// What was kept elsewhere, to hold a folder or an archive against.
pub(super) struct Outside {
    anchor: Option<Vec<u8>>,
    checkpoint: Option<Vec<u8>>,
    /// Texts with verifier keys.
    witnesses: Vec<String>,
    /// How many of the witnesses are needed; none: each.
    needed: Option<usize>,
}

impl Outside {
    /// Reads the files.
    ///
    /// # Errors
    /// Where one cannot be read.
    pub(super) fn read(
        anchor: Option<PathBuf>,
        checkpoint: Option<&Path>,
        (witnesses, needed): (&[PathBuf], Option<u8>),
    ) -> Result<Self> {
        let anchor = anchor_of(anchor)?.map(|anchor| anchor.to_vec());
        let checkpoint = checkpoint.map(|file| input::data(Some(file))).transpose()?;
        let checkpoint = checkpoint.map(|checkpoint| checkpoint.to_vec());
        let text = |file: &PathBuf| Ok(String::from_utf8_lossy(&input::data(Some(file))?).into_owned());
        let witnesses = witnesses.iter().map(text).collect::<Result<_>>()?;
        Ok(Self { anchor, checkpoint, witnesses, needed: needed.map(usize::from) })
    }
}

/// Examines a data folder, or what lies at a backup target, and prints what was found. `deep`: opens the entries of a target.
///
/// # Errors
/// `Verification` where anything is wrong or no anchor names the signer; `Usage` for a folder without a store.
pub(super) fn verify(
    session: &Session,
    place: &str,
    outside: &Outside,
    deep: Option<&UnlockFlags>,
) -> Result<()> {
    let dir = Path::new(place);
    let is_target = place.contains("://") || dir.join("claim.json").is_file();
    if !is_target && !dir.is_dir() {
        let text = format!("{place} is no folder; to verify a signature, name its file with --signature");
        return Err(Failure::usage(text));
    }
    if !is_target && deep.is_some() {
        return Err(Failure::usage("--deep is for backup targets: nothing in a data folder needs opening"));
    }
    let (anchor, checkpoint) = (outside.anchor.as_deref(), outside.checkpoint.as_deref());
    let witnesses = (&*outside.witnesses, outside.needed);
    let found = if is_target {
        let by = deep.map(UnlockFlags::by);
        // Not before there is something to tell: until then a passphrase may be asked for.
        let progress = OnceLock::new();
        let told = Box::new(move |doing, done, total| {
            progress.get_or_init(Progress::counted).count(doing, done, total);
        });
        let outside = (anchor, checkpoint, witnesses);
        started(audit::examine_archive(&address(place)?, by.as_ref(), outside, told))?
    } else {
        audit::examine(dir, anchor, checkpoint, witnesses).map_err(Failure::usage)?
    };
    match session.format {
        Format::Json => output::json(&found)?,
        Format::Table => tell(&found, is_target)?,
    }
    let is = |field: &str| found.get(field).and_then(Value::as_bool).unwrap_or_default();
    let why = match (is("good"), is("signer_known")) {
        (true, true) => return Ok(()),
        (true, false) => "consistent, signer unknown: name an anchor with --anchor".to_owned(),
        (false, _) => format!("{} things are wrong with {place}", text(&found, "wrong_count")),
    };
    Err(Failure::new(Kind::Verification, why))
}

fn tell(found: &Value, is_target: bool) -> Result<()> {
    const FIELDS: [&str; 12] = [
        "good",
        "signer_known",
        "store",
        "timeline",
        "first",
        "last",
        "covered",
        "unwitnessed",
        "witnessed_at",
        "certificates",
        "destructions_pending",
        "torn",
    ];
    const OF_TARGETS: [&str; 4] = ["target", "opened", "objects", "bytes"];
    let further = if is_target { &OF_TARGETS[..] } else { &[] };
    let fields = FIELDS.iter().chain(further).filter(|field| !is_target || **field != "torn");
    let pairs: Vec<_> = fields.map(|field| (*field, text(found, field))).collect();
    output::pairs(&pairs)?;
    for wrong in found.get("wrong").and_then(Value::as_array).into_iter().flatten() {
        let (lsn, what) = (text(wrong, "lsn"), text(wrong, "what"));
        let what = output::printable(&what);
        output::line(&if lsn == "0" { what } else { format!("LSN {lsn}: {what}") })?;
    }
    Ok(())
}
