//! Source files as the rules see them: text, syntax, tokens, and which lines only tests compile.
//! Not here: any rule.

use std::collections::BTreeSet;
use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::Visit;

use super::Finding;

/// One parsed file of Rust.
pub(super) struct SourceFile {
    path: String,
    text: String,
    syntax: syn::File,
    tokens: TokenStream,
    test_lines: Vec<RangeInclusive<usize>>,
    modules: Vec<OuterModule>,
    is_test: bool,
}

/// A `mod name;`, whose text lies in another file.
pub(super) struct OuterModule {
    /// The folders of the inline modules around it, each with a `/` after it, then its name.
    pub(super) path: String,
    pub(super) line: usize,
    pub(super) is_test: bool,
    pub(super) names_its_file: bool,
}

impl SourceFile {
    /// Parses a file whose path is relative to the root.
    ///
    /// # Errors
    /// The place where it is not Rust.
    pub(super) fn parse(path: &str, text: &str) -> Result<Self, Finding> {
        let broken = |e: syn::Error| {
            Finding::new(path, e.span().start().line, "syntax", format!("this is not Rust: {e}"))
        };
        let syntax = syn::parse_file(text).map_err(broken)?;
        let tokens = syn::parse_str(text).map_err(broken)?;
        let mut scan = Scan::default();
        scan.visit_file(&syntax);
        let is_test = path.starts_with("crates/testkit/")
            || path.starts_with("crates/fuzz/")
            || path.split('/').any(|part| matches!(part, "tests" | "benches" | "tests.rs" | "fuzzing.rs"));
        Ok(SourceFile {
            path: path.to_owned(),
            text: text.to_owned(),
            syntax,
            tokens,
            test_lines: scan.test_lines,
            modules: scan.modules,
            is_test,
        })
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn syntax(&self) -> &syn::File {
        &self.syntax
    }

    pub(super) fn tokens(&self) -> TokenStream {
        self.tokens.clone()
    }

    pub(super) fn modules(&self) -> &[OuterModule] {
        &self.modules
    }

    /// The folder under `crates/` that holds the file; empty elsewhere.
    pub(super) fn package(&self) -> &str {
        self.path.strip_prefix("crates/").and_then(|rest| rest.split('/').next()).unwrap_or_default()
    }

    /// Whether only tests compile the whole file.
    pub(super) fn is_test(&self) -> bool {
        self.is_test
    }

    /// Whether only tests compile this line, counted from 1.
    pub(super) fn is_test_line(&self, line: usize) -> bool {
        self.is_test || self.test_lines.iter().any(|lines| lines.contains(&line))
    }

    /// The lines that the product compiles, each with its number from 1.
    pub(super) fn product_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(i, line)| (i + 1, line)).filter(|(n, _)| !self.is_test_line(*n))
    }

    /// Whether a documentation comment holds a block of Rust.
    pub(super) fn has_doc_test(&self) -> bool {
        let mut inside = false;
        self.text.lines().any(|line| {
            let line = line.trim_start();
            let Some(doc) = line.strip_prefix("///").or_else(|| line.strip_prefix("//!")) else {
                inside = false;
                return false;
            };
            let Some(info) = doc.trim().strip_prefix("```") else { return false };
            inside = !inside;
            inside && matches!(info, "" | "rust" | "no_run" | "should_panic" | "compile_fail")
        })
    }
}

/// Reads every Rust file of the repository outside `target` and hidden folders, sorted by path.
///
/// # Errors
/// Says which folder or file could not be read. A file that is not Rust is a finding.
pub(super) fn read_all(root: &Path) -> Result<(Vec<SourceFile>, Vec<Finding>), String> {
    let mut paths = Vec::new();
    list(root, "", &mut paths)?;
    paths.sort();
    let (mut files, mut findings) = (Vec::new(), Vec::new());
    for path in paths {
        let text = fs::read_to_string(root.join(&path)).map_err(|e| format!("{path}: {e}"))?;
        match SourceFile::parse(&path, &text) {
            Ok(file) => files.push(file),
            Err(finding) => findings.push(finding),
        }
    }
    mark_test_modules(&mut files);
    Ok((files, findings))
}

/// A file that a `#[cfg(test)] mod name;` brings in is a test, and so are the files below it.
fn mark_test_modules(files: &mut [SourceFile]) {
    let of_tests: BTreeSet<String> = files
        .iter()
        .flat_map(|file| file.modules.iter().map(move |module| (file, module)))
        .filter(|(_, module)| module.is_test)
        .map(|(file, module)| format!("{}{}", module_folder(&file.path), module.path))
        .collect();
    for file in files {
        let stem = file.path.trim_end_matches(".rs");
        file.is_test |= of_tests.iter().any(|m| stem == m || stem.starts_with(&format!("{m}/")));
    }
}

/// The folder, with its `/`, in which the modules of this file have their files.
pub(super) fn module_folder(path: &str) -> String {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    if name == "mod.rs" || is_target_root(path) {
        format!("{folder}/")
    } else {
        format!("{folder}/{}/", name.trim_end_matches(".rs"))
    }
}

/// Whether cargo compiles this file by its place: the root of a library, program, test or benchmark.
pub(super) fn is_target_root(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        ["crates", _, "build.rs"] | ["crates", _, "src", "lib.rs" | "main.rs"] => true,
        ["crates", _, "src", "bin", rest @ ..]
        | ["crates", _, "tests" | "benches" | "examples", rest @ ..] => {
            matches!(rest, [_] | [_, "main.rs"])
        }
        _ => false,
    }
}

fn list(root: &Path, folder: &str, paths: &mut Vec<String>) -> Result<(), String> {
    let here = root.join(folder);
    for entry in fs::read_dir(&here).map_err(|e| format!("{}: {e}", here.display()))? {
        let entry = entry.map_err(|e| format!("{}: {e}", here.display()))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        let kind = entry.file_type().map_err(|e| format!("{path}: {e}"))?;
        if kind.is_dir() && name != "target" && !name.starts_with('.') {
            list(root, &path, paths)?;
        } else if kind.is_file() && name.ends_with(".rs") {
            paths.push(path);
        }
    }
    Ok(())
}

/// Finds the items that only tests compile, and the modules that lie in other files.
#[derive(Default)]
struct Scan {
    test_lines: Vec<RangeInclusive<usize>>,
    modules: Vec<OuterModule>,
    inline: Vec<String>,
    in_test: bool,
}

impl Scan {
    /// Notes an item's lines when its attributes keep it from the product.
    fn note(&mut self, attributes: &[syn::Attribute], item: &impl Spanned) -> bool {
        let is_test = attributes.iter().any(is_test_attribute);
        if is_test {
            self.test_lines.push(item.span().start().line..=item.span().end().line);
        }
        is_test
    }
}

impl<'ast> Visit<'ast> for Scan {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let outer = self.in_test;
        self.in_test |= self.note(item_attributes(item), item);
        syn::visit::visit_item(self, item);
        self.in_test = outer;
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.note(&item.attrs, item);
        syn::visit::visit_impl_item_fn(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if item.content.is_some() {
            self.inline.push(format!("{}/", item.ident));
            syn::visit::visit_item_mod(self, item);
            self.inline.pop();
        } else {
            self.modules.push(OuterModule {
                path: format!("{}{}", self.inline.concat(), item.ident),
                line: item.ident.span().start().line,
                is_test: self.in_test,
                names_its_file: item.attrs.iter().any(|a| a.path().is_ident("path")),
            });
        }
    }
}

/// Whether an attribute leaves its item out of the product: `#[test]`, or a `#[cfg]` that asks for `test`.
fn is_test_attribute(attribute: &syn::Attribute) -> bool {
    match &attribute.meta {
        syn::Meta::Path(path) => path.is_ident("test"),
        syn::Meta::List(list) => list.path.is_ident("cfg") && asks_for_test(list.tokens.clone()),
        syn::Meta::NameValue(_) => false,
    }
}

fn asks_for_test(condition: TokenStream) -> bool {
    let mut parts = condition.into_iter().peekable();
    while let Some(part) = parts.next() {
        let TokenTree::Ident(name) = part else { continue };
        match parts.peek() {
            Some(TokenTree::Group(inside)) if name == "all" && asks_for_test(inside.stream()) => return true,
            Some(TokenTree::Group(_)) => {}
            _ if name == "test" => return true,
            _ => {}
        }
    }
    false
}

/// The attributes of an item of any kind that a `#[cfg(test)]` is put on.
fn item_attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
