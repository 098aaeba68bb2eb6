//! Alerts of a realm: raise, tell, acknowledge, and suppress for a while. Not here: what is noticed (alerts).

use std::sync::Arc;

use super::{Operation, Subject, realms};
use crate::{
    access::{Action, Permit, approvals::Terms},
    alerts::{
        self, Acknowledged, Alerts, Finding, NOTE_BYTES_MAX, SUBJECT_BYTES_MAX, SUPPRESSION_HOURS_MAX,
        Severity, Suppression,
    },
    engine::{Engine, damaged},
    error::{Error, ErrorKind, Result},
    model::RealmId,
    record::{Record, ServerData},
    request::{Context, Resolved},
};

/// Puts on record that something should be looked at.
pub struct RaiseAlert {
    /// What was found, in the realm that the server acts in.
    pub finding: Finding,
}

/// Tells the realm's alerts, and what is suppressed.
pub struct ShowAlerts;

/// Says what became of alerts.
pub struct SettleAlert(pub Settle);

/// What becomes of alerts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settle {
    /// Somebody looked at it. The same, from then on, is a new alert.
    Acknowledge {
        /// The alert.
        number: u64,
        /// What they found; may be empty.
        note: String,
    },
    /// The same about the same subject is raised without telling anybody, for a while.
    Snooze {
        /// The alert.
        number: u64,
        /// For how long, 1 to [`SUPPRESSION_HOURS_MAX`].
        hours: u16,
        /// Why.
        reason: String,
    },
    /// What a rule finds is raised without telling anybody, for a while: of all subjects, or of one.
    Suppress {
        /// The rule.
        rule: String,
        /// The subject.
        subject: Option<String>,
        /// For how long, 1 to [`SUPPRESSION_HOURS_MAX`].
        hours: u16,
        /// Why.
        reason: String,
    },
    /// What was suppressed is told again.
    EndSuppression {
        /// The rule.
        rule: String,
        /// The subject, as it was suppressed.
        subject: Option<String>,
    },
}

impl RaiseAlert {
    /// Whether this is on record already.
    ///
    /// # Errors
    /// The store's; `Internal` where the record is damaged.
    pub fn is_known(&self, engine: &Engine, realm: RealmId) -> Result<bool> {
        Ok(kept(engine, realm)?.is_some_and(|alerts| alerts.has(&self.finding)))
    }
}

/// How many alerts of all realms nobody has acknowledged, by how much they matter; those that are suppressed are not counted.
///
/// # Errors
/// The store's; `Internal` where a record is damaged.
pub fn open_alerts(engine: &Engine) -> Result<[(Severity, u64); 3]> {
    let mut open = [Severity::Inform, Severity::Warn, Severity::Page].map(|severity| (severity, 0));
    let made = realms::made(&**engine.store(), realms::REALMS_MAX)?;
    for realm in std::iter::once(RealmId::DEFAULT).chain(made) {
        let of_realm = kept(engine, realm)?.unwrap_or_default().alerts;
        let of_realm = of_realm.iter().filter(|alert| alert.acknowledged.is_none() && !alert.suppressed);
        for alert in of_realm {
            open.iter_mut()
                .filter(|(severity, _)| *severity == alert.severity)
                .for_each(|(_, count)| *count += 1);
        }
    }
    Ok(open)
}

/// The alerts of a realm, for who decides nothing by them.
fn kept(engine: &Engine, realm: RealmId) -> Result<Option<Alerts>> {
    let address = alerts::address(realm);
    match engine.store().get(&address)?.as_deref() {
        Some(Record::Server(data)) => alerts::read(data).map(Some),
        Some(other) => Err(damaged(&address, other)),
        None => Ok(None),
    }
}

impl Operation for RaiseAlert {
    type Reply = ();

    fn action(&self) -> Action {
        Action::RaiseAlert
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<()> {
        let mut alerts = stored(context)?;
        let number = alerts.raise(&self.finding, context.now());
        let Finding { rule, severity, subject, observed, .. } = &self.finding;
        context.note_target(&number.to_string());
        context.note_detail(format!("{}: {rule}: {subject}: {observed}", severity.word()));
        put(context, &alerts)
    }
}

impl Operation for ShowAlerts {
    type Reply = Alerts;

    fn action(&self) -> Action {
        Action::ShowAlerts
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<Alerts> {
        let now = context.now();
        let mut alerts = stored(context)?;
        alerts.suppressions.retain(|suppression| suppression.until > now);
        Ok(alerts)
    }
}

impl Operation for SettleAlert {
    type Reply = Alerts;

    fn action(&self) -> Action {
        Action::SettleAlerts
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn terms(&self, context: &mut Context<'_>) -> Result<Option<Terms>> {
        let about = |context: &mut Context<'_>, number: u64| -> Result<Terms> {
            let alerts = stored(context)?;
            let alert = alerts.numbered(number)?;
            Ok(vec![
                ("alert".into(), number.to_string()),
                ("rule".into(), alert.rule.clone()),
                ("subject".into(), alert.subject.clone()),
            ])
        };
        let rule = |rule: &str, subject: &Option<String>| {
            vec![
                ("rule".into(), rule.to_owned()),
                ("subject".into(), subject.clone().unwrap_or_else(|| "all".into())),
            ]
        };
        let (what, mut terms, rest) = match &self.0 {
            Settle::Acknowledge { number, note } => {
                ("acknowledge", about(context, *number)?, vec![("note".into(), note.clone())])
            }
            Settle::Snooze { number, hours, reason } => {
                ("suppress", about(context, *number)?, held(*hours, reason))
            }
            Settle::Suppress { rule: name, subject, hours, reason } => {
                ("suppress", rule(name, subject), held(*hours, reason))
            }
            Settle::EndSuppression { rule: name, subject } => {
                ("end the suppression of", rule(name, subject), Terms::new())
            }
        };
        terms.insert(0, ("settle".into(), what.into()));
        terms.extend(rest);
        Ok(Some(terms))
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<Alerts> {
        let mut alerts = stored(context)?;
        let (now, by) = (context.now(), context.caller().name().to_owned());
        match &self.0 {
            Settle::Acknowledge { number, note } => {
                context.note_target(&number.to_string());
                check_note(note)?;
                let acknowledged = Acknowledged { time: now, by, note: note.clone() };
                if !alerts.acknowledge(*number, acknowledged)? {
                    context.note_detail("was acknowledged before");
                    return Ok(alerts);
                }
                context.note_detail(format!("acknowledged: {note}"));
            }
            Settle::Snooze { number, hours, reason } => {
                context.note_target(&number.to_string());
                let alert = alerts.numbered(*number)?;
                let (rule, subject) = (alert.rule.clone(), Some(alert.subject.clone()));
                suppress(context, &mut alerts, (rule, subject), (*hours, reason))?;
            }
            Settle::Suppress { rule, subject, hours, reason } => {
                context.note_target(rule);
                if !alerts::names().contains(&**rule) {
                    return Err(Error::not_found("rule of alerts (`keyreeve alert rules` lists them)"));
                }
                let (rule, subject) = (rule.clone(), subject.clone());
                suppress(context, &mut alerts, (rule, subject), (*hours, reason))?;
            }
            Settle::EndSuppression { rule, subject } => {
                context.note_target(rule);
                alerts.end_suppression(rule, subject.as_deref(), now)?;
                context.note_detail(format!("told again: {}", subject.as_deref().unwrap_or("all")));
            }
        }
        put(context, &alerts)?;
        Ok(alerts)
    }
}

fn held(hours: u16, reason: &str) -> Terms {
    vec![("hours".into(), hours.to_string()), ("reason".into(), reason.to_owned())]
}

fn suppress(
    context: &mut Context<'_>,
    alerts: &mut Alerts,
    (rule, subject): (String, Option<String>),
    (hours, reason): (u16, &str),
) -> Result<()> {
    check_note(reason)?;
    let refuse = |public: String| Err(Error::new(ErrorKind::InvalidField, public));
    if reason.trim().is_empty() {
        return refuse("reason: say why nobody is to be told".into());
    }
    if !(1..=SUPPRESSION_HOURS_MAX).contains(&hours) {
        return refuse(format!(
            "hours: nobody is told for 1 to {SUPPRESSION_HOURS_MAX} hours; then they are again"
        ));
    }
    if subject.as_ref().is_some_and(|subject| subject.len() > SUBJECT_BYTES_MAX) {
        return refuse(format!("subject: that of an alert has at most {SUBJECT_BYTES_MAX} bytes"));
    }
    let (since, by) = (context.now(), context.caller().name().to_owned());
    let until = since.plus_seconds(u32::from(hours) * 3600);
    context
        .note_detail(format!("suppressed until {until}, {}: {reason}", subject.as_deref().unwrap_or("all")));
    alerts.suppress(Suppression { rule, subject, until, reason: reason.to_owned(), since, by })
}

fn check_note(note: &str) -> Result<()> {
    if note.len() <= NOTE_BYTES_MAX {
        return Ok(());
    }
    let public = format!("a note or reason has at most {NOTE_BYTES_MAX} bytes");
    Err(Error::new(ErrorKind::InvalidField, public))
}

/// The realm's alerts as they are stored. What a request makes of them is bound to their staying so.
fn stored(context: &mut Context<'_>) -> Result<Alerts> {
    let address = alerts::address(context.realm());
    match context.get(address.clone())?.as_deref() {
        Some(Record::Server(data)) => alerts::read(data),
        Some(other) => Err(damaged(&address, other)),
        None => Ok(Alerts::default()),
    }
}

fn put(context: &mut Context<'_>, alerts: &Alerts) -> Result<()> {
    let mut data = Vec::new();
    ciborium::into_writer(alerts, &mut data).map_err(Error::internal)?;
    let name = alerts::record_name(context.realm());
    context.put(Record::Server(Arc::new(ServerData { name, data, sealed: None })));
    Ok(())
}
