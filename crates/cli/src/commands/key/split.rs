//! `keyreeve key split` and `keyreeve key join`.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::{Value, json};

use super::{path, print};
use crate::commands::new_key::NewKey;
use crate::commands::object::SplitMethod;
use crate::commands::{Session, name_and_value, text, word};
use crate::errors::Result;
use crate::output::{self, Format};

const SPLIT_EXAMPLES: &str = "\
Examples:
  keyreeve key split orders --parts 5 --threshold 3 --name orders-part
  keyreeve object get orders-part-1 --out for-alice.part";

const JOIN_EXAMPLES: &str = "\
Examples:
  keyreeve key join orders-again orders-part-1 orders-part-3 orders-part-4";

/// Split a key that may leave in the clear into parts, of which some together make it again.
///
/// Each part is an object: `object get` hands it out, `key destroy` destroys it, `key join` joins. The key stays as it is.
#[derive(Args)]
#[command(after_help = SPLIT_EXAMPLES)]
pub(crate) struct Split {
    /// The key, or an object with a secret
    key: String,
    /// Parts in all, 2 to 255
    #[arg(long, value_name = "COUNT")]
    parts: u32,
    /// Parts that make the key; of xor all
    #[arg(long, value_name = "COUNT")]
    threshold: u32,
    /// Name of the parts, each with its number behind it: NAME-1
    #[arg(long)]
    name: String,
    /// How; the default is gf256
    #[arg(long, value_enum)]
    method: Option<SplitMethod>,
    /// Label the parts with this pair; repeat for more
    #[arg(long = "tag", value_name = "NAME=VALUE", value_parser = name_and_value)]
    tags: Vec<(String, String)>,
}

/// Join enough parts of a key to a new key.
#[derive(Args)]
#[command(after_help = JOIN_EXAMPLES)]
pub(crate) struct Join {
    /// Name of the new key
    name: String,
    /// A part; as many as are needed
    #[arg(required = true, value_name = "PART")]
    parts: Vec<String>,
    /// What the new key may be used for; the default is every use that fits the algorithm
    #[arg(long, value_delimiter = ',', value_name = "USE,...")]
    usage: Option<Vec<String>>,
    #[command(flatten)]
    new_key: NewKey,
}

impl Split {
    /// Asks and prints the parts.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let mut body = json!({
            "name": self.name,
            "parts": self.parts,
            "threshold": self.threshold,
            "tags": self.tags.into_iter().collect::<BTreeMap<_, _>>(),
        });
        if let Some(method) = self.method {
            body["method"] = word(method).into();
        }
        let made = session.client()?.post(&path(&self.key, "/split"), &body)?;
        if session.format == Format::Json {
            return output::json(&made);
        }
        let parts = made.get("parts").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let headings = ["part", "name", "object_id"];
        let row = |part: &Value| headings.map(|field| text(part, field)).to_vec();
        output::table(&headings, &parts.iter().map(row).collect::<Vec<_>>())
    }
}

impl Join {
    /// Asks and prints the new key.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let mut body = json!({
            "name": self.name,
            "parts": self.parts,
        });
        self.new_key.put_into(&mut body);
        if let Some(usage) = self.usage {
            body["usage"] = usage.into();
        }
        print(session, &session.client()?.post("/v1/join", &body)?)
    }
}
