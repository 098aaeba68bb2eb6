//! Clients that know nothing of this project: PyKMIP, run by the scripts in tests/clients.

use std::process::{Command, Stdio};

use crate::server::{Server, folder, root};

/// A Python with the pinned clients, as `cargo xtask test` installs it; says aloud where there is none.
pub(crate) fn python() -> Option<String> {
    let python = std::env::var("KEYREEVE_TEST_PYTHON")
        .unwrap_or_else(|_| root().join("target/venv/bin/python").to_string_lossy().into_owned());
    let there = Command::new(&python).args(["-c", "import kmip"]).stderr(Stdio::null()).status();
    if there.is_ok_and(|status| status.success()) {
        return Some(python);
    }
    eprintln!("NOT TESTED: {python} has no PyKMIP; `cargo xtask test` installs it");
    None
}

fn life(arguments: &[&str]) {
    let Some(python) = python() else { return };
    let data = folder();
    let server = Server::dev(data.path());
    let script = root().join("tests/clients/pykmip_life.py");
    let output = server.command(&python).arg(script).args(arguments).output().unwrap();
    let said =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(output.status.success(), "{said}\n\nThe server:\n{}", server.printed_last());
    let checks = said.lines().filter(|line| line.starts_with("ok ")).count();
    assert!(checks > 20, "it passed, and checked little:\n{said}");
}

#[test]
fn pykmip_lives_the_life_of_keys_with_kmip_1_0() {
    life(&["1.0"]);
}

#[test]
fn pykmip_lives_the_life_of_keys_with_kmip_1_2() {
    life(&["1.2"]);
}

#[test]
fn pykmip_lives_the_life_of_keys_with_kmip_1_4() {
    life(&["1.4"]);
}

#[test]
fn pykmip_lives_the_life_of_keys_with_kmip_1_4_over_tls_1_2() {
    life(&["1.4", "1.2"]);
}

#[test]
fn pykmip_lives_the_life_of_keys_with_kmip_2_0() {
    life(&["2.0"]);
}

#[test]
fn one_key_goes_through_every_protocol() {
    let Some(python) = python() else { return };
    let data = folder();
    let server = Server::dev(data.path());
    let script = root().join("tests/clients/pykmip_one_key.py");
    let output = server.command(&python).arg(script).current_dir(data.path()).output().unwrap();
    let said =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(output.status.success(), "{said}\n\nThe server:\n{}", server.printed_last());
}
