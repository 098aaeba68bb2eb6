//! `keyreeve object add`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde_json::json;

use super::Type;
use crate::client::segment;
use crate::commands::key::print;
use crate::commands::{Session, name_and_value, word};
use crate::errors::{Failure, Result};

const EXAMPLES: &str = "\
Examples:
  printf 'hunter2' | keyreeve object add database --type secret
  keyreeve object add www --type certificate --from www.pem --tag site=www
  keyreeve object add database --from new-password --as-version";

/// Keep a secret, a certificate or an opaque object, from a file or stdin.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Add {
    /// Its name, unique in the realm among keys too
    name: String,
    /// What it is; the default is opaque
    #[arg(long = "type", value_enum)]
    kind: Option<Type>,
    /// File with its bytes, or of a certificate the PEM; without it stdin
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// It is the next version of an object that is there
    #[arg(long, conflicts_with = "tags")]
    as_version: bool,
    /// Label it with this pair; repeat for more
    #[arg(long = "tag", value_name = "NAME=VALUE", value_parser = name_and_value)]
    tags: Vec<(String, String)>,
}

impl Add {
    /// Reads, asks, and prints the object without its bytes.
    ///
    /// # Errors
    /// The data cannot be read; as every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let data = session.data(self.from.as_deref())?.bytes;
        let (field, value) = if self.kind == Some(Type::Certificate) {
            let pem = std::str::from_utf8(&data).map_err(|_| Failure::usage("a certificate is PEM text"))?;
            ("certificate", pem.to_owned())
        } else {
            ("data", STANDARD.encode(&data))
        };
        let mut client = session.client()?;
        if self.as_version {
            let path = format!("/v1/objects/{}/versions", segment(&self.name));
            return print(session, &client.post(&path, &json!({ field: value }))?);
        }
        let body = json!({
            "type": word(self.kind.unwrap_or(Type::Opaque)),
            "name": self.name,
            field: value,
            "tags": self.tags.into_iter().collect::<BTreeMap<_, _>>(),
        });
        print(session, &client.post("/v1/objects", &body)?)
    }
}
