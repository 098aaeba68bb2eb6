//! CreateSplitKey and JoinSplitKey, and how a part of a key stands on the wire.

use std::collections::BTreeMap;

use keyreeve_core::attributes::describe;
use keyreeve_core::model::{KeyPolicy, Split, SplitMethod};
use keyreeve_core::operations::create_split_key::CreateSplitKey;
use keyreeve_core::operations::join_split_key::JoinSplitKey;
use keyreeve_kmip::enums::{ObjectType, Operation, ResultReason, SplitKeyMethod};
use keyreeve_kmip::payloads::create_split_key::{CreateSplitKeyRequest, CreateSplitKeyResponse};
use keyreeve_kmip::payloads::join_split_key::{JoinSplitKeyRequest, JoinSplitKeyResponse};
use keyreeve_kmip::values::BigInteger;

use super::batch::{Batch, identifier};
use super::errors::{Failure, missing, not_supported};
use super::{objects, templates};

pub(super) async fn create_split_key(
    batch: &mut Batch<'_>,
    request: CreateSplitKeyRequest,
) -> Result<CreateSplitKeyResponse, Failure> {
    if request.object_type != ObjectType::SplitKey {
        let message = format!("Create Split Key makes split keys, no {}", request.object_type);
        return Err(Failure::new(ResultReason::InvalidField, message));
    }
    if request.unique_identifier.is_none() {
        return Err(not_supported("splitting a key that is not there: create one, and name it,"));
    }
    let split = split(
        request.split_key_method,
        (request.split_key_parts, request.split_key_threshold),
        request.prime_field_size.as_ref(),
    )?;
    let described = describe(templates::resolved(batch, request.template_attribute.as_ref()).await?)?;
    let key = batch.object(request.unique_identifier.as_ref())?;
    let template = described.template;
    let split = CreateSplitKey { key, split, name: None, template, tags: BTreeMap::new() };
    let parts: Vec<_> = batch.run(split).await?.into_iter().map(|part| part.object).collect();
    batch.answered(Operation::CreateSplitKey, &parts);
    Ok(CreateSplitKeyResponse {
        unique_identifiers: parts.into_iter().map(identifier).collect(),
        template_attribute: None,
    })
}

pub(super) async fn join_split_key(
    batch: &mut Batch<'_>,
    request: JoinSplitKeyRequest,
) -> Result<JoinSplitKeyResponse, Failure> {
    let described = describe(templates::resolved(batch, request.template_attribute.as_ref()).await?)?;
    let mut named = request.unique_identifiers.iter();
    let first = batch.object(Some(named.next().ok_or_else(|| missing("UniqueIdentifier"))?))?;
    let others = named.map(|named| batch.object(Some(named))).collect::<Result<Vec<_>, _>>()?;
    let spec = described.algorithm.map(|_| described.spec()).transpose()?;
    let mut template = described.template;
    template.subtype = request.secret_data_type.map(Into::into).or(template.subtype);
    let exportable = template.extractable != Some(false);
    let operation = JoinSplitKey {
        first,
        others,
        object_type: Some(objects::object_type(request.object_type)?),
        spec,
        name: None,
        template,
        policy: KeyPolicy { exportable, ..KeyPolicy::default() },
        tags: BTreeMap::new(),
    };
    let created = batch.run(operation).await?;
    batch.answered(Operation::JoinSplitKey, &[created.primary]);
    Ok(JoinSplitKeyResponse { unique_identifier: identifier(created.primary), template_attribute: None })
}

/// A way to split as core knows it, of a method with parts in all and parts that are needed.
pub(super) fn split(
    method: SplitKeyMethod,
    (parts, threshold): (i32, i32),
    prime_field_size: Option<&BigInteger>,
) -> Result<Split, Failure> {
    let count = |number: i32| {
        u32::try_from(number).map_err(|_| {
            Failure::new(
                ResultReason::InvalidField,
                "SplitKeyParts and SplitKeyThreshold must not be negative",
            )
        })
    };
    Ok(Split {
        method: SplitMethod::from_code(method.into()),
        parts: count(parts)?,
        threshold: count(threshold)?,
        prime_field: prime_field_size.map(|prime| prime.0.expose().to_vec()),
        origin: None,
    })
}
