//! What an imported object has been through elsewhere: attributes that are otherwise the server's own.

use super::{
    Described, describe,
    fields::{Reader, part, spelled, usage_limits},
};
use crate::{
    error::{Error, ErrorKind, Result},
    lifecycle,
    model::{AttributeKind, AttributeName, ManagedObject, Revocation, RevocationReason, State, Time, Value},
};

/// The past of an imported object. Every field that is `None` is as for a new object.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// State then; what dates did since comes on top.
    pub state: Option<State>,
    /// First seen by a server.
    pub initial: Option<Time>,
    /// Last change.
    pub last_change: Option<Time>,
    /// Compromise is believed to have happened.
    pub compromise_occurrence: Option<Time>,
    /// Compromise became known.
    pub compromise: Option<Time>,
    /// Set aside to the archive.
    pub archive: Option<Time>,
    /// Why it was revoked.
    pub revocation: Option<Revocation>,
    /// Sensitive ever since.
    pub always_sensitive: Option<bool>,
    /// Extractable never.
    pub never_extractable: Option<bool>,
    /// Never handed out.
    pub fresh: Option<bool>,
    /// Longest lease, in seconds.
    pub lease_seconds: Option<u32>,
    /// Usage Limits with what is left of them.
    pub usage_limits: Option<Value>,
}

/// Reads all attributes of an object that is imported. Those that follow from the object itself (digests, identifiers, what
/// material is and where it is kept) are computed again, whatever is given.
///
/// # Errors
/// As `describe`; `InvalidField` for an object that was destroyed.
///
/// # Standard
/// KMIP 2.1 section 6.1.25: who sets an attribute initially does not matter here, all else of its rules does.
pub fn describe_imported(
    attributes: impl IntoIterator<Item = (AttributeName, Value)>,
) -> Result<(Described, History)> {
    let mut history = History::default();
    let (mut given, mut seen) = (Vec::new(), Vec::new());
    let mut kept = Vec::new();
    for (name, value) in attributes {
        match history.take(&name, &value)? {
            Taken::ByClients => given.push((name, value)),
            Taken::Computed => {}
            Taken::Kept | Taken::Here if seen.contains(&name) => {
                let public = format!("{} is given more than once", spelled(&name));
                return Err(Error::new(ErrorKind::InvalidField, public));
            }
            Taken::Here => seen.push(name),
            Taken::Kept => {
                seen.push(name.clone());
                kept.push((name, value));
            }
        }
    }
    let mut described = describe(given)?;
    for (name, value) in kept {
        described.template.further.entry(name).or_default().push(value);
    }
    Ok((described, history))
}

/// What became of an attribute.
enum Taken {
    /// It is one that clients give any new object.
    ByClients,
    /// It is kept as it is given.
    Kept,
    /// It is in the history.
    Here,
    /// It follows from the object.
    Computed,
}

impl History {
    fn take(&mut self, name: &AttributeName, value: &Value) -> Result<Taken> {
        let reader = Reader(name);
        let AttributeName::Standard(kind) = name else {
            // The server's own words, such as which split a part is from, are nobody else's to say.
            let is_ours = matches!(name, AttributeName::Vendor { vendor, .. } if vendor == "y");
            return Ok(if is_ours { Taken::Computed } else { Taken::ByClients });
        };
        use AttributeKind::*;
        match kind {
            State => self.state = Some(state(reader.code(value)?)?),
            InitialDate => self.initial = Some(reader.date(value)?),
            LastChangeDate => self.last_change = Some(reader.date(value)?),
            CompromiseOccurrenceDate => self.compromise_occurrence = Some(reader.date(value)?),
            CompromiseDate => self.compromise = Some(reader.date(value)?),
            ArchiveDate => self.archive = Some(reader.date(value)?),
            RevocationReason => self.revocation = Some(revocation(&reader, value)?),
            AlwaysSensitive => self.always_sensitive = Some(reader.truth(value)?),
            NeverExtractable => self.never_extractable = Some(reader.truth(value)?),
            Fresh => self.fresh = Some(reader.truth(value)?),
            LeaseTime => self.lease_seconds = Some(lease(value)?),
            UsageLimits => self.usage_limits = Some(left(&reader, value)?),
            DestroyDate => return Err(contradiction("a destroyed object has no value to be imported")),
            UniqueIdentifier
            | ShortUniqueIdentifier
            | Digest
            | KeyFormatType
            | KeyValuePresent
            | X509CertificateIdentifier
            | X509CertificateIssuer
            | X509CertificateSubject
            | CertificateIdentifier
            | CertificateIssuer
            | CertificateSubject
            | DigitalSignatureAlgorithm => return Ok(Taken::Computed),
            _ if super::rules::is_part_of_certificate_name(*kind) => return Ok(Taken::Computed),
            RotateDate | RotateGeneration | RotateLatest => return Ok(Taken::Kept),
            _ => return Ok(Taken::ByClients),
        }
        Ok(Taken::Here)
    }

    /// Gives a new object its past.
    ///
    /// # Errors
    /// `InvalidField` where attributes contradict each other: nothing comes in as less used, revoked or exposed than the
    /// rest of its attributes say.
    pub fn apply(&self, object: &mut ManagedObject, now: Time) -> Result<()> {
        let dates = &mut object.dates;
        dates.initial = self.initial.unwrap_or(dates.initial);
        dates.last_change = self.last_change.unwrap_or(dates.last_change);
        (dates.compromise_occurrence, dates.compromise) = (self.compromise_occurrence, self.compromise);
        dates.archive = self.archive;
        object.revocation.clone_from(&self.revocation);
        object.fresh = self.fresh.unwrap_or(true);
        if self.always_sensitive == Some(true) && !object.sensitive {
            return Err(contradiction("Always Sensitive is true, and Sensitive is not"));
        }
        if self.never_extractable == Some(true) && object.extractable {
            return Err(contradiction("Never Extractable is true, and so is Extractable"));
        }
        object.always_sensitive = self.always_sensitive.unwrap_or(object.always_sensitive);
        object.never_extractable = self.never_extractable.unwrap_or(object.never_extractable);
        if let Some(limits) = &self.usage_limits {
            let name = AttributeName::Standard(AttributeKind::UsageLimits);
            object.further.insert(name, vec![limits.clone()]);
        }
        object.state = self.dated(object, now)?;
        object.state = lifecycle::state_at(object, now);
        if matches!(object.state, State::PreActive | State::Active) && self.revocation.is_some() {
            return Err(contradiction(
                "a Revocation Reason is given, and the State is that of an object before it",
            ));
        }
        super::check_dates(object)
    }

    /// The state that it came in, with the date that this state has.
    fn dated(&self, object: &mut ManagedObject, now: Time) -> Result<State> {
        let dates = &mut object.dates;
        let state = self.state.unwrap_or(self.implied());
        if self.is_compromised() && state != State::Compromised {
            return Err(contradiction("a compromise is told of, and the State is not Compromised"));
        }
        let date = match state {
            State::PreActive => return Ok(state),
            State::Active => &mut dates.activation,
            State::Deactivated => &mut dates.deactivation,
            State::Compromised => &mut dates.compromise,
            _ => return Err(contradiction("a destroyed object has no value to be imported")),
        };
        if *date.get_or_insert(now) > now {
            let public = format!("the object is {}, and the date since when lies ahead", state.word());
            return Err(contradiction(&public));
        }
        Ok(state)
    }

    /// The state, where nobody says it, as far as it does not follow from dates that move objects.
    fn implied(&self) -> State {
        match &self.revocation {
            _ if self.is_compromised() => State::Compromised,
            Some(_) => State::Deactivated,
            None => State::PreActive,
        }
    }

    /// Whether a date or a reason tells of a compromise.
    fn is_compromised(&self) -> bool {
        use RevocationReason::{CaCompromise, KeyCompromise};
        let reason = self.revocation.as_ref().map(|revocation| revocation.reason);
        self.compromise.is_some()
            || self.compromise_occurrence.is_some()
            || matches!(reason, Some(KeyCompromise | CaCompromise))
    }
}

fn contradiction(public: &str) -> Error {
    Error::new(ErrorKind::InvalidField, public)
}

fn state(code: u32) -> Result<State> {
    State::from_code(code).ok_or_else(|| contradiction("there is no State of this code"))
}

fn lease(value: &Value) -> Result<u32> {
    match value {
        Value::IntervalSeconds(seconds) if *seconds > 0 => Ok(*seconds),
        _ => Err(contradiction("Lease Time: expected an interval of at least a second")),
    }
}

fn revocation(reader: &Reader<'_>, value: &Value) -> Result<Revocation> {
    let code = part(value, "RevocationReasonCode");
    let code = code.ok_or_else(|| contradiction("Revocation Reason: RevocationReasonCode is missing"))?;
    let message = part(value, "RevocationMessage").map(|message| reader.text(message)).transpose()?;
    Ok(Revocation { reason: RevocationReason::from_code(reader.code(code)?), message })
}

/// Usage Limits as they are given, where no more is left than there was.
fn left(reader: &Reader<'_>, value: &Value) -> Result<Value> {
    let full = reader.usage_limits(value)?;
    match (part(&full, "UsageLimitsTotal"), part(value, "UsageLimitsCount"), part(&full, "UsageLimitsUnit")) {
        (
            Some(Value::LongInteger(total)),
            Some(Value::LongInteger(count)),
            Some(Value::Enumeration(unit)),
        ) if (0..=*total).contains(count) => Ok(usage_limits(*total, *count, *unit)),
        (_, None, _) => Ok(full),
        _ => Err(contradiction("Usage Limits: the count is what is left of the total")),
    }
}
