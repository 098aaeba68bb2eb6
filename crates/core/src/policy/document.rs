//! What a policy document says: TOML or JSON, read and checked as a whole. Not here: deciding by it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::period::{KeyUse, Period};
use crate::{
    error::{Error, ErrorKind, Result},
    model::{Algorithm, DESTROY_WAITING_DAYS_MAX, KeySpec, Time},
};

/// Bytes of one document at most.
pub const POLICY_BYTES_MAX: usize = 16 * 1024;

/// Rules about algorithms, patterns of names, and labels that keys must have, of one document at most.
const LIST_MAX: usize = 64;

/// Bytes of a name of a document or of a rule at most.
const NAME_BYTES_MAX: usize = 64;

/// Bytes of a pattern at most.
const PATTERN_BYTES_MAX: usize = 256;

/// How a kind of key stands from a date on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Everything goes on, and `policy check` and `policy plan` tell of it.
    Warn,
    /// Nothing new is protected; what was protected is processed.
    ProcessOnly,
    /// No new key, and no use.
    Deny,
}

/// How a key may leave the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Export {
    /// Not at all.
    Never,
    /// Wrapped by another key.
    Wrapped,
    /// As its own attributes allow.
    Plain,
}

/// The words for how a key may leave.
pub const EXPORTS: [&str; 3] = ["never", "wrapped", "plain"];

/// A rule about algorithms. A key is meant that all of its conditions fit; without any, every key is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AlgorithmRule {
    /// Its name, which refusals tell.
    pub rule: String,
    /// Kinds (`rsa-2048`) or algorithms (`rsa`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<String>,
    /// All kinds and algorithms but these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub all_but: Vec<String>,
    /// Keys of less security strength, in bits (SP 800-57 part 1 table 2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strength_below: Option<u32>,
    /// Keys of RSA and elliptic curves.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub quantum_vulnerable: bool,
    /// The first day on which it holds, UTC: `2031-01-01`; always where none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// How such keys stand then.
    pub then: Standing,
    /// With `process-only`: no such key is made or brought in any more, either.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refuse_new: bool,
    /// What to do instead, for people.
    pub instead: String,
    /// What it follows from: document and section.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// `kinds`, `all_but` and `from`, read once: every use of a key asks for them.
    #[serde(skip)]
    read: Read,
}

/// What the words of a rule mean.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Read {
    kinds: Vec<Kind>,
    all_but: Vec<Kind>,
    since: Option<Time>,
}

/// What a word for keys means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Spec(KeySpec),
    Algorithm(Algorithm),
}

/// How long keys are used. What is no [`KeyUse`] is refused as one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Cryptoperiods {
    /// What happens after a period: `warn`, or `deny`.
    pub over: Standing,
    /// By what a key is for.
    #[serde(flatten)]
    pub by_use: BTreeMap<KeyUse, Period>,
}

/// Rotation by the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Rotation {
    /// Days after which a version gets a successor.
    pub every_days: u16,
}

/// Former versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Versions {
    /// So many of the newest versions process; older ones serve no more.
    pub kept: u32,
}

/// The end of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Destruction {
    /// Days that every destruction waits at least, by every protocol.
    pub waiting_days: u16,
}

/// A document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Document {
    /// Its name.
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Rules about algorithms.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub algorithms: Vec<AlgorithmRule>,
    /// How long keys are used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cryptoperiods: Option<Cryptoperiods>,
    /// When versions get successors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<Rotation>,
    /// Former versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub versions: Option<Versions>,
    /// The end of keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destruction: Option<Destruction>,
    /// How keys may leave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub export: Option<Export>,
    /// Patterns, one of which the name of a key fits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// Tags that a key must have, each with a pattern of its value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Who owns a key does not use it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub owner_uses_not: bool,
}

/// Reads a document: JSON where it begins with a brace, else TOML.
///
/// # Errors
/// `TooLarge`; `InvalidField` saying what is wrong.
pub fn parse(text: &str) -> Result<Document> {
    if text.len() > POLICY_BYTES_MAX {
        let public = format!("a policy has at most {POLICY_BYTES_MAX} bytes");
        return Err(Error::new(ErrorKind::TooLarge, public));
    }
    let mut document: Document = if text.trim_start().starts_with('{') {
        serde_json::from_str(text).map_err(|error| refuse(&error.to_string()))?
    } else {
        toml::from_str(text).map_err(|error| refuse(error.to_string().trim()))?
    };
    document.check()?;
    Ok(document)
}

impl AlgorithmRule {
    /// Whether it means this kind of key. Of an unknown algorithm no strength is known, which counts as none.
    pub fn is_about(&self, spec: &KeySpec) -> bool {
        let named = |kinds: &[Kind]| {
            kinds.iter().any(|kind| match kind {
                Kind::Spec(known) => known == spec,
                Kind::Algorithm(known) => *known == spec.algorithm,
            })
        };
        (self.kinds.is_empty() || named(&self.read.kinds))
            && (self.all_but.is_empty() || !named(&self.read.all_but))
            && self.strength_below.is_none_or(|bits| spec.security_strength_bits().unwrap_or(0) < bits)
            && (!self.quantum_vulnerable
                || spec.algorithm.is_asymmetric() && !spec.algorithm.is_post_quantum())
    }

    /// The instant from which on it holds.
    pub fn since(&self) -> Time {
        self.read.since.unwrap_or(Time(i64::MIN))
    }
}

impl Document {
    fn check(&mut self) -> Result<()> {
        check_name(&self.name)?;
        if [self.algorithms.len(), self.names.len(), self.tags.len()].iter().any(|count| *count > LIST_MAX) {
            return Err(refuse(&format!("a policy has at most {LIST_MAX} of each kind of rule")));
        }
        for number in 0..self.algorithms.len() {
            let (before, rest) = self.algorithms.split_at_mut(number);
            let Some(rule) = rest.first_mut() else { break };
            check_name(&rule.rule)?;
            if before.iter().any(|other| other.rule == rule.rule) {
                return Err(refuse(&format!("two rules have the name {}", rule.rule)));
            }
            let read = |kinds: &[String]| kinds.iter().map(|kind| read_kind(kind)).collect::<Result<_>>();
            rule.read = Read {
                kinds: read(&rule.kinds)?,
                all_but: read(&rule.all_but)?,
                since: rule.from.as_deref().map(day_begins).transpose()?,
            };
        }
        self.check_lives()
    }

    fn check_lives(&self) -> Result<()> {
        if let Some(periods) = &self.cryptoperiods {
            if periods.over == Standing::ProcessOnly {
                return Err(refuse("cryptoperiods: over is warn or deny"));
            }
            for (word, period) in &periods.by_use {
                if period.protect_days == 0
                    || period.process_days.is_some_and(|days| days < period.protect_days)
                {
                    return Err(refuse(&format!(
                        "cryptoperiods: {}: protect-days is at least 1, and process-days at least as many",
                        word.word()
                    )));
                }
            }
        }
        if self.rotation.is_some_and(|rotation| rotation.every_days == 0) {
            return Err(refuse("rotation: every-days is at least 1"));
        }
        if self.versions.is_some_and(|versions| versions.kept == 0) {
            return Err(refuse("versions: kept is at least 1"));
        }
        if self.destruction.is_some_and(|end| end.waiting_days > DESTROY_WAITING_DAYS_MAX) {
            return Err(refuse(&format!("destruction: waiting-days is at most {DESTROY_WAITING_DAYS_MAX}")));
        }
        if self.names.iter().chain(self.tags.values()).any(|pattern| pattern.len() > PATTERN_BYTES_MAX) {
            return Err(refuse(&format!("a pattern has at most {PATTERN_BYTES_MAX} bytes")));
        }
        Ok(())
    }
}

fn refuse(text: &str) -> Error {
    Error::new(ErrorKind::InvalidField, format!("policy: {text}"))
}

fn check_name(name: &str) -> Result<()> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.chars().all(fits) {
        return Err(refuse(&format!(
            "names of policies and rules have 1 to {NAME_BYTES_MAX} small letters, digits and . _ -"
        )));
    }
    Ok(())
}

/// A word that means nothing would be a rule that silently holds for nothing.
fn read_kind(kind: &str) -> Result<Kind> {
    const ALGORITHMS: [Algorithm; 12] = [
        Algorithm::Aes,
        Algorithm::TripleDes,
        Algorithm::HmacSha1,
        Algorithm::HmacSha224,
        Algorithm::HmacSha256,
        Algorithm::HmacSha384,
        Algorithm::HmacSha512,
        Algorithm::Rsa,
        Algorithm::Ec,
        Algorithm::Ed25519,
        Algorithm::ChaCha20,
        Algorithm::ChaCha20Poly1305,
    ];
    if let Some(spec) = KeySpec::from_name(kind) {
        return Ok(Kind::Spec(spec));
    }
    if let Some(algorithm) = ALGORITHMS.into_iter().find(|algorithm| algorithm.word() == kind) {
        return Ok(Kind::Algorithm(algorithm));
    }
    Err(refuse(&format!("there is no kind of key {kind:?}: name one as aes-256, or an algorithm as rsa")))
}

/// The first instant of a day, UTC.
fn day_begins(day: &str) -> Result<Time> {
    let plain = day.len() == 10 && day.is_ascii();
    let time = plain.then(|| format!("{day}T00:00:00Z").parse::<Time>().ok()).flatten();
    time.ok_or_else(|| refuse(&format!("{day:?} is no day: write it as 2031-01-01")))
}
