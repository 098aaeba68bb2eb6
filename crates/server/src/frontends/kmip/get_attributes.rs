//! GetAttributes and GetAttributeList: what is known of an object.

use keyreeve_core::operations::get_attributes::GetAttributes;
use keyreeve_kmip::attributes::AttributeReference;
use keyreeve_kmip::enums::ResultReason;
use keyreeve_kmip::payloads::get_attribute_list::{GetAttributeListRequest, GetAttributeListResponse};
use keyreeve_kmip::payloads::get_attributes::{GetAttributesRequest, GetAttributesResponse};

use super::attributes;
use super::batch::{Batch, identifier};
use super::errors::Failure;

pub(super) async fn get_attributes(
    batch: &mut Batch<'_>,
    request: GetAttributesRequest,
) -> Result<GetAttributesResponse, Failure> {
    let asked = request.attribute_references;
    let twice = |(index, name): (usize, &AttributeReference)| asked[..index].contains(name);
    if !batch.version.has_tagged_attributes() && asked.iter().enumerate().any(twice) {
        return Err(Failure::new(ResultReason::InvalidMessage, "an attribute is asked for twice"));
    }
    // A name that means nothing here is an attribute that the object does not have.
    let names = asked.iter().filter_map(|reference| attributes::name(reference).ok()).collect();
    let operation = GetAttributes {
        key: batch.object(request.unique_identifier.as_ref())?,
        names: (!asked.is_empty()).then_some(names),
    };
    let read = batch.run(operation).await?;
    Ok(GetAttributesResponse {
        unique_identifier: identifier(read.object.id),
        attributes: attributes::outgoing_all(&read.object, &read.attributes, batch.version),
    })
}

pub(super) async fn get_attribute_list(
    batch: &mut Batch<'_>,
    request: GetAttributeListRequest,
) -> Result<GetAttributeListResponse, Failure> {
    let key = batch.object(request.unique_identifier.as_ref())?;
    let read = batch.run(GetAttributes { key, names: None }).await?;
    let version = batch.version;
    let known = |reference: &AttributeReference| match reference {
        AttributeReference::Kind(kind) => kind.is_defined_in(version),
        _ => true,
    };
    let references = read.attributes.iter().filter_map(|(name, _)| attributes::reference(name));
    Ok(GetAttributeListResponse {
        unique_identifier: identifier(read.object.id),
        attribute_references: references.filter(known).collect(),
    })
}
