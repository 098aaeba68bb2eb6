//! The authority against openssl: what it issues verifies there, and what openssl requests is issued here.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{SystemTime, UNIX_EPOCH};

use rustls_pki_types::{CertificateDer, ServerName};
use tempfile::TempDir;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::*;

const PRINCIPAL: Uuid = Uuid::from_u128(0x0123_4567_89ab_4def_8123_4567_89ab_cdef);
const ALICE: ClientSubject<'static> = ClientSubject { principal: PRINCIPAL, name: "alice" };

struct House {
    authority: CertificateAuthority,
    folder: TempDir,
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn validity() -> Validity {
    Validity { from_seconds: now(), days: 365 }
}

fn house() -> House {
    let made = CertificateAuthority::create(now()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ca.pem"), pem::encode_certificate(&made.certificate)).unwrap();
    let authority = CertificateAuthority::load(made.certificate, &made.key).unwrap();
    House { authority, folder }
}

impl House {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn keep(&self, name: &str, certificate: &CertificateDer<'_>) -> PathBuf {
        std::fs::write(self.path(name), pem::encode_certificate(certificate)).unwrap();
        self.path(name)
    }

    fn openssl(&self, line: &str) -> Output {
        let output = Command::new("openssl").current_dir(self.folder.path()).args(line.split(' ')).output();
        output.expect("openssl is installed")
    }

    fn openssl_text(&self, line: &str) -> String {
        let output = self.openssl(line);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {line}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn request(&self, key_options: &str) -> Vec<u8> {
        let line = format!(
            "req -new -nodes -keyout k.pem -out r.pem -subj /CN=mallory/O=Evil -newkey {key_options}"
        );
        self.openssl_text(&line);
        std::fs::read(self.path("r.pem")).unwrap()
    }
}

fn flipped(path: &Path) -> Vec<u8> {
    let mut bytes = std::fs::read(path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    bytes
}

#[test]
fn authority_is_a_ca_that_openssl_takes() {
    let house = house();
    let text = house.openssl_text("x509 -in ca.pem -noout -text");
    for line in
        ["CA:TRUE, pathlen:0", "Certificate Sign, CRL Sign", "Subject Key Identifier", "CN = Keyreeve CA"]
    {
        assert!(text.contains(line), "{line} missing in\n{text}");
    }
    house.openssl_text("verify -x509_strict -CAfile ca.pem ca.pem");
    let info = CertificateInfo::read(house.authority.certificate()).unwrap();
    assert_eq!(info.not_after_seconds - info.not_before_seconds, 3652 * 86_400 + 300);
    assert_eq!(info.subject_common_name.as_deref(), Some("Keyreeve CA"));
}

#[test]
fn authority_refuses_a_foreign_key_and_a_leaf() {
    let house = house();
    let other = PrivateKey::generate().unwrap();
    let refused = CertificateAuthority::load(house.authority.certificate().clone(), &other);
    assert!(matches!(refused, Err(PkiError::KeyMismatch)));
    let leaf = house.authority.issue_client(&ALICE, validity()).unwrap();
    let refused = CertificateAuthority::load(leaf.certificate, &leaf.key);
    assert!(matches!(refused, Err(PkiError::Malformed { .. })));
}

#[test]
fn server_certificate_verifies_for_its_names_only() {
    let house = house();
    let names = ["localhost", "127.0.0.1", "::1"].map(|name| ServerName::try_from(name).unwrap());
    let issued = house.authority.issue_server(&names, validity()).unwrap();
    house.keep("s.pem", &issued.certificate);
    for name in ["-verify_hostname localhost", "-verify_ip 127.0.0.1", "-verify_ip ::1"] {
        house.openssl_text(&format!("verify -x509_strict -purpose sslserver {name} -CAfile ca.pem s.pem"));
    }
    let refused = "-purpose sslserver -verify_hostname example.org";
    assert!(!house.openssl(&format!("verify {refused} -CAfile ca.pem s.pem")).status.success());
    // A server shows it where it connects to others.
    house.openssl_text("verify -x509_strict -purpose sslclient -CAfile ca.pem s.pem");
    let text = house.openssl_text("x509 -in s.pem -noout -text");
    for line in ["CA:FALSE", "TLS Web Server Authentication", "Authority Key Identifier", "Digital Signature"]
    {
        assert!(text.contains(line), "{line} missing in\n{text}");
    }
}

#[test]
fn client_certificate_names_its_principal() {
    let house = house();
    let issued = house.authority.issue_client(&ALICE, validity()).unwrap();
    house.keep("c.pem", &issued.certificate);
    std::fs::write(house.path("c.key"), issued.key.pkcs8_pem().as_bytes()).unwrap();
    house.openssl_text("verify -x509_strict -purpose sslclient -CAfile ca.pem c.pem");
    assert!(!house.openssl("verify -purpose sslserver -CAfile ca.pem c.pem").status.success());
    let of_key = house.openssl_text("pkey -in c.key -pubout");
    assert_eq!(of_key, house.openssl_text("x509 -in c.pem -noout -pubkey"));

    let info = CertificateInfo::read(&issued.certificate).unwrap();
    assert_eq!(info.principal(), Some(PRINCIPAL));
    assert_eq!(info.subject_common_name.as_deref(), Some("alice"));
    assert!(info.issuer.starts_with("CN=Keyreeve CA, serialNumber="), "{}", info.issuer);
    assert_eq!(info.serial.as_bytes().len(), 16);
    let serial = house.openssl_text("x509 -in c.pem -noout -serial");
    assert_eq!(serial.trim().to_lowercase(), format!("serial={}", info.serial));
    house.openssl_text("pkey -in c.key -pubout -outform DER -out spki.der");
    let digest = house.openssl_text("dgst -sha256 -r spki.der");
    let spki: String = info.spki_sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(digest.starts_with(&spki));
    let next = house.authority.issue_client(&ALICE, validity()).unwrap();
    assert_ne!(CertificateInfo::read(&next.certificate).unwrap().serial, info.serial);
}

#[test]
fn requests_of_openssl_are_issued_with_nothing_but_their_key() {
    let house = house();
    let kinds = [
        "rsa:2048 -sha384",
        "ec -pkeyopt ec_paramgen_curve:P-256",
        "ec -pkeyopt ec_paramgen_curve:P-384 -sha384",
        "ec -pkeyopt ec_paramgen_curve:P-521 -sha512",
        "ed25519",
    ];
    for kind in kinds {
        let asked =
            "-addext basicConstraints=critical,CA:TRUE -addext subjectAltName=URI:urn:keyreeve:principal:0";
        let request = CertificateRequest::read(&house.request(&format!("{kind} {asked}"))).expect(kind);
        let certificate = house.authority.issue_client_for(&request, &ALICE, validity()).unwrap();
        house.keep("c.pem", &certificate);
        house.openssl_text("verify -x509_strict -purpose sslclient -CAfile ca.pem c.pem");
        let of_key = house.openssl_text("pkey -in k.pem -pubout");
        assert_eq!(of_key, house.openssl_text("x509 -in c.pem -noout -pubkey"), "{kind}");
        let info = CertificateInfo::read(&certificate).unwrap();
        assert_eq!(info.subject_uris, [principal_urn(PRINCIPAL)]);
        assert_eq!(info.subject_common_name.as_deref(), Some("alice"));
        let text = house.openssl_text("x509 -in c.pem -noout -text");
        assert!(text.contains("CA:FALSE") && !text.contains("mallory") && !text.contains("Evil"));
    }
}

#[test]
fn request_in_der_is_read_and_a_forged_one_refused() {
    let house = house();
    house.request("ec -pkeyopt ec_paramgen_curve:P-256");
    house.openssl_text("req -in r.pem -outform DER -out r.der");
    let der = house.path("r.der");
    assert!(CertificateRequest::read(&std::fs::read(&der).unwrap()).is_ok());
    let forged = flipped(&der);
    assert!(matches!(CertificateRequest::read(&forged), Err(PkiError::RequestSignature)));
    let mut trailing = std::fs::read(&der).unwrap();
    trailing.push(0);
    assert!(matches!(CertificateRequest::read(&trailing), Err(PkiError::Malformed { .. })));
}

#[test]
fn weak_and_unknown_request_keys_are_refused() {
    let house = house();
    for kind in ["rsa:1024", "ec -pkeyopt ec_paramgen_curve:secp256k1", "ed448"] {
        let refused = CertificateRequest::read(&house.request(kind));
        assert!(matches!(refused, Err(PkiError::UnsupportedKey(_))), "{kind}");
    }
    for garbage in [&b""[..], b"-----BEGIN CERTIFICATE REQUEST-----\n", b"\x30\x84\xff\xff\xff\xff", b"hello"]
    {
        assert!(matches!(CertificateRequest::read(garbage), Err(PkiError::Malformed { .. })));
    }
}

#[test]
fn certificate_ends_with_its_authority() {
    let house = house();
    let long = Validity { from_seconds: now(), days: 30_000 };
    let issued = house.authority.issue_client(&ALICE, long).unwrap();
    let end = |certificate| CertificateInfo::read(certificate).unwrap().not_after_seconds;
    assert_eq!(end(&issued.certificate), end(house.authority.certificate()));
    for wrong in [Validity { from_seconds: now(), days: 0 }, Validity { from_seconds: u64::MAX, days: 1 }] {
        let refused = house.authority.issue_client(&ALICE, wrong);
        assert!(matches!(refused, Err(PkiError::Validity { .. })));
    }
}

#[test]
fn names_that_x509_cannot_carry_are_refused() {
    let house = house();
    for name in ["", "two\nlines", &"x".repeat(65)] {
        let subject = ClientSubject { principal: PRINCIPAL, name };
        let refused = house.authority.issue_client(&subject, validity());
        assert!(matches!(refused, Err(PkiError::Name { .. })), "{name:?}");
    }
    let subject = ClientSubject { principal: PRINCIPAL, name: "Jürgen 鍵" };
    let issued = house.authority.issue_client(&subject, validity()).unwrap();
    let info = CertificateInfo::read(&issued.certificate).unwrap();
    assert_eq!(info.subject_common_name.as_deref(), Some("Jürgen 鍵"));
    assert!(matches!(house.authority.issue_server(&[], validity()), Err(PkiError::Name { .. })));
}

#[test]
fn pkcs12_opens_in_openssl_with_its_password_only() {
    let house = house();
    let issued = house.authority.issue_client(&ALICE, validity()).unwrap();
    let password = "pässwörd-🔑";
    let certificates: [&[u8]; 2] = [&issued.certificate, house.authority.certificate()];
    let bundle = pkcs12_bundle(issued.key.pkcs8_der(), &certificates, "alice", password).unwrap();
    std::fs::write(house.path("a.p12"), bundle).unwrap();
    house.keep("c.pem", &issued.certificate);
    let text = house.openssl_text(&format!("pkcs12 -in a.p12 -nodes -passin pass:{password}"));
    assert!(text.contains("friendlyName: alice") && text.contains("localKeyID"));
    assert!(text.contains(issued.key.pkcs8_pem().as_str()), "the key differs");
    let certificates = pem::decode_certificates(text.as_bytes()).unwrap();
    assert_eq!(certificates, [issued.certificate.clone(), house.authority.certificate().clone()]);
    assert!(!house.openssl("pkcs12 -in a.p12 -nodes -passin pass:wrong").status.success());
    let refused = pkcs12_bundle(issued.key.pkcs8_der(), &[], "alice", "");
    assert!(matches!(refused, Err(PkiError::EmptyPassword)));
}

#[test]
fn key_survives_its_own_encoding_and_garbage_is_refused() {
    let key = PrivateKey::generate().unwrap();
    let again = PrivateKey::from_pkcs8_der(Zeroizing::new(key.pkcs8_der().to_vec())).unwrap();
    assert!(again.pkcs8_der() == key.pkcs8_der());
    let garbage = PrivateKey::from_pkcs8_der(Zeroizing::new(b"not a key".to_vec()));
    assert!(matches!(garbage, Err(PkiError::Malformed { .. })));
}

#[test]
fn reading_refuses_what_is_no_certificate() {
    let house = house();
    let mut trailing = house.authority.certificate().to_vec();
    trailing.push(0);
    for bytes in [trailing, b"garbage".to_vec(), Vec::new()] {
        let refused = CertificateInfo::read(&CertificateDer::from(bytes));
        assert!(matches!(refused, Err(PkiError::Malformed { .. })));
    }
    assert!(matches!(pem::decode_certificates(b"no blocks here"), Err(PkiError::Malformed { .. })));
}
