//! Rules on dependencies: which house crate may know which. The one table of the design's arrows.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::Finding;

/// The arrows: a crate's folder, and the house crates that its product code may depend on.
const ARROWS: &[(&str, &[&str])] = &[
    ("kmip", &[]),
    ("core", &[]),
    ("crypto", &["keyreeve-core"]),
    ("hsm", &["keyreeve-core"]),
    ("store", &["keyreeve-core"]),
    ("pki", &["keyreeve-core"]),
    ("mail", &["keyreeve-core", "keyreeve-pki"]),
    (
        "server",
        &[
            "keyreeve-core",
            "keyreeve-crypto",
            "keyreeve-hsm",
            "keyreeve-kmip",
            "keyreeve-mail",
            "keyreeve-pki",
            "keyreeve-store",
        ],
    ),
    ("cli", &["keyreeve-server", "keyreeve-kmip"]),
    ("testkit", &["keyreeve-core", "keyreeve-store"]),
    (
        "fuzz",
        &[
            "keyreeve-core",
            "keyreeve-crypto",
            "keyreeve-kmip",
            "keyreeve-pki",
            "keyreeve-server",
            "keyreeve-store",
            "keyreeve-testkit",
        ],
    ),
    ("xtask", &[]),
];

/// House crates that any crate may use in its tests, and only there.
const TESTS_ONLY: &[&str] = &["keyreeve-testkit"];

/// Further arrows of tests: what is behind a port in the product, where a stand-in would prove nothing.
const TEST_ARROWS: &[(&str, &str)] = &[("store", "keyreeve-crypto"), ("testkit", "keyreeve-crypto")];

/// Checks every manifest below `crates/`.
///
/// # Errors
/// Says which manifest could not be read.
pub(super) fn check(root: &Path) -> Result<Vec<Finding>, String> {
    let folder = root.join("crates");
    let mut findings = Vec::new();
    for entry in fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))? {
        let entry = entry.map_err(|e| format!("{}: {e}", folder.display()))?;
        let manifest = entry.path().join("Cargo.toml");
        if manifest.is_file() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let text = fs::read_to_string(&manifest).map_err(|e| format!("{}: {e}", manifest.display()))?;
            findings.extend(check_manifest(&name, &text));
        }
    }
    Ok(findings)
}

/// Checks the manifest of the crate in the folder of this name.
pub(super) fn check_manifest(folder: &str, text: &str) -> Vec<Finding> {
    let path = format!("crates/{folder}/Cargo.toml");
    let manifest: toml::Table = match text.parse() {
        Ok(manifest) => manifest,
        Err(e) => return vec![Finding::new(&path, 0, "arrow", format!("this is not TOML: {e}"))],
    };
    let mut findings = Vec::new();
    let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == folder) else {
        let message =
            "a new crate: give it its arrows in crates/xtask/src/tidy/arrows.rs and in docs/ARCHITECTURE.md";
        return vec![Finding::new(&path, 0, "arrow", message)];
    };
    let lints = manifest.get("lints").and_then(|lints| lints.get("workspace"));
    if lints.and_then(toml::Value::as_bool) != Some(true) {
        findings.push(Finding::new(&path, 0, "lints", "add `[lints]` with `workspace = true`"));
    }
    for dependency in dependencies(&manifest) {
        let Dependency { key, package, of_tests, from_workspace } = &dependency;
        let line = line_of(text, key);
        if !from_workspace {
            let message = format!("write `{key}.workspace = true`, with its version in the root Cargo.toml");
            findings.push(Finding::new(&path, line, "workspace-dependency", message));
        }
        let is_house = package.starts_with("keyreeve-") || package == "xtask" || package == "keyreeve";
        let is_of_tests =
            TESTS_ONLY.contains(&package.as_str()) || TEST_ARROWS.contains(&(folder, package.as_str()));
        let is_allowed = allowed.contains(&package.as_str()) || (*of_tests && is_of_tests);
        if is_house && !is_allowed {
            let message = if is_of_tests {
                format!("`{package}` is for tests: move it to [dev-dependencies]")
            } else {
                format!(
                    "`{folder}` may not depend on `{package}`: the design has no such arrow, so move the code or use a port of core"
                )
            };
            findings.push(Finding::new(&path, line, "arrow", message));
        }
    }
    findings
}

/// The package name in a folder's manifest.
///
/// # Errors
/// Says what could not be read.
pub(super) fn package_name(folder: &Path) -> Result<String, String> {
    let path = folder.join("Cargo.toml");
    let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let manifest: toml::Table = text.parse().map_err(|e| format!("{}: {e}", path.display()))?;
    let name = manifest.get("package").and_then(|p| p.get("name")).and_then(toml::Value::as_str);
    name.map(str::to_owned).ok_or(format!("{}: has no package name", path.display()))
}

struct Dependency {
    /// As written in the manifest.
    key: String,
    /// What it stands for.
    package: String,
    of_tests: bool,
    from_workspace: bool,
}

/// Every dependency of a manifest, those of one platform only included.
fn dependencies(manifest: &toml::Table) -> Vec<Dependency> {
    let platforms =
        manifest.get("target").and_then(toml::Value::as_table).into_iter().flat_map(|t| t.values());
    let tables = std::iter::once(manifest).chain(platforms.filter_map(toml::Value::as_table));
    let mut found = BTreeMap::new();
    for table in tables {
        for (section, of_tests) in
            [("dependencies", false), ("build-dependencies", false), ("dev-dependencies", true)]
        {
            let Some(section_table) = table.get(section).and_then(toml::Value::as_table) else { continue };
            for (key, value) in section_table {
                let package = value.get("package").and_then(toml::Value::as_str).unwrap_or(key).to_owned();
                let from_workspace = value.get("workspace").and_then(toml::Value::as_bool) == Some(true);
                found.insert(
                    (key.clone(), section),
                    Dependency { key: key.clone(), package, of_tests, from_workspace },
                );
            }
        }
    }
    found.into_values().collect()
}

/// The first line that opens with this key; 0 where it is written another way.
fn line_of(text: &str, key: &str) -> usize {
    let opens = |line: &str| {
        line.trim_start().strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with(['.', '=']))
    };
    text.lines().position(opens).map_or(0, |at| at + 1)
}
