//! `keyreeve bench`: every operation over both protocols, in short, and what it leaves behind. Not here: how fast anything is.

use serde_json::Value;

use crate::server::{Server, folder};

const FIELDS: [&str; 7] = [
    "ceiling_requests_per_second",
    "errors",
    "p50_us",
    "p99_us",
    "ratio",
    "requests_per_second",
    "server_cpu_us",
];

fn bench(server: &Server, words: &str) -> Value {
    let mut arguments = vec!["bench", "--connections", "3", "--seconds", "0.3", "-o", "json"];
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
            assert!(measured["ratio"].is_null() && measured["ceiling_requests_per_second"].is_null());
        }
        let measured = bench(&server, &format!("--protocol {protocol} --op encrypt --ceiling --pipeline 4"));
        let (rate, ceiling) = (&measured["requests_per_second"], &measured["ceiling_requests_per_second"]);
        let ratio = rate.as_f64().unwrap() / ceiling.as_f64().unwrap();
        assert!((measured["ratio"].as_f64().unwrap() - ratio).abs() < 0.01, "{measured}");
    }
    bench(&server, "--protocol kmip --op decrypt --batch 5 --size 1000");
    let listed: Value = serde_json::from_slice(&server.keyreeve(&["key", "list", "-o", "json"])).unwrap();
    let keys = listed.as_array().unwrap();
    assert!(!keys.is_empty(), "what was destroyed is listed");
    for key in keys {
        assert!(key["name"].as_str().unwrap().starts_with("keyreeve-bench-"), "{key}");
        assert_eq!(key["state"], "destroyed", "{key}");
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
    let (code, text) = refused("--protocol kmip --op create --algorithm ec-p256");
    assert!(code == Some(1) && text.contains("aes-256"), "{text}");
    let (code, text) = refused("--protocol kmip --op encrypt --seconds 0");
    assert!(code == Some(1) && text.contains("0.1"), "{text}");
    assert_eq!(server.stop(), Some(0));
}
