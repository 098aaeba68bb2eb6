//! Rules on words anywhere in the code, inside macros too: `unsafe`, unfinished work, panics on what a
//! peer or a disk says, generators of random bytes, names of test vectors. Strings and comments do not count as code.

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};

use super::Finding;
use super::source::SourceFile;

/// The one package that may say `unsafe`.
const UNSAFE_PACKAGE: &str = "hsm";

/// Words by which code draws random bytes past the house's generator, whose state a fork or a copy of a machine may repeat.
const GENERATORS: &[&str] = &[
    "rand",
    "getrandom",
    "fastrand",
    "SystemRandom",
    "OsRng",
    "StdRng",
    "SmallRng",
    "ThreadRng",
    "thread_rng",
    "ChaCha8Rng",
    "ChaCha12Rng",
    "ChaCha20Rng",
    "new_v4",
    "now_v7",
];
/// The generator itself, and those whose draws give nothing away where they come twice: docs/algorithms.md says which.
const DRAWING_FILES: &[&str] = &[
    "crates/crypto/src/rng.rs",
    "crates/crypto/src/algorithms/rsa/signature.rs",
    "crates/pki/src/certificate.rs",
    "crates/pki/src/key.rs",
    "crates/pki/src/pkcs12.rs",
];

pub(super) fn check(file: &SourceFile) -> Vec<Finding> {
    let mut words = Words { file, findings: Vec::new() };
    words.walk(file.tokens());
    words.findings.extend(vector_names(file));
    words.findings
}

struct Words<'a> {
    file: &'a SourceFile,
    findings: Vec<Finding>,
}

impl Words<'_> {
    fn walk(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        for (at, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Group(group) => self.walk(group.stream()),
                TokenTree::Ident(word) => {
                    let before = at.checked_sub(1).and_then(|i| tokens.get(i));
                    self.word(&word.to_string(), word.span(), before, tokens.get(at + 1), tokens.get(at + 2));
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }

    fn word(
        &mut self,
        word: &str,
        span: Span,
        before: Option<&TokenTree>,
        after: Option<&TokenTree>,
        then: Option<&TokenTree>,
    ) {
        let line = span.start().line;
        let is_call = matches!(after, Some(TokenTree::Group(g)) if g.delimiter() == Delimiter::Parenthesis);
        match word {
            "unsafe" if self.file.package() != UNSAFE_PACKAGE => {
                self.find(line, "unsafe", "unsafe code lives in crates/hsm only: write this without it");
            }
            "todo" | "unimplemented" | "dbg" if is_punct(after, '!') => {
                self.find(line, "unfinished", format!("finish this and remove `{word}!`"));
            }
            _ if GENERATORS.contains(&word) => self.generator(word, line),
            // A method of that name whose result is passed on by `?` is not the one that panics.
            "unwrap" | "expect" if is_punct(before, '.') && is_call && !is_punct(then, '?') => {
                self.panicking_call(word, line);
            }
            _ => {}
        }
    }

    fn generator(&mut self, word: &str, line: usize) {
        if self.file.is_test_line(line) || DRAWING_FILES.contains(&self.file.path()) {
            return;
        }
        let message = format!(
            "draw random bytes by core's `Rng` port, whose generator no fork and no copy repeats, not by `{word}`"
        );
        self.find(line, "random", message);
    }

    fn panicking_call(&mut self, name: &str, line: usize) {
        if self.file.is_test_line(line) || has_invariant(self.file.text(), line) {
            return;
        }
        let message = format!(
            "return an error instead of `.{name}()`, or write the rule that makes it impossible to fail as \
             `// INVARIANT:` on the line before"
        );
        self.find(line, "unwrap", message);
    }

    fn find(&mut self, line: usize, rule: &'static str, message: impl Into<String>) {
        self.findings.push(Finding::new(self.file.path(), line, rule, message));
    }
}

fn is_punct(token: Option<&TokenTree>, sign: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == sign)
}

/// Whether this line, or the comment right above it or above the chain of calls it belongs to, names an
/// invariant.
fn has_invariant(text: &str, line: usize) -> bool {
    let lines: Vec<&str> = text.lines().map(str::trim).take(line).collect();
    let Some((this, above)) = lines.split_last() else { return false };
    if this.contains("// INVARIANT:") {
        return true;
    }
    let mut in_chain = this.starts_with('.');
    for line in above.iter().rev() {
        if line.starts_with("//") {
            if line.starts_with("// INVARIANT:") {
                return true;
            }
        } else if in_chain {
            in_chain = line.starts_with('.');
        } else {
            return false;
        }
    }
    false
}

/// Production code never names a vector: what it does must not depend on which test is running.
fn vector_names(file: &SourceFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in file.product_lines() {
        let words = line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'));
        for word in words.filter(|word| is_vector_name(word)) {
            let message =
                format!("`{word}` is a test vector: production code never names one, so move it to a test");
            findings.push(Finding::new(file.path(), number, "vector-name", message));
        }
    }
    findings
}

/// The names of the profiles' cases are, with dashes between: capitals, a mark for mandatory or optional, numbers, the version without
/// its dot. Those of the older suites begin with `TC` and a number.
fn is_vector_name(word: &str) -> bool {
    let parts: Vec<&str> = word.split(['-', '_']).collect();
    let (Some(first), Some(last)) = (parts.first(), parts.last()) else { return false };
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if *first == "TC" {
        return parts.len() > 3 && parts.get(1).is_some_and(|part| is_number(part));
    }
    parts.len() > 3
        && first.len() >= 2
        && first.bytes().all(|b| b.is_ascii_uppercase())
        && parts.iter().any(|part| matches!(*part, "M" | "O"))
        && matches!(*last, "10" | "11" | "12" | "13" | "14" | "20" | "21")
}
