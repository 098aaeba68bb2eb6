//! Requests of REST, configuration and names, written by hand.

use keyreeve_server::config::Config;

use crate::{Seeds, seed};

const JSON: &str = "application/json";
const BYTES: &str = "application/octet-stream";

/// Name, method and path, content type, body.
const REQUESTS: &[(&str, &str, &str, &str)] = &[
    (
        "create",
        "POST /v1/keys",
        JSON,
        r#"{"name":"new","algorithm":"aes-256","usage":["encrypt","decrypt"],"tags":{"a":"b"},"exportable":true,
"active":true,"destroy_waiting_days":7,"destroy_at_once":false,"usage_limits":{"total":9,"unit":"bytes"},
"lease_seconds":60,"reject_duplicates":true,"sensitive":true}"#,
    ),
    (
        "import",
        "POST /v1/keys",
        JSON,
        r#"{"name":"new","algorithm":"aes-128","material":{"format":"raw","data":"AAECAwQFBgcICQoLDA0ODw=="}}"#,
    ),
    (
        "import-jwk",
        "POST /v1/keys",
        JSON,
        r#"{"name":"new","material":{"format":"jwk","data":{"kty":"oct","k":"AAECAwQFBgcICQoLDA0ODw","alg":"A128GCM"}}}"#,
    ),
    ("list", "GET /v1/keys?tag=a%3Db&limit=3&state=active&algorithm=aes&name_prefix=a", "", ""),
    ("show", "GET /v1/keys/aes?as_of=20", "", ""),
    ("tag", "PATCH /v1/keys/aes", JSON, r#"{"tags":{"a":"b","c":null}}"#),
    ("disable", "POST /v1/keys/aes/disable", "", ""),
    ("rotate", "POST /v1/keys/aes/rotate", JSON, "{}"),
    ("activate", "POST /v1/keys/later/activate", JSON, "{}"),
    ("revoke", "POST /v1/keys/aes/revoke", JSON, r#"{"reason":"key-compromise","message":"lost"}"#),
    ("destroy", "POST /v1/keys/later/destroy", JSON, r#"{"now":true}"#),
    ("erase", "POST /v1/erasures", JSON, r#"{"tag":"a=b","confirm":"tag a=b","wait_period":true}"#),
    ("alias", "PUT /v1/aliases/other", JSON, r#"{"key":"aes"}"#),
    ("aliases", "GET /v1/aliases?key=aes&limit=1", "", ""),
    ("public", "GET /v1/keys/ec/public?version=1&format=jwk", "", ""),
    ("export", "POST /v1/keys/ec/export", JSON, r#"{"version":1,"format":"jwk"}"#),
    (
        "export-wrapped",
        "POST /v1/keys/aes/export",
        JSON,
        r#"{"wrap_with":"kek","wrap_algorithm":"aes-kwp","format":"raw"}"#,
    ),
    (
        "encrypt",
        "POST /v1/keys/aes/encrypt",
        JSON,
        r#"{"plaintext":"aGVsbG8=","version":1,"context":{"file":"a","owner":"b"}}"#,
    ),
    ("encrypt-bytes", "POST /v1/keys/aes/encrypt?context=%7B%22file%22%3A%22a%22%7D", BYTES, "hello"),
    ("sign", "POST /v1/keys/ec/sign", JSON, r#"{"data":"aGVsbG8=","input":"data","hash":"sha256"}"#),
    ("mac", "POST /v1/keys/mac/mac", JSON, r#"{"data":"aGVsbG8="}"#),
    (
        "wrap",
        "POST /v1/keys/kek/wrap",
        JSON,
        r#"{"plaintext":"AAECAwQFBgcICQoLDA0ODw==","algorithm":"aes-kw"}"#,
    ),
    ("datakey", "POST /v1/keys/aes/datakey", JSON, r#"{"bits":256,"context":{"a":"b"}}"#),
    (
        "derive",
        "POST /v1/keys/aes/derive",
        JSON,
        r#"{"name":"new","algorithm":"aes-256","method":"hkdf","hash":"sha256","salt":"AAEC","info":"AwQF"}"#,
    ),
    (
        "derive-counter",
        "POST /v1/keys/aes/derive",
        JSON,
        r#"{"name":"new","bytes":48,"method":"sp800-108-counter","prf":"hmac","info":"AwQF"}"#,
    ),
    (
        "batch",
        "POST /v1/batch",
        JSON,
        r#"{"requests":[{"op":"encrypt","key":"aes","plaintext":"aGVsbG8="},{"op":"mac","key":"mac","data":"aGk="},
{"op":"datakey","key":"aes","bits":128}]}"#,
    ),
    ("random", "POST /v1/random", JSON, r#"{"length":16}"#),
    ("object", "POST /v1/objects", JSON, r#"{"type":"opaque","name":"new","data":"AAEC","tags":{"a":"b"}}"#),
    ("objects", "GET /v1/objects?type=secret&limit=2", "", ""),
    ("data", "GET /v1/objects/note/data?version=1", "", ""),
    ("token", "POST /v1/tokens", JSON, r#"{"client":"somebody","days":30,"roles":["user","auditor"]}"#),
    (
        "client",
        "POST /v1/clients",
        JSON,
        r#"{"name":"new","roles":["user"],"token":true,"p12_password":"long enough","days":30}"#,
    ),
    ("client-renew", "POST /v1/clients/admin/renew", JSON, r#"{"days":30}"#),
    ("clients", "GET /v1/clients?limit=1", "", ""),
    ("root", "GET /v1/root", "", ""),
    (
        "root-unlock",
        "POST /v1/root/unlock",
        JSON,
        r#"{"old":{"key_file":"0707070707070707070707070707070707070707070707070707070707070707"},"new":{"key_file":
"0808080808080808080808080808080808080808080808080808080808080808"}}"#,
    ),
    ("wrapping-key", "GET /v1/wrapping-key", "", ""),
    ("places", "GET /v1/places", "", ""),
    ("journal-verify", "POST /v1/journal/verify", "", ""),
    ("reload", "POST /v1/reload", "", ""),
    ("tokens", "GET /v1/tokens?client=admin&limit=1", "", ""),
    ("grant", "PUT /v1/keys/aes/grants/admin", JSON, r#"{"actions":["encrypt","get"]}"#),
];

const CONFIGS: &[(&str, &str)] = &[
    ("small", "[listen]\nhttp = \"127.0.0.1:8443\"\n\n[limits]\nconnections_max = 100\n"),
    ("dotted", "listen.http = '[::1]:1'\ndestroy = { waiting_days = 30 }\nbackup.window = \"22-6\"\n"),
];

const ANCHOR: &str = r#"{"store":"0190e2a4-7b1c-7def-8123-456789abcdef","timeline":1,"generation":2,"lsn":3,
"hash":"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff","time":1700000000000}"#;

const NAMES: &[(&str, &str)] = &[
    ("time", "2026-01-31T12:00:00.123Z"),
    ("time-offset", "2026-01-31T12:00:00+01:30"),
    ("lsn", "12345"),
    ("id", "0190e2a4-7b1c-7def-8123-456789abcdef"),
    ("credential", "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"),
    ("token", "kr_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"),
    ("algorithm", "ec-p256"),
    ("state", "deactivated"),
    ("use", "encrypt"),
];

pub(crate) fn add(seeds: &mut Seeds) {
    for (name, head, kind, body) in REQUESTS {
        seed(seeds, "rest", *name, format!("{head}\n{kind}\n{body}"));
    }
    seed(seeds, "config", "defaults", toml::to_string(&Config::default()).unwrap());
    seed(
        seeds,
        "smtp_answers",
        "message",
        "220 a\r\n250-b\r\n250 c\r\n250 d\r\n550 e\r\n250 e\r\n354 f\r\n250 g\r\n221 h\r\n",
    );
    seed(seeds, "smtp_answers", "starttls", "220 a\r\n250-b\r\n250-SIZE 1\r\n250 STARTTLS\r\n220 c\r\n");
    for (name, text) in CONFIGS {
        seed(seeds, "config", *name, *text);
    }
    seed(seeds, "statement", "anchor", ANCHOR);
    for (name, text) in NAMES {
        seed(seeds, "names", *name, *text);
    }
}
