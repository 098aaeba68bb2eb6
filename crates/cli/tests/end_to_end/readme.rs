//! The commands of README.md, as a reader would type them: every `console` block, in order, in one shell, then every
//! `python` block; and the commands of the documents, each on a server of its own.

use std::fs;

use crate::clients::python;
use crate::server::{KEYREEVE, Server, fixed_port, folder, root};
use crate::session::{Step, parse, run};

/// Where README.md puts its data.
const PLACE: &str = "/tmp/keyreeve";

#[test]
fn the_commands_of_the_readme_work() {
    let text = fs::read_to_string(root().join("README.md")).unwrap();
    let (data, place) = (folder(), folder());
    let dir = data.path().join("dev");
    let blocks = blocks_of(&text, "console");
    assert!(blocks.iter().any(|block| block.contains("dev --dir")), "README.md does not say how to start it");
    let server = Server::dev(&dir);
    let mut steps: Vec<Step> = Vec::new();
    for block in blocks {
        let block =
            block.replace("cargo run --release --", KEYREEVE).replace("target/release/keyreeve", KEYREEVE);
        let block = block.replace(PLACE, dir.to_str().unwrap());
        // The server of the tests runs already; a build is no test of the text.
        let typed = parse(&block).into_iter().filter(|step| {
            !step.command.contains("dev --dir")
                && !step.command.starts_with("cargo")
                && !step.command.starts_with("git")
        });
        // What is printed is told in full, in part, or not at all, as suits the reader.
        steps.extend(
            typed.map(|step| Step { expected: step.expected.filter(|lines| !lines.is_empty()), ..step }),
        );
    }
    assert!(steps.len() > 8, "README.md shows hardly any command: {steps:?}");
    run(&server, place.path(), &steps);
    let Some(python) = python() else { return };
    for program in blocks_of(&text, "python") {
        let output = server.command(&python).args(["-c", &program]).output().unwrap();
        assert!(output.status.success(), "{program}\n{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn the_commands_of_the_documents_work() {
    let mut shown = 0;
    for document in fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path()) {
        // The commands of rest.md have a test of their own, below.
        if document.extension().is_none_or(|kind| kind != "md") || document.ends_with("rest.md") {
            continue;
        }
        let text = fs::read_to_string(&document).unwrap();
        // A server that a document starts gets ports of its own.
        let addresses = ["127.0.0.1:8443", "127.0.0.1:5696", "127.0.0.1:7443"].into_iter();
        let text = addresses.fold(text, |text, address| match text.contains(address) {
            true => text.replace(address, &format!("127.0.0.1:{}", fixed_port())),
            false => text,
        });
        let steps: Vec<Step> = blocks_of(&text, "console").iter().flat_map(|block| parse(block)).collect();
        if !steps.is_empty() {
            shown += steps.len();
            let (data, place) = (folder(), folder());
            run(&Server::dev(data.path()), place.path(), &steps);
        }
    }
    assert!(shown > 40, "the documents show hardly any command: {shown}");
}

#[test]
fn the_commands_about_streams_work_on_a_server_whose_memory_stays_as_it_was() {
    let text = fs::read_to_string(root().join("docs/rest.md")).unwrap();
    let (data, place) = (folder(), folder());
    let server = Server::dev(data.path());
    let steps: Vec<Step> = blocks_of(&text, "console").iter().flat_map(|block| parse(block)).collect();
    assert!(steps.iter().any(|step| step.command.contains("decrypt-stream")), "{steps:?}");
    let before = server.resident_kib();
    run(&server, place.path(), &steps);
    let grown = server.resident_kib().saturating_sub(before);
    assert!(grown < 40 << 10, "64 MiB streamed through took {grown} KiB of memory");
}

/// Text of the fenced blocks in this language.
pub(crate) fn blocks_of(text: &str, language: &str) -> Vec<String> {
    let begin = format!("```{language}");
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim_end() == begin {
            let block: Vec<&str> = lines.by_ref().take_while(|line| line.trim_end() != "```").collect();
            blocks.push(block.join("\n"));
        }
    }
    blocks
}
