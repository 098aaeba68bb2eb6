//! Verifying a data folder: no server, no secret.

use std::path::{Path, PathBuf};

use keyreeve_server::offline::audit;
use serde_json::Value;

use crate::commands::certificate::anchor_of;
use crate::commands::{Session, text};
use crate::errors::{Failure, Kind, Result};
use crate::input;
use crate::output::{self, Format};

/// Examines the folder and prints what was found.
///
/// # Errors
/// `Verification` where anything is wrong or no anchor names the signer; `Usage` for a folder without a store.
pub(super) fn verify(
    session: &Session,
    dir: &Path,
    anchor: Option<PathBuf>,
    checkpoint: Option<&Path>,
    witnesses: &[PathBuf],
) -> Result<()> {
    if !dir.is_dir() {
        let text =
            format!("{} is no folder; to verify a signature, name its file with --signature", dir.display());
        return Err(Failure::usage(text));
    }
    let anchor = anchor_of(anchor)?;
    let checkpoint = checkpoint.map(|file| input::data(Some(file))).transpose()?;
    let witnesses: Vec<String> = witnesses
        .iter()
        .map(|file| Ok(String::from_utf8_lossy(&input::data(Some(file))?).into_owned()))
        .collect::<Result<_>>()?;
    let found = audit::examine(
        dir,
        anchor.as_ref().map(|anchor| anchor.as_slice()),
        checkpoint.as_ref().map(|checkpoint| checkpoint.as_slice()),
        &witnesses,
    )
    .map_err(Failure::usage)?;
    match session.format {
        Format::Json => output::json(&found)?,
        Format::Table => tell(&found)?,
    }
    let is = |field: &str| found.get(field).and_then(Value::as_bool).unwrap_or_default();
    let why = match (is("good"), is("signer_known")) {
        (true, true) => return Ok(()),
        (true, false) => "consistent, signer unknown: name an anchor with --anchor".to_owned(),
        (false, _) => format!("{} things are wrong with {}", text(&found, "wrong_count"), dir.display()),
    };
    Err(Failure::new(Kind::Verification, why))
}

fn tell(found: &Value) -> Result<()> {
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
    output::pairs(&FIELDS.map(|field| (field, text(found, field))))?;
    for wrong in found.get("wrong").and_then(Value::as_array).into_iter().flatten() {
        let (lsn, what) = (text(wrong, "lsn"), text(wrong, "what"));
        let what = output::printable(&what);
        output::line(&if lsn == "0" { what } else { format!("LSN {lsn}: {what}") })?;
    }
    Ok(())
}
