//! What products in the field send and rely on, beyond what the standard says; docs/kmip.md lists it. The requests are
//! written out, so that no type of ours stands between.

use std::fmt::Write as _;
use std::sync::Arc;

use keyreeve_kmip::ttlv::{Node, Value};
use keyreeve_kmip::{Encoding, Limits, ProtocolVersion, Tag, Version};
use rustls::HandshakeKind;

use crate::harness::{Client, Server};

const ONE_X: [Version; 5] = [Version::V1_0, Version::V1_1, Version::V1_2, Version::V1_3, Version::V1_4];

/// One item of a request: an operation and its payload in XML.
type Item<'a> = (&'a str, String);

/// Sends a message with these items and nothing in its header that need not be there.
fn exchange(client: &mut Client, version: Version, items: &[Item<'_>]) -> Node {
    let protocol = ProtocolVersion::from(version);
    let mut text = format!(
        "<RequestMessage><RequestHeader><ProtocolVersion><ProtocolVersionMajor type=\"Integer\" value=\"{}\"/>\
         <ProtocolVersionMinor type=\"Integer\" value=\"{}\"/></ProtocolVersion>\
         <BatchCount type=\"Integer\" value=\"{}\"/></RequestHeader>",
        protocol.major,
        protocol.minor,
        items.len()
    );
    for (number, (operation, payload)) in items.iter().enumerate() {
        let id = match items.len() {
            1 => String::new(),
            _ => format!("<UniqueBatchItemID type=\"ByteString\" value=\"{number:02x}\"/>"),
        };
        let item = format!(
            "<BatchItem><Operation type=\"Enumeration\" value=\"{operation}\"/>{id}\
             <RequestPayload>{payload}</RequestPayload></BatchItem>"
        );
        text.push_str(&item);
    }
    text.push_str("</RequestMessage>");
    let request = Encoding::Xml.decode(text.as_bytes(), &Limits::default()).unwrap();
    client.send(Encoding::Ttlv.encode(&request).unwrap().expose());
    let answer = client.receive_bytes().expect("an answer");
    Encoding::Ttlv.decode(&answer, &Limits::default()).unwrap()
}

/// The payload that a single item is answered with; it must succeed.
fn done(client: &mut Client, version: Version, operation: &str, payload: impl Into<String>) -> Node {
    let answer = exchange(client, version, &[(operation, payload.into())]);
    let item = answer.child(Tag::BATCH_ITEM).unwrap();
    let status = item.child(Tag::RESULT_STATUS).unwrap();
    assert_eq!(status.value, Value::Enumeration(0), "{operation} at {version}: {}", xml(item));
    item.child(Tag::RESPONSE_PAYLOAD).unwrap().clone()
}

/// The reason for which a single item is refused.
fn refused(client: &mut Client, version: Version, operation: &str, payload: impl Into<String>) -> String {
    let answer = exchange(client, version, &[(operation, payload.into())]);
    let item = answer.child(Tag::BATCH_ITEM).unwrap();
    assert!(item.child(Tag::RESPONSE_PAYLOAD).is_none(), "{}", xml(item));
    let reason = xml(item.child(Tag::RESULT_REASON).unwrap());
    reason.split("value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

fn xml(node: &Node) -> String {
    String::from_utf8(Encoding::Xml.encode(node).unwrap().expose().to_vec()).unwrap()
}

fn text(node: &Node, tag: Tag) -> Vec<String> {
    let Value::Structure(nodes) = &node.value else { panic!("no structure") };
    let of_tag = nodes.iter().filter(|node| node.tag == tag);
    of_tag
        .map(|node| match &node.value {
            Value::TextString(text) => text.clone(),
            other => panic!("{other:?}"),
        })
        .collect()
}

fn identifier(node: &Node) -> String {
    text(node, Tag::UNIQUE_IDENTIFIER).remove(0)
}

fn id(identifier: &str) -> String {
    format!("<UniqueIdentifier type=\"TextString\" value=\"{identifier}\"/>")
}

fn attribute(name: &str, value_type: &str, value: &str) -> String {
    format!(
        "<Attribute><AttributeName type=\"TextString\" value=\"{name}\"/>\
         <AttributeValue type=\"{value_type}\" value=\"{value}\"/></Attribute>"
    )
}

fn name(name: &str) -> String {
    format!(
        "<Attribute><AttributeName type=\"TextString\" value=\"Name\"/><AttributeValue>\
         <NameValue type=\"TextString\" value=\"{name}\"/><NameType type=\"Enumeration\" value=\"1\"/>\
         </AttributeValue></Attribute>"
    )
}

/// Create of an AES-256 key with these attributes besides.
fn create(attributes: &str) -> String {
    format!(
        "<ObjectType type=\"Enumeration\" value=\"SymmetricKey\"/><TemplateAttribute>{}{}{}{attributes}</TemplateAttribute>",
        attribute("Cryptographic Algorithm", "Enumeration", "3"),
        attribute("Cryptographic Length", "Integer", "256"),
        attribute("Cryptographic Usage Mask", "Integer", "12"),
    )
}

/// Register of Secret Data as MongoDB's library sends it: a seed, opaque, for no use, without a name.
fn seed() -> String {
    format!(
        "<ObjectType type=\"Enumeration\" value=\"SecretData\"/><TemplateAttribute>{}</TemplateAttribute>\
         <SecretData><SecretDataType type=\"Enumeration\" value=\"Seed\"/><KeyBlock>\
         <KeyFormatType type=\"Enumeration\" value=\"Opaque\"/><KeyValue><KeyMaterial type=\"ByteString\" value=\"{}\"/>\
         </KeyValue></KeyBlock></SecretData>",
        attribute("Cryptographic Usage Mask", "Integer", "0"),
        "5e".repeat(96)
    )
}

#[test]
fn an_answer_bears_the_version_of_its_request_and_no_field_of_a_later_one() {
    let server = Server::start();
    let mut client = server.connect();
    for version in ONE_X {
        let answer = exchange(&mut client, version, &[("Query", String::new())]);
        let header = answer.child(Tag::RESPONSE_HEADER).unwrap();
        let protocol = ProtocolVersion::from(version);
        let told = header.child(Tag::PROTOCOL_VERSION).unwrap();
        assert_eq!(told.child(Tag::PROTOCOL_VERSION_MAJOR).unwrap().value, Value::Integer(protocol.major));
        assert_eq!(told.child(Tag::PROTOCOL_VERSION_MINOR).unwrap().value, Value::Integer(protocol.minor));
        let Value::Structure(fields) = &header.value else { panic!() };
        let mut fields: Vec<Tag> = fields.iter().map(|field| field.tag).collect();
        if version == Version::V1_4 {
            fields.retain(|tag| *tag != Tag::SERVER_CORRELATION_VALUE);
        }
        assert_eq!(fields, [Tag::PROTOCOL_VERSION, Tag::TIME_STAMP, Tag::BATCH_COUNT], "{version}");
    }
}

#[test]
fn a_seed_without_name_or_use_comes_in_and_goes_out_as_it_was() {
    let server = Server::start();
    let mut client = server.connect();
    for version in ONE_X {
        let registered = done(&mut client, version, "Register", seed());
        let Value::Structure(fields) = &registered.value else { panic!() };
        assert_eq!(fields.len(), 1, "more than the identifier: {}", xml(&registered));
        let key = identifier(&registered);
        done(&mut client, version, "Activate", id(&key));
        let gotten = done(&mut client, version, "Get", id(&key));
        let secret = gotten.child(Tag::SECRET_DATA).unwrap();
        assert_eq!(secret.child(Tag::SECRET_DATA_TYPE).unwrap().value, Value::Enumeration(2));
        let block = secret.child(Tag::KEY_BLOCK).unwrap();
        assert_eq!(block.child(Tag::KEY_FORMAT_TYPE).unwrap().value, Value::Enumeration(2));
        let Value::Structure(value) = &block.child(Tag::KEY_VALUE).unwrap().value else { panic!() };
        assert_eq!(value.len(), 1, "attributes that nobody asked for");
        assert_eq!(value[0].value, Value::ByteString(vec![0x5e; 96]));
    }
}

#[test]
fn a_public_key_needs_no_usage_mask() {
    let server = Server::start();
    let mut client = server.connect();
    let spki = "302a300506032b6570032100d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    let register = format!(
        "<ObjectType type=\"Enumeration\" value=\"PublicKey\"/><TemplateAttribute/>\
         <PublicKey><KeyBlock><KeyFormatType type=\"Enumeration\" value=\"X_509\"/>\
         <KeyValue><KeyMaterial type=\"ByteString\" value=\"{spki}\"/></KeyValue></KeyBlock></PublicKey>"
    );
    for version in ONE_X {
        let key = identifier(&done(&mut client, version, "Register", register.as_str()));
        let gotten = done(&mut client, version, "Get", id(&key));
        assert!(xml(&gotten).contains(spki), "{}", xml(&gotten));
    }
}

#[test]
fn locate_takes_its_filters_inside_a_template_attribute_too() {
    let server = Server::start();
    let mut client = server.connect();
    for version in ONE_X {
        let [first, second] = ["first", "second"].map(|which| {
            let attributes =
                format!("{}{}", name(&format!("{which} {version}")), attribute("x-Array", "TextString", "7"));
            identifier(&done(&mut client, version, "Create", create(&attributes)))
        });
        let template = |attributes: &str| format!("<TemplateAttribute>{attributes}</TemplateAttribute>");
        let mut locate =
            |payload: String| text(&done(&mut client, version, "Locate", payload), Tag::UNIQUE_IDENTIFIER);
        let first_name = name(&format!("first {version}"));
        assert_eq!(locate(first_name.clone()), [first.as_str()]);
        assert_eq!(locate(template(&first_name)), [first.as_str()]);
        let state = attribute("State", "Enumeration", "1");
        assert_eq!(locate(format!("{state}{}", template(&first_name))), [first.as_str()]);
        assert!(locate(template(&name("nobody"))).is_empty());
        let one = format!("<MaximumItems type=\"Integer\" value=\"1\"/>{}", template(&state));
        assert_eq!(locate(one).len(), 1, "{second} is there as well");
    }
}

#[test]
fn four_locates_in_one_batch_are_answered_in_order() {
    let server = Server::start();
    let mut client = server.connect();
    let version = Version::V1_0;
    let keys: Vec<String> = (0..4)
        .map(|number| {
            let create = create(&name(&format!("volume {number}")));
            identifier(&done(&mut client, version, "Create", create))
        })
        .collect();
    let locates: Vec<Item<'_>> =
        (0..4).rev().map(|number| ("Locate", name(&format!("volume {number}")))).collect();
    let answer = exchange(&mut client, version, &locates);
    let Value::Structure(nodes) = &answer.value else { panic!() };
    let found: Vec<String> = nodes
        .iter()
        .filter(|node| node.tag == Tag::BATCH_ITEM)
        .map(|item| identifier(item.child(Tag::RESPONSE_PAYLOAD).unwrap()))
        .collect();
    let wanted: Vec<String> = keys.into_iter().rev().collect();
    assert_eq!(found, wanted);
}

#[test]
fn an_operation_policy_name_and_a_dozen_attributes_of_ones_own_are_kept() {
    let server = Server::start();
    let mut client = server.connect();
    for version in ONE_X {
        let mut attributes = attribute("Operation Policy Name", "TextString", "default");
        for number in 0..12 {
            let own = attribute(&format!("x-Field{number}"), "TextString", &format!("value {number}"));
            write!(attributes, "{own}").unwrap();
        }
        let key = identifier(&done(&mut client, version, "Create", create(&attributes)));
        let read = xml(&done(&mut client, version, "GetAttributes", id(&key)));
        assert!(read.contains("Operation Policy Name"), "{read}");
        for number in 0..12 {
            assert!(read.contains(&format!("\"value {number}\"")), "{read}");
        }
        let [three, last] = [3, 11]
            .map(|number| attribute(&format!("x-Field{number}"), "TextString", &format!("value {number}")));
        let found = done(&mut client, version, "Locate", three + &last);
        assert!(text(&found, Tag::UNIQUE_IDENTIFIER).contains(&key));
    }
}

#[test]
fn a_destroyed_object_is_gone_for_get_and_known_to_get_attributes() {
    let server = Server::start();
    let mut client = server.connect();
    for version in ONE_X {
        let key = identifier(&done(&mut client, version, "Create", create("")));
        done(&mut client, version, "Destroy", id(&key));
        for later in Version::ALL {
            let reason = refused(&mut client, later, "Get", id(&key));
            let wanted = if later >= Version::V2_0 { "ObjectDestroyed" } else { "ItemNotFound" };
            assert_eq!(reason, wanted, "{later}");
        }
        let read = xml(&done(&mut client, version, "GetAttributes", id(&key)));
        assert!(read.contains("Destroy Date"), "{read}");
        assert!(read.contains("\"State\""), "{read}");
    }
}

#[test]
fn tls_sessions_are_resumed_over_many_short_connections() {
    let server = Server::start();
    let file = |name: &str| std::fs::read(server.files.join(name)).unwrap();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let tls = Arc::new(server.tls(&file("client.pem"), &file("client.key"), &[version]));
        let mut resumed = 0;
        for _ in 0..5 {
            let mut client = server.connect_with(server.address, &tls);
            exchange(&mut client, Version::V1_0, &[("Query", String::new())]);
            resumed += usize::from(client.0.conn.handshake_kind() == Some(HandshakeKind::Resumed));
            client.end();
        }
        assert_eq!(resumed, 4, "{version:?}");
    }
}
