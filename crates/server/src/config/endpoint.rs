//! The tables `kmip.endpoints`: who is sent Put and Notify. Nothing but the configuration names one.

use std::path::PathBuf;

use keyreeve_kmip::Version;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Endpoints of one server at most.
const ENDPOINTS_MAX: usize = 16;

/// Bytes of an endpoint's name at most.
const NAME_BYTES_MAX: usize = 64;

/// Who is sent messages by this server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// What it is called here, in the log and in the journal. Its place in the journal goes with the name.
    pub name: String,
    /// Host and port.
    pub address: String,
    /// The DNS name or address that its certificate must bear; none: the host of `address`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_name: Option<String>,
    /// PEM file with the authorities that may have issued its certificate. This server's own CA issues none for others.
    pub ca_file: PathBuf,
    /// The client of this server whose rights decide what it is told and given.
    pub principal: String,
    /// What it is sent.
    pub takes: Vec<Pushed>,
    /// The version of KMIP that it speaks.
    #[serde(default = "newest", serialize_with = "written", deserialize_with = "version")]
    pub version: Version,
    /// Only objects of this object group; none: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
}

/// A kind of message that goes from server to client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pushed {
    /// Objects that were made.
    Put,
    /// Attributes that were changed.
    Notify,
}

impl Endpoint {
    /// The host of the address, without brackets.
    pub fn host(&self) -> &str {
        let host = self.address.rsplit_once(':').map_or(&*self.address, |(host, _)| host);
        host.trim_start_matches('[').trim_end_matches(']')
    }

    fn check(&self) -> Result<(), String> {
        let name = &self.name;
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.chars().all(fits) {
            let what = format!("letters, digits, - and _, at most {NAME_BYTES_MAX}");
            return Err(format!("the name of a table in kmip.endpoints is {what}"));
        }
        let port = self.address.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
        if port.is_none() || self.host().is_empty() {
            return Err(format!(
                "the address of the endpoint {name} is a host and a port, such as kmip.example:5696"
            ));
        }
        if self.takes.is_empty() {
            return Err(format!("the endpoint {name} takes nothing: say takes = [\"put\", \"notify\"]"));
        }
        Ok(())
    }
}

/// Reads the tables, and refuses what makes no endpoint.
pub(super) fn checked<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Endpoint>, D::Error> {
    let endpoints = Vec::<Endpoint>::deserialize(deserializer)?;
    if endpoints.len() > ENDPOINTS_MAX {
        return Err(D::Error::custom(format!("at most {ENDPOINTS_MAX} endpoints")));
    }
    for (index, endpoint) in endpoints.iter().enumerate() {
        endpoint.check().map_err(D::Error::custom)?;
        if endpoints[..index].iter().any(|before| before.name == endpoint.name) {
            return Err(D::Error::custom("two endpoints have the same name"));
        }
    }
    Ok(endpoints)
}

fn newest() -> Version {
    Version::V2_1
}

fn written<S: Serializer>(version: &Version, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(version)
}

fn version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Version, D::Error> {
    let text = String::deserialize(deserializer)?;
    let known = Version::ALL.into_iter().find(|version| version.to_string() == text);
    known.ok_or_else(|| {
        D::Error::custom("the version of an endpoint is one of 1.0 to 1.4, 2.0 and 2.1, in quotes")
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::config::Config;

    pub(in crate::config) fn endpoint(name: &str) -> Endpoint {
        Endpoint {
            name: name.to_owned(),
            address: "[::1]:5696".to_owned(),
            tls_name: None,
            ca_file: PathBuf::from("/etc/keyreeve/array-ca.pem"),
            principal: "array".to_owned(),
            takes: vec![Pushed::Put, Pushed::Notify],
            version: Version::V1_4,
            group: Some("disks".to_owned()),
        }
    }

    fn read(tables: &str) -> Result<Config, toml::de::Error> {
        toml::from_str(tables)
    }

    #[test]
    fn an_endpoint_survives_writing_and_reading() {
        let mut config = Config::default();
        config.kmip.endpoints = vec![endpoint("one"), endpoint("two")];
        assert_eq!(read(&toml::to_string(&config).unwrap()).unwrap(), config);
        assert_eq!(endpoint("one").host(), "::1");
    }

    #[test]
    fn the_example_in_the_documentation_is_one() {
        let text = include_str!("../../../../docs/kmip.md");
        let (_, text) = text.split_once("```toml\n").unwrap();
        let config = read(text.split_once("```").unwrap().0).unwrap();
        let named = Endpoint {
            address: "array.example:5696".to_owned(),
            tls_name: Some("array.example".to_owned()),
            ..endpoint("array")
        };
        assert_eq!(config.kmip.endpoints, [named]);
    }

    #[test]
    fn what_makes_no_endpoint_is_refused() {
        let good = "[[kmip.endpoints]]\nname = \"a\"\naddress = \"h:1\"\nprincipal = \"p\"\nca_file = \"c\"\ntakes = [\"put\"]\n";
        assert_eq!(read(good).unwrap().kmip.endpoints[0].version, Version::V2_1);
        for (from, to, told) in [
            ("\"a\"", "\"a b\"", "letters"),
            ("h:1", "h", "a host and a port"),
            ("[\"put\"]", "[]", "takes nothing"),
            ("[\"put\"]", "[\"get\"]", "unknown variant"),
            ("principal", "version = \"3.0\"\nprincipal", "1.0 to 1.4"),
            ("principal", "colour = 1\nprincipal", "unknown field"),
        ] {
            let error = read(&good.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
        assert!(read(&good.repeat(2)).unwrap_err().to_string().contains("the same name"));
        let many: String =
            (0..17).map(|number| good.replacen("\"a\"", &format!("\"a{number}\""), 1)).collect();
        assert!(read(&many).unwrap_err().to_string().contains("at most 16"));
    }
}
