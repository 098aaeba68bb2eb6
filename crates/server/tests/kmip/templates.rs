//! Templates of KMIP 1.x: attributes that requests name instead of telling them.

use keyreeve_kmip::Version;
use keyreeve_kmip::attributes::{Attribute, AttributeValue, Attributes, Name, TemplateAttribute};
use keyreeve_kmip::enums::{CryptographicAlgorithm, NameType, ObjectType, ResultReason};
use keyreeve_kmip::objects::{ManagedObject, Template};
use keyreeve_kmip::payloads::Response;
use keyreeve_kmip::payloads::create::CreateRequest;
use keyreeve_kmip::payloads::get::GetRequest;
use keyreeve_kmip::payloads::get_attributes::GetAttributesRequest;
use keyreeve_kmip::payloads::register::RegisterRequest;
use keyreeve_kmip::values::CryptographicUsageMask;

use crate::harness::Server;

const VERSION: Version = Version::V1_2;

fn name(text: &str) -> Name {
    Name { name_value: text.to_owned(), name_type: NameType::UninterpretedTextString }
}

fn attributes(values: Vec<AttributeValue>) -> Attributes {
    Attributes(values.into_iter().map(Attribute::from).collect())
}

fn create(template: &str, own: Vec<AttributeValue>) -> CreateRequest {
    CreateRequest {
        object_type: ObjectType::SymmetricKey,
        template_attribute: TemplateAttribute { names: vec![name(template)], attributes: attributes(own) },
        protection_storage_masks: None,
    }
}

#[test]
fn a_template_gives_what_a_request_leaves_out() {
    let server = Server::start();
    let mut client = server.connect();
    let template = Template {
        attributes: attributes(vec![
            AttributeValue::CryptographicAlgorithm(CryptographicAlgorithm::Aes),
            AttributeValue::CryptographicLength(128),
            AttributeValue::ContactInformation("template".to_owned()),
            AttributeValue::ObjectGroup("of the template".to_owned()),
        ]),
    };
    let register = RegisterRequest {
        object_type: ObjectType::Template,
        template_attribute: attributes(vec![AttributeValue::Name(name("template"))]).into(),
        object: ManagedObject::from(template),
        protection_storage_masks: None,
    };
    let Response::Register(registered) = client.done(VERSION, register) else { panic!() };
    let get = |id| GetRequest { unique_identifier: Some(id), ..GetRequest::default() };
    let Response::Get(gotten) = client.done(VERSION, get(registered.unique_identifier.clone())) else {
        panic!()
    };
    let ManagedObject::Template(template) = gotten.object else { panic!("no template") };
    assert_eq!(template.attributes.0.len(), 4);
    let in_2 = client.refused(Version::V2_1, get(registered.unique_identifier));
    assert_eq!(in_2, ResultReason::FeatureNotSupported);

    let own = vec![
        AttributeValue::CryptographicUsageMask(CryptographicUsageMask::ENCRYPT),
        AttributeValue::CryptographicLength(256),
        AttributeValue::ObjectGroup("own".to_owned()),
    ];
    let Response::Create(created) = client.done(VERSION, create("template", own)) else { panic!() };
    let ask = GetAttributesRequest {
        unique_identifier: Some(created.unique_identifier),
        ..GetAttributesRequest::default()
    };
    let Response::GetAttributes(read) = client.done(VERSION, ask) else { panic!() };
    let has = |value: AttributeValue| read.attributes.0.iter().any(|attribute| attribute.value == value);
    assert!(has(AttributeValue::CryptographicAlgorithm(CryptographicAlgorithm::Aes)));
    assert!(has(AttributeValue::CryptographicLength(256)), "the request's own counts");
    assert!(has(AttributeValue::ContactInformation("template".to_owned())));
    assert!(has(AttributeValue::ObjectGroup("of the template".to_owned())));
    assert!(has(AttributeValue::ObjectGroup("own".to_owned())));
    assert_eq!(
        client.refused(VERSION, create("no template", Vec::new())),
        ResultReason::ObjectNotFound.for_version(VERSION)
    );
}
