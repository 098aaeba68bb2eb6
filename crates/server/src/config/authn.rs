//! The tables `authn.jwt`: whose JSON Web Tokens are taken, and what is demanded of them. Nothing but the configuration
//! names an issuer, or where its keys are. Not here: checking a token (authn/jwt).

use std::path::PathBuf;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::organisation::{self, OrganisationConfig};
use crate::listen::HttpsUrl;

/// Issuers of one server at most.
const ISSUERS_MAX: usize = 16;
/// Bytes of an issuer's name here at most.
const NAME_BYTES_MAX: usize = 64;
/// Bytes of an issuer's own name, of an audience and of a claim's name at most.
const TEXT_BYTES_MAX: usize = 512;
/// Audiences of one issuer at most.
const AUDIENCES_MAX: usize = 16;
/// Seconds that clocks may differ at most.
const CLOCK_SKEW_SECONDS_MAX: u32 = 300;
/// Seconds that keys are kept: a week at most, and five minutes at least, after which they are fetched again anyway.
const KEYS_SECONDS: (u32, u32) = (300, 604_800);

/// Authentication.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Authn {
    /// Issuers of JSON Web Tokens.
    #[serde(deserialize_with = "checked")]
    pub jwt: Vec<JwtIssuer>,
    /// Organisations whose client certificates are taken.
    #[serde(deserialize_with = "organisation::checked")]
    pub certificates: Vec<OrganisationConfig>,
}

/// An issuer of JSON Web Tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JwtIssuer {
    /// What it is called here.
    pub name: String,
    /// Its own name for itself: what `iss` says, byte for byte.
    pub issuer: String,
    /// Of whom `aud` must name one: this server.
    pub audiences: Vec<String>,
    /// File with its keys, a JSON Web Key Set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_file: Option<PathBuf>,
    /// Where its keys are; without it and a file the issuer says where (OpenID Connect Discovery).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_url: Option<String>,
    /// PEM file with the authorities that may have certified where the keys are; none: those of the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// How its tokens may be signed.
    #[serde(default = "algorithms")]
    pub algorithms: Vec<JwtAlgorithm>,
    /// Seconds that its clock and ours may differ.
    #[serde(default = "clock_skew_seconds")]
    pub clock_skew_seconds: u32,
    /// Seconds that keys count without being fetched again, where the issuer cannot be reached.
    #[serde(default = "keys_seconds_max")]
    pub keys_seconds_max: u32,
    /// The claim that names whom a token stands for.
    #[serde(default = "subject_claim")]
    pub subject_claim: String,
    /// Realms whose administrators may say which subject is which client.
    #[serde(default = "first_realm")]
    pub realms: Vec<String>,
    /// Fetch keys from private and loopback addresses too.
    #[serde(default)]
    pub private_addresses: bool,
}

/// A signature algorithm of JSON Web Tokens. INVARIANT: none that works with a shared secret, and not `none`.
///
/// # Standard
/// RFC 7518 section 3.1, RFC 8037 section 3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum JwtAlgorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
}

/// Others' administrators could take a subject before those whom it is for.
pub(super) fn first_realm() -> Vec<String> {
    vec!["default".to_owned()]
}

fn algorithms() -> Vec<JwtAlgorithm> {
    vec![JwtAlgorithm::RS256]
}

fn clock_skew_seconds() -> u32 {
    60
}

fn keys_seconds_max() -> u32 {
    86_400
}

fn subject_claim() -> String {
    "sub".to_owned()
}

impl JwtIssuer {
    fn check(&self) -> Result<(), String> {
        let name = &self.name;
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.chars().all(fits) {
            let what = format!("letters, digits, - and _, at most {NAME_BYTES_MAX}");
            return Err(format!("the name of a table in authn.jwt is {what}"));
        }
        let wrong = |what: &str| Err(format!("the issuer {name}: {what}"));
        let is_text = |text: &str| !text.is_empty() && text.len() <= TEXT_BYTES_MAX;
        if !is_text(&self.issuer) || !is_text(&self.subject_claim) {
            return wrong(&format!("issuer and subject_claim have 1 to {TEXT_BYTES_MAX} bytes"));
        }
        let (count, all) = (self.audiences.len(), self.audiences.iter());
        if !(1..=AUDIENCES_MAX).contains(&count) || !all.map(String::as_str).all(is_text) {
            return wrong("audiences names this server as the issuer does, 1 to 16 texts");
        }
        if self.algorithms.is_empty() {
            return wrong("algorithms is empty: no token could be taken");
        }
        if self.clock_skew_seconds > CLOCK_SKEW_SECONDS_MAX {
            return wrong(&format!("clock_skew_seconds is at most {CLOCK_SKEW_SECONDS_MAX}"));
        }
        let (least, most) = KEYS_SECONDS;
        if !(least..=most).contains(&self.keys_seconds_max) {
            return wrong(&format!("keys_seconds_max is from {least} to {most}"));
        }
        self.check_source()
    }

    fn check_source(&self) -> Result<(), String> {
        let wrong = |what: String| Err(format!("the issuer {}: {what}", self.name));
        let (name, address) = match (&self.jwks_file, &self.jwks_url) {
            (Some(_), Some(_)) => return wrong("jwks_file and jwks_url: name one of them".to_owned()),
            (Some(_), None) => return Ok(()),
            (None, Some(url)) => ("jwks_url", url),
            (None, None) => ("issuer", &self.issuer),
        };
        match HttpsUrl::parse(address) {
            Ok(_) => Ok(()),
            Err(cause) => wrong(format!("its keys come from {name}, and {cause}")),
        }
    }
}

/// Reads the tables, and refuses what makes no issuer.
fn checked<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<JwtIssuer>, D::Error> {
    let issuers = Vec::<JwtIssuer>::deserialize(deserializer)?;
    if issuers.len() > ISSUERS_MAX {
        return Err(D::Error::custom(format!("at most {ISSUERS_MAX} issuers")));
    }
    for (index, issuer) in issuers.iter().enumerate() {
        issuer.check().map_err(D::Error::custom)?;
        let is_same = |other: &JwtIssuer| other.name == issuer.name || other.issuer == issuer.issuer;
        if issuers[..index].iter().any(is_same) {
            return Err(D::Error::custom("two tables in authn.jwt have the same name or the same issuer"));
        }
    }
    Ok(issuers)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::config::Config;

    pub(in crate::config) fn issuer(name: &str) -> JwtIssuer {
        JwtIssuer {
            name: name.to_owned(),
            issuer: format!("https://{name}.example"),
            audiences: vec!["keyreeve".to_owned()],
            jwks_file: None,
            jwks_url: None,
            ca_file: Some(PathBuf::from("/etc/keyreeve/issuer-ca.pem")),
            algorithms: vec![JwtAlgorithm::ES256],
            clock_skew_seconds: 1,
            keys_seconds_max: 300,
            subject_claim: "sub".to_owned(),
            private_addresses: true,
            realms: vec!["default".to_owned()],
        }
    }

    fn read(tables: &str) -> Result<Config, toml::de::Error> {
        toml::from_str(tables)
    }

    const GOOD: &str =
        "[[authn.jwt]]\nname = \"a\"\nissuer = \"https://a.example\"\naudiences = [\"keyreeve\"]\n";

    #[test]
    fn an_issuer_survives_writing_and_reading() {
        let mut config = Config::default();
        config.authn.jwt = vec![issuer("one"), issuer("two")];
        assert_eq!(read(&toml::to_string(&config).unwrap()).unwrap(), config);
        assert_eq!(read(GOOD).unwrap().authn.jwt[0].algorithms, [JwtAlgorithm::RS256]);
    }

    #[test]
    fn the_examples_in_the_documentation_are_issuers() {
        let text = include_str!("../../../../docs/access.md");
        let blocks = text.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
        let issuers = blocks.filter(|block| block.contains("[[authn.jwt]]"));
        let read: Vec<_> = issuers.map(|block| read(block).unwrap().authn.jwt.remove(0).name).collect();
        assert_eq!(read, ["corp", "cluster"]);
    }

    #[test]
    fn what_makes_no_issuer_is_refused() {
        for (more, told) in [
            ("algorithms = [\"none\"]", "unknown variant"),
            ("algorithms = [\"HS256\"]", "unknown variant"),
            ("algorithms = []", "no token could be taken"),
            ("jwks_url = \"http://a.example/keys\"", "https"),
            ("jwks_url = \"https://b@a.example/keys\"", "no user"),
            ("jwks_url = \"https://a.example/keys\"\njwks_file = \"k\"", "name one of them"),
            ("clock_skew_seconds = 301", "at most 300"),
            ("keys_seconds_max = 0", "from 300"),
            ("colour = 1", "unknown field"),
        ] {
            let error = read(&format!("{GOOD}{more}\n")).unwrap_err().to_string();
            assert!(error.contains(told), "{more}: {error}");
        }
        for (from, to, told) in [
            ("\"a\"", "\"a b\"", "letters"),
            ("[\"keyreeve\"]", "[]", "audiences"),
            ("https://a.example", "a.example", "https"),
        ] {
            let error = read(&GOOD.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
        assert!(read(&GOOD.repeat(2)).unwrap_err().to_string().contains("the same"));
    }
}
