//! `keyreeve target ...`: the registered backup targets.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{Session, address, text};
use crate::errors::Result;
use crate::output::{self, Format};

/// List the registered backup targets, or let one go. `backup create` registers one.
#[derive(Subcommand)]
pub(crate) enum Target {
    List(List),
    Remove(Remove),
}

impl Target {
    /// Runs the command.
    ///
    /// # Errors
    /// Its own.
    pub(crate) fn run(self, session: &Session) -> Result<()> {
        match self {
            Self::List(command) => command.run(session),
            Self::Remove(command) => command.run(session),
        }
    }
}

/// List the registered targets, and how far each is behind.
#[derive(Args)]
pub(crate) struct List {}

impl List {
    fn run(self, session: &Session) -> Result<()> {
        let places = session.client()?.get("/v1/places")?;
        let places = places.get("places").and_then(Value::as_array).into_iter().flatten();
        let archives = places.filter_map(|place| place.get("archive").filter(|archive| archive.is_object()));
        let targets: Value = archives.cloned().collect();
        if session.format == Format::Json {
            return output::json(&json!({ "targets": targets }));
        }
        let fields = ["target", "cell", "shipped", "lag_entries", "lag_ms", "breached", "trouble"];
        let targets = targets.as_array().into_iter().flatten();
        let rows: Vec<_> = targets.map(|target| fields.map(|field| text(target, field)).to_vec()).collect();
        output::table(&fields, &rows)
    }
}

/// Let a target go: nothing is shipped there any more, and its epoch key is erased. What is archived there stays.
///
/// Where the target cannot be reached, say by --attest what became of it: every certificate of destruction prints that.
#[derive(Args)]
pub(crate) struct Remove {
    /// The target: a path, a file:// or an s3:// address
    address: String,
    /// What became of a target that cannot be reached, such as "disk shredded, ticket 17"
    #[arg(long, value_name = "TEXT")]
    attest: Option<String>,
}

impl Remove {
    fn run(self, session: &Session) -> Result<()> {
        let body = json!({ "name": address(&self.address)?, "attest": self.attest });
        print_place(session, &session.client()?.post("/v1/targets/remove", &body)?)
    }
}

/// Prints one place of epoch keys.
pub(super) fn print_place(session: &Session, place: &Value) -> Result<()> {
    match session.format {
        Format::Json => output::json(place),
        Format::Table => output::pairs(
            &["name", "kind", "cell", "generation", "confirmed", "lost", "attested"]
                .map(|field| (field, text(place, field))),
        ),
    }
}
