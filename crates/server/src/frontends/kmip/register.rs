//! Register: takes in an object made elsewhere.

use std::collections::BTreeMap;

use keyreeve_core::attributes::{Described, describe};
use keyreeve_core::model::{
    Algorithm, AttributeKind, AttributeName, KeyFormat, KeyPolicy, KeySpec, ObjectType, Value,
};
use keyreeve_core::operations::register::Register;
use keyreeve_core::operations::register_chain::RegisterChain;
use keyreeve_kmip::enums::{self as wire, Operation, ResultReason};
use keyreeve_kmip::objects::ManagedObject;
use keyreeve_kmip::payloads::register::{RegisterRequest, RegisterResponse};

use super::batch::{Batch, identifier};
use super::errors::{Failure, missing};
use super::objects::{self, Incoming};
use super::{certificates, pkcs12, templates, wrapping};

pub(super) async fn register(
    batch: &mut Batch<'_>,
    request: RegisterRequest,
) -> Result<RegisterResponse, Failure> {
    let RegisterRequest { object_type, template_attribute, mut object, .. } = request;
    check_type(&object, object_type)?;
    let link = match objects::key_block_mut(&mut object) {
        Some(block) => wrapping::unwrap(batch, block).await?,
        None => None,
    };
    let own = templates::resolved(batch, Some(&template_attribute)).await?;
    let mut described = describe(templates::under(own, wrapping::inside(&mut object))?)?;
    let mut incoming = objects::incoming(object, batch.version)?;
    let certificates = match incoming.is_pkcs12() {
        true => pkcs12::open(batch, &mut incoming, &mut described).await?,
        false => Vec::new(),
    };
    let mut operation = operation(incoming, described)?;
    operation.link_to_wrapping_key(link);
    let created = match certificates.is_empty() {
        true => batch.run(operation).await?,
        false => batch.run(RegisterChain { key: operation, certificates }).await?,
    };
    batch.answered(Operation::Register, &[created.primary]);
    // No attributes of ours were implied, and clients in the field choke on more than the identifier.
    Ok(RegisterResponse { unique_identifier: identifier(created.primary), template_attribute: None })
}

pub(super) fn check_type(object: &ManagedObject, told: wire::ObjectType) -> Result<(), Failure> {
    if object.object_type() == told {
        return Ok(());
    }
    let message = format!("ObjectType says {told}, the object is a {}", object.object_type());
    Err(Failure::new(ResultReason::InvalidField, message))
}

/// What core is to take in.
pub(super) fn operation(mut incoming: Incoming, mut described: Described) -> Result<Register, Failure> {
    check_value(&incoming, &mut described)?;
    let spec = spec(&incoming, &mut described)?;
    if incoming.object_type == ObjectType::Certificate {
        described.template.further.extend(certificates::attributes(incoming.material.bytes.expose()));
    }
    if let Some(digested) = incoming.digested.as_ref().filter(|it| it.format != incoming.material.format) {
        let name = AttributeName::Standard(AttributeKind::KeyFormatType);
        described.template.further.insert(name, vec![Value::Enumeration(digested.format.code())]);
    }
    if let Some((split, number)) = &incoming.split {
        described.template.further.extend(split.attributes(*number)?);
    }
    described.template.subtype = incoming.subtype.take().or(described.template.subtype);
    let exportable = described.template.extractable != Some(false);
    Ok(Register {
        name: None,
        object_type: incoming.object_type,
        spec,
        material: incoming.material,
        digested: incoming.digested,
        template: described.template,
        policy: KeyPolicy { exportable, ..KeyPolicy::default() },
        tags: BTreeMap::new(),
    })
}

/// A key comes with its value, or with a word of where that is kept.
///
/// # Standard
/// KMIP 2.1 sections 4.31 (Key Value Location) and 4.32 (Key Value Present).
fn check_value(incoming: &Incoming, described: &mut Described) -> Result<(), Failure> {
    let name = |kind| AttributeName::Standard(kind);
    let further = &mut described.template.further;
    let located = further.contains_key(&name(AttributeKind::KeyValueLocation));
    match (incoming.material.bytes.is_empty(), located) {
        (false, false) => Ok(()),
        (true, true) => {
            further.insert(name(AttributeKind::KeyValuePresent), vec![Value::Boolean(false)]);
            Ok(())
        }
        (true, false) => Err(missing("KeyValue, or the attribute Key Value Location instead of it,")),
        (false, true) => {
            let message = "a key is registered with its value or with a Key Value Location, not with both";
            Err(Failure::new(ResultReason::InvalidField, message))
        }
    }
}

/// What the key is, as key block and attributes tell together. The key block describes the material itself.
fn spec(incoming: &Incoming, described: &mut Described) -> Result<Option<KeySpec>, Failure> {
    if let Some(code) = incoming.algorithm {
        let name = AttributeName::Standard(AttributeKind::CryptographicAlgorithm);
        let told = describe([(name.clone(), Value::Enumeration(code))])?;
        if described.algorithm.is_some() && described.algorithm != told.algorithm {
            let message = "CryptographicAlgorithm of attributes and key block differ";
            return Err(Failure::new(ResultReason::InvalidField, message));
        }
        described.algorithm = told.algorithm;
        for (name, values) in told.template.further {
            described.template.further.entry(name).or_insert(values);
        }
    }
    described.length_bits = incoming.length_bits.or(described.length_bits);
    let raw = incoming.material.format == KeyFormat::Raw;
    if described.length_bits.is_none()
        && raw
        && !incoming.material.bytes.is_empty()
        && incoming.object_type == ObjectType::SymmetricKey
    {
        described.length_bits = u32::try_from(incoming.material.bytes.len() * 8).ok();
    }
    let asymmetric = described.algorithm.is_some_and(Algorithm::is_asymmetric);
    match described.algorithm {
        None => Ok(None),
        // The material tells its curve where nobody else does: several have the same length.
        Some(Algorithm::Ec) if described.curve.is_none() => Ok(described
            .length_bits
            .map(|length_bits| KeySpec { algorithm: Algorithm::Ec, length_bits, curve: None })),
        // Asymmetric material tells its length itself.
        Some(_) if asymmetric && (described.length_bits.is_none() || described.spec().is_err()) => Ok(None),
        Some(_) if described.length_bits.is_none() => Ok(None),
        Some(_) => Ok(Some(described.spec()?)),
    }
}
