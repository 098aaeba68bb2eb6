//! The published envelope vectors, and HPKE both ways, against second implementations that share no code with this one.

use std::{
    env,
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

use keyreeve_core::{
    model::{KeyFormat, KeyId, KeySpec, ObjectType},
    ports::crypto::{Crypto, EnvelopeKey, Generated},
};
use keyreeve_crypto::SoftwareCrypto;
use serde_json::json;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The Python of the tests, with the packages that they need.
#[allow(clippy::print_stderr, reason = "a test says what it skipped")]
fn python() -> Option<PathBuf> {
    let python = env::var_os("KEYREEVE_TEST_PYTHON")
        .map_or_else(|| root().join("target/venv/bin/python"), PathBuf::from);
    if !python.exists() {
        eprintln!("SKIPPED: {} is not there; `cargo xtask test` makes it", python.display());
        return None;
    }
    Some(python)
}

#[test]
fn an_independent_reader_agrees_with_the_envelope_vectors() {
    let Some(python) = python() else { return };
    let output = Command::new(python)
        .arg(root().join("tests/independent/envelope.py"))
        .arg("check")
        .arg(root().join("crates/crypto/tests/data/envelope.json"))
        .output()
        .expect("Python starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// What is sealed here opens there and the other way round. ML-KEM-512 is left out, which that package does not have;
/// private keys of ML-KEM stay here, as it takes none in expanded form.
#[test]
fn an_independent_hpke_opens_ours_and_seals_for_us() {
    let Some(python) = python() else { return };
    let crypto = SoftwareCrypto::new();
    let owner = EnvelopeKey { key: KeyId::from_parts(0, &[0; 10]), version: 1 };
    let (mut input, mut keys) = (String::new(), Vec::new());
    for name in ["x25519", "ec-p256", "ec-p384", "ec-p521", "ml-kem-768", "ml-kem-1024"] {
        let spec = KeySpec::from_name(name).unwrap();
        let Generated::Pair { private, public } = crypto.generate(&spec).unwrap() else { panic!("no pair") };
        let private = crypto.parse(ObjectType::PrivateKey, Some(&spec), &private).unwrap();
        let public = crypto.parse(ObjectType::PublicKey, Some(&spec), &public).unwrap();
        let pkcs8 = private.export(KeyFormat::Pkcs8).unwrap();
        let pkcs8 = if name.starts_with("ml-kem") { &[] } else { pkcs8.bytes.expose() };
        let case = json!({
            "name": name,
            "private": hex::encode(pkcs8),
            "public": hex::encode(public.public_key().unwrap()),
            "info": hex::encode(b"context"),
            "plaintext": hex::encode(name),
            "sealed": hex::encode(public.seal_envelope(owner, b"context", name.as_bytes()).unwrap()),
        });
        input += &format!("{case}\n");
        keys.push((name, private));
    }
    let mut child = Command::new(python)
        .arg(root().join("tests/independent/hpke.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("Python starts");
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let sealed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(sealed.lines().count(), keys.len());
    for ((name, private), sealed) in keys.iter().zip(sealed.lines()) {
        let opened = private.open_envelope(owner, b"context", &hex::decode(sealed).unwrap()).unwrap();
        assert_eq!(opened.expose(), name.as_bytes());
    }
}
