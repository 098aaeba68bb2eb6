//! `keyreeve audit ...`: searching the journal, and proofs of it that others can check.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use keyreeve_server::offline::audit;
use serde_json::{Value, json};

use super::certificate::anchor_of;
use super::journal::print_entries;
use super::{Session, text};
use crate::client::segment;
use crate::errors::{Failure, Kind, Result};
use crate::input;
use crate::output::{self, Audience, Format};

const EXAMPLES: &str = "\
Examples:
  keyreeve audit search --principal alice --outcome denied --since 2026-01-01T00:00:00Z
  keyreeve audit checkpoint --out monday.txt
  keyreeve audit checkpoint --since monday.txt --out tuesday.txt
  keyreeve audit checkpoint --witnessed --out witnessed.txt
  keyreeve audit proof 42 --out entry-42.json
  keyreeve audit check entry-42.json --anchor anchor.json
  keyreeve audit erase-subject alice@example.com";

/// Search the journal, and prove to others what is in it.
#[derive(Subcommand)]
#[command(after_help = EXAMPLES)]
pub(crate) enum Audit {
    Search(Search),
    Checkpoint(Checkpoint),
    Proof(Proof),
    Check(Check),
    Witnesses(Witnesses),
    Keys(Keys),
    EraseSubject(EraseSubject),
}

impl Audit {
    /// Runs the command.
    ///
    /// # Errors
    /// Its own.
    pub(crate) fn run(self, session: &Session) -> Result<()> {
        match self {
            Self::Search(command) => command.run(session),
            Self::Checkpoint(command) => command.run(session),
            Self::Proof(command) => command.run(session),
            Self::Check(command) => command.run(session),
            Self::EraseSubject(command) => command.run(session),
            Self::Witnesses(Witnesses {}) => {
                let answer = session.client()?.get(WITNESSES)?;
                if session.format == Format::Json {
                    return output::json(&answer);
                }
                let fields = ["name", "url", "size", "trouble"];
                let shown = answer.get("witnesses").and_then(Value::as_array).into_iter().flatten();
                let rows: Vec<_> = shown.map(|one| fields.map(|field| text(one, field)).to_vec()).collect();
                output::table(&fields, &rows)
            }
            Self::Keys(Keys {}) => {
                let answer = session.client()?.get(WITNESSES)?;
                let keys = answer.get("keys").and_then(Value::as_array).into_iter().flatten();
                if session.format == Format::Json {
                    return output::json(&keys.cloned().collect());
                }
                keys.filter_map(Value::as_str).try_for_each(|key| output::line(&output::printable(key)))
            }
        }
    }
}

/// Who signs and cosigns checkpoints, over REST.
const WITNESSES: &str = "/v1/audit/witnesses";

/// List the witnesses that the server's configuration names, how many entries each has cosigned, and why one does not.
#[derive(Args)]
pub(crate) struct Witnesses {}

/// Print the verifier keys of the journal's checkpoints, as a witness of it is given them.
#[derive(Args)]
pub(crate) struct Keys {}

/// Erase a person who was revoked: the name, addresses, and all else that its requests say stand in no entry any more, here or
/// in a backup. There is no way back; what was done with which key stays on record.
///
/// What sinks were told is beyond reach. Asks for the person's name at a terminal.
#[derive(Args)]
pub(crate) struct EraseSubject {
    /// The person, or the word that stands for it
    name: String,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

impl EraseSubject {
    fn run(self, session: &Session) -> Result<()> {
        let mut client = session.client()?;
        input::consent_of_people(self.yes || session.prints_curl, "erase the person", &self.name)?;
        let erased = client.post(&format!("/v1/clients/{}/erase", segment(&self.name)), &json!({}))?;
        match session.format {
            Format::Json => output::json(&erased),
            Format::Table => {
                let fields = ["recorded_as", "id", "erased", "erasure"];
                output::pairs(&fields.map(|field| (field, text(&erased, field))))
            }
        }
    }
}

/// How a request ended.
#[derive(Clone, Copy, ValueEnum)]
enum Outcome {
    /// Done
    Success,
    /// Refused by access rules
    Denied,
    /// Failed otherwise
    Failed,
}

/// Show the entries of the journal that fit, oldest first. What is said must hold, all of it.
#[derive(Args)]
pub(crate) struct Search {
    /// By the client of this name, as it was then, or id
    #[arg(long, value_name = "NAME")]
    principal: Option<String>,
    /// Of this kind, as in the column ACTION; may be given several times, and then one of them must hold
    #[arg(long, value_name = "ACTION")]
    action: Vec<String>,
    /// About this key
    #[arg(long, value_name = "NAME")]
    key: Option<String>,
    /// That ended so
    #[arg(long, value_enum)]
    outcome: Option<Outcome>,
    /// From this address
    #[arg(long, value_name = "ADDRESS")]
    source: Option<std::net::IpAddr>,
    /// At this time or later, such as 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Before this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Of this realm
    #[arg(long, value_name = "NAME")]
    realm: Option<String>,
    /// With changes of the state
    #[arg(long)]
    changes: bool,
    /// Behind this position
    #[arg(long, value_name = "LSN")]
    after: Option<u64>,
    /// At most this many entries
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
}

impl Search {
    fn run(self, session: &Session) -> Result<()> {
        let outcome =
            self.outcome.and_then(|outcome| Some(outcome.to_possible_value()?.get_name().to_owned()));
        let actions = (!self.action.is_empty()).then(|| self.action.join(","));
        let said = [
            ("principal", self.principal),
            ("kind", actions),
            ("key", self.key),
            ("outcome", outcome),
            ("source", self.source.map(|source| source.to_string())),
            ("since", self.since),
            ("until", self.until),
            ("realm", self.realm),
            ("changes", self.changes.then(|| "true".to_owned())),
        ];
        let query = said.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        print_entries(session, self.after, self.limit, query)
    }
}

/// Get the newest signed checkpoint of the journal: kept elsewhere, it shows later that nothing it covers was changed.
///
/// With --since it is proven first that all of the older checkpoint is still there. Exit code 5: it is not.
#[derive(Args)]
pub(crate) struct Checkpoint {
    /// An older checkpoint that was kept
    #[arg(long, value_name = "FILE")]
    since: Option<PathBuf>,
    /// The newest one that all witnesses have cosigned
    #[arg(long, conflicts_with = "since")]
    witnessed: bool,
    /// Write it to this file instead of stdout
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Checkpoint {
    fn run(self, session: &Session) -> Result<()> {
        let mut client = session.client()?;
        let Some(since) = &self.since else {
            let query = if self.witnessed { "?witnessed=true" } else { "" };
            let note = client.get_bytes(&format!("/v1/audit/checkpoint{query}"))?;
            return output::bytes(&note, self.out.as_deref(), Audience::Umask);
        };
        let old = input::data(Some(since))?;
        let proof = client.get(&format!("/v1/audit/consistency?size={}", size_of(&old, since)?))?;
        audit::check_proof(proof.to_string().as_bytes(), None, Some(&old))
            .map_err(|what| Failure::new(Kind::Verification, format!("{}: {what}", since.display())))?;
        output::bytes(text(&proof, "checkpoint").as_bytes(), self.out.as_deref(), Audience::Umask)
    }
}

/// Leaves of a checkpoint's tree: its second line.
fn size_of(note: &[u8], file: &Path) -> Result<u64> {
    let line = std::str::from_utf8(note).ok().and_then(|text| text.lines().nth(1)?.parse().ok());
    line.ok_or_else(|| Failure::usage(format!("{} is no checkpoint", file.display())))
}

/// Prove that an entry of the journal is covered by the newest checkpoint. The proof holds nothing of what the entry says but
/// its hash.
#[derive(Args)]
pub(crate) struct Proof {
    /// Position of the entry
    lsn: u64,
    /// Write it to this file instead of stdout
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Proof {
    fn run(self, session: &Session) -> Result<()> {
        let proof = session.client()?.get(&format!("/v1/audit/proof/{}", self.lsn))?;
        let text = output::json_text(&proof);
        output::bytes(text.as_bytes(), self.out.as_deref(), Audience::Umask)
    }
}

/// Check a proof that `audit proof` wrote, without a server.
///
/// Exit code 5: it does not hold, or no anchor says who signs for the store.
#[derive(Args)]
pub(crate) struct Check {
    /// File with the proof
    file: PathBuf,
    /// Anchor that names who signs: `anchor.json`, from `init` or a backup target [env: KEYREEVE_ANCHOR]
    #[arg(long, value_name = "FILE")]
    anchor: Option<PathBuf>,
}

impl Check {
    fn run(self, session: &Session) -> Result<()> {
        let (anchor, file) = (anchor_of(self.anchor)?, input::data(Some(&self.file))?);
        let shown = audit::check_proof(&file, anchor.as_ref().map(|anchor| anchor.as_slice()), None)
            .map_err(|what| Failure::new(Kind::Verification, format!("{}: {what}", self.file.display())))?;
        match session.format {
            Format::Json => output::json(&shown)?,
            Format::Table => {
                let fields = ["valid", "signer_known", "log", "lsn", "index", "size"];
                output::pairs(&fields.map(|field| (field, text(&shown, field))))?;
            }
        }
        match shown.get("signer_known").and_then(Value::as_bool) {
            Some(true) => Ok(()),
            _ => {
                let text = "consistent, signer unknown: name an anchor with --anchor";
                Err(Failure::new(Kind::Verification, text))
            }
        }
    }
}
