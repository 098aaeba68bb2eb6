//! `keyreeve policy apply`, `list`, `show`, `remove`, `attach` and `detach`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use serde_json::{Value, json};

use crate::client::{segment, with_query};
use crate::commands::{Session, required, text};
use crate::errors::{Failure, Result};
use crate::input;
use crate::output::{self, Audience, Format};

const EXAMPLES: &str = "\
Examples:
  keyreeve policy apply quarterly.toml
  keyreeve policy plan quarterly
  keyreeve policy attach quarterly --tag env=prod";

/// Add a policy, or a new version of one, which holds at once wherever it is attached.
///
/// A policy is TOML or JSON with a name; docs/policies.md has every field, and `policy show pci` an example.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Apply {
    /// File with the policy; without it it is read from stdin
    file: Option<PathBuf>,
}

impl Apply {
    /// Asks, prints name and version.
    ///
    /// # Errors
    /// `Usage` where the file is no text; as every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let mut client = session.client()?;
        let data = input::data(self.file.as_deref())?;
        let policy = std::str::from_utf8(&data).map_err(|_| Failure::usage("a policy is UTF-8 text"))?;
        let answer = client.post("/v1/policies", &json!({ "text": policy }))?;
        print(session, &answer, &["name", "version", "changed"])
    }
}

/// List the policies, shipped ones first, and what each is attached to.
#[derive(Args)]
pub(crate) struct List {}

impl List {
    /// Asks, prints a line each.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let answer = session.client()?.get("/v1/policies")?;
        if session.format == Format::Json {
            return output::json(&answer);
        }
        let listed = |field: &str| answer.get(field).and_then(Value::as_array).cloned().unwrap_or_default();
        let attached = listed("attached");
        let rows: Vec<_> = listed("policies")
            .iter()
            .map(|policy| {
                let name = text(policy, "name");
                let places = attached.iter().filter(|one| text(one, "policy") == name).map(place);
                let places = places.collect::<Vec<_>>().join(", ");
                vec![name, text(policy, "version"), text(policy, "by"), places]
            })
            .collect();
        output::table(&["name", "version", "by", "attached to"], &rows)
    }
}

/// What a policy is attached to, for people.
fn place(attached: &Value) -> String {
    if attached.get("realm").and_then(Value::as_bool) == Some(true) {
        return "the realm".into();
    }
    match attached.get("tag").and_then(Value::as_str) {
        Some(tag) => format!("{tag}={}", text(attached, "value")),
        None => format!("key {}", text(attached, "key")),
    }
}

/// Show a policy as it was applied.
#[derive(Args)]
pub(crate) struct Show {
    /// The policy: default, cnsa2, pci, fips-algorithms, or one of yours
    name: String,
    /// Show this version; without it the one that holds
    #[arg(long)]
    version: Option<u32>,
}

impl Show {
    /// Asks, prints the text.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let query: Vec<_> = self.version.iter().map(|version| ("version", version.to_string())).collect();
        let path = with_query(&format!("/v1/policies/{}", segment(&self.name)), &query);
        let answer = session.client()?.get(&path)?;
        match session.format {
            Format::Json => output::json(&answer),
            Format::Table => output::bytes(required(&answer, "text")?.as_bytes(), None, Audience::Umask),
        }
    }
}

/// Take a policy away, with all its versions; it must be attached to nothing.
#[derive(Args)]
pub(crate) struct Remove {
    /// The policy
    name: String,
}

impl Remove {
    /// Asks, prints what was removed.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let answer = session.client()?.delete(&format!("/v1/policies/{}", segment(&self.name)))?;
        print(session, &answer, &["removed"])
    }
}

/// What a policy is attached to.
#[derive(Args)]
#[command(group(ArgGroup::new("place").required(true)))]
pub(crate) struct Place {
    /// One key, by name or id
    #[arg(long, group = "place")]
    key: Option<String>,
    /// All keys with this tag
    #[arg(long, group = "place", value_name = "NAME=VALUE")]
    tag: Option<String>,
    /// All keys of the realm, instead of the policy default
    #[arg(long, group = "place")]
    realm: bool,
}

impl Place {
    fn body(&self) -> Result<Value> {
        if let Some(tag) = &self.tag {
            let (tag, value) =
                tag.split_once('=').ok_or_else(|| Failure::usage("a tag is written as NAME=VALUE"))?;
            return Ok(json!({ "tag": tag, "value": value }));
        }
        Ok(match &self.key {
            Some(key) => json!({ "key": key }),
            None => json!({ "realm": true }),
        })
    }
}

/// Attach a policy to a key, to keys with a tag, or to the realm, in place of what is attached there.
///
/// All policies that hold for a key count, and none loosens another: that of the key, those of its tags, and the realm's.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Attach {
    /// The policy
    name: String,
    #[command(flatten)]
    place: Place,
}

impl Attach {
    /// Asks, prints the policy.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let mut body = self.place.body()?;
        body["policy"] = self.name.into();
        let answer = session.client()?.post("/v1/policy-attachments", &body)?;
        print(session, &answer, &["policy", "revision"])
    }
}

/// Detach the policy of a key, of a tag, or of the realm, which falls back to default.
#[derive(Args)]
pub(crate) struct Detach {
    #[command(flatten)]
    place: Place,
}

impl Detach {
    /// Asks, prints the revision.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let answer = session.client()?.post("/v1/policy-attachments/detach", &self.place.body()?)?;
        print(session, &answer, &["revision"])
    }
}

fn print(session: &Session, answer: &Value, fields: &[&str]) -> Result<()> {
    match session.format {
        Format::Json => output::json(answer),
        Format::Table => {
            let pairs: Vec<_> = fields.iter().map(|field| (*field, text(answer, field))).collect();
            output::pairs(&pairs)
        }
    }
}
