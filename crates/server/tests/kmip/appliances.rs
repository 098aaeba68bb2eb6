//! The listener for old appliances: OpenSSL plays an appliance whose certificate is of X.509 version 1, signed over SHA-1 by an
//! RSA key of 1024 bits.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use keyreeve_kmip::Version;
use keyreeve_kmip::enums::{QueryFunction, ResultReason, ResultStatus};
use keyreeve_kmip::message::{RequestItem, RequestMessage, ResponseMessage};
use keyreeve_kmip::payloads::query::QueryRequest;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use serde_json::json;

use crate::harness::Server;

/// Makes a certificate and its key, `NAME.pem` and `NAME.key`.
fn make(folder: &Path, name: &str) -> String {
    let run = |arguments: &[&str]| {
        let output = Command::new("openssl").args(arguments).current_dir(folder).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let [key, request, certificate] = ["key", "csr", "pem"].map(|end| format!("{name}.{end}"));
    let subject = format!("/CN={name}");
    let new = ["req", "-new", "-newkey", "rsa:1024", "-nodes", "-subj", &subject];
    run(&[&new[..], &["-keyout", &key, "-out", &request]].concat());
    let sign = ["x509", "-req", "-sha1", "-days", "3650", "-in", &request];
    run(&[&sign[..], &["-signkey", &key, "-out", &certificate]].concat());
    std::fs::read_to_string(folder.join(certificate)).unwrap()
}

/// What Query is answered to OpenSSL with this certificate; `None` where there was no answer.
fn query(server: &Server, folder: &Path, name: &str, address: SocketAddr) -> Option<ResponseMessage> {
    let query_functions = vec![QueryFunction::QueryOperations];
    let query = QueryRequest { query_functions, ..QueryRequest::default() };
    let request = RequestMessage::new(Version::V1_0, vec![RequestItem::new(query.into())]).encode().unwrap();
    let mut openssl = Command::new("openssl")
        .args(["s_client", "-quiet", "-tls1_2", "-cipher", "DEFAULT@SECLEVEL=0", "-connect"])
        .arg(address.to_string())
        .args(["-cert", &format!("{name}.pem"), "-key", &format!("{name}.key"), "-verify_return_error"])
        .arg("-CAfile")
        .arg(server.files.join("ca.pem"))
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // It may have been refused, and be gone already.
    let _ = openssl.stdin.as_mut().unwrap().write_all(request.expose());
    let output = openssl.stdout.as_mut().unwrap();
    let mut answer = vec![0; 8];
    let mut whole = output.read_exact(&mut answer).is_ok();
    if whole {
        let length = u32::from_be_bytes(answer[4..8].try_into().unwrap()) as usize;
        answer.resize(8 + length, 0);
        whole = output.read_exact(&mut answer[8..]).is_ok();
    }
    let _ = openssl.kill();
    openssl.wait().unwrap();
    whole.then(|| ResponseMessage::decode(&answer, &keyreeve_kmip::Limits::default()).unwrap())
}

fn start() -> Server {
    Server::start_with(|config| config.listen.appliances = Some(([127, 0, 0, 1], 0).into()))
}

#[test]
fn an_old_appliance_is_taken_by_the_very_certificate_that_was_pinned() {
    let server = start();
    let appliances = server.appliances.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (array, _) = (make(folder.path(), "array"), make(folder.path(), "stranger"));
    assert!(query(&server, folder.path(), "array", appliances).is_none(), "it is not pinned yet");
    let pinned = server.post("/v1/clients", &json!({ "name": "array", "pin": array }));
    let warnings = ["it is of X.509 version 1", "it is signed over SHA-1", "its RSA key has 1024 bits"];
    assert_eq!(pinned["warnings"], json!(warnings));
    assert_eq!(pinned["certificate"].as_str().unwrap().trim(), array.trim());
    assert!(pinned.get("private_key").is_none());
    let answer = query(&server, folder.path(), "array", appliances).expect("an answer");
    assert_eq!(answer.items[0].result_status, ResultStatus::Success);
    assert!(query(&server, folder.path(), "stranger", appliances).is_none(), "another certificate like it");
    assert!(query(&server, folder.path(), "array", server.address).is_none(), "the other listener");
    server.post("/v1/clients/array/revoke", &json!({}));
    match query(&server, folder.path(), "array", appliances) {
        None => {}
        Some(answer) => {
            assert_eq!(answer.items[0].result_reason, Some(ResultReason::AuthenticationNotSuccessful));
        }
    }
}

#[test]
fn clients_of_the_house_connect_there_too_with_tls_1_2() {
    let server = start();
    let file = |name: &str| std::fs::read(server.files.join(name)).unwrap();
    let (certificate, key) = (file("client.pem"), file("client.key"));
    for (version, is_taken) in [(&rustls::version::TLS12, true), (&rustls::version::TLS13, false)] {
        let tls = server.tls(&certificate, &key, &[version]);
        let mut client = server.connect_with(server.appliances.unwrap(), &tls.into());
        let request = RequestMessage::new(Version::V1_0, Vec::new()).encode().unwrap();
        let taken = client.try_send(request.expose()) && client.receive_bytes().is_some();
        assert_eq!(taken, is_taken, "{version:?}");
    }
}

#[test]
fn a_pinned_certificate_proves_nobody_without_its_key() {
    let (server, elsewhere) = (start(), Server::start());
    let file = |server: &Server, name: &str| std::fs::read(server.files.join(name)).unwrap();
    let certificate = String::from_utf8(file(&elsewhere, "client.pem")).unwrap();
    let pinned = server.post("/v1/clients", &json!({ "name": "elsewhere", "pin": certificate }));
    assert_eq!(pinned["warnings"], json!([]));
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
    for (holder, is_taken) in [(&elsewhere, true), (&server, false)] {
        let own = (file(&server, "client.pem"), file(&server, "client.key"));
        let mut tls = server.tls(&own.0, &own.1, &[&rustls::version::TLS12]);
        let key = PrivateKeyDer::from_pem_slice(&file(holder, "client.key")).unwrap();
        let key = any_supported_type(&key).unwrap();
        let shown = SingleCertAndKey::from(CertifiedKey::new(chain.clone(), key));
        tls.client_auth_cert_resolver = Arc::new(shown);
        let mut client = server.connect_with(server.appliances.unwrap(), &tls.into());
        let request = RequestMessage::new(Version::V1_0, Vec::new()).encode().unwrap();
        let taken = client.try_send(request.expose()) && client.receive_bytes().is_some();
        assert_eq!(taken, is_taken);
    }
}
