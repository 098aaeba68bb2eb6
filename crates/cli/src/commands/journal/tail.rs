//! `keyreeve journal tail`.

use std::thread::sleep;
use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::show::row;
use crate::client::{Client, with_query};
use crate::commands::{Session, text};
use crate::errors::{Failure, Kind, Result};
use crate::output::{self, Format, escaped};

/// Positions before the newest from which it begins where nobody says from where.
const ENTRIES_BEFORE: u64 = 10;

/// Pause before a connection that broke is made anew.
const RECONNECT: Duration = Duration::from_secs(1);

const EXAMPLES: &str = "\
Examples:
  keyreeve journal tail --follow
  keyreeve journal tail --follow --key demo --kind encrypt --kind decrypt
  keyreeve journal tail --after 1200 --follow --changes -o json";

/// Show the newest entries of the journal, and go on as they come.
///
/// With `-o json` a line each. Where the connection breaks it goes on behind the last entry that was shown.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Tail {
    /// Only entries after this position; without it from the newest ten on
    #[arg(long, value_name = "LSN")]
    after: Option<u64>,
    /// Wait for more, until interrupted
    #[arg(long, short)]
    follow: bool,
    /// Only entries about this key
    #[arg(long, value_name = "NAME")]
    key: Option<String>,
    /// Only entries of this kind, as in the column ACTION; may be given several times
    #[arg(long, value_name = "ACTION")]
    kind: Vec<String>,
    /// Only entries of this realm
    #[arg(long, value_name = "NAME")]
    realm: Option<String>,
    /// Only entries that change something
    #[arg(long)]
    changes: bool,
}

impl Tail {
    /// Reads line by line and prints as they come.
    ///
    /// # Errors
    /// As every request; with `--follow` a broken connection is none once the first was made.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let mut client = session.client()?;
        let mut after = match self.after {
            Some(after) => after,
            None => newest(&mut client)?.saturating_sub(ENTRIES_BEFORE),
        };
        if session.format == Format::Table && !session.prints_curl {
            output::line(&row(&super::show::HEADINGS.map(str::to_uppercase)))?;
        }
        let mut connected = false;
        loop {
            let path = with_query("/v1/journal", &self.query(after));
            let ended = client.lines(&path, "application/x-ndjson", |line| {
                connected = true;
                match entry(line)? {
                    Some((lsn, entry)) => {
                        print(session.format, &entry)?;
                        after = lsn;
                        Ok(())
                    }
                    None => Ok(()),
                }
            });
            match ended {
                Ok(()) if !self.follow => return Ok(()),
                Ok(()) => {}
                Err(failure) if self.follow && connected && failure.kind() == Kind::Remote => {
                    output::message(&format!("{failure}; going on after {after}"));
                }
                Err(failure) => return Err(failure),
            }
            sleep(RECONNECT);
        }
    }

    fn query(&self, after: u64) -> Vec<(&'static str, String)> {
        let mut query = vec![("after", after.to_string()), ("follow", self.follow.to_string())];
        query.extend(self.key.clone().map(|key| ("key", key)));
        query.extend(self.realm.clone().map(|realm| ("realm", realm)));
        query.extend((!self.kind.is_empty()).then(|| ("kind", self.kind.join(","))));
        query.extend(self.changes.then(|| ("changes", "true".into())));
        query
    }
}

fn newest(client: &mut Client) -> Result<u64> {
    let status = client.get("/v1/status")?;
    status.get("lsn").and_then(Value::as_u64).ok_or_else(|| Failure::answer("no \"lsn\" in the status"))
}

/// The entry of a line and its position; an empty line is a sign of life.
fn entry(line: &str) -> Result<Option<(u64, Value)>> {
    if line.is_empty() {
        return Ok(None);
    }
    let entry: Value = serde_json::from_str(line).map_err(|_| Failure::answer("a line that is no JSON"))?;
    match entry.get("lsn").and_then(Value::as_u64) {
        Some(lsn) => Ok(Some((lsn, entry))),
        None => Err(Failure::answer(format!("no \"lsn\" in {}", text(&entry, "action")))),
    }
}

fn print(format: Format, entry: &Value) -> Result<()> {
    match format {
        Format::Json => output::line(&escaped(&entry.to_string())),
        Format::Table => output::line(&row(&super::show::cells(entry))),
    }
}
