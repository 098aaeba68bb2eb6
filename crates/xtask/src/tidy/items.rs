//! Rules on items: no second door to another house crate, no test switched off without a reason.

use syn::visit::Visit;

use super::Finding;
use super::source::SourceFile;

pub(super) fn check(file: &SourceFile) -> Vec<Finding> {
    let mut items = Items { file, findings: Vec::new() };
    items.visit_file(file.syntax());
    items.findings
}

struct Items<'a> {
    file: &'a SourceFile,
    findings: Vec<Finding>,
}

impl Items<'_> {
    fn public_use(&mut self, name: &syn::Ident) {
        let name_of_crate = name.to_string();
        if name_of_crate.starts_with("keyreeve_") {
            let message =
                format!("`pub use {name_of_crate}`: each name has one home, so let callers name that crate");
            self.findings.push(Finding::new(self.file.path(), name.span().start().line, "pub-use", message));
        }
    }

    fn public_tree(&mut self, tree: &syn::UseTree) {
        match tree {
            syn::UseTree::Path(path) => self.public_use(&path.ident),
            syn::UseTree::Name(name) => self.public_use(&name.ident),
            syn::UseTree::Rename(rename) => self.public_use(&rename.ident),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.public_tree(tree)),
            _ => {}
        }
    }
}

impl<'ast> Visit<'ast> for Items<'_> {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if matches!(item.vis, syn::Visibility::Public(_)) {
            self.public_tree(&item.tree);
        }
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        if matches!(item.vis, syn::Visibility::Public(_)) {
            self.public_use(&item.ident);
        }
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if let syn::Meta::Path(path) = &attribute.meta
            && path.is_ident("ignore")
        {
            let line = attribute.pound_token.span.start().line;
            let message = "say why: `#[ignore = \"reason\"]`, or let the test run";
            self.findings.push(Finding::new(self.file.path(), line, "ignore", message));
        }
    }
}
