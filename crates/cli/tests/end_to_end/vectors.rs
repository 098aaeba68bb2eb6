//! The published KMIP cases, replayed by their runner against a server, and held against docs/kmip.md: it tells how many
//! of a folder match, and names each that does not. Not here: the cases, which lie beside the repository.

use std::collections::{BTreeMap, BTreeSet};
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
    let Some((vectors, runner)) = published() else { return };
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

/// The published cases and their runner, where they are.
fn published() -> Option<(PathBuf, PathBuf)> {
    let vectors = std::env::var_os("KEYREEVE_TEST_VECTORS").map(PathBuf::from);
    let vectors = vectors.unwrap_or_else(|| root().join("../shared/vectors")).join("kmip");
    let runner = vectors.join("runner/kmipxml.py");
    if !runner.exists() {
        eprintln!("NOT TESTED: the published KMIP cases are not at {}", vectors.display());
        return None;
    }
    Some((vectors, runner))
}

/// How the names of a profile's cases begin, and what the profile is called.
const PROFILES: [(&str, &str); 18] = [
    ("BL-", "Baseline"),
    ("AKLC-", "Asymmetric Key Lifecycle"),
    ("SKLC-", "Symmetric Key Lifecycle"),
    ("SKFF-", "Symmetric Key Foundry for FIPS 140"),
    ("CS-BC-", "Basic Cryptographic"),
    ("CS-AC-", "Advanced Cryptographic"),
    ("CS-RNG-", "RNG Cryptographic"),
    ("AX-", "AES XTS"),
    ("QS-", "Quantum Safe"),
    ("SUITEB_", "Suite B"),
    ("OMOS-", "Opaque Managed Object Store"),
    ("SASED-", "Storage Array with Self-Encrypting Drives"),
    ("TL-", "Tape Library"),
    ("PKCS11-", "PKCS#11"),
    ("MSGENC-HTTPS-", "HTTPS"),
    ("MSGENC-JSON-", "JSON"),
    ("MSGENC-XML-", "XML"),
    ("TC", "Test cases, which belong to no profile"),
];

/// Cases that match and all cases, by profile and version.
type Counts = BTreeMap<(usize, &'static str), (usize, usize)>;

fn count(counts: &mut Counts, version: &'static str, report: &Value) {
    for (path, case) in report.as_object().unwrap() {
        let name = name(path);
        let profile = PROFILES.iter().position(|(begin, _)| name.starts_with(begin));
        let profile = profile.unwrap_or_else(|| panic!("no profile is known whose cases are called {name}"));
        let (strict, all) = counts.entry((profile, version)).or_default();
        *strict += usize::from(case["verdict"] == "STRICT");
        *all += 1;
    }
}

/// `KEYREEVE_WRITE_GOLDEN=1` writes the table anew.
#[test]
fn each_profile_matches_in_each_version_as_the_document_says() {
    const VERSIONS: [(&str, &[&str]); 3] = [
        ("1.2", &["1.2/testcases"]),
        ("1.4", &["1.4/mandatory", "1.4/optional", "1.4/testcases"]),
        ("2.1", &["2.1/mandatory", "2.1/optional"]),
    ];
    let Some((vectors, runner)) = published() else { return };
    let mut counts = Counts::new();
    for (version, folders) in VERSIONS {
        folders.iter().for_each(|folder| count(&mut counts, version, &run(&runner, &vectors.join(folder))));
    }
    let mut table = "| profile | 1.2 | 1.4 | 2.1 |\n|---|---|---|---|\n".to_owned();
    for (number, (begin, profile)) in PROFILES.iter().enumerate() {
        table += &format!("| {profile} ({}) |", begin.trim_end_matches(['-', '_']));
        for (version, _) in VERSIONS {
            let counted = counts.get(&(number, version));
            let cell = counted.map_or_else(String::new, |(strict, all)| format!(" {strict} of {all}"));
            table += &format!("{cell} |");
        }
        table.push('\n');
    }
    let path = root().join("docs/kmip.md");
    let document = fs::read_to_string(&path).unwrap();
    let (before, rest) = document.split_once("| profile | ").unwrap();
    let (told, after) = rest.split_once("\n\n").unwrap();
    if std::env::var_os("KEYREEVE_WRITE_GOLDEN").is_some() {
        fs::write(&path, format!("{before}{table}\n{after}")).unwrap();
        return;
    }
    assert_eq!(format!("| profile | {told}\n"), table, "docs/kmip.md tells other figures");
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
