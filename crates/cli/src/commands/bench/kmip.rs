//! KMIP messages of a bench, and what of an answer is looked at: a walk over its items, and of the first answer of each
//! connection everything. Not here: connections.

use std::io;

use keyreeve_kmip::attributes::{AttributeValue, Attributes, Name, TemplateAttribute};
use keyreeve_kmip::enums::{NameType, ObjectType, ResultStatus};
use keyreeve_kmip::message::{RequestItem, RequestMessage, ResponseMessage};
use keyreeve_kmip::payloads::create::CreateRequest;
use keyreeve_kmip::payloads::create_key_pair::CreateKeyPairRequest;
use keyreeve_kmip::payloads::decrypt::DecryptRequest;
use keyreeve_kmip::payloads::destroy::DestroyRequest;
use keyreeve_kmip::payloads::encrypt::{EncryptRequest, EncryptResponse};
use keyreeve_kmip::payloads::get::GetRequest;
use keyreeve_kmip::payloads::locate::LocateRequest;
use keyreeve_kmip::payloads::sign::SignRequest;
use keyreeve_kmip::payloads::{Request, Response};
use keyreeve_kmip::ttlv::binary::{HEADER_BYTES, message_bytes};
use keyreeve_kmip::values::{CryptographicUsageMask, UniqueIdentifier};
use keyreeve_kmip::{Limits, Tag, Version};

use super::kinds::{self, Kind};
use super::plan::{COUNTER_DIGITS, Operation, Plan, Protocol, Seen};

const VERSION: Version = Version::V2_1;
/// What names the objects in an answer.
const IDENTIFIERS: &[Tag] =
    &[Tag::UNIQUE_IDENTIFIER, Tag::PRIVATE_KEY_UNIQUE_IDENTIFIER, Tag::PUBLIC_KEY_UNIQUE_IDENTIFIER];

/// What the requests are about.
pub(super) struct Subject<'a> {
    /// The object's identifier; of a pair, the private half's.
    pub(super) object: &'a str,
    /// The identifier of a pair's public half, which encrypts.
    pub(super) public: Option<&'a str>,
    /// The key's name.
    pub(super) key: &'a str,
    /// The names of new keys begin with this.
    pub(super) prefix: &'a str,
    /// The algorithm of the key, and of new ones.
    pub(super) algorithm: &'a str,
    /// What is encrypted or signed.
    pub(super) data: &'a [u8],
    /// What Encrypt gave, where it is decrypted again.
    pub(super) encrypted: Option<&'a EncryptResponse>,
    /// Items of a message.
    pub(super) batch: u32,
}

/// The plan of an operation.
///
/// # Errors
/// The algorithm cannot be had so.
pub(super) fn plan(operation: Operation, subject: &Subject<'_>) -> Result<Plan, String> {
    let items: Result<_, String> =
        (0..subject.batch).map(|_| payload(operation, subject).map(RequestItem::new)).collect();
    let request = encoded(items?)?;
    let mut plan = Plan::new(Protocol::Kmip, request, subject.prefix, subject.batch);
    plan.collects = operation == Operation::Create;
    Ok(plan)
}

/// A message that destroys these objects, a batch of them.
///
/// # Errors
/// It cannot be encoded.
pub(super) fn destroy(objects: &[String]) -> Result<Vec<u8>, String> {
    let payload = |object: &String| DestroyRequest { unique_identifier: Some(object.as_str().into()) };
    encoded(objects.iter().map(|object| RequestItem::new(payload(object).into())).collect())
}

/// What an answer to a single Encrypt holds.
///
/// # Errors
/// It holds no ciphertext.
pub(super) fn encrypted(answer: &[u8]) -> Result<EncryptResponse, String> {
    let mut message = decoded(answer)?;
    match message.items.pop().and_then(|item| item.payload) {
        Some(Response::Encrypt(encrypted)) => Ok(encrypted),
        _ => Err("an answer without a ciphertext".into()),
    }
}

fn encoded(items: Vec<RequestItem>) -> Result<Vec<u8>, String> {
    let message = RequestMessage::new(VERSION, items).encode().map_err(|error| error.to_string())?;
    Ok(message.expose().to_vec())
}

fn payload(operation: Operation, subject: &Subject<'_>) -> Result<Request, String> {
    let object = Some(UniqueIdentifier::from(subject.object));
    Ok(match operation {
        Operation::Encrypt => EncryptRequest {
            unique_identifier: Some(subject.public.unwrap_or(subject.object).into()),
            cryptographic_parameters: kinds::cipher(subject.algorithm),
            data: Some(subject.data.to_vec().into()),
            ..EncryptRequest::default()
        }
        .into(),
        Operation::Decrypt => {
            let encrypted = subject.encrypted.ok_or("nothing was encrypted to be decrypted")?;
            DecryptRequest {
                unique_identifier: object,
                cryptographic_parameters: kinds::cipher(subject.algorithm),
                data: encrypted.data.clone().map(Into::into),
                iv_counter_nonce: encrypted.iv_counter_nonce.clone(),
                authenticated_encryption_tag: encrypted.authenticated_encryption_tag.clone(),
                ..DecryptRequest::default()
            }
            .into()
        }
        Operation::Sign => SignRequest {
            unique_identifier: object,
            cryptographic_parameters: kinds::signature(subject.algorithm),
            data: Some(subject.data.to_vec().into()),
            ..SignRequest::default()
        }
        .into(),
        Operation::Get => GetRequest { unique_identifier: object, ..GetRequest::default() }.into(),
        Operation::Locate => {
            let name = [AttributeValue::Name(named(subject.key.to_owned()))];
            let attributes = Some(name.into_iter().collect());
            LocateRequest { attributes, ..LocateRequest::default() }.into()
        }
        Operation::Create => create(subject)?,
    })
}

fn create(subject: &Subject<'_>) -> Result<Request, String> {
    let kind = Kind::named(subject.algorithm)?;
    let name = AttributeValue::Name(named(format!("{}{}", subject.prefix, "0".repeat(COUNTER_DIGITS))));
    let template = |attributes: Vec<AttributeValue>| {
        TemplateAttribute::from(attributes.into_iter().collect::<Attributes>())
    };
    let usage = |usage: CryptographicUsageMask| AttributeValue::CryptographicUsageMask(usage);
    Ok(match kind.usages() {
        (own, None) => {
            let attributes = [kind.attributes(), vec![usage(own), name]].concat();
            CreateRequest {
                object_type: ObjectType::SymmetricKey,
                template_attribute: template(attributes),
                protection_storage_masks: None,
            }
            .into()
        }
        (private, Some(public)) => CreateKeyPairRequest {
            common_template_attribute: Some(template(kind.attributes())),
            private_key_template_attribute: Some(template(vec![usage(private), name])),
            public_key_template_attribute: Some(template(vec![usage(public)])),
            ..CreateKeyPairRequest::default()
        }
        .into(),
    })
}

fn named(name: String) -> Name {
    Name { name_value: name, name_type: NameType::UninterpretedTextString }
}

/// The answer that the bytes begin with, once it is whole.
///
/// # Errors
/// They are no KMIP message.
pub(super) fn seen(bytes: &[u8]) -> io::Result<Option<Seen>> {
    let Some(header) = bytes.first_chunk::<HEADER_BYTES>() else { return Ok(None) };
    let length = message_bytes(header, &Limits::default()).map_err(io::Error::other)?;
    let Some(message) = bytes.get(..length) else { return Ok(None) };
    let failed = items(&message[HEADER_BYTES..])
        .filter(|(tag, _)| *tag == Tag::BATCH_ITEM)
        .filter(|(_, item)| !is_success(item))
        .count();
    Ok(Some(Seen { length, failed: failed as u32 }))
}

/// Decodes a whole answer.
///
/// # Errors
/// It cannot be decoded, or an item tells of a failure.
pub(super) fn look_at(answer: &[u8]) -> Result<(), String> {
    let failed = decoded(answer)?.items.into_iter().find(|item| item.result_status != ResultStatus::Success);
    match failed {
        Some(item) => Err(item.result_message.unwrap_or_else(|| format!("{:?}", item.result_reason))),
        None => Ok(()),
    }
}

/// The identifiers that a whole answer names; of a pair, the private half's first.
pub(super) fn identifiers(answer: &[u8]) -> Vec<String> {
    let within = |bytes: &[u8], wanted: &[Tag]| {
        let found = items(bytes).filter(|(tag, _)| wanted.contains(tag));
        found.map(|(_, value)| value.to_vec()).collect::<Vec<_>>()
    };
    let payloads = within(answer.get(HEADER_BYTES..).unwrap_or_default(), &[Tag::BATCH_ITEM])
        .into_iter()
        .flat_map(|item| within(&item, &[Tag::RESPONSE_PAYLOAD]));
    payloads
        .flat_map(|payload| within(&payload, IDENTIFIERS))
        .filter_map(|identifier| String::from_utf8(identifier).ok())
        .collect()
}

fn decoded(answer: &[u8]) -> Result<ResponseMessage, String> {
    ResponseMessage::decode(answer, &Limits::default()).map_err(|error| error.to_string())
}

fn is_success(item: &[u8]) -> bool {
    items(item).any(|(tag, value)| tag == Tag::RESULT_STATUS && value == [0; 4])
}

/// The items of a structure, tag and value; ends at what is none.
fn items(mut rest: &[u8]) -> impl Iterator<Item = (Tag, &[u8])> {
    std::iter::from_fn(move || {
        let ([a, b, c, _, length @ ..], behind) = rest.split_first_chunk::<HEADER_BYTES>()?;
        let length = u32::from_be_bytes(*length) as usize;
        let value = behind.get(..length)?;
        rest = behind.get(length.next_multiple_of(8)..)?;
        Some((Tag(u32::from_be_bytes([0, *a, *b, *c])), value))
    })
}

#[cfg(test)]
mod tests {
    use keyreeve_kmip::enums::ResultReason;
    use keyreeve_kmip::message::{ResponseHeader, ResponseItem};
    use keyreeve_kmip::payloads::locate::LocateResponse;
    use keyreeve_kmip::values::DateTime;

    use super::*;

    #[test]
    fn answers_are_told_apart() {
        let found =
            LocateResponse { located_items: None, unique_identifiers: vec!["one".into(), "number-2".into()] };
        let items = vec![
            ResponseItem::success(found.into()),
            ResponseItem::failure(None, ResultReason::ItemNotFound, "gone"),
        ];
        let header = ResponseHeader::new(DateTime(0));
        let message = ResponseMessage { version: VERSION, header, items }.encode().unwrap();
        let answer = message.expose();
        for end in 0..answer.len() {
            assert_eq!(seen(&answer[..end]).unwrap(), None);
        }
        let two = [answer, answer].concat();
        assert_eq!(seen(&two).unwrap(), Some(Seen { length: answer.len(), failed: 1 }));
        assert_eq!(identifiers(answer), ["one", "number-2"]);
        assert_eq!(look_at(answer), Err("gone".into()));
        assert!(seen(b"HTTP/1.1 400 Bad Request").is_err());
    }

    fn subject(algorithm: &str) -> Subject<'_> {
        Subject {
            object: "private",
            public: Some("public"),
            key: "",
            prefix: "run-",
            algorithm,
            data: &[],
            encrypted: None,
            batch: 3,
        }
    }

    #[test]
    fn a_batch_numbers_each_new_key() {
        for algorithm in ["aes-256", "rsa-2048", "x25519", "ml-dsa-65"] {
            let plan = plan(Operation::Create, &subject(algorithm)).unwrap();
            assert_eq!((plan.counters.len(), plan.operations, plan.collects), (3, 3, true), "{algorithm}");
        }
        assert!(plan(Operation::Create, &subject("rot13")).is_err());
    }

    #[test]
    fn the_public_half_encrypts_and_the_private_one_signs() {
        let asked = |operation| plan(operation, &subject("rsa-2048")).unwrap().request;
        let names = |request: &[u8], id: &[u8]| request.windows(id.len()).any(|window| window == id);
        let (encrypt, sign) = (asked(Operation::Encrypt), asked(Operation::Sign));
        assert!(names(&encrypt, b"public") && !names(&encrypt, b"private"));
        assert!(names(&sign, b"private") && !names(&sign, b"public"));
    }
}
