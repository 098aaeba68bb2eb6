//! How much and for how long a client may use a key: Usage Limits, allocations of them, leases.

use keyreeve_kmip::Version;
use keyreeve_kmip::attributes::{AttributeKind, AttributeReference, AttributeValue, UsageLimits};
use keyreeve_kmip::enums::{ResultReason, UsageLimitsUnit};
use keyreeve_kmip::payloads::Response;
use keyreeve_kmip::payloads::activate::ActivateRequest;
use keyreeve_kmip::payloads::add_attribute::AddAttributeRequest;
use keyreeve_kmip::payloads::check::CheckRequest;
use keyreeve_kmip::payloads::destroy::DestroyRequest;
use keyreeve_kmip::payloads::encrypt::EncryptRequest;
use keyreeve_kmip::payloads::get_attributes::GetAttributesRequest;
use keyreeve_kmip::payloads::get_usage_allocation::GetUsageAllocationRequest;
use keyreeve_kmip::payloads::modify_attribute::ModifyAttributeRequest;
use keyreeve_kmip::payloads::obtain_lease::ObtainLeaseRequest;
use keyreeve_kmip::values::UniqueIdentifier;

use crate::harness::{Client, Server, attribute};

const VERSION: Version = Version::V1_4;

fn limits(total: i64) -> AttributeValue {
    AttributeValue::UsageLimits(UsageLimits {
        usage_limits_total: total,
        usage_limits_count: None,
        usage_limits_unit: UsageLimitsUnit::Byte,
    })
}

fn left(client: &mut Client, id: &UniqueIdentifier) -> Option<i64> {
    let attribute_references = vec![AttributeReference::Kind(AttributeKind::UsageLimits)];
    let request = GetAttributesRequest { unique_identifier: Some(id.clone()), attribute_references };
    let Response::GetAttributes(read) = client.done(VERSION, request) else { panic!() };
    match &read.attributes.0[..] {
        [only] => match &only.value {
            AttributeValue::UsageLimits(limits) => limits.usage_limits_count,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn limits_bound_uses_and_allocations_together() {
    let server = Server::start();
    let mut client = server.connect();
    let id = client.create(VERSION, "limited");
    let some = Some(id.clone());
    let add = AddAttributeRequest { unique_identifier: some.clone(), attribute: attribute(limits(100)) };
    client.done(VERSION, add);
    client.done(VERSION, ActivateRequest { unique_identifier: some.clone() });
    let allocate =
        |count| GetUsageAllocationRequest { unique_identifier: some.clone(), usage_limits_count: count };
    let encrypt = |bytes: usize| EncryptRequest {
        unique_identifier: some.clone(),
        data: Some(vec![7; bytes].into()),
        ..EncryptRequest::default()
    };
    let check = |count| CheckRequest {
        unique_identifier: some.clone(),
        usage_limits_count: Some(count),
        ..CheckRequest::default()
    };
    client.done(VERSION, allocate(60));
    client.done(VERSION, encrypt(16));
    assert_eq!(left(&mut client, &id), Some(24));
    client.done(VERSION, check(24));
    assert_eq!(client.refused(VERSION, check(25)), ResultReason::PermissionDenied);
    assert_eq!(client.refused(VERSION, allocate(25)), ResultReason::PermissionDenied);
    assert_eq!(client.refused(VERSION, allocate(-1)), ResultReason::InvalidField);
    assert_eq!(client.refused(VERSION, encrypt(32)), ResultReason::PermissionDenied);
    let modify = ModifyAttributeRequest {
        unique_identifier: some.clone(),
        current_attribute: None,
        attribute: attribute(limits(1000)),
    };
    client.refused(VERSION, modify);
    client.done(VERSION, allocate(24));
    assert_eq!(left(&mut client, &id), Some(0));
}

#[test]
fn leases_are_given_on_keys_that_are_there() {
    let server = Server::start();
    let mut client = server.connect();
    let id = client.create(VERSION, "leased");
    let lease = ObtainLeaseRequest { unique_identifier: Some(id.clone()) };
    let Response::ObtainLease(given) = client.done(VERSION, lease) else { panic!() };
    assert_eq!((given.unique_identifier, given.lease_time.0), (id.clone(), 3600));
    assert!(given.last_change_date.0 > 0);
    client.done(VERSION, DestroyRequest { unique_identifier: Some(id.clone()) });
    client.refused(VERSION, ObtainLeaseRequest { unique_identifier: Some(id) });
}
