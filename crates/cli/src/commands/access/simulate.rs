//! `keyreeve access simulate`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use serde_json::{Value, json};

use super::Way;
use crate::commands::{Session, name_and_value, text};
use crate::errors::{Failure, Result};
use crate::input;
use crate::output::{self, Format};

const EXAMPLES: &str = "\
Examples:
  keyreeve access simulate decrypt cards             who can decrypt with this key
  keyreeve access simulate --apply shop.cedar        what these rules would allow and forbid
  keyreeve access simulate --apply shop.cedar --protocol kmip --source 192.0.2.7
  keyreeve access simulate --remove freeze";

/// Tell who can do something, or what a change of access rules would allow and forbid. Nothing changes.
#[derive(Args)]
#[command(after_help = EXAMPLES, group(ArgGroup::new("what").required(true).multiple(true)))]
pub(crate) struct Simulate {
    /// The action: who can do it?
    #[arg(group = "what", conflicts_with_all = ["apply", "remove"])]
    action: Option<String>,
    /// The key, where the action is about one
    #[arg(requires = "action")]
    key: Option<String>,
    /// Encryption context of the request that is asked about; repeat for more
    #[arg(long, value_name = "NAME=VALUE", value_parser = name_and_value)]
    context: Vec<(String, String)>,
    /// File with rules that would be applied
    #[arg(long, value_name = "FILE", group = "what")]
    apply: Option<PathBuf>,
    /// Rule that would be removed; repeat for more
    #[arg(long, value_name = "RULE", group = "what")]
    remove: Vec<String>,
    #[command(flatten)]
    way: Way,
}

impl Simulate {
    /// Asks, prints a line for each client, or for each decision that would be another.
    ///
    /// # Errors
    /// `Usage` where the file is no text; as every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let context: Value =
            self.context.iter().map(|(name, value)| (name.clone(), Value::from(value.clone()))).collect();
        let (answer, field, columns) = match &self.action {
            Some(action) => {
                let mut body = json!({ "action": action, "key": self.key, "context": context });
                self.way.tell(&mut body);
                let answer = session.client()?.post("/v1/access/check", &body)?;
                (answer, "principals", &["principal", "by"][..])
            }
            None => {
                let mut body = json!({ "remove": self.remove, "context": context });
                self.way.tell(&mut body);
                if let Some(file) = &self.apply {
                    let data = input::data(Some(file))?;
                    let rules = std::str::from_utf8(&data);
                    let rules = rules.map_err(|_| Failure::usage("access rules are UTF-8 text"))?;
                    body["text"] = rules.into();
                }
                let answer = session.client()?.post("/v1/access/simulate", &body)?;
                (answer, "differences", &["principal", "action", "key", "allowed", "by"][..])
            }
        };
        if answer.get("complete").and_then(Value::as_bool) == Some(false) {
            output::message("warning: there is more than is told here");
        }
        for rule in answer.get("hang_on_requests").and_then(Value::as_array).into_iter().flatten() {
            let rule = rule.as_str().unwrap_or_default();
            output::message(&format!(
                "warning: {rule} looks at the protocol, the address, the time or the encryption context of a request: what it says of others \
                 than this one is not told (--protocol, --source, --context, `access test`)"
            ));
        }
        match session.format {
            Format::Json => output::json(&answer),
            Format::Table => {
                let found = answer.get(field).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
                let row = |one: &Value| columns.iter().map(|column| text(one, column)).collect();
                output::table(columns, &found.iter().map(row).collect::<Vec<Vec<_>>>())
            }
        }
    }
}
