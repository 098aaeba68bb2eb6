//! Who proves to be a client by somebody else's word, with the real program and real issuers. Not here: everything that
//! strangers may try with tokens (crates/server/src/authn).

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
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

    // For a job that outlasts its token.
    let (jwt, session) = (file("person"), file("session"));
    server.keyreeve(&["login", "--jwt-file", &jwt, "--out", &session]);
    assert!(whoami("session").contains("login token"));

    // From the next request on nothing of it counts, and alice's other credential stays.
    let listed: Value = serde_json::from_slice(&server.keyreeve(&["client", "list", "-o", "json"])).unwrap();
    let of = |name: &str, kind: &str| {
        let client = listed.as_array().unwrap().iter().find(|client| client["name"] == name).unwrap();
        let found = client["credentials"].as_array().unwrap().iter().find(|known| known["kind"] == kind);
        found.unwrap()["id"].as_str().unwrap().to_owned()
    };
    server.keyreeve(&["credential", "revoke", &of("alice", "jwt")]);
    refused(&server, &["--token-file", &file("person"), "whoami"]);
    refused(&server, &["--token-file", &session, "whoami"]);
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

/// Makes a secret id of `billing`, in this file; gives its credential's id and the role id.
fn secret_id(server: &Server, file: &str, more: &[&str]) -> (String, String) {
    let make = ["credential", "secret-id", "billing", "--out", file, "-o", "json"];
    let made: Value = serde_json::from_slice(&server.keyreeve(&[&make[..], more].concat())).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    assert!(made.get("secret_id").is_none(), "it is in the file alone");
    (text(&made["credential"]["id"]), text(&made["role_id"]))
}

#[test]
fn a_machine_logs_in_by_role_id_and_secret_id() {
    let (place, mut server) = real_server_with("");
    let file = |name: &str| place.path().join(name).to_string_lossy().into_owned();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    server.variables.insert("XDG_CONFIG_HOME".to_owned(), file("config"));
    server.keyreeve(&["context", "add", "billing"]);
    let secret = file("secret-id");
    let (_, role_id) =
        secret_id(&server, &secret, &["--role", "user", "--uses", "2", "--from", "127.0.0.0/8"]);
    let login = ["--context", "billing", "login", "--role-id", &role_id, "--secret-id-file", &secret];
    assert!(text(server.keyreeve(&login)).contains("renewable_until"));
    let as_billing = |words: &[&str]| text(server.keyreeve(&[&["--context", "billing"], words].concat()));
    let whoami = as_billing(&["whoami"]);
    assert!(whoami.contains("billing") && whoami.contains("login token"), "{whoami}");
    let kept = place.path().join("config/keyreeve/billing.token");
    assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    as_billing(&["key", "create", "invoices", "--algorithm", "aes-256"]);
    assert!(as_billing(&["login", "--renew"]).contains("expires"));
    as_billing(&["logout"]);
    refused(&server, &["--context", "billing", "whoami"]);

    // A secret id is no token, and has only so many uses; the last login counts on.
    refused(&server, &["--token-file", &secret, "whoami"]);
    server.keyreeve(&login);
    refused(&server, &login);
    as_billing(&["whoami"]);
    // A token that no login gave does not last longer.
    let token = ["login", "--renew"];
    let output = server.command(KEYREEVE).args(token).stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{output:?}");

    // What was shown for a token is revoked, and with it the token.
    let (again, other) = (file("again"), file("other"));
    let (id, _) = secret_id(&server, &again, &[]);
    server.keyreeve(&["login", "--role-id", &role_id, "--secret-id-file", &again, "--out", &other]);
    server.keyreeve(&["--token-file", &other, "whoami"]);
    server.keyreeve(&["credential", "revoke", &id]);
    refused(&server, &["--token-file", &other, "whoami"]);
    as_billing(&["whoami"]);

    // From elsewhere, under another role id, and after too many failures.
    let elsewhere = file("elsewhere");
    secret_id(&server, &elsewhere, &["--from", "10.0.0.0/8", "--from", "2001:db8::/32"]);
    let out = file("out");
    let try_with = |role_id: &str, secret: &str| {
        let words = ["login", "--role-id", role_id, "--secret-id-file", secret, "--out", &out];
        let said = refused(&server, &words);
        assert!(said.contains("nobody logs in with this") && !said.contains("ks_"), "{said}");
    };
    try_with(&role_id, &elsewhere);
    server.wait_for_line("a secret id of billing from elsewhere");
    try_with("0198c1f4-0000-7000-8000-000000000000", &elsewhere);
    server.wait_for_line("under another role id");
    // Each failure beyond a few makes the next wait twice as long: of so many in a row, most are not even looked at.
    (0..14).for_each(|_| try_with(&role_id, &elsewhere));
    server.wait_for_line("a login too soon after others that failed");
    assert!(!Path::new(&out).exists());
    assert!(as_billing(&["whoami"]).contains("billing"), "who is logged in stays");
    let printed = server.printed();
    assert!(!printed.contains("ks_") && !printed.contains("kr_"), "{printed}");
    let secrets = [&secret, &again].map(|file| fs::read_to_string(file).unwrap());
    let journal = text(server.keyreeve(&["journal", "show", "-o", "json"]));
    assert!(secrets.iter().all(|secret| !journal.contains(secret.trim())));
    assert_eq!(server.stop(), Some(0));
}

/// Posts JSON with curl, and what else says who asks; status and body of the answer.
fn curl(server: &Server, path: &str, proof: &[&str], body: &Value) -> (u16, Value) {
    let mut command = server.command("curl");
    command.args(["-sS", "--cacert", server.variable("KEYREEVE_CA"), "-H", "Content-Type: application/json"]);
    command.args(["-w", "%{stderr}%{http_code}", "-d", &body.to_string()]).args(proof);
    command.arg(format!("{}{path}", server.variable("KEYREEVE_ADDR")));
    let output = command.stdin(Stdio::null()).output().unwrap();
    let status = String::from_utf8_lossy(&output.stderr).parse();
    let body = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (status.unwrap_or_else(|_| panic!("{output:?}")), body)
}

#[test]
fn a_token_of_a_login_is_not_renewed_with_another_certificate() {
    let (place, server) = real_server_with("");
    let file = |name: &str| place.path().join(name).to_string_lossy().into_owned();
    server.keyreeve(&["client", "add", "billing", "--out-dir", &file("")]);
    let secret = file("secret-id");
    let (_, role_id) = secret_id(&server, &secret, &[]);
    let secret_id = fs::read_to_string(&secret).unwrap().trim().to_owned();
    let body = serde_json::json!({ "role_id": role_id, "secret_id": secret_id });
    let certificate = |name: &str| {
        ["--cert", &file(&format!("{name}.pem")), "--key", &file(&format!("{name}.key"))].map(str::to_owned)
    };
    let own = certificate("billing");
    let own: Vec<&str> = own.iter().map(String::as_str).collect();
    let (status, given) = curl(&server, "/v1/login", &own, &body);
    assert_eq!(status, 200, "{given}");
    let bearer = format!("Authorization: Bearer {}", given["token"].as_str().unwrap());
    let renew = |proof: &[&str]| {
        let proof = [proof, &["-H", &bearer]].concat();
        curl(&server, "/v1/login/renew", &proof, &serde_json::json!({})).0
    };
    assert_eq!(renew(&own), 200);
    // Without the certificate, with another client's, and with another one of the same client: not even looked at.
    assert_eq!(renew(&[]), 401);
    server.wait_for_line("without the certificate of that login");
    let admin = ["--cert", server.variable("KEYREEVE_CLIENT_CERT"), "--key"];
    assert_eq!(renew(&[&admin[..], &[server.variable("KEYREEVE_CLIENT_KEY")]].concat()), 401);
    fs::create_dir(file("new")).unwrap();
    server.keyreeve(&["client", "renew", "billing", "--out-dir", &file("new")]);
    let new = certificate("new/billing");
    let new: Vec<&str> = new.iter().map(String::as_str).collect();
    assert_eq!(renew(&new), 401);
    assert_eq!(curl(&server, "/v1/login", &new, &body).0, 200);
    assert_eq!(renew(&own), 200);
    // Somebody else's certificate beside a machine's secret id is no login.
    let admin = [&admin[..], &[server.variable("KEYREEVE_CLIENT_KEY")]].concat();
    assert_eq!(curl(&server, "/v1/login", &admin, &body).0, 401);
    assert_eq!(server.stop(), Some(0));
}

/// Runs the program with lines on its standard input; what it prints, where it succeeds.
fn with_stdin(server: &Server, arguments: &[&str], lines: &str) -> Result<String, String> {
    let mut command = server.command(KEYREEVE);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match output.status.code() {
        Some(0) => Ok(text(&output.stdout)),
        Some(3) => Err(text(&output.stderr)),
        _ => panic!("{arguments:?}: {output:?}"),
    }
}

/// The one-time code of now, or of so many steps later, as another program makes it.
fn totp(seed: &str, later: u32) -> String {
    const PROGRAM: &str = "import base64,hmac,struct,sys,time
seed=base64.b32decode(sys.argv[1]); step=int(time.time())//30+int(sys.argv[2])
mac=hmac.digest(seed,struct.pack('>Q',step),'sha1'); at=mac[-1]&15
print('%06d'%((struct.unpack('>I',mac[at:at+4])[0]&0x7fffffff)%1000000))";
    let output = Command::new("python3").args(["-c", PROGRAM, seed, &later.to_string()]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_person_logs_in_by_a_password_and_a_one_time_code() {
    const PASSWORD: &str = "correct horse battery";
    let (place, mut server) = real_server_with("");
    let file = |name: &str| place.path().join(name).to_string_lossy().into_owned();
    server.variables.insert("XDG_CONFIG_HOME".to_owned(), file("config"));
    server.keyreeve(&["context", "add", "alice"]);
    let set = ["client", "password", "alice", "--role", "operator", "--totp"];
    let made = with_stdin(&server, &set, &format!("{PASSWORD}\n")).unwrap();
    let seed = made.split("secret=").nth(1).and_then(|rest| rest.split('&').next()).unwrap().to_owned();
    assert!(made.contains("otpauth://totp/Keyreeve:alice?secret="), "{made}");

    let login = ["--context", "alice", "login", "--name", "alice"];
    let log_in = |code: &str| with_stdin(&server, &login, &format!("{PASSWORD}\n{code}\n"));
    let code = totp(&seed, 0);
    assert!(log_in(&code).unwrap().contains("renewable_until"));
    let as_alice = |words: &[&str]| server.keyreeve(&[&["--context", "alice"], words].concat());
    let whoami = String::from_utf8(as_alice(&["whoami"])).unwrap();
    assert!(whoami.contains("alice") && whoami.contains("operator"), "{whoami}");
    let again = log_in(&code).unwrap_err();
    server.wait_for_line("a one-time code of alice for the second time");
    assert_eq!(log_in("").unwrap_err(), again, "nobody is told what was wrong");
    let wrong = with_stdin(&server, &login, "a wrong password\n\n").unwrap_err();
    assert_eq!(wrong, again);
    log_in(&totp(&seed, 1)).unwrap();

    // A new password ends the old one, and what was logged in with it.
    let set = ["client", "password", "alice", "--password-file", &file("new")];
    fs::write(file("new"), "another horse entirely\n").unwrap();
    server.keyreeve(&set);
    refused(&server, &["--context", "alice", "whoami"]);
    with_stdin(&server, &login, "another horse entirely\n").unwrap();
    as_alice(&["whoami"]);

    // People change their own, by the old one.
    let change = ["--context", "alice", "login", "--name", "alice", "--new-password"];
    with_stdin(&server, &change, "another horse entirely\n\na third horse, then\n").unwrap();
    as_alice(&["whoami"]);
    with_stdin(&server, &login, "another horse entirely\n").unwrap_err();
    with_stdin(&server, &login, "a third horse, then\n").unwrap();

    // What is no password is refused, and no command line shows one.
    let shown = ["--output-curl", "client", "password", "alice", "--password-file", &file("new")];
    let output = server.command(KEYREEVE).args(shown).stdin(Stdio::null()).output().unwrap();
    assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
    fs::write(file("new"), "too short\n").unwrap();
    let output = server.command(KEYREEVE).args(set).stdin(Stdio::null()).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("12 to 1024 bytes"), "{output:?}");

    // Nothing of it lies around.
    let journal = String::from_utf8(server.keyreeve(&["journal", "show", "-o", "json"])).unwrap();
    let printed = server.printed();
    for secret in [PASSWORD, "another horse", "a third horse", seed.as_str(), "kr_"] {
        assert!(!journal.contains(secret) && !printed.contains(secret), "{secret}");
    }
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_client_beyond_its_requests_is_told_when_to_come_again() {
    let (_place, server) = real_server_with("limits.client_requests_per_day_max = 3\n");
    let whoami = || {
        let mut command = server.command("curl");
        command.args(["-sSi", "--cacert", server.variable("KEYREEVE_CA")]);
        command.args(["--cert", server.variable("KEYREEVE_CLIENT_CERT")]);
        command.args(["--key", server.variable("KEYREEVE_CLIENT_KEY")]);
        command.arg(format!("{}/v1/whoami", server.variable("KEYREEVE_ADDR")));
        String::from_utf8(command.output().unwrap().stdout).unwrap().to_lowercase()
    };
    // Where the day changes meanwhile, it begins anew.
    let refused = (0..8).map(|_| whoami()).find(|answer| !answer.starts_with("http/1.1 200")).unwrap();
    assert!(refused.starts_with("http/1.1 429"), "{refused}");
    let seconds = refused.lines().find_map(|line| line.strip_prefix("retry-after: ")).unwrap();
    assert!((1..=86_400).contains(&seconds.trim().parse::<u32>().unwrap()), "{refused}");
    assert!(refused.contains("rate_limited") && refused.contains("limits.client_requests_per_day_max"));
    server.wait_for_line("too many requests");
    assert_eq!(server.stop(), Some(0));
}
