//! The list of files and functions that may be too long for now. Not here: the limits.

use std::fs;
use std::path::Path;

use super::Finding;

/// Relative to the root.
const LIST: &str = "crates/xtask/tidy-exceptions.txt";
/// The rules that can be excepted.
const RULES: &[&str] = &["file-length", "function-length"];

/// Takes out the findings that the list excepts, and adds one for each entry that excepts nothing.
///
/// # Errors
/// Says that the list could not be read.
pub(super) fn apply(root: &Path, findings: Vec<Finding>) -> Result<Vec<Finding>, String> {
    let list = fs::read_to_string(root.join(LIST)).map_err(|e| format!("{LIST}: {e}"))?;
    Ok(apply_list(&list, findings))
}

pub(super) fn apply_list(list: &str, mut findings: Vec<Finding>) -> Vec<Finding> {
    for (at, entry) in list.lines().enumerate() {
        let words: Vec<&str> = entry.split_whitespace().collect();
        let (path, rule, subject) = match words.as_slice() {
            [] => continue,
            [first, ..] if first.starts_with('#') => continue,
            [path, rule] => (*path, *rule, ""),
            [path, rule, subject] => (*path, *rule, *subject),
            _ => ("", "", ""),
        };
        let before = findings.len();
        if RULES.contains(&rule) {
            findings.retain(|f| !(f.path == path && f.rule == rule && f.subject == subject));
        }
        if findings.len() == before {
            let message = format!("`{entry}` excepts nothing: remove this line");
            findings.push(Finding::new(LIST, at + 1, "exception", message));
        }
    }
    findings
}
