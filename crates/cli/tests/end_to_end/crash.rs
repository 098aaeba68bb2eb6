//! kill -9 under load: whatever was acknowledged is there after the restart, and the journal is whole.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::http::Http;
use crate::server::{Server, folder};

/// Times that the server is killed.
const KILLS: usize = 200;
/// Clients at once.
const CLIENTS: usize = 4;
/// The journal is verified, and all keys are looked at, every so many kills.
const FULL_CHECK_EVERY: usize = 50;
/// What decides the moments of the kills and the deeds of the clients; a failure is replayed by its number.
const SEED: u64 = 0x5eed;

/// What a client knows of a key.
#[derive(Clone, Debug, PartialEq)]
struct Known {
    state: &'static str,
    version: u64,
    /// A ciphertext that was handed out, in base64.
    ciphertext: Option<String>,
}

/// A client's keys: what was acknowledged, and what was under way when the server died.
#[derive(Default)]
struct Ledger {
    client: usize,
    keys: BTreeMap<String, Known>,
    /// The key of the request that got no answer, and what it would be now had the request been done.
    under_way: Option<(String, Known)>,
    made: usize,
}

#[test]
fn nothing_acknowledged_is_lost_by_two_hundred_kills() {
    let data = folder();
    let mut random = Random(SEED);
    let mut ledgers: Vec<Ledger> =
        (0..CLIENTS).map(|client| Ledger { client, ..Ledger::default() }).collect();
    let mut acknowledged = 0;
    for kill in 1..=KILLS {
        let server = start(data.path());
        check(&server, &mut ledgers, kill % FULL_CHECK_EVERY == 0);
        let before: usize = ledgers.iter().map(|ledger| ledger.made).sum();
        let delay = Duration::from_micros(20_000 + random.below(80_000));
        load_and_kill(server, &mut ledgers, &mut random, delay);
        acknowledged += ledgers.iter().map(|ledger| ledger.made).sum::<usize>() - before;
    }
    let server = start(data.path());
    check(&server, &mut ledgers, true);
    println!("{KILLS} kills, {acknowledged} keys acknowledged, none lost");
    assert!(acknowledged > KILLS, "hardly any load: {acknowledged} keys in {KILLS} kills");
}

fn start(data: &std::path::Path) -> Server {
    Server::try_dev(data, &["--plain-http", "127.0.0.1:0"]).unwrap()
}

/// Lets the clients work, and kills the server under them.
fn load_and_kill(server: Server, ledgers: &mut [Ledger], random: &mut Random, delay: Duration) {
    let stopping = Arc::new(AtomicBool::new(false));
    std::thread::scope(|scope| {
        for ledger in ledgers {
            let mut http = Http::connect(&server).unwrap();
            let (mut random, stopping) = (Random(random.next()), Arc::clone(&stopping));
            scope.spawn(move || while ledger.act(&mut http, &mut random, &stopping) {});
        }
        let begin = Instant::now();
        std::thread::sleep(delay.saturating_sub(begin.elapsed()));
        stopping.store(true, Ordering::SeqCst);
        server.kill();
    });
}

impl Ledger {
    /// One request; false once the server is gone.
    fn act(&mut self, http: &mut Http, random: &mut Random, stopping: &AtomicBool) -> bool {
        let active: Vec<String> = self
            .keys
            .iter()
            .filter(|(_, known)| known.state == "active")
            .map(|(name, _)| name.clone())
            .collect();
        let any = (!active.is_empty()).then(|| active[random.below(active.len() as u64) as usize].clone());
        let (deed, name) = match (random.below(8), any) {
            (0..=3, _) | (_, None) => ("create", format!("key-{}-{}", self.client, self.made)),
            (4, Some(name)) => ("rotate", name),
            (5, Some(name)) => ("revoke", name),
            (6, Some(name)) => ("destroy", name),
            (_, Some(name)) => ("encrypt", name),
        };
        let mut next =
            self.keys.get(&name).cloned().unwrap_or(Known { state: "active", version: 1, ciphertext: None });
        match deed {
            "rotate" => next.version += 1,
            "revoke" => next.state = "deactivated",
            "destroy" => next.state = "destroyed",
            _ => {}
        }
        let (path, body) = match deed {
            "create" => ("/v1/keys".to_owned(), json!({ "name": name, "algorithm": "aes-256" })),
            "encrypt" => (format!("/v1/keys/{name}/encrypt"), json!({ "plaintext": "c2VjcmV0" })),
            _ => (format!("/v1/keys/{name}/{deed}"), json!({})),
        };
        self.under_way = Some((name.clone(), next.clone()));
        match http.ask("POST", &path, &body) {
            Ok((200 | 201, answer)) => {
                if deed == "encrypt" {
                    next.ciphertext = Some(answer["ciphertext"].as_str().unwrap().to_owned());
                }
                self.made += usize::from(deed == "create");
                self.keys.insert(name, next);
                self.under_way = None;
                true
            }
            Ok((status, answer)) => panic!("{deed} {name}: {status} {answer}"),
            Err(error) => {
                assert!(
                    stopping.load(Ordering::SeqCst),
                    "the server went away by itself at {deed} {name}: {error}"
                );
                false
            }
        }
    }
}

/// Compares what the server has with what was acknowledged.
fn check(server: &Server, ledgers: &mut [Ledger], full: bool) {
    let mut http = Http::connect(server).unwrap();
    for ledger in ledgers {
        if let Some((name, after)) = ledger.under_way.take() {
            let (status, key) = http.ask("GET", &format!("/v1/keys/{name}"), &Value::Null).unwrap();
            match ledger.keys.get(&name) {
                // A request without an answer was done or not done, and nothing between.
                Some(before) if matches(&key, before) => {}
                None if status == 404 => ledger.made += 1,
                _ if status == 200 && matches(&key, &after) => {
                    ledger.made += usize::from(!ledger.keys.contains_key(&name));
                    ledger.keys.insert(name, after);
                }
                before => panic!("{name} was {before:?}, might be {after:?}, and is {status} {key}"),
            }
        }
        let recent = if full { ledger.keys.len() } else { 12 };
        for (name, known) in ledger.keys.iter().rev().take(recent) {
            let (status, key) = http.ask("GET", &format!("/v1/keys/{name}"), &Value::Null).unwrap();
            assert!(status == 200 && matches(&key, known), "{name} was {known:?} and is {status} {key}");
            let Some(ciphertext) = &known.ciphertext else { continue };
            let path = format!("/v1/keys/{name}/decrypt");
            let (status, opened) = http.ask("POST", &path, &json!({ "ciphertext": ciphertext })).unwrap();
            match known.state {
                "destroyed" => assert_eq!(status, 410, "{name} was destroyed and opens: {opened}"),
                _ => assert_eq!(opened["plaintext"], "c2VjcmV0", "{name}: {status} {opened}"),
            }
        }
    }
    if full {
        let (status, verified) = http.ask("POST", "/v1/journal/verify", &json!({})).unwrap();
        assert!(status == 200 && verified["valid"] == true, "{status} {verified}");
    }
}

fn matches(key: &Value, known: &Known) -> bool {
    key["version"] == known.version && key["state"] == known.state
}

/// SplitMix64: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}
