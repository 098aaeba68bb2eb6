//! Certify, Re-certify and Validate. OpenSSL makes the authorities and the requests, and judges what is issued.

use std::path::PathBuf;
use std::process::{Command, Output};

use keyreeve_kmip::Version;
use keyreeve_kmip::attributes::{
    AttributeValue, Attributes, Link, RevocationReason, TemplateAttribute, X509CertificateSubject,
};
use keyreeve_kmip::enums::{
    CertificateRequestType, CertificateType, CryptographicAlgorithm, KeyFormatType, LinkType, Operation,
    QueryFunction, ResultReason, RevocationReasonCode, State, ValidityIndicator,
};
use keyreeve_kmip::message::{RequestItem, RequestMessage};
use keyreeve_kmip::objects::{
    Certificate, CertificateRequest, KeyBlock, KeyMaterial, KeyValue, ManagedObject, PlainKeyValue,
    PrivateKey, PublicKey,
};
use keyreeve_kmip::payloads::activate::ActivateRequest;
use keyreeve_kmip::payloads::add_attribute::AddAttributeRequest;
use keyreeve_kmip::payloads::archive::ArchiveRequest;
use keyreeve_kmip::payloads::certify::{CertificateRequestValue, CertifyRequest};
use keyreeve_kmip::payloads::create_key_pair::CreateKeyPairRequest;
use keyreeve_kmip::payloads::destroy::DestroyRequest;
use keyreeve_kmip::payloads::get::GetRequest;
use keyreeve_kmip::payloads::get_attributes::GetAttributesRequest;
use keyreeve_kmip::payloads::locate::LocateRequest;
use keyreeve_kmip::payloads::query::QueryRequest;
use keyreeve_kmip::payloads::recertify::ReCertifyRequest;
use keyreeve_kmip::payloads::recover::RecoverRequest;
use keyreeve_kmip::payloads::register::RegisterRequest;
use keyreeve_kmip::payloads::revoke::RevokeRequest;
use keyreeve_kmip::payloads::validate::ValidateRequest;
use keyreeve_kmip::payloads::{Request, Response};
use keyreeve_kmip::values::{CryptographicUsageMask, DateTime, Interval, UniqueIdentifier};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, CertificateSigningRequestDer, PrivatePkcs8KeyDer};
use serde_json::json;
use tempfile::TempDir;

use crate::harness::{Client, Server, attribute, named};

const VERSION: Version = Version::V2_1;

/// A folder in which OpenSSL works.
pub(crate) struct OpenSsl(TempDir);

impl OpenSsl {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn output(&self, line: &str) -> Output {
        Command::new("openssl").args(line.split(' ')).current_dir(self.0.path()).output().unwrap()
    }

    pub(crate) fn run(&self, line: &str) -> String {
        let output = self.output(line);
        assert!(output.status.success(), "openssl {line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// An authority, `NAME.pem` and `NAME.key`; gives its certificate.
    pub(crate) fn authority(&self, name: &str, key: &str) -> Vec<u8> {
        let usage = "-addext keyUsage=critical,keyCertSign,cRLSign";
        self.run(&format!(
            "req -x509 -nodes -newkey {key} -days 30 -subj /O=Test/CN={name} {usage} -keyout {name}.key -out {name}.pem"
        ));
        self.certificate(name)
    }

    pub(crate) fn certificate(&self, name: &str) -> Vec<u8> {
        CertificateDer::from_pem_file(self.path(&format!("{name}.pem"))).unwrap().to_vec()
    }

    /// A request with these extensions, DER; its key is `NAME.key`.
    pub(crate) fn request(&self, name: &str, extensions: &str) -> Vec<u8> {
        let key = if self.path(&format!("{name}.key")).exists() {
            format!("-key {name}.key")
        } else {
            format!("-nodes -newkey {P256} -keyout {name}.key")
        };
        let extensions: String =
            extensions.split_whitespace().map(|extension| format!(" -addext {extension}")).collect();
        self.run(&format!("req -new {key} -subj /C=DE/CN={name}{extensions} -out {name}.csr"));
        CertificateSigningRequestDer::from_pem_file(self.path(&format!("{name}.csr"))).unwrap().to_vec()
    }

    /// What OpenSSL says of a certificate that it has verified under an authority.
    fn verified(&self, authority: &str, certificate: &[u8]) -> String {
        std::fs::write(self.path("issued.der"), certificate).unwrap();
        self.run("x509 -inform DER -in issued.der -out issued.pem");
        self.run(&format!("verify -x509_strict -CAfile {authority}.pem issued.pem"));
        self.run("x509 -in issued.pem -noout -text -nameopt RFC2253")
    }
}

pub(crate) const P256: &str = "ec -pkeyopt ec_paramgen_curve:P-256";

fn start() -> Server {
    Server::start_with(|config| config.kmip.issuer = Some("issuer".to_owned()))
}

fn template(attributes: impl IntoIterator<Item = AttributeValue>) -> TemplateAttribute {
    TemplateAttribute::from(attributes.into_iter().collect::<Attributes>())
}

fn register(
    client: &mut Client,
    object: impl Into<ManagedObject>,
    attributes: Vec<AttributeValue>,
) -> UniqueIdentifier {
    let object = object.into();
    let request = RegisterRequest {
        object_type: object.object_type(),
        template_attribute: template(attributes),
        object,
        protection_storage_masks: None,
    };
    match client.done(VERSION, request) {
        Response::Register(registered) => registered.unique_identifier,
        _ => panic!("another operation was answered"),
    }
}

fn x509(der: &[u8]) -> Certificate {
    Certificate { certificate_type: CertificateType::X509, certificate_value: der.to_vec() }
}

fn link(client: &mut Client, from: &UniqueIdentifier, link_type: LinkType, to: &UniqueIdentifier) {
    let link = Link { link_type, linked_object_identifier: to.clone() };
    let attribute = attribute(AttributeValue::Link(link));
    client.done(VERSION, AddAttributeRequest { unique_identifier: Some(from.clone()), attribute });
}

/// Brings an authority of OpenSSL to the server as its issuer: the private key, and its certificate.
fn install(
    client: &mut Client,
    openssl: &OpenSsl,
    name: &str,
    kind: (CryptographicAlgorithm, i32),
) -> (UniqueIdentifier, UniqueIdentifier) {
    install_for(client, openssl, name, kind, CryptographicUsageMask::CERTIFICATE_SIGN)
}

fn install_for(
    client: &mut Client,
    openssl: &OpenSsl,
    name: &str,
    (algorithm, bits): (CryptographicAlgorithm, i32),
    usage: CryptographicUsageMask,
) -> (UniqueIdentifier, UniqueIdentifier) {
    let key = PrivatePkcs8KeyDer::from_pem_file(openssl.path(&format!("{name}.key"))).unwrap();
    let value = PlainKeyValue {
        key_material: KeyMaterial::Bytes(key.secret_pkcs8_der().to_vec().into()),
        attributes: None,
    };
    let key_block = KeyBlock {
        key_format_type: KeyFormatType::Pkcs8,
        key_compression_type: None,
        key_value: Some(KeyValue::Plain(value)),
        cryptographic_algorithm: Some(algorithm),
        cryptographic_length: Some(bits),
        key_wrapping_data: None,
    };
    let attributes = vec![
        AttributeValue::CryptographicUsageMask(usage),
        AttributeValue::Name(named("issuer")),
        AttributeValue::ActivationDate(DateTime(1)),
    ];
    let key = register(client, PrivateKey { key_block }, attributes);
    let certificate = register(client, x509(&openssl.certificate(name)), Vec::new());
    link(client, &key, LinkType::CertificateLink, &certificate);
    (key, certificate)
}

const EC: (CryptographicAlgorithm, i32) = (CryptographicAlgorithm::Ec, 256);

fn pkcs10(request: &[u8]) -> CertifyRequest {
    CertifyRequest {
        certificate_request_type: Some(CertificateRequestType::Pkcs10),
        certificate_request_value: Some(CertificateRequestValue(request.to_vec())),
        ..CertifyRequest::default()
    }
}

fn of_key(key: &UniqueIdentifier, attributes: impl IntoIterator<Item = AttributeValue>) -> CertifyRequest {
    CertifyRequest {
        unique_identifier: Some(key.clone()),
        template_attribute: Some(template(attributes)),
        ..CertifyRequest::default()
    }
}

fn certified(client: &mut Client, version: Version, request: impl Into<Request>) -> UniqueIdentifier {
    match client.done(version, request) {
        Response::Certify(made) => made.unique_identifier,
        Response::ReCertify(made) => made.unique_identifier,
        _ => panic!("another operation was answered"),
    }
}

fn certificate(client: &mut Client, id: &UniqueIdentifier) -> Vec<u8> {
    let get = GetRequest { unique_identifier: Some(id.clone()), ..GetRequest::default() };
    match client.done(VERSION, get) {
        Response::Get(gotten) => match gotten.object {
            ManagedObject::Certificate(certificate) => certificate.certificate_value,
            _ => panic!("no certificate"),
        },
        _ => panic!("another operation was answered"),
    }
}

fn attributes(client: &mut Client, id: &UniqueIdentifier) -> Vec<AttributeValue> {
    let asked =
        GetAttributesRequest { unique_identifier: Some(id.clone()), attribute_references: Vec::new() };
    match client.done(VERSION, asked) {
        Response::GetAttributes(read) => read.attributes.0.into_iter().map(|one| one.value).collect(),
        _ => panic!("another operation was answered"),
    }
}

fn links(attributes: &[AttributeValue], kind: LinkType) -> Vec<&UniqueIdentifier> {
    let links = attributes.iter().filter_map(|value| match value {
        AttributeValue::Link(link) if link.link_type == kind => Some(&link.linked_object_identifier),
        _ => None,
    });
    links.collect()
}

/// A pair on P-256: the private and the public key.
fn pair(client: &mut Client) -> (UniqueIdentifier, UniqueIdentifier) {
    let common = [
        AttributeValue::CryptographicAlgorithm(CryptographicAlgorithm::Ec),
        AttributeValue::CryptographicLength(256),
    ];
    let mask = |mask| Some(template([AttributeValue::CryptographicUsageMask(mask)]));
    let request = CreateKeyPairRequest {
        common_template_attribute: Some(template(common)),
        private_key_template_attribute: mask(CryptographicUsageMask::SIGN),
        public_key_template_attribute: mask(CryptographicUsageMask::VERIFY),
        ..CreateKeyPairRequest::default()
    };
    match client.done(VERSION, request) {
        Response::CreateKeyPair(made) => {
            (made.private_key_unique_identifier, made.public_key_unique_identifier)
        }
        _ => panic!("another operation was answered"),
    }
}

fn cn(text: &str) -> AttributeValue {
    AttributeValue::CertificateSubjectCn(text.to_owned())
}

fn revoke(client: &mut Client, id: &UniqueIdentifier) {
    let revocation_reason = RevocationReason {
        revocation_reason_code: RevocationReasonCode::KeyCompromise,
        revocation_message: None,
    };
    let unique_identifier = Some(id.clone());
    client.done(
        VERSION,
        RevokeRequest { unique_identifier, revocation_reason, compromise_occurrence_date: Some(DateTime(1)) },
    );
}

#[test]
fn what_openssl_requests_is_issued_and_openssl_verifies_it() {
    let rsa = (CryptographicAlgorithm::Rsa, 2048);
    let p384 = (CryptographicAlgorithm::Ec, 384);
    let ed25519 = (CryptographicAlgorithm::Ed25519, 256);
    let kinds = [
        ("rsa:2048", rsa, Version::V1_0),
        ("ec -pkeyopt ec_paramgen_curve:P-384", p384, Version::V1_4),
        ("ed25519", ed25519, VERSION),
    ];
    let openssl = OpenSsl::new();
    let asked = "subjectAltName=DNS:a.example,IP:192.0.2.1 extendedKeyUsage=serverAuth keyUsage=digitalSignature,keyAgreement basicConstraints=CA:FALSE";
    let request = openssl.request("holder", asked);
    for (key, kind, version) in kinds {
        let server = start();
        let mut client = server.connect();
        openssl.authority("ca", key);
        install(&mut client, &openssl, "ca", kind);
        let id = certified(&mut client, version, pkcs10(&request));
        let text = openssl.verified("ca", &certificate(&mut client, &id));
        for part in [
            "Subject: CN=holder,C=DE",
            "CA:FALSE",
            "DNS:a.example, IP Address:192.0.2.1",
            "TLS Web Server Authentication",
            "Digital Signature, Key Agreement",
            "X509v3 Authority Key Identifier",
        ] {
            assert!(text.contains(part), "{part} is missing: {text}");
        }
        let pem = std::fs::read(openssl.path("holder.csr")).unwrap();
        let in_pem =
            CertifyRequest { certificate_request_type: Some(CertificateRequestType::Pem), ..pkcs10(&pem) };
        let again = certified(&mut client, version, in_pem);
        assert_ne!(certificate(&mut client, &id), certificate(&mut client, &again), "a serial number twice");
    }
}

#[test]
fn a_certificate_bears_its_attributes_and_gets_a_successor() {
    let openssl = OpenSsl::new();
    let server = start();
    let mut client = server.connect();
    let authority = openssl.authority("ca", P256);
    let (_, of_issuer) = install(&mut client, &openssl, "ca", EC);
    let (_, public) = pair(&mut client);
    let names = [
        cn("A, B"),
        AttributeValue::CertificateSubjectO("Öl".to_owned()),
        AttributeValue::Name(named("site")),
    ];
    let old = certified(&mut client, VERSION, of_key(&public, names));
    let der = certificate(&mut client, &old);
    let text = openssl.verified("ca", &der);
    assert!(text.contains("Digital Signature\n"), "{text}");
    let read = attributes(&mut client, &old);
    let has = |wanted: &AttributeValue| read.contains(wanted);
    assert!(has(&cn("A, B")) && has(&AttributeValue::State(State::Active)));
    assert!(has(&AttributeValue::CertificateLength(der.len() as i32)));
    assert!(has(&AttributeValue::CertificateType(CertificateType::X509)));
    assert_eq!(links(&read, LinkType::PublicKeyLink), [&public]);
    assert_eq!(links(&read, LinkType::CertificateLink), [&of_issuer]);
    assert_eq!(links(&attributes(&mut client, &public), LinkType::CertificateLink), [&old]);

    let offset = Some(Interval(3600));
    let request =
        ReCertifyRequest { unique_identifier: Some(old.clone()), offset, ..ReCertifyRequest::default() };
    let new = certified(&mut client, VERSION, request);
    let text = openssl.verified("ca", &certificate(&mut client, &old));
    assert!(text.contains("CN=A\\, B"), "{text}");
    let (before, after) = (attributes(&mut client, &old), attributes(&mut client, &new));
    let is_name = |value: &AttributeValue| matches!(value, AttributeValue::Name(_));
    assert!(!before.iter().any(is_name) && after.contains(&AttributeValue::Name(named("site"))));
    assert!(after.contains(&cn("A, B")) && after.contains(&AttributeValue::State(State::PreActive)));
    assert!(before.contains(&AttributeValue::RotateLatest(false)));
    assert!(after.contains(&AttributeValue::RotateLatest(true)));
    assert!(after.contains(&AttributeValue::RotateGeneration(1)));
    assert_eq!(links(&before, LinkType::ReplacementObjectLink), [&new]);
    assert_eq!(links(&after, LinkType::ReplacedObjectLink), [&old]);
    assert_eq!(links(&after, LinkType::PublicKeyLink), [&public]);
    assert_eq!(links(&attributes(&mut client, &public), LinkType::CertificateLink), [&new]);
    // The issuer's own end is that of all that it issues.
    std::fs::write(openssl.path("new.der"), certificate(&mut client, &new)).unwrap();
    let end = |line: &str| openssl.run(line);
    assert_eq!(end("x509 -inform DER -in new.der -noout -enddate"), end("x509 -in ca.pem -noout -enddate"));
    let again = ReCertifyRequest { unique_identifier: Some(old), ..ReCertifyRequest::default() };
    client.refused(VERSION, again);
    let foreign = register(&mut client, x509(&authority), Vec::new());
    client.refused(
        VERSION,
        ReCertifyRequest { unique_identifier: Some(public), ..ReCertifyRequest::default() },
    );
    // An authority's certificate is by this issuer, and still gets no successor.
    client.refused(
        VERSION,
        ReCertifyRequest { unique_identifier: Some(foreign), ..ReCertifyRequest::default() },
    );
    let elsewhere = register(&mut client, x509(&openssl.authority("elsewhere", P256)), Vec::new());
    client.refused(
        VERSION,
        ReCertifyRequest { unique_identifier: Some(elsewhere), ..ReCertifyRequest::default() },
    );
    revoke(&mut client, &new);
    client.refused(VERSION, ReCertifyRequest { unique_identifier: Some(new), ..ReCertifyRequest::default() });
}

#[test]
fn a_request_on_the_server_is_certified_for_the_key_that_it_is_linked_to() {
    let openssl = OpenSsl::new();
    let server = start();
    let mut client = server.connect();
    openssl.authority("ca", P256);
    install(&mut client, &openssl, "ca", EC);
    let request = openssl.request("holder", "subjectAltName=DNS:b.example");
    let object = || CertificateRequest {
        certificate_request_type: CertificateRequestType::Pkcs10,
        certificate_request_value: request.clone(),
    };
    let kept = register(&mut client, object(), Vec::new());
    let made = certified(&mut client, VERSION, of_key(&kept, []));
    let text = openssl.verified("ca", &certificate(&mut client, &made));
    assert!(text.contains("DNS:b.example"), "{text}");
    let (_, other) = pair(&mut client);
    link(&mut client, &kept, LinkType::PublicKeyLink, &other);
    assert_eq!(
        client.refused(VERSION, of_key(&kept, [])),
        ResultReason::InvalidCsr,
        "a request for another key"
    );
    let for_other = CertifyRequest { unique_identifier: Some(other.clone()), ..pkcs10(&request) };
    assert_eq!(client.refused(VERSION, for_other), ResultReason::InvalidCsr);
    let subject = AttributeValue::X509CertificateSubject(X509CertificateSubject {
        subject_distinguished_name: Vec::new(),
        subject_alternative_names: vec![b"\x82\x09c.example".to_vec()],
    });
    let nameless = certified(&mut client, VERSION, of_key(&other, [subject]));
    let told = attributes(&mut client, &nameless);
    let names = told.iter().find_map(|value| match value {
        AttributeValue::X509CertificateSubject(subject) => Some(&subject.subject_alternative_names),
        _ => None,
    });
    assert_eq!(names, Some(&vec![b"\x82\x09c.example".to_vec()]));
    let text = openssl.verified("ca", &certificate(&mut client, &nameless));
    assert!(text.contains("Alternative Name: critical") && text.contains("DNS:c.example"), "{text}");
}

#[test]
fn beside_a_request_the_id_placeholder_is_meant_before_2_0() {
    let openssl = OpenSsl::new();
    let server = start();
    let mut client = server.connect();
    openssl.authority("ca", P256);
    install(&mut client, &openssl, "ca", EC);
    let request = openssl.request("holder", "subjectAltName=DNS:b.example");
    openssl.run("pkey -in holder.key -pubout -outform DER -out holder.pub");
    let public = std::fs::read(openssl.path("holder.pub")).unwrap();
    let key_block = KeyBlock {
        key_format_type: KeyFormatType::X509,
        key_compression_type: None,
        key_value: Some(KeyValue::Plain(PlainKeyValue {
            key_material: KeyMaterial::Bytes(public.into()),
            attributes: None,
        })),
        cryptographic_algorithm: Some(EC.0),
        cryptographic_length: Some(EC.1),
        key_wrapping_data: None,
    };
    let name = || AttributeValue::Name(named("holder"));
    let holder = register(&mut client, PublicKey { key_block }, vec![name()]);
    for (version, expected) in [(Version::V1_4, vec![&holder]), (VERSION, Vec::new())] {
        let wanted = Some([name()].into_iter().collect());
        let locate = LocateRequest { attributes: wanted, ..LocateRequest::default() };
        let mut items = vec![RequestItem::new(locate.into()), RequestItem::new(pkcs10(&request).into())];
        for (number, item) in (0..).zip(&mut items) {
            item.unique_batch_item_id = Some(vec![number]);
        }
        let answer = client.exchange(&RequestMessage::new(version, items)).items.remove(1);
        let Some(Response::Certify(made)) = answer.payload else { panic!("{:?}", answer.result_message) };
        let told = attributes(&mut client, &made.unique_identifier);
        assert_eq!(links(&told, LinkType::PublicKeyLink), expected, "{version}");
    }
}

#[test]
fn what_would_be_more_than_a_certificate_of_a_key_is_refused() {
    let openssl = OpenSsl::new();
    let server = start();
    let mut client = server.connect();
    openssl.authority("ca", P256);
    install(&mut client, &openssl, "ca", EC);
    let mut forged = openssl.request("holder", "subjectAltName=DNS:a.example");
    let last = forged.len() - 1;
    forged[last] ^= 1;
    assert_eq!(client.refused(VERSION, pkcs10(&forged)), ResultReason::InvalidCsr, "a wrong signature");
    assert_eq!(client.refused(Version::V1_0, pkcs10(&forged)), ResultReason::InvalidField);
    assert_eq!(client.refused(VERSION, pkcs10(b"no request")), ResultReason::InvalidCsr);
    for extension in [
        "basicConstraints=critical,CA:TRUE",
        "basicConstraints=CA:TRUE,pathlen:0",
        "keyUsage=keyCertSign",
        "keyUsage=digitalSignature,cRLSign",
        "extendedKeyUsage=OCSPSigning",
        "1.2.3.4=critical,ASN1:NULL",
        "nameConstraints=critical,permitted;DNS:.example",
    ] {
        let request = openssl.request("holder", extension);
        assert_eq!(client.refused(VERSION, pkcs10(&request)), ResultReason::InvalidCsr, "{extension}");
    }
    for extension in [
        "extendedKeyUsage=anyExtendedKeyUsage",
        "subjectAltName=otherName:1.3.6.1.4.1.311.20.2.3;UTF8:root@example.org",
        "subjectAltName=DNS:under_score.example",
    ] {
        let request = openssl.request("holder", extension);
        assert_eq!(client.refused(VERSION, pkcs10(&request)), ResultReason::InvalidField, "{extension}");
    }
    let untyped = CertifyRequest { certificate_request_type: None, ..pkcs10(&openssl.request("holder", "")) };
    client.refused(VERSION, untyped);
    let (private, public) = pair(&mut client);
    let x = || [cn("x")];
    assert_eq!(client.refused(VERSION, of_key(&public, [])), ResultReason::InvalidField, "no subject");
    assert_eq!(client.refused(VERSION, of_key(&private, x())), ResultReason::InvalidObjectType);
    let lasting = [cn("x"), AttributeValue::ActivationDate(DateTime(4_000_000_000))];
    client.refused(VERSION, of_key(&public, lasting));
    let ended = [cn("x"), AttributeValue::DeactivationDate(DateTime(1_000_000_000))];
    client.refused(VERSION, of_key(&public, ended));
    let backdated = [cn("x"), AttributeValue::ActivationDate(DateTime(1_000_000_000))];
    client.refused(VERSION, of_key(&public, backdated));
    for unreadable in [
        AttributeValue::CertificateSubjectC("Germany".to_owned()),
        AttributeValue::CertificateSubjectSerialNumber("dev_01".to_owned()),
        cn("bank\0evil"),
    ] {
        assert_eq!(client.refused(VERSION, of_key(&public, [unreadable])), ResultReason::InvalidField);
    }
    // Nothing was made by all that.
    assert!(links(&attributes(&mut client, &public), LinkType::CertificateLink).is_empty());
    client.done(VERSION, DestroyRequest { unique_identifier: Some(private) });
    client.refused(VERSION, of_key(&public, x()));
    client.done(VERSION, DestroyRequest { unique_identifier: Some(public.clone()) });
    client.refused(VERSION, of_key(&public, x()));
}

#[test]
fn an_issuer_that_is_set_aside_or_revoked_issues_nothing() {
    let openssl = OpenSsl::new();
    let server = start();
    let mut client = server.connect();
    let request = openssl.request("holder", "");
    client.refused(VERSION, pkcs10(&request));
    openssl.authority("ca", P256);
    let (key, of_issuer) = install(&mut client, &openssl, "ca", EC);
    certified(&mut client, VERSION, pkcs10(&request));
    for object in [&key, &of_issuer] {
        client.done(VERSION, ArchiveRequest { unique_identifier: Some(object.clone()) });
        assert_eq!(client.refused(VERSION, pkcs10(&request)), ResultReason::ObjectArchived);
        client.done(VERSION, RecoverRequest { unique_identifier: Some(object.clone()) });
    }
    certified(&mut client, VERSION, pkcs10(&request));
    revoke(&mut client, &of_issuer);
    assert_eq!(client.refused(VERSION, pkcs10(&request)), ResultReason::WrongKeyLifecycleState);
    revoke(&mut client, &key);
    assert_eq!(client.refused(VERSION, pkcs10(&request)), ResultReason::WrongKeyLifecycleState);
}

#[test]
fn nothing_is_certified_for_a_private_key_that_is_compromised() {
    let openssl = OpenSsl::new();
    let server = start();
    let mut client = server.connect();
    openssl.authority("ca", P256);
    install(&mut client, &openssl, "ca", EC);
    let (private, public) = pair(&mut client);
    let made = certified(&mut client, VERSION, of_key(&public, [cn("x")]));
    let leaf = certificate(&mut client, &made);
    let root = openssl.certificate("ca");
    let sent = |client: &mut Client| validity(client, VERSION, chain(&[&leaf, &root], &[], None));
    assert_eq!(sent(&mut client), ValidityIndicator::Valid);
    revoke(&mut client, &private);
    assert_eq!(sent(&mut client), ValidityIndicator::Invalid, "whoever has its key could be anybody");
    assert_eq!(client.refused(VERSION, of_key(&public, [cn("x")])), ResultReason::WrongKeyLifecycleState);
    let renewal = ReCertifyRequest { unique_identifier: Some(made), ..ReCertifyRequest::default() };
    assert_eq!(client.refused(VERSION, renewal), ResultReason::WrongKeyLifecycleState);
}

#[test]
fn a_public_key_is_linked_to_its_newest_certificates() {
    let openssl = OpenSsl::new();
    let server = start();
    let mut client = server.connect();
    openssl.authority("ca", P256);
    install(&mut client, &openssl, "ca", EC);
    let (_, public) = pair(&mut client);
    let made: Vec<_> =
        (0..18).map(|_| certified(&mut client, VERSION, of_key(&public, [cn("short")]))).collect();
    let told = attributes(&mut client, &public);
    assert_eq!(links(&told, LinkType::CertificateLink), made[2..].iter().collect::<Vec<_>>());
}

#[test]
fn two_subjects_and_usages_that_the_key_cannot_have_are_refused() {
    let openssl = OpenSsl::new();
    let server = start();
    let mut client = server.connect();
    openssl.authority("ca", P256);
    install(&mut client, &openssl, "ca", EC);
    let subject = || {
        AttributeValue::X509CertificateSubject(X509CertificateSubject {
            subject_distinguished_name: Vec::new(),
            subject_alternative_names: vec![b"\x82\x09c.example".to_vec()],
        })
    };
    let (_, public) = pair(&mut client);
    assert_eq!(client.refused(VERSION, of_key(&public, [subject(), subject()])), ResultReason::InvalidField);
    let request = openssl.request("holder", "keyUsage=keyEncipherment");
    assert_eq!(client.refused(VERSION, pkcs10(&request)), ResultReason::InvalidField);
    let request = openssl.request("holder", "keyUsage=keyEncipherment,digitalSignature");
    let made = certified(&mut client, VERSION, pkcs10(&request));
    let text = openssl.verified("ca", &certificate(&mut client, &made));
    assert!(text.contains("Digital Signature") && !text.contains("Key Encipherment"), "{text}");
}

#[test]
fn a_renewal_by_attributes_keeps_what_the_old_certificate_is_for() {
    let openssl = OpenSsl::new();
    let server = start();
    let mut client = server.connect();
    openssl.authority("ca", P256);
    install(&mut client, &openssl, "ca", EC);
    let request = openssl.request("holder", "extendedKeyUsage=serverAuth subjectAltName=DNS:a.example");
    let old = certified(&mut client, VERSION, pkcs10(&request));
    let renewal = |attributes: Vec<AttributeValue>| ReCertifyRequest {
        unique_identifier: Some(old.clone()),
        template_attribute: Some(template(attributes)),
        ..ReCertifyRequest::default()
    };
    // Another name takes a proof that there is none of here.
    let reason = client.refused(VERSION, renewal(vec![cn("somebody else")]));
    assert_eq!(reason, ResultReason::IncompatibleCryptographicUsageMask);
    let new = certified(&mut client, VERSION, renewal(Vec::new()));
    let text = openssl.verified("ca", &certificate(&mut client, &new));
    assert!(text.contains("TLS Web Server Authentication") && text.contains("DNS:a.example"), "{text}");

    let (_, public) = pair(&mut client);
    let old = certified(&mut client, VERSION, of_key(&public, [cn("before")]));
    let renewal = ReCertifyRequest {
        unique_identifier: Some(old),
        template_attribute: Some(template([cn("after")])),
        ..ReCertifyRequest::default()
    };
    let new = certified(&mut client, VERSION, renewal);
    let text = openssl.verified("ca", &certificate(&mut client, &new));
    assert!(text.contains("CN=after"), "the private key on this server is the proof: {text}");
}

#[test]
fn an_issuer_that_also_signs_data_issues_nothing() {
    let openssl = OpenSsl::new();
    let server = start();
    let mut client = server.connect();
    openssl.authority("ca", P256);
    let both = CryptographicUsageMask::CERTIFICATE_SIGN | CryptographicUsageMask::SIGN;
    install_for(&mut client, &openssl, "ca", EC, both);
    let answer = client.ask(VERSION, pkcs10(&openssl.request("holder", "")));
    assert!(answer.result_message.unwrap().contains("serves for more"), "{:?}", answer.result_reason);
}

#[test]
fn nothing_is_certified_where_no_issuer_is_named() {
    let openssl = OpenSsl::new();
    let server = Server::start();
    let mut client = server.connect();
    let request = openssl.request("holder", "");
    let answer = client.ask(VERSION, pkcs10(&request));
    assert_eq!(answer.result_reason, Some(ResultReason::OperationNotSupported));
    assert!(answer.result_message.is_some_and(|message| message.contains("kmip.issuer")));
    let query_functions = vec![QueryFunction::QueryOperations];
    let query = QueryRequest { query_functions, ..QueryRequest::default() };
    let Response::Query(known) = client.done(VERSION, query) else { panic!() };
    assert!(
        !known.operations.contains(&Operation::Certify) && known.operations.contains(&Operation::Validate)
    );
}

#[test]
fn who_certifies_has_the_right_to_it_on_issuer_and_key() {
    let openssl = OpenSsl::new();
    let server = start();
    let mut client = server.connect();
    openssl.authority("ca", P256);
    install(&mut client, &openssl, "ca", EC);
    let added = server.post("/v1/clients", &json!({ "name": "user", "roles": ["user"] }));
    let pem = |field: &str| added[field].as_str().unwrap().as_bytes().to_vec();
    let mut user = server.connect_to(server.address, &pem("certificate"), &pem("private_key"));
    let (_, own) = pair(&mut user);
    let (_, foreign) = pair(&mut client);
    let request = openssl.request("holder", "");
    assert_eq!(user.refused(VERSION, of_key(&own, [cn("x")])), ResultReason::ObjectNotFound);
    assert_eq!(user.refused(VERSION, pkcs10(&request)), ResultReason::ObjectNotFound);
    let grant =
        |actions: &[&str]| server.rest("PUT", "/v1/keys/issuer/grants/user", &json!({ "actions": actions }));
    grant(&["sign"]);
    assert_eq!(user.refused(VERSION, of_key(&own, [cn("x")])), ResultReason::PermissionDenied);
    grant(&["certify"]);
    let made = certified(&mut user, VERSION, of_key(&own, [cn("x")]));
    openssl.verified("ca", &certificate(&mut user, &made));
    assert_eq!(user.refused(VERSION, of_key(&foreign, [cn("x")])), ResultReason::ObjectNotFound);
    let others = certified(&mut client, VERSION, of_key(&foreign, [cn("y")]));
    let renewal = ReCertifyRequest { unique_identifier: Some(others), ..ReCertifyRequest::default() };
    assert_eq!(user.refused(VERSION, renewal), ResultReason::ObjectNotFound);
}

#[test]
fn what_is_issued_here_proves_nobody_on_our_listeners() {
    let openssl = OpenSsl::new();
    let server = start();
    let mut client = server.connect();
    openssl.authority("ca", P256);
    install(&mut client, &openssl, "ca", EC);
    std::fs::copy(server.files.join("client.pem"), openssl.path("admin.pem")).unwrap();
    let admin = openssl.run("x509 -in admin.pem -noout -ext subjectAltName");
    let urn = admin.split("URI:").nth(1).unwrap().trim();
    let request = openssl.request("holder", &format!("subjectAltName=URI:{urn} extendedKeyUsage=clientAuth"));
    assert_eq!(client.refused(VERSION, pkcs10(&request)), ResultReason::InvalidField, "{urn}");
    // Nor what the same authority signs elsewhere.
    openssl.run("x509 -req -in holder.csr -CA ca.pem -CAkey ca.key -copy_extensions copy -out issued.pem");
    assert!(openssl.run("x509 -in issued.pem -noout -ext subjectAltName").contains(urn));
    let file = |name: &str| std::fs::read(openssl.path(name)).unwrap();
    let mut imposter = server.connect_to(server.address, &file("issued.pem"), &file("holder.key"));
    let activate = Request::from(ActivateRequest { unique_identifier: None });
    let message = keyreeve_kmip::message::RequestItem::new(activate);
    let message = keyreeve_kmip::message::RequestMessage::new(VERSION, vec![message]);
    let sent = imposter.try_send(message.encode().unwrap().expose());
    assert!(!sent || imposter.receive_bytes().is_none(), "a certificate of another authority was taken");
}

fn chain(certificates: &[&[u8]], ids: &[&UniqueIdentifier], at: Option<i64>) -> ValidateRequest {
    ValidateRequest {
        certificates: certificates.iter().map(|der| x509(der)).collect(),
        unique_identifiers: ids.iter().copied().cloned().collect(),
        validity_date: at.map(DateTime),
    }
}

fn validity(client: &mut Client, version: Version, request: ValidateRequest) -> ValidityIndicator {
    match client.done(version, request) {
        Response::Validate(answered) => answered.validity_indicator,
        _ => panic!("another operation was answered"),
    }
}

#[test]
fn a_chain_is_valid_invalid_or_unknown() {
    use ValidityIndicator::{Invalid, Unknown, Valid};
    let openssl = OpenSsl::new();
    let server = start();
    let mut client = server.connect();
    let root = openssl.authority("ca", P256);
    let (_, root_id) = install(&mut client, &openssl, "ca", EC);
    let id =
        certified(&mut client, VERSION, pkcs10(&openssl.request("holder", "extendedKeyUsage=codeSigning")));
    let leaf = certificate(&mut client, &id);
    for version in [Version::V1_0, Version::V1_4, VERSION] {
        assert_eq!(validity(&mut client, version, chain(&[], &[&id, &root_id], None)), Valid);
        assert_eq!(validity(&mut client, version, chain(&[&root], &[&id], None)), Valid);
    }
    let mut ask = |certificates: &[&[u8]], at| validity(&mut client, VERSION, chain(certificates, &[], at));
    assert_eq!(ask(&[&leaf, &root], None), Valid);
    assert_eq!(ask(&[&root], None), Valid);
    assert_eq!(ask(&[&root, &leaf, &root], None), Valid, "one of them twice");
    assert_eq!(ask(&[&leaf], None), Unknown, "no anchor");
    assert_eq!(ask(&[&leaf, &root], Some(4_000_000_000)), Invalid, "expired by then");
    assert_eq!(ask(&[&leaf, &root], Some(1_000_000_000)), Invalid, "not valid yet");
    assert_eq!(ask(&[&leaf, &root], Some(-1)), Unknown);
    let mut forged = leaf.clone();
    let last = forged.len() - 1;
    forged[last] ^= 1;
    assert_eq!(ask(&[&forged, &root], None), Invalid, "a wrong signature");
    assert_eq!(ask(&[&leaf[..last], &root], None), Invalid, "no certificate");
    let stranger = openssl.authority("stranger", P256);
    assert_eq!(ask(&[&leaf, &stranger], None), Unknown);
    // Two authorities that certify each other lead nowhere, and that is found out at once.
    std::fs::write(openssl.path("ca.cnf"), "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign\n")
        .unwrap();
    std::fs::write(openssl.path("end.cnf"), "keyUsage=digitalSignature\n").unwrap();
    openssl.run("x509 -req -in holder.csr -signkey holder.key -extfile end.cnf -days 9 -out self.pem");
    assert_eq!(ask(&[&openssl.certificate("self")], None), Unknown, "no authority");
    let by = |name: &str, (authority, key): (&str, &str), file: &str| {
        openssl.request(name, "");
        let kind = if name == "end" { "end" } else { "ca" };
        let line =
            format!("-CA {authority}.pem -CAkey {key}.key -extfile {kind}.cnf -days 9 -out {file}.pem");
        openssl.run(&format!("x509 -req -in {name}.csr {line}"));
        openssl.certificate(file)
    };
    by("two", ("stranger", "stranger"), "two-by-stranger");
    let one = by("one", ("two-by-stranger", "two"), "one-by-two");
    let two = by("two", ("one-by-two", "one"), "two-by-one");
    let end = by("end", ("one-by-two", "one"), "end-by-one");
    assert_eq!(ask(&[&end, &one, &two], None), Unknown);
    assert_eq!(ask(&[&one, &two], None), Unknown);
    let two_by_anchor = openssl.certificate("two-by-stranger");
    assert_eq!(ask(&[&end, &one, &two, &two_by_anchor, &stranger], None), Unknown, "one is left over");
    assert_eq!(ask(&[&end, &one, &two_by_anchor, &stranger], None), Valid, "three authorities");
    // Authorities alone.
    assert_eq!(ask(&[&one, &two_by_anchor, &stranger], None), Valid, "up to an anchor");
    assert_eq!(ask(&[&one, &stranger], None), Unknown, "one is missing");
    std::fs::write(openssl.path("short.cnf"), "basicConstraints=critical,CA:TRUE,pathlen:0\n").unwrap();
    openssl.request("short", "");
    openssl.run("x509 -req -in short.csr -signkey short.key -extfile short.cnf -days 9 -out short.pem");
    let short = openssl.certificate("short");
    let below = by("below", ("short", "short"), "below");
    let deeper = by("deeper", ("below", "below"), "deeper");
    let last = by("end", ("below", "below"), "end-below");
    assert_eq!(ask(&[&below, &short], None), Valid);
    assert_eq!(ask(&[&deeper, &below, &short], None), Unknown, "too long for its anchor");
    assert_eq!(ask(&[&last, &below, &short], None), Invalid, "too long for its anchor");
    // What is revoked here is, however it comes.
    revoke(&mut client, &id);
    let sent = |client: &mut Client| validity(client, VERSION, chain(&[&leaf, &root], &[], None));
    assert_eq!(sent(&mut client), Invalid);
    let many: Vec<&[u8]> = vec![&leaf; 17];
    assert_eq!(client.refused(VERSION, chain(&many, &[], None)), ResultReason::ServerLimitExceeded);
    client.refused(VERSION, chain(&[], &[], None));
    let aes = client.create(VERSION, "no-certificate");
    client.refused(VERSION, chain(&[], &[&aes], None));
    revoke(&mut client, &id);
    assert_eq!(validity(&mut client, VERSION, chain(&[&root], &[&id], None)), Invalid, "revoked");
}
