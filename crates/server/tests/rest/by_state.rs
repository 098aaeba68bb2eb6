//! The operation by role by state matrix over REST, and the page that is made of it. Not here: the matrix itself (testkit), the
//! requests (`authorization`).

use std::fmt::Write as _;

use hyper::StatusCode;
use keyreeve_testkit::matrix::{STATES, Seen, WHO, line, lines};
use serde_json::{Value, json};

use crate::authorization::{Row, prepare, rows, tokens};
use crate::harness::{Proof, Server};

/// What an answer says: done, refused for the state of the key, denied or not found.
fn told(status: StatusCode, answer: &Value) -> Option<char> {
    match answer["code"].as_str() {
        _ if status.is_success() => Some('+'),
        Some("wrong_state" | "destroyed" | "archived") => Some('-'),
        Some("denied") => Some('D'),
        Some("not_found") => Some('N'),
        _ => None,
    }
}

/// What each of `WHO` is told of one row in one state. Who may do it has a key of their own.
async fn ask_all(
    server: &Server,
    tokens: &impl Fn(&str) -> String,
    row: &Row,
    state: &str,
    name: &str,
) -> [String; 6] {
    let expected = line(row.action).who;
    let shared = prepare(server, tokens, row, (&format!("{name}-all"), state)).await;
    let mut all = [const { String::new() }; 6];
    for ((who, expected), found) in WHO.iter().zip(expected).zip(&mut all) {
        let (path, body) = match expected {
            Seen::A => prepare(server, tokens, row, (&format!("{name}-{who}"), state)).await,
            Seen::D | Seen::N => shared.clone(),
        };
        let (status, answer) = server.json(Proof::Token(&tokens(who)), row.method, &path, body).await;
        *found = told(status, &answer).map_or_else(|| format!("{status} {answer}"), String::from);
    }
    all
}

#[tokio::test]
async fn every_operation_role_and_state_is_as_the_matrix_says_over_rest() {
    let server = Server::start();
    let tokens = tokens(&server).await;
    let kek = json!({ "name": "kek", "algorithm": "aes-256" });
    server.admin("POST", "/v1/keys", kek).await;
    for wrapper in ["owner", "granted"] {
        let grant = json!({ "actions": ["wrap"] });
        server.admin("PUT", &format!("/v1/keys/kek/grants/{wrapper}"), grant).await;
    }
    let mut wrong = Vec::new();
    for (index, row) in rows().iter().enumerate() {
        let line = line(row.action);
        let Some(states) = line.rest else { continue };
        assert_eq!(states.len(), STATES.len(), "{}", row.action.word());
        for (state, done) in STATES.iter().zip(states.chars()) {
            let found = ask_all(&server, &tokens, row, state, &format!("k{index}-{state}")).await;
            for ((who, seen), found) in WHO.iter().zip(line.who).zip(found) {
                let expected = match seen {
                    Seen::A => done,
                    Seen::D => 'D',
                    Seen::N => 'N',
                };
                if found != expected.to_string() {
                    wrong.push(format!("{} {who} {state}: {found}, not {expected}", row.action.word()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/access-matrix.md");

const HEAD: &str = "# Who may do what, and when\n\n\
    Every action as the journal names it, by the ready-made roles and by the states of a key. The tests ask for each of these over\n\
    REST and over KMIP, and this page is made of their own table:\n\
    `KEYREEVE_WRITE_GOLDEN=1 cargo nextest run --release --workspace -E 'test(catalogue)'`. The command line asks over REST.\n\
    Access rules and scopes of tokens narrow or widen this, approvals make it wait ([access.md](access.md)).\n\n\
    ## By role\n\n\
    The owner of a key has the role user, and so have one with a grant of this very action on it, and one without. `no`: denied, in\n\
    whatever state the key is. `hidden`: answered as if it were not there. An owner whose role was taken away is like any other.\n\n";

const STATES_HEAD: &str = "\n## By state\n\n\
    For who may do it, where it is about one key. `-`: refused for the state. A key that is suspended, archived or waiting for its\n\
    destruction is Active below that.\n\n";

#[test]
fn the_catalogue_of_who_may_do_what_is_the_matrix() {
    let mut text = format!("{HEAD}| action | {} |\n|---|---|---|---|---|---|---|\n", WHO.join(" | "));
    for line in lines() {
        let seen = line.who.map(|seen| match seen {
            Seen::A => "yes",
            Seen::D => "no",
            Seen::N => "hidden",
        });
        writeln!(text, "| `{}` | {} |", line.action.word(), seen.join(" | ")).unwrap();
    }
    write!(
        text,
        "{STATES_HEAD}| action | over | {} |\n|---|---|---|---|---|---|---|---|---|---|---|\n",
        STATES.join(" | ")
    )
    .unwrap();
    for line in lines() {
        let told = match (line.rest, line.kmip) {
            (Some(rest), Some(kmip)) if rest == kmip => vec![("REST, KMIP", rest)],
            (rest, kmip) => rest
                .map(|states| ("REST", states))
                .into_iter()
                .chain(kmip.map(|states| ("KMIP", states)))
                .collect(),
        };
        for (over, states) in told {
            let words = states.chars().map(|done| match done {
                '+' => "yes",
                'D' => "no",
                _ => "-",
            });
            let words = words.collect::<Vec<_>>().join(" | ");
            writeln!(text, "| `{}` | {over} | {words} |", line.action.word()).unwrap();
        }
    }
    if std::env::var_os("KEYREEVE_WRITE_GOLDEN").is_some() {
        std::fs::write(PAGE, &text).unwrap();
    }
    let told = std::fs::read_to_string(PAGE).unwrap_or_default();
    assert!(told == text, "docs/access-matrix.md is not the matrix: run this with KEYREEVE_WRITE_GOLDEN=1");
}
