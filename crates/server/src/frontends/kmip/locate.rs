//! Locate: finds objects by their attributes.

use keyreeve_core::operations::locate::{GroupMember, Locate, StorageStatus};
use keyreeve_kmip::enums::{ObjectGroupMember, Operation, ResultReason};
use keyreeve_kmip::payloads::locate::{LocateRequest, LocateResponse};
use keyreeve_kmip::values::StorageStatusMask;

use super::batch::{Batch, identifier};
use super::errors::Failure;
use super::{attributes, templates};

pub(super) async fn locate(batch: &mut Batch<'_>, request: LocateRequest) -> Result<LocateResponse, Failure> {
    let criteria = request.attributes.iter().flat_map(|criteria| &criteria.0.0);
    let mut criteria = criteria.map(attributes::incoming).collect::<Result<Vec<_>, _>>()?;
    criteria.extend(templates::resolved(batch, request.template_attribute.as_ref()).await?);
    let mask = request.storage_status_mask.unwrap_or(StorageStatusMask::ONLINE_STORAGE);
    let group_member = match request.object_group_member {
        None => None,
        Some(ObjectGroupMember::GroupMemberFresh) => Some(GroupMember::Fresh),
        Some(ObjectGroupMember::GroupMemberDefault) => Some(GroupMember::Default),
        Some(ObjectGroupMember::Unnamed(_)) => {
            return Err(Failure::new(ResultReason::InvalidField, "this ObjectGroupMember is not known"));
        }
    };
    let located = batch
        .run(Locate {
            criteria,
            group_member,
            storage: StorageStatus {
                online: mask.contains(StorageStatusMask::ONLINE_STORAGE),
                archived: mask.contains(StorageStatusMask::ARCHIVAL_STORAGE),
                destroyed: mask.contains(StorageStatusMask::DESTROYED_STORAGE),
            },
            items_max: request.maximum_items.map(|items| count("MaximumItems", items)).transpose()?,
            offset: request.offset_items.map_or(Ok(0), |items| count("OffsetItems", items))?,
        })
        .await?;
    batch.answered(Operation::Locate, &located.objects);
    Ok(LocateResponse {
        located_items: located.total.and_then(|total| i32::try_from(total).ok()),
        unique_identifiers: located.objects.into_iter().map(identifier).collect(),
    })
}

fn count(field: &str, items: i32) -> Result<usize, Failure> {
    usize::try_from(items)
        .map_err(|_| Failure::new(ResultReason::InvalidField, format!("{field} must not be negative")))
}
