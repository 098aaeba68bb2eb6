//! What the standard's text says of places, dates, values and batches, where a client would otherwise be told Success for
//! something else than it asked for.

use keyreeve_kmip::Version;
use keyreeve_kmip::attributes::{Attribute, AttributeKind, AttributeReference, AttributeValue};
use keyreeve_kmip::enums::{
    AdjustmentType, BatchErrorContinuationOption, Operation, ResultReason, ResultStatus,
};
use keyreeve_kmip::message::{MessageExtension, RequestItem, RequestMessage};
use keyreeve_kmip::payloads::add_attribute::AddAttributeRequest;
use keyreeve_kmip::payloads::adjust_attribute::AdjustAttributeRequest;
use keyreeve_kmip::payloads::archive::ArchiveRequest;
use keyreeve_kmip::payloads::check::CheckRequest;
use keyreeve_kmip::payloads::delete_attribute::DeleteAttributeRequest;
use keyreeve_kmip::payloads::get::GetRequest;
use keyreeve_kmip::payloads::get_attributes::GetAttributesRequest;
use keyreeve_kmip::payloads::locate::LocateRequest;
use keyreeve_kmip::payloads::modify_attribute::ModifyAttributeRequest;
use keyreeve_kmip::payloads::recover::RecoverRequest;
use keyreeve_kmip::payloads::rekey::ReKeyRequest;
use keyreeve_kmip::payloads::set_attribute::SetAttributeRequest;
use keyreeve_kmip::payloads::storage::ProtectionStorageMasks;
use keyreeve_kmip::payloads::{Request, Response};
use keyreeve_kmip::ttlv::Value;
use keyreeve_kmip::values::{
    CryptographicUsageMask, DateTime, Interval, ProtectionStorageMask, UniqueIdentifier,
};

use crate::harness::{Client, Server, attribute, create, named};

const V: Version = Version::V2_1;

/// The object's values of this attribute.
fn read(client: &mut Client, id: &UniqueIdentifier, kind: AttributeKind) -> Vec<AttributeValue> {
    let request = GetAttributesRequest {
        unique_identifier: Some(id.clone()),
        attribute_references: vec![AttributeReference::Kind(kind)],
    };
    let Response::GetAttributes(told) = client.done(V, request) else { panic!() };
    told.attributes.0.into_iter().map(|attribute| attribute.value).collect()
}

fn set(id: &UniqueIdentifier, value: AttributeValue) -> SetAttributeRequest {
    SetAttributeRequest { unique_identifier: Some(id.clone()), attribute: attribute(value) }
}

#[test]
fn who_demands_hardware_is_not_given_software() {
    let server = Server::start();
    let mut client = server.connect();
    let demanding = |masks: &[ProtectionStorageMask]| {
        let masks = Some(ProtectionStorageMasks { masks: masks.to_vec() });
        keyreeve_kmip::payloads::create::CreateRequest { protection_storage_masks: masks, ..create("placed") }
    };
    let hardware = ProtectionStorageMask(ProtectionStorageMask::SOFTWARE.0 << 1);
    let reason = client.refused(V, demanding(&[hardware]));
    assert_eq!(reason, ResultReason::ProtectionStorageUnavailable);
    let Response::Locate(found) = client.done(V, LocateRequest::default()) else { panic!() };
    assert!(found.unique_identifiers.is_empty(), "nothing was made");
    client.done(V, demanding(&[hardware, ProtectionStorageMask::SOFTWARE]));
}

#[test]
fn a_rekeyed_key_ends_when_the_old_one_would_have() {
    let server = Server::start();
    let mut client = server.connect();
    let year = 366 * 86_400;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
    let id = client.create(V, "dated");
    let end = AttributeValue::DeactivationDate(DateTime(now + 2 * year));
    let stop = AttributeValue::ProtectStopDate(DateTime(now + year));
    for date in [&end, &stop] {
        client.done(V, set(&id, date.clone()));
    }
    let rekeyed =
        client.done(V, ReKeyRequest { unique_identifier: Some(id.clone()), ..ReKeyRequest::default() });
    let Response::ReKey(new) = rekeyed else { panic!() };
    for (kind, date) in [(AttributeKind::DeactivationDate, end), (AttributeKind::ProtectStopDate, stop)] {
        assert_eq!(read(&mut client, &new.unique_identifier, kind), [date]);
    }
    let offset = Some(Interval(60));
    let id = new.unique_identifier;
    let rekeyed =
        client.done(V, ReKeyRequest { unique_identifier: Some(id), offset, ..ReKeyRequest::default() });
    assert!(matches!(rekeyed, Response::ReKey(_)));
}

#[test]
fn dates_that_contradict_each_other_are_refused() {
    let server = Server::start();
    let mut client = server.connect();
    // One moment for all: dates that are equal must not lie a second apart.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
    let later = |days: i64| DateTime(now + days * 86_400);
    let id = client.create(V, "ordered");
    client.done(V, set(&id, AttributeValue::ActivationDate(later(10))));
    client.done(V, set(&id, AttributeValue::DeactivationDate(later(20))));
    let early = client.refused(V, set(&id, AttributeValue::ProcessStartDate(later(9))));
    let late = client.refused(V, set(&id, AttributeValue::ProtectStopDate(later(21))));
    assert_eq!((early, late), (ResultReason::InvalidField, ResultReason::InvalidField));
    client.done(V, set(&id, AttributeValue::ProcessStartDate(later(10))));
    client.done(V, set(&id, AttributeValue::ProtectStopDate(later(20))));
    client.done(V, set(&id, AttributeValue::ContactInformation("anybody".to_owned())));
}

#[test]
fn set_and_adjust_make_a_value_that_is_not_there() {
    let server = Server::start();
    let mut client = server.connect();
    let id = client.create(V, "first");
    client.done(V, set(&id, AttributeValue::Name(named("renamed"))));
    assert_eq!(read(&mut client, &id, AttributeKind::Name), [AttributeValue::Name(named("renamed"))]);
    let second = attribute(AttributeValue::Name(named("second")));
    client.done(V, AddAttributeRequest { unique_identifier: Some(id.clone()), attribute: second });
    let several = client.refused(V, set(&id, AttributeValue::Name(named("third"))));
    assert_eq!(several, ResultReason::MultiValuedAttribute);

    let vendor = |name: &str| AttributeReference::Vendor { vendor: "x".to_owned(), name: name.to_owned() };
    let adjust = |name: &str, how, by: Option<Value>| AdjustAttributeRequest {
        unique_identifier: Some(id.clone()),
        attribute_reference: vendor(name),
        adjustment_type: how,
        adjustment_value: by,
    };
    client.done(V, adjust("count", AdjustmentType::Increment, Some(Value::Integer(5))));
    client.done(V, adjust("count", AdjustmentType::Negate, None));
    client.done(V, adjust("flag", AdjustmentType::Negate, None));
    let mut told = |name: &str| {
        let request = GetAttributesRequest {
            unique_identifier: Some(id.clone()),
            attribute_references: vec![vendor(name)],
        };
        let Response::GetAttributes(told) = client.done(V, request) else { panic!() };
        let [Attribute { value: AttributeValue::Vendor { value, .. }, .. }] = &told.attributes.0[..] else {
            panic!()
        };
        value.clone()
    };
    assert_eq!(told("count"), Value::Integer(-5));
    assert_eq!(told("flag"), Value::Boolean(true));
}

#[test]
fn an_extension_that_must_be_understood_ends_the_message_before_any_of_it_is_done() {
    let server = Server::start();
    let mut client = server.connect();
    let items = ["one", "two"].map(|name| RequestItem::new(create(name).into()));
    let mut request = RequestMessage::new(V, items.into());
    request.items[1].message_extensions = vec![MessageExtension {
        vendor_identification: "acme".to_owned(),
        criticality_indicator: true,
        vendor_extension: Value::Structure(Vec::new()),
    }];
    let answer = client.exchange(&request);
    assert_eq!(answer.items.len(), 2);
    for item in &answer.items {
        assert_eq!(item.operation, Some(Operation::Create));
        assert_eq!(item.result_reason, Some(ResultReason::UnknownMessageExtension));
    }
    let Response::Locate(found) = client.done(V, LocateRequest::default()) else { panic!() };
    assert!(found.unique_identifiers.is_empty());
}

#[test]
fn a_failed_check_leaves_no_placeholder_and_recover_does() {
    let server = Server::start();
    let mut client = server.connect();
    let id = client.create(V, "checked");
    let batch = |payloads: Vec<Request>| {
        let mut message = RequestMessage::new(V, payloads.into_iter().map(RequestItem::new).collect());
        message.header.batch_error_continuation_option = Some(BatchErrorContinuationOption::Continue);
        message
    };
    let check = CheckRequest {
        cryptographic_usage_mask: Some(CryptographicUsageMask::SIGN),
        ..CheckRequest::default()
    };
    let request = batch(vec![LocateRequest::default().into(), check.into(), GetRequest::default().into()]);
    let answer = client.exchange(&request);
    let statuses: Vec<_> = answer.items.iter().map(|item| item.result_status).collect();
    let (done, failed) = (ResultStatus::Success, ResultStatus::OperationFailed);
    assert_eq!(statuses, [done, failed, failed]);

    client.done(V, ArchiveRequest { unique_identifier: Some(id.clone()) });
    let recover = RecoverRequest { unique_identifier: Some(id) };
    let answer = client.exchange(&batch(vec![recover.into(), GetRequest::default().into()]));
    assert!(answer.items.iter().all(|item| item.result_status == done));
    assert_eq!(answer.items[1].operation, Some(Operation::Get));
}

#[test]
fn the_index_of_a_value_stays_when_others_are_deleted() {
    let server = Server::start();
    let mut client = server.connect();
    let v = Version::V1_4;
    let id = client.create(v, "grouped");
    let group = |text: &str| AttributeValue::ObjectGroup(text.to_owned());
    let add = |text: &str| AddAttributeRequest {
        unique_identifier: Some(id.clone()),
        attribute: attribute(group(text)),
    };
    let delete = |index: i32| DeleteAttributeRequest {
        unique_identifier: Some(id.clone()),
        attribute_reference: Some(AttributeReference::Kind(AttributeKind::ObjectGroup)),
        attribute_index: Some(index),
        ..DeleteAttributeRequest::default()
    };
    let groups = |client: &mut Client| {
        let request = GetAttributesRequest {
            unique_identifier: Some(id.clone()),
            attribute_references: vec![AttributeReference::Kind(AttributeKind::ObjectGroup)],
        };
        let Response::GetAttributes(told) = client.done(v, request) else { panic!() };
        told.attributes.0.into_iter().map(|one| (one.index.unwrap_or(0), one.value)).collect::<Vec<_>>()
    };
    for text in ["a", "b", "c"] {
        client.done(v, add(text));
    }
    let mut message = RequestMessage::new(
        v,
        [0, 1].map(|index| RequestItem::new(delete(index).into())).into_iter().collect(),
    );
    for (number, item) in (0..).zip(&mut message.items) {
        item.unique_batch_item_id = Some(vec![number]);
    }
    let answer = client.exchange(&message);
    assert!(answer.items.iter().all(|item| item.result_status == ResultStatus::Success));
    assert_eq!(groups(&mut client), [(2, group("c"))]);
    client.done(v, add("d"));
    assert_eq!(groups(&mut client), [(2, group("c")), (3, group("d"))]);
    client.refused(v, delete(0));
    client.done(v, delete(3));
    client.done(v, add("e"));
    assert_eq!(groups(&mut client), [(2, group("c")), (4, group("e"))], "an index is nobody else's");
    let modified = ModifyAttributeRequest {
        unique_identifier: Some(id.clone()),
        attribute: Attribute { index: Some(4), value: group("f") },
        current_attribute: None,
    };
    client.done(v, modified);
    assert_eq!(groups(&mut client), [(2, group("c")), (4, group("f"))]);
    for index in [2, 4] {
        client.done(v, delete(index));
    }
    client.done(v, add("g"));
    assert_eq!(groups(&mut client), [(0, group("g"))], "of none that is left they begin anew");
}

#[test]
fn each_rotation_says_which_it_was_and_only_the_newest_is_the_latest() {
    let server = Server::start();
    let mut client = server.connect();
    let first = client.create(V, "turning");
    assert_eq!(read(&mut client, &first, AttributeKind::RotateGeneration), []);
    let mut series = vec![first];
    for generation in 1..=2 {
        let request = ReKeyRequest { unique_identifier: series.last().cloned(), ..ReKeyRequest::default() };
        let Response::ReKey(new) = client.done(V, request) else { panic!() };
        let id = new.unique_identifier;
        let told = read(&mut client, &id, AttributeKind::RotateGeneration);
        assert_eq!(told, [AttributeValue::RotateGeneration(generation)]);
        let [AttributeValue::InitialDate(made)] = read(&mut client, &id, AttributeKind::InitialDate)[..]
        else {
            panic!()
        };
        assert_eq!(read(&mut client, &id, AttributeKind::RotateDate), [AttributeValue::RotateDate(made)]);
        series.push(id);
    }
    let latest: Vec<_> =
        series.iter().flat_map(|id| read(&mut client, id, AttributeKind::RotateLatest)).collect();
    assert_eq!(latest, [false, false, true].map(AttributeValue::RotateLatest));
    assert_eq!(read(&mut client, &series[0], AttributeKind::RotateDate), []);
    let given = client.refused(V, set(&series[2], AttributeValue::RotateGeneration(0)));
    assert_eq!(given, ResultReason::AttributeReadOnly);
}
