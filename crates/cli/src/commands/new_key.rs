//! What every command takes that makes a key: its labels, and whether it may leave the server. Not here: how it is made.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::{Value, json};

use super::name_and_value;

/// Flags that go into the body of the request.
#[derive(Args)]
pub(crate) struct NewKey {
    /// Label it with this pair; repeat for more
    #[arg(long = "tag", value_name = "NAME=VALUE", value_parser = name_and_value)]
    tags: Vec<(String, String)>,
    /// Let its secret or private material leave the server, wrapped by another key
    #[arg(long)]
    exportable: bool,
    /// Let it leave in the clear as well
    #[arg(long, requires = "exportable")]
    plain_export: bool,
}

impl NewKey {
    /// Writes them into the body, which is an object.
    pub(crate) fn put_into(&self, body: &mut Value) {
        body["tags"] = json!(self.tags.iter().cloned().collect::<BTreeMap<_, _>>());
        body["exportable"] = self.exportable.into();
        body["sensitive"] = (!self.plain_export).into();
    }
}
