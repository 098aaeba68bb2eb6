//! Key values that are wrapped, with and without attributes inside, on their way out and in. How real clients do it is in
//! tests/clients.

use keyreeve_kmip::Version;
use keyreeve_kmip::attributes::{
    AttributeKind, AttributeReference, AttributeValue, Attributes, CryptographicParameters, Link,
    TemplateAttribute,
};
use keyreeve_kmip::enums::{
    BlockCipherMode, CryptographicAlgorithm, EncodingOption, KeyFormatType, KeyWrapType, LinkType,
    ObjectType, ResultReason, WrappingMethod,
};
use keyreeve_kmip::objects::{
    KeyBlock, KeyInformation, KeyMaterial, KeyValue, KeyWrappingSpecification, ManagedObject, PlainKeyValue,
    SymmetricKey,
};
use keyreeve_kmip::payloads::Response;
use keyreeve_kmip::payloads::get::GetRequest;
use keyreeve_kmip::payloads::get_attributes::GetAttributesRequest;
use keyreeve_kmip::payloads::import::ImportRequest;
use keyreeve_kmip::payloads::register::RegisterRequest;
use keyreeve_kmip::values::{CryptographicUsageMask, DateTime, UniqueIdentifier};

use crate::harness::{Client, Server, attribute, named};

const SECRET: [u8; 32] = [0x5A; 32];
/// 2100.
const END: DateTime = DateTime(4_102_444_800);

fn block(bytes: &[u8], inside: Option<Vec<AttributeValue>>) -> KeyBlock {
    let attributes = inside.map(|values| values.into_iter().collect::<Attributes>());
    let key_material = KeyMaterial::Bytes(bytes.to_vec().into());
    KeyBlock {
        key_format_type: KeyFormatType::Raw,
        key_compression_type: None,
        key_value: Some(KeyValue::Plain(PlainKeyValue { key_material, attributes })),
        cryptographic_algorithm: Some(CryptographicAlgorithm::Aes),
        cryptographic_length: Some(256),
        key_wrapping_data: None,
    }
}

fn registration(key_block: KeyBlock, attributes: Vec<AttributeValue>) -> RegisterRequest {
    RegisterRequest {
        object_type: ObjectType::SymmetricKey,
        template_attribute: TemplateAttribute::from(attributes.into_iter().collect::<Attributes>()),
        object: SymmetricKey { key_block }.into(),
        protection_storage_masks: None,
    }
}

fn register(client: &mut Client, version: Version, request: RegisterRequest) -> UniqueIdentifier {
    let Response::Register(registered) = client.done(version, request) else { panic!() };
    registered.unique_identifier
}

/// An active key that wraps and unwraps, whose own Cryptographic Parameters are of these modes.
fn wrapping_key(
    client: &mut Client,
    usage: CryptographicUsageMask,
    modes: &[BlockCipherMode],
) -> UniqueIdentifier {
    let mut attributes =
        vec![AttributeValue::CryptographicUsageMask(usage), AttributeValue::ActivationDate(DateTime(1))];
    attributes
        .extend(modes.iter().map(|mode| AttributeValue::CryptographicParameters(in_mode(*mode).into())));
    register(client, Version::V1_4, registration(block(&[7; 32], None), attributes))
}

fn wraps() -> CryptographicUsageMask {
    CryptographicUsageMask::WRAP_KEY | CryptographicUsageMask::UNWRAP_KEY
}

fn in_mode(mode: BlockCipherMode) -> CryptographicParameters {
    CryptographicParameters { block_cipher_mode: Some(mode), ..CryptographicParameters::default() }
}

fn specification(
    by: &UniqueIdentifier,
    mode: Option<BlockCipherMode>,
    encoding_option: Option<EncodingOption>,
    names: &[&str],
) -> KeyWrappingSpecification {
    KeyWrappingSpecification {
        wrapping_method: WrappingMethod::Encrypt,
        encryption_key_information: Some(KeyInformation {
            unique_identifier: by.clone(),
            cryptographic_parameters: mode.map(in_mode),
        }),
        mac_signature_key_information: None,
        attribute_names: names.iter().map(|name| (*name).to_owned()).collect(),
        encoding_option,
    }
}

fn asked(id: &UniqueIdentifier, specification: KeyWrappingSpecification) -> GetRequest {
    GetRequest {
        unique_identifier: Some(id.clone()),
        key_wrapping_specification: Some(specification),
        ..GetRequest::default()
    }
}

fn key_block(client: &mut Client, version: Version, request: GetRequest) -> KeyBlock {
    let Response::Get(gotten) = client.done(version, request) else { panic!() };
    let ManagedObject::SymmetricKey(key) = gotten.object else { panic!("another kind of object") };
    key.key_block
}

fn plain(client: &mut Client, version: Version, id: &UniqueIdentifier) -> PlainKeyValue {
    let get = GetRequest { unique_identifier: Some(id.clone()), ..GetRequest::default() };
    match key_block(client, version, get).key_value {
        Some(KeyValue::Plain(value)) => value,
        _ => panic!("a wrapped key, or none"),
    }
}

fn material(value: &PlainKeyValue) -> &[u8] {
    match &value.key_material {
        KeyMaterial::Bytes(bytes) => bytes.expose(),
        KeyMaterial::Transparent(_) => panic!("numbers"),
    }
}

fn values(
    client: &mut Client,
    version: Version,
    id: &UniqueIdentifier,
    kind: AttributeKind,
) -> Vec<AttributeValue> {
    let attribute_references = vec![AttributeReference::Kind(kind)];
    let request = GetAttributesRequest { unique_identifier: Some(id.clone()), attribute_references };
    let Response::GetAttributes(read) = client.done(version, request) else { panic!() };
    read.attributes.0.into_iter().map(|attribute| attribute.value).collect()
}

fn group(name: &str) -> AttributeValue {
    AttributeValue::ObjectGroup(name.to_owned())
}

#[test]
fn attributes_that_are_wrapped_along_come_back() {
    let server = Server::start();
    let mut client = server.connect();
    let by = wrapping_key(&mut client, wraps(), &[]);
    let named_ones = ["Object Group", "Cryptographic Usage Mask", "Deactivation Date", "Contact Information"];
    for (wrapped_at, registered_at) in [
        (Version::V1_4, Version::V1_4),
        (Version::V2_1, Version::V2_1),
        (Version::V1_4, Version::V2_1),
        (Version::V2_1, Version::V1_0),
    ] {
        let usage = AttributeValue::CryptographicUsageMask(CryptographicUsageMask::MAC_GENERATE);
        let contact = AttributeValue::ContactInformation("who made it".into());
        let own = vec![usage.clone(), contact, group("made"), AttributeValue::DeactivationDate(END)];
        let first = register(&mut client, wrapped_at, registration(block(&SECRET, None), own));
        let mode = Some(BlockCipherMode::NistKeyWrap);
        let wrapped =
            key_block(&mut client, wrapped_at, asked(&first, specification(&by, mode, None, &named_ones)));
        // What the request itself says counts, of what there is once; of groups there may be several.
        let again = vec![AttributeValue::ContactInformation("who registers it".into()), group("registered")];
        let second = register(&mut client, registered_at, registration(wrapped, again));
        let read = |client: &mut Client, kind| values(client, registered_at, &second, kind);
        assert_eq!(read(&mut client, AttributeKind::CryptographicUsageMask), [usage]);
        let end = AttributeValue::DeactivationDate(END);
        assert_eq!(read(&mut client, AttributeKind::DeactivationDate), [end], "{wrapped_at} {registered_at}");
        let contact = AttributeValue::ContactInformation("who registers it".into());
        assert_eq!(read(&mut client, AttributeKind::ContactInformation), [contact]);
        let groups = read(&mut client, AttributeKind::ObjectGroup);
        assert!(groups.contains(&group("made")) && groups.contains(&group("registered")), "{groups:?}");
        // They are asked for by Get Attributes from then on, and stand in no Key Value that nobody asked for.
        let value = plain(&mut client, registered_at, &second);
        assert_eq!(material(&value), SECRET);
        assert!(value.attributes.is_none());
    }
}

#[test]
fn attributes_in_a_key_value_in_the_plain_count_under_the_same_rules() {
    let server = Server::start();
    let mut client = server.connect();
    for version in [Version::V1_0, Version::V1_4, Version::V2_1] {
        let inside = vec![group("inside"), AttributeValue::Name(named(&format!("inside at {version}")))];
        let id = register(&mut client, version, registration(block(&SECRET, Some(inside)), Vec::new()));
        assert_eq!(values(&mut client, version, &id, AttributeKind::ObjectGroup), [group("inside")]);
        assert_eq!(values(&mut client, version, &id, AttributeKind::Name).len(), 1, "{version}");
        let dates = vec![AttributeValue::InitialDate(DateTime(1))];
        let refused = client.refused(version, registration(block(&SECRET, Some(dates)), Vec::new()));
        let wanted = match version.has_tagged_attributes() {
            true => ResultReason::AttributeReadOnly,
            false => ResultReason::PermissionDenied,
        };
        assert_eq!(refused, wanted, "{version}");
    }
    // Import takes what the object has been through.
    for version in [Version::V1_4, Version::V2_1] {
        let inside = vec![group("inside"), AttributeValue::InitialDate(DateTime(1))];
        let chosen = UniqueIdentifier::Text(format!("imported at {version}"));
        let request = ImportRequest {
            unique_identifier: chosen.clone(),
            object_type: Some(ObjectType::SymmetricKey),
            replace_existing: None,
            key_wrap_type: None,
            attributes: Attributes(vec![attribute(AttributeValue::ActivationDate(DateTime(2)))]),
            object: SymmetricKey { key_block: block(&SECRET, Some(inside)) }.into(),
        };
        client.done(version, request);
        assert_eq!(values(&mut client, version, &chosen, AttributeKind::ObjectGroup), [group("inside")]);
        let initial = [AttributeValue::InitialDate(DateTime(1))];
        assert_eq!(values(&mut client, version, &chosen, AttributeKind::InitialDate), initial);
    }
}

#[test]
fn without_an_encoding_no_attributes_stand_in_the_key_value() {
    let server = Server::start();
    let mut client = server.connect();
    let version = Version::V1_4;
    let by = wrapping_key(&mut client, wraps(), &[]);
    let id = register(&mut client, version, registration(block(&SECRET, None), Vec::new()));
    let (mode, bare) = (Some(BlockCipherMode::NistKeyWrap), Some(EncodingOption::NoEncoding));
    let with_attributes = asked(&id, specification(&by, mode, bare, &["Object Group"]));
    assert_eq!(client.refused(version, with_attributes), ResultReason::EncodingOptionError);
    let mut wrapped = key_block(&mut client, version, asked(&id, specification(&by, mode, bare, &[])));
    let Some(KeyValue::Wrapped(bytes)) = wrapped.key_value.take() else { panic!("in the plain") };
    wrapped.key_value = block(&bytes, Some(vec![group("beside")])).key_value;
    let refused = client.refused(version, registration(wrapped, Vec::new()));
    assert_eq!(refused, ResultReason::EncodingOptionError);
}

#[test]
fn gcm_wraps_under_a_nonce_of_its_own_and_unwraps_what_is_whole() {
    let server = Server::start();
    let mut client = server.connect();
    let by = wrapping_key(&mut client, wraps(), &[]);
    let mut nonces = Vec::new();
    for version in [Version::V1_2, Version::V1_4, Version::V2_1] {
        let id = register(&mut client, version, registration(block(&SECRET, None), Vec::new()));
        for encoding in [None, Some(EncodingOption::NoEncoding)] {
            let request = asked(&id, specification(&by, Some(BlockCipherMode::Gcm), encoding, &[]));
            let wrapped = key_block(&mut client, version, request);
            let data = wrapped.key_wrapping_data.clone().unwrap();
            let nonce = data.iv_counter_nonce.clone().unwrap();
            assert_eq!(nonce.len(), 12);
            assert!(!nonces.contains(&nonce), "a nonce came twice");
            nonces.push(nonce);
            let Some(KeyValue::Wrapped(bytes)) = &wrapped.key_value else { panic!("in the plain") };
            assert!(encoding.is_none() || bytes.len() == SECRET.len() + 16, "the tag stands behind");
            let (mut torn, mut bare) = (bytes.clone(), data.clone());
            *torn.last_mut().unwrap() ^= 1;
            let torn =
                KeyBlock { key_value: Some(KeyValue::Wrapped(torn)), ..block_of(&wrapped, data.clone()) };
            let refused = client.refused(version, registration(torn, Vec::new()));
            assert_eq!(refused, ResultReason::CryptographicFailure);
            bare.iv_counter_nonce = None;
            let bare = block_of(&wrapped, bare);
            let bare = KeyBlock { key_value: Some(KeyValue::Wrapped(bytes.clone())), ..bare };
            assert_eq!(client.refused(version, registration(bare, Vec::new())), ResultReason::InvalidMessage);
            let again = register(&mut client, version, registration(wrapped, Vec::new()));
            assert_eq!(material(&plain(&mut client, version, &again)), SECRET);
        }
    }
    // A key that may decrypt would unwrap by that.
    let both = wrapping_key(&mut client, wraps() | CryptographicUsageMask::DECRYPT, &[]);
    let id = register(&mut client, Version::V1_4, registration(block(&SECRET, None), Vec::new()));
    let request = asked(&id, specification(&both, Some(BlockCipherMode::Gcm), None, &[]));
    assert_eq!(client.refused(Version::V1_4, request), ResultReason::PermissionDenied);
}

/// A block like this one, without its value.
fn block_of(like: &KeyBlock, key_wrapping_data: keyreeve_kmip::objects::KeyWrappingData) -> KeyBlock {
    KeyBlock {
        key_format_type: like.key_format_type,
        key_compression_type: None,
        key_value: None,
        cryptographic_algorithm: like.cryptographic_algorithm,
        cryptographic_length: like.cryptographic_length,
        key_wrapping_data: Some(key_wrapping_data),
    }
}

#[test]
fn a_wrapping_key_wraps_as_its_own_parameters_say_where_the_request_names_none() {
    let server = Server::start();
    let mut client = server.connect();
    let modes = [BlockCipherMode::Gcm, BlockCipherMode::NistKeyWrap];
    let by = wrapping_key(&mut client, wraps(), &modes);
    let (version, bare) = (Version::V1_4, Some(EncodingOption::NoEncoding));
    let id = register(&mut client, version, registration(block(&SECRET, None), Vec::new()));
    for (mode, is_gcm) in [(None, true), (Some(modes[0]), true), (Some(modes[1]), false)] {
        let request = asked(&id, specification(&by, mode, bare, &[]));
        let wrapped = key_block(&mut client, version, request);
        let data = wrapped.key_wrapping_data.as_ref().unwrap();
        assert_eq!(data.iv_counter_nonce.is_some(), is_gcm, "{mode:?}");
        // And is unwrapped so.
        let again = register(&mut client, version, registration(wrapped, Vec::new()));
        assert_eq!(material(&plain(&mut client, version, &again)), SECRET);
    }
}

#[test]
fn what_came_wrapped_leads_to_the_key_that_wrapped_it() {
    let server = Server::start();
    let mut client = server.connect();
    let version = Version::V2_1;
    let by = wrapping_key(&mut client, wraps(), &[]);
    let id = register(&mut client, version, registration(block(&SECRET, None), Vec::new()));
    let links = |client: &mut Client, version, id: &UniqueIdentifier| {
        values(client, version, id, AttributeKind::Link)
    };
    assert!(links(&mut client, version, &id).is_empty());
    let leads = Link { link_type: LinkType::WrappingKeyLink, linked_object_identifier: by.clone() };
    let mode = Some(BlockCipherMode::NistKeyWrap);
    let request = || asked(&id, specification(&by, mode, None, &[]));
    let wrapped = key_block(&mut client, version, request());
    let second = register(&mut client, version, registration(wrapped, Vec::new()));
    assert_eq!(links(&mut client, version, &second), [AttributeValue::Link(leads.clone())]);
    // 1.4 has no such link.
    assert!(links(&mut client, Version::V1_4, &second).is_empty());
    for key_wrap_type in [None, Some(KeyWrapType::NotWrapped), Some(KeyWrapType::AsRegistered)] {
        let chosen = UniqueIdentifier::Text(format!("imported {key_wrap_type:?}"));
        let request = ImportRequest {
            unique_identifier: chosen.clone(),
            object_type: Some(ObjectType::SymmetricKey),
            replace_existing: None,
            key_wrap_type,
            attributes: Attributes(Vec::new()),
            object: SymmetricKey { key_block: key_block(&mut client, version, request()) }.into(),
        };
        client.done(version, request);
        assert_eq!(links(&mut client, version, &chosen), [AttributeValue::Link(leads.clone())]);
    }
}

#[test]
fn the_wrapping_key_has_reasons_of_its_own() {
    let server = Server::start();
    let mut client = server.connect();
    let version = Version::V2_1;
    let id = register(&mut client, version, registration(block(&SECRET, None), Vec::new()));
    let nobody = UniqueIdentifier::Text("a key that was never here".into());
    let request = asked(&id, specification(&nobody, None, None, &[]));
    assert_eq!(client.refused(version, request), ResultReason::WrappingObjectNotFound);
    let by = wrapping_key(&mut client, wraps(), &[]);
    let request = asked(&nobody, specification(&by, None, None, &[]));
    assert_eq!(client.refused(version, request), ResultReason::ObjectNotFound);
}
