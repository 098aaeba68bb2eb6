//! The published KMIP cases, replayed by their runner against a server. Not here: the cases, which lie beside the
//! repository.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::server::{Server, folder, root};

/// Cases that must match in every field.
const STRICT_2_1_MIN: usize = 69;
const STRICT_1_4_MIN: usize = 51;

#[test]
fn mandatory_cases_of_kmip_2_1_match() {
    replay("2.1/mandatory", STRICT_2_1_MIN);
}

#[test]
fn mandatory_cases_of_kmip_1_4_match() {
    replay("1.4/mandatory", STRICT_1_4_MIN);
}

fn replay(cases: &str, strict_min: usize) {
    let vectors = std::env::var_os("KEYREEVE_TEST_VECTORS").map(PathBuf::from);
    let vectors = vectors.unwrap_or_else(|| root().join("../shared/vectors")).join("kmip");
    let runner = vectors.join("runner/kmipxml.py");
    if !runner.exists() {
        eprintln!("NOT TESTED: the published KMIP cases are not at {}", vectors.display());
        return;
    }
    let (data, place) = (folder(), folder());
    let server = Server::dev(data.path());
    let report = place.path().join("report.json");
    let address = server.variable("KEYREEVE_KMIP_ADDR");
    let (host, port) = address.rsplit_once(':').unwrap();
    let mut command = server.command("python3");
    command.arg(runner).args(["--host", host, "--port", port]);
    command.args([
        "--cert",
        server.variable("KEYREEVE_CLIENT_CERT"),
        "--key",
        server.variable("KEYREEVE_CLIENT_KEY"),
    ]);
    command
        .args(["--ca", server.variable("KEYREEVE_CA")])
        .arg("--json")
        .arg(&report)
        .arg(vectors.join(cases));
    let output = command.env("PYTHONDONTWRITEBYTECODE", "1").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&fs::read(&report).unwrap()).unwrap();
    let report = report.as_object().unwrap();
    let strict = report.values().filter(|case| case["verdict"] == "STRICT").count();
    let mut others = String::new();
    for (name, case) in report.iter().filter(|(_, case)| case["verdict"] != "STRICT") {
        others +=
            &format!("{} {}: {}\n", case["verdict"], name.rsplit('/').next().unwrap(), case["errors"][0]);
    }
    println!("{cases}: {strict} of {} STRICT\n{others}", report.len());
    assert!(strict >= strict_min, "only {strict} of {} cases in {cases} are STRICT:\n{others}", report.len());
}
