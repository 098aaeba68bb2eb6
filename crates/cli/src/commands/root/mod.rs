//! `keyreeve root ...`: the root key that everything is sealed under. Here: the list, and the flags that the commands
//! share.

mod change_unlock;
mod replace;
mod status;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use keyreeve_server::config::UnlockFile;
use keyreeve_server::offline::root::change_body;
use keyreeve_server::offline::shares::Shares;
use serde_json::Value;

use super::Session;
use super::server::started;
use super::shares::NewShares;
use crate::errors::Result;
use crate::input;
use crate::output::{self, Format};

/// Show, lock anew or replace the root key that everything is sealed under.
#[derive(Subcommand)]
pub(crate) enum Root {
    Status(status::Status),
    ChangeUnlock(change_unlock::ChangeUnlock),
    Replace(replace::Replace),
}

impl Root {
    /// Whether it looks into a data folder.
    pub(crate) fn works_here(&self) -> bool {
        matches!(self, Self::Status(command) if command.works_here())
    }

    /// Runs the command.
    ///
    /// # Errors
    /// Its own.
    pub(crate) fn run(self, session: &Session) -> Result<()> {
        match self {
            Self::Status(command) => command.run(session),
            Self::ChangeUnlock(command) => command.run(session),
            Self::Replace(command) => command.run(session),
        }
    }
}

/// What unlocks the root key now, and what shall from now on.
#[derive(Args)]
struct Unlocks {
    /// What unlocks it now: a file whose first line is the passphrase; without any of these it is asked for
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// What unlocks it now: a key file
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// What unlocks it now: a file with recovery shares, a share a line; repeat for more
    #[arg(long = "share-file", value_name = "FILE")]
    share_files: Vec<PathBuf>,
    /// What shall unlock it: a file whose first line is the passphrase
    #[arg(long, value_name = "FILE", conflicts_with = "new_key_file")]
    new_passphrase_file: Option<PathBuf>,
    /// What shall unlock it: a key file, made where it is missing
    #[arg(long, value_name = "FILE")]
    new_key_file: Option<PathBuf>,
    #[command(flatten)]
    shares: NewShares,
}

impl Unlocks {
    fn old(&self) -> UnlockFile {
        UnlockFile {
            passphrase_file: self.passphrase_file.clone(),
            key_file: self.key_file.clone(),
            share_files: self.share_files.clone(),
        }
    }

    fn new_files(&self) -> UnlockFile {
        UnlockFile {
            passphrase_file: self.new_passphrase_file.clone(),
            key_file: self.new_key_file.clone(),
            share_files: Vec::new(),
        }
    }

    /// Makes and hands out new shares, does what they are for, and says so where that fails: then they unlock nothing.
    fn with_shares<T>(&self, session: &Session, act: impl FnOnce(Option<&Shares>) -> Result<T>) -> Result<T> {
        let shares = self.shares.make(session.format)?;
        act(shares.as_ref()).inspect_err(|_| {
            if shares.is_some() {
                output::message("unless the answer below says otherwise, the shares above unlock nothing");
            }
        })
    }

    /// Asks the running server, and prints what it says of the root key then.
    fn ask_server(&self, session: &Session, path: &str) -> Result<()> {
        let mut client = session.client()?;
        client.first_of_several("then what unlocks the root key is asked for, and it is changed");
        // Who may not do it learns that before shares are made.
        let status = client.get("/v1/root")?;
        let answer = self.with_shares(session, |shares| {
            let body = change_body(&self.old(), &status, (&self.new_files(), shares), input::asker());
            client.post(path, &started(body)?)
        })?;
        print(session, &answer)?;
        output::message(
            "before its next start, the server's configuration must name what unlocks the root key now",
        );
        Ok(())
    }
}

/// What a server says of its root key, or a command of one whose server does not run.
fn print(session: &Session, status: &Value) -> Result<()> {
    if matches!(session.format, Format::Json) {
        return output::json(status);
    }
    let list = |field: &str| status.get(field).and_then(Value::as_array).into_iter().flatten();
    let kind = |value: &Value| match super::text(value, "kind").as_str() {
        "shares" => format!(
            "{} of {} shares (set {})",
            super::text(value, "threshold"),
            super::text(value, "count"),
            super::text(value, "set")
        ),
        kind => kind.to_owned(),
    };
    let mut pairs = vec![
        ("version", super::text(status, "version")),
        ("unlocked by", list("unlocked_by").map(kind).collect::<Vec<_>>().join(", or ")),
        ("retired", super::text(status, "retired")),
    ];
    if status.get("resealing").and_then(Value::as_bool) == Some(true) {
        let sealed = super::text(status, "resealed");
        pairs.push(("sealing anew", format!("{sealed} objects so far")));
    }
    output::pairs(&pairs)
}
