//! `keyreeve bench`: every operation over both protocols, in short, and what it leaves behind. Not here: how fast anything is.

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::server::{Server, folder};

const FIELDS: [&str; 8] = [
    "requests_per_second",
    "p50_us",
    "p99_us",
    "errors",
    "server_cpu_us",
    "ceiling_requests_per_second",
    "ratio",
    "ratio_counts",
];

fn bench(server: &Server, words: &str) -> Value {
    let mut arguments = vec!["bench", "--connections", "3", "--seconds", "0.1", "-o", "json"];
    arguments.extend(words.split(' '));
    let measured: Value = serde_json::from_slice(&server.keyreeve(&arguments)).unwrap();
    let fields: Vec<&str> = measured.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields, FIELDS, "{words}");
    assert_eq!(measured["errors"], 0, "{words}: {measured}");
    assert!(measured["requests_per_second"].as_f64().unwrap() > 0.0, "{words}: {measured}");
    assert!(measured["p99_us"].as_f64() >= measured["p50_us"].as_f64(), "{words}: {measured}");
    assert!(measured["server_cpu_us"].is_number(), "the server runs on this machine: {measured}");
    measured
}

#[test]
fn every_operation_is_measured_and_leaves_no_key() {
    let data = folder();
    let server = Server::dev(data.path());
    for protocol in ["kmip", "rest"] {
        for operation in ["encrypt", "decrypt", "sign", "create", "get", "locate"] {
            let measured = bench(&server, &format!("--protocol {protocol} --op {operation}"));
            assert!(
                ["ratio", "ratio_counts", "ceiling_requests_per_second"]
                    .iter()
                    .all(|field| measured[field].is_null())
            );
        }
        let measured = bench(&server, &format!("--protocol {protocol} --op encrypt --ceiling --pipeline 4"));
        let (rate, ceiling) = (&measured["requests_per_second"], &measured["ceiling_requests_per_second"]);
        let ratio = rate.as_f64().unwrap() / ceiling.as_f64().unwrap();
        assert!((measured["ratio"].as_f64().unwrap() - ratio).abs() < 0.01, "{measured}");
        let least = if protocol == "kmip" { 100_000.0 } else { 50_000.0 };
        assert_eq!(measured["ratio_counts"], ceiling.as_f64().unwrap() >= least, "{measured}");
    }
    bench(&server, "--protocol kmip --op decrypt --batch 5 --size 1000");
    bench(&server, "--protocol kmip --op create --batch 5");
    assert_eq!(live_keys(&server), Vec::<String>::new());
    let listed: Value = serde_json::from_slice(&server.keyreeve(&["key", "list", "-o", "json"])).unwrap();
    let keys = listed.as_array().unwrap();
    assert!(!keys.is_empty(), "what was destroyed is listed");
    assert!(keys.iter().all(|key| key["name"].as_str().unwrap().starts_with("keyreeve-bench-")), "{listed}");
    assert_eq!(server.stop(), Some(0));
}

/// Names of the keys that are there and not destroyed.
fn live_keys(server: &Server) -> Vec<String> {
    let listed: Value = serde_json::from_slice(&server.keyreeve(&["key", "list", "-o", "json"])).unwrap();
    let live = listed.as_array().unwrap().iter().filter(|key| key["state"] != "destroyed");
    live.map(|key| key["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_kind_of_key_does_what_it_can() {
    let data = folder();
    let server = Server::dev(data.path());
    let cases: [(&str, &[&str]); 8] = [
        // Decrypting encrypts before.
        ("aes-512", &["decrypt"]),
        ("ChaCha20-Poly1305", &["decrypt", "create"]),
        ("hmac-sha384", &["get"]),
        ("rsa-2048", &["decrypt", "sign"]),
        ("ec-p384", &["decrypt", "sign", "create"]),
        ("x25519", &["decrypt", "create"]),
        ("ml-kem-768", &["decrypt", "get"]),
        ("ml-dsa-65", &["sign", "get"]),
    ];
    for (algorithm, operations) in cases {
        for operation in operations {
            for protocol in ["kmip", "rest"] {
                bench(&server, &format!("--protocol {protocol} --op {operation} --algorithm {algorithm}"));
            }
        }
    }
    assert_eq!(live_keys(&server), Vec::<String>::new());
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn whoever_is_no_administrator_leaves_no_key_either() {
    let (data, place) = (folder(), folder());
    let server = Server::dev(data.path());
    let out = place.path().to_str().unwrap();
    server.keyreeve(&["client", "add", "bob", "--out-dir", out]);
    let file = |name: &str| place.path().join(name).display().to_string();
    let (certificate, key) = (file("bob.pem"), file("bob.key"));
    for protocol in ["kmip", "rest"] {
        let words =
            format!("--protocol {protocol} --op create --client-cert {certificate} --client-key {key}");
        bench(&server, &words);
    }
    assert_eq!(live_keys(&server), Vec::<String>::new());
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn an_interrupted_bench_leaves_no_key() {
    let data = folder();
    let server = Server::dev(data.path());
    for (protocol, signal) in [("kmip", "-INT"), ("rest", "-TERM")] {
        let mut command = server.command(crate::server::KEYREEVE);
        command.args([
            "bench",
            "--protocol",
            protocol,
            "--op",
            "create",
            "--connections",
            "2",
            "--seconds",
            "600",
        ]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        while live_keys(&server).len() < 3 {
            std::thread::sleep(Duration::from_millis(20));
        }
        let id = child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && said.contains("interrupted"), "{said}");
        assert_eq!(live_keys(&server), Vec::<String>::new());
    }
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let data = folder();
    let server = Server::dev(data.path());
    let refused = |words: &str| {
        let mut command = server.command(crate::server::KEYREEVE);
        let output = command.arg("bench").args(words.split(' ')).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, text) = refused("--protocol rest --op encrypt --batch 2");
    assert!(code == Some(1) && text.contains("--protocol kmip"), "{text}");
    for words in [
        "--protocol kmip --op create --algorithm rot13",
        "--protocol rest --op create --algorithm rot13",
        "--protocol rest --op sign --algorithm aes-256",
        "--protocol kmip --op encrypt --algorithm hmac-sha256",
        "--protocol kmip --op encrypt --kmip-addr here",
        "--protocol rest --op encrypt --output-curl",
    ] {
        let (code, text) = refused(words);
        assert!(code == Some(1) && !text.contains('{'), "{words}: {text}");
    }
    let (code, text) = refused("--protocol kmip --op encrypt --kmip-addr 127.0.0.1:1");
    assert!(code == Some(2) && text.contains("127.0.0.1:1"), "{text}");
    for variable in ["KEYREEVE_KMIP_ADDR", "KEYREEVE_CLIENT_CERT"] {
        let mut command = server.command(crate::server::KEYREEVE);
        command.args(["bench", "--protocol", "kmip", "--op", "encrypt"]).env(variable, "");
        if variable == "KEYREEVE_CLIENT_CERT" {
            command.env("KEYREEVE_CLIENT_KEY", "");
        }
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && text.contains(variable), "{text}");
    }
    let (code, text) = refused("--protocol kmip --op encrypt --seconds 0");
    assert!(code == Some(1) && text.contains("0.1"), "{text}");
    // Nothing was made before it was refused; what a server had to refuse was made by nobody.
    let listed: Value = serde_json::from_slice(&server.keyreeve(&["key", "list", "-o", "json"])).unwrap();
    assert_eq!(listed.as_array().map(Vec::len), Some(0), "{listed}");
    assert_eq!(server.stop(), Some(0));
}
