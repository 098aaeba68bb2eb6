//! The published KMIP cases, replayed by their runner against a server, and held against docs/kmip.md: it tells how many
//! of a folder match, and names each that does not. Not here: the cases, which lie beside the repository.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::server::{Server, folder, root};

/// Where docs/kmip.md names the cases that do not match, each in backquotes.
const EXCEPTIONS: &str = "## Published cases that do not match";

#[test]
fn mandatory_cases_of_kmip_2_1_match() {
    replay("2.1/mandatory");
}

#[test]
fn optional_cases_of_kmip_2_1_match() {
    replay("2.1/optional");
}

#[test]
fn mandatory_cases_of_kmip_1_4_match() {
    replay("1.4/mandatory");
}

#[test]
fn optional_cases_of_kmip_1_4_match() {
    replay("1.4/optional");
}

#[test]
fn test_cases_of_kmip_1_4_match() {
    replay("1.4/testcases");
}

#[test]
fn test_cases_of_kmip_1_2_match() {
    replay("1.2/testcases");
}

fn replay(cases: &str) {
    let vectors = std::env::var_os("KEYREEVE_TEST_VECTORS").map(PathBuf::from);
    let vectors = vectors.unwrap_or_else(|| root().join("../shared/vectors")).join("kmip");
    let runner = vectors.join("runner/kmipxml.py");
    if !runner.exists() {
        eprintln!("NOT TESTED: the published KMIP cases are not at {}", vectors.display());
        return;
    }
    let report = run(&runner, &vectors.join(cases));
    let report = report.as_object().unwrap();
    let (mut told, mut others) = (String::new(), BTreeSet::new());
    for (path, case) in report.iter().filter(|(_, case)| case["verdict"] != "STRICT") {
        told += &format!("{} {}: {}\n", case["verdict"], name(path), case["errors"][0]);
        others.insert(name(path));
    }
    let (all, strict) = (report.len(), report.len() - others.len());
    println!("{cases}: {strict} of {all} STRICT\n{told}");
    let documentation = fs::read_to_string(root().join("docs/kmip.md")).unwrap();
    let row = format!("| {cases} | {strict} of {all} |");
    assert!(documentation.contains(&row), "docs/kmip.md does not say `{row}`\n{told}");
    let of_this_folder: BTreeSet<String> = report.keys().map(|path| name(path)).collect();
    let (_, named) = documentation.split_once(EXCEPTIONS).unwrap();
    let named = named.split('`').skip(1).step_by(2).map(str::to_owned);
    let named: BTreeSet<String> = named.filter(|name| of_this_folder.contains(name)).collect();
    assert_eq!(named, others, "docs/kmip.md names other exceptions (left) than there are (right)\n{told}");
}

/// What a case is called: its file's name, without the title that those of 1.2 bear.
fn name(path: &str) -> String {
    let stem = Path::new(path).file_stem().unwrap().to_str().unwrap();
    match stem.split_once("_12_") {
        Some((number, _)) => format!("{number}_12"),
        None => stem.to_owned(),
    }
}

fn run(runner: &Path, cases: &Path) -> Value {
    let (data, place) = (folder(), folder());
    let server = Server::dev(data.path());
    let report = place.path().join("report.json");
    let address = server.variable("KEYREEVE_KMIP_ADDR");
    let (host, port) = address.rsplit_once(':').unwrap();
    let mut command = server.command("python3");
    command.arg(runner).args(["--host", host, "--port", port]);
    command.args(["--cert", server.variable("KEYREEVE_CLIENT_CERT")]);
    command.args(["--key", server.variable("KEYREEVE_CLIENT_KEY")]);
    command.args(["--ca", server.variable("KEYREEVE_CA")]).arg("--json").arg(&report).arg(cases);
    let output = command.env("PYTHONDONTWRITEBYTECODE", "1").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&fs::read(&report).unwrap()).unwrap()
}
