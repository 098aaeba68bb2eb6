//! AddAttribute, ModifyAttribute, SetAttribute, DeleteAttribute and AdjustAttribute.

use keyreeve_core::ErrorKind;
use keyreeve_core::attributes::{AttributeEdit, Changed, Instance};
use keyreeve_core::model::{AttributeKind, AttributeName, ObjectId, Value};
use keyreeve_core::operations::get_attributes::GetAttributes;
use keyreeve_core::operations::modify_attributes::ModifyAttributes;
use keyreeve_core::request::Reference;
use keyreeve_kmip::attributes::Attribute;
use keyreeve_kmip::enums::{AdjustmentType, ResultReason};
use keyreeve_kmip::payloads::add_attribute::{AddAttributeRequest, AddAttributeResponse};
use keyreeve_kmip::payloads::adjust_attribute::{AdjustAttributeRequest, AdjustAttributeResponse};
use keyreeve_kmip::payloads::delete_attribute::{DeleteAttributeRequest, DeleteAttributeResponse};
use keyreeve_kmip::payloads::modify_attribute::{ModifyAttributeRequest, ModifyAttributeResponse};
use keyreeve_kmip::payloads::set_attribute::{SetAttributeRequest, SetAttributeResponse};
use keyreeve_kmip::ttlv::Value as Tree;

use super::attributes;
use super::batch::{Batch, identifier};
use super::errors::{Failure, missing};

pub(super) async fn add(
    batch: &mut Batch<'_>,
    request: AddAttributeRequest,
) -> Result<AddAttributeResponse, Failure> {
    let key = batch.object(request.unique_identifier.as_ref())?;
    let (name, value) = attributes::given(&request.attribute)?;
    let (object, changed) = run(batch, key, AttributeEdit::Add { name, value }).await?;
    Ok(AddAttributeResponse { unique_identifier: identifier(object), attribute: told(batch, &changed) })
}

pub(super) async fn modify(
    batch: &mut Batch<'_>,
    request: ModifyAttributeRequest,
) -> Result<ModifyAttributeResponse, Failure> {
    let key = batch.object(request.unique_identifier.as_ref())?;
    let (name, value) = attributes::given(&request.attribute)?;
    let at = match &request.current_attribute {
        Some(current) => Instance::Equal(same_name(current, &name)?),
        None => instance(batch, request.attribute.index)?,
    };
    let (object, changed) = run(batch, key, AttributeEdit::Modify { name, at, value }).await?;
    Ok(ModifyAttributeResponse { unique_identifier: identifier(object), attribute: told(batch, &changed) })
}

pub(super) async fn set(
    batch: &mut Batch<'_>,
    request: SetAttributeRequest,
) -> Result<SetAttributeResponse, Failure> {
    let key = batch.object(request.unique_identifier.as_ref())?;
    let (name, value) = attributes::given(&request.attribute)?;
    let (object, _) = run(batch, key, AttributeEdit::Set { name, value })
        .await
        .map_err(|failure| failure.instead(ErrorKind::Invalid, ResultReason::MultiValuedAttribute))?;
    Ok(SetAttributeResponse { unique_identifier: identifier(object) })
}

pub(super) async fn delete(
    batch: &mut Batch<'_>,
    request: DeleteAttributeRequest,
) -> Result<DeleteAttributeResponse, Failure> {
    let key = batch.object(request.unique_identifier.as_ref())?;
    let edit = match (&request.current_attribute, &request.attribute_reference) {
        (Some(current), _) => {
            let (name, value) = attributes::incoming(current)?;
            AttributeEdit::Delete { name, at: Some(Instance::Equal(value)) }
        }
        (None, Some(reference)) => {
            // In 2.x a bare reference means every value.
            let at = match batch.version.has_tagged_attributes() {
                true => None,
                false => Some(instance(batch, request.attribute_index)?),
            };
            AttributeEdit::Delete { name: attributes::name(reference)?, at }
        }
        (None, None) => return Err(missing("CurrentAttribute or AttributeReference")),
    };
    let (object, changed) = run(batch, key, edit).await?;
    Ok(DeleteAttributeResponse { unique_identifier: identifier(object), attribute: told(batch, &changed) })
}

pub(super) async fn adjust(
    batch: &mut Batch<'_>,
    request: AdjustAttributeRequest,
) -> Result<AdjustAttributeResponse, Failure> {
    let key = batch.object(request.unique_identifier.as_ref())?;
    let name = attributes::name(&request.attribute_reference)?;
    let read = batch.run(GetAttributes { key: key.clone(), names: Some(vec![name.clone()]) }).await?;
    let (how, by) = (request.adjustment_type, request.adjustment_value.as_ref());
    let edit = match read.attributes.first().map(|(_, values)| &values[..]) {
        // Where somebody else changed it meanwhile, the current value is no longer there and the edit fails.
        Some([only]) => {
            let value = adjusted(only, how, by)?;
            AttributeEdit::Modify { name, at: Instance::Equal(only.clone()), value }
        }
        Some(_) => {
            return Err(Failure::new(ResultReason::MultiValuedAttribute, "the attribute has several values"));
        }
        None => {
            let value = adjusted(&absent(how, by)?, how, by)?;
            AttributeEdit::Add { name, value }
        }
    };
    let (object, _) = run(batch, key, edit).await?;
    Ok(AdjustAttributeResponse { unique_identifier: identifier(object) })
}

/// What a value that is not there counts as. Its type is that of what it is adjusted by.
///
/// # Standard
/// KMIP 2.1 section 6.1.3.
fn absent(how: AdjustmentType, by: Option<&Tree>) -> Result<Value, Failure> {
    match (how, by) {
        (AdjustmentType::Negate, None) => Ok(Value::Boolean(false)),
        (_, None | Some(Tree::Integer(_))) => Ok(Value::Integer(0)),
        (_, Some(Tree::LongInteger(_))) => Ok(Value::LongInteger(0)),
        (_, Some(Tree::Interval(_))) => Ok(Value::IntervalSeconds(0)),
        _ => Err(Failure::new(
            ResultReason::InvalidDataType,
            "a value that is not there can be adjusted by a number",
        )),
    }
}

fn adjusted(current: &Value, how: AdjustmentType, by: Option<&Tree>) -> Result<Value, Failure> {
    let out_of_range =
        || Failure::new(ResultReason::NumericRange, "the adjusted value does not fit its type");
    let unfit = |what: &str| Failure::new(ResultReason::InvalidDataType, what.to_owned());
    let amount = || match by {
        None => Ok(1),
        Some(Tree::Integer(number)) => Ok(i64::from(*number)),
        Some(Tree::LongInteger(number)) => Ok(*number),
        Some(Tree::Interval(seconds)) => Ok(i64::from(*seconds)),
        Some(_) => Err(unfit("AdjustmentValue is no number")),
    };
    let sign = match (how, current) {
        (AdjustmentType::Negate, Value::Boolean(truth)) => return Ok(Value::Boolean(!truth)),
        (AdjustmentType::Negate, Value::Integer(number)) => {
            return number.checked_neg().map(Value::Integer).ok_or_else(out_of_range);
        }
        (AdjustmentType::Negate, Value::LongInteger(number)) => {
            return number.checked_neg().map(Value::LongInteger).ok_or_else(out_of_range);
        }
        (AdjustmentType::Increment, _) => 1,
        (AdjustmentType::Decrement, _) => -1,
        _ => return Err(unfit("this adjustment does not fit the attribute's type")),
    };
    let sum = |number: i64| {
        let change = amount()?.checked_mul(sign).ok_or_else(out_of_range)?;
        number.checked_add(change).ok_or_else(out_of_range)
    };
    match current {
        Value::Integer(number) => {
            Ok(Value::Integer(i32::try_from(sum(i64::from(*number))?).map_err(|_| out_of_range())?))
        }
        Value::LongInteger(number) => Ok(Value::LongInteger(sum(*number)?)),
        Value::IntervalSeconds(seconds) => {
            Ok(Value::IntervalSeconds(u32::try_from(sum(i64::from(*seconds))?).map_err(|_| out_of_range())?))
        }
        Value::DateMicroseconds(date) => Ok(Value::DateMicroseconds(sum(*date)?)),
        Value::Date(date) => Ok(Value::Date(keyreeve_core::model::Time::from_seconds(sum(date.seconds())?))),
        _ => Err(unfit("this adjustment does not fit the attribute's type")),
    }
}

async fn run(
    batch: &mut Batch<'_>,
    key: Reference,
    edit: AttributeEdit,
) -> Result<(ObjectId, Changed), Failure> {
    let is_name = *edit.name() == AttributeName::Standard(AttributeKind::Name);
    let taken =
        if is_name { ResultReason::NonUniqueNameAttribute } else { ResultReason::AttributeSingleValued };
    let modified = batch.run(ModifyAttributes { key, edits: vec![edit] }).await;
    let modified = modified.map_err(|failure| failure.instead(ErrorKind::AlreadyExists, taken))?;
    let changed = modified.changed.into_iter().next();
    let changed =
        changed.ok_or_else(|| Failure::new(ResultReason::InternalServerError, "an edit without a result"))?;
    Ok((modified.object.id, changed))
}

/// The attribute that 1.x responses repeat.
fn told(batch: &Batch<'_>, changed: &Changed) -> Option<Attribute> {
    attributes::outgoing(&changed.name, changed.index, &changed.value, batch.version)
}

/// In 1.x no index means the first; in 2.x it means that there is only one.
fn instance(batch: &Batch<'_>, index: Option<i32>) -> Result<Instance, Failure> {
    if batch.version.has_tagged_attributes() {
        return Ok(Instance::Only);
    }
    let index = usize::try_from(index.unwrap_or(0));
    let negative = |_| Failure::new(ResultReason::IndexOutOfBounds, "AttributeIndex must not be negative");
    index.map(Instance::Index).map_err(negative)
}

fn same_name(current: &Attribute, name: &AttributeName) -> Result<Value, Failure> {
    let (current_name, value) = attributes::incoming(current)?;
    if current_name == *name {
        return Ok(value);
    }
    Err(Failure::new(
        ResultReason::InvalidField,
        "CurrentAttribute and NewAttribute are different attributes",
    ))
}
