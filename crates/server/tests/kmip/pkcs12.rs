//! PKCS#12 that OpenSSL writes is registered, used, and given back as OpenSSL reads it.

use std::path::Path;
use std::process::{Command, Output};

use keyreeve_kmip::Version;
use keyreeve_kmip::attributes::{
    AttributeKind, AttributeReference, AttributeValue, Attributes, Link, TemplateAttribute,
};
use keyreeve_kmip::enums::{
    CryptographicAlgorithm, KeyFormatType, LinkType, ObjectType, ResultReason, SecretDataType,
};
use keyreeve_kmip::objects::{
    KeyBlock, KeyMaterial, KeyValue, ManagedObject, PlainKeyValue, PrivateKey, SecretData,
};
use keyreeve_kmip::payloads::Response;
use keyreeve_kmip::payloads::get::GetRequest;
use keyreeve_kmip::payloads::get_attributes::GetAttributesRequest;
use keyreeve_kmip::payloads::register::RegisterRequest;
use keyreeve_kmip::values::{CryptographicUsageMask, UniqueIdentifier};

use crate::harness::{Client, Server};

fn openssl(folder: &Path, arguments: &str) -> Output {
    Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap()
}

fn made(folder: &Path, arguments: &str) {
    let output = openssl(folder, arguments);
    assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A key with its certificate and that of its issuer, under `open sesame`, as `packed.p12`.
fn packed(folder: &Path, name: &str) -> Vec<u8> {
    let new = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9";
    made(folder, &format!("{new} -keyout ca.key -out ca.pem -subj /CN=issuer"));
    made(folder, &format!("{new} -keyout one.key -out one.pem -subj /CN=one -CA ca.pem -CAkey ca.key"));
    std::fs::write(folder.join("password"), "opensesame").unwrap();
    let export = "pkcs12 -export -inkey one.key -in one.pem -certfile ca.pem -out packed.p12";
    made(folder, &format!("{export} -name {name} -passout file:password"));
    std::fs::read(folder.join("packed.p12")).unwrap()
}

fn block(format: KeyFormatType, algorithm: Option<CryptographicAlgorithm>, bytes: &[u8]) -> KeyBlock {
    let key_material = KeyMaterial::Bytes(bytes.to_vec().into());
    KeyBlock {
        key_format_type: format,
        key_compression_type: None,
        key_value: Some(KeyValue::Plain(PlainKeyValue { key_material, attributes: None })),
        cryptographic_algorithm: algorithm,
        cryptographic_length: None,
        key_wrapping_data: None,
    }
}

fn password(client: &mut Client, text: &str) -> UniqueIdentifier {
    let key_block = block(KeyFormatType::Opaque, None, text.as_bytes());
    let object = SecretData { secret_data_type: SecretDataType::Password, key_block }.into();
    let request = RegisterRequest {
        object_type: ObjectType::SecretData,
        template_attribute: TemplateAttribute::from(Attributes(Vec::new())),
        object,
        protection_storage_masks: None,
    };
    let Response::Register(registered) = client.done(Version::V1_4, request) else { panic!() };
    registered.unique_identifier
}

fn registration(file: &[u8], password: Option<&UniqueIdentifier>, name: Option<&str>) -> RegisterRequest {
    let mut attributes = vec![AttributeValue::CryptographicUsageMask(CryptographicUsageMask::SIGN)];
    attributes.extend(password.map(|id| {
        AttributeValue::Link(Link {
            link_type: LinkType::Pkcs12PasswordLink,
            linked_object_identifier: id.clone(),
        })
    }));
    attributes.extend(name.map(|name| AttributeValue::Pkcs12FriendlyName(name.to_owned())));
    let key_block = block(KeyFormatType::Pkcs12, Some(CryptographicAlgorithm::Ecdsa), file);
    RegisterRequest {
        object_type: ObjectType::PrivateKey,
        template_attribute: TemplateAttribute::from(attributes.into_iter().collect::<Attributes>()),
        object: PrivateKey { key_block }.into(),
        protection_storage_masks: None,
    }
}

fn key_bytes(
    client: &mut Client,
    version: Version,
    id: &UniqueIdentifier,
    key_format_type: Option<KeyFormatType>,
) -> (KeyFormatType, Vec<u8>) {
    let request =
        GetRequest { unique_identifier: Some(id.clone()), key_format_type, ..GetRequest::default() };
    let Response::Get(gotten) = client.done(version, request) else { panic!() };
    let ManagedObject::PrivateKey(key) = gotten.object else { panic!("another kind of object") };
    match key.key_block.key_value {
        Some(KeyValue::Plain(PlainKeyValue { key_material: KeyMaterial::Bytes(bytes), .. })) => {
            (key.key_block.key_format_type, bytes.expose().to_vec())
        }
        _ => panic!("no bytes"),
    }
}

#[test]
fn a_file_of_openssl_becomes_a_key_with_its_certificates_and_one_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = packed(folder.path(), "mine");
    made(folder.path(), "pkcs8 -topk8 -nocrypt -in one.key -outform DER -out one.der");
    let server = Server::start();
    let mut client = server.connect();
    for version in [Version::V1_4, Version::V2_1] {
        let word = password(&mut client, "opensesame");
        let request = registration(&file, Some(&word), None);
        let Response::Register(registered) = client.done(version, request) else { panic!() };
        let id = registered.unique_identifier;
        let names = GetAttributesRequest {
            unique_identifier: Some(id.clone()),
            attribute_references: vec![AttributeReference::Kind(AttributeKind::Pkcs12FriendlyName)],
        };
        let Response::GetAttributes(read) = client.done(version, names) else { panic!() };
        assert_eq!(read.attributes.0[0].value, AttributeValue::Pkcs12FriendlyName("mine".into()));
        let (_, pkcs8) = key_bytes(&mut client, version, &id, Some(KeyFormatType::Pkcs8));
        std::fs::write(folder.path().join("got.der"), pkcs8).unwrap();
        made(folder.path(), "pkey -inform DER -in got.der -out got.pem");
        made(folder.path(), "pkey -in one.key -out mine.pem");
        let pem = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
        assert_eq!(pem("got.pem"), pem("mine.pem"), "another key");
        // It goes out as it came in, with both certificates, its own first.
        let (format, again) = key_bytes(&mut client, version, &id, None);
        assert_eq!(format, KeyFormatType::Pkcs12);
        std::fs::write(folder.path().join("again.p12"), again).unwrap();
        let shown = openssl(folder.path(), "pkcs12 -in again.p12 -nodes -passin file:password");
        let shown = String::from_utf8(shown.stdout).unwrap();
        let (one, issuer) = (shown.find("subject=CN = one"), shown.find("subject=CN = issuer"));
        assert!(one.is_some() && one < issuer, "{shown}");
        assert!(shown.contains("friendlyName: mine"), "{shown}");
    }
}

#[test]
fn a_file_comes_with_one_password_which_opens_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = packed(folder.path(), "mine");
    let server = Server::start();
    let mut client = server.connect();
    let (word, wrong) = (password(&mut client, "opensesame"), password(&mut client, "another"));
    for (version, reason) in
        [(Version::V1_4, ResultReason::InvalidField), (Version::V2_1, ResultReason::BadPassword)]
    {
        assert_eq!(client.refused(version, registration(&file, None, None)), reason);
        assert_eq!(client.refused(version, registration(&file, Some(&wrong), None)), reason);
        let other_name = registration(&file, Some(&word), Some("not mine"));
        assert_eq!(client.refused(version, other_name), ResultReason::InvalidField);
        let torn = registration(&file[..file.len() - 9], Some(&word), None);
        assert_eq!(client.refused(version, torn), ResultReason::InvalidField);
        client.done(version, registration(&file, Some(&word), Some("MINE")));
    }
    // What was usual before PBES2 is named as such.
    let legacy = "pkcs12 -export -inkey one.key -in one.pem -out packed.p12 -passout file:password";
    made(folder.path(), &format!("{legacy} -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES"));
    let file = std::fs::read(folder.path().join("packed.p12")).unwrap();
    let refused = client.refused(Version::V2_1, registration(&file, Some(&word), None));
    assert_eq!(refused, ResultReason::FeatureNotSupported);
}
