//! Which version of a key serves a request that names the key and not an object.

use std::sync::Arc;

use crate::{
    error::{Error, ErrorKind, Result},
    lifecycle,
    model::{KeyVersion, ManagedObject, UsageMask},
    policy::Deed,
    request::{Context, Resolved},
};

/// What the request does with the key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Makes something new: the newest version that may.
    Protect,
    /// Works on what was made before.
    Process,
}

/// Which half of a pair serves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Half {
    /// The secret or private half.
    Private,
    /// The public half, or the secret where there is no pair.
    Public,
}

/// The object that serves, checked for state, dates and usage.
///
/// # Errors
/// `NotFound` for a version that does not exist, `WrongState`, `Destroyed`, `WrongUsage`.
pub(super) fn usable(
    context: &mut Context<'_>,
    resolved: &Resolved,
    version: Option<u32>,
    (purpose, half, usage): (Purpose, Half, UsageMask),
) -> Result<Arc<ManagedObject>> {
    let object = choose(context, resolved, version, purpose, half)?;
    context.hold(&object);
    context.note(object.key, Some(object.id));
    match purpose {
        Purpose::Protect => lifecycle::require_protect(&object, context.now())?,
        Purpose::Process => lifecycle::require_process(&object, context.now())?,
    }
    let deed = match purpose {
        Purpose::Protect => Deed::Protect,
        Purpose::Process => Deed::Process,
    };
    context.require_by_policy(&resolved.key, &object, deed)?;
    if !object.usage.allows(usage) {
        let words = usage.words().join(", ");
        let public = format!("the usage mask of this key does not allow: {words}");
        return Err(Error::new(ErrorKind::WrongUsage, public));
    }
    Ok(object)
}

fn choose(
    context: &mut Context<'_>,
    resolved: &Resolved,
    version: Option<u32>,
    purpose: Purpose,
    half: Half,
) -> Result<Arc<ManagedObject>> {
    if let Some(object) = resolved.object {
        return context.object(object);
    }
    let pick = |version: &KeyVersion| match half {
        Half::Private => version.primary,
        Half::Public => version.public.unwrap_or(version.primary),
    };
    if let Some(number) = version {
        let version = resolved.key.version(number).ok_or_else(|| Error::not_found("version of the key"))?;
        return context.object(pick(version));
    }
    // The newest version that may protect; where none may, the newest, whose state then is the reason told.
    for version in resolved.key.versions.iter().rev() {
        let object = context.object(pick(version))?;
        if purpose == Purpose::Process || lifecycle::require_protect(&object, context.now()).is_ok() {
            return Ok(object);
        }
    }
    let latest = resolved.key.latest().ok_or_else(|| Error::internal("a key without versions"))?;
    context.object(pick(latest))
}
