//! ReKey and ReKeyKeyPair: a new key in the place of an old one.

use keyreeve_core::attributes::describe;
use keyreeve_core::model::{AttributeName, Dates, ObjectType, Time, Value};
use keyreeve_core::operations::get_attributes::GetAttributes;
use keyreeve_core::operations::rekey::{Rekey, dated_as};
use keyreeve_core::operations::{Activation, Template};
use keyreeve_core::request::Reference;
use keyreeve_kmip::enums::{Operation, ResultReason};
use keyreeve_kmip::payloads::rekey::{ReKeyRequest, ReKeyResponse};
use keyreeve_kmip::payloads::rekey_key_pair::{ReKeyKeyPairRequest, ReKeyKeyPairResponse};
use keyreeve_kmip::values::Interval;

use super::batch::{Batch, identifier};
use super::create::{generated_here, over};
use super::errors::Failure;
use super::templates;

pub(super) async fn rekey(batch: &mut Batch<'_>, request: ReKeyRequest) -> Result<ReKeyResponse, Failure> {
    let key = batch.object(request.unique_identifier.as_ref())?;
    let old = require(batch, &key, ObjectType::SymmetricKey).await?;
    let template = new_template(templates::resolved(batch, request.template_attribute.as_ref()).await?)?;
    let now = batch.kmip.engine.clock().now();
    let activation = activation(now, request.offset);
    let template = dated_as(template, activation, &old, now);
    let created = batch.run(Rekey { key, activation, template, public: None }).await?;
    batch.answered(Operation::ReKey, &[created.primary]);
    Ok(ReKeyResponse { unique_identifier: identifier(created.primary), template_attribute: None })
}

pub(super) async fn rekey_key_pair(
    batch: &mut Batch<'_>,
    request: ReKeyKeyPairRequest,
) -> Result<ReKeyKeyPairResponse, Failure> {
    let key = batch.object(request.private_key_unique_identifier.as_ref())?;
    let old = require(batch, &key, ObjectType::PrivateKey).await?;
    let common = templates::resolved(batch, request.common_template_attribute.as_ref()).await?;
    let private = templates::resolved(batch, request.private_key_template_attribute.as_ref()).await?;
    let public = templates::resolved(batch, request.public_key_template_attribute.as_ref()).await?;
    let template = new_template(over(&common, private))?;
    let public = new_template(over(&common, public))?;
    let now = batch.kmip.engine.clock().now();
    let activation = activation(now, request.offset);
    let template = dated_as(template, activation, &old, now);
    let public = dated_as(public, activation, &old, now);
    let created = batch.run(Rekey { key, activation, template, public }).await?;
    let no_pair = || Failure::new(ResultReason::InvalidObjectType, "this key is no pair: use Re-key");
    let public = created.public.ok_or_else(no_pair)?;
    batch.answered(Operation::ReKeyKeyPair, &[created.primary, public]);
    Ok(ReKeyKeyPairResponse {
        private_key_unique_identifier: identifier(created.primary),
        public_key_unique_identifier: identifier(public),
        private_key_template_attribute: None,
        public_key_template_attribute: None,
    })
}

/// Each of the two operations is for its own kind of object, and nothing is made before that is clear.
async fn require(batch: &mut Batch<'_>, key: &Reference, wanted: ObjectType) -> Result<Dates, Failure> {
    let read = batch.run(GetAttributes { key: key.clone(), names: Some(Vec::new()) }).await?;
    if read.object.object_type == wanted {
        return Ok(read.object.dates);
    }
    let message = "Re-key is for symmetric keys, Re-key Key Pair for the private key of a pair";
    Err(Failure::new(ResultReason::InvalidObjectType, message))
}

fn new_template(given: Vec<(AttributeName, Value)>) -> Result<Option<Template>, Failure> {
    if given.is_empty() {
        return Ok(None);
    }
    Ok(Some(generated_here(describe(given)?.template)))
}

/// With an offset the new key becomes Active so many seconds after its Initial Date, which is now.
///
/// # Standard
/// KMIP 2.1 section 6.1.46, table 303.
fn activation(now: Time, offset: Option<Interval>) -> Option<Activation> {
    offset.map(|Interval(seconds)| Activation::At(now.plus_seconds(seconds)))
}
