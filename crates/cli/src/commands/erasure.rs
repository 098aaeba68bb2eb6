//! What the commands that destroy share: asking for an erasure, and waiting for its certificate.

use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};

use super::{Session, plain, text};
use crate::client::{Client, segment, with_query};
use crate::errors::{Failure, Kind, Result};
use crate::output::{self, Format};

/// Seconds that one request waits; the server keeps it open so long.
const REQUEST_SECONDS_MAX: u64 = 20;

/// How an erasure is waited for.
#[derive(Args)]
pub(crate) struct Erasing {
    /// Return when nothing anywhere brings the material back, and print the certificate
    #[arg(long)]
    wait: bool,
    /// How long --wait waits
    #[arg(long, value_name = "SECONDS", default_value_t = 60, requires = "wait")]
    timeout: u64,
    /// Of many keys: after the waiting period of each, not at once
    #[arg(long, conflicts_with = "wait")]
    wait_period: bool,
}

/// How long somebody waits.
pub(crate) struct Patience {
    until: Instant,
}

impl Erasing {
    /// Asks for the destruction of many keys, waits for it where that is wanted, and prints what came of it.
    ///
    /// # Errors
    /// `State` where it takes longer than it has patience for; as every request.
    pub(crate) fn run(&self, session: &Session, client: &mut Client, scope: &[(&str, &str)]) -> Result<()> {
        let mut body = json!({ "wait_period": self.wait_period });
        for (kind, name) in scope {
            body[*kind] = json!(name);
            body["confirm"] = json!(format!("{kind} {name}"));
        }
        self.tell_waiting(client);
        let done = client.post("/v1/erasures", &body)?;
        self.conclude(session, client, &done)
    }

    /// Waits for what a destruction of many keys has left to do, where that is wanted, and prints what came of it.
    ///
    /// # Errors
    /// As [`Erasing::run`].
    pub(crate) fn conclude(&self, session: &Session, client: &mut Client, done: &Value) -> Result<()> {
        let Some(patience) = self.patience() else {
            if session.format == Format::Json {
                return output::json(done);
            }
            return output::pairs(
                &["keys", "destroyed", "waiting", "erasures"].map(|field| (field, text(done, field))),
            );
        };
        let erasures = list(done).ok_or_else(|| Failure::answer("no \"erasures\""))?;
        let certificates: Vec<Value> = erasures
            .iter()
            .map(|id| {
                let path = format!("/v1/erasures/{}", segment(&plain(id)));
                let ask =
                    |seconds: u64| client.get(&with_query(&path, &[("wait_seconds", seconds.to_string())]));
                certificate(&patience.spend(ask, is_complete)?)
            })
            .collect::<Result<_>>()?;
        output::json(&certificates.into())
    }

    /// Says, where a line of curl is printed, that the wait is not in it.
    pub(crate) fn tell_waiting(&self, client: &Client) {
        if self.wait {
            client.first_of_several("then it asks for the certificate until that is there");
        }
    }

    /// How long --wait waits; `None` without it.
    pub(crate) fn patience(&self) -> Option<Patience> {
        self.wait.then(|| Patience { until: Instant::now() + Duration::from_secs(self.timeout) })
    }

    /// # Errors
    /// `Usage` where a flag for many keys is given for one.
    pub(crate) fn refuse_period(&self) -> Result<()> {
        if self.wait_period {
            return Err(Failure::usage(
                "--wait-period is for --tag and for `realm erase`; one key waits unless --now is given",
            ));
        }
        Ok(())
    }
}

impl Patience {
    /// Asks until an answer is enough, or the time is over: then the answer as it is. `ask` gets the seconds that the
    /// server may take.
    ///
    /// # Errors
    /// `ask`'s.
    pub(crate) fn spend(
        &self,
        mut ask: impl FnMut(u64) -> Result<Value>,
        enough: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        loop {
            let left = self.until.saturating_duration_since(Instant::now());
            let answer = ask(left.as_secs().min(REQUEST_SECONDS_MAX))?;
            if enough(&answer) || left < Duration::from_secs(1) {
                return Ok(answer);
            }
        }
    }
}

/// The erasures in an answer.
pub(crate) fn list(answer: &Value) -> Option<&Vec<Value>> {
    answer.get("erasures").and_then(Value::as_array)
}

/// True where an erasure is complete.
pub(crate) fn is_complete(erasure: &Value) -> bool {
    erasure.get("state").and_then(Value::as_str) == Some("complete")
}

/// The certificate of an erasure.
///
/// # Errors
/// `State` where it is not complete, with the places that it waits for.
pub(crate) fn certificate(erasure: &Value) -> Result<Value> {
    if is_complete(erasure) {
        return Ok(erasure.get("certificate").cloned().unwrap_or_default());
    }
    let (id, pending) = (text(erasure, "id"), text(erasure, "pending"));
    let waits_for = if pending.is_empty() { "the server's own work".to_owned() } else { pending };
    let mut text = format!("destroyed, but erasure {id} is not complete: it waits for {waits_for}");
    for met in erasure.get("troubles").and_then(Value::as_array).into_iter().flatten() {
        text = format!("{text}; {}", trouble(met));
    }
    Err(Failure::new(Kind::State, text).with_hint("the same command goes on waiting"))
}

/// What keeps a place from its part in destructions, in one line.
pub(crate) fn trouble(trouble: &Value) -> String {
    let [place, what, at] = ["place", "what", "at"].map(|field| text(trouble, field));
    format!("{place}: {what} ({at})")
}
