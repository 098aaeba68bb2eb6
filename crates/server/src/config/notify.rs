//! The table `notify`: who is told of alerts. Nothing but the configuration names one.

use std::path::PathBuf;

use keyreeve_core::alerts::{self, Severity};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::listen::HttpsUrl;

/// Destinations of one server at most.
const DESTINATIONS_MAX: usize = 16;
/// Bytes of a destination's name at most.
const NAME_BYTES_MAX: usize = 64;
/// Recipients of one destination at most.
const RECIPIENTS_MAX: usize = 50;
/// Days at most for which a message is tried.
const GIVE_UP_DAYS_MAX: u32 = 30;

/// Who is told of alerts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Notify {
    /// Days after an alert at which it is not tried any more to tell of it.
    #[serde(deserialize_with = "days")]
    pub give_up_days: u32,
    /// Who is told.
    #[serde(deserialize_with = "checked")]
    pub destinations: Vec<Destination>,
}

/// Who is told of alerts, of which, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Destination {
    /// What it is called here, in the log and in the journal. Its place in the journal goes with the name.
    pub name: String,
    /// How messages get there.
    pub to: DestinationKind,
    /// What it is told of.
    #[serde(default = "alerts_alone")]
    pub events: Vec<DestinationEvent>,
    /// Of alerts, the least severity that it is told of.
    #[serde(default)]
    pub severity: LeastSeverity,
    /// Names of the realms of which it is told; none: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub realms: Vec<String>,
    /// Of alerts, the rules that it is told of; none: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// Where it is, over HTTPS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// File whose first line is the URL, where that is a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_file: Option<PathBuf>,
    /// For `webhook`: file with secrets that messages are signed with, a line each. For `pagerduty`: with the routing key. For
    /// `email`: with user and password, a line each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_file: Option<PathBuf>,
    /// For `email`: host and port of the SMTP server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// For `email`: how the connection is protected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<MailTls>,
    /// For `email`: the sender's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// For `email`: the recipients' addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recipients: Vec<String>,
    /// PEM file with the authorities that may have issued its certificate; none: those that the system trusts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Whether it may be on this machine or in a private network.
    #[serde(default)]
    pub private_addresses: bool,
}

/// How messages get to a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DestinationKind {
    /// Signed, by the Standard Webhooks specification.
    Webhook,
    /// By SMTP.
    Email,
    /// What Slack's incoming webhooks take, and many others.
    Slack,
    /// PagerDuty's Events API, version 2.
    Pagerduty,
}

/// What a destination can be told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DestinationEvent {
    /// Alerts.
    Alerts,
    /// Keys that have another version, so that others fetch it.
    Rotations,
}

/// The least severity that a destination is told of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LeastSeverity {
    /// All.
    Inform,
    /// What is to be looked at on the next working day, and worse.
    #[default]
    Warn,
    /// What is to be looked at now.
    Page,
}

/// How the connection to an SMTP server is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailTls {
    /// TLS after STARTTLS, without which nothing is sent.
    #[default]
    Starttls,
    /// TLS from the first byte.
    Implicit,
    /// Not at all: only to this machine.
    None,
}

fn alerts_alone() -> Vec<DestinationEvent> {
    vec![DestinationEvent::Alerts]
}

impl Default for Notify {
    fn default() -> Self {
        Self { give_up_days: 3, destinations: Vec::new() }
    }
}

impl LeastSeverity {
    /// As alerts have it.
    pub fn severity(self) -> Severity {
        match self {
            Self::Inform => Severity::Inform,
            Self::Warn => Severity::Warn,
            Self::Page => Severity::Page,
        }
    }
}

impl Destination {
    /// The host of the address, without brackets, and the port; `None` where there is none.
    pub fn host_and_port(&self) -> Option<(&str, u16)> {
        let (host, port) = self.address.as_deref()?.rsplit_once(':')?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        (!host.is_empty()).then_some((host, port.parse().ok()?))
    }

    fn check(&self) -> Result<(), String> {
        let name = &self.name;
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.chars().all(fits) {
            let what = format!("letters, digits, - and _, at most {NAME_BYTES_MAX}");
            return Err(format!("the name of a table in notify.destinations is {what}"));
        }
        let wrong = |cause: &str| Err(format!("the destination {name}: {cause}"));
        if self.events.is_empty() {
            return wrong("it is told of nothing: say events = [\"alerts\", \"rotations\"], or one of them");
        }
        let known = alerts::names();
        if let Some(rule) = self.rules.iter().find(|rule| !known.contains(&***rule)) {
            let shown = if rule.chars().all(fits) { &**rule } else { "one of them" };
            return wrong(&format!("no rule of alerts is called {shown}: docs/alerts.md has them all"));
        }
        let (has_url, has_file) = (self.url.is_some(), self.url_file.is_some());
        let of_mail = self.address.is_some() || self.tls.is_some() || self.from.is_some();
        if (of_mail || !self.recipients.is_empty()) && self.to != DestinationKind::Email {
            return wrong("address, tls, from and recipients are for to = \"email\"");
        }
        match self.to {
            DestinationKind::Webhook if has_url == has_file || self.secret_file.is_none() => {
                return wrong("to = \"webhook\" needs url or url_file, and secret_file");
            }
            DestinationKind::Slack if has_url || !has_file || self.secret_file.is_some() => {
                return wrong("to = \"slack\" needs url_file, since who knows the URL can write there");
            }
            DestinationKind::Pagerduty if has_file || self.secret_file.is_none() => {
                return wrong(
                    "to = \"pagerduty\" needs secret_file, and may have a url that is not PagerDuty's",
                );
            }
            DestinationKind::Email if has_url || has_file => {
                return wrong("to = \"email\" takes no URL: it needs address, from and recipients");
            }
            DestinationKind::Email => self.check_mail()?,
            _ => {}
        }
        match self.url.as_deref().map(HttpsUrl::parse) {
            Some(Err(why)) => wrong(&format!("url: {why}")),
            _ => Ok(()),
        }
    }

    fn check_mail(&self) -> Result<(), String> {
        let wrong = |cause: &str| Err(format!("the destination {}: {cause}", self.name));
        if self.host_and_port().is_none() {
            return wrong("address is a host and a port, such as smtp.example:587");
        }
        if self.from.is_none() || self.recipients.is_empty() || self.recipients.len() > RECIPIENTS_MAX {
            return wrong(&format!("it needs from, and 1 to {RECIPIENTS_MAX} recipients"));
        }
        if self.tls == Some(MailTls::None) && self.secret_file.is_some() {
            return wrong("a password is not sent without TLS");
        }
        Ok(())
    }
}

/// Reads the tables, and refuses what makes no destination.
fn checked<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Destination>, D::Error> {
    let destinations = Vec::<Destination>::deserialize(deserializer)?;
    if destinations.len() > DESTINATIONS_MAX {
        return Err(D::Error::custom(format!("at most {DESTINATIONS_MAX} destinations")));
    }
    for (index, destination) in destinations.iter().enumerate() {
        destination.check().map_err(D::Error::custom)?;
        if destinations[..index].iter().any(|before| before.name == destination.name) {
            return Err(D::Error::custom("two destinations have the same name"));
        }
    }
    Ok(destinations)
}

fn days<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let days = u32::deserialize(deserializer)?;
    if (1..=GIVE_UP_DAYS_MAX).contains(&days) {
        return Ok(days);
    }
    Err(D::Error::custom(format!(
        "notify.give_up_days is {days}, and has to be from 1 to {GIVE_UP_DAYS_MAX}"
    )))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::config::Config;

    pub(in crate::config) fn destination(name: &str) -> Destination {
        Destination {
            name: name.to_owned(),
            to: DestinationKind::Email,
            events: vec![DestinationEvent::Rotations],
            severity: LeastSeverity::Page,
            realms: vec!["default".to_owned()],
            rules: vec!["canary".to_owned()],
            url: None,
            url_file: None,
            secret_file: Some(PathBuf::from("/etc/keyreeve/mail")),
            address: Some("smtp.example:465".to_owned()),
            tls: Some(MailTls::Implicit),
            from: Some("keyreeve@example.org".to_owned()),
            recipients: vec!["ops@example.org".to_owned()],
            ca_file: Some(PathBuf::from("/etc/keyreeve/mail-ca.pem")),
            private_addresses: true,
        }
    }

    fn read(tables: &str) -> Result<Config, toml::de::Error> {
        toml::from_str(tables)
    }

    #[test]
    fn destinations_survive_writing_and_reading() {
        let notify = Notify { give_up_days: 7, destinations: vec![destination("one"), destination("two")] };
        let config = Config { notify, ..Config::default() };
        assert_eq!(read(&toml::to_string(&config).unwrap()).unwrap(), config);
        assert_eq!(destination("one").host_and_port(), Some(("smtp.example", 465)));
        assert_eq!(LeastSeverity::default().severity(), Severity::Warn);
    }

    #[test]
    fn the_examples_in_the_documentation_are_some() {
        let text = include_str!("../../../../docs/notifications.md");
        let examples: Vec<_> =
            text.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
        assert!(!examples.is_empty());
        for example in examples {
            assert!(!read(example).unwrap().notify.destinations.is_empty(), "{example}");
        }
    }

    #[test]
    fn what_makes_no_destination_is_refused() {
        let good = "[[notify.destinations]]\nname = \"a\"\nto = \"webhook\"\nurl = \"https://h/\"\nsecret_file = \"s\"\n";
        assert!(read(good).is_ok());
        for (from, to, told) in [
            ("\"a\"", "\"a b\"", "letters"),
            ("https:", "http:", "no URL of https"),
            ("url = \"https://h/\"\n", "", "needs url or url_file"),
            ("secret_file = \"s\"\n", "", "and secret_file"),
            ("url", "url_file = \"f\"\nurl", "needs url or url_file"),
            ("\"webhook\"", "\"slack\"", "needs url_file"),
            ("\"webhook\"", "\"email\"", "takes no URL"),
            ("\"webhook\"", "\"pigeon\"", "unknown variant"),
            ("url", "recipients = [\"a@b.example\"]\nurl", "for to = \"email\""),
            ("url", "events = []\nurl", "told of nothing"),
            ("url", "severity = \"loud\"\nurl", "unknown variant"),
            ("url", "rules = [\"dance\"]\nurl", "no rule of alerts is called dance"),
            ("url", "colour = 1\nurl", "unknown field"),
        ] {
            let error = read(&good.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(error.contains(told), "{from} to {to}: {error}");
        }
        let mail = "[[notify.destinations]]\nname = \"m\"\nto = \"email\"\naddress = \"h:25\"\nfrom = \"a@h.example\"\n\
                    recipients = [\"b@h.example\"]\n";
        assert!(read(mail).is_ok());
        for (from, to, told) in [
            ("h:25", "h", "a host and a port"),
            (":25", ":70000", "a host and a port"),
            ("[\"b@h.example\"]", "[]", "1 to 50 recipients"),
            ("from = \"a@h.example\"\n", "", "it needs from"),
            ("from", "tls = \"none\"\nsecret_file = \"s\"\nfrom", "without TLS"),
        ] {
            let error = read(&mail.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(error.contains(told), "{from} to {to}: {error}");
        }
        assert!(read(&good.repeat(2)).unwrap_err().to_string().contains("the same name"));
        let many: String =
            (0..17).map(|number| good.replacen("\"a\"", &format!("\"a{number}\""), 1)).collect();
        assert!(read(&many).unwrap_err().to_string().contains("at most 16"));
        for days in [0, 31] {
            let error = read(&format!("[notify]\ngive_up_days = {days}\n")).unwrap_err().to_string();
            assert!(error.contains("from 1 to 30"), "{error}");
        }
    }
}
