//! `keyreeve alert replay`: what the rules find in a journal, that of the server or one in a file.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args};
use keyreeve_server::alerts::{self, Replay as Rules, ReplayError};
use serde_json::{Value, json};

use super::shown;
use crate::commands::Session;
use crate::errors::{Failure, Kind, Result};
use crate::output;

/// Tell what the rules find in a journal: the server's own, or with --file anybody's, in the form that docs/alerts.md documents.
///
/// Nothing is raised and nobody is told: it shows what a rule would have said.
#[derive(Args)]
#[command(group(ArgGroup::new("journal").required(true)))]
pub(crate) struct Replay {
    /// Read the server's journal, and tell what was noticed at this time or later, such as 2026-01-31T12:00:00Z; what was before
    /// only teaches the rules what is usual
    #[arg(long, group = "journal", value_name = "TIME")]
    since: Option<String>,
    /// File with an entry a line, as GET /v1/journal streams them (NDJSON); - for stdin
    #[arg(long, group = "journal", value_name = "FILE")]
    file: Option<PathBuf>,
    /// Only what this rule finds
    #[arg(long, value_name = "RULE")]
    rule: Option<String>,
}

/// Findings that are told one by one; the others are counted.
const TOLD_MAX: usize = 10_000;

/// What was found so far.
struct Told {
    since: String,
    rule: Option<String>,
    findings: Vec<Value>,
    counts: [u64; 3],
}

impl Replay {
    /// Reads, prints the findings.
    ///
    /// # Errors
    /// `Usage` for a line that is no entry, a time that is none and a rule that is none; as every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        if let Some(rule) = self.rule.as_ref().filter(|rule| !alerts::is_rule(rule)) {
            return Err(Failure::usage(format!(
                "there is no rule {rule:?}: `keyreeve alert rules` lists them"
            )));
        }
        let since = self.since.as_deref().map(alerts::time_of).transpose().map_err(Failure::usage)?;
        let (mut told, mut rules) = (Told::new(since, self.rule), Rules::default());
        match &self.file {
            Some(file) => read_file(file, &mut rules, &mut told)?,
            None => session.client()?.lines(
                "/v1/journal?after=0&follow=false",
                "application/x-ndjson",
                // An empty line is a sign of life.
                |line| match line {
                    "" => Ok(()),
                    line => rules.line(line.as_bytes(), |finding| told.add(finding)).map_err(Failure::answer),
                },
            )?,
        }
        told.print(session, &rules)
    }
}

impl Told {
    fn new(since: Option<String>, rule: Option<String>) -> Self {
        Self { since: since.unwrap_or_default(), rule, findings: Vec::new(), counts: [0; 3] }
    }

    fn add(&mut self, finding: Value) {
        // Both are written as the server writes times, whose order is that of their texts.
        let is_earlier = finding["time"].as_str().is_none_or(|time| time < &*self.since);
        if is_earlier || self.rule.as_ref().is_some_and(|rule| finding["rule"] != **rule) {
            return;
        }
        let at = ["inform", "warn", "page"].iter().position(|word| finding["severity"] == **word);
        self.counts[at.unwrap_or_default()] += 1;
        if self.findings.len() < TOLD_MAX {
            self.findings.push(finding);
        }
    }

    fn print(self, session: &Session, rules: &Rules) -> Result<()> {
        let [inform, warn, page] = self.counts;
        output::message(&format!(
            "{} entries: {page} to page, {warn} to warn, {inform} to inform{}",
            rules.entries,
            match rules.unknown {
                0 => String::new(),
                unknown => format!("; {unknown} entries are of actions that this version does not know"),
            }
        ));
        let counted = json!({ "page": page, "warn": warn, "inform": inform });
        let answer = json!({
            "entries": rules.entries, "unknown": rules.unknown, "counts": counted, "findings": self.findings,
        });
        shown(session, &answer, "findings", &["time", "severity", "rule", "subject", "observed"])
    }
}

fn read_file(file: &Path, rules: &mut Rules, told: &mut Told) -> Result<()> {
    rules.read(opened(file)?, |finding| told.add(finding)).map_err(|error| match error {
        ReplayError::Read(cause) => Failure::file("read", file, cause),
        wrong => Failure::new(Kind::Usage, format!("{}: {wrong}", file.display())),
    })
}

fn opened(file: &Path) -> Result<Box<dyn BufRead>> {
    if file == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    let opened = File::open(file).map_err(|cause| Failure::file("read", file, cause))?;
    Ok(Box::new(BufReader::new(opened)))
}
