//! Restore key: name, tags, policy, attributes and plans of a key as they were, and versions out of their waiting period.
//! What was destroyed, revoked or used up stays so, and nothing becomes easier to take away.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Operation, Subject,
    as_of::{AsOf, Past, past},
    modify_attributes::move_names,
    subject,
};
use crate::{
    access::{Action, Permit, approvals::Terms},
    attributes::{check_dates, rule},
    error::{Error, ErrorKind, Result},
    lifecycle,
    model::{
        AttributeKind, AttributeName, Dates, Key, KeyPolicy, Link, LinkType, ManagedObject, ObjectId, Time,
        Value,
    },
    record::Record,
    request::{Context, Reference, Resolved},
};

/// Brings the metadata of a key back as it was.
pub struct RestoreKey {
    /// The key, as it is named now.
    pub key: Reference,
    /// When it was as it shall be.
    pub at: AsOf,
}

impl Operation for RestoreKey {
    /// The objects that changed.
    type Reply = Vec<ObjectId>;

    fn action(&self) -> Action {
        Action::RestoreKey
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Key(&self.key)
    }

    fn reads_the_past(&self) -> bool {
        true
    }

    fn terms(&self, _: &mut Context<'_>) -> Result<Option<Terms>> {
        Ok(Some(vec![("as of".into(), format!("{:?}", self.at))]))
    }

    fn run(
        &self,
        _: &Permit,
        context: &mut Context<'_>,
        resolved: Option<Resolved>,
    ) -> Result<Vec<ObjectId>> {
        let key = subject(resolved)?.key;
        let past = past(context, key.id, self.at)?;
        let (mut changed, mut all_destroyed) = (Vec::new(), true);
        for id in key.objects() {
            let object = context.object(id)?;
            let waited = object.dates.destruction.is_some_and(|date| date <= context.now());
            if object.state.is_destroyed() || waited {
                continue;
            }
            all_destroyed = false;
            let Some(before) = past.objects.get(&id) else { continue };
            if restore_object(context, (&key, &past), &object, before)? {
                changed.push(id);
            }
        }
        if all_destroyed {
            return Err(Error::new(ErrorKind::Destroyed, "what is destroyed does not come back"));
        }
        restore_policy(context, &key, &past.key)?;
        context.note_detail(format!("as of LSN {}", past.lsn));
        Ok(changed)
    }
}

/// Tags and policy; the name went with the names of the objects.
fn restore_policy(context: &mut Context<'_>, key: &Key, past: &Key) -> Result<()> {
    let now = context.key(key.id)?;
    let policy = KeyPolicy {
        exportable: past.policy.exportable && now.policy.exportable,
        // The longer period, and the server's own where either says nothing: a restore makes no destruction quicker.
        destroy_waiting_days: match (past.policy.destroy_waiting_days, now.policy.destroy_waiting_days) {
            (Some(past), Some(now)) => Some(past.max(now)),
            (_, now) => now,
        },
        destroy_at_once: past.policy.destroy_at_once && now.policy.destroy_at_once,
        lease_seconds: past.policy.lease_seconds,
        reject_duplicates: past.policy.reject_duplicates || now.policy.reject_duplicates,
        canary: past.policy.canary || now.policy.canary,
    };
    let restored = Key { policy, tags: past.tags.clone(), ..Key::clone(&now) };
    if restored != *now {
        context.put(Record::Key(Arc::new(restored)));
    }
    Ok(())
}

/// True where there was something to restore.
fn restore_object(
    context: &mut Context<'_>,
    (key, past): (&Arc<Key>, &Past),
    object: &ManagedObject,
    before: &ManagedObject,
) -> Result<bool> {
    context.hold(object);
    let mut restored = restored(object, before, context.now());
    // Names move from version to version: only those of the version that was the newest then, and still is, are its own.
    if key.latest() == past.key.latest() && key.latest().is_some_and(|latest| latest.number == object.version)
    {
        restored.names = before.names.clone();
    }
    check_dates(&restored)?;
    if restored == *object {
        return Ok(false);
    }
    if restored.names != object.names {
        move_names(context, key, object, &restored)?;
    }
    context.put_changed(restored)?;
    Ok(true)
}

/// The object with what may come back.
fn restored(object: &ManagedObject, before: &ManagedObject, now: Time) -> ManagedObject {
    let (sensitive, extractable) =
        (object.sensitive || before.sensitive, object.extractable && before.extractable);
    ManagedObject {
        state: lifecycle::state_at(object, now),
        dates: plans(&object.dates, &before.dates, now),
        groups: before.groups.clone(),
        parameters: before.parameters.clone(),
        links: links(object, before),
        further: further(object, before),
        indices: before.indices.clone(),
        sensitive,
        extractable,
        ..object.clone()
    }
}

/// Dates that have come are history. Of those ahead the old plan counts, as far as it still lies ahead itself.
fn plans(object: &Dates, before: &Dates, now: Time) -> Dates {
    let plan = |date: Option<Time>, before: Option<Time>| {
        let (has_come, is_over) =
            (date.is_some_and(|date| date <= now), before.is_some_and(|before| before <= now));
        if has_come || is_over { date } else { before }
    };
    Dates {
        activation: plan(object.activation, before.activation),
        process_start: plan(object.process_start, before.process_start),
        protect_stop: plan(object.protect_stop, before.protect_stop),
        deactivation: plan(object.deactivation, before.deactivation),
        // Restoring ends a wait, and never begins one.
        destruction: object.destruction.and(before.destruction.filter(|date| *date > now)),
        ..*object
    }
}

/// The line of versions stays as it is; all other links come back.
fn links(object: &ManagedObject, before: &ManagedObject) -> Vec<Link> {
    let is_line = |link: &&Link| matches!(link.kind, LinkType::Replacement | LinkType::Replaced);
    let own = before.links.iter().filter(|link| !is_line(link));
    own.chain(object.links.iter().filter(is_line)).cloned().collect()
}

/// Attributes that clients set come back; what the server counts or says stays.
fn further(object: &ManagedObject, before: &ManagedObject) -> BTreeMap<AttributeName, Vec<Value>> {
    let stays = |name: &AttributeName| {
        !rule(name).given_by_client || *name == AttributeName::Standard(AttributeKind::UsageLimits)
    };
    let own = before.further.iter().filter(|(name, _)| !stays(name));
    let kept = object.further.iter().filter(|(name, _)| stays(name));
    own.chain(kept).map(|(name, values)| (name.clone(), values.clone())).collect()
}
