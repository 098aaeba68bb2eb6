//! Rules on length: what is too long to be read in one go is split. Tests do not count.

use syn::spanned::Spanned;
use syn::visit::Visit;

use super::Finding;
use super::source::SourceFile;

/// Lines of a file, without its tests.
pub(super) const FILE_LINES_MAX: usize = 800;
/// Lines of a function, from `fn` to its closing brace.
pub(super) const FUNCTION_LINES_MAX: usize = 70;

pub(super) fn check(file: &SourceFile) -> Vec<Finding> {
    let mut functions = Functions { file, findings: Vec::new() };
    functions.visit_file(file.syntax());
    let mut findings = functions.findings;
    let lines = file.product_lines().count();
    if lines > FILE_LINES_MAX {
        let message =
            format!("{lines} lines without tests, at most {FILE_LINES_MAX}: split the file by subject");
        findings.push(Finding::new(file.path(), FILE_LINES_MAX + 1, "file-length", message));
    }
    findings
}

struct Functions<'a> {
    file: &'a SourceFile,
    findings: Vec<Finding>,
}

impl Functions<'_> {
    fn measure(&mut self, signature: &syn::Signature, body: &syn::Block) {
        let first = signature.span().start().line;
        let lines = body.span().end().line + 1 - first;
        if lines > FUNCTION_LINES_MAX && !self.file.is_test_line(first) {
            let name = signature.ident.to_string();
            let message = format!("`{name}` has {lines} lines, at most {FUNCTION_LINES_MAX}: split it");
            let finding = Finding::new(self.file.path(), first, "function-length", message);
            self.findings.push(Finding { subject: name, ..finding });
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.measure(&item.sig, &item.block);
        syn::visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.measure(&item.sig, &item.block);
        syn::visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(body) = &item.default {
            self.measure(&item.sig, body);
        }
        syn::visit::visit_trait_item_fn(self, item);
    }
}
