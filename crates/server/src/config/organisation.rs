//! The tables `authn.certificates`: organisations whose client certificates are taken, and which of their names counts. Nothing but
//! the configuration names one. Not here: checking a certificate (authn/organisations).

use std::path::PathBuf;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// Organisations of one server at most.
const ORGANISATIONS_MAX: usize = 16;
/// Bytes of an organisation's name at most.
const NAME_BYTES_MAX: usize = 64;

/// An organisation whose client certificates are taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrganisationConfig {
    /// What it is called here. Credentials go with the name.
    pub name: String,
    /// PEM file with its authorities.
    pub ca_file: PathBuf,
    /// File with their revocation lists, in PEM, or one in DER; one for each authority on the way. None: nothing is revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crl_file: Option<PathBuf>,
    /// Which of a certificate's names tells whom it is for.
    pub names: OrganisationName,
    /// Realms whose administrators may say which name is which client.
    #[serde(default = "super::authn::first_realm")]
    pub realms: Vec<String>,
}

/// Which of a certificate's names tells whom it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OrganisationName {
    /// The URI among its alternative names, such as a SPIFFE id.
    Uri,
    /// The DNS name among its alternative names.
    Dns,
    /// The e-mail address among its alternative names.
    Email,
    /// Its subject, as RFC 4514 writes it.
    Subject,
    /// The SHA-256 of its public key.
    PublicKey,
}

impl OrganisationName {
    /// The word for people, and in credentials.
    pub fn word(self) -> &'static str {
        match self {
            Self::Uri => "uri",
            Self::Dns => "dns",
            Self::Email => "email",
            Self::Subject => "subject",
            Self::PublicKey => "public-key",
        }
    }
}

/// Reads the tables, and refuses what makes no organisation.
pub(super) fn checked<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<OrganisationConfig>, D::Error> {
    let organisations = Vec::<OrganisationConfig>::deserialize(deserializer)?;
    if organisations.len() > ORGANISATIONS_MAX {
        return Err(D::Error::custom(format!("at most {ORGANISATIONS_MAX} organisations")));
    }
    for (index, organisation) in organisations.iter().enumerate() {
        let name = &organisation.name;
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.chars().all(fits) {
            let what = format!("letters, digits, - and _, at most {NAME_BYTES_MAX}");
            return Err(D::Error::custom(format!("the name of a table in authn.certificates is {what}")));
        }
        if organisations[..index].iter().any(|before| before.name == *name) {
            return Err(D::Error::custom("two organisations have the same name"));
        }
    }
    Ok(organisations)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::config::Config;

    pub(in crate::config) fn organisation(name: &str) -> OrganisationConfig {
        OrganisationConfig {
            name: name.to_owned(),
            ca_file: PathBuf::from("/etc/keyreeve/corp-ca.pem"),
            crl_file: Some(PathBuf::from("/etc/keyreeve/corp-crl.pem")),
            names: OrganisationName::Uri,
            realms: vec!["default".to_owned()],
        }
    }

    fn read(tables: &str) -> Result<Config, toml::de::Error> {
        toml::from_str(tables)
    }

    #[test]
    fn an_organisation_survives_writing_and_reading_and_what_is_none_is_refused() {
        let mut config = Config::default();
        config.authn.certificates = vec![organisation("one")];
        let good = toml::to_string(&config).unwrap();
        assert_eq!(read(&good).unwrap(), config);
        for (from, to, told) in [
            ("\"one\"", "\"o ne\"", "letters"),
            ("\"uri\"", "\"cn\"", "unknown variant"),
            ("ca_file", "colour = 1\nca_file", "unknown field"),
        ] {
            let error = read(&good.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
        config.authn.certificates.push(organisation("one"));
        let error = read(&toml::to_string(&config).unwrap()).unwrap_err().to_string();
        assert!(error.contains("the same name"), "{error}");
    }
}
