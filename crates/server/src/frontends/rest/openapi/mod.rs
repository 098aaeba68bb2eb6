//! The OpenAPI document, made from the table of routes: what a request takes follows from the types that its handler
//! reads, so it cannot say anything else. Not here: the table (routes) and how answers look (answers).
//!
//! # Standard
//! OpenAPI 3.1.1; JSON Schema draft 2020-12.

use std::sync::LazyLock;

use axum::response::IntoResponse;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::routes::{self, Route};

mod answers;
mod takes;

pub(super) use takes::{Described, Taken};

/// Media types that answers have besides JSON, by the word that the table of routes gives them.
const MEDIA: &[(&str, &str)] = &[
    ("bytes", "application/octet-stream"),
    ("xml", "text/xml"),
    ("text", "text/plain"),
    ("metrics", "application/openmetrics-text"),
    ("pem", "application/x-pem-file"),
    ("events", "text/event-stream"),
    ("lines", "application/x-ndjson"),
];

static DOCUMENT: LazyLock<String> = LazyLock::new(|| document(&routes::table()).to_string());

/// `GET /v1/openapi.json`: this document, told to everybody.
pub(super) async fn show() -> impl IntoResponse {
    ([(axum::http::header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str())
}

/// The document of these routes, by name, so that a new one moves nothing else.
fn document(table: &[Route]) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut schemas = SchemaGenerator::new(settings);
    let mut paths: Map<String, Value> = Map::new();
    for route in table {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.as_str().to_ascii_lowercase()] = operation(route, &mut schemas);
    }
    let mut definitions = schemas.take_definitions(true);
    definitions.extend(answers::schemas());
    let mut document = json!({
        "openapi": "3.1.1",
        "info": {
            "title": "Keyreeve",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "The life of keys: make, use, rotate, revoke, back up, destroy",
            "license": { "name": "Apache-2.0 OR MIT" },
        },
        "servers": [{ "url": "https://127.0.0.1:8443" }],
        "paths": paths,
        "components": {
            "schemas": definitions,
            "responses": { "Problem": {
                "description": "What was wrong; docs/errors.md tells every code",
                "content": { "application/problem+json": { "schema": reference("Problem") } },
            } },
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer" },
                "certificate": { "type": "mutualTLS" },
            },
        },
    });
    document.sort_all_objects();
    document
}

fn operation(route: &Route, schemas: &mut SchemaGenerator) -> Value {
    let mut taken = Taken::default();
    (route.takes)(&mut taken, schemas);
    let in_path = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let in_path = in_path.map(|name| {
        json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string", "minLength": 1 } })
    });
    let parameters: Vec<Value> = in_path.chain(taken.parameters).collect();
    let security =
        if taken.authenticated { json!([{ "token": [] }, { "certificate": [] }]) } else { json!([]) };
    let mut operation = json!({
        "operationId": route.name(),
        "summary": route.summary,
        "tags": [group(route.path)],
        "responses": responses(route.answers),
        "security": security,
    });
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some(body) = taken.body {
        operation["requestBody"] = body;
    }
    operation
}

/// `200 Key|bytes, 304`: a status, and the forms that its body may have.
fn responses(answers: &str) -> Value {
    let mut responses = json!({ "default": { "$ref": "#/components/responses/Problem" } });
    for answer in answers.split(", ") {
        let (status, forms) = answer.split_once(' ').unwrap_or((answer, ""));
        let mut content = Map::new();
        for form in forms.split('|').filter(|form| !form.is_empty()) {
            match MEDIA.iter().find(|(word, _)| *word == form) {
                Some((_, media)) => content.insert((*media).to_owned(), json!({})),
                None => content.insert("application/json".to_owned(), json!({ "schema": reference(form) })),
            };
        }
        let description = status.parse().ok().and_then(|code| axum::http::StatusCode::from_u16(code).ok());
        let description = description.and_then(|code| code.canonical_reason()).unwrap_or_default();
        let mut response = json!({ "description": description });
        if !content.is_empty() {
            response["content"] = content.into();
        }
        // What is or was a key has a tag, by which a later request is conditional.
        if forms.split('|').any(|form| form == "Key") || status == "304" {
            response["headers"] = json!({ "ETag": { "required": true, "schema": { "type": "string" } } });
        }
        responses[status] = response;
    }
    responses
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// The part of the interface that a path belongs to.
fn group(path: &str) -> &str {
    let mut parts = path.split('/').skip(1);
    match parts.next() {
        Some("v1") | None => parts.next().unwrap_or_default(),
        Some(first) => parts.next().unwrap_or(first),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
    const PROSE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/rest.md"));

    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(values) => values.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn the_golden_document_is_what_is_served() {
        let served: Value = serde_json::from_str(&DOCUMENT).unwrap();
        if std::env::var_os("KEYREEVE_WRITE_GOLDEN").is_some() {
            std::fs::write(GOLDEN, format!("{served:#}\n")).unwrap();
        }
        let golden = std::fs::read_to_string(GOLDEN).unwrap_or_default();
        assert!(
            serde_json::from_str::<Value>(&golden).is_ok_and(|golden| golden == served),
            "docs/openapi.json is not what is served: run this with KEYREEVE_WRITE_GOLDEN=1"
        );
    }

    #[test]
    fn every_reference_leads_somewhere_and_every_operation_has_a_name_of_its_own() {
        let document = document(&routes::table());
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        for reference in found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
        }
        let table = routes::table();
        let names: BTreeSet<String> = table.iter().map(Route::name).collect();
        assert_eq!(names.len(), table.len(), "two routes have one handler");
    }

    #[test]
    fn the_prose_names_every_path() {
        let missing: Vec<_> =
            routes::table().iter().map(|route| route.path).filter(|path| !PROSE.contains(path)).collect();
        assert!(missing.is_empty(), "docs/rest.md does not name {missing:?}");
    }
}
