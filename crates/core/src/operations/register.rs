//! Register: a new key whose first version somebody else made, or an object that is no key at all.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Operation, Subject, Template,
    create::{Created, check_tags, claim_names},
    duplicates,
    template::Place,
    terms::{self, NewKey, term},
};
use crate::{
    access::{Action, Permit, approvals::Terms},
    attributes::check_rotation,
    error::{Error, ErrorKind, Result},
    model::{
        Key, KeyId, KeyMaterial, KeyPolicy, KeySpec, KeyVersion, Link, ManagedObject, ObjectId, ObjectType,
        UsageMask, is_valueless,
    },
    ports::crypto::ParsedKey,
    record::Record,
    request::{Context, Resolved, is_key},
};

/// Largest material that is accepted, in bytes.
pub const MATERIAL_BYTES_MAX: usize = 1024 * 1024;

/// Registers an object.
pub struct Register {
    /// Name of the key; `None`: the first name of the template, else the id.
    pub name: Option<String>,
    /// Kind of object.
    pub object_type: ObjectType,
    /// Kind of key, where the client tells; asymmetric material tells it itself.
    pub spec: Option<KeySpec>,
    /// The material. Holds secrets.
    pub material: KeyMaterial,
    /// The material in the encoding that its digest is to tell of; `None`: as it is kept. Holds secrets.
    pub digested: Option<KeyMaterial>,
    /// Attributes.
    pub template: Template,
    /// How the key lives.
    pub policy: KeyPolicy,
    /// Free labels.
    pub tags: BTreeMap<String, String>,
}

impl Operation for Register {
    type Reply = Created;

    fn action(&self) -> Action {
        Action::Register
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn terms(&self, context: &mut Context<'_>) -> Result<Option<Terms>> {
        self.described(context).map(Some)
    }

    fn run(&self, permit: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<Created> {
        let id = context.new_object_id()?;
        self.put(permit, context, id, |_| Ok(()))
    }
}

/// What material turned out to be, and what fits it.
struct Recognised {
    spec: Option<KeySpec>,
    fitting: UsageMask,
    /// Where this server can compute with it.
    parsed: Option<Arc<dyn ParsedKey>>,
}

impl Register {
    /// What is to be kept, for those who approve it.
    ///
    /// # Errors
    /// The store's and the sealer's.
    pub(super) fn described(&self, context: &mut Context<'_>) -> Result<Terms> {
        let templates = [Some(&self.template), None];
        let (name, spec) = (self.name.as_deref(), self.spec);
        let mut told = NewKey { name, spec, templates, policy: &self.policy, tags: &self.tags }.terms();
        told.push(term("kind", (self.object_type, self.material.format)));
        told.push(terms::secret(context, "material", self.material.bytes.expose())?);
        Ok(told)
    }

    /// Has the object lead to the key that it came wrapped by, once.
    pub fn link_to_wrapping_key(&mut self, link: Option<Link>) {
        let links = &mut self.template.links;
        links.extend(link.filter(|link| !links.contains(link)));
    }

    /// Makes the object under this id, which is free, as its template says and `finish` after that.
    ///
    /// # Errors
    /// As [`Operation::run`], and those of `finish`.
    pub(super) fn put(
        &self,
        permit: &Permit,
        context: &mut Context<'_>,
        id: ObjectId,
        finish: impl FnOnce(&mut ManagedObject) -> Result<()>,
    ) -> Result<Created> {
        self.check_size()?;
        check_tags(&self.tags)?;
        let Recognised { spec, fitting, parsed } = self.recognise(context)?;
        let key = KeyId(context.new_object_id()?.0);
        let place = Place { id, realm: permit.realm(), key, version: 1, object_type: self.object_type, spec };
        // KMIP's Always Sensitive and Never Extractable tell of the attributes since registration, not of what was
        // before: they follow the template as for a created key.
        let mut object = self.template.object(context, place, fitting)?;
        finish(&mut object)?;
        check_rotation(&object, false)?;
        let object = context.put_new_digested(object, &self.material, self.digested.as_ref())?;
        let duplicate_of = if object.is_valueless() {
            None
        } else {
            let kind = (self.object_type, spec);
            let digest = duplicates::digest(context, kind, &self.material, parsed.as_deref())?;
            duplicates::note_import(context, digest, id, &self.policy)?
        };
        if let Some(parsed) = parsed {
            context.keep_parsed(id, parsed);
        }
        let version = KeyVersion { number: 1, primary: id, public: None };
        let name = claim_names(
            context,
            key,
            self.name.as_deref(),
            &version,
            [&self.template, &Template::default()],
        )?;
        context.put(Record::Key(Arc::new(Key {
            id: key,
            realm: permit.realm(),
            name: name.clone(),
            owner: permit.principal(),
            created: context.now(),
            object_type: self.object_type,
            spec,
            versions: vec![version],
            policy: self.policy.clone(),
            tags: self.tags.clone(),
            grants: Vec::new(),
        })));
        context.note(key, Some(id));
        context.note_target(&name);
        Ok(Created { key, name, version: 1, primary: id, public: None, duplicate_of })
    }

    fn check_size(&self) -> Result<()> {
        if self.material.bytes.len() <= MATERIAL_BYTES_MAX {
            return Ok(());
        }
        let public = format!("an object's material has at most {MATERIAL_BYTES_MAX} bytes");
        Err(Error::new(ErrorKind::TooLarge, public))
    }

    /// Keys that this server can compute with are validated; those of
    /// algorithms that it does not know are kept as they came.
    fn recognise(&self, context: &Context<'_>) -> Result<Recognised> {
        let kept = Recognised { spec: self.spec, fitting: UsageMask::NONE, parsed: None };
        let valueless = is_valueless(&self.template.further);
        if valueless && !self.material.bytes.is_empty() {
            return Err(Error::internal("a key without a value came with one"));
        }
        if valueless || !is_key(self.object_type, self.material.format) {
            return Ok(kept);
        }
        match context.crypto().parse(self.object_type, self.spec.as_ref(), &self.material) {
            Ok(parsed) => {
                let spec = *parsed.spec();
                let (private, public) = context.crypto().default_usage(&spec);
                let fitting = if self.object_type == ObjectType::PublicKey { public } else { private };
                Ok(Recognised { spec: Some(spec), fitting, parsed: Some(parsed) })
            }
            Err(error) if error.kind() == ErrorKind::Unsupported => Ok(kept),
            Err(error) => Err(error),
        }
    }
}
