//! Create Split Key: a key in several parts, each an object of its own.
//!
//! Enough parts are the key, so that it takes the right to get it, and a key that may leave in the plain.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Operation, Subject, Template,
    get::{Get, Gotten, Protection},
    register::Register,
    terms::term,
};
use crate::{
    access::{Action, Permit, Target, approvals::Terms},
    error::{Error, ErrorKind, Result},
    model::{KeyMaterial, KeyPolicy, ObjectId, ObjectType, Split},
    request::{Context, Reference, Resolved},
};

/// Steps of a split at most, each some nanoseconds: a 32-byte key goes into 255 parts, an RSA key into 80.
const STEPS_MAX: u64 = 1 << 24;

/// Splits a key.
pub struct CreateSplitKey {
    /// The key, which stays as it is.
    pub key: Reference,
    /// How.
    pub split: Split,
    /// What the parts are called, each with its number behind it: `NAME-1`; `None`: by their ids.
    pub name: Option<String>,
    /// Attributes of every part.
    pub template: Template,
    /// Free labels of every part.
    pub tags: BTreeMap<String, String>,
}

/// A part of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPart {
    /// Its number, from 1.
    pub number: u32,
    /// Its name.
    pub name: String,
    /// The object.
    pub object: ObjectId,
}

impl Operation for CreateSplitKey {
    /// The parts, in the order of their numbers.
    type Reply = Vec<KeyPart>;

    fn action(&self) -> Action {
        Action::CreateSplitKey
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Key(&self.key)
    }

    /// It works through the secret once for each part and each that is needed.
    fn takes_long(&self) -> bool {
        true
    }

    fn terms(&self, _: &mut Context<'_>) -> Result<Option<Terms>> {
        let mut told =
            vec![term("split", &self.split), term("name", &self.name), term("attributes", &self.template)];
        told.extend(self.tags.iter().map(|(label, value)| (format!("label {label}"), format!("{value:?}"))));
        Ok(Some(told))
    }

    fn run(
        &self,
        permit: &Permit,
        context: &mut Context<'_>,
        resolved: Option<Resolved>,
    ) -> Result<Vec<KeyPart>> {
        self.split.check()?;
        let register = context.authorize_further(Action::Register, Target::Realm(permit.realm()))?;
        let resolved = super::subject(resolved)?;
        context.authorize_further(Action::Get, Target::Key(&resolved.key))?;
        let Gotten { object, material, .. } = whole(self.key.clone()).run(permit, context, Some(resolved))?;
        if !matches!(
            object.object_type,
            ObjectType::SymmetricKey | ObjectType::PrivateKey | ObjectType::SecretData
        ) {
            return Err(Error::new(ErrorKind::WrongUsage, "only a secret is split: a key or secret data"));
        }
        let steps = material.bytes.expose().len() as u64
            * u64::from(self.split.parts)
            * u64::from(self.split.threshold);
        if steps > STEPS_MAX {
            let public = format!(
                "the secret is too long to be split like this: its bytes times the parts times those that are needed are \
                 {steps}, at most {STEPS_MAX}"
            );
            return Err(Error::new(ErrorKind::LimitExceeded, public));
        }
        let shares = context.crypto().split(material.bytes.expose(), &self.split)?;
        let split = Split { origin: Some(context.random_id()?.to_vec()), ..self.split.clone() };
        let mut parts = Vec::with_capacity(shares.len());
        for (share, number) in shares.into_iter().zip(1..) {
            let mut template = self.template.clone();
            template.further.extend(split.attributes(number)?);
            let template_may_leave = template.extractable != Some(false);
            let part = Register {
                name: self.name.as_ref().map(|name| format!("{name}-{number}")),
                object_type: ObjectType::SplitKey,
                spec: object.spec,
                material: KeyMaterial { format: material.format, bytes: share },
                template,
                digested: None,
                policy: KeyPolicy { exportable: template_may_leave, ..KeyPolicy::default() },
                tags: self.tags.clone(),
            };
            let made = part.run(&register, context, None)?;
            parts.push(KeyPart { number, name: made.name, object: made.primary });
        }
        context.note(object.key, Some(Arc::clone(&object).id));
        context.note_detail(format!("split into {} parts", parts.len()));
        Ok(parts)
    }
}

/// What hands out the plain material of an object.
pub(super) fn whole(key: Reference) -> Get {
    Get { key, version: None, public: false, format: None, protection: Protection::Plain }
}
