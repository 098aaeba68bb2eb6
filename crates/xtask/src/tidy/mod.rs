//! `cargo xtask tidy`: the rules of the house that no compiler checks. One file a group of rules; this
//! file runs them and prints what they found. Not here: what each rule looks for.

mod arrows;
mod exceptions;
mod items;
mod layout;
mod sizes;
mod source;
#[cfg(test)]
mod tests;
mod tokens;
mod witnesses;

use std::path::Path;

use source::SourceFile;

/// One broken rule: where, and what to do about it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// Relative to the root, with `/` between folders.
    path: String,
    /// From 1; 0 where the finding is about the whole file.
    line: usize,
    /// The rule's name, as in tidy-exceptions.txt.
    rule: &'static str,
    /// The item the rule broke on, where it has a name.
    subject: String,
    /// What is wrong and what to do.
    message: String,
}

impl Finding {
    fn new(path: &str, line: usize, rule: &'static str, message: impl Into<String>) -> Self {
        Finding { path: path.to_owned(), line, rule, subject: String::new(), message: message.into() }
    }
}

/// The rules that look at one source file at a time.
const FILE_RULES: &[fn(&SourceFile) -> Vec<Finding>] =
    &[layout::check_file, sizes::check, tokens::check, items::check];

/// Checks the whole repository and prints every finding as `path:line: [rule] message`.
///
/// # Errors
/// Says how many findings there are, or what could not be read.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let (files, mut findings) = source::read_all(root)?;
    for file in &files {
        findings.extend(FILE_RULES.iter().flat_map(|rule| rule(file)));
    }
    findings.extend(layout::check_tree(root, &files)?);
    findings.extend(arrows::check(root)?);
    findings.extend(witnesses::check(root, &files)?);
    let mut findings = exceptions::apply(root, findings)?;
    findings.sort();
    for finding in &findings {
        println!("{}:{}: [{}] {}", finding.path, finding.line, finding.rule, finding.message);
    }
    match findings.len() {
        0 => {
            println!("tidy: {} source files are in order", files.len());
            Ok(())
        }
        count => Err(format!("tidy found {count} broken rules, named above")),
    }
}

/// The names of the packages whose library has a documentation test.
///
/// # Errors
/// Says what could not be read.
pub(crate) fn packages_with_doc_tests(root: &Path) -> Result<Vec<String>, String> {
    let (files, _) = source::read_all(root)?;
    let mut packages: Vec<String> = Vec::new();
    for file in files.iter().filter(|file| file.has_doc_test() && !file.is_test()) {
        let folder = root.join("crates").join(file.package());
        if folder.join("src/lib.rs").is_file() {
            packages.push(arrows::package_name(&folder)?);
        }
    }
    packages.sort();
    packages.dedup();
    Ok(packages)
}
