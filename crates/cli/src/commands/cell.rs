//! `keyreeve cell ...`: the places that hold epoch keys, machines and targets alike.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::target::print_place;
use super::{Session, text};
use crate::errors::Result;
use crate::output::{self, Format};

/// List the places that hold an epoch key, or strike off one that is lost.
#[derive(Subcommand)]
pub(crate) enum Cell {
    List(List),
    Retire(Retire),
}

impl Cell {
    /// Runs the command.
    ///
    /// # Errors
    /// Its own.
    pub(crate) fn run(self, session: &Session) -> Result<()> {
        match self {
            Self::List(command) => command.run(session),
            Self::Retire(command) => command.run(session),
        }
    }
}

/// List every place that holds, or held, an epoch key, with what is destroyed and waits for it, and why.
#[derive(Args)]
pub(crate) struct List {}

impl List {
    fn run(self, session: &Session) -> Result<()> {
        let places = session.client()?.get("/v1/places")?;
        if session.format == Format::Json {
            return output::json(&places);
        }
        let fields = ["name", "kind", "cell", "generation", "confirmed", "lost", "attested", "pending"];
        let columns = [&fields[..], &["trouble"]].concat();
        let row = |place: &Value| {
            let trouble = place.get("trouble").map(|met| text(met, "what"));
            fields.iter().map(|field| text(place, field)).chain(trouble).collect::<Vec<_>>()
        };
        let places = places.get("places").and_then(Value::as_array).into_iter().flatten();
        output::table(&columns, &places.map(row).collect::<Vec<_>>())
    }
}

/// Strike off a place that is lost or out of reach for good, such as a machine that a restore has replaced.
///
/// Destructions wait for every place: what you say of this one stands in the certificates instead of its erasure.
#[derive(Args)]
pub(crate) struct Retire {
    /// The place, as `cell list` names it
    name: String,
    /// What became of it, such as "disk shredded, ticket 17"
    #[arg(long, value_name = "TEXT")]
    attest: String,
}

impl Retire {
    fn run(self, session: &Session) -> Result<()> {
        let body = json!({ "name": self.name, "attest": self.attest });
        print_place(session, &session.client()?.post("/v1/cells/retire", &body)?)
    }
}
