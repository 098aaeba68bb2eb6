//! The same move for one object, or for every version of a key that can make it.

use crate::{
    error::{Error, ErrorKind, Result},
    model::{ManagedObject, ObjectId},
    request::{Context, Resolved},
};

/// Changes the object that was named, or all objects of the key that `change` accepts. The ids of those changed.
///
/// # Errors
/// What `change` says of the named object; of a key, what it says of the newest version where none can be changed. An
/// older version in another state never keeps the others from being revoked or destroyed.
pub(super) fn change_each(
    context: &mut Context<'_>,
    resolved: &Resolved,
    change: impl Fn(&Context<'_>, &ManagedObject) -> Result<ManagedObject>,
) -> Result<Vec<ObjectId>> {
    let objects: Vec<ObjectId> = match resolved.object {
        Some(object) => vec![object],
        None => resolved.key.objects().collect(),
    };
    let mut changed = Vec::new();
    let mut refusal = None;
    for id in objects {
        let object = context.object(id)?;
        context.hold(&object);
        match change(context, &object) {
            Ok(object) => {
                context.put_changed(object)?;
                changed.push(id);
            }
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::WrongState | ErrorKind::Destroyed | ErrorKind::Archived
                ) =>
            {
                refusal = Some(error);
            }
            Err(error) => return Err(error),
        }
    }
    match refusal {
        Some(error) if changed.is_empty() => Err(error),
        None if changed.is_empty() => Err(Error::internal("a key without versions")),
        _ => Ok(changed),
    }
}
