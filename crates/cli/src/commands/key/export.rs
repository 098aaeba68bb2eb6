//! `keyreeve key export`.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::path;
use crate::client::with_query;
use crate::commands::{KeyForm, Session, WrapAlgorithm, required, word};
use crate::errors::{Failure, Result};
use crate::output::{self, Audience, Format};

const EXAMPLES: &str = "\
Examples:
  keyreeve key export pair --public > pair.pem
  keyreeve key export pair --public --format jwk
  keyreeve key export payload --wrap-with transport --out payload.wrapped
  keyreeve key export brought --plain --format jwk --out brought.jwk";

/// Export a public key, or secret or private material, wrapped by another key.
///
/// Material leaves only where the key was made with --exportable, and in the clear only where it is no secret of the
/// server's making. Without --format a symmetric key is raw, a private one PKCS#8, and a public one PEM.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Export {
    /// The key
    name: String,
    /// The public half
    #[arg(long, conflicts_with_all = ["wrap_with", "wrap_algorithm", "plain"])]
    public: bool,
    /// The secret or private material, in the clear
    #[arg(long, conflicts_with = "wrap_with")]
    plain: bool,
    /// Form of the key
    #[arg(long, value_enum)]
    format: Option<KeyForm>,
    /// The secret or private material, wrapped by this key
    #[arg(long, value_name = "KEY")]
    wrap_with: Option<String>,
    /// How it is wrapped; the default is aes-kwp
    #[arg(long, value_enum, requires = "wrap_with")]
    wrap_algorithm: Option<WrapAlgorithm>,
    /// This version; the default is the newest
    #[arg(long, value_name = "NUMBER")]
    key_version: Option<u32>,
    /// Write to this file, whole or not at all, instead of stdout
    #[arg(long = "out", value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Export {
    /// Asks and writes.
    ///
    /// # Errors
    /// `Usage` where neither half is chosen; as every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        if self.public {
            return self.export_public(session);
        }
        if self.wrap_with.is_none() && !self.plain {
            let text = "say what to export: --public for the public half, or --wrap-with KEY for the secret or private \
                        material, or --plain for that in the clear";
            return Err(Failure::usage(text));
        }
        let mut body = json!({ "version": self.key_version });
        let given = [
            ("wrap_with", self.wrap_with.clone()),
            ("wrap_algorithm", self.wrap_algorithm.map(word)),
            ("format", self.format.map(word)),
        ];
        for (field, value) in given {
            if let Some(value) = value {
                body[field] = value.into();
            }
        }
        let answer = session.client()?.post(&path(&self.name, "/export"), &body)?;
        if session.format == Format::Json {
            return output::bytes(
                output::json_text(&answer).as_bytes(),
                self.out.as_deref(),
                Audience::Owner,
            );
        }
        let bytes = match answer.get("data") {
            Some(key @ Value::Object(_)) => output::json_text(key).into_bytes(),
            Some(Value::String(pem)) if pem.starts_with("-----BEGIN ") => pem.clone().into_bytes(),
            found => {
                let field = if found.is_some() { "data" } else { "wrapped" };
                STANDARD.decode(required(&answer, field)?).map_err(|_| Failure::answer("no base64"))?
            }
        };
        output::bytes(&Zeroizing::new(bytes), self.out.as_deref(), Audience::Owner)
    }

    fn export_public(&self, session: &Session) -> Result<()> {
        let mut query = Vec::new();
        query.extend(self.key_version.map(|version| ("version", version.to_string())));
        query.extend(self.format.map(|form| ("format", word(form))));
        let key = session.client()?.get_bytes(&with_query(&path(&self.name, "/public"), &query))?;
        if session.format == Format::Json {
            let text = |_| STANDARD.encode(&key);
            let value = serde_json::from_slice::<Value>(&key)
                .unwrap_or_else(|_| std::str::from_utf8(&key).map_or_else(text, str::to_owned).into());
            let value = json!({ "public": value });
            return output::bytes(output::json_text(&value).as_bytes(), self.out.as_deref(), Audience::Umask);
        }
        output::bytes(&key, self.out.as_deref(), Audience::Umask)
    }
}
