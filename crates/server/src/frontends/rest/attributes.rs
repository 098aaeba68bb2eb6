//! Attributes over REST: what is known of an object, by the names that KMIP gives it. Not here: changing what REST shows of a
//! key (change).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyreeve_core::model::{AttributeName, Time, Value as Attribute};
use keyreeve_core::operations::get_attributes::GetAttributes;
use serde_json::{Map, Value, json};

use super::Api;
use super::errors::Result;
use super::request::{Authenticated, NamedKey};

/// `GET /v1/keys/{name}/attributes`: of its newest version, or of the object that is named.
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    NamedKey(key): NamedKey,
) -> Result<Json<Value>> {
    let read = api.execute(&caller, GetAttributes { key, names: None }).await?;
    let each = read.attributes.iter().map(|(name, values)| (word(name), values.iter().map(value).collect()));
    let attributes: Map<String, Value> = each.collect();
    Ok(Json(json!({ "object_id": read.object.id.to_string(), "attributes": attributes })))
}

/// As KMIP 1.x writes it; a vendor's own with the vendor in front.
fn word(name: &AttributeName) -> String {
    match name {
        AttributeName::Standard(kind) => kind.word().to_owned(),
        AttributeName::Vendor { vendor, name } => format!("{vendor}-{name}"),
    }
}

/// Codes and masks are numbers, bytes base64, times RFC 3339, durations seconds.
fn value(attribute: &Attribute) -> Value {
    match attribute {
        Attribute::Integer(number) => (*number).into(),
        Attribute::LongInteger(number) => (*number).into(),
        Attribute::Enumeration(code) => (*code).into(),
        Attribute::IntervalSeconds(seconds) => (*seconds).into(),
        Attribute::Boolean(truth) => (*truth).into(),
        Attribute::Text(text) => text.as_str().into(),
        Attribute::Bytes(bytes) | Attribute::BigInteger(bytes) => STANDARD.encode(bytes).into(),
        Attribute::Date(date) => date.to_string().into(),
        Attribute::DateMicroseconds(microseconds) => Time(microseconds / 1000).to_string().into(),
        Attribute::Structure(fields) => {
            fields.iter().map(|(name, field)| (name.clone(), value(field))).collect::<Map<_, _>>().into()
        }
    }
}
