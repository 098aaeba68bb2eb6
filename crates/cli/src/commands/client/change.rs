//! `keyreeve client change`.

use clap::{ArgGroup, Args};
use serde_json::{Map, json};

use super::add::Role;
use crate::client::segment;
use crate::commands::approval::tell_of_rule;
use crate::commands::{Session, text, word};
use crate::errors::Result;
use crate::output::{self, Format};

const EXAMPLES: &str = "\
Examples:
  keyreeve client change billing --group shop --group night-shift
  keyreeve client change billing --role auditor
  keyreeve client change billing --no-roles";

/// Change the roles or groups of a client; what is not named stays as it is. It counts from the next request on.
#[derive(Args)]
#[command(after_help = EXAMPLES, group(ArgGroup::new("what").required(true).multiple(true)))]
pub(crate) struct Change {
    /// The client
    name: String,
    /// All roles that it shall have; repeat for more
    #[arg(long = "role", value_enum, group = "what")]
    roles: Vec<Role>,
    /// No role any more: only what rules and grants allow
    #[arg(long, group = "what", conflicts_with = "roles")]
    no_roles: bool,
    /// All groups that it shall be in; repeat for more
    #[arg(long = "group", value_name = "GROUP", group = "what")]
    groups: Vec<String>,
    /// No group any more
    #[arg(long, group = "what", conflicts_with = "groups")]
    no_groups: bool,
}

impl Change {
    /// Asks, prints what holds now.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let mut body = Map::new();
        if self.no_roles || !self.roles.is_empty() {
            let roles: Vec<_> = self.roles.iter().map(|role| word(*role)).collect();
            body.insert("roles".into(), json!(roles));
        }
        if self.no_groups || !self.groups.is_empty() {
            body.insert("groups".into(), json!(self.groups));
        }
        let path = format!("/v1/clients/{}", segment(&self.name));
        let answer = session.client()?.patch(&path, &body.into())?;
        tell_of_rule(&answer);
        match session.format {
            Format::Json => output::json(&answer),
            Format::Table => {
                output::pairs(&["name", "id", "roles", "groups"].map(|field| (field, text(&answer, field))))
            }
        }
    }
}
