//! docs/coverage.md against the core's operations, REST's routes and the command line's words: whoever adds one says there
//! where it can be asked for, or why not. Not checked: that a route runs the very operations in whose rows it stands, only that
//! REST names each of them somewhere. Not here: whether they work.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::server::root;

/// Wrappers and records that go along with other operations; the document says so behind its table.
const ALONG: [&str; 4] = ["Matching", "Note", "ThenShow", "Undone"];

struct Row {
    operation: String,
    cells: [String; 2],
}

/// What stands in backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The cells of the rows of every table, without heads and rulers.
fn rows(text: &str) -> Vec<Vec<&str>> {
    let lines: Vec<&str> = text.lines().collect();
    let is_ruler = |line: &&str| line.starts_with("|---");
    let body = lines.iter().enumerate().filter(|(at, line)| {
        line.starts_with('|') && !is_ruler(line) && !lines.get(at + 1).is_some_and(is_ruler)
    });
    body.map(|(_, line)| line.trim_matches('|').split(" | ").map(str::trim).collect()).collect()
}

/// Names in `impl Operation for NAME`.
fn operations() -> BTreeSet<String> {
    let folder = root().join("crates/core/src/operations");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let source: String = files.map(|path| fs::read_to_string(path).unwrap()).collect();
    let named = source.lines().filter(|line| line.starts_with("impl")).filter_map(|line| {
        let name = line.split_once("Operation for ")?.1;
        Some(name.chars().take_while(|letter| letter.is_alphanumeric()).collect())
    });
    named.collect()
}

fn routes() -> BTreeSet<String> {
    let document = fs::read_to_string(root().join("docs/openapi.json")).unwrap();
    let document: Value = serde_json::from_str(&document).unwrap();
    let paths = document["paths"].as_object().unwrap().iter();
    paths
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().keys();
            methods.map(move |method| format!("{} {path}", method.to_ascii_uppercase()))
        })
        .collect()
}

/// Commands that do something: all but those that only hold others.
fn commands() -> BTreeSet<String> {
    let text = fs::read_to_string(root().join("docs/commands.txt")).unwrap();
    let named = text.lines().filter_map(|line| line.strip_prefix("==== keyreeve ")?.strip_suffix(" ===="));
    let all: BTreeSet<String> = named.map(str::to_owned).collect();
    let holds_others = |command: &String| all.iter().any(|other| other.starts_with(&format!("{command} ")));
    all.iter().filter(|command| !holds_others(command)).cloned().collect()
}

#[test]
fn every_operation_route_and_command_is_in_the_document() {
    let text = fs::read_to_string(root().join("docs/coverage.md")).unwrap();
    let (of_operations, others): (Vec<_>, Vec<_>) = rows(&text).into_iter().partition(|row| row.len() == 3);
    let of_operations: Vec<Row> = of_operations
        .into_iter()
        .map(|row| Row { operation: quoted(row[0]).collect(), cells: [row[1].to_owned(), row[2].to_owned()] })
        .collect();
    let along = ALONG.map(str::to_owned);
    let told: BTreeSet<String> = of_operations.iter().map(|row| row.operation.clone()).chain(along).collect();
    assert_eq!(told, operations(), "docs/coverage.md and the operations of the core differ");
    assert_eq!(told.len(), of_operations.len() + ALONG.len(), "an operation stands there twice");

    let known = [routes(), commands()];
    let mut named = [BTreeSet::new(), BTreeSet::new()];
    for row in &of_operations {
        for ((cell, known), named) in row.cells.iter().zip(&known).zip(&mut named) {
            if let Some(reason) = cell.strip_prefix("none: ") {
                assert!(reason.len() > 10, "{}: {cell:?} is no reason", row.operation);
                continue;
            }
            let here: Vec<&str> = quoted(cell).collect();
            assert!(!here.is_empty(), "{}: {cell:?} names nothing", row.operation);
            for name in here {
                assert!(known.contains(name), "{}: there is no {name:?}", row.operation);
                named.insert(name.to_owned());
            }
        }
    }
    for name in others.iter().flat_map(|row| quoted(row[0])) {
        let at = usize::from(!known[0].contains(name));
        assert!(known[at].contains(name), "there is no {name:?}");
        named[at].insert(name.to_owned());
    }
    for (known, named) in known.iter().zip(&named) {
        let missing: Vec<_> = known.difference(named).collect();
        assert!(missing.is_empty(), "docs/coverage.md does not name {missing:?}");
    }
}

/// A reason to have no route is true: REST does not ask for the operation anywhere; and a route is no empty promise.
#[test]
fn what_has_a_route_is_asked_for_by_rest_and_what_has_none_is_not() {
    let text = fs::read_to_string(root().join("docs/coverage.md")).unwrap();
    let folder = root().join("crates/server/src/frontends/rest");
    let files =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let source: String = files.map(|path| fs::read_to_string(path).unwrap()).collect();
    let words: BTreeSet<&str> =
        source.split(|letter: char| !letter.is_alphanumeric() && letter != '_').collect();
    for row in rows(&text).iter().filter(|row| row.len() == 3) {
        let operation: String = quoted(row[0]).collect();
        assert_eq!(
            words.contains(operation.as_str()),
            !row[1].starts_with("none: "),
            "{operation}: the document says {:?}",
            row[1]
        );
    }
}
