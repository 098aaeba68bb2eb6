//! Slack's incoming webhooks, whose form many others take as well. Not here: the post.
//!
//! The URL is the secret: whoever knows it writes into the channel.

use serde_json::{Value, json};

use super::Failure;
use super::notice::Notice;
use super::post::Receiver;
use crate::config;

/// A channel.
pub(super) struct Slack(Receiver);

impl Slack {
    pub(super) fn new(configured: &config::Destination) -> Result<Self, String> {
        Receiver::new(configured, None).map(Self)
    }

    pub(super) async fn deliver(&self, notice: &Notice) -> Result<String, Failure> {
        self.0.post(Vec::new(), &body(notice)).await
    }
}

/// The message: `text` for notifications and for those who know no blocks, blocks of plain text for the channel.
fn body(notice: &Notice) -> Value {
    let block = |kind: &str, text: String| json!({ "type": kind, "text": { "type": "plain_text", "text": text, "emoji": false } });
    let lines: Vec<String> =
        notice.lines().into_iter().map(|(name, value)| format!("{name}: {value}")).collect();
    // Slack takes 150 characters in a header and 3000 in a section.
    let headline: String = notice.headline().chars().take(150).collect();
    let details: String = lines.join("\n").chars().take(2900).collect();
    json!({
        "text": escaped(&format!("{}: {}", notice.headline(), notice.sentence())),
        "blocks": [block("header", headline), block("section", notice.sentence()), block("section", details)],
    })
}

/// Text in which nothing is a mention, a link or a command to Slack.
///
/// # Standard
/// Slack's mrkdwn: control sequences stand in angle brackets.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::super::notice::tests::hostile;
    use super::*;

    #[test]
    fn a_name_mentions_nobody_and_links_nowhere() {
        let body = body(&hostile());
        let text = body["text"].as_str().unwrap();
        assert!(text.starts_with("[Keyreeve page] &lt;!channel&gt; "), "{text}");
        assert!(!text.contains(['<', '>', '\n']), "{text}");
        for block in body["blocks"].as_array().unwrap() {
            assert_eq!(block["text"]["type"], "plain_text");
        }
        assert!(body["blocks"][2]["text"]["text"].as_str().unwrap().contains("\nevidence: [1,2]"));
    }

    #[test]
    fn a_long_message_is_one_that_slack_takes() {
        let long = "y".repeat(9000);
        let fields = (0..20).map(|number| (format!("f{number}"), json!(long))).collect();
        let body = body(&Notice { title: long.clone(), text: long.clone(), fields, ..hostile() });
        let characters =
            |index: usize| body["blocks"][index]["text"]["text"].as_str().unwrap().chars().count();
        assert!(characters(0) <= 150 && characters(1) <= 3000 && characters(2) <= 3000);
    }
}
