//! A bundle of diagnostics: one JSON file for whoever helps. INVARIANT: no secret is in it. What may hold one by design (the
//! token) is never put in; what may hold one by mistake (configuration, log, environment) passes `struck_out`.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use serde_json::{Map, Value, json};

use super::Session;
use crate::errors::{Failure, Result};
use crate::output::{self, Audience};

/// Bytes of a log's end that are taken.
const LOG_BYTES_MAX: u64 = 256 * 1024;

/// Bytes of a configuration at most.
const CONFIG_BYTES_MAX: u64 = 1024 * 1024;

/// What stands in the place of a secret.
const STRUCK_OUT: &str = "[struck out]";

/// What names of settings and variables have in them whose values are secrets.
const SECRET_NAMES: &[&str] =
    &["secret", "token", "passphrase", "password", "passwd", "credential", "private"];

/// What they end with whose values only say where a secret lies.
const PLACE_NAMES: &[&str] = &["_file", "_files"];

/// A run of letters and digits this long without a break is taken for a secret: keys and tokens have 43 and more, ids of
/// other things have breaks or fewer.
const RUN_CHARS_MAX: usize = 40;

/// Collects and writes it. A part that cannot be had says why.
///
/// # Errors
/// The file cannot be written.
pub(super) fn write(session: &Session, path: &Path, config: Option<&Path>, log: Option<&Path>) -> Result<()> {
    let mut bundle = Map::new();
    let mut add = |name: &str, part: Value| bundle.insert(name.to_owned(), part);
    add("client", client(session));
    for (name, path) in [("status", "/v1/status"), ("doctor", "/v1/doctor"), ("places", "/v1/places")] {
        add(name, part(session.client().and_then(|mut client| client.get(path))));
    }
    if let Some(path) = config {
        add("config", part(beginning(path).map(|text| lines(&text))));
    }
    if let Some(path) = log {
        add("log", part(end(path).map(|text| lines(&text))));
    }
    output::write_file(path, output::json_text(&bundle.into()).as_bytes(), Audience::Owner)?;
    output::message(&format!(
        "{} is written; it holds names, so look into it before you give it away",
        path.display()
    ));
    Ok(())
}

fn part(part: Result<Value>) -> Value {
    part.unwrap_or_else(|failure| json!({ "error": struck_out(&failure.to_string()) }))
}

/// The program, the machine, and what the environment says to it.
fn client(session: &Session) -> Value {
    let server = session.server();
    let identity = server.as_ref().map(|server| {
        json!({ "token": server.identity.token.is_some(), "certificate": server.identity.client.is_some() })
    });
    let known = |name: &str| name.starts_with("KEYREEVE_") || name.starts_with("AWS_");
    let variables = std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok().filter(|name| known(name))?;
        let text = match is_secret(&name) || name.starts_with("AWS_") {
            true => STRUCK_OUT.to_owned(),
            false => struck_out(&value.to_string_lossy()),
        };
        Some((name, text.into()))
    });
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "system": std::env::consts::OS,
        "processor": std::env::consts::ARCH,
        "server": server.as_ref().map(|server| server.address.to_string()).unwrap_or_default(),
        "identity": identity.unwrap_or_default(),
        "environment": variables.collect::<Map<_, _>>(),
    })
}

fn beginning(path: &Path) -> Result<String> {
    let file = File::open(path).map_err(|cause| Failure::file("read", path, cause))?;
    text(file.take(CONFIG_BYTES_MAX), path)
}

fn end(path: &Path) -> Result<String> {
    let wrong = |cause| Failure::file("read", path, cause);
    let mut file = File::open(path).map_err(wrong)?;
    let length = file.metadata().map_err(wrong)?.len();
    let skipped = length.saturating_sub(LOG_BYTES_MAX);
    file.seek(SeekFrom::Start(skipped)).map_err(wrong)?;
    let text = text(file.take(LOG_BYTES_MAX), path)?;
    // The first line is whole only where it is the first of all; half of a secret is not known as one.
    Ok(match text.split_once('\n') {
        Some((_, whole)) if skipped > 0 => whole.to_owned(),
        _ => text,
    })
}

fn text(mut from: impl Read, path: &Path) -> Result<String> {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).map_err(|cause| Failure::file("read", path, cause))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The lines without their secrets. What stands between the lines of PEM is struck out as a whole.
fn lines(text: &str) -> Value {
    let mut in_pem = false;
    let line = |line: &str| {
        let (begins, ends) = (line.contains("-----BEGIN "), line.contains("-----END "));
        let inside = in_pem || begins;
        in_pem = inside && !ends;
        if inside { STRUCK_OUT.to_owned() } else { struck_out(line) }
    };
    text.lines().map(line).collect::<Vec<_>>().into()
}

/// A line without what looks like a secret: values of names that say so, tokens, recovery shares, long runs of letters and
/// digits, and what stands before the @ of an address.
fn struck_out(line: &str) -> String {
    if let Some((name, _)) = line.split_once(['=', ':']).filter(|(name, _)| is_secret(name)) {
        return format!("{name}= {STRUCK_OUT}");
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || "_-+/=.~".contains(c);
    let (mut text, mut word) = (String::new(), String::new());
    for c in line.chars().map(Some).chain([None]) {
        match c {
            Some(c) if fits(c) => word.push(c),
            other => {
                text.push_str(if looks_secret(&word) { STRUCK_OUT } else { &word });
                word.clear();
                text.extend(other);
            }
        }
    }
    without_passwords(&text)
}

fn looks_secret(word: &str) -> bool {
    let longest = word.split(['/', '.', '-']).map(str::len).max().unwrap_or_default();
    let named = ["kr_", "krs1."].iter().any(|begin| word.contains(begin));
    let last = word.rsplit_once('=').filter(|(name, value)| is_secret(name) && !value.is_empty());
    named || last.is_some() || longest >= RUN_CHARS_MAX
}

/// `scheme://user:password@host` without user and password.
fn without_passwords(text: &str) -> String {
    let mut parts = text.split("://");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str("://");
        let end = part.find(['/', ' ', '"', '\'']).unwrap_or(part.len());
        match part[..end].rfind('@') {
            Some(at) => {
                out.push_str(STRUCK_OUT);
                out.push_str(&part[at..]);
            }
            None => out.push_str(part),
        }
    }
    out
}

fn is_secret(name: &str) -> bool {
    let name = name.trim().to_ascii_lowercase();
    SECRET_NAMES.iter().any(|secret| name.contains(secret))
        && !PLACE_NAMES.iter().any(|place| name.ends_with(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planted_secrets_are_struck_out_and_the_rest_stays() {
        let secrets = [
            "kr_Zm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyZm8",
            "krs1.0123456789abcdef.2.1.00112233-44556677.deadbeef",
            "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
            "hunter2",
            "MIIEvQIBADANBgkq",
        ];
        let [token, share, hex, password, pem] = secrets;
        let text = format!(
            "2026-11-22T05:00:00Z INFO rest encrypt principal=alice object=orders request=0199-aa outcome=ok\n\
             bearer {token} was shown\n\
             share {share}\n\
             key={hex}\n\
             aws_secret_access_key = \"{password}\"\n\
             WARN password={password} in a line\n\
             https://user:{password}@keys.example.org/v1 is the proxy\n\
             passphrase_file = \"/etc/keyreeve/passphrase\"\n\
             -----BEGIN PRIVATE KEY-----\n{pem}\n-----END PRIVATE KEY-----\n\
             [listen]\nhttp = \"127.0.0.1:8443\"\n"
        );
        let told = lines(&text).to_string();
        assert!(!secrets.iter().any(|secret| told.contains(secret)), "{told}");
        for plain in [
            "principal=alice",
            "object=orders",
            "keys.example.org",
            "/etc/keyreeve/passphrase",
            "127.0.0.1:8443",
        ] {
            assert!(told.contains(plain), "{plain} is missing in {told}");
        }
    }
}
