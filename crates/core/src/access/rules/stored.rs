//! Access rules as they are stored: one record a realm, in which each rule has a name and its Cedar text. Here: what a text
//! must be to become rules. Not here: who may change them (the operation), and deciding by them (`set`).

use std::collections::BTreeSet;

use cedar_policy::{Policy, PolicyId, PolicySet, ValidationMode, Validator, ffi::DetailedError};
use serde::{Deserialize, Serialize};

use super::{schema, set::RuleSet};
use crate::{
    error::{Error, ErrorKind, Result},
    model::{RealmId, Time},
};

/// Rules of one realm at most.
pub const RULES_MAX: usize = 2_000;

/// Bytes of all rules of a realm, and of one text of rules, at most.
pub const RULES_BYTES_MAX: usize = 512 * 1024;

/// Words and signs of one rule at most: they bound how long a chain of operators is, which Cedar walks by recursion.
const TOKENS_MAX: usize = 400;

/// Brackets within brackets at most, which Cedar walks by recursion, too.
const DEPTH_MAX: usize = 16;

/// Bytes of a name at most.
const NAME_BYTES_MAX: usize = 64;

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessRule {
    /// Its name: what `@id` says. Lower case, so that no two differ by case alone.
    pub name: String,
    /// Cedar, as it was applied.
    pub text: String,
    /// The revision of the realm's rules that brought this text.
    pub revision: u64,
    /// When.
    pub changed: Time,
    /// Name of the principal that applied it.
    pub by: String,
}

/// All rules of a realm, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessRules {
    /// Counts changes, from 1; 0: there never were rules.
    pub revision: u64,
    /// The rules, in the order of their names.
    pub rules: Vec<AccessRule>,
}

/// Rules that a text holds, checked: each by its name, and what was worth a word.
pub struct ParsedRules {
    pub(crate) policies: Vec<Policy>,
    /// What is probably not meant so.
    pub warnings: Vec<String>,
}

/// The parts of the house that rules rest upon, as text for people.
pub struct BuiltIn {
    /// The ready-made roles, in Cedar.
    pub roles: &'static str,
    /// The schema, in Cedar's syntax.
    pub schema: &'static str,
}

/// The ready-made roles and the schema.
///
/// # Errors
/// `Internal`.
pub fn built_in() -> Result<BuiltIn> {
    Ok(BuiltIn { roles: super::ROLES, schema: &schema::known()?.text })
}

impl AccessRules {
    /// Ready to decide.
    ///
    /// # Errors
    /// `Internal` where a stored rule cannot be read: then nothing is decided by any.
    pub fn compile(&self, realm: RealmId) -> Result<RuleSet> {
        let policies = self.rules.iter().map(|rule| {
            Policy::parse(Some(PolicyId::new(&rule.name)), &rule.text)
                .map_err(|error| Error::internal(format!("access rule {}: {error}", rule.name)))
        });
        RuleSet::new(realm, &policies.collect::<Result<Vec<_>>>()?)
    }

    /// The rule of this name.
    pub fn named(&self, name: &str) -> Option<&AccessRule> {
        self.rules.iter().find(|rule| rule.name == name)
    }

    /// Adds rules, or puts them in the place of those of the same names. Gives the names that are new, and those whose
    /// text is another now; what is the same stays as it was.
    ///
    /// # Errors
    /// `LimitExceeded`, `TooLarge`.
    pub fn apply(&mut self, parsed: &ParsedRules, now: Time, by: &str) -> Result<Applied> {
        let mut applied = Applied::default();
        let revision = self.revision + 1;
        for policy in &parsed.policies {
            let name: &str = policy.id().as_ref();
            let text = policy.to_string();
            let rule = AccessRule { name: name.into(), text, revision, changed: now, by: by.into() };
            match self.rules.iter_mut().find(|known| known.name == name) {
                Some(known) if known.text == rule.text => applied.unchanged.push(rule.name),
                Some(known) => {
                    applied.changed.push(rule.name.clone());
                    *known = rule;
                }
                None => {
                    applied.added.push(rule.name.clone());
                    self.rules.push(rule);
                }
            }
        }
        if !applied.added.is_empty() || !applied.changed.is_empty() {
            self.revision = revision;
        }
        self.rules.sort_by(|a, b| a.name.cmp(&b.name));
        if self.rules.len() > RULES_MAX {
            let public = format!("a realm has at most {RULES_MAX} access rules; remove some first");
            return Err(Error::new(ErrorKind::LimitExceeded, public));
        }
        if self.rules.iter().map(|rule| rule.text.len()).sum::<usize>() > RULES_BYTES_MAX {
            let public = format!("the access rules of a realm have at most {RULES_BYTES_MAX} bytes together");
            return Err(Error::new(ErrorKind::TooLarge, public));
        }
        Ok(applied)
    }
}

/// What applying rules did, by their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// New ones.
    pub added: Vec<String>,
    /// Those that have another text now.
    pub changed: Vec<String>,
    /// Those that were there just so.
    pub unchanged: Vec<String>,
}

/// Reads rules, and checks them against the schema.
///
/// # Errors
/// `TooLarge`; `InvalidField` saying what is wrong at which line and column.
pub fn parse(text: &str) -> Result<ParsedRules> {
    if text.len() > RULES_BYTES_MAX {
        let public = format!("a text of access rules has at most {RULES_BYTES_MAX} bytes");
        return Err(Error::new(ErrorKind::TooLarge, public));
    }
    check_tokens(text)?;
    let told = |error: DetailedError| invalid(text, &error);
    let set: PolicySet = text.parse().map_err(|error| told(DetailedError::from(&error)))?;
    if set.templates().next().is_some() {
        return Err(refuse("templates (?principal, ?resource) are not taken: write a rule for each"));
    }
    let schema = schema::known()?.schema.clone();
    let validated = Validator::new(schema).validate(&set, ValidationMode::Strict);
    if let Some(error) = validated.validation_errors().next() {
        return Err(told(DetailedError::from(error)));
    }
    let warnings =
        validated.validation_warnings().map(|warning| located(text, &DetailedError::from(warning)));
    let warnings = warnings.collect();
    let mut policies: Vec<&Policy> = set.policies().collect();
    // They are numbered in the order of the text.
    policies.sort_by_key(|policy| {
        AsRef::<str>::as_ref(policy.id()).trim_start_matches("policy").parse::<usize>().ok()
    });
    let mut names = BTreeSet::new();
    let mut named = Vec::with_capacity(policies.len());
    for (number, policy) in policies.into_iter().enumerate() {
        let name = policy.annotation("id").unwrap_or_default();
        check_name(name, number + 1)?;
        if !names.insert(name.to_owned()) {
            return Err(refuse(&format!("two rules have the name {name:?}")));
        }
        named.push(policy.new_id(PolicyId::new(name)));
    }
    if named.is_empty() {
        return Err(refuse("there is no rule in it"));
    }
    Ok(ParsedRules { policies: named, warnings })
}

fn refuse(text: &str) -> Error {
    Error::new(ErrorKind::InvalidField, format!("access rules: {text}"))
}

fn check_name(name: &str, number: usize) -> Result<()> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.chars().all(fits) {
        return Err(refuse(&format!(
            "rule {number} needs a name: @id(\"NAME\") before it, of 1 to {NAME_BYTES_MAX} small letters, digits and . _ -"
        )));
    }
    if name.starts_with("role-") {
        return Err(refuse(&format!(
            "{name:?}: names that begin with role- are those of the ready-made roles"
        )));
    }
    Ok(())
}

fn invalid(text: &str, error: &DetailedError) -> Error {
    refuse(&located(text, error))
}

/// What is wrong, and where.
fn located(text: &str, error: &DetailedError) -> String {
    let help = error.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
    let Some(label) = error.source_locations.first() else { return format!("{}{help}", error.message) };
    let before = text.get(..label.loc.start).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("line {line}, column {column}: {}{help}", error.message)
}

/// Refuses a rule that is too long or nests too deep before Cedar's parser has it. A rule ends with `;`.
fn check_tokens(text: &str) -> Result<()> {
    let (mut count, mut depth) = (0_usize, 0_usize);
    let mut characters = text.chars().peekable();
    let mut in_word = false;
    while let Some(character) = characters.next() {
        let is_word = character.is_alphanumeric() || character == '_';
        match character {
            '"' => {
                skip_string(&mut characters);
                count += 1;
            }
            '/' if characters.peek() == Some(&'/') => {
                characters.by_ref().find(|character| *character == '\n');
            }
            ';' => (count, depth) = (0, 0),
            _ if is_word => count += usize::from(!in_word),
            _ if character.is_whitespace() => {}
            _ => count += 1,
        }
        match character {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        in_word = is_word;
        if count > TOKENS_MAX || depth > DEPTH_MAX {
            let public = format!(
                "an access rule has at most {TOKENS_MAX} words and signs, and brackets {DEPTH_MAX} deep; make several of it"
            );
            return Err(Error::new(ErrorKind::TooLarge, public));
        }
    }
    Ok(())
}

/// Reads on behind the end of a string.
fn skip_string(characters: &mut impl Iterator<Item = char>) {
    while let Some(inside) = characters.next() {
        match inside {
            '\\' => drop(characters.next()),
            '"' => return,
            _ => {}
        }
    }
}
