//! KMIP over HTTPS with curl, in each encoding: the life of a key, the published messages, and what is refused.

use std::io::Write as _;
use std::process::Stdio;

use keyreeve_kmip::attributes::{AttributeValue, Attributes, TemplateAttribute};
use keyreeve_kmip::enums::{
    BlockCipherMode, CryptographicAlgorithm, ObjectType, QueryFunction, ResultReason, ResultStatus,
};
use keyreeve_kmip::message::{RequestItem, RequestMessage, ResponseMessage};
use keyreeve_kmip::payloads::activate::ActivateRequest;
use keyreeve_kmip::payloads::create::CreateRequest;
use keyreeve_kmip::payloads::decrypt::DecryptRequest;
use keyreeve_kmip::payloads::encrypt::EncryptRequest;
use keyreeve_kmip::payloads::get_attributes::GetAttributesRequest;
use keyreeve_kmip::payloads::query::QueryRequest;
use keyreeve_kmip::payloads::{Request, Response};
use keyreeve_kmip::ttlv::Value;
use keyreeve_kmip::values::{CryptographicUsageMask, UniqueIdentifier};
use keyreeve_kmip::{Encoding, Limits, Version};

use crate::server::{Server, folder};

/// Posts bytes with curl; status, media type and body of the answer. `proof`: the arguments that say who asks.
fn curl(server: &Server, proof: &[&str], kind: &str, body: &[u8]) -> (u16, String, Vec<u8>) {
    let mut command = server.command("curl");
    command.args(["-sS", "--cacert", server.variable("KEYREEVE_CA"), "--data-binary", "@-"]).args(proof);
    command.args(["-H", &format!("Content-Type: {kind}"), "-w", "%{stderr}%{http_code} %{content_type}"]);
    command.arg(format!("{}/kmip", server.variable("KEYREEVE_ADDR")));
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(body).unwrap();
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    let (status, kind) = told.split_once(' ').unwrap_or_else(|| panic!("curl: {told}"));
    (status.parse().unwrap_or_else(|_| panic!("curl: {told}")), kind.to_owned(), output.stdout)
}

/// As the administrator, with the certificate.
fn post(server: &Server, encoding: Encoding, body: &[u8]) -> ResponseMessage {
    let certificate = server.variable("KEYREEVE_CLIENT_CERT");
    let proof = ["--cert", certificate, "--key", server.variable("KEYREEVE_CLIENT_KEY")];
    let (status, kind, answer) = curl(server, &proof, encoding.media_type(), body);
    assert_eq!((status, &*kind), (200, encoding.media_type()), "{}", String::from_utf8_lossy(&answer));
    ResponseMessage::decode_from(encoding, &answer, &Limits::default())
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&answer)))
}

fn text(encoding: Encoding, version: Version, payloads: Vec<Request>) -> Vec<u8> {
    let items = payloads.into_iter().map(RequestItem::new).collect();
    let request = RequestMessage::new(version, items).encode().unwrap();
    encoding.translate(request).unwrap().into_vec()
}

fn done(server: &Server, encoding: Encoding, version: Version, payloads: Vec<Request>) -> Vec<Response> {
    let answer = post(server, encoding, &text(encoding, version, payloads));
    assert_eq!(answer.version, version);
    let items = answer.items.into_iter().map(|item| {
        assert_eq!(item.result_status, ResultStatus::Success, "{:?}", item.result_message);
        item.payload.unwrap()
    });
    items.collect()
}

fn create(further: Option<AttributeValue>) -> Request {
    let attributes = [
        AttributeValue::CryptographicAlgorithm(CryptographicAlgorithm::Aes),
        AttributeValue::CryptographicLength(256),
        AttributeValue::CryptographicUsageMask(
            CryptographicUsageMask::ENCRYPT | CryptographicUsageMask::DECRYPT,
        ),
    ];
    let attributes = attributes.into_iter().chain(further).collect::<Attributes>();
    let template_attribute = TemplateAttribute::from(attributes);
    let object_type = ObjectType::SymmetricKey;
    CreateRequest { object_type, template_attribute, protection_storage_masks: None }.into()
}

#[test]
fn a_key_lives_over_curl_in_every_encoding() {
    let data = folder();
    let server = Server::dev(data.path());
    for (encoding, version) in Encoding::ALL.into_iter().zip([Version::V2_1, Version::V1_4, Version::V2_0]) {
        let mut made =
            done(&server, encoding, version, vec![create(None), ActivateRequest::default().into()]);
        let Response::Create(created) = made.remove(0) else { panic!("another operation was answered") };
        let id = Some(created.unique_identifier);
        let parameters = keyreeve_kmip::attributes::CryptographicParameters {
            block_cipher_mode: Some(BlockCipherMode::Gcm),
            random_iv: Some(true),
            tag_length: Some(16),
            ..Default::default()
        };
        let encrypt = EncryptRequest {
            unique_identifier: id.clone(),
            cryptographic_parameters: Some(parameters.clone()),
            data: Some(b"over HTTPS".to_vec().into()),
            ..EncryptRequest::default()
        };
        let Response::Encrypt(sealed) = done(&server, encoding, version, vec![encrypt.into()]).remove(0)
        else {
            panic!("another operation was answered")
        };
        let decrypt = DecryptRequest {
            unique_identifier: id,
            cryptographic_parameters: Some(parameters),
            data: sealed.data.map(Into::into),
            iv_counter_nonce: sealed.iv_counter_nonce,
            authenticated_encryption_tag: sealed.authenticated_encryption_tag,
            ..DecryptRequest::default()
        };
        let Response::Decrypt(plain) = done(&server, encoding, version, vec![decrypt.into()]).remove(0)
        else {
            panic!("another operation was answered")
        };
        assert_eq!(plain.data.unwrap().expose(), b"over HTTPS", "{encoding:?}");
    }
    let bearer = ["-H", &format!("Authorization: Bearer {}", server.variable("KEYREEVE_TOKEN"))];
    let mut command = server.command("curl");
    command.args(["-sS", "--cacert", server.variable("KEYREEVE_CA")]).args(bearer);
    let journal = command.arg(format!("{}/v1/journal?limit=1000", server.variable("KEYREEVE_ADDR"))).output();
    let journal = String::from_utf8(journal.unwrap().stdout).unwrap();
    assert_eq!(journal.matches("\"protocol\":\"kmip\"").count(), 12, "{journal}");
}

#[test]
fn the_published_exchange_runs_in_every_encoding() {
    let data = folder();
    let server = Server::dev(data.path());
    for encoding in Encoding::ALL {
        for (size_max, fits) in [(256, false), (2048, true)] {
            let functions = vec![QueryFunction::QueryOperations, QueryFunction::QueryObjects];
            let query = QueryRequest { query_functions: functions, object_groups: None };
            let mut request = RequestMessage::new(Version::V1_2, vec![RequestItem::new(query.into())]);
            request.header.maximum_response_size = Some(size_max);
            let body = encoding.translate(request.encode().unwrap()).unwrap();
            let answer = post(&server, encoding, body.expose());
            let reason = answer.items[0].result_reason;
            assert_eq!(reason, (!fits).then_some(ResultReason::ResponseTooLarge), "{encoding:?}");
        }
    }
}

#[test]
fn what_is_no_kmip_over_https_is_refused_where_it_is_wrong() {
    let data = folder();
    let server = Server::dev(data.path());
    let query = |encoding| {
        text(
            encoding,
            Version::V1_4,
            vec![
                QueryRequest { query_functions: vec![QueryFunction::QueryOperations], object_groups: None }
                    .into(),
            ],
        )
    };
    let bearer = format!("Authorization: Bearer {}", server.variable("KEYREEVE_TOKEN"));
    let (status, kind, _) = curl(&server, &["-H", &bearer], "text/xml; charset=utf-8", &query(Encoding::Xml));
    assert_eq!((status, &*kind), (200, "text/xml"));
    let (status, kind, answer) = curl(&server, &[], "text/xml", &query(Encoding::Xml));
    assert_eq!((status, &*kind), (401, "application/problem+json"), "{}", String::from_utf8_lossy(&answer));
    let (status, _, answer) = curl(&server, &["-H", &bearer], "text/plain", b"hello");
    assert_eq!(status, 415, "{}", String::from_utf8_lossy(&answer));
    let (status, _, _) = curl(&server, &["-H", &bearer], "text/xml", &vec![b' '; 9 << 20]);
    assert_eq!(status, 413);
    // A body of another encoding than its media type says, and a body of none.
    for encoding in Encoding::ALL {
        for other in Encoding::ALL.into_iter().filter(|other| *other != encoding) {
            let answer = post(&server, encoding, &query(other));
            assert_eq!(answer.items[0].result_reason, Some(ResultReason::InvalidMessage), "{encoding:?}");
        }
    }
    // The version stands before what is wrong, and the answer is of that version.
    let broken = String::from_utf8(query(Encoding::Json)).unwrap().replace("QueryOperations", "QueryNothing");
    let answer = post(&server, Encoding::Json, broken.as_bytes());
    assert_eq!(answer.version, Version::V1_4);
    let message = answer.items[0].result_message.as_deref().unwrap();
    assert!(message.ends_with("QueryFunction[0]: this names no value of the enumeration"), "{message}");
}

#[test]
fn a_text_that_xml_cannot_express_leaves_in_the_other_encodings_alone() {
    let data = folder();
    let server = Server::dev(data.path());
    let note = |text: &str| AttributeValue::Vendor {
        vendor: "x".into(),
        name: "note".into(),
        value: Value::TextString(text.into()),
    };
    let get_attributes = |id: &UniqueIdentifier| {
        let unique_identifier = Some(id.clone());
        vec![GetAttributesRequest { unique_identifier, ..GetAttributesRequest::default() }.into()]
    };
    for (text, fits) in [("a < b\t\u{e9}", true), ("a\u{1}b", false)] {
        let mut made = done(&server, Encoding::Json, Version::V1_4, vec![create(Some(note(text)))]);
        let Response::Create(created) = made.remove(0) else { panic!("another operation was answered") };
        let asked = || get_attributes(&created.unique_identifier);
        for encoding in [Encoding::Ttlv, Encoding::Json] {
            done(&server, encoding, Version::V1_4, asked());
        }
        let answer = post(&server, Encoding::Xml, &self::text(Encoding::Xml, Version::V1_4, asked()));
        assert_eq!(answer.version, Version::V1_4);
        let reason = answer.items[0].result_reason;
        assert_eq!(
            reason,
            (!fits).then_some(ResultReason::GeneralFailure),
            "{:?}",
            answer.items[0].result_message
        );
    }
}
