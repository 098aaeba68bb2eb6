//! Rules of the design that documents name with the tests that hold them: each test has to be there. Not here: whether a
//! test holds what it says.

use std::collections::BTreeSet;
use std::path::Path;

use syn::visit::Visit;

use super::Finding;
use super::source::SourceFile;

/// The documents with tables that name tests, and the heading that each follows.
const TABLES: [(&str, &str); 3] = [
    ("docs/destruction.md", "## Each rule and its tests"),
    ("docs/destruction.md", "## Each variant of the model and its test"),
    ("docs/threat-model.md", "## Findings, and the tests that hold them"),
];

/// Checks that every test that the table names is one.
///
/// # Errors
/// Where the document cannot be read.
pub(super) fn check(root: &Path, files: &[SourceFile]) -> Result<Vec<Finding>, String> {
    let mut tests = Tests::default();
    files.iter().for_each(|file| tests.visit_file(file.syntax()));
    let mut findings = Vec::new();
    for (path, heading) in TABLES {
        let text = std::fs::read_to_string(root.join(path)).map_err(|error| format!("{path}: {error}"))?;
        findings.extend(check_table(path, heading, &text, &tests.0));
    }
    Ok(findings)
}

/// The same of one document's text.
pub(super) fn check_table(path: &str, heading: &str, text: &str, tests: &BTreeSet<String>) -> Vec<Finding> {
    let wrong = |line, message: String| Finding::new(path, line, "witness", message);
    let lines = (1..).zip(text.lines());
    let rows: Vec<_> = lines
        .skip_while(|(_, line)| *line != heading)
        .skip(1)
        .take_while(|(_, line)| !line.starts_with('#'))
        .filter(|(_, line)| line.starts_with('|'))
        .skip(2)
        .collect();
    if rows.is_empty() {
        return vec![wrong(0, format!("there is no table under {heading:?}"))];
    }
    let mut findings = Vec::new();
    for (line, row) in rows {
        let named = row.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
        let mut names = named.split('`').skip(1).step_by(2).peekable();
        if names.peek().is_none() {
            findings.push(wrong(line, "this rule names no test".into()));
        }
        let missing = names.filter(|name| !tests.contains(*name));
        findings.extend(
            missing.map(|name| wrong(line, format!("there is no test {name}: name the one that is"))),
        );
    }
    findings
}

/// Names of functions that are tests.
#[derive(Default)]
struct Tests(BTreeSet<String>);

impl<'a> Visit<'a> for Tests {
    fn visit_item_fn(&mut self, item: &'a syn::ItemFn) {
        if item.attrs.iter().any(|one| one.path().segments.last().is_some_and(|last| last.ident == "test")) {
            self.0.insert(item.sig.ident.to_string());
        }
        syn::visit::visit_item_fn(self, item);
    }
}
