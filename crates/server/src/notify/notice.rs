//! What destinations are told, whatever it is about: the only thing that they know. Not here: what each makes of it.

use keyreeve_core::alerts::Severity;
use keyreeve_core::model::Time;
use serde_json::{Map, Value, json};

use crate::quote::plain;

/// Bytes of a title at most.
pub(super) const TITLE_BYTES_MAX: usize = 200;
/// Bytes of a text at most.
const TEXT_BYTES_MAX: usize = 2000;
/// Bytes of a field at most, where it stands among text.
const FIELD_BYTES_MAX: usize = 500;

/// What kind of thing is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// An alert was raised, or again.
    Alert,
    /// A key has another version.
    Rotation,
    /// Nothing: somebody tries whether messages get there.
    Test,
}

/// Something that people are told. Holds no secret.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Notice {
    /// Its own, the same each time it is sent: letters, digits and `-`.
    pub(super) id: String,
    /// What it is about: the same where it is told of again.
    pub(super) subject: String,
    /// What it is.
    pub(super) event: Event,
    /// When it came to be known.
    pub(super) time: Time,
    /// How much it matters.
    pub(super) severity: Severity,
    /// The realm that it is about.
    pub(super) realm: String,
    /// The rule that brought it; empty: none.
    pub(super) rule: String,
    /// In a few words, on one line.
    pub(super) title: String,
    /// In a sentence or two, on one line.
    pub(super) text: String,
    /// The server that says so.
    pub(super) server: String,
    /// What else is known, by names of letters and `_`.
    pub(super) fields: Map<String, Value>,
}

impl Event {
    /// The word for programs.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Alert => "alert.raised",
            Self::Rotation => "key.rotated",
            Self::Test => "notification.test",
        }
    }
}

impl Notice {
    /// One that says that it gets there, and nothing else.
    pub(super) fn test(id: String, time: Time, server: &str) -> Self {
        Self {
            subject: id.clone(),
            id,
            event: Event::Test,
            time,
            severity: Severity::Inform,
            realm: "default".to_owned(),
            rule: String::new(),
            title: "A test of notifications".to_owned(),
            text: "Somebody asked for it by `keyreeve notify test`. There is nothing to do.".to_owned(),
            server: server.to_owned(),
            fields: Map::new(),
        }
    }

    /// What stands first everywhere.
    pub(super) fn headline(&self) -> String {
        let said = format!("[Keyreeve {}] {}", self.severity.word(), self.title);
        plain(&said, TITLE_BYTES_MAX)
    }

    /// What there is to say, on one line.
    pub(super) fn sentence(&self) -> String {
        plain(&self.text, TEXT_BYTES_MAX)
    }

    /// All else in the order of importance, by its name, each on one line.
    pub(super) fn lines(&self) -> Vec<(String, String)> {
        let own = [
            ("severity", self.severity.word().to_owned()),
            ("rule", self.rule.clone()),
            ("realm", self.realm.clone()),
            ("time", self.time.to_string()),
            ("server", self.server.clone()),
        ];
        let own = own.into_iter().filter(|(_, value)| !value.is_empty());
        let own = own.map(|(name, value)| (name.to_owned(), plain(&value, FIELD_BYTES_MAX)));
        let further = self.fields.iter().map(|(name, value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            (name.clone(), plain(&text, FIELD_BYTES_MAX))
        });
        own.chain(further).collect()
    }

    /// For programs.
    pub(super) fn to_json(&self) -> Value {
        json!({
            "id": self.id,
            "subject": self.subject,
            "severity": self.severity.word(),
            "rule": self.rule,
            "realm": self.realm,
            "time": self.time.to_string(),
            "title": self.title,
            "text": self.text,
            "server": self.server,
            "fields": self.fields,
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// One whose every text was written by somebody who means ill.
    pub(in crate::notify) fn hostile() -> Notice {
        let ill = "<!channel> <b>&amp;\"\r\n.\r\nBcc: all@example.org\u{202e}";
        Notice {
            event: Event::Alert,
            severity: Severity::Page,
            realm: ill.to_owned(),
            rule: "canary".to_owned(),
            title: ill.to_owned(),
            text: ill.to_owned(),
            fields: [("subject".to_owned(), json!(ill)), ("evidence".to_owned(), json!([1, 2]))]
                .into_iter()
                .collect(),
            ..Notice::test("a-1".to_owned(), Time(1_700_000_000_000), "kms.example")
        }
    }

    #[test]
    fn no_line_of_a_notice_has_more_than_a_line() {
        let notice = hostile();
        let all = notice.lines().into_iter().map(|(_, value)| value);
        for line in all.chain([notice.headline(), notice.sentence()]) {
            assert!(!line.contains(['\r', '\n', '\u{202e}']), "{line:?}");
        }
        let long = Notice { title: "x".repeat(9000), text: "y".repeat(9000), ..notice };
        assert!(long.headline().len() < 210 && long.sentence().len() < 2010);
    }
}
