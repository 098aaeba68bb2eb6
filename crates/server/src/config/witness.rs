//! The tables `audit.witnesses`: who is asked to cosign the checkpoints of the journal. Nothing but the configuration names one.

use std::path::PathBuf;

use keyreeve_store::audit::{NoteKey, SignatureType};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::listen::HttpsUrl;

/// Witnesses of one server at most.
const WITNESSES_MAX: usize = 16;

/// Who is asked to cosign checkpoints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Witness {
    /// Where it answers, over HTTPS, without `/add-checkpoint`.
    pub url: String,
    /// Its verifier key, `NAME+ID+KEY`, as it prints it.
    pub key: String,
    /// PEM file with the authorities that may have issued its certificate.
    pub ca_file: PathBuf,
}

impl Witness {
    fn check(&self) -> Result<NoteKey, String> {
        HttpsUrl::parse(&self.url).map_err(|why| format!("the url of a witness: {why}"))?;
        let key = NoteKey::parse(&self.key).map_err(|error| error.public().to_owned())?;
        if key.signs == SignatureType::Ed25519 {
            return Err(format!("the key of {} is a log's: a witness' cosigns with a time", key.name));
        }
        Ok(key)
    }
}

/// Reads the tables, and refuses what makes no witness.
pub(super) fn checked<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Witness>, D::Error> {
    let witnesses = Vec::<Witness>::deserialize(deserializer)?;
    if witnesses.len() > WITNESSES_MAX {
        return Err(D::Error::custom(format!("at most {WITNESSES_MAX} witnesses")));
    }
    let mut names = Vec::with_capacity(witnesses.len());
    for witness in &witnesses {
        let key = witness.check().map_err(D::Error::custom)?;
        if names.contains(&key.name) {
            return Err(D::Error::custom("two witnesses have the same name"));
        }
        names.push(key.name);
    }
    Ok(witnesses)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::config::Config;

    /// An Ed25519 cosigner's key and a log's, of 32 bytes each.
    const COSIGNER: &str = "w.example+89a4fbd2+BAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";
    const LOG: &str = "w.example+89a4fbd2+AQcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";

    pub(in crate::config) fn witness() -> Witness {
        Witness {
            url: "https://witness.example:7443".to_owned(),
            key: COSIGNER.to_owned(),
            ca_file: PathBuf::from("/etc/keyreeve/witness-ca.pem"),
        }
    }

    fn read(tables: &str) -> Result<Config, toml::de::Error> {
        toml::from_str(tables)
    }

    #[test]
    fn a_witness_survives_writing_and_reading_and_what_is_none_is_refused() {
        let mut config = Config::default();
        config.audit.witnesses = vec![witness()];
        let good = toml::to_string(&config).unwrap();
        assert_eq!(read(&good).unwrap(), config);
        for (from, to, told) in [
            ("https:", "http:", "no URL of https"),
            (COSIGNER, LOG, "is a log's"),
            (COSIGNER, "w.example+1", "NAME+ID+KEY"),
            ("url", "colour = 1\nurl", "unknown field"),
        ] {
            let error = read(&good.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
        config.audit.witnesses.push(witness());
        let error = read(&toml::to_string(&config).unwrap()).unwrap_err().to_string();
        assert!(error.contains("the same name"), "{error}");
    }

    #[test]
    fn the_example_in_the_documentation_is_one() {
        let text = include_str!("../../../../docs/audit.md");
        let (_, text) = text.split_once("```toml\n").unwrap();
        let config = read(text.split_once("```").unwrap().0).unwrap();
        assert_eq!(config.audit.witnesses, [witness()]);
    }
}
