//! Canaries: secrets that go in by every door are looked for in everything that comes out and is kept: log, journal, sinks,
//! errors, index, backup, metrics. Not here: which answers may hold secrets (rest/disclosure).

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::json;

use crate::bad_input::real_server_with;
use crate::server::{KEYREEVE, Server, folder};

/// 32 characters that are nowhere by chance.
fn canary(name: &str) -> String {
    assert!(name.len() < 16);
    format!("{name:q<16}9wKz4TnB7xRfLm2V")
}

/// How bytes may look in a file: themselves, in hexadecimal, and in both alphabets of base64 at each offset within a longer
/// text.
fn looks(bytes: &[u8]) -> Vec<Vec<u8>> {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let list = format!("{bytes:?}").trim_matches(['[', ']']).to_owned();
    let mut looks = vec![bytes.to_vec(), hex.to_uppercase().into(), hex.into(), list.into()];
    for offset in 0..3_usize {
        let mut shifted = vec![0; offset];
        shifted.extend(bytes);
        // Characters that other bytes have a share in are left out.
        let first = (offset * 8).div_ceil(6);
        let last = shifted.len() * 8 / 6;
        for text in [STANDARD_NO_PAD.encode(&shifted), URL_SAFE_NO_PAD.encode(&shifted)] {
            looks.push(text.as_bytes()[first..last].to_vec());
        }
    }
    looks
}

fn holds(text: &[u8], looks: &[Vec<u8>]) -> bool {
    looks.iter().any(|look| memchr::memmem::find(text, look).is_some())
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn run(server: &Server, arguments: &[&str], stdin: &[u8]) -> Output {
    let mut command = server.command(KEYREEVE);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // One that refuses its arguments reads nothing.
    let _ = child.stdin.take().unwrap().write_all(stdin);
    child.wait_with_output().unwrap()
}

/// Status and body of what curl is answered.
fn curl(server: &Server, path: &str, headers: &[&str], body: &[u8]) -> (String, Vec<u8>) {
    let mut command = server.command("curl");
    command.args(["-sS", "--cacert", server.variable("KEYREEVE_CA"), "--data-binary", "@-"]);
    for header in headers {
        command.args(["-H", header]);
    }
    command.args(["-w", "%{stderr}%{http_code}"]);
    command.arg(format!("{}{path}", server.variable("KEYREEVE_ADDR")));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(body).unwrap();
    let output = child.wait_with_output().unwrap();
    (String::from_utf8(output.stderr).unwrap(), output.stdout)
}

/// Registers a key over KMIP, and gives a wrong password for it where one is asked for.
fn kmip(material: &str, password: Option<&str>) -> Vec<u8> {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let credential = password.map(|password| {
        format!(
            r#"<Authentication><Credential><CredentialType type="Enumeration" value="UsernameAndPassword"/>
            <CredentialValue><Username type="TextString" value="alice"/><Password type="TextString" value="{password}"/>
            </CredentialValue></Credential></Authentication>"#
        )
    });
    format!(
        r#"<RequestMessage><RequestHeader><ProtocolVersion><ProtocolVersionMajor type="Integer" value="2"/>
        <ProtocolVersionMinor type="Integer" value="1"/></ProtocolVersion>{}
        <BatchCount type="Integer" value="1"/></RequestHeader><BatchItem><Operation type="Enumeration" value="Register"/>
        <RequestPayload><ObjectType type="Enumeration" value="SymmetricKey"/><Attributes>
        <CryptographicUsageMask type="Integer" value="Encrypt"/></Attributes>
        <SymmetricKey><KeyBlock><KeyFormatType type="Enumeration" value="Raw"/>
        <KeyValue><KeyMaterial type="ByteString" value="{}"/></KeyValue>
        <CryptographicAlgorithm type="Enumeration" value="AES"/><CryptographicLength type="Integer" value="256"/>
        </KeyBlock></SymmetricKey></RequestPayload></BatchItem></RequestMessage>"#,
        credential.unwrap_or_default(),
        hex(material.as_bytes()),
    )
    .into()
}

/// Uses secrets as they are meant to be used; gives those that the server made.
fn uses(server: &Server, inputs: &Path) -> Vec<Vec<u8>> {
    let done = |arguments: &[&str], stdin: &str| {
        let output = run(server, arguments, stdin.as_bytes());
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    let file = |name: &str| {
        let path = inputs.join(name);
        fs::write(&path, canary(name)).unwrap();
        path.to_string_lossy().into_owned()
    };
    let import = ["key", "import", "imported", "--format", "raw", "--algorithm", "aes-256", "--from"];
    done(&[&import[..], &[&file("imported")]].concat(), "");
    done(&["object", "add", "kept", "--type", "secret-data", "--from", &file("kept")], "");
    assert_eq!(done(&["object", "get", "kept"], ""), canary("kept").as_bytes());
    for (name, algorithm) in [("wraps", "aes-256"), ("signs", "ed25519"), ("macs", "hmac-sha256")] {
        done(&["key", "create", name, "--algorithm", algorithm], "");
    }
    done(&["sign", "signs", "--out", &file("signature")], &canary("signed"));
    done(&["mac", "macs"], &canary("authenticated"));
    for (to, from, key, name) in
        [("encrypt", "decrypt", "imported", "plaintext"), ("wrap", "unwrap", "wraps", "wrapped")]
    {
        let sealed = file("sealed");
        done(&[to, key, "--out", &sealed], &canary(name));
        assert_eq!(done(&[from, key, "--in", &sealed], ""), canary(name).as_bytes());
    }
    done(&["key", "create", "made", "--algorithm", "aes-256", "--exportable", "--plain-export"], "");
    let made = file("made");
    fs::remove_file(&made).unwrap();
    done(&["key", "export", "made", "--plain", "--format", "raw", "--out", &made], "");
    let token = String::from_utf8(done(&["token", "create", "-o", "json", "admin"], "")).unwrap();
    let token: serde_json::Value = serde_json::from_str(&token).unwrap();
    let proof = format!("Authorization: Bearer {}", server.variable("KEYREEVE_TOKEN"));
    let (status, answer) =
        curl(server, "/kmip", &[&proof, "Content-Type: text/xml"], &kmip(&canary("registered"), None));
    assert!(status == "200" && answer.windows(7).any(|word| word == b"Success"), "{status} {answer:?}");
    vec![fs::read(made).unwrap(), token["token"].as_str().unwrap().into()]
}

/// Puts secrets where they do not belong; everything that was answered.
fn mistakes(server: &Server) -> Vec<u8> {
    let proof = format!("Authorization: Bearer {}", server.variable("KEYREEVE_TOKEN"));
    let json = "Content-Type: application/json";
    let xml = "Content-Type: text/xml";
    let secret = canary("misplaced");
    let data = STANDARD.encode(&secret);
    let bodies = [
        json!({ "name": "x", "algorithm": secret }),
        json!({ "name": "x", "algorithm": "aes-256", "password": secret }),
        json!({ "name": "x", "algorithm": "aes-128", "material": { "format": "raw", "data": data } }),
        json!({ "name": "x", "algorithm": "aes-256", "material": { "format": secret, "data": data } }),
        json!({ "name": "x", "algorithm": "aes-256", "material": { "format": "jwk", "jwk": { "kty": "oct", "k": [data] } } }),
        json!({ "name": "x", "algorithm": "ec-p256", "material": { "format": "pkcs8", "data": data } }),
        json!({ "name": "x", "algorithm": "ec-p256", "material": { "format": "pem", "pem": secret } }),
        json!([secret]),
    ];
    let mut answers = Vec::new();
    let mut refused = |path: &str, headers: &[&str], body: &[u8]| {
        let (status, answer) = curl(server, path, headers, body);
        assert!(status.starts_with('4'), "{path}: {status} {}", String::from_utf8_lossy(&answer));
        answers.extend(answer);
    };
    for body in &bodies {
        refused("/v1/keys", &[&proof, json], body.to_string().as_bytes());
        let text = body.to_string();
        refused("/v1/keys", &[&proof, json], &text.as_bytes()[..text.len() - 1]);
        refused("/v1/keys/imported/decrypt", &[&proof, json], text.as_bytes());
    }
    let wrong = canary("wrong");
    refused(&format!("/v1/keys?token={secret}"), &[&proof, json], b"{}");
    refused("/v1/keys", &[&format!("Authorization: Bearer {wrong}"), json], b"{}");
    refused("/v1/keys", &[&format!("Authorization: Bearer kr_{wrong}"), json], b"{}");
    refused("/v1/keys", &[&format!("Authorization: Basic {}", STANDARD.encode(&wrong)), json], b"{}");
    refused("/v1/keys", &[&format!("Cookie: session={wrong}"), json], b"{}");
    refused("/v1/keys", &[&format!("X-Api-Key: {wrong}"), &proof, json], b"{");
    let claims = URL_SAFE_NO_PAD.encode(r#"{"iss":"https://id.example","sub":"alice","exp":4000000000}"#);
    let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","kid":"1"}"#);
    let token = format!("Authorization: Bearer {head}.{claims}.{}", URL_SAFE_NO_PAD.encode(&wrong));
    refused("/v1/keys", &[&token, json], b"{}");
    // KMIP tells of failures in its own words.
    let message = kmip(&secret, None);
    for body in [&message[..message.len() / 2], &message[..message.len() - 20], &kmip(&secret, Some(&wrong))]
    {
        answers.extend(curl(server, "/kmip", &[&proof, xml], body).1);
        answers.extend(curl(server, "/kmip", &[xml], body).1);
    }
    answers
}

#[test]
fn no_secret_is_in_anything_that_comes_out_or_is_kept() {
    let (inputs, sinks) = (folder(), folder());
    let formats = ["json", "ecs", "ocsf", "cef"].map(|format| {
        let file = sinks.path().join(format);
        format!(
            "[[audit.sinks]]\nname = \"{format}\"\nto = \"file\"\nformat = \"{format}\"\nfile = {file:?}\n"
        )
    });
    let (place, server) = real_server_with(&format!("{}[log]\nlevel = \"trace\"\n", formats.concat()));
    let target = folder();
    let mut secrets = uses(&server, inputs.path());
    let mut told = mistakes(&server);
    run(&server, &["backup", "create", "--to", &target.path().to_string_lossy()], b"");
    for arguments in [
        &["journal", "tail", "-o", "json"][..],
        &["status"],
        &["doctor"],
        &["sink", "list"],
        &["key", "list"],
    ] {
        let output = run(&server, arguments, b"");
        assert!(!output.stdout.is_empty(), "{arguments:?}");
        told.extend(output.stdout);
        told.extend(output.stderr);
    }
    let metrics = server
        .command("curl")
        .args(["-sS", "--cacert", server.variable("KEYREEVE_CA"), "-H"])
        .arg(format!("Authorization: Bearer {}", server.variable("KEYREEVE_TOKEN")))
        .arg(format!("{}/metrics", server.variable("KEYREEVE_ADDR")))
        .output()
        .unwrap();
    assert!(metrics.stdout.ends_with(b"# EOF\n"), "{}", String::from_utf8_lossy(&metrics.stdout));
    told.extend(metrics.stdout);
    let named = ["imported", "kept", "signed", "authenticated", "plaintext", "wrapped", "registered"];
    let misplaced = ["misplaced", "wrong"];
    secrets.extend(named.iter().chain(&misplaced).map(|name| canary(name).into_bytes()));
    secrets.push(server.variable("KEYREEVE_TOKEN").into());
    secrets.push(b"correct horse battery staple".into());
    let looks: Vec<_> = secrets.iter().map(|secret| looks(secret)).collect();
    let search = |what: &str, text: &[u8]| {
        let found = secrets.iter().zip(&looks).find(|(_, looks)| holds(text, looks));
        assert!(found.is_none(), "{what} holds {:?}", String::from_utf8_lossy(found.unwrap().0));
    };

    told.extend(server.printed().into_bytes());
    assert_eq!(server.stop(), Some(0));
    search("an answer or the log", &told);
    let given = ["passphrase", "token", "client.key"].map(|name| place.path().join(name));
    let kept = [place.path(), sinks.path(), target.path()].map(files).concat();
    let kept: Vec<_> = kept.into_iter().filter(|path| !given.contains(path)).collect();
    assert!(kept.len() > 20, "{kept:?}");
    for path in kept {
        search(&path.display().to_string(), &fs::read(&path).unwrap());
    }
    // What is looked for would be found.
    for name in ["imported", "kept"] {
        assert!(holds(&fs::read(inputs.path().join(name)).unwrap(), &self::looks(canary(name).as_bytes())));
    }
    assert!(holds(
        STANDARD.encode(format!("xy{}z", canary("kept"))).as_bytes(),
        &self::looks(canary("kept").as_bytes())
    ));
}
