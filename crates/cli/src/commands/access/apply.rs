//! `keyreeve access apply`.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::test::{ask, require_passed};
use crate::commands::{Session, text};
use crate::errors::{Failure, Result};
use crate::input;
use crate::output::{self, Format};

const EXAMPLES: &str = "\
Examples:
  keyreeve access apply shop.cedar
  keyreeve access apply < shop.cedar";

/// Add access rules, or put them in the place of those of the same names; other rules stay.
///
/// Each rule is a Cedar policy with @id(\"name\") before it. `access show --schema` tells what rules can speak of. Where tests lie
/// beside the file, as shop.test.json beside shop.cedar, they are run first, and where one fails nothing is applied: exit code 5.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Apply {
    /// File with the rules; without it they are read from stdin
    file: Option<PathBuf>,
}

impl Apply {
    /// Asks, prints what changed.
    ///
    /// # Errors
    /// `Usage` where the file is no text; `Verification` where a test beside it fails; as every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let mut client = session.client()?;
        let data = input::data(self.file.as_deref())?;
        let rules = std::str::from_utf8(&data).map_err(|_| Failure::usage("access rules are UTF-8 text"))?;
        let tests = self.file.as_ref().map(|file| file.with_extension("test.json"));
        if let Some(tests) = tests.filter(|tests| tests.is_file() && !session.prints_curl) {
            let (cases, answer) = ask(&mut client, &tests, Some(rules))?;
            require_passed(&answer)?;
            output::message(&format!("tests passed: {} of {}", cases.len(), tests.display()));
        }
        let answer = client.post("/v1/access/rules", &json!({ "text": rules }))?;
        for warning in answer.get("warnings").and_then(Value::as_array).into_iter().flatten() {
            output::message(&format!("warning: {}", warning.as_str().unwrap_or_default()));
        }
        match session.format {
            Format::Json => output::json(&answer),
            Format::Table => {
                let fields = ["added", "changed", "unchanged", "revision"];
                output::pairs(&fields.map(|field| (field, text(&answer, field))))
            }
        }
    }
}
