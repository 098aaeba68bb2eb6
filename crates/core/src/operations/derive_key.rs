//! DeriveKey: a new key or secret, computed from one that the server keeps.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Operation, Subject, Template,
    choose::{Half, Purpose, usable},
    create::{Created, check_tags, claim_names},
    encrypt::merged,
    reach, subject,
    template::Place,
    terms::{self, NewKey, term},
    usage_limits,
};
use crate::{
    access::{Action, Permit, Target, approvals::Terms},
    error::{Error, ErrorKind, Result},
    model::{
        Algorithm, BlockCipherMode, CryptoParameters, Derivation, Kdf, Key, KeyFormat, KeyId, KeyMaterial,
        KeyPolicy, KeySpec, KeyVersion, Link, LinkType, ManagedObject, ObjectType, Prf, UsageMask,
    },
    record::Record,
    request::{Context, Reference, Resolved, refuse_wrapped},
    secret::SecretBytes,
};

/// Longest derived secret in bytes.
const DERIVED_BYTES_MAX: usize = 8 * 1024;

/// So many derived objects are linked from their base, as KMIP wants it, which writes the base anew. All are linked to it.
const LINKS_MAX: usize = 256;

/// Derives.
pub struct DeriveKey {
    /// The base: a symmetric key, secret data, or for an agreement a private key. Key or object.
    pub key: Reference,
    /// Version; `None`: the newest that may protect.
    pub version: Option<u32>,
    /// How.
    pub derivation: Derivation,
    /// What becomes of it.
    pub product: Product,
    /// Name of the new key; `None`: the first name of the template, else the id.
    pub name: Option<String>,
    /// Attributes. Sensitive and extractable follow the base where they are not given.
    pub template: Template,
    /// How the new key lives.
    pub policy: KeyPolicy,
    /// Free labels.
    pub tags: BTreeMap<String, String>,
    /// Refuse uses that the kind of key cannot serve (REST and CLI).
    pub usage_must_fit: bool,
}

/// What a derived secret becomes.
#[derive(Clone, Copy, Debug)]
pub enum Product {
    /// A symmetric key of this kind.
    Key(KeySpec),
    /// Secret data of so many bytes, 1 to 8,192.
    Secret {
        /// Length.
        bytes: usize,
    },
}

impl Operation for DeriveKey {
    type Reply = Created;

    fn action(&self) -> Action {
        Action::Derive
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Key(&self.key)
    }

    fn terms(&self, context: &mut Context<'_>) -> Result<Option<Terms>> {
        let (name, spec, templates) = (self.name.as_deref(), None, [Some(&self.template), None]);
        let mut told = NewKey { name, spec, templates, policy: &self.policy, tags: &self.tags }.terms();
        match &self.derivation {
            Derivation::Encrypt { parameters, iv, data } => {
                told.extend([term("parameters", parameters), term("IV", iv)]);
                told.push(terms::secret(context, "data", data)?);
            }
            derivation => told.push(term("derivation", derivation)),
        }
        told.push(term("product", self.product));
        told.extend(terms::version(self.version));
        Ok(Some(told))
    }

    fn run(&self, permit: &Permit, context: &mut Context<'_>, resolved: Option<Resolved>) -> Result<Created> {
        check_tags(&self.tags)?;
        // The base is the subject; making a key is a right of its own.
        context.authorize_further(Action::Create, Target::Realm(permit.realm()))?;
        let usage = match self.derivation {
            Derivation::Agreement { .. } => UsageMask::AGREE,
            Derivation::Kdf(_) | Derivation::Encrypt { .. } => UsageMask::DERIVE,
        };
        let resolved = subject(resolved)?;
        let base = usable(context, &resolved, self.version, (Purpose::Protect, Half::Private, usage))?;
        self.check_reach(context, (&resolved.key, &base))?;
        let bytes = self.product_bytes()?;
        usage_limits::spend(context, &base, bytes.max(self.input_bytes()))?;
        let secret = self.derive(context, &base, bytes)?;
        let created = self.put(permit, context, &base, secret)?;
        link_from(context, (&resolved.key, &base), &created)?;
        context.note(base.key, Some(base.id));
        context.note_detail(format!("derived {}", created.primary));
        Ok(created)
    }
}

impl DeriveKey {
    /// A derivation is a way to use the base for something else, too.
    fn check_reach(&self, context: &mut Context<'_>, used: (&Arc<Key>, &ManagedObject)) -> Result<()> {
        match &self.derivation {
            Derivation::Encrypt { parameters, iv, .. } => {
                reach::of_deriving_by_encryption(context, used)?;
                reach::of_encrypting(context, used, &merged(parameters, used.1), iv.as_deref())
            }
            Derivation::Kdf(kdf) => reach::of_deriving(context, used, kdf),
            // The function works on the shared secret, not on the base.
            Derivation::Agreement { .. } => Ok(()),
        }
    }

    /// Bytes that the base works on.
    fn input_bytes(&self) -> usize {
        match &self.derivation {
            Derivation::Encrypt { data, .. } | Derivation::Kdf(Kdf::Hmac { data, .. }) => data.len(),
            Derivation::Kdf(Kdf::Counter { fixed_input, .. } | Kdf::Feedback { fixed_input, .. }) => {
                fixed_input.len()
            }
            Derivation::Kdf(Kdf::Pbkdf2 { salt, .. }) => salt.len(),
            Derivation::Kdf(Kdf::Hkdf { .. } | Kdf::Hash { .. }) | Derivation::Agreement { .. } => 0,
        }
    }

    fn product_bytes(&self) -> Result<usize> {
        let bytes = match self.product {
            Product::Key(KeySpec { algorithm, .. }) if algorithm.is_asymmetric() => {
                return Err(invalid("a derived key is symmetric: a pair cannot be derived"));
            }
            Product::Key(spec) if !spec.length_bits.is_multiple_of(8) => {
                return Err(invalid("the length of a derived key is a multiple of 8 bits"));
            }
            Product::Key(spec) => spec.length_bits as usize / 8,
            Product::Secret { bytes } => bytes,
        };
        match bytes {
            1..=DERIVED_BYTES_MAX => Ok(bytes),
            _ => Err(invalid(format!("a derived secret has 1 to {DERIVED_BYTES_MAX} bytes, not {bytes}"))),
        }
    }

    fn derive(
        &self,
        context: &mut Context<'_>,
        base: &Arc<ManagedObject>,
        bytes: usize,
    ) -> Result<SecretBytes> {
        match &self.derivation {
            Derivation::Kdf(kdf) => {
                check_prf(kdf, base)?;
                let secret = base_secret(context, base)?;
                context.crypto().derive(secret.expose(), kdf, bytes)
            }
            Derivation::Encrypt { parameters, iv, data } => {
                let parameters = merged(parameters, base);
                check_cipher(&parameters, iv.as_deref())?;
                let made = context.parsed(base)?.encrypt(&parameters, iv.as_deref(), &[], data)?;
                leftmost(SecretBytes::new(made.data), bytes)
            }
            Derivation::Agreement { peer, kdf } => {
                let shared = context.parsed(base)?.agree(peer)?;
                match kdf {
                    Some(kdf) => {
                        check_prf(kdf, base)?;
                        context.crypto().derive(shared.expose(), kdf, bytes)
                    }
                    None => leftmost(shared, bytes),
                }
            }
        }
    }

    /// Puts the new object and its key.
    fn put(
        &self,
        permit: &Permit,
        context: &mut Context<'_>,
        base: &ManagedObject,
        secret: SecretBytes,
    ) -> Result<Created> {
        let material = KeyMaterial { format: KeyFormat::Raw, bytes: secret };
        let (object_type, spec, fitting) = self.kind(context, &material)?;
        let key = KeyId(context.new_object_id()?.0);
        let id = context.new_object_id()?;
        let place = Place { id, realm: permit.realm(), key, version: 1, object_type, spec };
        let mut template = self.template.clone();
        template.sensitive = template.sensitive.or(Some(base.sensitive));
        template.extractable = template.extractable.or(Some(base.extractable));
        let mut object = template.object(context, place, fitting)?;
        object.links.push(Link { kind: LinkType::DerivationBase, target: base.id.to_string() });
        context.put_new(object, &material)?;
        let version = KeyVersion { number: 1, primary: id, public: None };
        let templates = [&self.template, &Template::default()];
        let name = claim_names(context, key, self.name.as_deref(), &version, templates)?;
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
        Ok(Created { key, name, version: 1, primary: id, public: None, duplicate_of: None })
    }

    /// Object type, kind of key, and uses where nobody names any; a derived key is validated like an imported one.
    fn kind(
        &self,
        context: &Context<'_>,
        material: &KeyMaterial,
    ) -> Result<(ObjectType, Option<KeySpec>, UsageMask)> {
        let Product::Key(spec) = self.product else {
            return Ok((ObjectType::SecretData, None, UsageMask::DERIVE));
        };
        let object_type = ObjectType::SymmetricKey;
        context.crypto().parse(object_type, Some(&spec), material)?;
        if self.usage_must_fit {
            super::create::check_usage(
                self.template.usage.unwrap_or_default(),
                context.crypto().fitting_usage(&spec).0,
                &spec,
            )?;
        }
        Ok((object_type, Some(spec), context.crypto().default_usage(&spec).0))
    }
}

/// The bytes that a function works on: those of a symmetric key or of secret data.
fn base_secret(context: &mut Context<'_>, base: &Arc<ManagedObject>) -> Result<SecretBytes> {
    if !matches!(base.object_type, ObjectType::SymmetricKey | ObjectType::SecretData) {
        let public = "keys are derived from symmetric keys and secret data; with a private key, by agreement";
        return Err(Error::new(ErrorKind::WrongUsage, public));
    }
    refuse_wrapped(base)?;
    Ok(context.material(base)?.bytes)
}

/// CMAC is a use of an AES key alone.
fn check_prf(kdf: &Kdf, base: &ManagedObject) -> Result<()> {
    let prf = match kdf {
        Kdf::Counter { prf, .. } | Kdf::Feedback { prf, .. } => *prf,
        _ => return Ok(()),
    };
    match base.spec {
        Some(spec) if prf == Prf::Cmac && spec.algorithm != Algorithm::Aes => {
            Err(invalid("CMAC needs an AES key as the base: use HMAC"))
        }
        None if prf == Prf::Cmac => Err(invalid("CMAC needs an AES key as the base: use HMAC")),
        _ => Ok(()),
    }
}

/// Derivation must give the same again: no mode that draws random numbers, and none that needs a nonce never used.
fn check_cipher(parameters: &CryptoParameters, iv: Option<&[u8]>) -> Result<()> {
    let fits = match parameters.mode {
        Some(BlockCipherMode::Ecb) => iv.is_none(),
        Some(BlockCipherMode::Cbc | BlockCipherMode::Ctr) => iv.is_some(),
        _ => false,
    };
    if fits && parameters.random_iv != Some(true) {
        return Ok(());
    }
    Err(invalid("a key is derived by encryption in the mode CBC or CTR with an IV, or ECB without one"))
}

fn leftmost(secret: SecretBytes, bytes: usize) -> Result<SecretBytes> {
    let had = secret.len();
    let cut = secret.expose().get(..bytes).map(SecretBytes::copy_from);
    cut.ok_or_else(|| invalid(format!("this derivation gives {had} bytes, and {bytes} are asked for")))
}

/// Links the base to what came of it, as long as it has few such links.
fn link_from(
    context: &mut Context<'_>,
    (key, base): (&Key, &ManagedObject),
    created: &Created,
) -> Result<()> {
    let links = base.links.iter().filter(|link| link.kind == LinkType::DerivedKey).count();
    if links >= LINKS_MAX || context.is_full(key)? {
        return Ok(());
    }
    let mut base = ManagedObject::clone(base);
    base.links.push(Link { kind: LinkType::DerivedKey, target: created.primary.to_string() });
    context.put_changed(base)?;
    Ok(())
}

fn invalid(public: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidField, public)
}
