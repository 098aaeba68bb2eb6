//! Notifications, taken by receivers that know nothing of this project: aiosmtpd, and the library of Standard Webhooks behind
//! Python's HTTPS server (tests/clients/receivers.py).

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::bad_input::real_server_with;
use crate::clients::python;
use crate::readme::blocks_of;
use crate::server::{Folder, KEYREEVE, Server, fixed_port, folder, root};

/// Longer than a message takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A CA, and a certificate of it for the receivers.
const CERTIFICATES: &str = "
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=receivers -keyout ca.key -out ca.pem
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=receiver -keyout tls.key -out tls.csr
echo 'subjectAltName = DNS:localhost' > names
openssl x509 -req -in tls.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 1 -extfile names -out tls.pem
";

/// An authority that vouched for none of them.
const OTHER_CA: &str = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x -keyout x.key -out other-ca.pem";

/// The secret that webhooks are signed with, and one that is going out of use.
const SECRETS: [&str; 2] =
    ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"];

/// The receivers, ended with the test.
struct Receivers {
    child: Child,
    folder: Folder,
    /// With STARTTLS, and under TLS from the first byte.
    mail_ports: [u16; 2],
    posts_port: u64,
    told: Arc<Mutex<Vec<Value>>>,
}

impl Receivers {
    fn start(python: &str) -> Self {
        let folder = folder();
        let made =
            Command::new("sh").args(["-ec", CERTIFICATES]).current_dir(folder.path()).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        fs::write(folder.path().join("secret"), SECRETS[0]).unwrap();
        let mail_ports = [fixed_port(), fixed_port()];
        let mut command = Command::new(python);
        command
            .arg(root().join("tests/clients/receivers.py"))
            .arg(folder.path())
            .args(mail_ports.map(|port| port.to_string()));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first: Value = serde_json::from_str(&lines.next().expect("it starts").unwrap()).unwrap();
        let told: Arc<Mutex<Vec<Value>>> = Arc::default();
        let kept = Arc::clone(&told);
        // Ends with the child.
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                kept.lock().unwrap().push(serde_json::from_str(&line).unwrap());
            }
        });
        let posts_port = first["posts"].as_u64().unwrap();
        Self { child, folder, mail_ports, posts_port, told }
    }

    /// The destinations of docs/notifications.md, which are these here.
    fn destinations(&self) -> String {
        let write = |name: &str, text: &str| fs::write(self.folder.path().join(name), text).unwrap();
        let base = format!("https://localhost:{}", self.posts_port);
        write("slack-url", &format!("{base}/chat\n"));
        write("pagerduty-key", &format!("{}\n", "R0".repeat(16)));
        write("webhook-secrets", &SECRETS.join("\n"));
        write("mail-user", "keyreeve\ncorrect horse\n");
        let text = fs::read_to_string(root().join("docs/notifications.md")).unwrap();
        let ca = self.folder.path().join("ca.pem");
        let here = format!("[[notify.destinations]]\nca_file = {ca:?}\nprivate_addresses = true\n");
        blocks_of(&text, "toml")[0]
            .replace("[[notify.destinations]]\n", &here)
            .replace("/etc/keyreeve", self.folder.path().to_str().unwrap())
            .replace("to = \"pagerduty\"", &format!("url = \"{base}/v2/enqueue\"\nto = \"pagerduty\""))
            .replace("https://automation.example/keyreeve", &format!("{base}/hook"))
            .replace("smtp.example:587", &format!("localhost:{}", self.mail_ports[0]))
            .replace("security@example.org", "nobody@example.org")
            + "\n"
    }

    fn told_by(&self, by: &str) -> Vec<Value> {
        self.told.lock().unwrap().iter().filter(|told| told["by"] == by).cloned().collect()
    }

    /// Waits until one of them was told something like this.
    fn wait_for(&self, by: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let begin = Instant::now();
        loop {
            if let Some(found) = self.told_by(by).into_iter().find(&is_it) {
                return found;
            }
            assert!(begin.elapsed() < PATIENCE, "{by} is not told: {:?}", self.told.lock().unwrap());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Receivers {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_test_reaches_mail_webhook_chat_and_pager() {
    let Some(python) = python() else { return };
    let receivers = Receivers::start(&python);
    let (_place, server) = real_server_with(&receivers.destinations());
    let said: Value = serde_json::from_slice(&server.keyreeve(&["notify", "test", "-o", "json"])).unwrap();
    let all = said["tests"].as_array().unwrap();
    assert_eq!(all.len(), 4);
    assert!(all.iter().all(|one| one["sent"] == true), "{said}");
    assert_eq!(all[2], json!({ "name": "automation", "sent": true, "said": "it answered 204" }));
    assert!(all[3]["said"].to_string().contains("no such person"), "who is not there is told of: {said}");

    let is_test = |told: &Value| told.to_string().contains("A test of notifications");
    let hook = receivers.wait_for("hook", is_test);
    assert_eq!(hook["body"]["type"], "notification.test");
    assert_eq!(hook["id"], hook["body"]["data"]["id"]);
    let chat = receivers.wait_for("chat", is_test);
    assert_eq!(chat["body"]["blocks"][0]["type"], "header");
    let pager = receivers.wait_for("pager", is_test);
    assert_eq!((&pager["good"], &pager["body"]["severity"]), (&json!(true), &json!("info")));
    let mail = receivers.wait_for("mail", is_test);
    assert_eq!((&mail["tls"], &mail["user"]), (&json!(true), &json!("keyreeve")));
    assert_eq!(
        (&mail["sender"], &mail["recipients"]),
        (&json!("keyreeve@example.org"), &json!(["ops@example.org"]))
    );
    assert_eq!(mail["subject"], "[Keyreeve inform] A test of notifications");
    assert_eq!((&mail["automatic"], &mail["type"]), (&json!("auto-generated"), &json!("text/plain")));

    fs::write(receivers.folder.path().join("mail-user"), "keyreeve\nwrong\n").unwrap();
    fs::write(receivers.folder.path().join("away"), "").unwrap();
    let mut command = server.command(KEYREEVE);
    let output = command.args(["notify", "test"]).output().unwrap();
    assert_eq!(output.status.code(), Some(6), "{output:?}");
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(table.contains("535") && table.contains("500"), "{table}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("4 of 4 did not take it"), "{output:?}");
    let listed = String::from_utf8(server.keyreeve(&["notify", "list"])).unwrap();
    assert!(listed.contains("500") && listed.contains("on-call"), "{listed}");
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn mail_goes_under_tls_from_the_first_byte_and_nowhere_without_it() {
    let Some(python) = python() else { return };
    let receivers = Receivers::start(&python);
    let whole = receivers.destinations();
    let mail = &whole[whole.rfind("[[notify.destinations]]").unwrap()..];
    let to = |port: u16| format!("localhost:{port}");
    let [starttls, implicit] = receivers.mail_ports;
    let variant = |name: &str, from: &str, into: &str| {
        mail.replace("name = \"mail\"", &format!("name = \"{name}\"")).replacen(from, into, 1)
    };
    let tables = [
        variant(
            "implicit",
            &format!("address = \"{}\"", to(starttls)),
            &format!("tls = \"implicit\"\naddress = \"{}\"", to(implicit)),
        ),
        // The certificate is for localhost.
        variant("misnamed", "localhost", "127.0.0.1"),
        variant("unknown-authority", "ca.pem", "other-ca.pem"),
        variant("plain", "secret_file", "tls = \"none\"\n# secret_file"),
    ];
    let other =
        Command::new("sh").args(["-ec", OTHER_CA]).current_dir(receivers.folder.path()).output().unwrap();
    assert!(other.status.success(), "{}", String::from_utf8_lossy(&other.stderr));
    let (_place, server) = real_server_with(&tables.concat());
    let tested = |name: &str| -> Value {
        let mut command = server.command(KEYREEVE);
        let output = command.args(["notify", "test", name, "-o", "json"]).output().unwrap();
        serde_json::from_slice::<Value>(&output.stdout).unwrap()["tests"][0].clone()
    };
    assert_eq!(tested("implicit")["sent"], true, "{}", tested("implicit"));
    receivers.wait_for("mail", |told| told["tls"] == true && told["user"] == "keyreeve");
    let before = receivers.told_by("mail").len();
    for (name, why) in [("misnamed", "certificate"), ("unknown-authority", "certificate"), ("plain", "530")] {
        let told = tested(name);
        assert!(told["sent"] == false && told["said"].to_string().contains(why), "{told}");
    }
    assert_eq!(receivers.told_by("mail").len(), before);
    assert_eq!(server.stop(), Some(0));
}

/// Starts a server again where one was.
fn start_again(place: &Folder, variables: &BTreeMap<String, String>) -> Server {
    let mut command = Command::new(KEYREEVE);
    command.args(["server", "--config"]).arg(place.path().join("keyreeve.toml"));
    let mut server = Server::start(command).unwrap();
    server.variables.clone_from(variables);
    server
}

#[test]
fn an_alert_reaches_everybody_at_last_over_failures_and_a_restart() {
    let Some(python) = python() else { return };
    let receivers = Receivers::start(&python);
    let (place, server) = real_server_with(&receivers.destinations());
    let away = receivers.folder.path().join("away");
    fs::write(&away, "").unwrap();
    server.keyreeve(&["key", "create", "bait", "--algorithm", "aes-256", "--canary"]);
    fs::write(place.path().join("secret"), "x").unwrap();
    let input = place.path().join("secret").to_string_lossy().into_owned();
    server.keyreeve(&["encrypt", "bait", "--in", &input, "--out", &format!("{input}.enc")]);

    let is_alert = |told: &Value| told.to_string().contains("canary");
    let mail = receivers.wait_for("mail", is_alert);
    assert!(mail["subject"].to_string().contains("[Keyreeve page] canary: "), "{mail}");
    assert!(mail["text"].to_string().contains("evidence: "), "{mail}");
    let begin = Instant::now();
    let listed = loop {
        let listed: Value =
            serde_json::from_slice(&server.keyreeve(&["notify", "list", "-o", "json"])).unwrap();
        let troubled = |one: &&Value| one["trouble"].to_string().contains("500");
        let told = listed["destinations"][3]["told"] == 1;
        if told && listed["destinations"].as_array().unwrap().iter().filter(troubled).count() == 3 {
            break listed;
        }
        assert!(begin.elapsed() < PATIENCE, "{listed}");
    };
    assert_eq!(listed["destinations"][3]["trouble"], Value::Null, "who is away holds up nobody: {listed}");

    let variables = server.variables.clone();
    assert_eq!(server.stop(), Some(0));
    let server = start_again(&place, &variables);
    fs::remove_file(&away).unwrap();
    let hook = receivers.wait_for("hook", is_alert);
    assert_eq!(hook["body"]["type"], "alert.raised");
    assert_eq!(
        (&hook["body"]["data"]["rule"], &hook["body"]["data"]["severity"]),
        (&json!("canary"), &json!("page"))
    );
    let pager = receivers.wait_for("pager", is_alert);
    assert_eq!((&pager["good"], &pager["body"]["severity"]), (&json!(true), &json!("critical")));
    receivers.wait_for("chat", is_alert);
    assert_eq!(server.stop(), Some(0));
    // Each was told in order, and the server stopped after all were: what comes twice would have come by now.
    assert_eq!(receivers.told_by("mail").iter().filter(|told| is_alert(told)).count(), 1);
}
