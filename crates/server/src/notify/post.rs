//! Posts to a URL that the configuration names, or a file that it names, and what their answers mean. Not here: what is posted.

use std::path::PathBuf;
use std::time::Duration;

use hyper::{HeaderMap, StatusCode, header};
use serde_json::Value;
use zeroize::Zeroizing;

use super::Failure;
use super::secrets;
use crate::config;
use crate::listen::{Delivery, Fetcher, HttpsUrl};
use crate::server_identity::read_authorities_or_systems;

/// Where posts go.
pub(super) struct Receiver {
    fetcher: Fetcher,
    address: Address,
}

/// How its URL is known.
enum Address {
    /// To everybody.
    Known(HttpsUrl),
    /// To who reads this file.
    InFile(PathBuf),
}

impl Receiver {
    /// As configured, or at a URL of the kind's own where the configuration says none.
    ///
    /// # Errors
    /// What is wrong.
    pub(super) fn new(configured: &config::Destination, usual: Option<&str>) -> Result<Self, String> {
        let address = match (configured.url.as_deref().or(usual), &configured.url_file) {
            (_, Some(file)) => {
                first_url(&secrets::lines(file)?)?;
                Address::InFile(file.clone())
            }
            (Some(url), None) => Address::Known(HttpsUrl::parse(url)?),
            (None, None) => return Err("it has no URL".to_owned()),
        };
        Ok(Self { fetcher: fetcher(configured)?, address })
    }

    /// Posts JSON; gives what was answered.
    ///
    /// # Errors
    /// Why it was not taken.
    pub(super) async fn post(
        &self,
        headers: Vec<(&'static str, String)>,
        body: &Value,
    ) -> Result<String, Failure> {
        self.post_text(headers, Zeroizing::new(body.to_string().into_bytes())).await
    }

    /// Posts JSON that is text already; gives what was answered.
    ///
    /// # Errors
    /// Why it was not taken.
    pub(super) async fn post_text(
        &self,
        headers: Vec<(&'static str, String)>,
        body: Zeroizing<Vec<u8>>,
    ) -> Result<String, Failure> {
        let elsewhere = |cause: String| Failure::Elsewhere(cause, None);
        let read;
        let url = match &self.address {
            Address::Known(url) => url,
            Address::InFile(file) => {
                let lines = secrets::lines_aside(file.clone()).await.map_err(elsewhere)?;
                read = first_url(&lines).map_err(elsewhere)?;
                &read
            }
        };
        let delivery = Delivery { content_type: "application/json", headers, body };
        let (status, headers) = self.fetcher.deliver(url, delivery).await.map_err(elsewhere)?;
        judge(status, &headers)
    }
}

/// What goes out to a destination.
///
/// # Errors
/// For a file that holds no authorities.
pub(super) fn fetcher(configured: &config::Destination) -> Result<Fetcher, String> {
    let authorities = read_authorities_or_systems(configured.ca_file.as_deref())?;
    Fetcher::new(authorities, configured.private_addresses).map_err(|error| error.to_string())
}

fn first_url(lines: &[Zeroizing<String>]) -> Result<HttpsUrl, String> {
    let line = lines.first().ok_or("it has no URL")?;
    HttpsUrl::parse(line).map_err(|why| format!("the URL in url_file: {why}"))
}

/// What an answer means: taken, or why not.
fn judge(status: StatusCode, headers: &HeaderMap) -> Result<String, Failure> {
    if status.is_success() {
        return Ok(format!("it answered {}", status.as_u16()));
    }
    if status.is_redirection() {
        let cause = format!("it answered {}: redirects are not followed", status.as_u16());
        return Err(Failure::Elsewhere(cause, None));
    }
    let cause = format!("it answered {status}");
    Err(match status {
        StatusCode::GONE => Failure::Gone(cause),
        StatusCode::BAD_REQUEST
        | StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::UNSUPPORTED_MEDIA_TYPE
        | StatusCode::UNPROCESSABLE_ENTITY => Failure::Refused(cause),
        _ => Failure::Elsewhere(cause, asked_pause(headers)),
    })
}

/// For how long the other end asks to be left alone, where it says so in seconds.
fn asked_pause(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_apart() {
        let judged = |status: u16| judge(StatusCode::from_u16(status).unwrap(), &HeaderMap::new());
        for good in [200, 201, 202, 204] {
            assert_eq!(judged(good).unwrap(), format!("it answered {good}"));
        }
        for (status, expected) in [(410, "gone"), (400, "refused"), (422, "refused"), (413, "refused")] {
            let kind = match judged(status).unwrap_err() {
                Failure::Gone(_) => "gone",
                Failure::Refused(_) => "refused",
                Failure::Elsewhere(..) => "elsewhere",
            };
            assert_eq!(kind, expected, "{status}");
        }
        for later in [301, 307, 401, 403, 404, 408, 429, 500, 503] {
            assert!(matches!(judged(later), Err(Failure::Elsewhere(..))), "{later}");
        }
        assert!(judged(302).unwrap_err().cause().contains("not followed"));
    }

    #[test]
    fn who_asks_for_a_pause_in_seconds_gets_one() {
        let mut headers = HeaderMap::new();
        for (value, expected) in [("7", Some(7)), ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("-1", None)] {
            headers.insert(header::RETRY_AFTER, value.parse().unwrap());
            let Err(Failure::Elsewhere(_, pause)) = judge(StatusCode::TOO_MANY_REQUESTS, &headers) else {
                panic!()
            };
            assert_eq!(pause, expected.map(Duration::from_secs));
        }
    }
}
