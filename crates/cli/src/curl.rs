//! A request as a line of curl, to see what would be asked and to ask it elsewhere. Not here: asking it.

use hyper::Method;
use serde_json::Value;

use crate::client::{BYTES, Body, JSON};
use crate::settings::Server;

/// Fields of bodies that hold secrets, wherever they stand.
const SECRET: &[&str] =
    &["data", "k", "key_file", "material", "p12_password", "passphrase", "plaintext", "shares"];

/// What stands in the place of a secret.
const STRUCK_OUT: &str = "...";

/// The line. It holds no secret: the token is `$KEYREEVE_TOKEN`, and secrets in the body are struck out.
pub(crate) fn line(
    server: &Server,
    method: &Method,
    path: &str,
    body: &Body<'_>,
    accept: Option<&str>,
) -> String {
    let mut words = vec!["curl".to_owned(), "-sS".to_owned()];
    let mut option = |name: &str, value: String| words.extend([name.to_owned(), value]);
    if let Some(ca) = &server.ca {
        option("--cacert", quoted(&ca.display().to_string()));
    }
    if let Some(files) = &server.identity.client {
        option("--cert", quoted(&files.certificate.display().to_string()));
        option("--key", quoted(&files.key.display().to_string()));
    }
    if server.identity.token.is_some() {
        // In double quotes, where the shell fills it in.
        option("-H", "\"Authorization: Bearer $KEYREEVE_TOKEN\"".to_owned());
    }
    if let Some(accept) = accept {
        option("-NH", quoted(&format!("Accept: {accept}")));
    }
    let implied = if matches!(body, Body::Nothing) { Method::GET } else { Method::POST };
    if *method != implied {
        option("-X", method.to_string());
    }
    match body {
        Body::Nothing => {}
        Body::Json(value) => {
            option("-H", quoted(&format!("Content-Type: {JSON}")));
            option("--data-binary", quoted(&struck_out(value, None).to_string()));
        }
        Body::Bytes(data) => {
            let from = data.from.as_deref().map_or_else(|| "-".into(), |path| path.display().to_string());
            option("-H", quoted(&format!("Content-Type: {BYTES}")));
            option("--data-binary", quoted(&format!("@{from}")));
        }
    }
    words.push(quoted(&format!("{}{path}", server.address)));
    words.join(" ")
}

/// The value without the secrets in it; fields that say nothing are left out.
fn struck_out(value: &Value, field: Option<&str>) -> Value {
    let is_secret = field.is_some_and(|field| SECRET.contains(&field));
    match value {
        Value::Object(fields) if !is_secret || field == Some("material") => {
            let fields = fields.iter().filter(|(_, value)| !value.is_null());
            fields.map(|(name, value)| (name.clone(), struck_out(value, Some(name)))).collect()
        }
        Value::String(_) | Value::Array(_) | Value::Object(_) if is_secret => STRUCK_OUT.into(),
        Value::Array(items) => items.iter().map(|item| struck_out(item, None)).collect(),
        plain => plain.clone(),
    }
}

/// The text as one word of a shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%=,+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_text_is_one_word_whatever_is_in_it() {
        assert_eq!(quoted("/v1/keys/a%2Fb"), "/v1/keys/a%2Fb");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
    }

    #[test]
    fn secrets_are_struck_out_at_any_depth() {
        let body = json!({
            "name": "k", "days": null, "p12_password": "hunter2", "old": { "shares": ["s1", "s2"] },
            "material": { "format": "jwk", "data": { "k": "c2VjcmV0" } }, "tags": [{ "plaintext": "hunter2" }],
        });
        let text = struck_out(&body, None).to_string();
        assert!(!["hunter2", "s1", "c2VjcmV0"].iter().any(|secret| text.contains(secret)), "{text}");
        assert!(text.contains("\"name\":\"k\"") && text.contains("jwk") && !text.contains("days"), "{text}");
    }
}
