//! Import: a key, or the next version of one, that somebody else made; also secrets, certificates and opaque objects. Not
//! here: KMIP's Register, which takes each half of a pair by itself.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Operation, Subject, Template,
    create::{Created, Series, WRAPPING_KEY_NAME, check_tags, check_usage, claim_names, put_made},
    duplicates,
    register::MATERIAL_BYTES_MAX,
    rekey::{Rekey, append},
    subject,
    template::Place,
    terms::{self, NewKey, term},
    wrap::unwrap_by,
};
use crate::{
    access::{Action, Permit, Target, approvals::Terms},
    error::{Error, ErrorKind, Result},
    model::{
        CryptoParameters, Key, KeyFormat, KeyId, KeyMaterial, KeyPolicy, KeySpec, KeyVersion, MaterialDigest,
        ObjectType, UsageMask,
    },
    ports::crypto::{Generated, ParsedKey},
    record::Record,
    request::{Context, Reference, Resolved, is_key},
    secret::SecretBytes,
};

/// Material that the caller brings. May hold secrets.
pub struct Brought {
    /// The material, or what it is wrapped in.
    pub bytes: SecretBytes,
    /// What it is wrapped with, where it is.
    pub wrapping: Option<Wrapping>,
    /// Reads the material once nothing is around it.
    pub decode: Decode,
}

/// Reads material that a front-end's format holds.
pub type Decode = Box<dyn Fn(SecretBytes) -> Result<Decoded> + Send + Sync>;

/// What material is wrapped with.
pub struct Wrapping {
    /// A key of this server.
    pub key: Reference,
    /// How; `None`: as fits the key.
    pub parameters: Option<CryptoParameters>,
}

/// Material as an object keeps it. May hold secrets.
pub struct Decoded {
    /// Kind of object.
    pub object_type: ObjectType,
    /// Kind of key, where the format tells what the material does not.
    pub spec: Option<KeySpec>,
    /// The material.
    pub material: KeyMaterial,
}

/// Makes a key of material from outside. A private key brings its public half along.
pub struct Import {
    /// Name of the key.
    pub name: String,
    /// Kind of key, where the caller tells; what the material tells must be the same.
    pub spec: Option<KeySpec>,
    /// The material.
    pub brought: Brought,
    /// Attributes of every half; `usage` is shared out among them.
    pub template: Template,
    /// How the key lives.
    pub policy: KeyPolicy,
    /// Free labels.
    pub tags: BTreeMap<String, String>,
}

/// Gives a key material from outside as its next version.
pub struct ImportVersion {
    /// Key.
    pub key: Reference,
    /// The material, of the same kind as the key's.
    pub brought: Brought,
}

impl Operation for Import {
    type Reply = Created;

    fn action(&self) -> Action {
        Action::Register
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn terms(&self, context: &mut Context<'_>) -> Result<Option<Terms>> {
        let (name, spec) = (Some(&*self.name), self.spec);
        let templates = [Some(&self.template), None];
        let mut told = NewKey { name, spec, templates, policy: &self.policy, tags: &self.tags }.terms();
        told.extend(self.brought.described(context, self.policy.exportable)?);
        Ok(Some(told))
    }

    fn run(&self, permit: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<Created> {
        check_tags(&self.tags)?;
        let (decoded, for_all) = self.brought.open(context, self.policy.exportable)?;
        let key = KeyId(context.new_object_id()?.0);
        let spec = self.spec.or(decoded.spec);
        let object_type = decoded.object_type;
        let made = Made::of(context, decoded, spec)?;
        let templates = self.templates(context, &made)?;
        let spec = made.spec();
        let digest = made.digest(context)?;
        if for_all {
            duplicates::refuse_unseen(context, digest)?;
        }
        let version = made.put(context, (key, 1), [&templates[0], &templates[1]])?;
        let duplicate_of = duplicates::note_import(context, digest, version.primary, &self.policy)?;
        let name =
            claim_names(context, key, Some(&self.name), &version, [&self.template, &Template::default()])?;
        context.put(Record::Key(Arc::new(Key {
            id: key,
            realm: permit.realm(),
            name: name.clone(),
            owner: permit.principal(),
            created: context.now(),
            object_type,
            spec,
            versions: vec![version],
            policy: self.policy.clone(),
            tags: self.tags.clone(),
            grants: Vec::new(),
        })));
        context.note(key, Some(version.primary));
        context.note_target(&name);
        context.note_canary(&self.policy);
        let KeyVersion { primary, public, .. } = version;
        Ok(Created { key, name, version: 1, primary, public, duplicate_of })
    }
}

impl Operation for ImportVersion {
    type Reply = Created;

    fn action(&self) -> Action {
        Action::ImportVersion
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Key(&self.key)
    }

    fn terms(&self, context: &mut Context<'_>) -> Result<Option<Terms>> {
        let Resolved { key, .. } = context.resolve_other(&self.key)?;
        self.brought.described(context, key.policy.exportable).map(Some)
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, resolved: Option<Resolved>) -> Result<Created> {
        let resolved = subject(resolved)?;
        let (key, kind, spec) = (resolved.key.id, resolved.key.object_type, resolved.key.spec);
        let (decoded, for_all) = self.brought.open(context, resolved.key.policy.exportable)?;
        let made = if decoded.object_type == kind {
            Made::of(context, decoded, spec)?
        } else {
            return other_kind();
        };
        if made.spec() != spec {
            return other_kind();
        }
        let rekey = Rekey { key: self.key.clone(), activation: None, template: None, public: None };
        let digest = made.digest(context)?;
        if for_all {
            duplicates::refuse_unseen(context, digest)?;
        }
        let created = append(context, &resolved, &rekey, |context, version, [template, public]| {
            made.put(context, (key, version), [&template, &public])
        })?;
        let duplicate_of = duplicates::note_import(context, digest, created.primary, &resolved.key.policy)?;
        Ok(Created { duplicate_of, ..created })
    }
}

fn other_kind<T>() -> Result<T> {
    let public =
        "the next version of a key is of the same kind and length as the key; import this one as a new key";
    Err(Error::new(ErrorKind::InvalidField, public))
}

impl Brought {
    /// What is inside, for those who approve it.
    fn described(&self, context: &mut Context<'_>, exportable: bool) -> Result<Terms> {
        let (Decoded { object_type, spec, material }, _) = self.open(context, exportable)?;
        let mut told = vec![term("kind", (object_type, spec, material.format))];
        told.push(terms::secret(context, "material", material.bytes.expose())?);
        Ok(told)
    }

    /// Takes the wrapping off, and reads what is inside; whether the caller may only because everybody may.
    ///
    /// Whoever may make keys may bring one under the realm's own wrapping key. INVARIANT: such a key is not exportable
    /// unless the caller may also unwrap: nobody reads by importing what somebody else wrapped for the server.
    fn open(&self, context: &mut Context<'_>, exportable: bool) -> Result<(Decoded, bool)> {
        let mut for_all = false;
        let plain = match &self.wrapping {
            None => SecretBytes::copy_from(self.bytes.expose()),
            Some(wrapping) => {
                let resolved = context.resolve_other(&wrapping.key)?;
                let allowed = context.authorize(Action::Unwrap, Target::Key(&resolved.key));
                match allowed {
                    Ok(_) => context.refuse_ruled(Action::Unwrap, Target::Key(&resolved.key))?,
                    Err(_) if resolved.key.name == WRAPPING_KEY_NAME && !exportable => for_all = true,
                    Err(error) => return Err(error),
                }
                let wrapped = (None, self.bytes.expose());
                unwrap_by(context, &resolved, None, wrapping.parameters.as_ref(), wrapped)?.0
            }
        };
        if plain.len() > MATERIAL_BYTES_MAX {
            let public = format!("an object's material has at most {MATERIAL_BYTES_MAX} bytes");
            return Err(Error::new(ErrorKind::TooLarge, public));
        }
        Ok(((self.decode)(plain)?, for_all))
    }
}

impl Import {
    /// The template of each half: a use goes to the half that can serve it.
    fn templates(&self, context: &Context<'_>, made: &Made) -> Result<[Template; 2]> {
        let half = |usage| Template { usage, ..self.template.clone() };
        let (Some(spec), Some(usage)) = (made.spec(), self.template.usage) else {
            return Ok([half(self.template.usage), half(None)]);
        };
        let (private, public) = context.crypto().fitting_usage(&spec);
        check_usage(usage, made.fitting(private, public), &spec)?;
        let single = made.fitting(private, public) & usage;
        let private =
            if matches!(made, Made::Key(_, Generated::Pair { .. })) { usage & private } else { single };
        Ok([half(Some(private)), half(Some(usage & public))])
    }
}

/// Material with what it turned out to be: validated here, and kept ready for use. Holds secrets.
enum Made {
    /// A secret, or a pair: parsed, the secret or private half.
    Key(Arc<dyn ParsedKey>, Generated),
    /// A public key alone.
    Public(Arc<dyn ParsedKey>, KeyMaterial),
    /// What nothing is computed with.
    Data(ObjectType, KeyMaterial),
}

impl Made {
    fn of(context: &Context<'_>, decoded: Decoded, spec: Option<KeySpec>) -> Result<Self> {
        let Decoded { object_type, material, .. } = decoded;
        if !is_key(object_type, material.format) {
            return Ok(Self::Data(object_type, material));
        }
        let parsed = context.crypto().parse(object_type, spec.as_ref(), &material)?;
        Ok(match object_type {
            ObjectType::PrivateKey => {
                let bytes = SecretBytes::new(parsed.public_key()?);
                let public = KeyMaterial { format: KeyFormat::Spki, bytes };
                Self::Key(parsed, Generated::Pair { private: material, public })
            }
            ObjectType::PublicKey => Self::Public(parsed, material),
            _ => Self::Key(parsed, Generated::Symmetric(material)),
        })
    }

    fn spec(&self) -> Option<KeySpec> {
        match self {
            Self::Key(parsed, _) | Self::Public(parsed, _) => Some(*parsed.spec()),
            Self::Data(..) => None,
        }
    }

    /// The uses that its halves can serve together.
    fn fitting(&self, private: UsageMask, public: UsageMask) -> UsageMask {
        match self {
            Self::Key(_, Generated::Pair { .. }) => private | public,
            Self::Key(..) => private,
            Self::Public(..) => public,
            Self::Data(ObjectType::SecretData, _) => UsageMask::DERIVE,
            Self::Data(..) => UsageMask::NONE,
        }
    }

    /// Of the secret or private half, or of the only one.
    fn digest(&self, context: &mut Context<'_>) -> Result<Option<MaterialDigest>> {
        let (object_type, material, parsed) = match self {
            Self::Key(parsed, Generated::Symmetric(material)) => {
                (ObjectType::SymmetricKey, material, Some(parsed))
            }
            Self::Key(parsed, Generated::Pair { private, .. }) => {
                (ObjectType::PrivateKey, private, Some(parsed))
            }
            Self::Public(parsed, material) => (ObjectType::PublicKey, material, Some(parsed)),
            Self::Data(object_type, material) => (*object_type, material, None),
        };
        duplicates::digest(context, (object_type, self.spec()), material, parsed.map(|parsed| &**parsed))
    }

    fn put(
        self,
        context: &mut Context<'_>,
        (key, version): (KeyId, u32),
        templates: [&Template; 2],
    ) -> Result<KeyVersion> {
        let (parsed, object_type, material) = match self {
            Self::Key(parsed, made) => {
                let series = Series { key, version, spec: *parsed.spec() };
                let version = put_made(context, &series, made, templates)?;
                context.keep_parsed(version.primary, parsed);
                return Ok(version);
            }
            Self::Public(parsed, material) => (Some(parsed), ObjectType::PublicKey, material),
            Self::Data(object_type, material) => (None, object_type, material),
        };
        let spec = parsed.as_ref().map(|parsed| *parsed.spec());
        let id = context.new_object_id()?;
        // A password is what keys are derived from.
        let of_data = if object_type == ObjectType::SecretData { UsageMask::DERIVE } else { UsageMask::NONE };
        let fitting = spec.map_or(of_data, |spec| context.crypto().default_usage(&spec).1);
        let place = Place { id, realm: context.realm(), key, version, object_type, spec };
        let mut object = templates[0].object(context, place, fitting)?;
        if object_type == ObjectType::PublicKey {
            (object.sensitive, object.always_sensitive) = (false, false);
            (object.extractable, object.never_extractable) = (true, false);
        }
        context.put_new(object, &material)?;
        if let Some(parsed) = parsed {
            context.keep_parsed(id, parsed);
        }
        Ok(KeyVersion { number: version, primary: id, public: None })
    }
}
