//! The realm's own wrapping key: what clients wrap the keys under that they bring. Made at the first ask of an
//! administrator. Not here: importing (import).

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Activation, Operation, Subject, Template,
    create::{Create, WRAPPING_KEY_NAME, check_reserved},
};
use crate::{
    access::{Action, Permit},
    error::{Error, ErrorKind, Result},
    lifecycle,
    model::{Algorithm, Key, KeyId, KeyPolicy, KeySpec, KeyVersion, ObjectId, UsageMask},
    request::{Context, Resolved},
};

/// RSA-4096: what wraps a key for years to come should outlast it.
const SPEC: KeySpec = KeySpec { algorithm: Algorithm::Rsa, length_bits: 4096, curve: None };

/// Gives the public half of the wrapping key, for everybody in the realm.
pub struct ShowWrappingKey;

/// The wrapping key.
#[derive(Clone, Debug)]
pub struct WrappingKey {
    /// The key.
    pub key: Arc<Key>,
    /// Its newest version.
    pub version: u32,
    /// The private object of that version.
    pub object: ObjectId,
    /// SubjectPublicKeyInfo, DER.
    pub public: Vec<u8>,
}

impl Operation for ShowWrappingKey {
    type Reply = WrappingKey;

    fn action(&self) -> Action {
        Action::WrappingKey
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn run(&self, permit: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<WrappingKey> {
        let id = match context.key_named(WRAPPING_KEY_NAME)? {
            Some(id) if !is_destroyed(context, id)? => id,
            _ => make(permit, context)?,
        };
        let key = context.key(id)?;
        let latest = latest(&key)?;
        let object = context.object(latest.primary)?;
        context.hold(&object);
        context.note(id, Some(object.id));
        lifecycle::require_protect(&object, context.now())?;
        let public = context.parsed(&object)?.public_key()?;
        Ok(WrappingKey { version: latest.number, object: object.id, key, public })
    }
}

fn latest(key: &Key) -> Result<KeyVersion> {
    key.latest().copied().ok_or_else(|| Error::internal("a key without versions"))
}

/// The name of a destroyed key can be given anew.
fn is_destroyed(context: &mut Context<'_>, id: KeyId) -> Result<bool> {
    let key = context.key(id)?;
    Ok(context.object(latest(&key)?.primary)?.state.is_destroyed())
}

/// Makes it: nothing but unwrapping, and it never leaves.
fn make(permit: &Permit, context: &mut Context<'_>) -> Result<KeyId> {
    if check_reserved(context, WRAPPING_KEY_NAME).is_err() {
        let public = "this realm has no wrapping key yet; it is made when an administrator asks for it first";
        return Err(Error::new(ErrorKind::NotFound, public));
    }
    let half = |usage| Template {
        activation: Activation::Now,
        usage: Some(usage),
        sensitive: Some(true),
        extractable: Some(false),
        ..Template::default()
    };
    let create = Create {
        name: Some(WRAPPING_KEY_NAME.to_owned()),
        spec: SPEC,
        template: half(UsageMask::UNWRAP),
        public: half(UsageMask::NONE),
        policy: KeyPolicy::default(),
        tags: BTreeMap::new(),
        usage_must_fit: true,
    };
    Ok(create.run(permit, context, None)?.key)
}
