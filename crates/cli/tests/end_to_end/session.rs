//! Sessions: text files that read as documentation and are run as tests.
//!
//! `$ ` begins a command (a backslash at its end, or `> ` before the next line, continues it), the lines after it are what it prints on both streams,
//! `[..]` stands for any text within a line, `...` for any lines, and `? CODE` says the exit code where it is not 0. `#`
//! begins a remark. The commands of a file run in one shell, in a folder of their own, as clients of one server.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Stdio;

use crate::server::{Server, folder};

/// One command and what must come of it.
#[derive(Debug, Default)]
pub(crate) struct Step {
    /// Shell text.
    pub(crate) command: String,
    /// Lines that it prints; `None`: whatever it likes.
    pub(crate) expected: Option<Vec<String>>,
    /// Exit code.
    pub(crate) code: i32,
}

/// Reads the steps of a session.
pub(crate) fn parse(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for line in text.lines() {
        let last = steps.last_mut();
        if let Some(step) = last.filter(|step| step.command.ends_with('\\')) {
            step.command.push('\n');
            step.command.push_str(line);
        } else if let Some((step, more)) = steps
            .last_mut()
            .filter(|step| step.expected.as_ref().is_some_and(Vec::is_empty))
            .zip(line.strip_prefix("> "))
        {
            step.command.push('\n');
            step.command.push_str(more);
        } else if let Some(command) = line.strip_prefix("$ ") {
            steps.push(Step { command: command.to_owned(), expected: Some(Vec::new()), code: 0 });
        } else if line.starts_with('#') {
        } else if let Some(step) = steps.last_mut() {
            match line.strip_prefix("? ") {
                Some(code) => step.code = code.parse().unwrap(),
                None => step.expected.get_or_insert_default().push(line.to_owned()),
            }
        }
    }
    for step in &mut steps {
        let expected = step.expected.get_or_insert_default();
        while expected.last().is_some_and(|line| line.trim().is_empty()) {
            expected.pop();
        }
    }
    steps
}

/// Runs the steps in one shell in `place` and compares.
pub(crate) fn run(server: &Server, place: &Path, steps: &[Step]) {
    assert!(!steps.is_empty(), "a session without commands tests nothing");
    let mut script = String::new();
    for (number, Step { command, .. }) in steps.iter().enumerate() {
        writeln!(script, "{{ {command}\n}} > .out.{number} 2>&1; echo $? > .code.{number}").unwrap();
    }
    fs::write(place.join(".script"), script).unwrap();
    let output =
        server.command("sh").arg(".script").current_dir(place).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    for (number, step) in steps.iter().enumerate() {
        let printed = fs::read(place.join(format!(".out.{number}"))).unwrap_or_default();
        let printed = String::from_utf8_lossy(&printed).into_owned();
        let code = fs::read_to_string(place.join(format!(".code.{number}"))).unwrap_or_default();
        let context = format!("$ {}\n{printed}\n? {code}\n{said}", step.command);
        assert_eq!(code.trim(), step.code.to_string(), "another exit code was expected:\n{context}");
        if let Some(expected) = &step.expected {
            let lines: Vec<&str> = printed.lines().map(str::trim_end).collect();
            assert!(
                lines_match(expected, &lines),
                "this was expected:\n{}\n\nand this came:\n{context}",
                expected.join("\n")
            );
        }
    }
}

fn lines_match(expected: &[String], lines: &[&str]) -> bool {
    match (expected.split_first(), lines.split_first()) {
        (None, None) => true,
        (Some((first, rest)), _) if first.trim() == "..." => {
            (0..=lines.len()).any(|skipped| lines_match(rest, &lines[skipped..]))
        }
        (Some((first, rest)), Some((line, lines))) => {
            line_matches(first.trim_end(), line) && lines_match(rest, lines)
        }
        _ => false,
    }
}

fn line_matches(expected: &str, line: &str) -> bool {
    let mut parts = expected.split("[..]");
    let Some(mut left) = parts.next().and_then(|first| line.strip_prefix(first)) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return left.is_empty() };
    for part in middle {
        match left.find(part) {
            Some(place) => left = &left[place + part.len()..],
            None => return false,
        }
    }
    left.ends_with(last)
}

fn run_file(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sessions").join(name);
    let (data, place) = (folder(), folder());
    let server = Server::dev(data.path());
    run(&server, place.path(), &parse(&fs::read_to_string(path).unwrap()));
}

macro_rules! sessions {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            run_file(concat!(stringify!($name), ".txt"));
        })*

        #[test]
        fn every_session_file_is_run() {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sessions");
            let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name()).collect();
            files.sort();
            let mut known = vec![$(concat!(stringify!($name), ".txt")),*];
            known.sort_unstable();
            assert_eq!(files, known);
        }
    };
}

sessions! {
    algorithms
    backup
    bundle
    clients_and_grants
    contexts
    curl
    denials_and_mistakes
    destruction
    encryption
    export
    files
    help
    journal
    key_life
    keys_from_elsewhere
    openssl
    output_forms
    root_key
    signatures
    the_past
    upkeep
    usage_limits
}

#[test]
fn wildcards_stand_for_what_they_say() {
    assert!(
        line_matches("a [..] c", "a b c")
            && line_matches("[..]", "")
            && line_matches("a[..]b[..]c", "a b b c")
    );
    assert!(!line_matches("a [..] c", "a b d") && !line_matches("a", "ab") && !line_matches("ab[..]b", "ab"));
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    assert!(lines_match(&lines("a\n...\nc"), &["a", "b", "b", "c"]) && lines_match(&lines("..."), &[]));
    assert!(!lines_match(&lines("a\n..."), &["b"]) && !lines_match(&lines("a"), &["a", "b"]));
}
