//! The keys that a bench makes, and how they go again whatever happens: by their tag, by the identifiers that answers named,
//! and what is left by its name. Not here: the load.

use std::ops::ControlFlow;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::super::required;
use super::Bench;
use super::plan::Operation;
use crate::client::{Client, segment};
use crate::errors::{Failure, Kind, Result};

/// The tag of all keys that can have one; their names begin with it too.
pub(super) const TAG: &str = "keyreeve-bench";
/// States of keys that were made and not destroyed.
const LIVE_STATES: [&str; 2] = ["active", "pre-active"];
/// Keys in one page of a list.
const PAGE_KEYS: usize = 1000;

/// The keys of one run.
pub(super) struct Keys {
    client: Client,
    /// Marks them.
    pub(super) id: String,
    /// Name of the first; the names of the others begin with it.
    pub(super) name: String,
    /// Identifiers of objects that have no tag.
    pub(super) made: Vec<String>,
}

/// The key that is used.
pub(super) struct Used {
    /// Identifier of its object; of a pair, the private half's.
    pub(super) object: String,
    /// That of a pair's public half.
    pub(super) public: Option<String>,
}

impl Keys {
    /// None yet.
    pub(super) fn new(client: Client) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_micros());
        let id = format!("{now:x}");
        Self { client, name: format!("{TAG}-{id}"), id, made: Vec::new() }
    }

    /// Makes the key that is used.
    ///
    /// # Errors
    /// As every request: the server knows no such algorithm, or keys of it that are not for this.
    pub(super) fn make(&mut self, bench: &Bench) -> Result<Used> {
        let usage = match bench.operation {
            Operation::Encrypt | Operation::Decrypt => Some(["encrypt", "decrypt"]),
            Operation::Sign => Some(["sign", "verify"]),
            Operation::Create | Operation::Get | Operation::Locate => None,
        };
        let mut body = json!({ "name": self.name, "algorithm": bench.algorithm(), "tags": { TAG: self.id } });
        if let Some(usage) = usage {
            body["usage"] = json!(usage);
        }
        let key = self.client.post("/v1/keys", &body)?;
        let version = key.pointer("/versions/0").ok_or_else(|| Failure::answer("a key without versions"))?;
        let public = version.get("public_object_id").and_then(Value::as_str).map(str::to_owned);
        Ok(Used { object: required(version, "object_id")?.to_owned(), public })
    }

    /// Destroys those that have the tag, where the caller may do that at once.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn destroy_tagged(&mut self) -> Result<()> {
        let tag = format!("{TAG}={}", self.id);
        let body = json!({ "tag": tag, "confirm": format!("tag {tag}") });
        loop {
            let erased = match self.client.post("/v1/erasures", &body) {
                // Only administrators may; who made a key may destroy that, one by one.
                Err(failure) if failure.kind() == Kind::Denied => return Ok(()),
                erased => erased?,
            };
            if erased.get("destroyed").and_then(Value::as_u64).unwrap_or(0) == 0 {
                return Ok(());
            }
        }
    }

    /// Destroys what still bears the name of this run: keys whose making was not answered, and those of callers who may not
    /// destroy by tag.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn destroy_named(&mut self) -> Result<()> {
        let mut names = Vec::new();
        for state in LIVE_STATES {
            let query = [
                ("limit", PAGE_KEYS.to_string()),
                ("name_prefix", self.name.clone()),
                ("state", state.to_owned()),
            ];
            self.client.pages("/v1/keys", None, &query, "keys", |key| {
                names.push(required(&key, "name")?.to_owned());
                Ok(ControlFlow::Continue(()))
            })?;
        }
        for name in names {
            self.client.post(&format!("/v1/keys/{}/destroy", segment(&name)), &json!({ "now": true }))?;
        }
        Ok(())
    }
}
