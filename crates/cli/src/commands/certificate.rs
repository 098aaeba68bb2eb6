//! `keyreeve certificate ...`: certificates of destruction.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use keyreeve_server::offline::certificate::{self, NotValid, Verdict};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{Session, text};
use crate::errors::{Failure, Kind, Result};
use crate::input;
use crate::output::{self, Format};

/// Names the anchor where no flag does.
const ANCHOR: &str = "KEYREEVE_ANCHOR";

const EXAMPLES: &str = "\
Examples:
  keyreeve key destroy demo --yes --now --wait -o json > demo.json
  keyreeve certificate verify demo.json --anchor anchor.json
  keyreeve key destroy --tag owner=alice --yes --wait -o json > alice.json
  keyreeve certificate verify alice.json --anchor anchor.json";

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

/// Verify a certificate of destruction, or a list of them, without a server.
///
/// Exit code 0: an anchor names who signed it. 5: its signature is right, but no anchor says who may sign. 1: it was
/// altered, or another key signed it. Of a list: that of the worst one, which is 1, then 5.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Verify {
    /// File with the certificate, or with the list that many keys' destruction printed
    file: PathBuf,
    /// Anchor that names who may sign: `anchor.json`, from `init` or from a backup target [env: KEYREEVE_ANCHOR]
    #[arg(long, value_name = "FILE")]
    anchor: Option<PathBuf>,
}

impl Verify {
    fn run(self, session: &Session) -> Result<()> {
        let anchor = anchor_of(self.anchor.clone())?;
        let file = input::data(Some(&self.file))?;
        let list: Option<Vec<Value>> = serde_json::from_slice(&file).ok();
        let files = match &list {
            Some(list) => list.iter().map(|item| item.to_string().into_bytes()).collect(),
            None => vec![file.to_vec()],
        };
        let anchor = anchor.as_ref().map(|anchor| anchor.as_slice());
        let verdicts: Vec<_> = files.iter().map(|file| certificate::verify(file, anchor)).collect();
        match (session.format, &*verdicts) {
            (_, [Err(_)]) if list.is_none() => {}
            (Format::Json, [verdict]) if list.is_none() => output::json(&told(verdict))?,
            (Format::Json, all) => output::json(&all.iter().map(told).collect())?,
            (Format::Table, all) => all.iter().flat_map(lines).try_for_each(|line| output::line(&line))?,
        }
        self.judge(&verdicts)
    }

    /// Fails as the worst of them does.
    fn judge(&self, verdicts: &[Result<Verdict, NotValid>]) -> Result<()> {
        let file = self.file.display();
        if verdicts.is_empty() {
            return Err(Failure::usage(format!("{file}: it is a list without any certificate")));
        }
        let refused: Vec<_> = verdicts.iter().filter_map(|verdict| verdict.as_ref().err()).collect();
        match (refused.first(), verdicts.len()) {
            (Some(error), 1) => return Err(Failure::usage(format!("{file}: not valid: {error}"))),
            (Some(error), all) => {
                let text = format!("{file}: {} of {all} are not valid, the first: {error}", refused.len());
                return Err(Failure::usage(text));
            }
            (None, _) => {}
        }
        if verdicts.iter().flatten().all(|verdict| verdict.is_signer_known) {
            return Ok(());
        }
        let text =
            "the certificate is consistent, but who signed it is unknown: name an anchor with --anchor";
        Err(Failure::new(Kind::Verification, text))
    }
}

/// The anchor of this file, or of the one that the environment names.
///
/// # Errors
/// Where it cannot be read.
pub(super) fn anchor_of(file: Option<PathBuf>) -> Result<Option<Zeroizing<Vec<u8>>>> {
    let named = || std::env::var_os(ANCHOR).filter(|name| !name.is_empty()).map(PathBuf::from);
    file.or_else(named).as_deref().map(|file| input::data(Some(file))).transpose()
}

fn told(verdict: &Result<Verdict, NotValid>) -> Value {
    match verdict {
        Ok(verdict) => json!({
            "valid": true,
            "signer": verdict.signer,
            "signer_known": verdict.is_signer_known,
            "certificate": verdict.certificate,
        }),
        Err(error) => json!({ "valid": false, "error": error.to_string() }),
    }
}

/// What people want to know of it.
fn lines(verdict: &Result<Verdict, NotValid>) -> Vec<String> {
    let verdict = match verdict {
        Ok(verdict) => verdict,
        Err(error) => return vec![format!("not valid: {error}")],
    };
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
