//! The front-ends as wholes, over a house that keeps what it is given: requests of an administrator, from bytes to answer.
//! What an input finds there is up to those before it, so it is a new house now and then.

use std::cell::RefCell;

use keyreeve_core::Error;
use keyreeve_kmip::attributes::{AttributeValue, Attributes, Link, Name, TemplateAttribute};
use keyreeve_kmip::enums::{
    CertificateType, CryptographicAlgorithm, KeyFormatType, LinkType, NameType, ResultStatus,
};
use keyreeve_kmip::message::{RequestItem, RequestMessage, ResponseItem, ResponseMessage};
use keyreeve_kmip::objects::{
    Certificate, KeyBlock, KeyMaterial, KeyValue, ManagedObject, PlainKeyValue, PrivateKey,
};
use keyreeve_kmip::payloads::Response;
use keyreeve_kmip::payloads::register::RegisterRequest;
use keyreeve_kmip::values::{CryptographicUsageMask, DateTime, UniqueIdentifier};
use keyreeve_kmip::{Encoding, Limits, Version};
use keyreeve_pki::{CertificateAuthority, Issued};

use crate::house::{Answer, House};

/// Requests that one house takes.
const REQUESTS_MAX: u32 = 500;

/// What a house holds: `METHOD PATH` and body.
const HOLDINGS: &[(&str, &str)] = &[
    ("/v1/keys", r#"{"name":"aes","algorithm":"aes-256","exportable":true,"sensitive":false}"#),
    ("/v1/keys", r#"{"name":"kek","algorithm":"aes-256","usage":["wrap","unwrap"]}"#),
    ("/v1/keys", r#"{"name":"mac","algorithm":"hmac-sha256","usage_limits":{"total":100,"unit":"uses"}}"#),
    ("/v1/keys", r#"{"name":"ec","algorithm":"ec-p256","exportable":true,"sensitive":false}"#),
    ("/v1/keys", r#"{"name":"kem","algorithm":"x25519"}"#),
    ("/v1/keys", r#"{"name":"later","algorithm":"aes-128","active":false}"#),
    ("/v1/objects", r#"{"type":"secret","name":"note","data":"c2VjcmV0"}"#),
];

/// Paths that inputs may ask: no others, since `/v1/backups` and `/v1/doctor` reach what is not in memory, and a feed of
/// `/v1/journal` does not end.
const PATHS: &[&str] = &[
    "/v1/keys",
    "/v1/objects",
    "/v1/aliases",
    "/v1/erasures",
    "/v1/batch",
    "/v1/random",
    "/v1/tokens",
    "/v1/status",
    "/v1/clients",
    "/v1/journal/verify",
    "/v1/reload",
    "/v1/root",
    "/v1/wrapping-key",
    "/v1/places",
    "/v1/targets",
    "/v1/cells",
];

thread_local! {
    static HOUSE: RefCell<Option<(House, u32)>> = const { RefCell::new(None) };
}

/// Lets the next input find a new house.
pub fn forget_house() {
    HOUSE.take();
}

fn with_house<T>(ask: impl FnOnce(&House) -> T) -> T {
    HOUSE.with_borrow_mut(|slot| {
        slot.take_if(|(_, requests)| *requests >= REQUESTS_MAX);
        let (house, requests) = slot.get_or_insert_with(|| (furnished(), 0));
        *requests += 1;
        ask(house)
    })
}

/// A house that holds what inputs name.
///
/// # Panics
/// Where it cannot be made.
pub fn furnished() -> House {
    let house = House::new();
    for (path, body) in HOLDINGS {
        let answer = house.rest("POST", path, Some("application/json"), body.as_bytes());
        let Answer { status, body } = answer.expect("a request");
        assert_eq!(status, 201, "{}", String::from_utf8_lossy(&body));
    }
    bring_issuer(&house);
    house
}

/// The private key that Certify signs with, and its certificate.
fn bring_issuer(house: &House) {
    let Issued { certificate, key } = CertificateAuthority::create(1_700_000_000).expect("an authority");
    let certificate =
        Certificate { certificate_type: CertificateType::X509, certificate_value: certificate.to_vec() };
    let certificate = registered(house, certificate.into(), Vec::new());
    let link = Link { link_type: LinkType::CertificateLink, linked_object_identifier: certificate };
    let name = Name { name_value: "issuer".into(), name_type: NameType::UninterpretedTextString };
    let material = KeyMaterial::Bytes(key.pkcs8_der().to_vec().into());
    let key_block = KeyBlock {
        key_format_type: KeyFormatType::Pkcs8,
        key_compression_type: None,
        key_value: Some(KeyValue::Plain(PlainKeyValue { key_material: material, attributes: None })),
        cryptographic_algorithm: Some(CryptographicAlgorithm::Ec),
        cryptographic_length: Some(256),
        key_wrapping_data: None,
    };
    let attributes = vec![
        AttributeValue::CryptographicUsageMask(CryptographicUsageMask::CERTIFICATE_SIGN),
        AttributeValue::Name(name),
        AttributeValue::ActivationDate(DateTime(1)),
        AttributeValue::Link(link),
    ];
    registered(house, PrivateKey { key_block }.into(), attributes);
}

fn registered(house: &House, object: ManagedObject, attributes: Vec<AttributeValue>) -> UniqueIdentifier {
    let request = RegisterRequest {
        object_type: object.object_type(),
        template_attribute: TemplateAttribute::from(attributes.into_iter().collect::<Attributes>()),
        object,
        protection_storage_masks: None,
    };
    let request = RequestMessage::new(Version::V2_1, vec![RequestItem::new(request.into())]);
    let answer = house.kmip(Encoding::Ttlv, request.encode().expect("encodes").expose());
    let mut answer = ResponseMessage::decode(&answer, &Limits::default()).expect("an answer");
    let item = answer.items.remove(0);
    let Some(Response::Register(registered)) = item.payload else { panic!("{:?}", item.result_message) };
    registered.unique_identifier
}

/// A request of REST: `METHOD PATH`, the content type on the next line, and the body behind that. Taken where it succeeds;
/// the house must not be at a loss.
pub(super) fn rest(bytes: &[u8]) -> bool {
    let mut parts = bytes.splitn(3, |byte| *byte == b'\n');
    let mut line = || std::str::from_utf8(parts.next()?).ok();
    let (Some(head), Some(kind)) = (line(), line()) else { return false };
    let body = parts.next().unwrap_or_default();
    let Some((method, path)) = head.split_once(' ') else { return false };
    if !PATHS.iter().any(|known| path.starts_with(known)) {
        return false;
    }
    let kind = Some(kind).filter(|kind| !kind.is_empty());
    let Some(answer) = with_house(|house| house.rest(method, path, kind, body)) else { return false };
    assert_ne!(answer.status, 500, "{}", String::from_utf8_lossy(&answer.body));
    (200..300).contains(&answer.status)
}

/// A request of KMIP in the encoding that its first byte tells, whose answer can be read, and in which the house is not at a loss:
/// a panic of an operation, which runs on a thread of its own, shows only there. Taken where all of its items succeed.
pub(super) fn kmip(bytes: &[u8]) -> bool {
    let encoding = match bytes.first() {
        Some(b'<') => Encoding::Xml,
        Some(b'{') => Encoding::Json,
        _ => Encoding::Ttlv,
    };
    let answer = with_house(|house| house.kmip(encoding, bytes));
    let answer = ResponseMessage::decode_from(encoding, &answer, &Limits::default()).expect("an answer");
    // Not by the reason: older versions have none for it but General Failure.
    let loss = Error::internal("").public().to_owned();
    let is_loss = |item: &ResponseItem| item.result_message.as_ref() == Some(&loss);
    assert!(!answer.items.iter().any(is_loss), "an item was answered by {loss:?}");
    answer.items.iter().all(|item| item.result_status == ResultStatus::Success)
}
