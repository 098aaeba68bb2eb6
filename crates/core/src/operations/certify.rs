//! Certify: a certificate for a public key, by a private key of this store. Re-certify: one in the place of an older one.
//!
//! Not here: what a certificate looks like and what a request for one asks, which a front-end brings along.
//!
//! # Standard
//! KMIP 2.1 sections 6.1.6 (Certify) and 6.1.45 (Re-certify).

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Activation, Operation, Subject, Template,
    choose::{Half, Purpose, usable},
    create::Created,
    duplicates,
    register::{MATERIAL_BYTES_MAX, Register},
    rekey::{Rekey, append, tells_of_rotation},
    subject,
    template::Place,
    terms::{self, hashed, term},
    usage_limits,
};
use crate::{
    access::{Action, Permit, Target, approvals::Terms},
    attributes::rule,
    error::{Error, ErrorKind, Result},
    lifecycle,
    model::{
        AttributeName, KeyFormat, KeyMaterial, KeyPolicy, KeyVersion, Link, LinkType, ManagedObject,
        ObjectId, ObjectType, State, Time, UsageMask, Value,
    },
    ports::crypto::ParsedKey,
    request::{Context, Reference, Resolved, check_attributes},
    secret::SecretBytes,
};

/// What is to be certified.
pub struct Wish<'a> {
    /// The request; its signature proves that whoever asks holds the private key, and is to be checked.
    pub request: Option<&'a [u8]>,
    /// SubjectPublicKeyInfo of the public key on this server; where there is a request, that must be for the same key.
    pub public_key: Option<&'a [u8]>,
    /// The certificate that the new one takes the place of, for the same key; the issuer must have issued it.
    pub renewed: Option<&'a [u8]>,
    /// What the key serves for, where somebody said so.
    pub usage: Option<UsageMask>,
    /// The issuer's certificate.
    pub issuer_certificate: &'a [u8],
    /// The issuer's private key.
    pub issuer: &'a dyn ParsedKey,
    /// Random bytes for the serial number.
    pub serial: [u8; 16],
    /// First moment.
    pub not_before: Time,
    /// Last moment, where the issuer's certificate does not end earlier.
    pub not_after: Time,
    /// Now.
    pub now: Time,
}

/// A certificate that was issued.
pub struct Issued {
    /// The certificate, DER.
    pub certificate: Vec<u8>,
    /// Last moment.
    pub not_after: Time,
    /// What it says, as attributes.
    pub attributes: Vec<(AttributeName, Vec<Value>)>,
    /// Attributes alone give the holder other names than the certificate had that it takes the place of.
    pub renames: bool,
}

/// Issues a certificate, or says why not: `InvalidField` for what the wish asks, `WrongUsage` for an issuer that cannot.
pub type Issue = Box<dyn Fn(&Wish<'_>) -> Result<Issued> + Send + Sync>;

/// Certifies a public key.
pub struct Certify {
    /// The private key that signs: with a Certificate Link to its certificate, for the use Certificate Sign.
    pub issuer: Reference,
    /// A public key or a certificate request on this server; `None`: the request alone says what to certify.
    pub subject: Option<Reference>,
    /// A request that the caller brings.
    pub request: Option<Vec<u8>>,
    /// The certificate that the new one takes the place of.
    pub renewal: Option<Renewal>,
    /// Attributes of the certificate. Its dates of activation and deactivation are those between which it is valid.
    pub template: Template,
    /// Makes the certificate.
    pub issue: Issue,
}

/// A certificate that gets a successor.
pub struct Renewal {
    /// The certificate.
    pub certificate: Reference,
    /// When the new one begins; `None`: as the old one, or as the template says.
    pub begin: Option<Time>,
}

/// Days that a certificate is valid where nobody says otherwise.
const VALIDITY_DAYS: u16 = 365;

/// How far back a first certificate may begin.
const BACKDATED_MS_MAX: i64 = 24 * 60 * 60 * 1000;

/// Certificates that a public key is linked to, the newest: where short-lived ones are made for years, its attributes stay
/// small. Each certificate is linked to the key for ever.
const CERTIFICATE_LINKS_MAX: usize = 16;

/// KMIP's code of the certificate type X.509.
const X509: u32 = 1;

impl Operation for Certify {
    type Reply = Created;

    fn action(&self) -> Action {
        Action::Certify
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Key(&self.issuer)
    }

    fn terms(&self, context: &mut Context<'_>) -> Result<Option<Terms>> {
        let mut told = vec![term("attributes", &self.template)];
        told.extend(self.request.as_ref().map(|request| hashed(context, "the request", request)));
        if let Some(subject) = &self.subject {
            told.push(terms::other(context, "public key", subject, Action::Certify)?);
        }
        if let Some(renewal) = &self.renewal {
            told.push(terms::other(context, "renewal of", &renewal.certificate, Action::Certify)?);
            told.push(term("begin", renewal.begin));
        }
        Ok(Some(told))
    }

    fn run(&self, permit: &Permit, context: &mut Context<'_>, resolved: Option<Resolved>) -> Result<Created> {
        let issuer = Issuer::of(context, &subject(resolved)?)?;
        let created = match &self.renewal {
            None => self.first(permit, context, &issuer)?,
            Some(renewal) => self.successor(context, &issuer, renewal)?,
        };
        context.resolve_other(&Reference::Object(created.primary))?;
        context.note(issuer.object.key, Some(issuer.object.id));
        context.note_detail(format!("issued the certificate {}", created.primary));
        Ok(created)
    }
}

/// The key that signs.
struct Issuer {
    object: Arc<ManagedObject>,
    key: Arc<dyn ParsedKey>,
    certificate: ObjectId,
    der: KeyMaterial,
}

impl Issuer {
    fn of(context: &mut Context<'_>, resolved: &Resolved) -> Result<Self> {
        let wanted = (Purpose::Protect, Half::Private, UsageMask::CERTIFICATE_SIGN);
        let object = usable(context, resolved, None, wanted)?;
        let refuse = |public: &str| Err(Error::new(ErrorKind::WrongUsage, public));
        if object.object_type != ObjectType::PrivateKey {
            return refuse("the issuer of certificates is no private key");
        }
        // Who may sign with it could sign a certificate of their own, of an authority say.
        let certifies = UsageMask(UsageMask::CERTIFICATE_SIGN.0 | UsageMask::CRL_SIGN.0);
        if object.usage & certifies != object.usage {
            return refuse(
                "the issuer serves for more than Certificate Sign and CRL Sign: take the other uses from its mask",
            );
        }
        let Some(link) = linked(&object, LinkType::Certificate) else {
            return refuse("the issuer has no Certificate Link: link it to its own certificate");
        };
        let found = context.resolve_other(&Reference::object(link))?;
        let certificate = context.object(found.object_id()?)?;
        if certificate.object_type != ObjectType::Certificate {
            return refuse("the issuer's Certificate Link leads to no certificate");
        }
        require_good_standing(context, &certificate)?;
        let der = context.material(&certificate)?;
        let key = context.parsed(&object)?;
        Ok(Self { object, key, certificate: certificate.id, der })
    }
}

/// What is certified.
#[derive(Default)]
struct Certified {
    public: Option<Arc<ManagedObject>>,
    request: Option<SecretBytes>,
}

impl Certify {
    fn first(&self, permit: &Permit, context: &mut Context<'_>, issuer: &Issuer) -> Result<Created> {
        let register = context.authorize_further(Action::Register, Target::Realm(permit.realm()))?;
        let certified = self.certified(context)?;
        if let Some(public) = certified.public.as_ref().filter(|_| certified.request.is_none()) {
            prove(context, public)?;
        }
        let (template, certificate) =
            self.issued(context, issuer, &certified, None, self.template.clone())?;
        let register_it = Register {
            name: None,
            object_type: ObjectType::Certificate,
            spec: None,
            material: certificate,
            digested: None,
            template,
            policy: KeyPolicy::default(),
            tags: BTreeMap::new(),
        };
        let created = register_it.run(&register, context, None)?;
        if let Some(public) = &certified.public {
            link_public(context, public, None, created.primary)?;
        }
        Ok(created)
    }

    fn successor(&self, context: &mut Context<'_>, issuer: &Issuer, renewal: &Renewal) -> Result<Created> {
        let resolved = context.resolve_other(&renewal.certificate)?;
        for action in [Action::Certify, Action::Rekey] {
            context.authorize_further(action, Target::Key(&resolved.key))?;
        }
        let old = context.object(resolved.object_id()?)?;
        if old.object_type != ObjectType::Certificate {
            return Err(wrong_kind("Re-certify is for certificates"));
        }
        if old.revocation.is_some() {
            let public = "the old certificate was revoked: certify its public key, or another one, anew";
            return Err(Error::new(ErrorKind::WrongState, public));
        }
        let mut certified = self.certified(context)?;
        if certified.public.is_none() {
            certified.public = public_of(context, &old)?;
        }
        let rekey = Rekey {
            key: renewal.certificate.clone(),
            activation: renewal.begin.map(Activation::At),
            template: Some(self.template.clone()),
            public: None,
        };
        let created = append(context, &resolved, &rekey, |context, version, [mut template, _]| {
            // What the old certificate says is no longer so: the new one's own attributes take the place of those.
            template.further.retain(|name, _| rule(name).given_by_client || tells_of_rotation(name));
            template.links.retain(|link| link.kind == LinkType::Replaced);
            template.usage = template.usage.filter(|usage| *usage != UsageMask::NONE);
            let (template, certificate) = self.issued(context, issuer, &certified, Some(&old), template)?;
            let id = context.new_object_id()?;
            let (realm, key) = (context.realm(), resolved.key.id);
            let place = Place { id, realm, key, version, object_type: ObjectType::Certificate, spec: None };
            let object = template.object(context, place, UsageMask::NONE)?;
            let digest = duplicates::digest(context, (ObjectType::Certificate, None), &certificate, None)?;
            duplicates::note(context, digest, id)?;
            context.put_new(object, &certificate)?;
            Ok(KeyVersion { number: version, primary: id, public: None })
        })?;
        if let Some(public) = &certified.public {
            link_public(context, public, Some(old.id), created.primary)?;
        }
        Ok(created)
    }

    /// What the caller names or brings, with the right to each.
    fn certified(&self, context: &mut Context<'_>) -> Result<Certified> {
        let request = self.request.as_deref().map(SecretBytes::copy_from);
        let Some(reference) = &self.subject else { return Ok(Certified { public: None, request }) };
        let object = named(context, reference)?;
        match object.object_type {
            ObjectType::PublicKey => {
                require_private_half(context, &object)?;
                Ok(Certified { public: Some(object), request })
            }
            ObjectType::CertificateRequest if request.is_some() => {
                let public = "a certificate request is named, and another one is brought: send one of them";
                Err(Error::new(ErrorKind::InvalidField, public))
            }
            ObjectType::CertificateRequest => {
                let request = Some(context.material(&object)?.bytes);
                Ok(Certified { public: public_of(context, &object)?, request })
            }
            _ => Err(wrong_kind("only a public key or a certificate request is certified")),
        }
    }

    /// The certificate, and its attributes.
    fn issued(
        &self,
        context: &mut Context<'_>,
        issuer: &Issuer,
        certified: &Certified,
        renewed: Option<&ManagedObject>,
        mut template: Template,
    ) -> Result<(Template, KeyMaterial)> {
        let old = renewed.map(|object| context.material(object)).transpose()?;
        let public_key = certified.public.as_ref();
        let public_key = public_key.map(|public| context.parsed(public)?.public_key()).transpose()?;
        let dates = renewed.map(|object| object.dates).unwrap_or_default();
        let not_before = match template.activation {
            Activation::At(date) => date,
            Activation::Now | Activation::Later => dates.activation.unwrap_or(context.now()),
        };
        // Certificates know whole seconds.
        let not_before = Time::from_seconds(not_before.seconds());
        // What was signed before a theft must not come to look as if it had been certified then.
        let earliest = Time(context.now().0.saturating_sub(BACKDATED_MS_MAX));
        let earliest = dates.activation.map_or(earliest, |old| old.min(earliest));
        if not_before < Time::from_seconds(earliest.seconds()) {
            let public = "the certificate would begin more than a day ago: give a later Activation Date";
            return Err(Error::new(ErrorKind::InvalidField, public));
        }
        let not_after = template.deactivation.or(dates.deactivation);
        let not_after = not_after.unwrap_or(not_before.plus_days(VALIDITY_DAYS));
        if not_after <= context.now() {
            let public = "the certificate would have expired already: give a later Deactivation Date, or to Re-certify an Offset";
            return Err(Error::new(ErrorKind::InvalidField, public));
        }
        let mut serial = [0; 16];
        context.crypto().fill(&mut serial)?;
        let usage = usage(certified.public.as_deref(), &template);
        let issued = (self.issue)(&Wish {
            request: certified.request.as_ref().map(SecretBytes::expose),
            public_key: public_key.as_deref(),
            renewed: old.as_ref().map(|material| material.bytes.expose()),
            usage,
            issuer_certificate: issuer.der.bytes.expose(),
            issuer: &*issuer.key,
            serial,
            not_before,
            not_after,
            now: context.now(),
        })?;
        if issued.renames && certified.request.is_none() {
            let public = certified.public.as_ref().ok_or_else(|| {
                let public = "other names are certified for who brings a certificate request, or for a public key on this server";
                Error::new(ErrorKind::WrongUsage, public)
            })?;
            prove(context, public)?;
        }
        if issued.certificate.len() > MATERIAL_BYTES_MAX {
            return Err(Error::new(ErrorKind::TooLarge, "the certificate would be too long"));
        }
        usage_limits::spend(context, &issuer.object, issued.certificate.len())?;
        template.activation = Activation::At(not_before);
        template.deactivation = Some(issued.not_after);
        template.original_creation = None;
        template.subtype = Some(X509);
        template.usage = Some(usage.unwrap_or_default());
        template.further.extend(issued.attributes);
        template.links.retain(|link| !matches!(link.kind, LinkType::PublicKey | LinkType::Certificate));
        template.links.extend(certified.public.as_ref().map(|public| link(LinkType::PublicKey, public.id)));
        template.links.push(link(LinkType::Certificate, issuer.certificate));
        let bytes = SecretBytes::new(issued.certificate);
        Ok((template, KeyMaterial { format: KeyFormat::Spki, bytes }))
    }
}

/// What the certified key serves for: what its mask allows, and what the caller leaves of it.
fn usage(public: Option<&ManagedObject>, template: &Template) -> Option<UsageMask> {
    match (public.map(|public| public.usage), template.usage) {
        (Some(allowed), Some(wanted)) => Some(allowed & wanted),
        (allowed, wanted) => allowed.or(wanted),
    }
}

/// An object that the caller names and may have certified.
fn named(context: &mut Context<'_>, reference: &Reference) -> Result<Arc<ManagedObject>> {
    let resolved = context.resolve_other(reference)?;
    context.authorize_further(Action::Certify, Target::Key(&resolved.key))?;
    let object = context.object(resolved.object_id()?)?;
    require_good_standing(context, &object)?;
    Ok(object)
}

/// The public key that a certificate, or a request for one, is linked to.
fn public_of(context: &mut Context<'_>, object: &ManagedObject) -> Result<Option<Arc<ManagedObject>>> {
    let Some(link) = linked(object, LinkType::PublicKey) else { return Ok(None) };
    let public = named(context, &Reference::object(link))?;
    if public.object_type != ObjectType::PublicKey {
        return Err(wrong_kind("the Public Key Link leads to no public key"));
    }
    require_private_half(context, &public)?;
    Ok(Some(public))
}

/// Nothing is certified for a private key of this server that has ended or is compromised.
fn require_private_half(context: &mut Context<'_>, public: &ManagedObject) -> Result<()> {
    let key = context.key(public.key)?;
    let is_half = |version: &&KeyVersion| version.public == Some(public.id);
    for id in key.versions.iter().filter(is_half).map(|version| version.primary) {
        let private = context.object(id)?;
        require_good_standing(context, &private)?;
    }
    let Some(link) = linked(public, LinkType::PrivateKey) else { return Ok(()) };
    let resolved = match context.resolve_other(&Reference::object(link)) {
        Ok(resolved) => resolved,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    // Links are the client's: what it may not read says nothing here.
    if context.authorize(Action::GetAttributes, Target::Key(&resolved.key)).is_err() {
        return Ok(());
    }
    let linked = context.object(resolved.object_id()?)?;
    match linked.object_type {
        ObjectType::PrivateKey => require_good_standing(context, &linked),
        _ => Ok(()),
    }
}

/// Without a request, that the private key is here and the caller's to certify is the proof that the caller holds it.
fn prove(context: &mut Context<'_>, public: &ManagedObject) -> Result<()> {
    let refuse = |public: &str| Err(Error::new(ErrorKind::WrongUsage, public));
    let Some(link) = linked(public, LinkType::PrivateKey) else {
        return refuse(
            "nothing proves who holds the private key: bring a certificate request, or link the public key to its private key on \
             this server",
        );
    };
    let private = named(context, &Reference::object(link))?;
    if private.object_type != ObjectType::PrivateKey
        || context.parsed(&private)?.public_key()? != context.parsed(public)?.public_key()?
    {
        return refuse("the Private Key Link of the public key leads to no private key of it");
    }
    Ok(())
}

/// The public key is linked to its new certificate, in the place of the old one.
fn link_public(
    context: &mut Context<'_>,
    public: &ManagedObject,
    old: Option<ObjectId>,
    new: ObjectId,
) -> Result<()> {
    let mut public = public.clone();
    let old = old.map(|id| link(LinkType::Certificate, id));
    public.links.retain(|link| Some(link) != old.as_ref());
    public.links.push(link(LinkType::Certificate, new));
    let certificates = public.links.iter().filter(|link| link.kind == LinkType::Certificate).count();
    let mut surplus = certificates.saturating_sub(CERTIFICATE_LINKS_MAX);
    public.links.retain(|link| {
        let goes = link.kind == LinkType::Certificate && surplus > 0;
        surplus -= usize::from(goes);
        !goes
    });
    check_attributes(&public)?;
    context.put_changed(public)?;
    Ok(())
}

/// What is certified, and what certifies, has not ended, is not compromised, archived or disabled. It need not be Active.
fn require_good_standing(context: &mut Context<'_>, object: &ManagedObject) -> Result<()> {
    context.hold(object);
    let state = lifecycle::state_at(object, context.now());
    match state {
        State::PreActive | State::Active => lifecycle::require_serving(object),
        _ => {
            let kind = if state.is_destroyed() { ErrorKind::Destroyed } else { ErrorKind::WrongState };
            let public =
                format!("object {} is {}: nothing is certified by it or for it", object.id, state.word());
            Err(Error::new(kind, public))
        }
    }
}

fn linked(object: &ManagedObject, kind: LinkType) -> Option<&str> {
    object.links.iter().find(|link| link.kind == kind).map(|link| link.target.as_str())
}

fn link(kind: LinkType, target: ObjectId) -> Link {
    Link { kind, target: target.to_string() }
}

/// Of a kind that nothing else here has: front-ends have a reason of their own for it.
fn wrong_kind(public: &str) -> Error {
    Error::new(ErrorKind::Invalid, public)
}
