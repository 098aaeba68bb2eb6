//! The one function that decides by a document: pure, from what is known of a key, what is to be done with it, and the time.

use super::{
    document::{AlgorithmRule, Document, Export, Standing},
    glob,
    period::KeyUse,
};
use crate::model::{Key, KeySpec, ManagedObject, ObjectType, Time, UsageMask};

/// What is done with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// It is made here, or comes in.
    Make,
    /// It protects something new.
    Protect,
    /// It processes what was protected.
    Process,
    /// Its material leaves, as it is or wrapped.
    Export {
        /// Not wrapped.
        plain: bool,
    },
}

/// What is known of the key and of the version that serves.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// Kind of object.
    pub object_type: ObjectType,
    /// Kind of key, where it is one.
    pub spec: Option<KeySpec>,
    /// What it is used for.
    pub usage: UsageMask,
    /// The beginning of its use: its activation, or when it was made.
    pub since: Time,
    /// Versions of the key that are newer.
    pub newer_versions: u32,
    /// Who asks owns the key.
    pub by_owner: bool,
}

/// Why a document warns or refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The document.
    pub policy: String,
    /// The rule in it.
    pub rule: String,
    /// What is against it, for people.
    pub what: String,
    /// The way out.
    pub instead: String,
}

/// What a document says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It may be.
    Allowed,
    /// It may be, and somebody should look at it.
    Warned(Vec<Reason>),
    /// It may not be.
    Refused(Reason),
}

impl Facts {
    /// What is known of an object of a key.
    pub fn of(object: &ManagedObject, key: Option<&Key>, by_owner: bool) -> Self {
        let newest = key.and_then(Key::latest).map_or(object.version, |latest| latest.number);
        Self {
            object_type: object.object_type,
            spec: object.spec,
            usage: object.usage,
            since: object.dates.activation.unwrap_or(object.dates.initial),
            newer_versions: newest.saturating_sub(object.version),
            by_owner,
        }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "policy {}, rule {}: {}; {}", self.policy, self.rule, self.what, self.instead)
    }
}

/// What the document says of this deed at this time. The first rule that refuses is told.
pub fn decide(document: &Document, facts: &Facts, deed: Deed, now: Time) -> Decision {
    let mut warned = Vec::new();
    let said = by_algorithm(document, facts, deed, now)
        .chain(by_period(document, facts, deed, now))
        .chain(by_other(document, facts, deed));
    for (standing, reason) in said {
        match standing {
            Standing::Deny => return Decision::Refused(reason),
            _ => warned.push(reason),
        }
    }
    if warned.is_empty() { Decision::Allowed } else { Decision::Warned(warned) }
}

/// The next instant after `now` at which the document may say something else of the key; `None`: it never will by time alone.
pub fn next_change(document: &Document, facts: &Facts, now: Time) -> Option<Time> {
    let rules = document
        .algorithms
        .iter()
        .filter(|rule| facts.spec.is_some_and(|spec| rule.is_about(&spec)))
        .map(AlgorithmRule::since);
    rules.chain(period_ends(document, facts).into_iter().flatten()).filter(|at| *at > now).min()
}

/// When the key's originator and recipient usage end.
pub(super) fn period_ends(document: &Document, facts: &Facts) -> [Option<Time>; 2] {
    let period = document
        .cryptoperiods
        .as_ref()
        .and_then(|periods| periods.by_use.get(&KeyUse::of(facts.object_type, facts.usage)?));
    let Some(period) = period else { return [None, None] };
    [
        Some(facts.since.plus_days(period.protect_days)),
        period.process_days.map(|days| facts.since.plus_days(days)),
    ]
}

fn reason(document: &Document, rule: &str, what: String, instead: impl Into<String>) -> Reason {
    Reason { policy: document.name.clone(), rule: rule.to_owned(), what, instead: instead.into() }
}

fn by_algorithm<'a>(
    document: &'a Document,
    facts: &'a Facts,
    deed: Deed,
    now: Time,
) -> impl Iterator<Item = (Standing, Reason)> + 'a {
    let holds = move |rule: &&AlgorithmRule| {
        facts.spec.is_some_and(|spec| rule.is_about(&spec)) && rule.since() <= now
    };
    document.algorithms.iter().filter(holds).filter_map(move |rule| {
        let spec = facts.spec?.name();
        let refuses = match (rule.then, deed) {
            (Standing::Deny, Deed::Export { .. }) => return None,
            (Standing::Deny, _) | (Standing::ProcessOnly, Deed::Protect) => true,
            (Standing::ProcessOnly, Deed::Make) => rule.refuse_new,
            _ => false,
        };
        let since = rule.from.as_deref().map(|day| format!(" since {day}")).unwrap_or_default();
        let because = rule.because.as_deref().map(|text| format!(" ({text})")).unwrap_or_default();
        let (standing, what) = match (refuses, rule.then, deed) {
            (true, _, Deed::Make) => (Standing::Deny, "no new keys"),
            (true, Standing::ProcessOnly, _) => (Standing::Deny, "protects nothing new"),
            (true, ..) => (Standing::Deny, "serves no more"),
            (false, Standing::Warn, _) => (Standing::Warn, "is on its way out"),
            (false, ..) => (Standing::Warn, "protects nothing new"),
        };
        Some((
            standing,
            reason(document, &rule.rule, format!("{spec}: {what}{since}{because}"), &rule.instead),
        ))
    })
}

fn by_period<'a>(
    document: &'a Document,
    facts: &Facts,
    deed: Deed,
    now: Time,
) -> impl Iterator<Item = (Standing, Reason)> + 'a {
    let [protect, process] = period_ends(document, facts);
    let (end, what, instead) = match deed {
        Deed::Protect => (protect, "protects", "rotate the key: its new version protects"),
        Deed::Process => {
            (process, "processes", "rewrap what it protects under a newer version while another policy holds")
        }
        Deed::Make | Deed::Export { .. } => (None, "", ""),
    };
    let over = document.cryptoperiods.as_ref().map_or(Standing::Warn, |periods| periods.over);
    end.filter(|end| *end <= now)
        .map(|end| {
            (
                over,
                reason(
                    document,
                    "cryptoperiods",
                    format!("its period in which it {what} ended at {end}"),
                    instead,
                ),
            )
        })
        .into_iter()
}

fn by_other<'a>(
    document: &'a Document,
    facts: &Facts,
    deed: Deed,
) -> impl Iterator<Item = (Standing, Reason)> + 'a {
    let refuse = move |rule: &str, what: &str, instead: &str| {
        Some((Standing::Deny, reason(document, rule, what.to_owned(), instead)))
    };
    let is_use = matches!(deed, Deed::Protect | Deed::Process);
    let is_public = matches!(
        facts.object_type,
        ObjectType::PublicKey | ObjectType::Certificate | ObjectType::CertificateRequest
    );
    let kept = document
        .versions
        .map(|versions| versions.kept)
        .filter(|kept| is_use && facts.newer_versions >= *kept);
    let too_old = kept.and_then(|kept| {
        refuse(
            "versions",
            &format!("only the newest {kept} versions serve, and {} are newer", facts.newer_versions),
            "ask whoever may set policies to keep more, and rewrap what is left under it",
        )
    });
    let owner = (document.owner_uses_not && is_use && facts.by_owner).then(|| {
        refuse(
            "owner-uses-not",
            "who owns a key does not use it",
            "let another client use it: `keyreeve key grant`",
        )
    });
    let export = match (document.export, deed) {
        (Some(Export::Never), Deed::Export { .. }) if !is_public => {
            refuse("export", "its keys do not leave", "use it here, or wrap data keys with it")
        }
        (Some(Export::Wrapped), Deed::Export { plain: true }) if !is_public => {
            refuse("export", "its keys leave only wrapped", "name a wrapping key")
        }
        _ => None,
    };
    [too_old, owner.flatten(), export].into_iter().flatten()
}

/// Whether the server can make a successor of such an object: symmetric keys and pairs whose material is here.
pub(crate) fn can_rotate(object: &ManagedObject) -> bool {
    matches!(object.object_type, ObjectType::SymmetricKey | ObjectType::PrivateKey)
        && object.spec.is_some()
        && !object.is_valueless()
        && !object.state.is_destroyed()
}

/// What is against the name and the tags of a key.
pub(crate) fn against_names(
    document: &Document,
    name: &str,
    tags: &std::collections::BTreeMap<String, String>,
) -> Option<Reason> {
    if !document.names.is_empty() && !document.names.iter().any(|pattern| glob::fits(pattern, name)) {
        let what = format!("the name {name:?} fits none of: {}", document.names.join(", "));
        return Some(reason(document, "names", what, "choose a name that fits one"));
    }
    let missing = document
        .tags
        .iter()
        .find(|(tag, pattern)| !tags.get(*tag).is_some_and(|value| glob::fits(pattern, value)));
    missing.map(|(tag, pattern)| {
        let what = format!("it needs the tag {tag} with a value as {pattern}");
        reason(document, "tags", what, format!("give it one: `--tag {tag}=VALUE`"))
    })
}
