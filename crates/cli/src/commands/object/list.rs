//! `keyreeve object list`.

use std::ops::ControlFlow;

use clap::Args;

use super::Type;
use crate::commands::{Session, text, word};
use crate::errors::Result;
use crate::output::{self, Format};

/// Objects in one page, which is one entry of the journal.
const PAGE_OBJECTS: usize = 1000;

/// List secrets, certificates and opaque objects that you may see: all pages, by name.
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
    /// Asks for all pages and prints them.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let mut query = vec![("limit", PAGE_OBJECTS.to_string())];
        query.extend(self.kind.map(|kind| ("type", word(kind))));
        query.extend(self.tags.into_iter().map(|tag| ("tag", tag)));
        let mut objects = Vec::new();
        session.client()?.pages("/v1/objects", None, &query, "objects", |object| {
            objects.push(object);
            Ok(ControlFlow::Continue(()))
        })?;
        if session.format == Format::Json {
            return output::json(&objects.into());
        }
        let headings = ["name", "type", "state", "version", "owner", "created", "tags"];
        let rows: Vec<_> =
            objects.iter().map(|object| headings.map(|field| text(object, field)).to_vec()).collect();
        output::table(&headings, &rows)
    }
}
