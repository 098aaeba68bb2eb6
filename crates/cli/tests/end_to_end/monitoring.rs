//! Metrics, as the Prometheus of Debian reads them, with the alert rules that come along.

use std::fs;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::floods::until;
use crate::server::{Server, fixed_port, folder, root};

/// A Prometheus, which ends with the test.
struct Prometheus {
    process: Child,
    port: u16,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Prometheus {
    /// The value of an expression, once there is one.
    fn value(&self, expression: &str) -> Option<String> {
        let query = format!("query={expression}");
        let address = format!("http://127.0.0.1:{}/api/v1/query", self.port);
        let asked = ["-sS", "--data-urlencode", &query, &address];
        let output = Command::new("curl").args(asked).stderr(Stdio::null()).output().unwrap();
        let answer: Value = serde_json::from_slice(&output.stdout).ok()?;
        Some(answer["data"]["result"][0]["value"][1].as_str()?.to_owned())
    }
}

#[test]
fn prometheus_reads_what_the_server_does_and_takes_its_alert_rules() {
    let (data, place) = (folder(), folder());
    let server = Server::dev(data.path());
    let file = |name: &str| place.path().join(name);
    let token = server.keyreeve(&[
        "client",
        "add",
        "prometheus",
        "--role",
        "auditor",
        "--token",
        "--out-dir",
        place.path().to_str().unwrap(),
    ]);
    assert!(file("prometheus.token").exists(), "{}", String::from_utf8_lossy(&token));
    for key in ["one", "two", "three"] {
        server.keyreeve(&["key", "create", key, "--algorithm", "aes-256"]);
    }
    let rules = root().join("packaging/prometheus/keyreeve.rules.yml");
    let checked = Command::new("promtool").args(["check", "rules"]).arg(&rules).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let target = server.variable("KEYREEVE_ADDR").strip_prefix("https://").unwrap();
    let configured = format!(
        "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\nrule_files: [{rules:?}]\nscrape_configs:\n  - job_name: keyreeve\n    \
         scheme: https\n    tls_config: {{ ca_file: {:?} }}\n    authorization: {{ credentials_file: {:?} }}\n    \
         static_configs: [{{ targets: [{target:?}] }}]\n",
        server.variable("KEYREEVE_CA"),
        file("prometheus.token"),
    );
    fs::write(file("prometheus.yml"), configured).unwrap();
    let port = fixed_port();
    let mut command = Command::new("prometheus");
    command.arg(format!("--config.file={}", file("prometheus.yml").display()));
    command.arg(format!("--storage.tsdb.path={}", file("tsdb").display()));
    command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
    let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let prometheus = Prometheus { process, port };
    let says = |expression: &str, value: &str| prometheus.value(expression).is_some_and(|told| told == value);
    until("it is scraped", || says("up{job=\"keyreeve\"}", "1"));
    until("it is ready", || says("keyreeve_ready", "1"));
    until("keys are counted", || {
        says("keyreeve_requests_total{action=\"create\",outcome=\"ok\",protocol=\"rest\"}", "3")
    });
    until("durations are counted", || {
        says("keyreeve_request_duration_seconds_count{action=\"create\"}", "3")
    });
    until("no alert fires", || says("count(ALERTS) or vector(0)", "0"));
    until("the rules are loaded", || {
        says("count(keyreeve_certificate_not_after_timestamp_seconds > time())", "1")
    });
    // Who may not read them is refused, on record.
    server.keyreeve(&["client", "add", "app", "--token", "--out-dir", place.path().to_str().unwrap()]);
    let text = fs::read_to_string(file("app.token")).unwrap();
    let address = format!("{}/metrics", server.variable("KEYREEVE_ADDR"));
    let told = Command::new("curl")
        .args([
            "-sS",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            "--cacert",
            server.variable("KEYREEVE_CA"),
            "-H",
        ])
        .args([format!("Authorization: Bearer {}", text.trim()), address])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&told.stdout), "403");
    let entries =
        server.keyreeve(&["audit", "search", "--action", "inspect", "--outcome", "denied", "-o", "json"]);
    assert!(String::from_utf8_lossy(&entries).contains("\"app\""), "{}", String::from_utf8_lossy(&entries));
    drop(prometheus);
    assert_eq!(server.stop(), Some(0));
}
