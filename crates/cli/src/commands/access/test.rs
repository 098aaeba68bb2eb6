//! `keyreeve access test`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use crate::client::Client;
use crate::commands::{Session, text};
use crate::errors::{Failure, Kind, Result};
use crate::input;
use crate::output::{self, Format};

const EXAMPLES: &str = "\
Examples:
  keyreeve access test shop.test.json                      tests of the rules that hold
  keyreeve access test shop.test.json --rules shop.cedar   tests of a file of rules, alone";

/// Test access rules: a JSON list of questions, each with what is expected. Exit code 5 where one is decided otherwise.
///
/// The clients and keys in it need not be there: {\"principal\": \"till\", \"groups\": [\"tills\"], \"action\": \"encrypt\",
/// \"key\": {\"name\": \"cards\"}, \"expect\": \"allow\"}.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Test {
    /// File with the tests
    file: PathBuf,
    /// Test these rules instead of those that hold
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
}

impl Test {
    /// Asks, prints a line for each test.
    ///
    /// # Errors
    /// `Usage` where a file cannot be read as what it shall be; `Verification` where a test fails; as every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let rules = self.rules.as_deref().map(|file| input::data(Some(file))).transpose()?;
        let rules = rules.as_ref().map(|data| std::str::from_utf8(data)).transpose();
        let rules = rules.map_err(|_| Failure::usage("access rules are UTF-8 text"))?;
        let (cases, answer) = ask(&mut session.client()?, &self.file, rules)?;
        match session.format {
            Format::Json => output::json(&answer)?,
            Format::Table => {
                let row = |(case, result): (&Value, &Value)| {
                    let key = case.get("key").map(|key| text(key, "name")).unwrap_or_default();
                    let asked = [text(case, "principal"), text(case, "action"), key];
                    let came = ["passed", "by"].map(|field| text(result, field));
                    asked.into_iter().chain(came).collect()
                };
                let rows: Vec<Vec<String>> = cases.iter().zip(results(&answer)).map(row).collect();
                output::table(&["principal", "action", "key", "passed", "by"], &rows)?;
            }
        }
        require_passed(&answer)
    }
}

/// The tests of a file, and what came of them with these rules, or with those that hold.
///
/// # Errors
/// `Usage` where the file is no list of tests; as every request.
pub(super) fn ask(client: &mut Client, file: &Path, rules: Option<&str>) -> Result<(Vec<Value>, Value)> {
    let data = input::data(Some(file))?;
    let wrong = |cause| Failure::usage(format!("{} is no list of tests: {cause}", file.display()));
    let cases: Vec<Value> = serde_json::from_slice(&data).map_err(wrong)?;
    let mut body = json!({ "cases": cases });
    if let Some(rules) = rules {
        body["text"] = rules.into();
    }
    let answer = client.post("/v1/access/test", &body)?;
    Ok((cases, answer))
}

/// Fails where a test did.
///
/// # Errors
/// `Verification`.
pub(super) fn require_passed(answer: &Value) -> Result<()> {
    let results = results(answer);
    match results.iter().filter(|result| result.get("passed") != Some(&true.into())).count() {
        0 => Ok(()),
        failed => {
            Err(Failure::new(Kind::Verification, format!("{failed} of {} tests failed", results.len())))
        }
    }
}

fn results(answer: &Value) -> &[Value] {
    answer.get("results").and_then(Value::as_array).map_or(&[][..], Vec::as_slice)
}
