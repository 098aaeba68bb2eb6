//! The journal over REST: read it, follow it, have it verified.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use keyreeve_core::access::Action;
use keyreeve_core::model::Lsn;
use keyreeve_core::operations::journal::{EntryFilter, FollowJournal, ReadJournal, VerifyJournal};
use keyreeve_core::record::Outcome;
use keyreeve_core::request::Reference;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Api;
use super::answer;
use super::errors::{Code, Problem, Result};
use super::feed::{Feed, Format, Line, Place};
use super::request::{Arguments, Authenticated, page_limit};
use crate::entry_json::entry_json;

/// Query of `show`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Show {
    after: Option<u64>,
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<usize>,
    key: Option<String>,
    realm: Option<String>,
    /// Words of actions, with commas between them.
    kind: Option<String>,
    #[serde(default)]
    changes: bool,
    /// Name or id.
    principal: Option<String>,
    /// How it ended.
    outcome: Option<Ended>,
    /// Address that the request came from.
    source: Option<IpAddr>,
    /// RFC 3339.
    since: Option<String>,
    /// RFC 3339.
    until: Option<String>,
    follow: Option<bool>,
}

/// How a request ended.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Ended {
    Success,
    Denied,
    Failed,
}

impl Show {
    fn filter(&self) -> Result<EntryFilter> {
        let word = |word: &str| {
            Action::from_word(word.trim())
                .ok_or_else(|| Problem::invalid(format!("there is no kind of entry called {word:?}")))
        };
        Ok(EntryFilter {
            key: self.key.clone().map(Reference::text),
            realm: self.realm.clone(),
            actions: self.kind.iter().flat_map(|kinds| kinds.split(',')).map(word).collect::<Result<_>>()?,
            changes_only: self.changes,
            principal: self.principal.clone(),
            outcome: self.outcome.map(|ended| match ended {
                Ended::Success => Outcome::Success,
                Ended::Denied => Outcome::Denied,
                Ended::Failed => Outcome::Failed,
            }),
            source: self.source.map(|source| source.to_canonical()),
            since: self.since.as_deref().map(str::parse).transpose()?,
            until: self.until.as_deref().map(str::parse).transpose()?,
        })
    }
}

/// `GET /v1/journal?after=&limit=&key=&realm=&kind=&changes=&principal=&outcome=&source=&since=&until=`: entries, oldest first. As a feed where that is asked for,
/// by `Accept` or by `follow`.
pub(super) async fn show(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Extension(line): Extension<Line>,
    headers: HeaderMap,
    Arguments(show): Arguments<Show>,
) -> Result<Response> {
    let filter = show.filter()?;
    if let Some(format) = stream_format(&headers, show.follow) {
        if show.limit.is_some() {
            return Err(Problem::invalid("a feed takes no limit: read as much of it as you want"));
        }
        let after = Lsn(last_event(&headers)?.or(show.after).unwrap_or(0));
        let place = Place::take(&api, caller.id())
            .map_err(|cause| Problem::new(Code::LimitExceeded, cause.to_string()))?;
        let wanted = api.execute(&caller, FollowJournal { after, filter }).await?;
        let follow = show.follow.unwrap_or(true);
        let feed = Feed { place, caller, wanted, after, format, follow, line };
        let kind = HeaderValue::from_static(format.media_type());
        return Ok(([(header::CONTENT_TYPE, kind)], feed.start()).into_response());
    }
    let (after, limit) = (Lsn(show.after.unwrap_or(0)), page_limit(show.limit)?);
    let page = api.execute(&caller, ReadJournal { after, limit, filter }).await?;
    let entries = page.entries.into_iter().map(entry_json).collect();
    Ok(answer::page("entries", entries, page.next.map(|lsn| lsn.0.into())).into_response())
}

/// How the entries are streamed; `None`: a page is wanted.
fn stream_format(headers: &HeaderMap, follow: Option<bool>) -> Option<Format> {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let named = accepted.flat_map(|value| value.split(',')).find_map(|range| {
        let kind = range.split(';').next().unwrap_or(range).trim();
        [Format::Events, Format::Lines]
            .into_iter()
            .find(|format| kind.eq_ignore_ascii_case(format.media_type()))
    });
    named.or(follow.unwrap_or(false).then_some(Format::Events))
}

/// Where a reader of events was cut off.
fn last_event(headers: &HeaderMap) -> Result<Option<u64>> {
    let Some(value) = headers.get("last-event-id") else { return Ok(None) };
    let parsed = value.to_str().ok().and_then(|text| text.parse().ok());
    parsed.map(Some).ok_or_else(|| Problem::invalid("Last-Event-ID is no position of the journal"))
}

/// `POST /v1/journal/verify`: checksums and hash chain of the whole journal.
pub(super) async fn verify(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>> {
    let verified = api.execute(&caller, VerifyJournal).await?;
    let head: String = verified.head.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Json(json!({ "valid": true, "lsn": verified.lsn.0, "head": head })))
}
