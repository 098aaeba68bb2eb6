//! Requests of the REST API as they go over the wire, and what of an answer is looked at. Not here: connections.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::kinds;
use super::plan::{COUNTER_DIGITS, Operation, Plan, Protocol, Seen};
use crate::client::{segment, with_query};
use crate::output::printable;
use crate::settings::Server;

/// A head is never longer than this.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// What of a ciphertext's answer is sent back to open it; without a mode only the first.
const MODE_FIELDS: &[&str] = &["ciphertext", "iv", "tag"];

/// What the requests are about.
pub(super) struct Subject<'a> {
    /// Where they go, and who asks where no client certificate says so.
    pub(super) server: &'a Server,
    /// The key.
    pub(super) key: &'a str,
    /// The names of new keys begin with this.
    pub(super) prefix: &'a str,
    /// What marks them as this run's.
    pub(super) tag: (&'a str, &'a str),
    /// The algorithm of new keys.
    pub(super) algorithm: &'a str,
    /// What is encrypted or signed.
    pub(super) data: &'a [u8],
    /// What `encrypt` answered, where that is decrypted again.
    pub(super) encrypted: Option<&'a Value>,
}

/// The plan of an operation.
pub(super) fn plan(operation: Operation, subject: &Subject<'_>) -> Plan {
    let key = format!("/v1/keys/{}", segment(subject.key));
    let data = |field: &str| json!({ field: STANDARD.encode(subject.data) });
    let (method, path, body) = match operation {
        Operation::Encrypt => {
            let mut body = data("plaintext");
            if let Some(mode) = kinds::mode(subject.algorithm) {
                body["mode"] = mode.into();
            }
            ("POST", format!("{key}/encrypt"), Some(body))
        }
        Operation::Decrypt => ("POST", format!("{key}/decrypt"), Some(decrypt(subject))),
        Operation::Sign => ("POST", format!("{key}/sign"), Some(data("data"))),
        Operation::Get => ("GET", key, None),
        Operation::Locate => {
            let (tag, value) = subject.tag;
            let query = [("tag", format!("{tag}={value}")), ("limit", "1".to_owned())];
            ("GET", with_query("/v1/keys", &query), None)
        }
        Operation::Create => {
            let name = format!("{}{}", subject.prefix, "0".repeat(COUNTER_DIGITS));
            let (tag, value) = subject.tag;
            let body = json!({ "name": name, "algorithm": subject.algorithm, "tags": { tag: value } });
            ("POST", "/v1/keys".to_owned(), Some(body))
        }
    };
    let request = request(subject.server, method, &path, body.as_ref());
    Plan::new(Protocol::Rest, request, subject.prefix, 1)
}

/// The body that opens what was encrypted.
fn decrypt(subject: &Subject<'_>) -> Value {
    let fields = if kinds::mode(subject.algorithm).is_some() { MODE_FIELDS } else { &MODE_FIELDS[..1] };
    let given = |field: &&str| {
        let value = subject.encrypted?.get(*field).filter(|value| !value.is_null())?;
        Some(((*field).to_owned(), value.clone()))
    };
    let mut body = Value::Object(fields.iter().filter_map(given).collect());
    if let Some(mode) = kinds::mode(subject.algorithm) {
        body["mode"] = mode.into();
    }
    body
}

/// A request as bytes. Holds the token where there is no client certificate.
fn request(server: &Server, method: &str, path: &str, body: Option<&Value>) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\n", server.address.authority());
    if let (None, Some(token)) = (&server.identity.client, &server.identity.token) {
        text += &format!("authorization: Bearer {}\r\n", token.as_str());
    }
    if let Some(body) = body {
        let body = body.to_string();
        text += &format!("content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    } else {
        text += "\r\n";
    }
    text.into_bytes()
}

/// The answer that the bytes begin with, once it is whole.
///
/// # Errors
/// They are no answer with a length.
pub(super) fn seen(bytes: &[u8]) -> io::Result<Option<Seen>> {
    let Some(head) = head(bytes) else {
        let wrong = || io::Error::other("what the server sent is no answer in HTTP/1.1");
        return if bytes.len() > HEAD_BYTES_MAX { Err(wrong()) } else { Ok(None) };
    };
    let length = field(head, b"content-length")
        .and_then(|value| std::str::from_utf8(value).ok()?.trim().parse::<usize>().ok())
        .ok_or_else(|| io::Error::other("an answer without Content-Length"))?;
    let length = head.len() + length;
    let failed = u32::from(!head.starts_with(b"HTTP/1.1 2"));
    Ok((bytes.len() >= length).then_some(Seen { length, failed }))
}

/// Reads a whole answer as what it claims to be.
///
/// # Errors
/// It is a failure, or not what it claims to be.
pub(super) fn look_at(answer: &[u8]) -> Result<(), String> {
    let head = head(answer).ok_or("an answer without a head")?;
    let body = &answer[head.len()..];
    let is_json = content_type(answer).is_some_and(|kind| kind.starts_with("application/json"));
    if !head.starts_with(b"HTTP/1.1 2") {
        let problem: Value = serde_json::from_slice(body).unwrap_or_default();
        let told = problem.get("detail").and_then(Value::as_str).map(str::to_owned);
        let text = told.unwrap_or_else(|| String::from_utf8_lossy(body).into_owned());
        return Err(printable(text.trim_end()));
    }
    if is_json && serde_json::from_slice::<Value>(body).is_err() {
        return Err("an answer that claims to be JSON and is not".into());
    }
    Ok(())
}

/// The body of a whole answer.
pub(super) fn body(answer: &[u8]) -> &[u8] {
    &answer[head(answer).map_or(0, <[u8]>::len)..]
}

/// A whole answer as JSON.
///
/// # Errors
/// It is none.
pub(super) fn json_of(answer: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(body(answer)).map_err(|error| error.to_string())
}

/// The type of a whole answer's body.
pub(super) fn content_type(answer: &[u8]) -> Option<&str> {
    std::str::from_utf8(field(head(answer)?, b"content-type")?).ok().map(str::trim)
}

/// The head with the empty line behind it, once it is whole.
fn head(bytes: &[u8]) -> Option<&[u8]> {
    let mut from = 0;
    while let Some(at) = bytes.get(from..)?.iter().position(|byte| *byte == b'\n') {
        let end = from + at + 1;
        if bytes.get(end..end + 2) == Some(b"\r\n") {
            return Some(&bytes[..end + 2]);
        }
        from = end;
    }
    None
}

/// The value of a field, by its name in small letters.
fn field<'a>(head: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    head.split(|byte| *byte == b'\n').find_map(|line| {
        let (own, value) = line.split_at_checked(name.len())?;
        if own.eq_ignore_ascii_case(name) { value.strip_prefix(b":") } else { None }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_apart() {
        let one = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\ncontent-length: 2\r\n\r\n{}";
        let two = [&one[..], b"HTTP/1.1 409 Conflict\r\nContent-Length: 4\r\n\r\nno!\n"].concat();
        for end in 0..one.len() {
            assert_eq!(seen(&two[..end]).unwrap(), None, "{end}");
        }
        assert_eq!(seen(&two).unwrap(), Some(Seen { length: one.len(), failed: 0 }));
        assert_eq!(look_at(one), Ok(()));
        assert_eq!((body(one), content_type(one)), (&b"{}"[..], Some("application/json")));
        let refused = &two[one.len()..];
        assert_eq!(seen(refused).unwrap(), Some(Seen { length: refused.len(), failed: 1 }));
        assert_eq!(look_at(refused), Err("no!".into()));
        let problem = b"HTTP/1.1 404 Not Found\r\nContent-Length: 37\r\n\r\n{\"code\":\"not_found\",\"detail\":\"gone\"}";
        assert_eq!(look_at(problem), Err("gone".into()));
        assert!(seen(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        assert!(seen(&[b'x'; HEAD_BYTES_MAX + 1]).is_err());
    }
}
