//! `keyreeve certificate ...`: certificates of destruction.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use keyreeve_server::offline::certificate::{self, Verdict};
use serde_json::{Value, json};

use super::{Session, text};
use crate::errors::{Failure, Kind, Result};
use crate::input;
use crate::output::{self, Format};

/// Names the anchor where no flag does.
const ANCHOR: &str = "KEYREEVE_ANCHOR";

const EXAMPLES: &str = "\
Examples:
  keyreeve key destroy demo --yes --now --wait -o json > demo.json
  keyreeve certificate verify demo.json --anchor anchor.json";

/// Verify certificates of destruction.
#[derive(Subcommand)]
pub(crate) enum Certificate {
    Verify(Verify),
}

impl Certificate {
    /// Runs the command.
    ///
    /// # Errors
    /// Its own.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        match self {
            Self::Verify(command) => command.run(session),
        }
    }
}

/// Verify a certificate of destruction, without a server.
///
/// Exit code 0: an anchor names who signed it. 5: its signature is right, but no anchor says who may sign. 1: it was
/// altered, or another key signed it.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Verify {
    /// File with the certificate
    file: PathBuf,
    /// Anchor that names who may sign: `anchor.json`, from `init` or from a backup target [env: KEYREEVE_ANCHOR]
    #[arg(long, value_name = "FILE")]
    anchor: Option<PathBuf>,
}

impl Verify {
    fn run(self, session: &Session) -> Result<()> {
        let named = || std::env::var_os(ANCHOR).filter(|name| !name.is_empty()).map(PathBuf::from);
        let anchor = self.anchor.or_else(named);
        let anchor = anchor.as_deref().map(|file| input::data(Some(file))).transpose()?;
        let file = input::data(Some(&self.file))?;
        let verdict = certificate::verify(&file, anchor.as_ref().map(|anchor| anchor.as_slice()));
        let refused = |error| Failure::usage(format!("{}: not valid: {error}", self.file.display()));
        let verdict = verdict.map_err(refused)?;
        match session.format {
            Format::Json => output::json(&told(&verdict))?,
            Format::Table => lines(&verdict).iter().try_for_each(|line| output::line(line))?,
        }
        if verdict.is_signer_known {
            return Ok(());
        }
        let text =
            "the certificate is consistent, but who signed it is unknown: name an anchor with --anchor";
        Err(Failure::new(Kind::Verification, text))
    }
}

fn told(verdict: &Verdict) -> Value {
    json!({
        "valid": true,
        "signer": verdict.signer,
        "signer_known": verdict.is_signer_known,
        "certificate": verdict.certificate,
    })
}

/// What people want to know of it.
fn lines(verdict: &Verdict) -> Vec<String> {
    let certificate = &verdict.certificate;
    let objects = certificate.get("objects").and_then(Value::as_array).map_or(0, Vec::len);
    let worth = if verdict.is_signer_known { "valid" } else { "consistent, signer unknown" };
    let mut lines = vec![
        worth.to_owned(),
        format!("destroyed: {}, objects: {objects}", text(certificate, "scope")),
        format!("asked {}, complete {}", text(certificate, "asked"), text(certificate, "completed")),
        format!(
            "grade: {}, exported before: {} times",
            text(certificate, "grade"),
            text(certificate, "exported")
        ),
    ];
    for place in certificate.get("places").and_then(Value::as_array).into_iter().flatten() {
        let by = match text(place, "by") {
            by if by.is_empty() => by,
            by => format!(" by {by}: {}", text(place, "statement")),
        };
        lines.push(format!("{}: {}{by} {}", text(place, "place"), text(place, "cleared"), text(place, "at")));
    }
    lines
}
