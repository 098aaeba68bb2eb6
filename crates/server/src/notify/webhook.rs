//! Webhooks by the Standard Webhooks specification: who gets one knows by its signature whose it is, when it was sent, and that it
//! was not changed. Not here: the post.
//!
//! # Standard
//! Standard Webhooks 1.0.0: symmetric signatures (`v1`), headers `webhook-id`, `webhook-timestamp` and `webhook-signature`.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyreeve_core::SecretBytes;
use keyreeve_core::model::Time;
use keyreeve_core::ports::crypto::Crypto;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::Failure;
use super::notice::Notice;
use super::post::Receiver;
use super::secrets;
use crate::config;

/// What a secret begins with.
const PREFIX: &str = "whsec_";
/// Bytes of a secret.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// Secrets that a message is signed with at most, each on a line.
const SECRETS_MAX: usize = 4;

/// A receiver.
pub(super) struct Webhook {
    receiver: Receiver,
    secret_file: PathBuf,
}

impl Webhook {
    pub(super) fn new(configured: &config::Destination) -> Result<Self, String> {
        let secret_file = configured.secret_file.clone().ok_or("it has no secret_file")?;
        keys(&secrets::lines(&secret_file)?)?;
        Ok(Self { receiver: Receiver::new(configured, None)?, secret_file })
    }

    /// Signed at this time with every secret that is in the file now.
    pub(super) async fn deliver(
        &self,
        crypto: &dyn Crypto,
        now: Time,
        notice: &Notice,
    ) -> Result<String, Failure> {
        let elsewhere = |cause: String| Failure::Elsewhere(cause, None);
        let lines = secrets::lines_aside(self.secret_file.clone()).await.map_err(elsewhere)?;
        let keys = keys(&lines).map_err(elsewhere)?;
        let body = body(notice).to_string();
        let headers = headers(crypto, &keys, &notice.id, now, &body);
        self.receiver.post_text(headers, Zeroizing::new(body.into_bytes())).await
    }
}

/// The secrets of these lines. Holds secrets.
fn keys(lines: &[Zeroizing<String>]) -> Result<Vec<SecretBytes>, String> {
    if lines.len() > SECRETS_MAX {
        return Err(format!("secret_file: at most {SECRETS_MAX} secrets"));
    }
    let key = |line: &Zeroizing<String>| {
        let key = line.strip_prefix(PREFIX).and_then(|text| STANDARD.decode(text).ok()).map(SecretBytes::new);
        key.filter(|key| SECRET_BYTES.contains(&key.len())).ok_or_else(|| {
            format!("secret_file: a secret is {PREFIX} and 24 to 64 bytes in base64, on a line of its own")
        })
    };
    lines.iter().map(key).collect()
}

fn body(notice: &Notice) -> Value {
    json!({ "type": notice.event.word(), "timestamp": notice.time.to_string(), "data": notice.to_json() })
}

/// Who it is, when it was sent, and by whom: signed with each key.
fn headers(
    crypto: &dyn Crypto,
    keys: &[SecretBytes],
    id: &str,
    now: Time,
    body: &str,
) -> Vec<(&'static str, String)> {
    let timestamp = now.seconds().to_string();
    let parts: [&[u8]; 5] = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body.as_bytes()];
    let signature =
        |key: &SecretBytes| format!("v1,{}", STANDARD.encode(crypto.hmac_sha256(key.expose(), &parts)));
    let signatures: Vec<String> = keys.iter().map(signature).collect();
    vec![
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", timestamp),
        ("webhook-signature", signatures.join(" ")),
    ]
}

#[cfg(test)]
mod tests {
    use keyreeve_crypto::SoftwareCrypto;

    use super::super::notice::tests::hostile;
    use super::*;

    fn lines(texts: &[&str]) -> Vec<Zeroizing<String>> {
        texts.iter().map(|text| Zeroizing::new((*text).to_owned())).collect()
    }

    /// The example of the specification's own libraries.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[test]
    fn a_signature_is_the_one_of_the_published_example() {
        let keys = keys(&lines(&[SECRET])).unwrap();
        let body = r#"{"test": 2432232314}"#;
        let now = Time(1_614_265_330_000);
        let headers = headers(&SoftwareCrypto::new(), &keys, "msg_p5jXN8AQM9LWM0D4loKWxJek", now, body);
        assert_eq!(headers[1].1, "1614265330");
        assert_eq!(
            headers[2],
            ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=".to_owned())
        );
    }

    #[test]
    fn while_secrets_change_a_message_is_signed_with_each() {
        let other = format!("{PREFIX}{}", STANDARD.encode([7; 64]));
        let keys = keys(&lines(&[SECRET, &other])).unwrap();
        let headers = headers(&SoftwareCrypto::new(), &keys, "a", Time(0), "{}");
        let signatures: Vec<_> = headers[2].1.split(' ').collect();
        assert_eq!(signatures.len(), 2);
        assert!(signatures.iter().all(|one| one.starts_with("v1,")) && signatures[0] != signatures[1]);
    }

    #[test]
    fn what_is_no_secret_is_refused_and_not_quoted() {
        let short = format!("{PREFIX}{}", STANDARD.encode([7; 23]));
        let long = format!("{PREFIX}{}", STANDARD.encode([7; 65]));
        for wrong in ["hunter2", "whsec_hunter2!", &short, &long, &SECRET[6..]] {
            let error = keys(&lines(&[wrong])).map(|_| ()).unwrap_err();
            assert!(error.contains("24 to 64 bytes") && !error.contains("hunter"), "{error}");
        }
        assert!(keys(&lines(&[SECRET; 5])).is_err());
    }

    #[test]
    fn the_body_says_what_when_and_all_that_is_known() {
        let body = body(&hostile());
        assert_eq!(
            (&body["type"], &body["timestamp"]),
            (&json!("alert.raised"), &json!("2023-11-14T22:13:20.000Z"))
        );
        assert_eq!(body["data"]["fields"]["evidence"], json!([1, 2]));
    }
}
