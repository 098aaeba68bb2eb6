//! The published cases of 1.x, with time and clients: tests/independent/kmip_cases.py loads their runner and lets time pass
//! where a case waits, on a clock that is moved by hand, and gives each client of a case a certificate of its own. Held against
//! docs/kmip.md. Not here: the runner as it comes, against the shipped binary (crates/cli).

#![allow(clippy::print_stderr)]

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use keyreeve_server::config::Credentials;
use serde_json::{Value, json};

use crate::clock::HandClock;
use crate::harness::Server;

#[test]
fn mandatory_cases_of_1_4_match_with_time_and_clients() {
    replay("1.4/mandatory");
}

#[test]
fn optional_cases_of_1_4_match_with_time_and_clients() {
    replay("1.4/optional");
}

#[test]
fn test_cases_of_1_4_match_with_time_and_clients() {
    replay("1.4/testcases");
}

#[test]
fn test_cases_of_1_2_match_with_time_and_clients() {
    replay("1.2/testcases");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

fn replay(cases: &str) {
    let vectors = std::env::var_os("KEYREEVE_TEST_VECTORS").map(PathBuf::from);
    let vectors = vectors.unwrap_or_else(|| root().join("../shared/vectors")).join("kmip");
    if !vectors.join("runner/kmipxml.py").exists() {
        eprintln!("NOT TESTED: the published KMIP cases are not at {}", vectors.display());
        return;
    }
    let report = run(&vectors, cases);
    let report = report.as_object().unwrap();
    let (mut told, mut others) = (String::new(), BTreeSet::new());
    for (path, case) in report.iter().filter(|(_, case)| case["verdict"] != "STRICT") {
        told += &format!("{} {}: {}\n", case["verdict"], name(path), case["errors"][0]);
        others.insert(name(path));
    }
    let (all, strict) = (report.len(), report.len() - others.len());
    eprintln!("{cases}: {strict} of {all} STRICT with time and clients\n{told}");
    let document = std::fs::read_to_string(root().join("docs/kmip.md")).unwrap();
    let row = document.lines().find(|line| line.starts_with(&format!("| {cases} | "))).unwrap();
    assert!(
        row.ends_with(&format!(" | {strict} of {all} |")),
        "docs/kmip.md says otherwise, {strict} of {all}: {row}\n{told}"
    );
    // It names the cases that do not match in the runner as it comes, and of these the ones that match here.
    let (_, exceptions) = document.split_once("## Published cases that do not match").unwrap();
    let (here, elsewhere): (Vec<_>, Vec<_>) =
        exceptions.lines().partition(|line| line.contains("matches with time and clients"));
    let of_this_folder: BTreeSet<String> = report.keys().map(|path| name(path)).collect();
    let named = |lines: Vec<&str>| {
        let lines = lines.join("\n");
        let names = lines.split('`').skip(1).step_by(2).map(str::to_owned);
        names.filter(|name| of_this_folder.contains(name)).collect::<BTreeSet<_>>()
    };
    assert_eq!(
        named(elsewhere),
        others,
        "docs/kmip.md names other exceptions (left) than there are (right)\n{told}"
    );
    assert!(
        named(here).is_disjoint(&others),
        "docs/kmip.md says of a case that it matches, which does not\n{told}"
    );
}

/// What a case is called: its file's name, without the title that those of 1.2 bear.
fn name(path: &str) -> String {
    let stem = Path::new(path).file_stem().unwrap().to_str().unwrap();
    match stem.split_once("_12_") {
        Some((number, _)) => format!("{number}_12"),
        None => stem.to_owned(),
    }
}

/// What the runner reports, which moves the server's clock.
fn run(vectors: &Path, cases: &str) -> Value {
    let clock = HandClock::of_today();
    let server = Server::start_at(clock.clone(), |config| {
        (config.kmip.interop, config.kmip.credentials) = (true, Credentials::Ignore);
    });
    server.decline_approval_rule();
    // Named clients share what they make, as administrators do; who names itself in the header is a user of its own.
    let of_roles =
        [("admin", ["client-a", "client-b", "client-c"]), ("user", ["user-1", "user-2", "user-3"])];
    for (role, name) in of_roles.iter().flat_map(|(role, names)| names.iter().map(move |name| (role, name))) {
        let added = server.post("/v1/clients", &json!({ "name": name, "roles": [role] }));
        for (field, end) in [("certificate", "pem"), ("private_key", "key")] {
            let path = server.files.join(format!("{name}.{end}"));
            std::fs::write(path, added[field].as_str().unwrap()).unwrap();
        }
    }
    let mut command = Command::new("python3");
    command.arg(root().join("tests/independent/kmip_cases.py")).arg(vectors.join("runner/kmipxml.py"));
    command.arg(server.address.ip().to_string()).arg(server.address.port().to_string());
    command.arg(&server.files).arg(vectors.join(cases)).env("PYTHONDONTWRITEBYTECODE", "1");
    let mut runner = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut asked, told) = (runner.stdin.take().unwrap(), runner.stdout.take().unwrap());
    let mut report = String::new();
    for line in BufReader::new(told).lines().map(Result::unwrap) {
        match line.strip_prefix("clock ") {
            Some(seconds) => {
                clock.set(seconds.parse().unwrap());
                writeln!(asked, "set").unwrap();
            }
            None => report = line,
        }
    }
    assert!(runner.wait().unwrap().success(), "the runner broke off");
    serde_json::from_str(&report).unwrap()
}
