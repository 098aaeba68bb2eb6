//! What operations on principals need where one is a person: finding it by its name, and keeping that. Not here: how names and
//! fields are sealed (the crate's `persons`), and erasing them (erase subject).

use std::sync::Arc;

use super::{
    principals::principal_named,
    server::{open_bound, server_data_of, server_data_under},
};
use crate::{
    engine::damaged,
    error::{Error, ErrorKind, Result},
    model::{ObjectId, PrincipalId},
    persons::{self, KEY_LEN, Profile},
    record::{Record, RecordKey},
    request::Context,
    secret::SecretBytes,
};

/// Keeps a person's name and key, sealed, and what leads from the name to the person.
pub(super) fn put_person(
    context: &mut Context<'_>,
    principal: PrincipalId,
    name: &str,
) -> Result<(ObjectId, Profile)> {
    let (realm, id) = (context.realm(), context.new_object_id()?);
    let mut key = [0; KEY_LEN];
    context.crypto().fill(&mut key)?;
    let key = SecretBytes::take_from(&mut key);
    let secret = || SecretBytes::new([key.expose(), name.as_bytes()].concat());
    let (record, of) = (persons::record_name(id), principal.as_bytes());
    let data = server_data_under(context, id, (&record, of), Some(&secret()))?;
    context.put(Record::Server(Arc::new(data)));
    let names = names_key(context, true)?.ok_or_else(|| Error::internal("no key of names"))?;
    let name = persons::name_digest(context.crypto(), &names, realm, name);
    context.put(Record::PrincipalName { realm, name, principal });
    Ok((id, Profile::new(secret())?))
}

/// The id of the principal of this name in the caller's realm, a person's too.
///
/// # Errors
/// The store's and the sealer's.
pub(super) fn id_named(context: &mut Context<'_>, name: &str) -> Result<Option<PrincipalId>> {
    let realm = context.realm();
    if let Some(id) = id_at(context, name.to_owned())? {
        return Ok(Some(id));
    }
    match names_key(context, false)? {
        Some(key) => {
            let digest = persons::name_digest(context.crypto(), &key, realm, name);
            id_at(context, digest)
        }
        None => Ok(None),
    }
}

fn id_at(context: &mut Context<'_>, name: String) -> Result<Option<PrincipalId>> {
    let address = RecordKey::PrincipalName(context.realm(), name);
    match context.get(address.clone())?.as_deref() {
        Some(Record::PrincipalName { principal, .. }) => Ok(Some(*principal)),
        Some(other) => Err(damaged(&address, other)),
        None => Ok(None),
    }
}

/// The realm's key of persons' names; made where it is missing and wanted.
///
/// # Errors
/// The store's and the sealer's.
pub(super) fn names_key(context: &mut Context<'_>, make: bool) -> Result<Option<SecretBytes>> {
    let name = persons::names_key_name(context.realm());
    let address = RecordKey::Server(name);
    match context.get(address.clone())?.as_deref() {
        Some(Record::Server(data)) => match &data.sealed {
            Some(sealed) => open_bound(context.crypto(), context.sealer(), data, sealed).map(Some),
            None => Err(damaged(&address, &Record::Server(Arc::clone(data)))),
        },
        Some(other) => Err(damaged(&address, other)),
        None if make => new_names_key(context).map(Some),
        None => Ok(None),
    }
}

/// Makes the realm another key of persons' names.
///
/// # Errors
/// The generator's and the sealer's.
pub(super) fn new_names_key(context: &mut Context<'_>) -> Result<SecretBytes> {
    let mut key = [0; KEY_LEN];
    context.crypto().fill(&mut key)?;
    let key = SecretBytes::take_from(&mut key);
    let data = server_data_of(context, &persons::names_key_name(context.realm()), &[], Some(&key))?;
    context.put(Record::Server(Arc::new(data)));
    Ok(key)
}

pub(super) fn no_persons_yet() -> Error {
    let public = "the first person of a realm is made before a rule asks for approvals of that";
    Error::new(ErrorKind::WrongState, public)
}

/// The name on record of whom a request names, and whether that is a person; the name as it is where nobody has it.
pub(super) fn recorded(context: &mut Context<'_>, name: &str) -> Result<(String, bool)> {
    match principal_named(context, name) {
        Ok(principal) => Ok((principal.name.clone(), principal.person.is_some())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok((name.to_owned(), false)),
        Err(error) => Err(error),
    }
}
