//! The tables `audit.sinks`: which other tools are told what the journal says. Nothing but the configuration names one.

use std::path::PathBuf;

use keyreeve_core::access::Action;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::witness::{self, Witness};

/// Sinks of one server at most.
const SINKS_MAX: usize = 16;

/// Bytes of a sink's name at most.
const NAME_BYTES_MAX: usize = 64;

/// The record of what happens, and who else has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Audit {
    /// How many of the witnesses make a checkpoint a witnessed one; 0: all.
    pub witnesses_needed: u8,
    /// Who is told what the journal says.
    #[serde(deserialize_with = "checked")]
    pub sinks: Vec<Sink>,
    /// Who is asked to cosign the journal's checkpoints.
    #[serde(deserialize_with = "witness::checked")]
    pub witnesses: Vec<Witness>,
}

/// Who is told what the journal says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sink {
    /// What it is called here, in the log and in the journal. Its place in the journal goes with the name.
    pub name: String,
    /// How entries get there.
    pub to: SinkKind,
    /// How an entry is written.
    #[serde(default)]
    pub format: SinkFormat,
    /// For `file`: where entries are appended, a line each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// For `syslog`: host and port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// For `syslog`: the DNS name or address that its certificate must bear; none: the host of `address`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_name: Option<String>,
    /// For `syslog`: PEM file with the authorities that may have issued its certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Actions whose successes are left out, such as `encrypt`; refusals and failures of them are told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<Action>,
}

/// How entries get to a sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SinkKind {
    /// Lines of a file.
    File,
    /// Lines of the standard output.
    Stdout,
    /// Syslog over TLS.
    Syslog,
}

/// How an entry is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SinkFormat {
    /// As `GET /v1/journal` shows it.
    #[default]
    Json,
    /// Elastic Common Schema.
    Ecs,
    /// Open Cybersecurity Schema Framework.
    Ocsf,
    /// ArcSight Common Event Format.
    Cef,
}

impl Sink {
    /// The host of the address, without brackets; empty where there is none.
    pub fn host(&self) -> &str {
        let address = self.address.as_deref().unwrap_or_default();
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        host.trim_start_matches('[').trim_end_matches(']')
    }

    fn check(&self) -> Result<(), String> {
        let name = &self.name;
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.chars().all(fits) {
            let what = format!("letters, digits, - and _, at most {NAME_BYTES_MAX}");
            return Err(format!("the name of a table in audit.sinks is {what}"));
        }
        let of_syslog = [self.address.is_some(), self.tls_name.is_some(), self.ca_file.is_some()];
        let fits = match self.to {
            SinkKind::File => self.file.is_some() && of_syslog == [false; 3],
            SinkKind::Stdout => self.file.is_none() && of_syslog == [false; 3],
            SinkKind::Syslog => self.file.is_none() && self.address.is_some() && self.ca_file.is_some(),
        };
        if !fits {
            return Err(format!(
                "the sink {name}: to = \"file\" needs file, \"syslog\" needs address and ca_file and may have tls_name, \
                 \"stdout\" needs nothing; none takes what is the other's"
            ));
        }
        let port =
            self.address.as_ref().map(|address| address.rsplit_once(':').map(|(_, port)| port.parse()));
        if port.is_some_and(|port| !matches!(port, Some(Ok::<u16, _>(_))))
            || self.address.is_some() && self.host().is_empty()
        {
            return Err(format!(
                "the address of the sink {name} is a host and a port, such as siem.example:6514"
            ));
        }
        if self.file.as_ref().is_some_and(|file| !file.is_absolute()) {
            return Err(format!(
                "the file of the sink {name} is a path from the root, such as /var/log/keyreeve/audit.jsonl"
            ));
        }
        Ok(())
    }
}

/// Reads the tables, and refuses what makes no sink.
fn checked<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Sink>, D::Error> {
    let sinks = Vec::<Sink>::deserialize(deserializer)?;
    if sinks.len() > SINKS_MAX {
        return Err(D::Error::custom(format!("at most {SINKS_MAX} sinks")));
    }
    for (index, sink) in sinks.iter().enumerate() {
        sink.check().map_err(D::Error::custom)?;
        let before = &sinks[..index];
        if before.iter().any(|before| before.name == sink.name) {
            return Err(D::Error::custom("two sinks have the same name"));
        }
        if sink.file.is_some() && before.iter().any(|before| before.file == sink.file) {
            return Err(D::Error::custom("two sinks have the same file"));
        }
        if sink.to == SinkKind::Stdout && before.iter().any(|before| before.to == SinkKind::Stdout) {
            return Err(D::Error::custom("two sinks write to the standard output"));
        }
    }
    Ok(sinks)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::config::Config;

    pub(in crate::config) fn sink(name: &str) -> Sink {
        Sink {
            name: name.to_owned(),
            to: SinkKind::Stdout,
            format: SinkFormat::Cef,
            file: None,
            address: None,
            tls_name: None,
            ca_file: None,
            except: vec![Action::Encrypt],
        }
    }

    fn read(tables: &str) -> Result<Config, toml::de::Error> {
        toml::from_str(tables)
    }

    const GOOD: &str =
        "[[audit.sinks]]\nname = \"a\"\nto = \"syslog\"\naddress = \"[::1]:6514\"\nca_file = \"c\"\n";

    #[test]
    fn sinks_survive_writing_and_reading() {
        let config = read(&format!(
            "{GOOD}tls_name = \"siem\"\nformat = \"cef\"\nexcept = [\"encrypt\", \"decrypt\"]\n\
             [[audit.sinks]]\nname = \"b\"\nto = \"file\"\nfile = \"/x\"\n[[audit.sinks]]\nname = \"c\"\nto = \"stdout\"\n"
        ));
        let config = config.unwrap();
        assert_eq!(read(&toml::to_string(&config).unwrap()).unwrap(), config);
        assert_eq!(config.audit.sinks[0].host(), "::1");
        assert_eq!(config.audit.sinks[0].except, [Action::Encrypt, Action::Decrypt]);
        assert_eq!(config.audit.sinks[1].format, SinkFormat::Json);
    }

    #[test]
    fn the_examples_in_the_documentation_are_some() {
        let text = include_str!("../../../../docs/sinks.md");
        let examples: Vec<_> =
            text.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
        assert!(!examples.is_empty());
        for example in examples {
            assert!(!read(example).unwrap().audit.sinks.is_empty(), "{example}");
        }
    }

    #[test]
    fn what_makes_no_sink_is_refused() {
        assert!(read(GOOD).is_ok());
        for (from, to, told) in [
            ("\"a\"", "\"a b\"", "letters"),
            ("[::1]:6514", "h", "a host and a port"),
            ("[::1]:6514", "h:70000", "a host and a port"),
            ("[::1]:6514", ":1", "a host and a port"),
            ("ca_file = \"c\"\n", "", "needs address and ca_file"),
            ("ca_file", "file = \"/x\"\nca_file", "none takes what is the other's"),
            ("\"syslog\"", "\"stdout\"", "none takes what is the other's"),
            ("\"syslog\"", "\"kafka\"", "unknown variant"),
            ("ca_file", "format = \"leef\"\nca_file", "unknown variant"),
            ("ca_file", "except = [\"dance\"]\nca_file", "unknown variant"),
            ("ca_file", "colour = 1\nca_file", "unknown field"),
        ] {
            let error = read(&GOOD.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
        assert!(read(&GOOD.repeat(2)).unwrap_err().to_string().contains("the same name"));
        let many: String =
            (0..17).map(|number| GOOD.replacen("\"a\"", &format!("\"a{number}\""), 1)).collect();
        assert!(read(&many).unwrap_err().to_string().contains("at most 16"));
        let lines = |name: &str, rest: &str| format!("[[audit.sinks]]\nname = \"{name}\"\n{rest}\n");
        let file = "to = \"file\"\nfile = \"/x\"";
        let twice = lines("a", file) + &lines("b", file);
        assert!(read(&twice).unwrap_err().to_string().contains("the same file"));
        let stdout = lines("a", "to = \"stdout\"") + &lines("b", "to = \"stdout\"");
        assert!(read(&stdout).unwrap_err().to_string().contains("standard output"));
        assert!(
            read(&lines("a", "to = \"file\"\nfile = \"x\""))
                .unwrap_err()
                .to_string()
                .contains("from the root")
        );
    }
}
