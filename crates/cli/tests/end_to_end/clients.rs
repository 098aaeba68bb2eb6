//! Clients that know nothing of this project: PyKMIP, MongoDB's library, OpenStack's key managers, `cryptography` and
//! Schemathesis, most of them run by the scripts in tests/clients.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::bad_input::real_server_with;
use crate::http::Http;
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

/// What a script in tests/clients says to a server of its own; it must succeed.
fn said_by(script: &str, arguments: &[&str]) -> Option<String> {
    let python = python()?;
    let data = folder();
    let server = Server::dev(data.path());
    Some(said_to((&server, data.path()), &python, script, arguments))
}

/// What a script in tests/clients says to this server, in this folder; it must succeed.
fn said_to((server, place): (&Server, &Path), python: &str, script: &str, arguments: &[&str]) -> String {
    let script = root().join("tests/clients").join(script);
    let mut command = server.command(python);
    let output = command.arg(script).args(arguments).current_dir(place).output().unwrap();
    let said =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(output.status.success(), "{said}\n\nThe server:\n{}", server.printed_last());
    said
}

/// The same, of a script that prints a line for each check.
fn checked_by(script: &str, arguments: &[&str], checks_min: usize) {
    let Some(said) = said_by(script, arguments) else { return };
    check_count(&said, checks_min);
}

fn check_count(said: &str, checks_min: usize) {
    let checks = said.lines().filter(|line| line.starts_with("ok ")).count();
    assert!(checks >= checks_min, "it passed, and checked little:\n{said}");
}

fn life(arguments: &[&str]) {
    checked_by("pykmip_life.py", arguments, 20);
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

fn depth(version: &str) {
    checked_by("pykmip_depth.py", &[version], 60);
}

#[test]
fn pykmip_wraps_derives_and_searches_with_kmip_1_0_and_1_1() {
    depth("1.0");
    depth("1.1");
}

#[test]
fn pykmip_wraps_derives_and_searches_with_kmip_1_2_and_1_3() {
    depth("1.2");
    depth("1.3");
}

#[test]
fn pykmip_wraps_derives_and_searches_with_kmip_1_4() {
    depth("1.4");
}

#[test]
fn pykmip_wraps_derives_and_searches_with_kmip_2_0() {
    depth("2.0");
}

#[test]
fn pykmip_says_who_asks_by_a_name_and_a_token() {
    let Some(python) = python() else { return };
    let (place, server) = real_server_with("[kmip]\ncredentials = \"check\"\n");
    check_count(&said_to((&server, place.path()), &python, "pykmip_credentials.py", &[]), 15);
}

#[test]
fn one_key_goes_through_every_protocol() {
    said_by("pykmip_one_key.py", &[]);
}

#[test]
fn keys_of_other_software_come_in_and_go_out() {
    checked_by("byok.py", &[], 4);
}

#[test]
fn mongodb_encrypts_fields_with_keys_of_this_server() {
    checked_by("mongodb.py", &[], 40);
}

#[test]
fn openstack_barbican_keeps_its_secrets_here() {
    checked_by("openstack_barbican.py", &[], 30);
}

#[test]
fn openstack_swift_takes_its_root_secrets_from_here() {
    checked_by("openstack_swift.py", &[], 5);
}

/// What is not tried, and why; docs/rest.md tells it too.
const NOT_TRIED: &[(&str, &str)] = &[
    ("kmip_exchange", "it answers what it cannot read in a message of KMIP"),
    ("backups_create", "it writes folders wherever it is told to"),
    ("backups_drill", "it writes folders wherever it is told to"),
    ("backups_prune", "it removes files wherever it is told to"),
    ("root_replace", "it takes the root key away"),
    ("root_change_unlock", "it takes the root key away"),
];

/// What is too much is refused with 413.
const CONFIG: &str = r#"
[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "406", "409", "413", "415", "422", "428", "429"]

# A feed of the journal does not end, and who takes its own credentials away is a stranger from then on.
[[operations]]
include-operation-id = "journal_show"
parameters = { "query.follow" = false }

[[operations]]
include-operation-id = ["clients_renew", "clients_revoke"]
parameters = { "path.name" = "somebody" }

[[operations]]
include-operation-id = ["credentials_revoke", "tokens_revoke"]
parameters = { "path.id" = "TOKEN" }

"#;

/// Uses of a key, which are tried with keys that are there; the rest is tried with any names.
const USES: &str = "^/v1/keys/\\{name\\}/(encrypt|decrypt|sign|verify|mac|wrap|unwrap|datakey|derive|public|export|versions)";

#[test]
fn the_rest_api_does_as_its_openapi_document_says() {
    let Some(python) = python() else { return };
    let schemathesis = Path::new(&python).with_file_name("schemathesis");
    if !schemathesis.exists() {
        eprintln!("NOT TESTED: {} is not there; `cargo xtask test` installs it", schemathesis.display());
        return;
    }
    let data = folder();
    let server = Server::try_dev(data.path(), &["--plain-http", "127.0.0.1:0"]).unwrap();
    let create = |name: &str, algorithm: &str| {
        let body = json!({ "name": name, "algorithm": algorithm, "exportable": true, "sensitive": false });
        assert_eq!(Http::connect(&server).unwrap().ask("POST", "/v1/keys", &body).unwrap().0, 201);
    };
    create("known", "aes-256");
    let token = json!({ "client": "somebody", "roles": ["user"] });
    let (status, token) = Http::connect(&server).unwrap().ask("POST", "/v1/tokens", &token).unwrap();
    assert_eq!(status, 201, "{token}");
    let config = CONFIG.replace("TOKEN", token["id"].as_str().unwrap());
    try_out(&server, &schemathesis, data.path(), &config, ["--exclude-path-regex", USES, "--max-time", "20"]);
    // After that, since it tries what destroys keys, too.
    for (name, algorithm) in [("aes", "aes-256"), ("pair", "ec-p256")] {
        create(name, algorithm);
        let config = format!("{config}[parameters]\n\"path.name\" = {name:?}\n");
        let arguments = ["--include-path-regex", USES, "--max-time", "10"];
        try_out(&server, &schemathesis, data.path(), &config, arguments);
    }
}

/// Sends requests that the document allows and requests that it does not, the same ones every time, and compares what
/// comes back with the document.
fn try_out(server: &Server, schemathesis: &Path, folder: &Path, config: &str, arguments: [&str; 4]) {
    let config_file = folder.join("schemathesis.toml");
    std::fs::write(&config_file, config).unwrap();
    let mut command = server.command(&schemathesis.to_string_lossy());
    command.arg("--config-file").arg(&config_file).arg("run");
    command.arg(format!("{}/v1/openapi.json", server.variable("KEYREEVE_PLAIN_ADDR")));
    command.arg("--header").arg(format!("Authorization: Bearer {}", server.variable("KEYREEVE_TOKEN")));
    let checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,\
                  negative_data_rejection,unsupported_method,ignored_auth";
    command.args(["--seed", "1", "--max-examples", "5", "--phases", "coverage,fuzzing", "--checks", checks]);
    command.args(arguments).arg("--no-color").current_dir(folder);
    command.args(NOT_TRIED.iter().flat_map(|(operation, _)| ["--exclude-operation-id", operation]));
    let output = command.output().unwrap();
    let said =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(output.status.success(), "{said}\n\nThe server:\n{}", server.printed_last());
    assert!(!said.contains("Authentication failed"), "it was tried without credentials:\n{said}");
}
