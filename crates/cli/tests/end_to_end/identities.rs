//! Who proves to be a client by somebody else's word, with the real program and real issuers. Not here: everything that
//! strangers may try with tokens (crates/server/src/authn).

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::bad_input::real_server_with;
use crate::server::{KEYREEVE, Server, folder, root};

/// A folder with the pinned npm packages, as `cargo xtask test` installs it; says aloud where there is none.
fn node_modules() -> Option<PathBuf> {
    let named = std::env::var("KEYREEVE_TEST_NODE").map(PathBuf::from);
    let modules = named.unwrap_or_else(|_| root().join("target/node"));
    if modules.join("node_modules/oidc-provider").exists() {
        return Some(modules);
    }
    eprintln!("NOT TESTED: {} has no oidc-provider; `cargo xtask test` installs it", modules.display());
    None
}

/// A running issuer, which ends with the test.
struct Issuer {
    child: Child,
    told: Value,
}

impl Drop for Issuer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Issuer {
    fn start(modules: &Path, place: &Path) -> Self {
        let made = Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-days",
                "2",
            ])
            .args([
                "-subj",
                "/CN=issuer",
                "-addext",
                "subjectAltName=IP:127.0.0.1",
                "-addext",
                "basicConstraints=critical,CA:FALSE",
            ])
            .args(["-keyout", "issuer.key", "-out", "issuer.pem"])
            .current_dir(place)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut command = Command::new("node");
        command.arg(root().join("tests/clients/oidc_issuer.mjs")).arg(modules);
        command.args(["issuer.pem", "issuer.key"]).current_dir(place);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let told = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        Self { child, told }
    }

    /// Writes the token of somebody to a file.
    fn token(&self, whose: &str, file: &Path) {
        fs::write(file, self.told[whose].as_str().unwrap()).unwrap();
    }
}

/// Standard error of a command that the server must refuse.
fn refused(server: &Server, arguments: &[&str]) -> String {
    let output = server.command(KEYREEVE).args(arguments).stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{arguments:?}: {output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_person_and_a_workload_log_in_at_a_real_openid_connect_issuer() {
    let Some(modules) = node_modules() else { return };
    let around = folder();
    let issuer = Issuer::start(&modules, around.path());
    // The issuer itself says where its keys are.
    let (_place, server) = real_server_with(&format!(
        "[[authn.jwt]]\nname = \"corp\"\nissuer = {}\naudiences = [\"keyreeve\"]\nca_file = {:?}\nprivate_addresses = true\n",
        issuer.told["issuer"],
        around.path().join("issuer.pem"),
    ));
    let file = |name: &str| around.path().join(name).to_string_lossy().into_owned();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    for whose in ["person", "workload"] {
        issuer.token(whose, &around.path().join(whose));
        let said = refused(&server, &["--token-file", &file(whose), "whoami"]);
        assert!(!said.contains("eyJ"), "{said}");
    }
    server.wait_for_line("was never issued here");
    assert!(!server.printed().contains("eyJ"), "no token is logged:\n{}", server.printed());
    server.keyreeve(&["client", "add", "alice", "--out-dir", &file("")]);
    server.keyreeve(&["credential", "jwt", "alice", "--issuer", "corp", "--subject", "alice"]);
    let billing =
        ["credential", "jwt", "billing", "--issuer", "corp", "--subject", "billing", "--role", "user"];
    server.keyreeve(&billing);

    let whoami = |whose: &str| text(server.keyreeve(&["--token-file", &file(whose), "whoami"]));
    let (alice, billing) = (whoami("person"), whoami("workload"));
    assert!(alice.contains("alice") && alice.contains("jwt alice of https://127.0.0.1:"), "{alice}");
    assert!(billing.contains("jwt billing of") && billing.contains("expires"), "{billing}");
    let token = file("workload");
    server.keyreeve(&["--token-file", &token, "key", "create", "invoices", "--algorithm", "aes-256"]);
    let shown = text(server.keyreeve(&["key", "show", "invoices"]));
    assert!(shown.lines().any(|line| line.starts_with("owner") && line.ends_with("billing")), "{shown}");

    // From the next request on nothing of it counts, and alice's other credential stays.
    let listed: Value = serde_json::from_slice(&server.keyreeve(&["client", "list", "-o", "json"])).unwrap();
    let of = |name: &str, kind: &str| {
        let client = listed.as_array().unwrap().iter().find(|client| client["name"] == name).unwrap();
        let found = client["credentials"].as_array().unwrap().iter().find(|known| known["kind"] == kind);
        found.unwrap()["id"].as_str().unwrap().to_owned()
    };
    server.keyreeve(&["credential", "revoke", &of("alice", "jwt")]);
    refused(&server, &["--token-file", &file("person"), "whoami"]);
    let by_certificate = ["--client-cert", &file("alice.pem"), "--client-key", &file("alice.key"), "whoami"];
    assert!(text(server.keyreeve(&by_certificate)).contains("certificate"));
    // What was revoked may be another client's.
    server.keyreeve(&[
        "credential",
        "jwt",
        "alice2",
        "--issuer",
        "corp",
        "--subject",
        "alice",
        "--role",
        "user",
    ]);
    assert!(whoami("person").contains("alice2"));
    assert_eq!(server.stop(), Some(0));
}
