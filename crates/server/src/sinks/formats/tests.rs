//! What other tools get to read, for entries of every kind and for names that want to be more than names.

use keyreeve_core::ErrorKind;
use keyreeve_core::access::Action;
use keyreeve_core::model::{KeyId, Lsn, PrincipalId, RealmId, RequestId, Time};
use keyreeve_core::operations::journal::EntryShown;
use keyreeve_core::record::{EntryDraft, Outcome};
use serde_json::Value;
use uuid::Uuid;

use super::*;

const FORMATS: [SinkFormat; 4] = [SinkFormat::Json, SinkFormat::Ecs, SinkFormat::Ocsf, SinkFormat::Cef];

fn entry(action: Action, outcome: Outcome) -> EntryShown {
    let draft = EntryDraft {
        time: Time(1_767_225_600_123),
        realm: RealmId::DEFAULT,
        principal: PrincipalId(Uuid::from_u128(7)),
        principal_name: "alice".into(),
        protocol: "rest".into(),
        request: RequestId::from_parts(1, &[2; 10]),
        source: Some("192.0.2.1:4711".into()),
        action,
        key: Some(KeyId(Uuid::from_u128(8))),
        object: None,
        target: Some("payroll".into()),
        others: vec![KeyId(Uuid::from_u128(9))],
        canary: false,
        outcome,
        reason: None,
        detail: None,
        changes: Vec::new(),
        touched: Vec::new(),
        personal: None,
    };
    EntryShown { lsn: Lsn(42), draft, changes: 0 }
}

fn line(format: SinkFormat, entry: &EntryShown) -> String {
    let EntryShown { lsn, draft, changes } = entry;
    let copy = EntryShown { lsn: *lsn, draft: draft.clone(), changes: *changes };
    let mut text = Vec::new();
    write(format, &copy.into(), &mut text);
    String::from_utf8(text).unwrap()
}

fn parsed(format: SinkFormat, entry: &EntryShown) -> Value {
    serde_json::from_str(&line(format, entry)).unwrap()
}

#[test]
fn ecs_has_its_fields_where_tools_look_for_them() {
    let told = parsed(SinkFormat::Ecs, &entry(Action::Encrypt, Outcome::Success));
    assert_eq!(told["@timestamp"], "2026-01-01T00:00:00.123Z");
    assert_eq!(told["event"]["action"], "encrypt");
    assert_eq!(told["event"]["outcome"], "success");
    assert_eq!(told["event"]["category"][0], "database");
    assert_eq!(told["event"]["sequence"], 42);
    assert_eq!(told["user"]["name"], "alice");
    assert_eq!(told["source"]["ip"], "192.0.2.1");
    assert_eq!(told["source"]["port"], 4711);
    let told = parsed(SinkFormat::Ecs, &entry(Action::Authenticate, Outcome::Denied));
    assert_eq!(
        (&told["event"]["category"][0], &told["event"]["type"][0]),
        (&"authentication".into(), &"denied".into())
    );
    assert_eq!(told["event"]["outcome"], "failure");
}

#[test]
fn ocsf_has_its_classes_and_required_fields() {
    let told = parsed(SinkFormat::Ocsf, &entry(Action::Destroy, Outcome::Success));
    assert_eq!(
        (&told["class_uid"], &told["activity_id"], &told["type_uid"]),
        (&6003.into(), &4.into(), &600_304.into())
    );
    assert_eq!(told["category_uid"], 6);
    assert_eq!(told["time"], 1_767_225_600_123_i64);
    assert_eq!(told["api"]["operation"], "destroy");
    assert_eq!(told["resources"][0]["name"], "payroll");
    assert_eq!(told["resources"][1]["uid"], Uuid::from_u128(9).to_string());
    assert_eq!((&told["severity_id"], &told["status_id"]), (&1.into(), &1.into()));
    let told = parsed(SinkFormat::Ocsf, &entry(Action::Authenticate, Outcome::Denied));
    assert_eq!(
        (&told["class_uid"], &told["type_uid"], &told["category_uid"]),
        (&3002.into(), &300_201.into(), &3.into())
    );
    assert_eq!(told["user"]["name"], "alice");
    assert_eq!((&told["severity_id"], &told["status_id"]), (&3.into(), &2.into()));
}

#[test]
fn cef_has_its_header_and_escapes() {
    let mut denied = entry(Action::Decrypt, Outcome::Denied);
    denied.draft.detail = Some(r"a=b\c|d".into());
    denied.draft.reason = Some(ErrorKind::NotExtractable);
    let told = line(SinkFormat::Cef, &denied);
    let version = env!("CARGO_PKG_VERSION");
    assert!(
        told.starts_with(&format!("CEF:0|Keyreeve|Keyreeve|{version}|decrypt|decrypt|7|rt=1767225600123 ")),
        "{told}"
    );
    assert!(told.contains(" suser=alice src=192.0.2.1 spt=4711 "), "{told}");
    assert!(told.contains(&format!(" cs1={} cs1Label=key ", Uuid::from_u128(8))), "{told}");
    assert!(told.contains(" cs6=not_extractable cs6Label=code "), "{told}");
    assert!(told.ends_with(r" reason=a\=b\\c|d"), "{told}");
    denied.draft.source = Some("[2001:db8::1]:1".into());
    assert!(
        line(SinkFormat::Cef, &denied).contains(" c6a2=2001:db8::1 c6a2Label=Source IPv6 Address spt=1 ")
    );
}

#[test]
fn no_name_ends_a_line_or_begins_a_field() {
    let nasty = "x\r\nCEF:0|a|b act=allow\u{1b}[2J\u{0}\u{2028}\u{85}\"}";
    for action in Action::ALL {
        for outcome in [Outcome::Success, Outcome::Denied, Outcome::Failed] {
            let mut entry = entry(*action, outcome);
            for text in [&mut entry.draft.principal_name, &mut entry.draft.protocol] {
                *text = nasty.to_owned();
            }
            (entry.draft.target, entry.draft.detail) = (Some(nasty.to_owned()), Some(nasty.to_owned()));
            entry.draft.source = None;
            for format in FORMATS {
                let told = line(format, &entry);
                let breaks = |c: char| c == '\u{7f}' || c < ' ';
                assert!(!told.contains(breaks), "{format:?}: {told:?}");
                match format {
                    SinkFormat::Cef => assert_eq!(told.matches(" act=").count(), 1, "{told}"),
                    _ => assert!(parsed(format, &entry).is_object()),
                }
            }
        }
    }
}
