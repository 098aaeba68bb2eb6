//! `keyreeve object list`.

use clap::Args;
use serde_json::Value;

use super::Type;
use crate::commands::{Session, text, word};
use crate::errors::Result;
use crate::listing::Listing;

/// List secrets, certificates and opaque objects that you may see, by name.
#[derive(Args)]
pub(crate) struct List {
    /// Only these
    #[arg(long = "type", value_enum)]
    kind: Option<Type>,
    /// Only objects with this label; repeat for more, which must all be there
    #[arg(long = "tag", value_name = "NAME=VALUE")]
    tags: Vec<String>,
}

impl List {
    /// Asks page by page and prints as it goes.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let mut query: Vec<_> = self.kind.map(|kind| ("type", word(kind))).into_iter().collect();
        query.extend(self.tags.into_iter().map(|tag| ("tag", tag)));
        let headings = ["name", "type", "state", "version", "owner", "created", "tags"];
        let listing =
            Listing { path: "/v1/objects", field: "objects", query, headings: &headings, limit: None };
        let row = |object: &Value| vec![headings.map(|field| text(object, field)).to_vec()];
        listing.print(&mut session.client()?, session.format, |_| true, row)
    }
}
