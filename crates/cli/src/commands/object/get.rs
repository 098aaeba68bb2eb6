//! `keyreeve object get`.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::client::{segment, with_query};
use crate::commands::{Session, required};
use crate::errors::{Failure, Result};
use crate::output::{self, Audience, Format};

const EXAMPLES: &str = "\
Examples:
  keyreeve object get database
  keyreeve object get www --out www.pem";

/// Get the bytes of an object, or of a certificate its PEM.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Get {
    /// The object
    name: String,
    /// This version; the default is the newest
    #[arg(long, value_name = "NUMBER")]
    object_version: Option<u32>,
    /// Write to this file, which its owner alone can read, instead of stdout
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Get {
    /// Asks and writes.
    ///
    /// # Errors
    /// As every request; the file cannot be written.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let query: Vec<_> =
            self.object_version.map(|version| ("version", version.to_string())).into_iter().collect();
        let path = with_query(&format!("/v1/objects/{}/data", segment(&self.name)), &query);
        let answer = session.client()?.get(&path)?;
        let out = self.out.as_deref();
        if session.format == Format::Json {
            return output::bytes(output::json_text(&answer).as_bytes(), out, Audience::Owner);
        }
        if let Some(pem) = answer.get("certificate").and_then(Value::as_str) {
            return output::bytes(pem.as_bytes(), out, Audience::Owner);
        }
        let bytes = STANDARD.decode(required(&answer, "data")?).map(Zeroizing::new);
        output::bytes(&bytes.map_err(|_| Failure::answer("no base64"))?, out, Audience::Owner)
    }
}
