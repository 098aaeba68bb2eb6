//! Sinks against the collector that most machines have: rsyslog, over TLS with certificates on both sides.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::bad_input::real_server_with;
use crate::server::{Folder, Server, fixed_port, folder};

/// Longer than a message takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A CA, and a certificate of it for the collector.
const CERTIFICATES: &str = "
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=collectors \
  -keyout ca.key -out ca.pem
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=siem -keyout siem.key -out siem.csr
echo 'subjectAltName = DNS:siem.example' > names
openssl x509 -req -in siem.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 1 -extfile names -out siem.pem
";

/// rsyslog, ended with the test.
struct Collector {
    child: Child,
    folder: Folder,
    port: u16,
}

impl Collector {
    fn prepare() -> (Folder, u16) {
        let folder = folder();
        let made =
            Command::new("sh").args(["-ec", CERTIFICATES]).current_dir(folder.path()).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        (folder, fixed_port())
    }

    /// Takes messages of who shows a certificate of this CA.
    fn start((folder, port): (Folder, u16), clients: &Path) -> Self {
        let file = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        let config = format!(
            r#"global(workDirectory={dir:?} defaultNetstreamDriver="ossl" defaultNetstreamDriverCAFile={clients:?}
                defaultNetstreamDriverCertFile={certificate:?} defaultNetstreamDriverKeyFile={key:?})
            module(load="imtcp" streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="x509/certvalid")
            template(name="line" type="string"
                string="%pri% %app-name% %msgid% %timereported:::date-rfc3339% %structured-data% %msg%\n")
            input(type="imtcp" address="127.0.0.1" port="{port}" ruleset="all")
            ruleset(name="all") {{ action(type="omfile" file={out:?} template="line") }}
            "#,
            dir = file(""),
            certificate = file("siem.pem"),
            key = file("siem.key"),
            out = file("messages"),
        );
        fs::write(file("rsyslog.conf"), config).unwrap();
        let mut command = Command::new("rsyslogd");
        command.args(["-n", "-f", &file("rsyslog.conf"), "-i", &file("pid")]);
        let said = fs::File::create(file("said")).unwrap();
        let child =
            command.stdin(Stdio::null()).stdout(said.try_clone().unwrap()).stderr(said).spawn().unwrap();
        Self { child, folder, port }
    }

    fn messages(&self) -> Vec<String> {
        let text = fs::read_to_string(self.folder.path().join("messages")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Waits for a message that holds this.
    fn wait_for(&self, text: &str) -> String {
        let begin = Instant::now();
        loop {
            if let Some(found) = self.messages().into_iter().find(|message| message.contains(text)) {
                return found;
            }
            let said = || fs::read_to_string(self.folder.path().join("said")).unwrap_or_default();
            assert!(begin.elapsed() < PATIENCE, "{text} is not told: {:?}\n{}", self.messages(), said());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.stop();
    }
}

fn sinks(server: &Server) -> Value {
    serde_json::from_slice(&server.keyreeve(&["sink", "list", "-o", "json"])).unwrap()
}

#[test]
fn rsyslog_is_told_over_tls_and_told_again_what_it_missed() {
    let (prepared, port) = Collector::prepare();
    let ca = prepared.path().join("ca.pem");
    let (place, server) = real_server_with(&format!(
        "[[audit.sinks]]\nname = \"siem\"\nto = \"syslog\"\naddress = \"127.0.0.1:{port}\"\ntls_name = \"siem.example\"\n\
         ca_file = {ca:?}\n"
    ));
    server.keyreeve(&["key", "create", "before", "--algorithm", "aes-256"]);
    let mut collector = Collector::start((prepared, port), &place.path().join("ca.pem"));
    let told = collector.wait_for("\"target\":\"before\"");
    assert!(told.starts_with("110 keyreeve create 2"), "{told}");
    let (header, entry) = told.split_once("] ").unwrap();
    let entry: Value = serde_json::from_str(entry).unwrap();
    assert!(header.ends_with(&format!("[meta sequenceId=\"{}\"", entry["lsn"])), "{told}");
    assert_eq!((&entry["action"], &entry["outcome"]), (&"create".into(), &"success".into()));

    collector.stop();
    server.keyreeve(&["key", "create", "meanwhile", "--algorithm", "aes-256"]);
    let (folder, port) = (std::mem::replace(&mut collector.folder, folder()), collector.port);
    let collector = Collector::start((folder, port), &place.path().join("ca.pem"));
    collector.wait_for("\"target\":\"meanwhile\"");
    let begin = Instant::now();
    while sinks(&server)["sinks"][0]["trouble"] != Value::Null {
        assert!(begin.elapsed() < PATIENCE, "{}", sinks(&server));
    }
    let count = |collector: &Collector| {
        collector.messages().iter().filter(|message| message.contains("\"target\":\"before\"")).count()
    };
    let before = count(&collector);
    server.keyreeve(&["sink", "replay", "siem", "--after", "0"]);
    let begin = Instant::now();
    while count(&collector) == before {
        assert!(begin.elapsed() < PATIENCE, "nothing is told again");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(server.stop(), Some(0));
}
