//! The two encodings of attributes.

use super::*;
use crate::enums::{CryptographicAlgorithm, LinkType, RecommendedCurve};
use crate::schema::Sample;
use crate::ttlv::binary::{self, Limits};

impl Sample for Attribute {
    fn sample() -> Self {
        AttributeValue::Name(Sample::sample()).into()
    }
}

impl Sample for Attributes {
    /// One value of every attribute, and one of a client's.
    fn sample() -> Self {
        kinds::samples().into_iter().chain([vendor("x")]).collect()
    }
}

impl Sample for Criteria {
    fn sample() -> Self {
        Self(Sample::sample())
    }
}

impl Sample for TemplateAttribute {
    fn sample() -> Self {
        Self { names: Sample::sample(), attributes: Sample::sample() }
    }
}

fn vendor(vendor: &str) -> AttributeValue {
    AttributeValue::Vendor { vendor: vendor.into(), name: "foo".into(), value: Value::ByteString(vec![1, 2]) }
}

fn tree(attributes: &TemplateAttribute, version: Version) -> Node {
    let mut writer = Writer::new(version);
    attributes.put(&mut writer, Tag::TEMPLATE_ATTRIBUTE);
    binary::decode(writer.finish().unwrap().expose(), &Limits::default()).unwrap()
}

/// What comes back after encoding and decoding at a version.
fn there_and_back(attributes: Attributes, version: Version) -> Attributes {
    let mut node = tree(&attributes.into(), version);
    TemplateAttribute::read(&mut node.value, version).unwrap().attributes
}

#[test]
fn what_is_read_for_a_version_has_no_code_that_came_later() {
    let read = |value: AttributeValue, version| {
        let kind = AttributeReference::Kind(value.kind().unwrap());
        AttributeValue::from_tree_for(kind, value.to_tree().unwrap(), version)
    };
    let algorithm = AttributeValue::CryptographicAlgorithm(CryptographicAlgorithm::ChaCha20);
    assert_eq!(read(algorithm.clone(), Version::V1_3), None);
    assert_eq!(read(algorithm.clone(), Version::V1_4), Some(algorithm));
    let extension = AttributeValue::CryptographicAlgorithm(0x8000_0001.into());
    assert_eq!(read(extension.clone(), Version::V1_0), Some(extension), "which any version may have");
    let curve = CryptographicDomainParameters {
        qlength: Some(255),
        recommended_curve: Some(RecommendedCurve::Curve25519),
    };
    let bare = CryptographicDomainParameters { qlength: Some(255), recommended_curve: None };
    let (curve, bare) = (
        AttributeValue::CryptographicDomainParameters(curve),
        AttributeValue::CryptographicDomainParameters(bare),
    );
    assert_eq!(read(curve.clone(), Version::V1_4), Some(bare));
    assert_eq!(read(curve.clone(), Version::V2_0), Some(curve));
    let link = AttributeValue::Link(Link {
        link_type: LinkType::Pkcs12CertificateLink,
        linked_object_identifier: Sample::sample(),
    });
    assert_eq!(read(link.clone(), Version::V1_3), None, "a link must say of what type it is");
    assert_eq!(read(link.clone(), Version::V1_4), Some(link));
}

#[test]
fn every_attribute_comes_back_at_every_version_that_has_it() {
    for version in Version::ALL {
        let sent = Attributes::sample();
        let expected = sent.0.iter().filter(|attribute| match attribute.value.kind() {
            Some(kind) => kind.is_defined_in(version),
            None => true,
        });
        let received = there_and_back(sent.clone(), version);
        assert_eq!(received.0.len(), expected.clone().count(), "{version}");
        for (received, expected) in received.0.iter().zip(expected) {
            assert_eq!(received.reference(), expected.reference(), "{version}");
        }
        assert_eq!(there_and_back(received.clone(), version), received, "{version}");
    }
}

#[test]
fn tags_and_names_are_each_others_inverse() {
    for kind in AttributeKind::ALL {
        assert_eq!(AttributeKind::from_tag(kind.tag()), Some(*kind));
        assert_eq!(AttributeKind::from_name(kind.name()), Some(*kind));
        for version in Version::ALL.into_iter().filter(|version| kind.is_defined_in(*version)) {
            assert!(kind.tag().is_defined_in(version), "{} at {version}", kind.name());
        }
    }
}

#[test]
fn a_custom_attribute_is_a_vendor_attribute() {
    let node = tree(&Attributes::from_iter([vendor("x")]).into(), Version::V1_4);
    let attribute = node.child(Tag::ATTRIBUTE).unwrap();
    assert_eq!(attribute.child(Tag::ATTRIBUTE_NAME).unwrap().value, Value::TextString("x-foo".into()));
    let node = tree(&Attributes::from_iter([vendor("x")]).into(), Version::V2_0);
    assert_eq!(node.tag, Tag::ATTRIBUTES);
    let attribute = node.child(Tag::ATTRIBUTE).unwrap();
    assert_eq!(attribute.child(Tag::VENDOR_IDENTIFICATION).unwrap().value, Value::TextString("x".into()));
    assert_eq!(attribute.child(Tag::ATTRIBUTE_NAME).unwrap().value, Value::TextString("foo".into()));
    for version in Version::ALL {
        assert_eq!(there_and_back(Attributes::from_iter([vendor("y")]), version).0[0].value, vendor("y"));
    }
}

#[test]
fn a_vendor_that_1_x_cannot_name_is_left_out_of_1_x() {
    let attributes = Attributes::from_iter([vendor("acme")]);
    assert_eq!(there_and_back(attributes.clone(), Version::V1_4), Attributes::default());
    assert_eq!(there_and_back(attributes.clone(), Version::V2_1), attributes);
}

#[test]
fn an_unknown_attribute_survives_by_its_name() {
    let unknown = AttributeValue::Unknown {
        reference: AttributeReference::UnknownName("Shoe Size".into()),
        value: Value::Integer(43),
    };
    let attributes = Attributes::from_iter([unknown]);
    assert_eq!(there_and_back(attributes.clone(), Version::V1_2), attributes);
    assert_eq!(attributes.0[0].reference().to_string(), "Shoe Size");
}

#[test]
fn the_index_travels_in_1_x_only() {
    let name = Attribute { index: Some(3), value: AttributeValue::Name(Sample::sample()) };
    let attributes = Attributes(vec![name]);
    assert_eq!(there_and_back(attributes.clone(), Version::V1_0).0[0].index, Some(3));
    assert_eq!(there_and_back(attributes, Version::V2_0).0[0].index, None);
}

#[test]
fn a_wrong_type_names_the_attribute() {
    let mut value = Value::Structure(vec![Node::new(
        Tag::ATTRIBUTE,
        Value::Structure(vec![
            Node::new(Tag::ATTRIBUTE_NAME, Value::TextString("Cryptographic Length".into())),
            Node::new(Tag::ATTRIBUTE_VALUE, Value::TextString("256".into())),
        ]),
    )]);
    let error = TemplateAttribute::read(&mut value, Version::V1_4).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Attribute[0]/CryptographicLength/AttributeValue: expected Integer, got TextString"
    );
    let mut value =
        Value::Structure(vec![Node::new(Tag::CRYPTOGRAPHIC_LENGTH, Value::TextString("256".into()))]);
    let error = TemplateAttribute::read(&mut value, Version::V2_1).unwrap_err();
    assert_eq!(error.to_string(), "CryptographicLength[0]: expected Integer, got TextString");
}
