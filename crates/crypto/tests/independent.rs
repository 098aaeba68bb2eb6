//! The published envelope vectors against a second implementation that shares no code with this one.

use std::{env, path::PathBuf, process::Command};

#[test]
fn an_independent_reader_agrees_with_the_envelope_vectors() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let python = env::var_os("KEYREEVE_TEST_PYTHON")
        .map_or_else(|| root.join("target/venv/bin/python"), PathBuf::from);
    if !python.exists() {
        eprintln!("SKIPPED: {} is not there; `cargo xtask test` makes it", python.display());
        return;
    }
    let output = Command::new(python)
        .arg(root.join("tests/independent/envelope.py"))
        .arg("check")
        .arg(root.join("crates/crypto/tests/data/envelope.json"))
        .output()
        .expect("Python starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
