//! What a handler takes from a request, told by the types of its arguments. Not here: how these are read (request).

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use keyreeve_kmip::Encoding;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::super::Api;
use super::super::answer::OCTET_STREAM;
use super::super::conditional::Change;
use super::super::kmip::Message;
use super::super::request::{
    Arguments, Authenticated, BesideData, Body, Data, NamedKey, Patch, Segments, Stranger,
};
use super::super::stream::Streamed;

/// What a request takes besides its path.
#[derive(Default)]
pub(in super::super) struct Taken {
    /// The caller must show who it is.
    pub(in super::super) authenticated: bool,
    /// Arguments of the query, and headers.
    pub(in super::super) parameters: Vec<Value>,
    /// The body.
    pub(in super::super) body: Option<Value>,
}

impl Taken {
    /// Whether anything may stand in the query.
    pub(in super::super) fn takes_query(&self) -> bool {
        self.parameters.iter().any(|parameter| parameter["in"] == "query")
    }
}

/// An argument of a handler.
pub(in super::super) trait Takes {
    /// Adds what it takes.
    fn tell(_: &mut Taken, _: &mut SchemaGenerator) {}
}

/// A handler whose arguments tell what they take.
pub(in super::super) trait Described<Arguments> {
    /// Adds what all of them take.
    fn tell(taken: &mut Taken, schemas: &mut SchemaGenerator);
}

macro_rules! described {
    ($($argument:ident),*) => {
        impl<F, Answer, $($argument),*> Described<($($argument,)*)> for F
        where
            F: Fn($($argument),*) -> Answer,
            $($argument: Takes,)*
        {
            #[allow(unused_variables, reason = "a handler without arguments takes nothing")]
            fn tell(taken: &mut Taken, schemas: &mut SchemaGenerator) {
                $($argument::tell(taken, schemas);)*
            }
        }
    };
}

described!();
described!(A);
described!(A, B);
described!(A, B, C);
described!(A, B, C, D);
described!(A, B, C, D, E);
described!(A, B, C, D, E, G);

impl Takes for State<Arc<Api>> {}
impl<T> Takes for Extension<T> {}
impl Takes for HeaderMap {}
impl Takes for NamedKey {}
impl Takes for Stranger {}
impl<T> Takes for Segments<T> {}

impl Takes for Authenticated {
    fn tell(taken: &mut Taken, _: &mut SchemaGenerator) {
        taken.authenticated = true;
    }
}

impl Takes for Change {
    fn tell(taken: &mut Taken, _: &mut SchemaGenerator) {
        taken.authenticated = true;
        taken.parameters.push(json!({
            "name": "If-Match", "in": "header", "required": false, "schema": { "type": "string" },
        }));
    }
}

impl<T: JsonSchema> Takes for Arguments<T> {
    fn tell(taken: &mut Taken, schemas: &mut SchemaGenerator) {
        taken.parameters.extend(query(&T::json_schema(schemas)));
    }
}

impl<T: JsonSchema> Takes for Body<T> {
    fn tell(taken: &mut Taken, schemas: &mut SchemaGenerator) {
        let required = T::json_schema(schemas).get("required").is_some();
        let schema = schemas.subschema_for::<T>();
        taken.body = Some(json!({
            "required": required,
            "content": { "application/json": { "schema": schema } },
        }));
    }
}

impl<T: JsonSchema> Takes for Patch<T> {
    fn tell(taken: &mut Taken, schemas: &mut SchemaGenerator) {
        let mut schema = T::json_schema(schemas).to_value();
        let fields = schema["properties"].as_object_mut();
        fields.into_iter().flatten().for_each(|(_, field)| refuse_null(field));
        taken.body =
            Some(json!({ "required": true, "content": { "application/json": { "schema": schema } } }));
    }
}

/// Takes null out of what a field may be.
fn refuse_null(field: &mut Value) {
    if let Some([kind, null]) = field["type"].as_array().map(Vec::as_slice)
        && null == "null"
    {
        field["type"] = kind.clone();
    }
    if let Some(choices) = field.get_mut("anyOf").and_then(Value::as_array_mut) {
        choices.retain(|choice| choice["type"] != "null");
    }
}

impl<P: BesideData + JsonSchema> Takes for Data<P> {
    fn tell(taken: &mut Taken, schemas: &mut SchemaGenerator) {
        let mut schema = P::json_schema(schemas);
        taken.parameters.extend(query(&schema).into_iter().map(|mut parameter| {
            // In JSON they stand in the body.
            parameter["required"] = false.into();
            parameter
        }));
        let data = super::super::request::Base64::json_schema(schemas);
        let fields = schema.ensure_object();
        let properties = fields.entry("properties").or_insert_with(|| json!({}));
        properties[P::DATA] = data.to_value();
        let required = fields.entry("required").or_insert_with(|| json!([]));
        required.as_array_mut().into_iter().for_each(|required| required.push(P::DATA.into()));
        taken.body = Some(json!({
            "required": true,
            "content": { "application/json": { "schema": schema }, OCTET_STREAM: {} },
        }));
    }
}

impl<P: JsonSchema> Takes for Streamed<P> {
    fn tell(taken: &mut Taken, schemas: &mut SchemaGenerator) {
        taken.parameters.extend(query(&P::json_schema(schemas)));
        taken.body = Some(json!({ "required": true, "content": { OCTET_STREAM: {} } }));
    }
}

impl Takes for Message {
    fn tell(taken: &mut Taken, _: &mut SchemaGenerator) {
        taken.authenticated = true;
        let schema = json!({ "$ref": "#/components/schemas/KmipMessage" });
        let content = Encoding::ALL.map(|encoding| {
            let schema = if encoding == Encoding::Json { json!({ "schema": schema }) } else { json!({}) };
            (encoding.media_type().to_owned(), schema)
        });
        taken.body = Some(json!({ "required": true, "content": Map::from_iter(content) }));
    }
}

/// The arguments of a query, from the schema of the type that reads them.
fn query(schema: &Schema) -> Vec<Value> {
    let empty = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&empty);
    let required = schema.get("required").and_then(Value::as_array);
    let parameter = |(name, schema): (&String, &Value)| {
        let required = required.is_some_and(|required| required.contains(&name.as_str().into()));
        let mut parameter = json!({ "name": name, "in": "query", "required": required });
        let schema = without_null(schema);
        match schema.get("type") {
            // An object is given as its JSON text.
            Some(kind) if kind == "object" => {
                parameter["content"] = json!({ "application/json": { "schema": schema } });
            }
            _ => parameter["schema"] = schema,
        }
        parameter
    };
    properties.iter().map(parameter).collect()
}

/// What a query leaves out is not there; it has no null.
fn without_null(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = types.as_slice() {
            schema["type"] = only.clone();
        }
    }
    let others = |any: &Value| any.get("type").is_none_or(|kind| kind != "null");
    if let Some(Value::Array(any)) = schema.get("anyOf")
        && let [only] = any.iter().filter(|any| others(any)).collect::<Vec<_>>()[..]
    {
        return only.clone();
    }
    schema
}
