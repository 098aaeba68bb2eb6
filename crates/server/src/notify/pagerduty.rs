//! PagerDuty's Events API, version 2, which others take as well. Not here: the post.

use std::path::PathBuf;

use keyreeve_core::alerts::Severity;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::Failure;
use super::notice::Notice;
use super::post::Receiver;
use super::secrets;
use crate::config;

/// Where PagerDuty takes events.
const URL: &str = "https://events.pagerduty.com/v2/enqueue";

/// A service.
pub(super) struct Pagerduty {
    receiver: Receiver,
    key_file: PathBuf,
}

impl Pagerduty {
    pub(super) fn new(configured: &config::Destination) -> Result<Self, String> {
        let key_file = configured.secret_file.clone().ok_or("it has no secret_file")?;
        secrets::lines(&key_file)?;
        Ok(Self { receiver: Receiver::new(configured, Some(URL))?, key_file })
    }

    pub(super) async fn deliver(&self, notice: &Notice) -> Result<String, Failure> {
        let read = secrets::lines_aside(self.key_file.clone()).await;
        let lines = read.map_err(|cause| Failure::Elsewhere(cause, None))?;
        let key = lines.first().map_or("", |line| line.as_str());
        self.receiver.post_text(Vec::new(), event(notice, key)).await
    }
}

/// The event. The same subject is the same incident there. Holds the routing key.
fn event(notice: &Notice, routing_key: &str) -> Zeroizing<Vec<u8>> {
    let details: serde_json::Map<String, Value> =
        notice.lines().into_iter().map(|(name, value)| (name, Value::from(value))).collect();
    let event = json!({
        "event_action": "trigger",
        "dedup_key": notice.subject,
        "client": "Keyreeve",
        "payload": {
            "summary": notice.headline(),
            "source": notice.server,
            "severity": severity(notice.severity),
            "timestamp": notice.time.to_string(),
            "component": "keyreeve",
            "group": notice.realm,
            "class": notice.rule,
            "custom_details": { "text": notice.sentence(), "details": details },
        },
    });
    // INVARIANT: the key is written once, into what is zeroized.
    let key = Zeroizing::new(Value::from(routing_key).to_string());
    let rest = event.to_string();
    let mut text = Zeroizing::new(Vec::with_capacity(rest.len() + key.len() + 32));
    text.extend_from_slice(b"{\"routing_key\":");
    text.extend_from_slice(key.as_bytes());
    text.push(b',');
    text.extend_from_slice(&rest.as_bytes()[1..]);
    text
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Inform => "info",
        Severity::Warn => "warning",
        Severity::Page => "critical",
    }
}

#[cfg(test)]
mod tests {
    use super::super::notice::tests::hostile;
    use super::*;

    #[test]
    fn an_event_has_what_pagerduty_wants() {
        let event: Value = serde_json::from_slice(&event(&hostile(), "k\"ey")).unwrap();
        assert_eq!((&event["routing_key"], &event["event_action"]), (&json!("k\"ey"), &json!("trigger")));
        assert_eq!(event["dedup_key"], "a-1");
        let payload = &event["payload"];
        assert_eq!((&payload["severity"], &payload["source"]), (&json!("critical"), &json!("kms.example")));
        assert!(payload["summary"].as_str().unwrap().len() <= 1024);
        assert_eq!(payload["custom_details"]["details"]["evidence"], "[1,2]");
        let word = |known| severity(known);
        assert_eq!([word(Severity::Inform), word(Severity::Warn)], ["info", "warning"]);
    }
}
