//! `keyreeve sink ...`: the other tools that are told what the journal says. Not here: who they are, which only the
//! configuration of the server says.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{Session, text};
use crate::client::segment;
use crate::errors::Result;
use crate::output::{self, Format};

/// List the sinks of the journal, or tell one again what it says.
#[derive(Subcommand)]
pub(crate) enum Sink {
    List(List),
    Replay(Replay),
}

impl Sink {
    /// Runs the command.
    ///
    /// # Errors
    /// Its own.
    pub(crate) fn run(self, session: &Session) -> Result<()> {
        let answer = match self {
            Self::List(List {}) => session.client()?.get("/v1/sinks")?,
            Self::Replay(Replay { name, after }) => {
                let path = format!("/v1/sinks/{}/replay", segment(&name));
                session.client()?.post(&path, &json!({ "after": after }))?
            }
        };
        if session.format == Format::Json {
            return output::json(&answer);
        }
        let fields = ["name", "to", "format", "lag_entries", "told", "withheld", "trouble"];
        let sinks = answer.get("sinks").and_then(Value::as_array).into_iter().flatten();
        let rows: Vec<_> = sinks.map(|sink| fields.map(|field| text(sink, field)).to_vec()).collect();
        output::table(&fields, &rows)
    }
}

/// List the sinks that the server's configuration names, and how far each is behind.
#[derive(Args)]
pub(crate) struct List {}

/// Tell a sink once more all that the journal says behind a position.
#[derive(Args)]
pub(crate) struct Replay {
    /// The sink
    name: String,
    /// Entries behind this position; 0: all that the journal still holds
    #[arg(long, value_name = "LSN")]
    after: u64,
}
