//! How answers look, in short: `field type`, with `?` behind a field that may be missing and `|null` behind a type that may
//! be null. A type is `string`, `integer`, `boolean`, `object`, `any`, `time`, `uuid`, `base64`, `[TYPE]`, or the name of
//! another answer. Not here: which request gives which (routes).

use serde_json::{Map, Value, json};

/// Every form of answer in JSON.
const ANSWERS: &[(&str, &str)] = &[
    ("Problem", "title string, status integer, code string, detail string, approval? uuid"),
    (
        "Key",
        "id uuid, name string, algorithm string|null, type string, state string|null, owner string, created time, \
         tags object, usage [string], exportable boolean, destroy_waiting_days integer|null, \
         destroy_at_once boolean, lease_seconds integer, reject_duplicates boolean, version integer, \
         versions [KeyVersion], split? KeyPart, duplicate_of? uuid",
    ),
    ("KeyPart", "method string|null, parts integer, threshold integer, part integer, format string|null"),
    ("Attributes", "object_id uuid, attributes object"),
    ("Parts", "parts [Part]"),
    ("Part", "part integer, name string, object_id uuid"),
    (
        "KeyVersion",
        "version integer, state string, object_id uuid, public_object_id uuid|null, created time, \
         activated time|null, deactivated time|null, activation time|null, deactivation time|null, archived time|null, \
         destruction time|null, destroyed time|null, \
         erasure uuid|null, uses Uses, first_used time|null, last_used time|null, exports integer|null, \
         usage_limits UsageLimits|null",
    ),
    ("KmipMessage", "tag string, value [any]"),
    ("Uses", "protect integer|null, process integer|null"),
    ("UsageLimits", "total integer, left integer, unit string"),
    ("Keys", "keys [Key], next string|null"),
    ("Aliases", "aliases [Alias], next string|null"),
    ("Alias", "alias string, key string, key_id uuid"),
    ("Objects", "objects [Key], next string|null"),
    ("ObjectData", "version integer, object_id uuid, data? base64, certificate? string"),
    (
        "Export",
        "version integer, object_id uuid, format string, wrapped? base64, wrapped_by? uuid, data? any",
    ),
    ("Jwk", "kty string, crv? string, n? string, e? string, x? string, y? string"),
    (
        "WrappingKey",
        "name string, algorithm string, version integer, object_id uuid, public_key string, \
         wrap_algorithms [string]",
    ),
    ("Wrapped", "version integer, object_id uuid, wrapped base64"),
    ("DataKey", "version integer, object_id uuid, ciphertext base64, plaintext? base64"),
    ("Batch", "answers [BatchAnswer]"),
    ("BatchAnswer", "result? object, problem? Problem"),
    ("Grant", "principal string, actions [string], expires? time, context? object"),
    ("Grants", "grants [Grant]"),
    ("Checked", "object_id uuid"),
    ("Lease", "object_id uuid, lease_seconds integer, last_change time"),
    ("Allocated", "object_id uuid, units integer"),
    ("Digest", "digest base64"),
    ("Ciphertext", "version integer, object_id uuid, ciphertext base64, iv? base64, tag? base64"),
    ("Plaintext", "version integer, object_id uuid, plaintext base64"),
    ("Signature", "version integer, object_id uuid, signature base64"),
    ("Mac", "version integer, object_id uuid, mac base64"),
    ("Verdict", "valid boolean, version integer, object_id uuid"),
    ("Random", "random base64"),
    ("Destruction", "destruction time|null, erasures [Erasure]"),
    (
        "Erasure",
        "id uuid, state string, pending [string], troubles [Trouble], certificate any, scope? string, asked? time, \
         by? string, objects? integer",
    ),
    ("Trouble", "place string, at time, what string"),
    ("Erasures", "erasures [Erasure], next string|null"),
    ("Erased", "erasures [uuid], keys integer, destroyed integer, waiting integer"),
    (
        "Backup",
        "target string, registered boolean, kind string, lsn integer, rows integer, bytes integer, \
         bytes_written integer",
    ),
    ("Pruned", "dry_run boolean, removed [string], bytes integer, kept_fulls [integer]"),
    ("Drills", "good boolean, drills [Drill]"),
    (
        "Drill",
        "target string, time time, lsn integer, replayed integer, generation integer, records integer, \
         opened integer, compared integer, differences [string]",
    ),
    ("Places", "places [Place]"),
    (
        "Place",
        "name string, kind string, cell boolean, generation integer|null, confirmed time|null, lost time|null, \
         attested object|null, pending? [string], pending_count? integer, trouble? Trouble|null, archive? Archive",
    ),
    (
        "Archive",
        "target string, cell boolean, shipped integer, lag_entries integer, lag_ms integer, breached boolean, \
         pieces integer, bytes integer, trouble string|null",
    ),
    ("Doctor", "fine boolean, grade string|null, findings [Finding]"),
    ("Finding", "level string, text string"),
    ("Journal", "entries [Entry], next integer|null"),
    (
        "Entry",
        "lsn integer, time time, principal string, principal_id uuid, protocol string, request uuid, \
         source string|null, action string, key uuid|null, object uuid|null, target string|null, \
         outcome string, detail string|null, changes integer",
    ),
    ("Works", "work [Work]"),
    ("Work", "kind string, doing string, done integer, total integer|null"),
    ("Notifications", "destinations [Destination]"),
    (
        "Destination",
        "name string, to string, severity string, realms [string], rules [string], last_sent time|null, lag_entries integer, \
         told integer, given_up integer, trouble string|null",
    ),
    ("NotificationTested", "name string, sent boolean, said string"),
    ("Sinks", "sinks [Sink]"),
    (
        "Sink",
        "name string, to string, format string, lag_entries integer, told integer, withheld integer, trouble string|null",
    ),
    ("Witnesses", "keys [string], witnesses [Witness]"),
    ("Witness", "name string, url string, size integer, trouble string|null"),
    (
        "AuditProof",
        "lsn? integer, index? integer, leaf? string, size integer, hashes [string], checkpoint string, keys string",
    ),
    ("JournalVerified", "valid boolean, lsn integer, head string"),
    (
        "Enrolled",
        "id uuid, name string, recorded_as? string, certificate string, ca string, expires time|null, roles? [string], \
         private_key? string, pkcs12? base64, token? string, approval_rule? string",
    ),
    ("Clients", "clients [Client], next string|null"),
    (
        "Client",
        "id uuid, name string, recorded_as string|null, roles [string], groups [string], created time, revoked time|null, \
         erased time|null, credentials [Credential]",
    ),
    (
        "Credential",
        "id string, kind string, serial string|null, subject object|null, created time, expires time|null, revoked time|null",
    ),
    (
        "TokenMade",
        "id string, client string, token string, expires time|null, scope TokenScope|null, approval_rule? string",
    ),
    ("Tokens", "tokens [Token], next string|null"),
    (
        "Token",
        "id string, client string, created time, expires time|null, revoked time|null, scope TokenScope|null",
    ),
    ("TokenScope", "actions? [string], keys? [ScopedKey]"),
    ("ScopedKey", "id uuid, name string"),
    (
        "CredentialOfClient",
        "client string, credential Credential, role_id? uuid, secret_id? string, totp_uri? string, approval_rule? string",
    ),
    ("LoggedIn", "client string, token string, id string, expires time|null, renewable_until time|null"),
    (
        "LoginToken",
        "client string, id string, expires time|null, renewable_until time|null, revoked time|null",
    ),
    (
        "WhoAmI",
        "name string, id uuid, realm string, roles [string], proven_by [Credential], scope TokenScope|null, expires time|null, \
         source string|null",
    ),
    ("ClientErased", "id uuid, recorded_as string, erased time|null, erasure uuid"),
    ("ClientRevoked", "id uuid, name string, revoked time|null"),
    ("ClientChanged", "id uuid, name string, roles [string], groups [string], approval_rule? string"),
    ("AccessRules", "revision integer, rules [AccessRule], roles string, schema string"),
    ("AccessRule", "name string, text string, revision integer, changed time, by string"),
    (
        "AccessApplied",
        "revision integer, added [string], changed [string], unchanged [string], warnings [string]",
    ),
    ("AccessRemoved", "revision integer, removed string"),
    ("Alerts", "alerts [Alert], suppressions [AlertSuppression]"),
    ("AlertSuppressions", "suppressions [AlertSuppression]"),
    (
        "AlertSuppression",
        "rule string, subject string|null, until time, reason string, since time, by string",
    ),
    (
        "Alert",
        "number integer, rule string, severity string, subject string, observed string, since time, first time, last time, \
         raised integer, entries [integer], suppressed boolean, acknowledged object|null",
    ),
    ("Policies", "revision integer, policies [PolicyInfo], attached [PolicyAttachment]"),
    (
        "PolicyInfo",
        "name string, shipped boolean, version integer|null, changed time|null, by string|null, description string|null",
    ),
    ("PolicyAttachment", "policy string, realm boolean, tag string|null, value string|null, key string|null"),
    ("Policy", "name string, version integer, versions [integer], text string"),
    ("PolicyApplied", "name string, version integer, changed boolean"),
    ("PolicyRemoved", "removed string"),
    ("PolicyAttached", "revision integer, policy string|null"),
    ("PolicyChecked", "said [PolicySaid], next_rotation time|null"),
    ("PolicySaid", "policy string, action string, outcome string, why string, until time|null"),
    ("PolicyPlan", "events [PolicyEvent], keys integer, complete boolean"),
    ("PolicyEvent", "time time, key string, version integer, action string, outcome string, why string"),
    ("AccessDecision", "allowed boolean, by string"),
    ("AccessHolders", "principals [AccessHolder], complete boolean"),
    (
        "AccessExplained",
        "lsn integer, time time, principal string, action string, key uuid|null, outcome string, detail string|null, \
         now AccessDecision|null",
    ),
    ("AccessSimulated", "differences [AccessDifference], complete boolean"),
    ("AccessDifference", "principal string, action string, key string|null, allowed boolean, by string"),
    ("AccessTested", "passed boolean, results [AccessTestResult]"),
    ("AccessTestResult", "allowed boolean, by string, passed boolean"),
    ("AccessHolder", "principal string, by string"),
    ("Approvals", "approvals [Approval]"),
    (
        "Approval",
        "id uuid, state string, action string, key uuid|null, terms [ApprovalTerm], request_sha256 string, asked_by string, \
         asked time, expires time, approved [ApprovalSaid], denied ApprovalSaid|null, missing integer",
    ),
    ("ApprovalTerm", "name string, value string"),
    ("ApprovalSaid", "principal string, time time"),
    ("ApprovalRules", "rules [ApprovalRule]"),
    (
        "ApprovalRule",
        "name string, actions [string], keys [string], needs integer, roles [string], groups [string], hours integer, \
         changed time, by string",
    ),
    ("RealmMade", "id uuid, name string, created time, deleted time|null, administrator Enrolled"),
    ("Realms", "realms [Realm]"),
    ("Realm", "id uuid, name string, created time, deleted time|null, empty? boolean"),
    ("RealmDeleted", "realm Realm, erasures [uuid], keys integer, destroyed integer, waiting integer"),
    ("Root", "version integer, unlocked_by [object], retired any, resealing boolean, resealed integer|null"),
    (
        "Status",
        "version string, ready boolean, uptime_seconds integer, lsn integer, principal string, roles [string], \
         disk_full boolean, acknowledged_by string, erasures_pending? integer, troubles? [Trouble], \
         archives? [Archive]",
    ),
    ("Reloaded", "changed [Change], needs_restart [Change], certificate string|null"),
    ("Change", "setting string, from any, to any"),
    ("Health", "status string"),
    ("OpenApi", "openapi string, info object, paths object, components object"),
];

/// All of them as JSON Schema.
pub(super) fn schemas() -> Map<String, Value> {
    ANSWERS.iter().map(|(name, fields)| ((*name).to_owned(), object(fields))).collect()
}

fn object(fields: &str) -> Value {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for field in fields.split(", ") {
        let (name, kind) = field.split_once(' ').unwrap_or((field, "any"));
        let is_required = !name.ends_with('?');
        let name = name.trim_end_matches('?');
        properties.insert(name.to_owned(), schema(kind));
        if is_required {
            required.push(name);
        }
    }
    json!({ "type": "object", "properties": properties, "required": required })
}

fn schema(kind: &str) -> Value {
    if let Some(kind) = kind.strip_suffix("|null") {
        return json!({ "anyOf": [schema(kind), { "type": "null" }] });
    }
    if let Some(kind) = kind.strip_prefix('[').and_then(|kind| kind.strip_suffix(']')) {
        return json!({ "type": "array", "items": schema(kind) });
    }
    match kind {
        "any" => json!({}),
        "string" | "integer" | "boolean" | "object" => json!({ "type": kind }),
        "time" => json!({ "type": "string", "format": "date-time" }),
        "uuid" => json!({ "type": "string", "format": "uuid" }),
        "base64" => json!({ "type": "string", "contentEncoding": "base64" }),
        answer => super::reference(answer),
    }
}
