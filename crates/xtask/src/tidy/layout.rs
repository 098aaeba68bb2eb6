//! Rules on files: how they open, what they are called, and that each is compiled by some package.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::Finding;
use super::source::{SourceFile, is_target_root, module_folder};

/// Names that say nothing of what is inside.
const EMPTY_NAMES: &[&str] = &["util", "utils", "common", "helper", "helpers", "manager", "managers", "misc"];

pub(super) fn check_file(file: &SourceFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !file.text().starts_with("//!") {
        let message = "open the file with `//!`: what lives here and what does not";
        findings.push(Finding::new(file.path(), 1, "opening", message));
    }
    for part in file.path().trim_end_matches(".rs").split('/') {
        if let Some(word) = empty_name(part) {
            let message = format!("`{word}` says nothing: name the file after what is in it");
            findings.push(Finding::new(file.path(), 1, "name", message));
        }
    }
    for module in file.modules() {
        if module.names_its_file {
            let message = "a module lies where its name says: remove `#[path]`";
            findings.push(Finding::new(file.path(), module.line, "name", message));
        }
    }
    findings
}

/// Checks that every package is a member and every source file is part of a package.
///
/// # Errors
/// Says which manifest could not be read.
pub(super) fn check_tree(root: &Path, files: &[SourceFile]) -> Result<Vec<Finding>, String> {
    let mut findings = orphans(files);
    let members = members(root)?;
    let mut folders: BTreeSet<&str> = BTreeSet::new();
    for file in files {
        let package = file.package();
        if package.is_empty() {
            let message = "belongs to no package: move it below crates/NAME or remove it";
            findings.push(Finding::new(file.path(), 1, "member", message));
        } else {
            folders.insert(package);
        }
    }
    for package in folders {
        let manifest = format!("crates/{package}/Cargo.toml");
        if !root.join(&manifest).is_file() {
            let message = "is missing: without it nothing in this folder is compiled";
            findings.push(Finding::new(&manifest, 0, "member", message));
        } else if !members.iter().any(|m| m == "crates/*" || *m == format!("crates/{package}")) {
            let message = "is not a member of the workspace: add it to `members` in Cargo.toml";
            findings.push(Finding::new(&manifest, 0, "member", message));
        }
    }
    Ok(findings)
}

fn empty_name(part: &str) -> Option<&str> {
    part.split(['_', '-']).find(|word| EMPTY_NAMES.contains(word))
}

fn members(root: &Path) -> Result<Vec<String>, String> {
    let text = fs::read_to_string(root.join("Cargo.toml")).map_err(|e| format!("Cargo.toml: {e}"))?;
    let manifest: toml::Table = text.parse().map_err(|e| format!("Cargo.toml: {e}"))?;
    let members = manifest.get("workspace").and_then(|w| w.get("members")).and_then(|m| m.as_array());
    Ok(members.into_iter().flatten().filter_map(|m| m.as_str().map(str::to_owned)).collect())
}

/// Finds files that no `mod` brings in: the compiler never sees them.
fn orphans(files: &[SourceFile]) -> Vec<Finding> {
    let declared: BTreeSet<String> = files
        .iter()
        .flat_map(|file| {
            file.modules().iter().map(move |m| format!("{}{}", module_folder(file.path()), m.path))
        })
        .collect();
    let is_module = |path: &str| {
        let stem = path.trim_end_matches(".rs");
        declared.contains(stem.strip_suffix("/mod").unwrap_or(stem))
    };
    files
        .iter()
        .filter(|file| !is_target_root(file.path()) && !is_module(file.path()))
        .map(|file| {
            let message = "no `mod` brings this file in, so it is never compiled: declare it or remove it";
            Finding::new(file.path(), 1, "orphan", message)
        })
        .collect()
}
