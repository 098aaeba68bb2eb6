//! `keyreeve alert ...`: what in a journal should be looked at by somebody. Not here: the rules.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use keyreeve_server::alerts::{self, ReplayError};
use serde_json::{Value, json};

use super::{Session, text};
use crate::errors::{Failure, Kind, Result};
use crate::output::{self, Format};

const EXAMPLES: &str = "\
Examples:
  keyreeve alert rules
  curl -sS -H 'Accept: application/x-ndjson' -H \"Authorization: Bearer $(cat token)\" --cacert ca.pem \"$KEYREEVE_ADDR/v1/journal?after=0&follow=false\" > journal.ndjson
  keyreeve alert replay --file journal.ndjson
  keyreeve alert replay --file - -o json < journal.ndjson";

/// Try the rules of alerts on a journal.
#[derive(Subcommand)]
#[command(after_help = EXAMPLES)]
pub(crate) enum Alert {
    Rules(Rules),
    Replay(Replay),
}

impl Alert {
    /// Runs the command.
    ///
    /// # Errors
    /// Its own.
    pub(crate) fn run(self, session: &Session) -> Result<()> {
        match self {
            Self::Rules(Rules {}) => {
                shown(session, json!({ "rules": alerts::rules_json() }), "rules", &["rule", "notices"])
            }
            Self::Replay(command) => command.run(session),
        }
    }
}

/// List the rules, and what each notices.
#[derive(Args)]
pub(crate) struct Rules {}

/// Tell what the rules find in a journal, without a server: one's own, or anybody's in the form that docs/alerts.md documents.
#[derive(Args)]
pub(crate) struct Replay {
    /// File with an entry a line, as GET /v1/journal streams them (NDJSON); - for stdin
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
}

/// Findings that are told one by one; the others are counted.
const TOLD_MAX: usize = 10_000;

impl Replay {
    fn run(self, session: &Session) -> Result<()> {
        let (mut told, mut counts) = (Vec::new(), [0_u64; 3]);
        let tell = |finding: &_| {
            let finding = alerts::finding_json(finding);
            let at = ["inform", "warn", "page"].iter().position(|word| finding["severity"] == **word);
            counts[at.unwrap_or_default()] += 1;
            if told.len() < TOLD_MAX {
                told.push(finding);
            }
        };
        let replayed = alerts::replay(opened(&self.file)?, tell).map_err(|error| match error {
            ReplayError::Read(cause) => Failure::file("read", &self.file, cause),
            wrong => Failure::new(Kind::Usage, format!("{}: {wrong}", self.file.display())),
        })?;
        let [inform, warn, page] = counts;
        output::message(&format!(
            "{} entries: {page} to page, {warn} to warn, {inform} to inform{}",
            replayed.entries,
            match replayed.unknown {
                0 => String::new(),
                unknown => format!("; {unknown} entries are of actions that this version does not know"),
            }
        ));
        let counted = json!({ "page": page, "warn": warn, "inform": inform });
        let answer = json!({
            "entries": replayed.entries, "unknown": replayed.unknown, "counts": counted, "findings": told,
        });
        shown(session, answer, "findings", &["time", "severity", "rule", "subject", "observed"])
    }
}

fn opened(file: &Path) -> Result<Box<dyn BufRead>> {
    if file == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    let opened = File::open(file).map_err(|cause| Failure::file("read", file, cause))?;
    Ok(Box::new(BufReader::new(opened)))
}

fn shown(session: &Session, answer: Value, list: &str, fields: &[&str]) -> Result<()> {
    if session.format == Format::Json {
        return output::json(&answer);
    }
    let rows = answer.get(list).and_then(Value::as_array).into_iter().flatten();
    let rows: Vec<_> = rows.map(|row| fields.iter().map(|field| text(row, field)).collect()).collect();
    output::table(fields, &rows)
}
