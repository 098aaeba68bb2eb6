//! Import: an object with all that it has been through, under an identifier that the client chooses.

use keyreeve_core::ErrorKind;
use keyreeve_core::attributes::describe_imported;
use keyreeve_core::operations::import_object::ImportObject;
use keyreeve_kmip::enums::{KeyWrapType, Operation, ResultReason};
use keyreeve_kmip::payloads::import::{ImportRequest, ImportResponse};
use keyreeve_kmip::values::UniqueIdentifier;

use super::batch::{Batch, identifier};
use super::errors::{Failure, missing};
use super::register::{check_type, operation};
use super::{attributes, objects, templates, wrapping};

/// Replace Existing changes nothing: what has this identifier keeps it, and Import is refused.
pub(super) async fn import(batch: &mut Batch<'_>, request: ImportRequest) -> Result<ImportResponse, Failure> {
    let ImportRequest { unique_identifier, object_type, key_wrap_type, attributes, mut object, .. } = request;
    let UniqueIdentifier::Text(chosen) = unique_identifier else {
        let message = "an object is imported under an identifier of its own: UniqueIdentifier is text here";
        return Err(Failure::new(ResultReason::InvalidField, message));
    };
    match object_type {
        Some(told) => check_type(&object, told)?,
        None if batch.version.has_tagged_attributes() => return Err(missing("ObjectType")),
        None => {}
    }
    let mut link = None;
    if let Some(block) = objects::key_block_mut(&mut object)
        && block.key_wrapping_data.is_some()
    {
        link = match key_wrap_type {
            Some(KeyWrapType::NotWrapped) => wrapping::unwrap(batch, block).await?,
            Some(KeyWrapType::AsRegistered) | None => wrapping::link(batch, block).await?,
            Some(KeyWrapType::Unnamed(code)) => {
                let message = format!("there is no Key Wrap Type 0x{code:08X}");
                return Err(Failure::new(ResultReason::KeyWrapTypeNotSupported, message));
            }
        };
        if key_wrap_type == Some(KeyWrapType::NotWrapped) && block.key_wrapping_data.is_some() {
            let message = "the wrapping key may not unwrap here: import the key as it is (As Registered)";
            return Err(Failure::new(ResultReason::KeyWrapTypeNotSupported, message));
        }
    }
    let told = attributes.0.iter().map(attributes::given).collect::<Result<Vec<_>, _>>()?;
    let (described, history) = describe_imported(templates::under(told, wrapping::inside(&mut object))?)?;
    let mut object = operation(objects::incoming(object, batch.version)?, described)?;
    object.policy.lease_seconds = history.lease_seconds;
    object.link_to_wrapping_key(link);
    let imported = batch.run(ImportObject { object, identifier: chosen, history }).await;
    let imported = imported.map_err(|failure| {
        failure.instead(ErrorKind::PreconditionFailed, ResultReason::ObjectAlreadyExists)
    })?;
    batch.answered(Operation::Import, &[imported.primary]);
    Ok(ImportResponse { unique_identifier: identifier(imported.primary) })
}
