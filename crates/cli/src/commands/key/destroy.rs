//! `keyreeve key destroy`.

use clap::{ArgGroup, Args};
use serde_json::{Value, json};

use super::{path, print};
use crate::client::{Client, with_query};
use crate::commands::erasure::{self, Erasing, Patience};
use crate::commands::{Session, name_and_value};
use crate::errors::{Failure, Kind, Result};
use crate::input;

const EXAMPLES: &str = "\
Examples:
  keyreeve key destroy demo                        at once, or after the waiting period that the key has
  keyreeve key destroy demo --cancel               take it back while it waits
  keyreeve key destroy demo --now --yes --wait -o json > certificate.json
  keyreeve key destroy --tag owner=alice --yes --wait

With --wait the exit code is 4 where the erasure is not complete in time, or a waiting period is left.";

/// Erase the material of all versions of a key, for ever: nothing that it protects can be read again.
///
/// A key with a waiting period serves nobody until that ends, and can be taken back until then. Active versions are taken
/// out of use in the same step. Asks for the key's name at a terminal.
#[derive(Args)]
#[command(after_help = EXAMPLES, group = ArgGroup::new("which").required(true).args(["name", "tag"]))]
pub(crate) struct Destroy {
    /// The key
    name: Option<String>,
    /// All keys with this label, at once, instead of one key
    #[arg(long, value_name = "NAME=VALUE", value_parser = name_and_value, conflicts_with_all = ["now", "cancel"])]
    tag: Option<(String, String)>,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Do not wait for the waiting period to end
    #[arg(long)]
    now: bool,
    /// Take it back: the key comes out of its waiting period
    #[arg(long, conflicts_with_all = ["now", "wait"])]
    cancel: bool,
    #[command(flatten)]
    erasing: Erasing,
}

impl Destroy {
    /// Asks for consent, then for the destruction, and prints what is left of the key, or the certificate.
    ///
    /// # Errors
    /// `Usage` without consent; `State` where it waits for more than it has patience for; as every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let mut client = session.client()?;
        match (&self.tag, &self.name) {
            (Some((name, value)), _) => {
                let tag = format!("{name}={value}");
                input::consent(self.yes || session.prints_curl, "destroy all keys with the tag", &tag)?;
                self.erasing.run(session, &mut client, &[("tag", &tag)])
            }
            (None, Some(name)) if self.cancel => print(session, &client.delete(&path(name, "/destroy"))?),
            (None, Some(name)) => {
                self.erasing.refuse_period()?;
                input::consent(self.yes || session.prints_curl, "destroy the key", name)?;
                self.one(session, &mut client, name)
            }
            (None, None) => Err(Failure::usage("name a key, or a --tag")),
        }
    }

    fn one(&self, session: &Session, client: &mut Client, name: &str) -> Result<()> {
        self.erasing.tell_waiting(client);
        let asked = client.post(&path(name, "/destroy"), &json!({ "now": self.now }));
        let Some(patience) = self.erasing.patience() else { return print(session, &asked?) };
        match asked {
            Ok(_) => {}
            // It was destroyed before: what is left is to wait for the certificate.
            Err(failure) if failure.code() == Some("destroyed") => {}
            Err(failure) => return Err(failure),
        }
        let certificates = certificates(client, name, &patience)?;
        let last = certificates.last().ok_or_else(|| Failure::answer("no erasure of a destroyed key"))?;
        crate::output::json(last)
    }
}

/// Waits for the certificates of a key's destruction.
fn certificates(client: &mut Client, name: &str, patience: &Patience) -> Result<Vec<Value>> {
    let seen = patience.spend(
        |seconds| {
            let seen =
                client.get(&with_query(&path(name, "/destroy"), &[("wait_seconds", seconds.to_string())]))?;
            if let Some(date) = seen.get("destruction").and_then(Value::as_str) {
                let text = format!("the key {name} waits for its destruction until {date}");
                let hint = "`keyreeve key destroy` with --now does not wait, with --cancel it is taken back";
                return Err(Failure::new(Kind::State, text).with_hint(hint));
            }
            Ok(seen)
        },
        |seen| erasure::list(seen).is_some_and(|list| list.iter().all(erasure::is_complete)),
    )?;
    let erasures = erasure::list(&seen).ok_or_else(|| Failure::answer("no \"erasures\""))?;
    erasures.iter().map(erasure::certificate).collect()
}
