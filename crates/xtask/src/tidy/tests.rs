//! Each rule fires on a bad snippet and keeps quiet on a good one.

use super::source::SourceFile;
use super::*;

/// The rules that a file of this path and text breaks, with their lines.
fn broken(path: &str, text: &str) -> Vec<(&'static str, usize)> {
    let file = SourceFile::parse(path, text).unwrap_or_else(|finding| panic!("{finding:?}"));
    FILE_RULES.iter().flat_map(|rule| rule(&file)).map(|finding| (finding.rule, finding.line)).collect()
}

fn broken_in_core(text: &str) -> Vec<(&'static str, usize)> {
    broken("crates/core/src/key.rs", &format!("//! Keys.\n{text}"))
}

fn arrows(folder: &str, dependencies: &str) -> Vec<(&'static str, usize)> {
    let text = format!("[lints]\nworkspace = true\n{dependencies}");
    arrows::check_manifest(folder, &text).into_iter().map(|finding| (finding.rule, finding.line)).collect()
}

#[test]
fn a_good_file_breaks_no_rule() {
    let text = "use keyreeve_kmip::Tag;\n/// `unsafe`, todo!(), .unwrap()\npub fn f() -> &'static str {\n    \".unwrap() todo!() unsafe\"\n}\n";
    assert_eq!(broken_in_core(text), []);
}

#[test]
fn a_file_opens_with_what_lives_in_it() {
    assert_eq!(broken("crates/core/src/key.rs", "/// A key.\npub struct Key;\n"), [("opening", 1)]);
}

#[test]
fn empty_names_are_refused() {
    for path in
        ["crates/core/src/utils.rs", "crates/core/src/key_manager.rs", "crates/core/tests/common/mod.rs"]
    {
        assert_eq!(broken(path, "//! Odds and ends.\n"), [("name", 1)], "{path}");
    }
    assert_eq!(broken("crates/core/src/commonality.rs", "//! What things share.\n"), []);
}

#[test]
fn a_module_lies_where_its_name_says() {
    assert_eq!(broken_in_core("#[path = \"other.rs\"]\nmod key;\n"), [("name", 3)]);
}

#[test]
fn unsafe_is_for_hsm_only() {
    let text = "//! Memory.\nfn f(p: *const u8) -> u8 {\n    unsafe { *p }\n}\n";
    assert_eq!(broken("crates/core/src/memory.rs", text), [("unsafe", 3)]);
    assert_eq!(broken("crates/hsm/src/memory.rs", text), []);
    assert_eq!(broken_in_core("m! { unsafe fn f() {} }\n"), [("unsafe", 2)]);
    assert_eq!(broken_in_core("unsafe impl Send for Key {}\n"), [("unsafe", 2)]);
}

#[test]
fn unfinished_work_is_refused_in_tests_too() {
    for word in ["todo!()", "unimplemented!(\"later\")", "dbg!(1)"] {
        assert_eq!(broken_in_core(&format!("fn f() {{ {word}; }}\n")), [("unfinished", 2)], "{word}");
        let in_test = format!("#[cfg(test)]\nmod tests {{\n    fn f() {{ {word}; }}\n}}\n");
        assert_eq!(broken_in_core(&in_test), [("unfinished", 4)], "{word}");
    }
}

#[test]
fn random_bytes_come_from_the_one_generator() {
    for drawn in ["rand::fill(b)", "SystemRandom::new()", "StdRng::from_os_rng()", "Uuid::new_v4()"] {
        let text = format!("//! Ids.\nfn f(b: &mut [u8]) {{ {drawn}; }}\n");
        assert_eq!(broken("crates/server/src/id.rs", &text), [("random", 2)], "{drawn}");
        assert_eq!(broken("crates/crypto/src/rng.rs", &text), [], "{drawn}");
        assert_eq!(broken("crates/server/tests/id.rs", &text), [], "{drawn}");
    }
    assert_eq!(broken_in_core("fn f(rng: &dyn Rng, b: &mut [u8]) { rng.fill(b); }\n"), []);
}

#[test]
fn unwrap_and_expect_need_an_invariant() {
    assert_eq!(broken_in_core("fn f(x: Option<u8>) -> u8 { x.unwrap() }\n"), [("unwrap", 2)]);
    assert_eq!(
        broken_in_core("fn f(x: Option<u8>) -> u8 {\n    vec![x.expect(\"x\")][0]\n}\n"),
        [("unwrap", 3)]
    );
    for good in [
        "fn f(x: Option<u8>) -> u8 {\n    // INVARIANT: the caller has set x.\n    x.unwrap()\n}\n",
        "fn f(x: Option<u8>) -> u8 {\n    x.unwrap() // INVARIANT: the caller has set x.\n}\n",
        "fn f(x: Option<u8>) -> u8 {\n    // INVARIANT: the caller has set x,\n    // as it must.\n    let y = x\n        .map(g)\n        .unwrap();\n    y\n}\n",
        "fn f(mut r: Reader) -> Result<u8, E> { r.expect(Tag::Name)?; Ok(r.unwrap_or_default()) }\n",
        "#[cfg(test)]\nmod tests {\n    fn f(x: Option<u8>) -> u8 { x.unwrap() }\n}\n",
        "#[cfg(all(test, unix))]\nfn f(x: Option<u8>) -> u8 { x.unwrap() }\n",
    ] {
        assert_eq!(broken_in_core(good), [], "{good}");
    }
    for bad in [
        "#[cfg(not(test))]\nfn f(x: Option<u8>) -> u8 { x.unwrap() }\n",
        "#[cfg(any(test, unix))]\nfn f(x: Option<u8>) -> u8 { x.unwrap() }\n",
    ] {
        assert_eq!(broken_in_core(bad), [("unwrap", 3)], "{bad}");
    }
}

#[test]
fn product_code_names_no_vector() {
    for name in ["BL-M-1-21", "CS-BC-M-GCM-2-14", "TC-311-10-CREATE-DESTROY", "TC_82_12_Register_Both_Halves"]
    {
        assert_eq!(
            broken_in_core(&format!("const CASE: &str = \"{name}.xml\";\n")),
            [("vector-name", 2)],
            "{name}"
        );
        assert_eq!(broken("crates/core/tests/vectors.rs", &format!("//! Runs {name}.\n")), []);
    }
    assert_eq!(
        broken_in_core("// SHA-512-256, RFC-3394, SP 800-57, X25519MLKEM768, TLS_AES_128_GCM_SHA256\n"),
        []
    );
}

#[test]
fn long_files_and_functions_are_split() {
    let filler = "// Line.\n".repeat(sizes::FILE_LINES_MAX - 1);
    assert_eq!(broken_in_core(&filler), []);
    assert_eq!(broken_in_core(&format!("{filler}const A: u8 = 1;\n")), [("file-length", 801)]);
    assert_eq!(broken_in_core(&format!("{filler}#[cfg(test)]\nmod tests {{\n}}\n")), []);

    let body = "    g();\n".repeat(sizes::FUNCTION_LINES_MAX - 2);
    assert_eq!(broken_in_core(&format!("fn f() {{\n{body}}}\n")), []);
    for long in [
        format!("fn f() {{\n{body}    g();\n}}\n"),
        format!("impl Key {{\nfn f() {{\n{body}    g();\n}}\n}}\n"),
        format!("trait Port {{\nfn f() {{\n{body}    g();\n}}\n}}\n"),
    ] {
        assert_eq!(broken_in_core(&long).first().map(|(rule, _)| *rule), Some("function-length"));
    }
    assert_eq!(broken_in_core(&format!("#[test]\nfn f() {{\n{body}    g();\n}}\n")), []);
}

#[test]
fn house_crates_are_not_reexported() {
    for text in [
        "pub use keyreeve_core::Key;\n",
        "pub use keyreeve_core as core;\n",
        "pub use {std::fmt, keyreeve_core::model};\n",
        "pub extern crate keyreeve_core;\n",
        "pub mod model {\n    pub use keyreeve_core::model::*;\n}\n",
    ] {
        assert_eq!(broken_in_core(text).first().map(|(rule, _)| *rule), Some("pub-use"), "{text}");
    }
    assert_eq!(broken_in_core("use keyreeve_core::Key;\npub use crate::model::Id;\n"), []);
}

#[test]
fn a_test_is_not_ignored_without_a_reason() {
    assert_eq!(broken_in_core("#[test]\n#[ignore]\nfn f() {}\n"), [("ignore", 3)]);
    assert_eq!(broken_in_core("#[test]\n#[ignore = \"takes an hour\"]\nfn f() {}\n"), []);
}

#[test]
fn only_the_arrows_of_the_design_are_allowed() {
    assert_eq!(arrows("store", "[dependencies]\nkeyreeve-core.workspace = true\n"), []);
    assert_eq!(arrows("store", "[dependencies]\nkeyreeve-kmip.workspace = true\n"), [("arrow", 4)]);
    assert_eq!(arrows("core", "[dependencies]\nkeyreeve-store.workspace = true\n"), [("arrow", 4)]);
    assert_eq!(arrows("cli", "[dev-dependencies]\nkeyreeve-store.workspace = true\n"), [("arrow", 4)]);
    assert_eq!(arrows("kmip", "[build-dependencies]\nkeyreeve-core.workspace = true\n"), [("arrow", 4)]);
    let renamed = "[dependencies]\nthings = { package = \"keyreeve-core\", workspace = true }\n";
    assert_eq!(arrows("kmip", renamed), [("arrow", 4)]);
    let of_platform = "[target.'cfg(unix)'.dependencies]\nkeyreeve-core.workspace = true\n";
    assert_eq!(arrows("kmip", of_platform), [("arrow", 4)]);
    assert_eq!(arrows("cloud", ""), [("arrow", 0)]);
}

#[test]
fn testkit_is_for_tests() {
    assert_eq!(arrows("store", "[dev-dependencies]\nkeyreeve-testkit.workspace = true\n"), []);
    assert_eq!(arrows("store", "[dependencies]\nkeyreeve-testkit.workspace = true\n"), [("arrow", 4)]);
    assert_eq!(arrows("store", "[dev-dependencies]\nkeyreeve-crypto.workspace = true\n"), []);
    assert_eq!(arrows("store", "[dependencies]\nkeyreeve-crypto.workspace = true\n"), [("arrow", 4)]);
}

#[test]
fn manifests_take_versions_and_lints_from_the_workspace() {
    assert_eq!(arrows("core", "[dependencies]\nuuid = \"1\"\n"), [("workspace-dependency", 4)]);
    assert_eq!(arrows("core", "[dependencies]\nuuid = { workspace = true, features = [\"v7\"] }\n"), []);
    let rules: Vec<&str> = arrows::check_manifest("core", "").iter().map(|finding| finding.rule).collect();
    assert_eq!(rules, ["lints"]);
}

#[test]
fn exceptions_are_for_what_is_too_long_and_only_shrink() {
    let long = || Finding {
        subject: "decode".to_owned(),
        ..Finding::new("crates/kmip/src/ttlv.rs", 7, "function-length", "too long")
    };
    let left = |list: &str, finding: Finding| -> Vec<&'static str> {
        exceptions::apply_list(list, vec![finding]).iter().map(|finding| finding.rule).collect()
    };
    let list = "# Reasons.\n\ncrates/kmip/src/ttlv.rs function-length decode\n";
    assert_eq!(left(list, long()), [""; 0]);
    assert_eq!(
        left("crates/kmip/src/ttlv.rs function-length encode\n", long()),
        ["function-length", "exception"]
    );
    let unwrap = Finding::new("crates/kmip/src/ttlv.rs", 7, "unwrap", "no");
    assert_eq!(left("crates/kmip/src/ttlv.rs unwrap\n", unwrap), ["unwrap", "exception"]);
}

#[test]
fn files_that_nothing_compiles_are_found() {
    let parse = |path: &str, text: &str| SourceFile::parse(path, text).unwrap_or_else(|f| panic!("{f:?}"));
    let files = [
        parse("crates/core/src/lib.rs", "mod model;\nmod inner {\n    mod deep;\n}\n"),
        parse("crates/core/src/model/mod.rs", "mod key;\n"),
        parse("crates/core/src/model/key.rs", "mod version;\n"),
        parse("crates/core/src/model/key/version.rs", ""),
        parse("crates/core/src/inner/deep.rs", ""),
        parse("crates/core/src/model/lost.rs", ""),
        parse("crates/core/tests/lifecycle.rs", "mod fixture;\n"),
        parse("crates/core/tests/fixture/mod.rs", ""),
        parse("stray.rs", ""),
    ];
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new("."));
    let findings = layout::check_tree(root, &files).unwrap_or_else(|why| panic!("{why}"));
    let found: Vec<(&str, &str)> = findings.iter().map(|f| (f.rule, f.path.as_str())).collect();
    assert_eq!(
        found,
        [("orphan", "crates/core/src/model/lost.rs"), ("orphan", "stray.rs"), ("member", "stray.rs")]
    );
}

#[test]
fn doc_tests_are_seen() {
    let has =
        |text: &str| SourceFile::parse("crates/core/src/lib.rs", text).is_ok_and(|file| file.has_doc_test());
    assert!(has("/// Adds.\n///\n/// ```\n/// assert!(true);\n/// ```\npub fn f() {}\n"));
    assert!(!has("/// Draws.\n///\n/// ```text\n/// a -> b\n/// ```\npub fn f() {}\n"));
    assert!(!has("//! Nothing.\n"));
}

#[test]
fn a_rule_that_is_said_to_be_tested_is() {
    let tests = ["a_holds", "b_holds"].map(String::from).into();
    let found = |rows: &str| {
        let text = format!(
            "# Rules\n\n| `other` | `gone` |\n\n## Tested\n\n| rule | tests |\n|---|---|\n{rows}\n## Not\n\n| a | `gone` |\n"
        );
        let findings = witnesses::check_table("docs/rules.md", "## Tested", &text, &tests);
        findings.into_iter().map(|finding| (finding.rule, finding.line)).collect::<Vec<_>>()
    };
    assert_eq!(found("| a | `a_holds`, `b_holds` |\n| `b` | `b_holds` |\n"), []);
    assert_eq!(found("| a | `a_holds` |\n| b | `c_holds` |\n"), [("witness", 10)]);
    assert_eq!(found("| `a_holds` | none |\n"), [("witness", 9)]);
    assert_eq!(found(""), [("witness", 0)]);
}
