//! Reads attributes of an object by name, at one instant.

use std::collections::BTreeSet;

use super::fields;
use crate::{
    lifecycle,
    model::{AttributeKind, AttributeName, KeyFormat, ManagedObject, ObjectType, Time, Value},
    ports::crypto::Crypto,
};

/// KMIP's mask bit for protection by software: material is sealed by this process.
const STORAGE_SOFTWARE: i32 = 0x1;

/// An object's attributes at one instant.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// The object.
    pub object: &'a ManagedObject,
    /// Units that were used up of its usage limits.
    pub spent: u64,
    /// Longest lease on it, in seconds.
    pub lease_seconds: u32,
    /// The instant.
    pub now: Time,
    /// For the digest that is the short identifier.
    pub crypto: &'a dyn Crypto,
}

impl View<'_> {
    /// All values of an attribute, in order of their index; none where the object does not have it.
    pub fn read(&self, name: &AttributeName) -> Vec<Value> {
        if let Some(values) = self.object.further.get(name) {
            return match name {
                AttributeName::Standard(AttributeKind::UsageLimits) => {
                    values.iter().map(|limits| fields::spent(limits, self.spent)).collect()
                }
                _ => values.clone(),
            };
        }
        match name {
            AttributeName::Standard(kind) => self.standard(*kind),
            AttributeName::Vendor { .. } => Vec::new(),
        }
    }

    /// The names of all attributes that the object has: the standard's first, then vendors'.
    pub fn present(&self) -> Vec<AttributeName> {
        let standard = AttributeKind::ALL.iter().map(|kind| AttributeName::Standard(*kind));
        let vendors = self.object.further.keys().filter(|name| matches!(name, AttributeName::Vendor { .. }));
        standard.filter(|name| !self.read(name).is_empty()).chain(vendors.cloned()).collect()
    }

    fn standard(&self, kind: AttributeKind) -> Vec<Value> {
        let object = self.object;
        let dates = &object.dates;
        let date = |date: Option<Time>| date.map(Value::Date);
        let one = match kind {
            AttributeKind::UniqueIdentifier => Some(Value::Text(object.id.to_string())),
            AttributeKind::ShortUniqueIdentifier => {
                Some(Value::Bytes(self.crypto.sha256(&[object.id.to_string().as_bytes()]).to_vec()))
            }
            AttributeKind::ObjectType => Some(Value::Enumeration(object.object_type.code())),
            AttributeKind::State => Some(Value::Enumeration(lifecycle::shown_at(object, self.now).code())),
            AttributeKind::CryptographicAlgorithm => {
                object.spec.map(|spec| Value::Enumeration(spec.algorithm.code()))
            }
            AttributeKind::CryptographicLength => {
                object.spec.map(|spec| Value::Integer(spec.length_bits as i32))
            }
            AttributeKind::CryptographicDomainParameters => {
                let curve = object.spec.and_then(|spec| spec.curve);
                curve.map(|curve| fields::domain_parameters(curve.code()))
            }
            AttributeKind::CryptographicUsageMask => Some(Value::Integer(object.usage.0 as i32)),
            AttributeKind::KeyFormatType => format(object).map(Value::Enumeration),
            AttributeKind::CertificateType => subtype(object, ObjectType::Certificate),
            AttributeKind::OpaqueDataType => subtype(object, ObjectType::OpaqueObject),
            AttributeKind::InitialDate => date(Some(dates.initial)),
            AttributeKind::LastChangeDate => date(Some(dates.last_change)),
            AttributeKind::ActivationDate => date(dates.activation),
            AttributeKind::ProcessStartDate => date(dates.process_start),
            AttributeKind::ProtectStopDate => date(dates.protect_stop),
            AttributeKind::DeactivationDate => date(dates.deactivation),
            AttributeKind::DestroyDate => date(dates.destroy),
            AttributeKind::CompromiseOccurrenceDate => date(dates.compromise_occurrence),
            AttributeKind::CompromiseDate => date(dates.compromise),
            AttributeKind::ArchiveDate => date(dates.archive),
            AttributeKind::OriginalCreationDate => date(dates.original_creation),
            AttributeKind::RevocationReason => object.revocation.as_ref().map(fields::revocation),
            AttributeKind::Sensitive => Some(Value::Boolean(object.sensitive)),
            AttributeKind::AlwaysSensitive => Some(Value::Boolean(object.always_sensitive)),
            AttributeKind::Extractable => Some(Value::Boolean(object.extractable)),
            AttributeKind::NeverExtractable => Some(Value::Boolean(object.never_extractable)),
            AttributeKind::Fresh => Some(Value::Boolean(object.fresh)),
            AttributeKind::LeaseTime => Some(Value::IntervalSeconds(self.lease_seconds)),
            AttributeKind::ProtectionStorageMask => Some(Value::Integer(STORAGE_SOFTWARE)),
            AttributeKind::Name => return object.names.iter().map(fields::name).collect(),
            AttributeKind::ObjectGroup => return object.groups.iter().cloned().map(Value::Text).collect(),
            AttributeKind::Link => return object.links.iter().map(fields::link).collect(),
            AttributeKind::CryptographicParameters => {
                return object.parameters.iter().map(fields::parameters).collect();
            }
            AttributeKind::Digest => {
                // What has no key block has no format but its own bytes.
                let raw = (!has_key_block(object)).then_some(KeyFormat::Raw);
                return object.digests.iter().map(|digest| fields::digest(digest, raw)).collect();
            }
            // Everything else has no field and stands in `further`, where it is there at all.
            _ => None,
        };
        one.into_iter().collect()
    }
}

/// The generator that makes this server's keys, as the attribute Random Number Generator tells it: a CTR_DRBG with
/// AES-256.
///
/// # Standard
/// KMIP 2.1 section 4.45; NIST SP 800-90A section 10.2.1.
pub fn server_generator() -> Value {
    let field = |name: &str, value| (name.to_owned(), value);
    Value::Structure(vec![
        field("RNGAlgorithm", Value::Enumeration(3)),
        field("CryptographicAlgorithm", Value::Enumeration(crate::model::Algorithm::Aes.code())),
        field("CryptographicLength", Value::Integer(256)),
        field("DRBGAlgorithm", Value::Enumeration(5)),
    ])
}

/// The attributes that an object has otherwise, or no more, or only now. A state counts as changed when that is recorded, also
/// where a date brought it before.
pub(crate) fn differing(
    before: &ManagedObject,
    after: &ManagedObject,
    now: Time,
    crypto: &dyn Crypto,
) -> Vec<AttributeName> {
    // What a lease and usage limits allow does not stand in the object, and is the same in both.
    let view = |object| View { object, spent: 0, lease_seconds: 0, now, crypto };
    let (was, is) = (view(before), view(after));
    let standard = AttributeKind::ALL.iter().map(|kind| AttributeName::Standard(*kind));
    // It follows from the identifier, and is dear to compute.
    let short = AttributeName::Standard(AttributeKind::ShortUniqueIdentifier);
    let vendors: BTreeSet<_> = before.further.keys().chain(after.further.keys()).collect();
    let vendors = vendors.into_iter().filter(|name| matches!(name, AttributeName::Vendor { .. }));
    let state = AttributeName::Standard(AttributeKind::State);
    standard
        .filter(|name| *name != short)
        .chain(vendors.cloned())
        .filter(|name| was.read(name) != is.read(name) || *name == state && before.state != after.state)
        .collect()
}

fn subtype(object: &ManagedObject, of: ObjectType) -> Option<Value> {
    object.subtype.filter(|_| object.object_type == of).map(Value::Enumeration)
}

/// The Key Format Type: of what has no key block the standard's own for its kind. A template is no key in any format.
///
/// # Standard
/// KMIP 2.1 section 4.26, table 81.
fn format(object: &ManagedObject) -> Option<u32> {
    const PKCS10: u32 = 0x17;
    match object.object_type {
        _ if has_key_block(object) => Some(object.format.code()),
        ObjectType::Certificate => Some(KeyFormat::Spki.code()),
        ObjectType::CertificateRequest => Some(PKCS10),
        ObjectType::OpaqueObject => Some(KeyFormat::Opaque.code()),
        _ => None,
    }
}

/// Certificates and opaque objects have no key block, and so no format of one.
fn has_key_block(object: &ManagedObject) -> bool {
    use ObjectType::{Certificate, CertificateRequest, OpaqueObject, Template};
    !matches!(object.object_type, Certificate | CertificateRequest | OpaqueObject | Template)
        || matches!(object.format, KeyFormat::Other(_))
}
