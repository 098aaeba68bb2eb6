//! `keyreeve key ...`: the commands that manage keys, one file each. Here: their list, and how a key is shown.

mod activate;
mod alias;
mod archive;
mod create;
mod der;
mod destroy;
mod disable;
mod export;
mod grant;
mod history;
mod import;
mod list;
mod restore;
mod revoke;
mod rotate;
mod set;
mod show;
mod split;
mod tag;

use clap::Subcommand;
use serde_json::Value;

use super::{Session, text};
use crate::client::segment;
use crate::errors::Result;
use crate::output::{self, Format};

/// Manage keys.
#[derive(Subcommand)]
pub(crate) enum Key {
    Create(create::Create),
    Import(import::Import),
    List(list::List),
    Show(show::Show),
    Set(set::Set),
    Rotate(rotate::Rotate),
    Activate(activate::Activate),
    Disable(disable::Disable),
    Enable(disable::Enable),
    Archive(archive::Archive),
    Recover(archive::Recover),
    Revoke(revoke::Revoke),
    Destroy(destroy::Destroy),
    Restore(restore::Restore),
    Split(split::Split),
    Join(split::Join),
    Export(export::Export),
    Grant(grant::Grant),
    Tag(tag::Tag),
    Alias(alias::Alias),
    History(history::History),
}

impl Key {
    /// Runs the command.
    ///
    /// # Errors
    /// Its own.
    pub(crate) fn run(self, session: &Session) -> Result<()> {
        match self {
            Self::Create(command) => command.run(session),
            Self::Import(command) => command.run(session),
            Self::List(command) => command.run(session),
            Self::Show(command) => command.run(session),
            Self::Set(command) => command.run(session),
            Self::Rotate(command) => command.run(session),
            Self::Activate(command) => command.run(session),
            Self::Disable(command) => command.run(session),
            Self::Enable(command) => command.run(session),
            Self::Archive(command) => command.run(session),
            Self::Recover(command) => command.run(session),
            Self::Revoke(command) => command.run(session),
            Self::Destroy(command) => command.run(session),
            Self::Restore(command) => command.run(session),
            Self::Split(command) => command.run(session),
            Self::Join(command) => command.run(session),
            Self::Export(command) => command.run(session),
            Self::Grant(command) => command.run(session),
            Self::Tag(command) => command.run(session),
            Self::Alias(command) => command.run(session),
            Self::History(command) => command.run(session),
        }
    }
}

/// Path of a key, or of what is under it.
fn path(name: &str, below: &str) -> String {
    format!("/v1/keys/{}{below}", segment(name))
}

/// Prints a key: its fields, then its versions.
///
/// # Errors
/// Stdout cannot be written.
pub(super) fn print(session: &Session, key: &Value) -> Result<()> {
    if session.format == Format::Json {
        return output::json(key);
    }
    let fields =
        ["name", "id", "algorithm", "split", "state", "owner", "created", "usage", "exportable", "tags"];
    // A certificate has no algorithm of its own, and only a part of a key is one.
    let has = |field: &&str| !matches!(*field, "algorithm" | "split") || !text(key, field).is_empty();
    output::pairs(
        &fields.into_iter().filter(has).map(|field| (field, text(key, field))).collect::<Vec<_>>(),
    )?;
    output::line("")?;
    let versions = key.get("versions").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut headings = vec!["version", "state", "created", "activated", "deactivated", "destroyed"];
    if versions.iter().any(|version| version["uses"]["protect"].is_u64()) {
        headings.extend(["uses", "last_used"]);
    }
    if versions.iter().any(|version| version["usage_limits"].is_object()) {
        headings.push("left");
    }
    for date in ["archived", "destruction"] {
        if versions.iter().any(|version| !text(version, date).is_empty()) {
            headings.push(date);
        }
    }
    let row = |version: &Value| headings.iter().map(|heading| cell(version, heading)).collect();
    output::table(&headings, &versions.iter().map(row).collect::<Vec<_>>())
}

/// What a column of the table of versions says of one.
fn cell(version: &Value, heading: &str) -> String {
    match heading {
        "uses" => {
            let uses = |kind: &str| version["uses"][kind].as_u64().unwrap_or(0);
            (uses("protect").saturating_add(uses("process"))).to_string()
        }
        "left" => match &version["usage_limits"] {
            limits @ Value::Object(_) => {
                format!("{} of {} {}", text(limits, "left"), text(limits, "total"), text(limits, "unit"))
            }
            _ => String::new(),
        },
        field => text(version, field),
    }
}
