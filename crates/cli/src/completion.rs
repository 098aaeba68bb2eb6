//! Completion of the command line: what a shell asks for while somebody types. Not here: what is put into shells
//! (commands/completions).

use std::ffi::OsStr;
use std::sync::mpsc;
use std::time::Duration;

use clap::Command;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use serde_json::Value;

use crate::client::{Client, with_query};
use crate::contexts::Contexts;
use crate::errors::Result;
use crate::settings::Connection;

/// Set by a shell that wants completions.
pub(crate) const VARIABLE: &str = "KEYREEVE_COMPLETE";

/// Longer nobody waits for names.
const PATIENCE: Duration = Duration::from_secs(5);

/// Names that are asked for.
const NAMES_MAX: &str = "1000";

/// What offers the values of an argument, from what was typed of it.
type Completer = fn(&OsStr) -> Vec<CompletionCandidate>;

/// What stands for a value on the command line, by the help of its argument.
const COMPLETED: &[(&str, Completer)] =
    &[("The key", keys), ("The object", objects), ("The client", clients), ("The context", contexts)];

/// The command, whose arguments know what they complete to.
pub(crate) fn completed(command: Command) -> Command {
    let command = command.mut_args(|argument| {
        let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
        match COMPLETED.iter().find(|(known, _)| *known == help) {
            Some((_, names)) => argument.add(ArgValueCompleter::new(*names)),
            None => argument,
        }
    });
    command.mut_subcommands(completed)
}

fn keys(begun: &OsStr) -> Vec<CompletionCandidate> {
    listed("/v1/keys", "keys", Some("name_prefix"), begun)
}

fn objects(begun: &OsStr) -> Vec<CompletionCandidate> {
    listed("/v1/objects", "objects", Some("name_prefix"), begun)
}

fn clients(begun: &OsStr) -> Vec<CompletionCandidate> {
    listed("/v1/clients", "clients", None, begun)
}

fn contexts(begun: &OsStr) -> Vec<CompletionCandidate> {
    let known = Contexts::load(&variable).map(|known| known.contexts.into_keys().collect());
    candidates(known.unwrap_or_default(), begun)
}

/// Names that the server tells, or none: whoever types is not to be bothered with why. `filter` is the argument by which it
/// tells only those that begin like this, where it has one.
fn listed(
    path: &'static str,
    field: &'static str,
    filter: Option<&'static str>,
    begun: &OsStr,
) -> Vec<CompletionCandidate> {
    let mut query = vec![("limit", NAMES_MAX.to_owned())];
    let prefix = begun.to_str().filter(|begun| !begun.is_empty()).map(str::to_owned);
    query.extend(filter.zip(prefix));
    let (sender, names) = mpsc::channel();
    std::thread::spawn(move || {
        // Nobody may wait for it any more.
        let _ = sender.send(names_of(&with_query(path, &query), field).unwrap_or_default());
    });
    candidates(names.recv_timeout(PATIENCE).unwrap_or_default(), begun)
}

fn names_of(path: &str, field: &str) -> Result<Vec<String>> {
    let server = Connection::default().resolve(variable)?;
    let page = Client::new(server)?.get(path)?;
    let items = page.get(field).and_then(Value::as_array).into_iter().flatten();
    Ok(items.filter_map(|item| item.get("name")?.as_str().map(str::to_owned)).collect())
}

fn candidates(names: Vec<String>, begun: &OsStr) -> Vec<CompletionCandidate> {
    let begun = begun.to_string_lossy();
    // A name that would speak to the terminal is not offered.
    let plain = |name: &String| name.starts_with(&*begun) && crate::output::printable(name) == *name;
    names.into_iter().filter(plain).map(CompletionCandidate::new).collect()
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
