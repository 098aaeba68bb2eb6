//! The table of docs/algorithms.md against what is there: every named kind of key, with its uses.

use std::{env, fmt::Write, fs, path::PathBuf};

use keyreeve_core::{
    model::{KeySpec, UsageMask},
    ports::crypto::Crypto,
};
use keyreeve_crypto::SoftwareCrypto;

/// Name and standard; a kind without a row here fails.
const STANDARDS: &[(&str, &str)] = &[
    ("aes-128", "FIPS 197"),
    ("aes-192", "FIPS 197"),
    ("aes-256", "FIPS 197"),
    ("aes-512", "FIPS 197, two keys in one"),
    ("chacha20-poly1305", "RFC 8439"),
    ("hmac-sha256", "FIPS 198-1"),
    ("hmac-sha384", "FIPS 198-1"),
    ("hmac-sha512", "FIPS 198-1"),
    ("rsa-2048", "RFC 8017"),
    ("rsa-3072", "RFC 8017"),
    ("rsa-4096", "RFC 8017"),
    ("ec-p256", "FIPS 186-5, SP 800-186"),
    ("ec-p384", "FIPS 186-5, SP 800-186"),
    ("ec-p521", "FIPS 186-5, SP 800-186"),
    ("secp256k1", "SEC 2"),
    ("ed25519", "RFC 8032"),
    ("x25519", "RFC 7748"),
    ("ml-dsa-44", "FIPS 204"),
    ("ml-dsa-65", "FIPS 204"),
    ("ml-dsa-87", "FIPS 204"),
    ("slh-dsa-sha2-128s", "FIPS 205"),
    ("slh-dsa-sha2-128f", "FIPS 205"),
    ("slh-dsa-sha2-192s", "FIPS 205"),
    ("slh-dsa-sha2-192f", "FIPS 205"),
    ("slh-dsa-sha2-256s", "FIPS 205"),
    ("slh-dsa-sha2-256f", "FIPS 205"),
    ("slh-dsa-shake-128s", "FIPS 205"),
    ("slh-dsa-shake-128f", "FIPS 205"),
    ("slh-dsa-shake-192s", "FIPS 205"),
    ("slh-dsa-shake-192f", "FIPS 205"),
    ("slh-dsa-shake-256s", "FIPS 205"),
    ("slh-dsa-shake-256f", "FIPS 205"),
    ("ml-kem-512", "FIPS 203"),
    ("ml-kem-768", "FIPS 203"),
    ("ml-kem-1024", "FIPS 203"),
];

const BEGIN: &str = "<!-- kinds: crates/crypto/tests/documented.rs -->\n";
const END: &str = "<!-- end -->\n";

/// The words of all uses that fit, those in parentheses that a key gets by name only.
fn words(fitting: UsageMask, default: UsageMask) -> String {
    let word = |word: &str| {
        let usage = UsageMask::from_word(word).expect("a word of its own");
        if default.allows(usage) { word.to_owned() } else { format!("({word})") }
    };
    let words: Vec<String> =
        fitting.words().into_iter().filter(|known| *known != "mac-verify").map(word).collect();
    words.join(", ")
}

#[test]
fn every_named_kind_stands_in_the_table() {
    let crypto = SoftwareCrypto::new();
    let mut table =
        String::from("| name | uses | of the public half | bits | standard |\n|---|---|---|---|---|\n");
    for name in KeySpec::names() {
        let spec = KeySpec::from_name(name).unwrap();
        let (_, standard) = STANDARDS.iter().find(|(known, _)| *known == name).expect("a row above");
        let ((private, public), default) = (crypto.fitting_usage(&spec), crypto.default_usage(&spec));
        let (private, public) = (words(private, default.0), words(public, default.1));
        writeln!(table, "| `{name}` | {private} | {public} | {} | {standard} |", spec.length_bits).unwrap();
    }
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/algorithms.md");
    let text = fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the table's begin");
    let (written, after) = rest.split_once(END).expect("the table's end");
    if env::var_os("KEYREEVE_WRITE_GOLDEN").is_some() {
        fs::write(&path, [before, BEGIN, &table, END, after].concat()).unwrap();
        return;
    }
    assert_eq!(written, table, "run it with KEYREEVE_WRITE_GOLDEN=1, and look at the change");
}

/// What the document says is not offered has no name here.
#[test]
fn what_is_not_offered_has_no_name() {
    for name in ["ed448", "x448", "3des", "ec-p224", "rsa-1024", "aes-384"] {
        assert_eq!(KeySpec::from_name(name), None, "{name}");
    }
}
