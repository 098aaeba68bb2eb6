//! Erase subject: a person's name and personal fields are gone, from every entry that there is. Not here: erasing the leaves
//! everywhere, which the store does from the erasure that this puts on record.

use std::{ops::ControlFlow, sync::Arc};

use super::{
    Operation, Subject,
    destroy::{new_erasure, put_erased},
    persons::{names_key, new_names_key},
    principals::principal_named,
    server::erased_part,
};
use crate::{
    access::{Action, Permit, approvals::Terms},
    engine::damaged,
    error::{Error, ErrorKind, Result},
    model::{ErasedObject, ErasureId, ObjectId, Principal, PrincipalId},
    persons,
    record::{Record, RecordKey},
    request::{Context, Resolved},
};

/// Persons of a realm up to which the key of their names is replaced: one entry holds what leads from all their names.
const NAMES_MAX: usize = 10_000;

/// Erases a person who was revoked.
pub struct EraseSubject {
    /// Its name, or the word that stands for it.
    pub name: String,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Erased {
    /// The principal, whose name is a word that says nothing.
    pub principal: Arc<Principal>,
    /// What is left to do; its certificate comes with it.
    pub erasure: ErasureId,
}

impl Operation for EraseSubject {
    type Reply = Erased;

    fn action(&self) -> Action {
        Action::EraseSubject
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn terms(&self, context: &mut Context<'_>) -> Result<Option<Terms>> {
        let principal = principal_named(context, &self.name)?;
        Ok(Some(vec![("erase subject".into(), principal.name.clone())]))
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<Erased> {
        context.note_target(&self.name);
        let before = principal_named(context, &self.name)?;
        let person = erasable(&before)?;
        let id = new_erasure(context)?;
        let mut objects = vec![drop_sealed(context, persons::record_name(person))?];
        context.purge(person);
        objects.extend(replace_names_key(context, before.id)?);
        let erased = Some(context.now());
        let principal = Arc::new(Principal { erased, ..Principal::clone(&before) });
        context.put(Record::Principal(Arc::clone(&principal)));
        put_erased(context, id, format!("subject {}", principal.name), objects);
        context.note_detail(format!("erasure {id}"));
        Ok(Erased { principal, erasure: id })
    }
}

/// What the person's name and key are kept under.
///
/// # Errors
/// `WrongUsage` for who is no person, `WrongState` for who may still come in or was erased before.
fn erasable(principal: &Principal) -> Result<ObjectId> {
    let name = &principal.name;
    let Some(person) = principal.person else {
        let public = format!(
            "{name} was not made as a person (client add --person): its name stands in entries, where nothing erases it"
        );
        return Err(Error::new(ErrorKind::WrongUsage, public));
    };
    if principal.erased.is_some() {
        return Err(Error::new(ErrorKind::WrongState, format!("{name} was erased")));
    }
    if principal.revoked.is_none() {
        let public = format!("{name} is not revoked: shut the person out first, by client revoke");
        return Err(Error::new(ErrorKind::WrongState, public));
    }
    Ok(person)
}

/// Drops server data with a secret part, and gives what an erasure must know of that.
fn drop_sealed(context: &mut Context<'_>, name: String) -> Result<ErasedObject> {
    let address = RecordKey::Server(name);
    let record = context.get(address.clone())?;
    let sealed = match record.as_deref() {
        Some(Record::Server(data)) => data.sealed.as_ref(),
        Some(other) => return Err(damaged(&address, other)),
        None => None,
    };
    let part = erased_part(sealed.ok_or_else(|| Error::internal("a person's sealed data is missing"))?);
    context.delete(address);
    Ok(part)
}

/// Takes away what leads from the person's name, and leads from the names of the others by another key: with the former one in
/// hand, what the journal holds of it would confirm a guess at the name.
fn replace_names_key(context: &mut Context<'_>, leaving: PrincipalId) -> Result<Option<ErasedObject>> {
    let Some(former) = names_key(context, false)? else { return Ok(None) };
    let mut persons = Vec::new();
    context.each_principal(|principal| {
        let person = principal.person.filter(|_| principal.erased.is_none());
        persons.extend(person.map(|person| (principal.id, person)));
        if persons.len() > NAMES_MAX { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    let (realm, replaces) = (context.realm(), persons.len() <= NAMES_MAX);
    if !replaces {
        // Nothing but the name that goes is looked at.
        persons = vec![(leaving, own_person(context, leaving)?)];
    }
    let mut names = Vec::with_capacity(persons.len());
    for (principal, person) in persons {
        if let Some(profile) = context.engine().profile(person)? {
            let digest = persons::name_digest(context.crypto(), &former, realm, profile.name());
            context.delete(RecordKey::PrincipalName(realm, digest));
            names.push((principal, profile));
        }
    }
    if !replaces {
        return Ok(None);
    }
    let part = drop_sealed(context, persons::names_key_name(realm))?;
    let key = new_names_key(context)?;
    for (principal, profile) in names.into_iter().filter(|(principal, _)| *principal != leaving) {
        let name = persons::name_digest(context.crypto(), &key, realm, profile.name());
        context.put(Record::PrincipalName { realm, name, principal });
    }
    Ok(Some(part))
}

fn own_person(context: &mut Context<'_>, id: PrincipalId) -> Result<ObjectId> {
    let principal = super::principals::principal(context, id)?;
    principal.person.ok_or_else(|| Error::internal("a person without sealed data"))
}
