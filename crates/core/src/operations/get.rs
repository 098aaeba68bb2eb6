//! Get: an object's material, where key and policy let it leave.

use std::sync::Arc;

use super::{Operation, Subject, duplicates, subject};
use crate::{
    access::{Action, Permit, Target, approvals::Terms},
    error::{Error, ErrorKind, Result},
    lifecycle,
    model::{CryptoParameters, Curve, KeyFormat, KeyMaterial, ManagedObject, ObjectId, ObjectType},
    policy::Deed,
    request::{Context, Reference, Resolved, is_key, refuse_wrapped},
    secret::SecretBytes,
};

/// Frames material, of a key on this curve where it is on one, before it is wrapped. It holds no secret of its own.
pub type Frame = Box<dyn Fn(Option<Curve>, &KeyMaterial) -> Result<SecretBytes> + Send + Sync>;

/// How material is protected on its way out.
pub enum Protection {
    /// As it is.
    Plain,
    /// As it is, and as it came where it came wrapped and stays so.
    AsItCame,
    /// Wrapped by a key of this server.
    Wrapped {
        /// The wrapping key or object.
        key: Reference,
        /// How; `None`: AES key wrap with padding for an AES key, which takes material of any length, OAEP for RSA.
        parameters: Option<CryptoParameters>,
        /// Frames the material before it is wrapped (KMIP wraps an encoded Key Value, say); `None`: the bare bytes.
        frame: Option<Frame>,
    },
}

/// Hands out material.
pub struct Get {
    /// Key or object.
    pub key: Reference,
    /// Version; `None`: the newest.
    pub version: Option<u32>,
    /// The public half of a pair.
    pub public: bool,
    /// Encoding; `None`: as it was given or made.
    pub format: Option<KeyFormat>,
    /// Protection on its way.
    pub protection: Protection,
}

/// What is handed out. Holds secrets.
pub struct Gotten {
    /// The object.
    pub object: Arc<ManagedObject>,
    /// Its material; wrapped, where that was asked for.
    pub material: KeyMaterial,
    /// What wrapped it, where it is wrapped.
    pub wrapped_by: Option<WrappedBy>,
}

/// What wrapped a material.
pub struct WrappedBy {
    /// The wrapping key's object.
    pub object: ObjectId,
    /// The nonce that was drawn, of a mode that has one.
    pub iv: Option<Vec<u8>>,
}

impl Operation for Get {
    type Reply = Gotten;

    fn action(&self) -> Action {
        if self.public { Action::GetPublic } else { Action::Get }
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Key(&self.key)
    }

    fn terms(&self, context: &mut Context<'_>) -> Result<Option<Terms>> {
        let mut terms = vec![
            ("public".into(), self.public.to_string()),
            ("format".into(), format!("{:?}", self.format)),
            ("version".into(), self.version.map_or_else(|| "newest".into(), |version| version.to_string())),
        ];
        let protection = match &self.protection {
            Protection::Plain => "none".into(),
            Protection::AsItCame => "as it came".into(),
            Protection::Wrapped { key, parameters, frame } => {
                let Resolved { key, object } = context.resolve_other(key)?;
                // Nobody learns by asking for approval that there is such a key.
                context.authorize(Action::Wrap, Target::Key(&key))?;
                let object = object
                    .map_or_else(|| format!("newest of {}", key.versions.len()), |object| object.to_string());
                let frame = match frame {
                    None => "none".into(),
                    // What it makes of bytes that are no material.
                    Some(frame) => {
                        let bytes = SecretBytes::copy_from(b"keyreeve frame");
                        match frame(None, &KeyMaterial { format: KeyFormat::Raw, bytes }) {
                            Ok(made) => format!("of SHA-256 {}", context.sha256_told(made.expose())),
                            Err(error) => format!("refused: {}", error.public()),
                        }
                    }
                };
                format!("wrapped with {} ({}, {object}), {parameters:?}, frame {frame}", key.name, key.id)
            }
        };
        terms.push(("protection".into(), protection));
        Ok(Some(terms))
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, resolved: Option<Resolved>) -> Result<Gotten> {
        let resolved = subject(resolved)?;
        let object = self.pick(context, &resolved)?;
        context.hold(&object);
        let state = lifecycle::state_at(&object, context.now());
        if state.is_destroyed() {
            return Err(Error::new(ErrorKind::Destroyed, format!("object {} was destroyed", object.id)));
        }
        lifecycle::require_serving(&object)?;
        let stays_wrapped = object.format == KeyFormat::WRAPPED;
        if !matches!(self.protection, Protection::AsItCame) {
            refuse_wrapped(&object)?;
        }
        let plain = !stays_wrapped && !matches!(self.protection, Protection::Wrapped { .. });
        let public_of_private = self.public && object.object_type == ObjectType::PrivateKey;
        if self.public && !public_of_private && !is_public(object.object_type) {
            return Err(Error::new(ErrorKind::WrongUsage, "this key has no public half"));
        }
        // The public half of a private key is no secret, however the private half is marked.
        if !public_of_private {
            may_leave(&object, plain)?;
            let deed = Deed::Export { plain: plain && !object.is_valueless() };
            context.require_by_policy(&resolved.key, &object, deed)?;
        }
        if object.is_valueless() && matches!(self.protection, Protection::Wrapped { .. }) {
            return Err(Error::new(ErrorKind::KeyValueNotPresent, "there is no value here to be wrapped"));
        }
        let material = self.encoded(context, &object, public_of_private)?;
        let (material, wrapped_by) = self.protected(context, &object, material)?;
        let object = if object.fresh && !self.public && !object.is_valueless() {
            first_given_out(context, &object)?
        } else {
            object
        };
        if !self.public && !is_public(object.object_type) {
            context.count_export(object.id);
        }
        context.note(object.key, Some(object.id));
        Ok(Gotten { object, material, wrapped_by })
    }
}

impl Get {
    /// INVARIANT: with `public`, only a public key or a certificate comes out: the action that was authorized reads no
    /// secret.
    fn pick(&self, context: &mut Context<'_>, resolved: &Resolved) -> Result<Arc<ManagedObject>> {
        let id = match (resolved.object, self.version) {
            (Some(object), _) => object,
            (None, None) => {
                let latest =
                    resolved.key.latest().ok_or_else(|| Error::internal("a key without versions"))?;
                if self.public { latest.public.unwrap_or(latest.primary) } else { latest.primary }
            }
            (None, Some(number)) => {
                let version =
                    resolved.key.version(number).ok_or_else(|| Error::not_found("version of the key"))?;
                if self.public { version.public.unwrap_or(version.primary) } else { version.primary }
            }
        };
        let object = context.object(id)?;
        Ok(object)
    }

    fn encoded(
        &self,
        context: &mut Context<'_>,
        object: &ManagedObject,
        public_of_private: bool,
    ) -> Result<KeyMaterial> {
        if public_of_private {
            let spki = context.parsed(object)?.public_key()?;
            return Ok(KeyMaterial { format: KeyFormat::Spki, bytes: SecretBytes::new(spki) });
        }
        match self.format {
            Some(format) if format != object.format => {
                if !is_key(object.object_type, object.format) {
                    return Err(Error::new(
                        ErrorKind::Unsupported,
                        "this object cannot be given in another format",
                    ));
                }
                context.parsed(object)?.export(format)
            }
            _ if object.is_valueless() => {
                Ok(KeyMaterial { format: object.format, bytes: SecretBytes::new(Vec::new()) })
            }
            _ => context.material(object),
        }
    }

    fn protected(
        &self,
        context: &mut Context<'_>,
        object: &ManagedObject,
        material: KeyMaterial,
    ) -> Result<(KeyMaterial, Option<WrappedBy>)> {
        let Protection::Wrapped { key, parameters, frame } = &self.protection else {
            return Ok((material, None));
        };
        let wrapped = super::wrap::wrap_with(
            context,
            key,
            None,
            parameters.as_ref(),
            &match frame {
                Some(frame) => frame(object.spec.and_then(|spec| spec.curve), &material)?,
                None => SecretBytes::copy_from(material.bytes.expose()),
            },
        )?;
        let (wrapping, iv) = (wrapped.object, wrapped.iv);
        refuse_weaker_wrapping(object, &wrapping)?;
        let material = KeyMaterial { format: material.format, bytes: SecretBytes::new(wrapped.bytes) };
        Ok((material, Some(WrappedBy { object: wrapping.id, iv })))
    }
}

/// A key that leaves only wrapped is as strong then as what wraps it. Of RSA keys, of which none in use is as strong as
/// AES-256, what is in use is taken.
fn refuse_weaker_wrapping(object: &ManagedObject, wrapping: &ManagedObject) -> Result<()> {
    const ASYMMETRIC_BITS: u32 = 112;
    let strength = |object: &ManagedObject| object.spec.and_then(|spec| spec.security_strength_bits());
    let (Some(own), Some(others)) = (strength(object), strength(wrapping)) else { return Ok(()) };
    let is_asymmetric = wrapping.spec.is_some_and(|spec| spec.algorithm.is_asymmetric());
    let wanted = if is_asymmetric { own.min(ASYMMETRIC_BITS) } else { own };
    if object.sensitive && others < wanted {
        let public = format!(
            "a key of {own} bits of security strength would be as weak as the {others} bits of the key that is to wrap it"
        );
        return Err(Error::new(ErrorKind::Denied, public));
    }
    Ok(())
}

/// Material that is marked to stay does not leave; sensitive material leaves only wrapped.
fn may_leave(object: &ManagedObject, plain: bool) -> Result<()> {
    if !object.extractable {
        let public = "this key may not leave the server; a key that may is created as exportable";
        return Err(Error::new(ErrorKind::NotExtractable, public));
    }
    if plain && object.sensitive {
        let public = "this key is sensitive and leaves the server only wrapped: name a wrapping key";
        return Err(Error::new(ErrorKind::Sensitive, public));
    }
    Ok(())
}

fn is_public(object_type: ObjectType) -> bool {
    matches!(object_type, ObjectType::PublicKey | ObjectType::Certificate | ObjectType::CertificateRequest)
}

/// From now on somebody may bring its material back as that of another.
fn first_given_out(context: &mut Context<'_>, object: &ManagedObject) -> Result<Arc<ManagedObject>> {
    let material = context.material(object)?;
    let digest = duplicates::digest(context, (object.object_type, object.spec), &material, None)?;
    duplicates::note(context, digest, object.id)?;
    context.put_changed(ManagedObject { fresh: false, ..object.clone() })
}
