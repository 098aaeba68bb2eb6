//! `keyreeve alert list`, `show`, `ack`, `snooze`, `suppress` and `resume`.

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::shown;
use crate::client::with_query;
use crate::commands::{Session, text};
use crate::errors::Result;
use crate::output::{self, Format};

/// Whether somebody has looked at it.
#[derive(Clone, Copy, ValueEnum)]
enum State {
    Open,
    Acknowledged,
    All,
}

/// How much it matters.
#[derive(Clone, Copy, ValueEnum)]
enum Severity {
    Inform,
    Warn,
    Page,
}

/// List the alerts of the realm, newest first: those that nobody has looked at yet.
#[derive(Args)]
pub(crate) struct List {
    /// Those that are in this state
    #[arg(long, value_enum, default_value_t = State::Open)]
    state: State,
    /// Only those that matter as much as this, or more
    #[arg(long, value_enum)]
    severity: Option<Severity>,
}

impl List {
    /// Asks, prints a line each.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let mut query = vec![("state", word(self.state))];
        query.extend(self.severity.map(|severity| ("severity", word(severity))));
        let answer = session.client()?.get(&with_query("/v1/alerts", &query))?;
        shown(session, &answer, "alerts", &["number", "last", "severity", "rule", "subject", "observed"])?;
        if session.format != Format::Json {
            for suppression in answer.get("suppressions").and_then(Value::as_array).into_iter().flatten() {
                output::message(&suppressed(suppression));
            }
        }
        Ok(())
    }
}

fn word(value: impl ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

/// What nobody is told, for people.
fn suppressed(suppression: &Value) -> String {
    let [rule, subject, until, by, reason] =
        ["rule", "subject", "until", "by", "reason"].map(|field| text(suppression, field));
    let of = if subject.is_empty() { String::new() } else { format!(" of {subject}") };
    format!("nobody is told of {rule}{of} until {until}: {by}: {reason}")
}

/// Show an alert, with the entries of the journal that it rests on.
#[derive(Args)]
pub(crate) struct Show {
    /// Its number
    number: u64,
}

impl Show {
    /// Asks, prints it.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        print(session, &session.client()?.get(&format!("/v1/alerts/{}", self.number))?)
    }
}

/// Say that you have looked at an alert: the same from then on is a new one.
#[derive(Args)]
pub(crate) struct Ack {
    /// Its number
    number: u64,
    /// What it was, for those who come later
    #[arg(long, default_value = "")]
    note: String,
}

impl Ack {
    /// Asks, prints the alert.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let path = format!("/v1/alerts/{}/acknowledge", self.number);
        print(session, &session.client()?.post(&path, &json!({ "note": self.note }))?)
    }
}

/// How long nobody is told, and why.
#[derive(Args)]
struct Quiet {
    /// For so many hours, at most 2160 (90 days)
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=2160))]
    hours: u16,
    /// Why, for those who come later
    #[arg(long)]
    reason: String,
}

/// Tell nobody of the same about the same subject, for some hours; it is raised and listed all the same.
#[derive(Args)]
pub(crate) struct Snooze {
    /// Number of the alert
    number: u64,
    #[command(flatten)]
    quiet: Quiet,
}

impl Snooze {
    /// Asks, prints the alert.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let Quiet { hours, reason } = self.quiet;
        let path = format!("/v1/alerts/{}/snooze", self.number);
        print(session, &session.client()?.post(&path, &json!({ "hours": hours, "reason": reason }))?)
    }
}

/// Tell nobody of what a rule finds, for some hours; it is raised and listed all the same.
#[derive(Args)]
pub(crate) struct Suppress {
    /// The rule, as `alert rules` lists them
    rule: String,
    /// Only of this subject, as alerts name it
    #[arg(long)]
    subject: Option<String>,
    #[command(flatten)]
    quiet: Quiet,
}

impl Suppress {
    /// Asks, prints what is suppressed now.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let Quiet { hours, reason } = self.quiet;
        let body = json!({ "rule": self.rule, "subject": self.subject, "hours": hours, "reason": reason });
        print_all(session, &session.client()?.post("/v1/alert-suppressions", &body)?)
    }
}

/// Tell again what was snoozed or suppressed.
#[derive(Args)]
pub(crate) struct Resume {
    /// The rule
    rule: String,
    /// The subject, where one alert was snoozed or one subject suppressed
    #[arg(long)]
    subject: Option<String>,
}

impl Resume {
    /// Asks, prints what is still suppressed.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let body = json!({ "rule": self.rule, "subject": self.subject });
        print_all(session, &session.client()?.post("/v1/alert-suppressions/end", &body)?)
    }
}

fn print_all(session: &Session, answer: &Value) -> Result<()> {
    shown(session, answer, "suppressions", &["rule", "subject", "until", "by", "reason"])
}

fn print(session: &Session, alert: &Value) -> Result<()> {
    if session.format == Format::Json {
        return output::json(alert);
    }
    const FIELDS: [&str; 9] =
        ["number", "severity", "rule", "subject", "observed", "since", "first", "last", "raised"];
    let mut pairs: Vec<_> = FIELDS.iter().map(|field| (*field, text(alert, field))).collect();
    let entries = alert.get("entries").and_then(Value::as_array).into_iter().flatten();
    pairs.push(("entries", entries.map(ToString::to_string).collect::<Vec<_>>().join(", ")));
    if let Some(acknowledged) = alert.get("acknowledged").filter(|acknowledged| !acknowledged.is_null()) {
        let [time, by, note] = ["time", "by", "note"].map(|field| text(acknowledged, field));
        pairs.push((
            "acknowledged",
            format!("{time} by {by}: {note}").trim_end_matches([':', ' ']).to_owned(),
        ));
    }
    output::pairs(&pairs)
}
