//! What an entry of the journal means for destinations. Not here: which of them it is for.

use keyreeve_core::Result;
use keyreeve_core::alerts::{self, Alert, Severity};
use keyreeve_core::engine::Engine;
use keyreeve_core::model::{Key, KeyVersion, RealmId};
use keyreeve_core::record::{Change, Entry, Outcome, Record, RecordKey};
use serde_json::json;

use super::notice::{Event, Notice};

/// What there is to tell of an entry.
///
/// # Errors
/// The store's.
pub(super) fn notice(engine: &Engine, server: &str, entry: &Entry) -> Result<Option<Notice>> {
    if let Some(alert) = alerts::raised(entry)?.filter(|alert| !alert.suppressed) {
        let realm = realm_name(engine, entry.draft.realm)?;
        return Ok(Some(of_alert(&alert, entry, (realm, server))));
    }
    let Some(key) = rotated(entry) else { return Ok(None) };
    let realm = realm_name(engine, key.realm)?;
    Ok(key.latest().map(|version| of_rotation(key, version, entry, (realm, server))))
}

/// One that was raised, or again; what is suppressed is told to nobody.
fn of_alert(alert: &Alert, entry: &Entry, (realm, server): (String, &str)) -> Notice {
    let Alert { number, rule, severity, subject, observed, since, first, last, raised, evidence, .. } = alert;
    let known = alerts::rules().into_iter().map(|rule| rule.about()).find(|about| about.name == rule);
    let fields = json!({
        "alert": number,
        "subject": subject,
        "since": since.to_string(),
        "first": first.to_string(),
        "last": last.to_string(),
        "raised": raised,
        "evidence": evidence,
        "then": known.map(|about| about.then),
        "lsn": entry.lsn.0,
    });
    Notice {
        id: format!("alert-{}-{number}-{}", entry.draft.realm, entry.lsn),
        subject: format!("alert-{}-{number}", entry.draft.realm),
        event: Event::Alert,
        time: entry.draft.time,
        severity: *severity,
        realm,
        rule: rule.clone(),
        title: format!("{rule}: {subject}"),
        text: observed.clone(),
        server: server.to_owned(),
        fields: fields.as_object().cloned().unwrap_or_default(),
    }
}

fn of_rotation(key: &Key, version: &KeyVersion, entry: &Entry, (realm, server): (String, &str)) -> Notice {
    let (name, number) = (&key.name, version.number);
    let fields = json!({
        "key": name,
        "key_id": key.id.to_string(),
        "version": number,
        "object_id": version.primary.to_string(),
        "lsn": entry.lsn.0,
    });
    Notice {
        id: format!("rotation-{}-{number}", key.id),
        subject: key.id.to_string(),
        event: Event::Rotation,
        time: entry.draft.time,
        severity: Severity::Inform,
        realm,
        rule: String::new(),
        title: format!("{name} has version {number}"),
        text: format!(
            "The key {name} has a new version, {number}: from now on this one protects, and whoever holds an older one fetches it."
        ),
        server: server.to_owned(),
        fields: fields.as_object().cloned().unwrap_or_default(),
    }
}

/// The key that got another version by this entry.
fn rotated(entry: &Entry) -> Option<&Key> {
    let draft = &entry.draft;
    if draft.outcome != Outcome::Success {
        return None;
    }
    draft.changes.iter().find_map(|change| {
        let Change::Put(Record::Key(key)) = change else { return None };
        let newest = key.latest().filter(|_| key.versions.len() > 1)?.primary;
        let is_made =
            |change: &Change| matches!(change, Change::Put(Record::Object(object)) if object.id == newest);
        // What was there before is touched, and not made.
        let was_there = draft.touched.iter().any(|touched| touched.object == newest);
        (!was_there && draft.changes.iter().any(is_made)).then_some(&**key)
    })
}

fn realm_name(engine: &Engine, realm: RealmId) -> Result<String> {
    let found = engine.store().get(&RecordKey::Realm(realm))?;
    Ok(match found.as_deref() {
        Some(Record::Realm(realm)) => realm.name.clone(),
        _ => realm.to_string(),
    })
}
