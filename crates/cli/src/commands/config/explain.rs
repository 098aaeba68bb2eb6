//! `keyreeve config explain`.

use clap::Args;
use keyreeve_server::config::{SETTINGS, Setting};
use serde_json::{Value, json};

use crate::commands::Session;
use crate::errors::{Failure, Result};
use crate::output::{self, Format};

const EXAMPLES: &str = "\
Examples:
  keyreeve config explain
  keyreeve config explain limits
  keyreeve config explain listen.http";

/// Explain the settings of a server: all, those of a section, or one.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Explain {
    /// A setting, such as listen.http, or a section, such as limits
    key: Option<String>,
}

impl Explain {
    /// Prints them.
    ///
    /// # Errors
    /// `Usage` where there is none of this name.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let means = |setting: &&Setting| {
            let key = self.key.as_deref().unwrap_or(setting.key);
            setting.key == key || setting.key.split_once('.').is_some_and(|(section, _)| section == key)
        };
        let chosen: Vec<_> = SETTINGS.iter().filter(means).collect();
        if let (Some(key), true) = (&self.key, chosen.is_empty()) {
            let text = format!("there is no setting {key:?}; `keyreeve config explain` tells them all");
            return Err(Failure::usage(text));
        }
        if session.format == Format::Json {
            return output::json(&chosen.iter().map(|setting| object(setting)).collect::<Vec<_>>().into());
        }
        for (number, setting) in chosen.iter().enumerate() {
            if number > 0 {
                output::line("")?;
            }
            let default = if setting.default.is_empty() { "none" } else { setting.default };
            output::line(setting.key)?;
            output::line(&format!("    {}", setting.meaning))?;
            let range =
                setting.range().map_or_else(String::new, |(min, max)| format!(" from {min} to {max}"));
            output::line(&format!("    type: {}{range}, default: {default}", setting.kind()))?;
            let change = if setting.reloads { "`keyreeve reload`, or SIGHUP" } else { "a restart" };
            output::line(&format!("    a change needs: {change}"))?;
            output::line(&format!("    environment: {}", setting.variable()))?;
        }
        Ok(())
    }
}

fn object(setting: &Setting) -> Value {
    json!({
        "key": setting.key,
        "type": setting.kind(),
        "range": setting.range().map(|(min, max)| [min, max]),
        "default": setting.default,
        "reloads": setting.reloads,
        "environment": setting.variable(),
        "meaning": setting.meaning,
    })
}
