//! `keyreeve object add`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, ValueEnum};
use serde_json::json;

use super::{SplitMethod, Type};
use crate::client::segment;
use crate::commands::key::print;
use crate::commands::{Session, algorithm, name_and_value, word};
use crate::errors::{Failure, Result};

const EXAMPLES: &str = "\
Examples:
  printf 'hunter2' | keyreeve object add database --type secret-data
  keyreeve object add www --type certificate --from www.pem --tag site=www
  keyreeve object add database --from new-password --as-version
  keyreeve object add alice --type split-key --from for-alice.part --part 1 --parts 5 --threshold 3 --algorithm aes-256";

/// Keep a secret, a certificate, an opaque object or a part of a key, from a file or stdin.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Add {
    /// Its name, unique in the realm among keys too
    name: String,
    /// What it is; the default is opaque-object
    #[arg(long = "type", value_enum)]
    kind: Option<Type>,
    /// File with its bytes, or of a certificate the PEM; without it stdin
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// It is the next version of an object that is there
    #[arg(long, conflicts_with_all = ["tags", "part"])]
    as_version: bool,
    /// Label it with this pair; repeat for more
    #[arg(long = "tag", value_name = "NAME=VALUE", value_parser = name_and_value)]
    tags: Vec<(String, String)>,
    #[command(flatten)]
    part: Part,
}

/// Which part of which kind of key it is; `object show` of a part that the server made tells it.
#[derive(Args)]
struct Part {
    /// Number of the part, from 1
    #[arg(long, value_name = "NUMBER", requires_all = ["parts", "threshold"])]
    part: Option<u32>,
    /// Parts in all
    #[arg(long, value_name = "COUNT", requires = "part")]
    parts: Option<u32>,
    /// Parts that make the key
    #[arg(long, value_name = "COUNT", requires = "part")]
    threshold: Option<u32>,
    /// How it was split; the default is gf256
    #[arg(long, value_enum, requires = "part")]
    method: Option<SplitMethod>,
    /// Algorithm of the key; without it it is a secret
    #[arg(short, long, value_parser = algorithm, requires = "part")]
    algorithm: Option<String>,
    /// Form of the whole; the default is raw
    #[arg(long, value_enum, requires = "part")]
    format: Option<WholeForm>,
}

/// A form that a whole has.
#[derive(Clone, Copy, ValueEnum)]
enum WholeForm {
    Raw,
    Pkcs8,
    Pkcs1,
    Sec1,
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
        let mut body = json!({
            "type": word(self.kind.unwrap_or(Type::OpaqueObject)),
            "name": self.name,
            field: value,
            "tags": self.tags.into_iter().collect::<BTreeMap<_, _>>(),
        });
        if let Part { part: Some(part), parts, threshold, method, algorithm, format } = self.part {
            body["split"] = json!({
                "part": part,
                "parts": parts,
                "threshold": threshold,
                "method": word(method.unwrap_or(SplitMethod::Gf256)),
                "format": word(format.unwrap_or(WholeForm::Raw)),
            });
            if let Some(algorithm) = algorithm {
                body["algorithm"] = algorithm.into();
            }
        }
        print(session, &client.post("/v1/objects", &body)?)
    }
}
