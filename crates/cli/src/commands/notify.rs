//! `keyreeve notify ...`: who is told of alerts. Not here: who they are, which only the configuration of the server says.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{Session, text};
use crate::client::segment;
use crate::errors::{Failure, Kind, Result};
use crate::output::{self, Format};

/// List those who are told of alerts, or send them a test.
#[derive(Subcommand)]
pub(crate) enum Notify {
    List(List),
    Test(Test),
}

/// List those whom the server's configuration has told of alerts, and how that goes.
#[derive(Args)]
pub(crate) struct List {}

/// Send a message that says nothing, and tell what became of it.
///
/// It goes out now and once. Ends with an error where a destination did not take it.
#[derive(Args)]
pub(crate) struct Test {
    /// The destination; without it, all
    name: Option<String>,
}

impl Notify {
    /// Runs the command.
    ///
    /// # Errors
    /// Its own.
    pub(crate) fn run(self, session: &Session) -> Result<()> {
        match self {
            Self::List(List {}) => list(session),
            Self::Test(Test { name }) => test(session, name),
        }
    }
}

fn list(session: &Session) -> Result<()> {
    let answer = session.client()?.get("/v1/notifications")?;
    if session.format == Format::Json {
        return output::json(&answer);
    }
    let fields = ["name", "to", "severity", "lag_entries", "told", "given_up", "last_sent", "trouble"];
    let destinations = answer.get("destinations").and_then(Value::as_array).into_iter().flatten();
    let rows: Vec<_> = destinations.map(|one| fields.map(|field| text(one, field)).to_vec()).collect();
    output::table(&fields, &rows)
}

fn test(session: &Session, name: Option<String>) -> Result<()> {
    let mut client = session.client()?;
    let names = match name {
        Some(name) => vec![name],
        None => {
            let answer = client.get("/v1/notifications")?;
            let all = answer.get("destinations").and_then(Value::as_array).into_iter().flatten();
            all.map(|one| text(one, "name")).collect()
        }
    };
    let tests = names
        .iter()
        .map(|name| client.post(&format!("/v1/notifications/{}/test", segment(name)), &json!({})));
    let tests: Vec<Value> = tests.collect::<Result<_>>()?;
    let failed = tests.iter().filter(|test| test.get("sent") != Some(&Value::Bool(true))).count();
    if session.format == Format::Json {
        output::json(&json!({ "tests": tests }))?;
    } else {
        let fields = ["name", "sent", "said"];
        let rows: Vec<_> = tests.iter().map(|test| fields.map(|field| text(test, field)).to_vec()).collect();
        output::table(&fields, &rows)?;
    }
    match failed {
        0 => Ok(()),
        failed => Err(Failure::new(Kind::Warned, format!("{failed} of {} did not take it", tests.len()))),
    }
}
