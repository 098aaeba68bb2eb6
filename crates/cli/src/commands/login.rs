//! `keyreeve login` and `keyreeve logout`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::{Session, required, text};
use crate::contexts::{Contexts, make_folder};
use crate::errors::{Failure, Result};
use crate::input;
use crate::output::{self, Audience, Format};

const EXAMPLES: &str = "\
Examples:
  keyreeve login --name alice                        asks for the password, and for a one-time code
  keyreeve login --name alice --new-password         asks for a new password too
  keyreeve --context prod login --role-id 0198c1f4-... --secret-id-file billing.secret-id
  keyreeve login --jwt-file /var/run/secrets/tokens/keyreeve --out /run/billing/token
  keyreeve login --renew                             the token in use lasts longer";

/// Get a token for a while, by a password, a secret id or an issuer's JSON Web Token, and keep it in the context in use.
///
/// The token is written to a file that its owner alone can read, which the context names from then on in place of a
/// certificate; with --out to that file, and no context is changed. Passwords and one-time code are asked for, or read from
/// stdin, a line each: password, code, new password.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Login {
    /// Role id of a machine, as `credential secret-id` tells it: its client's id
    #[arg(long, value_name = "ID", requires = "secret_id_file", required_unless_present_any = ["name", "jwt_file", "renew"])]
    role_id: Option<String>,
    /// File with the secret id
    #[arg(long, value_name = "FILE", requires = "role_id")]
    secret_id_file: Option<PathBuf>,
    /// Name of a person, who has a password
    #[arg(long, conflicts_with = "role_id")]
    name: Option<String>,
    /// Realm of that person, where it is not the first
    #[arg(long, value_name = "NAME", requires = "name")]
    realm: Option<String>,
    /// Change the password, by the old one: that counts no more, nor does what it gave
    #[arg(long, requires = "name")]
    new_password: bool,
    /// File with a JSON Web Token
    #[arg(long, value_name = "FILE", conflicts_with_all = ["role_id", "name"])]
    jwt_file: Option<PathBuf>,
    /// Let the token that is in use last longer
    #[arg(long, conflicts_with_all = ["role_id", "name", "jwt_file", "out"])]
    renew: bool,
    /// Write the token to this file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// End the token that `login` gave: it counts no more from the next request on.
#[derive(Args)]
pub(crate) struct Logout {}

impl Login {
    /// Asks, keeps the token, and prints whose it is and until when.
    ///
    /// # Errors
    /// `Usage` where there is no context to keep it in; as every request; a file cannot be read or written.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        if self.renew {
            return told(session, &session.client()?.post("/v1/login/renew", &json!({}))?);
        }
        let named = session.connection.context(|name| std::env::var(name).ok())?;
        let missing =
            || Failure::usage("no context is in use: `context add` makes one, or name a file with --out");
        if self.out.is_none() && named.is_none() {
            return Err(missing());
        }
        let mut done = session.stranger()?.post("/v1/login", &self.shown()?)?;
        let token = format!("{}\n", required(&done, "token")?);
        match (&self.out, named) {
            (Some(path), _) => output::write_file(path, token.as_bytes(), Audience::Owner)?,
            (None, Some((contexts, name))) => keep(contexts, &name, token.as_bytes())?,
            (None, None) => return Err(missing()),
        }
        done.as_object_mut().into_iter().for_each(|fields| drop(fields.remove("token")));
        told(session, &done)
    }
}

impl Login {
    /// What is shown for the token. Holds secrets.
    fn shown(&self) -> Result<Value> {
        let secret = |file: &Path| input::password(Some(file), "");
        match (&self.role_id, &self.secret_id_file, &self.jwt_file, &self.name) {
            (Some(role_id), Some(file), ..) => {
                Ok(json!({ "role_id": role_id, "secret_id": secret(file)?.as_deref() }))
            }
            (_, _, Some(file), _) => Ok(json!({ "jwt": secret(file)?.as_deref() })),
            (_, _, _, Some(name)) => {
                let login = input::personal_login(self.new_password)?;
                let new_password = login.new_password.as_deref();
                let (password, code) = (&*login.password, login.code.as_deref());
                let realm = self.realm.as_deref();
                Ok(json!({
                    "realm": realm, "name": name, "password": password, "code": code, "new_password": new_password
                }))
            }
            _ => Err(Failure::usage("name --name, --role-id with --secret-id-file, or --jwt-file")),
        }
    }
}

impl Logout {
    /// Asks and prints.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        told(session, &session.client()?.post("/v1/logout", &json!({}))?)
    }
}

/// Writes the token beside the contexts; the context shows it, and nothing else, from now on.
fn keep(mut contexts: Contexts, name: &str, token: &[u8]) -> Result<()> {
    let mut known = contexts.named(name)?;
    let path = contexts.token_path(name)?;
    make_folder(&path)?;
    output::write_file(&path, token, Audience::Owner)?;
    (known.token_file, known.client_cert, known.client_key) = (Some(path), None, None);
    contexts.contexts.insert(name.to_owned(), known);
    contexts.save()
}

fn told(session: &Session, answer: &Value) -> Result<()> {
    if session.format == Format::Json {
        return output::json(answer);
    }
    let fields = ["client", "expires", "renewable_until", "revoked"];
    let mut pairs: Vec<_> = fields.map(|field| (field, text(answer, field))).into();
    pairs.retain(|(_, value)| !value.is_empty());
    output::pairs(&pairs)
}
