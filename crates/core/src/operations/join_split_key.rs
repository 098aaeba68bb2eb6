//! Join Split Key: a key out of enough of its parts.
//!
//! The new key is the caller's, so that it takes the right to get each part.

use std::collections::BTreeMap;

use super::{
    Operation, Subject, Template,
    create::Created,
    create_split_key::whole,
    get::Gotten,
    import::{Brought, Decode, Decoded, Import},
    register::Register,
    terms::{self, NewKey, term},
};
use crate::{
    access::{Action, Permit, Target, approvals::Terms},
    error::{Error, ErrorKind, Result},
    model::{KeyFormat, KeyMaterial, KeyPolicy, KeySpec, ObjectType, Split},
    request::{Context, Reference, Resolved},
};

/// Parts that a key has at most, and bytes of those that are joined.
const PARTS_MAX: usize = 255;
const BYTES_MAX: usize = 4 << 20;

/// Joins parts.
pub struct JoinSplitKey {
    /// A part.
    pub first: Reference,
    /// The other parts.
    pub others: Vec<Reference>,
    /// What they make together; `None`: what the parts say.
    pub object_type: Option<ObjectType>,
    /// Kind of key; `None`: what the parts say.
    pub spec: Option<KeySpec>,
    /// Name of the new key, of which a private key brings its public half along; `None`: one object, named by its id.
    pub name: Option<String>,
    /// Attributes of the new object.
    pub template: Template,
    /// How the new key lives.
    pub policy: KeyPolicy,
    /// Free labels.
    pub tags: BTreeMap<String, String>,
}

impl Operation for JoinSplitKey {
    type Reply = Created;

    fn action(&self) -> Action {
        Action::JoinSplitKey
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Key(&self.first)
    }

    fn takes_long(&self) -> bool {
        true
    }

    fn terms(&self, context: &mut Context<'_>) -> Result<Option<Terms>> {
        let (name, templates) = (self.name.as_deref(), [Some(&self.template), None]);
        let mut told =
            NewKey { name, spec: self.spec, templates, policy: &self.policy, tags: &self.tags }.terms();
        told.push(term("kind", self.object_type));
        for part in &self.others {
            told.push(terms::other(context, "part", part, Action::JoinSplitKey)?);
        }
        Ok(Some(told))
    }

    fn run(&self, permit: &Permit, context: &mut Context<'_>, resolved: Option<Resolved>) -> Result<Created> {
        if self.others.len() >= PARTS_MAX {
            let public = format!("a key has at most {PARTS_MAX} parts");
            return Err(Error::new(ErrorKind::LimitExceeded, public));
        }
        let register = context.authorize_further(Action::Register, Target::Realm(permit.realm()))?;
        let resolved = super::subject(resolved)?;
        context.authorize_further(Action::Get, Target::Key(&resolved.key))?;
        let mut parts = vec![whole(self.first.clone()).run(permit, context, Some(resolved))?];
        for other in &self.others {
            let resolved = context.resolve_other(other)?;
            let permit = context.authorize_further(Action::JoinSplitKey, Target::Key(&resolved.key))?;
            context.authorize_further(Action::Get, Target::Key(&resolved.key))?;
            parts.push(whole(other.clone()).run(&permit, context, Some(resolved))?);
            // At once: nothing is gathered that makes no key.
            told(&parts)?;
            if parts.iter().map(|part| part.material.bytes.expose().len()).sum::<usize>() > BYTES_MAX {
                let public = format!("the parts have more than {BYTES_MAX} bytes together");
                return Err(Error::new(ErrorKind::LimitExceeded, public));
            }
        }
        let (split, identifiers) = told(&parts)?;
        if parts.len() < split.threshold as usize {
            let public =
                format!("{} of these parts make the key, and {} are named", split.threshold, parts.len());
            return Err(Error::new(ErrorKind::CryptoFailed, public));
        }
        let shares: Vec<(u32, &[u8])> =
            identifiers.into_iter().zip(parts.iter().map(|part| part.material.bytes.expose())).collect();
        let bytes = context.crypto().join(&shares, &split)?;
        let [Gotten { object, material, .. }, ..] = &parts[..] else {
            return Err(Error::internal("a key was joined from no part"));
        };
        let spec = self.spec.or(object.spec);
        let object_type = self.object_type.unwrap_or_else(|| object_type(material.format, spec));
        let material = KeyMaterial { format: material.format, bytes };
        let created = self.register(&register, context, (object_type, spec, material))?;
        context.note(object.key, Some(object.id));
        context.note_detail(format!("joined {}", created.primary));
        Ok(created)
    }
}

impl JoinSplitKey {
    fn register(
        &self,
        permit: &Permit,
        context: &mut Context<'_>,
        (object_type, spec, material): (ObjectType, Option<KeySpec>, KeyMaterial),
    ) -> Result<Created> {
        let (template, policy, tags) = (self.template.clone(), self.policy.clone(), self.tags.clone());
        let Some(name) = self.name.clone() else {
            let (name, digested) = (None, None);
            return Register { name, object_type, spec, material, template, digested, policy, tags }
                .run(permit, context, None);
        };
        let format = material.format;
        let decode: Decode =
            Box::new(move |bytes| Ok(Decoded { object_type, spec, material: KeyMaterial { format, bytes } }));
        let brought = Brought { bytes: material.bytes, wrapping: None, decode };
        Import { name, spec: None, brought, template, policy, tags }.run(permit, context, None)
    }
}

/// What a whole is, where nobody says it: of what no kind of key is known, it is a secret.
fn object_type(format: KeyFormat, spec: Option<KeySpec>) -> ObjectType {
    match (format, spec) {
        (KeyFormat::Pkcs8 | KeyFormat::Pkcs1 | KeyFormat::EcPrivateKey, _) => ObjectType::PrivateKey,
        (_, Some(spec)) if spec.algorithm.is_asymmetric() => ObjectType::PrivateKey,
        (_, Some(_)) => ObjectType::SymmetricKey,
        (_, None) => ObjectType::SecretData,
    }
}

/// How the key was split that these are parts of, and their numbers.
fn told(parts: &[Gotten]) -> Result<(Split, Vec<u32>)> {
    let invalid = |public: &str| Error::new(ErrorKind::InvalidField, public);
    let told = parts.iter().map(|part| Split::of(&part.object)).collect::<Option<Vec<_>>>();
    let told = told.ok_or_else(|| invalid("only parts of a split key can be joined"))?;
    let split = told.first().map(|(split, _)| split.clone());
    let split = split.ok_or_else(|| invalid("no part of a split key is named"))?;
    if told.iter().any(|(other, _)| !other.is_shaped_like(&split)) {
        return Err(invalid("these are parts of different keys"));
    }
    // Of a part that was registered nobody knows which key it is of.
    let mut origins = told.iter().filter_map(|(split, _)| split.origin.as_ref());
    if let Some(origin) = origins.next()
        && origins.any(|other| other != origin)
    {
        return Err(invalid("these are parts of different keys"));
    }
    let identifiers: Vec<u32> = told.into_iter().map(|(_, identifier)| identifier).collect();
    let twice = |(index, identifier): (usize, &u32)| identifiers[..index].contains(identifier);
    if identifiers.iter().enumerate().any(twice) {
        return Err(invalid("a part is named twice"));
    }
    Ok((split, identifiers))
}
