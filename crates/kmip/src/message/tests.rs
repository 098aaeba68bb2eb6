//! Messages: every payload at every version, errors item by item, and bytes that are no message.

use super::*;
use crate::attributes::AttributeKind;
use crate::enums::{ObjectType, Operation, ResultReason};
use crate::objects;
use crate::payloads::{OPERATIONS, Request, Response, get, register};
use crate::schema::Sample;
use crate::ttlv::Encoding;
use crate::ttlv::binary::{self, Limits};
use crate::values::{DateTime, UniqueIdentifier};

/// Asserts that nothing in the tree is newer than the version, or dropped by it.
fn assert_only_of(version: Version, node: &Node) {
    assert!(node.tag.is_defined_in(version), "{} at {version}", node.tag);
    match &node.value {
        Value::Structure(nodes) => nodes.iter().for_each(|node| assert_only_of(version, node)),
        Value::TextString(name) if node.tag == Tag::ATTRIBUTE_NAME => {
            let kind = AttributeKind::from_name(name);
            assert!(kind.is_none_or(|kind| kind.is_defined_in(version)), "{name} at {version}");
        }
        Value::Enumeration(code) if node.tag == Tag::ATTRIBUTE_REFERENCE => {
            assert!(Tag(*code).is_defined_in(version), "{} at {version}", Tag(*code));
        }
        Value::Enumeration(code) if node.tag == Tag::RESULT_REASON => {
            assert!(ResultReason::from(*code).since() <= version);
        }
        _ => {}
    }
}

fn assert_request_holds(request: RequestMessage) {
    let version = request.version;
    let bytes = request.encode().unwrap();
    assert_only_of(version, &binary::decode(bytes.expose(), &Limits::default()).unwrap());
    for encoding in [Encoding::Xml, Encoding::Json] {
        let text = encoding.translate(bytes.expose().to_vec().into()).unwrap();
        let decoded = RequestMessage::decode_from(encoding, text.expose(), &Limits::default()).unwrap();
        assert_eq!(decoded.encode().unwrap().expose(), bytes.expose(), "{encoding:?} at {version}");
    }
    let decoded = RequestMessage::decode(bytes.expose(), &Limits::default()).unwrap();
    for item in &decoded.items {
        if let Err(error) = &item.payload {
            panic!("{} at {version}: {error}", item.operation);
        }
    }
    assert_eq!(
        decoded.encode().unwrap().expose(),
        bytes.expose(),
        "{} at {version}",
        decoded.items[0].operation
    );
}

fn assert_response_holds(response: ResponseMessage) {
    let version = response.version;
    let bytes = response.encode().unwrap();
    assert_only_of(version, &binary::decode(bytes.expose(), &Limits::default()).unwrap());
    for encoding in [Encoding::Xml, Encoding::Json] {
        let text = encoding.translate(bytes.expose().to_vec().into()).unwrap();
        let decoded = ResponseMessage::decode_from(encoding, text.expose(), &Limits::default()).unwrap();
        assert_eq!(decoded.encode().unwrap().expose(), bytes.expose(), "{encoding:?} at {version}");
    }
    let decoded = ResponseMessage::decode(bytes.expose(), &Limits::default()).unwrap();
    assert_eq!(decoded.encode().unwrap().expose(), bytes.expose(), "at {version}");
}

fn request(version: Version, payload: Request) -> RequestMessage {
    RequestMessage::new(version, vec![RequestItem::new(payload)])
}

fn response(version: Version, payload: Response) -> ResponseMessage {
    ResponseMessage::new(version, DateTime(1), vec![ResponseItem::success(payload)])
}

#[test]
fn every_payload_with_every_field_holds_at_every_version() {
    for version in Version::ALL {
        for payload in Request::samples().into_iter().filter(|payload| payload.operation().since() <= version)
        {
            assert_request_holds(request(version, payload));
        }
        for payload in
            Response::samples().into_iter().filter(|payload| payload.operation().since() <= version)
        {
            assert_response_holds(response(version, payload));
        }
    }
    assert_eq!(Request::samples().len(), OPERATIONS.len());
}

#[test]
fn words_for_data_hold_since_2_0_and_are_refused_before() {
    use crate::enums::DataReference;
    use crate::payloads::sign::SignRequest;
    use crate::values::Data;
    for data in [|| Data::Index(-1), || Data::Reference(DataReference::MacData)] {
        let of =
            |version| request(version, SignRequest { data: Some(data()), ..SignRequest::default() }.into());
        assert_request_holds(of(Version::V2_0));
        assert_request_holds(of(Version::V2_1));
        let bytes = of(Version::V1_4).encode().unwrap();
        let read = RequestMessage::decode(bytes.expose(), &Limits::default()).unwrap();
        assert!(read.items[0].payload.is_err());
    }
}

#[test]
fn every_header_with_every_field_holds_at_every_version() {
    for version in Version::ALL {
        let mut asked = request(version, get::GetRequest::default().into());
        asked.header = Sample::sample();
        asked.header.authentication = Some(Authentication { credentials: credential::samples() });
        let known = version >= Version::V2_0;
        if !known {
            asked.header.authentication.as_mut().unwrap().credentials.truncate(1);
        }
        asked.items[0].ephemeral = Some(true);
        asked.items[0].unique_batch_item_id = Some(vec![1]);
        asked.items[0].message_extensions = Sample::sample();
        assert_request_holds(asked);

        let failure = ResponseItem {
            unique_batch_item_id: Some(vec![1]),
            asynchronous_correlation_value: Some(vec![2]),
            ..ResponseItem::failure(Some(Operation::Get), ResultReason::ObjectDestroyed, "gone")
        };
        let mut answered = ResponseMessage::new(version, DateTime(1), vec![failure]);
        answered.header = Sample::sample();
        assert_response_holds(answered);
    }
}

#[test]
fn every_object_holds_at_every_version_that_has_it() {
    for version in Version::ALL {
        for object in objects::samples() {
            let object_type = object.object_type();
            let gone = object_type == ObjectType::Template && version >= Version::V2_0;
            let payload = get::GetResponse { object_type, unique_identifier: "1".into(), object };
            let bytes = response(version, payload.into()).encode().unwrap();
            assert_only_of(version, &binary::decode(bytes.expose(), &Limits::default()).unwrap());
            let decoded = ResponseMessage::decode(bytes.expose(), &Limits::default());
            if gone || object_type.since() > version {
                assert_eq!(
                    decoded.err().unwrap().to_string(),
                    "ResponseMessage/BatchItem[0]/ResponsePayload: the object is missing"
                );
            } else {
                assert_eq!(decoded.unwrap().encode().unwrap().expose(), bytes.expose());
            }
        }
    }
}

#[test]
fn a_wrapped_key_value_comes_back_through_its_own_encoding() {
    let plain: objects::PlainKeyValue = Sample::sample();
    for version in Version::ALL {
        let bytes = plain.to_ttlv(version).unwrap();
        let back = objects::PlainKeyValue::from_ttlv(bytes.expose(), version, &Limits::default()).unwrap();
        assert_eq!(back.to_ttlv(version).unwrap().expose(), bytes.expose());
    }
}

/// The request message of `items`, each an operation and the fields of its payload.
fn raw(version: ProtocolVersion, count: i32, items: Vec<Vec<Node>>) -> Vec<u8> {
    let structure = |tag, nodes| Node::new(tag, Value::Structure(nodes));
    let number = |tag, number| Node::new(tag, Value::Integer(number));
    let header = structure(
        Tag::REQUEST_HEADER,
        vec![
            structure(
                Tag::PROTOCOL_VERSION,
                vec![
                    number(Tag::PROTOCOL_VERSION_MAJOR, version.major),
                    number(Tag::PROTOCOL_VERSION_MINOR, version.minor),
                ],
            ),
            Node::new(Tag::CLIENT_CORRELATION_VALUE, Value::TextString("me".into())),
            number(Tag::BATCH_COUNT, count),
        ],
    );
    let items = items.into_iter().map(|nodes| structure(Tag::BATCH_ITEM, nodes));
    let message = structure(Tag::REQUEST_MESSAGE, [header].into_iter().chain(items).collect());
    binary::encode(&message).unwrap().into_vec()
}

fn item(operation: u32, id: &[u8], payload: Vec<Node>) -> Vec<Node> {
    vec![
        Node::new(Tag::OPERATION, Value::Enumeration(operation)),
        Node::new(Tag::UNIQUE_BATCH_ITEM_ID, Value::ByteString(id.to_vec())),
        Node::new(Tag::REQUEST_PAYLOAD, Value::Structure(payload)),
    ]
}

const V1_2: ProtocolVersion = ProtocolVersion { major: 1, minor: 2 };

#[test]
fn a_bad_payload_fails_its_item_alone() {
    let bad = vec![Node::new(Tag::UNIQUE_IDENTIFIER, Value::Boolean(true))];
    let good = vec![
        Node::new(Tag(0x54_0001), Value::Integer(1)),
        Node::new(Tag::UNIQUE_IDENTIFIER, Value::TextString("1".into())),
    ];
    let nameless = item(0x0A, b"", vec![]).into_iter().filter(|node| node.tag != Tag::UNIQUE_BATCH_ITEM_ID);
    let items = vec![
        item(0x0A, b"1", bad),
        item(0x0A, b"2", good),
        item(0x7F, b"3", vec![Node::new(Tag::SPLIT_KEY_PARTS, Value::Integer(3))]),
        nameless.collect(),
    ];
    let message = RequestMessage::decode(&raw(V1_2, 4, items), &Limits::default()).unwrap();
    let errors: Vec<_> = message.items.iter().map(|item| item.payload.as_ref().err()).collect();
    assert_eq!(
        errors[0].unwrap().to_string(),
        "RequestPayload/UniqueIdentifier: expected TextString, Enumeration or Integer, got Boolean"
    );
    assert_eq!(errors[0].unwrap().result_reason(), ResultReason::InvalidField);
    assert_eq!(message.items[0].unique_batch_item_id.as_deref(), Some(&b"1"[..]));
    let Ok(Request::Get(get)) = &message.items[1].payload else { panic!("unknown fields are passed over") };
    assert_eq!(get.unique_identifier, Some(UniqueIdentifier::from("1")));
    let Ok(Request::Unknown { operation, payload }) = &message.items[2].payload else { panic!("not kept") };
    assert_eq!(*operation, Operation::Unnamed(0x7F));
    assert_eq!(*payload, Value::Structure(vec![Node::new(Tag::SPLIT_KEY_PARTS, Value::Integer(3))]));
    assert_eq!(errors[3].unwrap().to_string(), "UniqueBatchItemID: is required and missing");
}

#[test]
fn a_rejected_request_still_tells_how_to_answer() {
    let rejected = |bytes: &[u8]| *RequestMessage::decode(bytes, &Limits::default()).err().unwrap();

    let newer = rejected(&raw(ProtocolVersion { major: 3, minor: 0 }, 0, vec![]));
    assert_eq!(newer.version, Version::V2_1);
    assert_eq!(*newer.error.fault(), Fault::UnsupportedVersion(ProtocolVersion { major: 3, minor: 0 }));
    assert_eq!(newer.error.result_reason(), ResultReason::UnsupportedProtocolVersion);
    assert_eq!(newer.client_correlation_value.as_deref(), Some("me"));
    assert_eq!(Version::nearest(ProtocolVersion { major: 1, minor: 9 }), Version::V1_4);
    assert_eq!(Version::nearest(ProtocolVersion { major: 0, minor: 9 }), Version::V1_0);

    let miscounted = rejected(&raw(V1_2, 2, vec![item(0x0A, b"1", vec![])]));
    assert_eq!(
        miscounted.error.to_string(),
        "RequestMessage: BatchCount says 2, the message holds 1 batch items"
    );
    assert_eq!(miscounted.version, Version::V1_2);
    assert_eq!(miscounted.client_correlation_value.as_deref(), Some("me"));

    let text = vec![Node::new(Tag::UNIQUE_IDENTIFIER, Value::TextString("id".into()))];
    let mut broken = raw(V1_2, 1, vec![item(0x0A, b"1", text)]);
    let last = broken.len() - 8;
    broken[last] = 0xFF;
    let broken = rejected(&broken);
    assert_eq!(
        broken.error.to_string(),
        "RequestMessage/BatchItem/RequestPayload/UniqueIdentifier: text is not UTF-8"
    );
    assert_eq!((broken.version, broken.client_correlation_value.as_deref()), (Version::V1_2, Some("me")));

    let text = r#"<RequestMessage><RequestHeader><ProtocolVersion><ProtocolVersionMajor type="Integer" value="1"/>
        <ProtocolVersionMinor type="Integer" value="2"/></ProtocolVersion>
        <ClientCorrelationValue type="TextString" value="me"/>
        <BatchCount type="Integer" value="1"/></RequestHeader>
        <BatchItem><Operation type="Enumeration" value="Levitate"/></BatchItem></RequestMessage>"#;
    let named = RequestMessage::decode_from(Encoding::Xml, text.as_bytes(), &Limits::default());
    let named = named.unwrap_or_else(|rejected| panic!("the whole message fails: {rejected}"));
    let unknown = named.items[0].payload.as_ref().err().unwrap();
    assert_eq!(unknown.to_string(), "Operation: this names no operation");
    assert_eq!(unknown.result_reason(), ResultReason::OperationNotSupported);

    assert_eq!(rejected(b"GET / HTTP/1.1\r\n\r\n").version, Version::V1_0);
}

#[test]
fn a_field_given_twice_is_refused() {
    let twice = vec![Node::new(Tag::UNIQUE_IDENTIFIER, Value::TextString("1".into())); 2];
    let message =
        RequestMessage::decode(&raw(V1_2, 1, vec![item(0x14, b"1", twice)]), &Limits::default()).unwrap();
    let error = message.items[0].payload.as_ref().err().unwrap();
    assert_eq!(error.to_string(), "RequestPayload/UniqueIdentifier: is given more than once");
    assert_eq!(error.result_reason(), ResultReason::InvalidMessage);
}

#[test]
fn no_truncation_or_mutation_panics() {
    let key = register::RegisterRequest::sample();
    let rich = request(Version::V1_4, key.into()).encode().unwrap().into_vec();
    let plain = request(Version::V2_1, get::GetRequest::sample().into()).encode().unwrap().into_vec();
    let limits = Limits::default();
    for length in 0..rich.len() {
        assert!(RequestMessage::decode(&rich[..length], &limits).is_err());
    }
    for message in [&plain, &rich[..1024.min(rich.len())].to_vec()] {
        let mut mutated = message.clone();
        for position in 0..mutated.len() {
            for bit in 0..8 {
                mutated[position] ^= 1 << bit;
                if let Ok(decoded) = RequestMessage::decode(&mutated, &limits) {
                    let _ = decoded.encode();
                }
                let _ = ResponseMessage::decode(&mutated, &limits);
                mutated[position] ^= 1 << bit;
            }
        }
    }
}

#[test]
fn a_name_that_means_nothing_fails_its_item_alone() {
    let item = |number: u8, function: &str| {
        format!(
            r#"<BatchItem><Operation type="Enumeration" value="Query"/>
            <UniqueBatchItemID type="ByteString" value="0{number}"/><RequestPayload>
            <QueryFunction type="Enumeration" value="{function}"/></RequestPayload></BatchItem>"#
        )
    };
    let text = format!(
        r#"<RequestMessage><RequestHeader><ProtocolVersion><ProtocolVersionMajor type="Integer" value="1"/>
        <ProtocolVersionMinor type="Integer" value="2"/></ProtocolVersion>
        <BatchCount type="Integer" value="2"/></RequestHeader>{}{}</RequestMessage>"#,
        item(1, "QueryNothing"),
        item(2, "QueryObjects"),
    );
    let message = RequestMessage::decode_from(Encoding::Xml, text.as_bytes(), &Limits::default());
    let message = message.map_err(|rejected| rejected.error.to_string()).unwrap();
    let [nothing, objects] = &message.items[..] else { panic!("{} items", message.items.len()) };
    let error = nothing.payload.as_ref().err().unwrap().to_string();
    assert!(error.ends_with("QueryFunction[0]: this names no value of the enumeration"), "{error}");
    assert!(objects.payload.is_ok());
}
