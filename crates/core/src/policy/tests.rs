//! What documents may say, and what is decided by them.

use super::{Decision, Deed, Facts, PROFILES, Place, Policies, decide, next_change, parse, profile};
use crate::model::{KeySpec, ObjectType, Time, UsageMask};

fn day(text: &str) -> Time {
    format!("{text}T00:00:00Z").parse().unwrap()
}

fn facts(kind: &str, since: &str) -> Facts {
    let spec = match kind {
        "3des" => KeySpec { algorithm: crate::model::Algorithm::TripleDes, length_bits: 168, curve: None },
        "rsa-1024" => KeySpec { algorithm: crate::model::Algorithm::Rsa, length_bits: 1024, curve: None },
        kind => KeySpec::from_name(kind).unwrap(),
    };
    let asymmetric = spec.algorithm.is_asymmetric();
    let object_type = if asymmetric { ObjectType::PrivateKey } else { ObjectType::SymmetricKey };
    let usage = if asymmetric { UsageMask::SIGN } else { UsageMask::ENCRYPT | UsageMask::DECRYPT };
    Facts { object_type, spec: Some(spec), usage, since: day(since), newer_versions: 0, by_owner: false }
}

/// `a`llowed, `w`arned or `r`efused: to make, protect and process.
fn said(policy: &str, kind: &str, since: &str, now: &str) -> String {
    let (document, facts) = (profile(policy).unwrap(), facts(kind, since));
    let word = |deed| match decide(&document, &facts, deed, day(now)) {
        Decision::Allowed => 'a',
        Decision::Warned(reasons) => {
            assert!(!reasons.is_empty());
            'w'
        }
        Decision::Refused(reason) => {
            assert_eq!(reason.policy, policy);
            assert!(!reason.rule.is_empty() && !reason.instead.is_empty());
            'r'
        }
    };
    [Deed::Make, Deed::Protect, Deed::Process].map(word).iter().collect()
}

#[test]
fn every_shipped_profile_can_be_read_and_has_its_name() {
    for (name, text) in PROFILES {
        assert_eq!(parse(text).unwrap_or_else(|error| panic!("{name}: {error}")).name, name);
        assert!(profile(name).is_some());
    }
}

#[test]
fn shipped_profiles_know_the_dates_of_the_standards() {
    for (policy, kind, now, wanted) in [
        ("default", "aes-256", "2027-01-01", "aaa"),
        ("default", "aes-256", "2040-01-01", "aaa"),
        ("default", "3des", "2023-12-31", "aaa"),
        ("default", "3des", "2024-01-01", "wrw"),
        ("default", "rsa-1024", "2027-01-01", "www"),
        ("default", "rsa-2048", "2029-12-31", "aaa"),
        ("default", "rsa-2048", "2030-01-01", "www"),
        ("default", "rsa-2048", "2030-12-31", "www"),
        ("default", "rsa-2048", "2031-01-01", "rrw"),
        ("default", "rsa-3072", "2031-01-01", "www"),
        ("default", "ec-p384", "2035-12-31", "www"),
        ("default", "ec-p384", "2036-01-01", "rrr"),
        ("default", "ml-dsa-65", "2036-01-01", "aaa"),
        ("cnsa2", "aes-128", "2027-01-01", "rrw"),
        ("cnsa2", "aes-256", "2040-01-01", "aaa"),
        ("cnsa2", "ml-dsa-87", "2040-01-01", "aaa"),
        ("cnsa2", "ml-dsa-65", "2027-01-01", "rrw"),
        ("cnsa2", "ec-p384", "2030-12-31", "www"),
        ("cnsa2", "ec-p384", "2031-01-01", "rrw"),
        ("cnsa2", "ec-p384", "2036-01-01", "rrr"),
        ("fips-algorithms", "chacha20-poly1305", "2027-01-01", "rrr"),
        ("fips-algorithms", "secp256k1", "2027-01-01", "rrr"),
        ("fips-algorithms", "ed25519", "2027-01-01", "aaa"),
        ("fips-algorithms", "rsa-1024", "2027-01-01", "rrw"),
        ("pci", "rsa-1024", "2027-01-01", "rrw"),
    ] {
        assert_eq!(said(policy, kind, now, now), wanted, "{policy} {kind} {now}");
    }
}

#[test]
fn originator_and_recipient_usage_end_apart_and_to_the_day() {
    for (policy, now, wanted) in [
        ("pci", "2027-12-31", "aaa"),
        ("pci", "2028-01-01", "ara"),
        ("pci", "2030-12-30", "ara"),
        ("pci", "2030-12-31", "arr"),
        ("default", "2028-01-01", "awa"),
        ("default", "2030-12-31", "aww"),
    ] {
        // 2028 is a leap year: five years of 365 days end a day earlier.
        assert_eq!(said(policy, "aes-256", "2026-01-01", now), wanted, "{policy} {now}");
    }
    assert_eq!(said("pci", "ec-p384", "2026-01-01", "2029-01-01"), "ara", "who signed is verified for good");
}

#[test]
fn what_changes_by_time_is_known_ahead() {
    let (document, facts) = (profile("default").unwrap(), facts("rsa-2048", "2027-01-01"));
    let (mut now, mut changes) = (day("2027-01-01"), Vec::new());
    while let Some(next) = next_change(&document, &facts, now) {
        changes.push(next.to_string()[..10].to_owned());
        now = next;
    }
    assert_eq!(changes, ["2029-12-31", "2030-01-01", "2031-01-01", "2036-01-01"]);
}

#[test]
fn versions_owners_and_exports_are_held_to_the_document() {
    let document =
        parse("name = 'strict'\nexport = 'wrapped'\nowner-uses-not = true\n[versions]\nkept = 2").unwrap();
    let base = facts("aes-256", "2026-01-01");
    let now = day("2026-02-01");
    let refused = |facts: &Facts, deed| match decide(&document, facts, deed, now) {
        Decision::Refused(reason) => Some(reason.rule),
        _ => None,
    };
    assert_eq!(refused(&base, Deed::Protect), None);
    assert_eq!(refused(&Facts { newer_versions: 1, ..base }, Deed::Process), None);
    assert_eq!(refused(&Facts { newer_versions: 2, ..base }, Deed::Process).as_deref(), Some("versions"));
    assert_eq!(refused(&Facts { by_owner: true, ..base }, Deed::Protect).as_deref(), Some("owner-uses-not"));
    assert_eq!(refused(&base, Deed::Export { plain: true }).as_deref(), Some("export"));
    assert_eq!(refused(&base, Deed::Export { plain: false }), None);
    let public = Facts { object_type: ObjectType::PublicKey, ..base };
    assert_eq!(refused(&public, Deed::Export { plain: true }), None, "a public key is no secret");
}

#[test]
fn what_means_nothing_is_refused() {
    for (text, why) in [
        ("", "name"),
        ("name = 'A'", "small letters"),
        ("name = 'a'\nnonsense = 1", "nonsense"),
        (
            "name = 'a'\n[[algorithms]]\nrule = 'r'\nkinds = ['rsa2048']\nthen = 'deny'\ninstead = ''",
            "rsa2048",
        ),
        (
            "name = 'a'\n[[algorithms]]\nrule = 'r'\nfrom = '2031-02-30'\nthen = 'deny'\ninstead = ''",
            "2031-02-30",
        ),
        ("name = 'a'\n[cryptoperiods]\nover = 'deny'\nsigning = { protect-days = 1 }", "signing"),
        (
            "name = 'a'\n[cryptoperiods]\nover = 'deny'\nsignature = { protect-days = 2, process-days = 1 }",
            "at least",
        ),
        ("name = 'a'\n[rotation]\nevery-days = 0", "every-days"),
        ("name = 'a'\n[versions]\nkept = 0", "kept"),
        ("{\"name\": \"a\", \"export\": \"sometimes\"}", "sometimes"),
    ] {
        let error = parse(text).expect_err(text).to_string();
        assert!(error.contains(why), "{text}: {error}");
    }
    assert_eq!(parse("{\"name\": \"a\"}").unwrap(), parse("name = 'a'").unwrap(), "JSON is as good");
}

#[test]
fn documents_keep_their_versions_and_stay_while_they_are_attached() {
    let mut policies = Policies::default();
    let now = day("2026-01-01");
    assert_eq!(policies.apply("name = 'a'", now, "ann").unwrap(), ("a".into(), 1, true));
    assert_eq!(policies.apply("name = 'a'", now, "ann").unwrap(), ("a".into(), 1, false));
    assert_eq!(policies.apply("name = 'a'\nexport = 'never'", now, "ann").unwrap(), ("a".into(), 2, true));
    assert!(policies.apply("name = 'default'", now, "ann").is_err(), "shipped ones stay");
    policies.attach("a", Place::Realm).unwrap();
    policies.attach("pci", Place::Tag("env".into(), "prod".into())).unwrap();
    assert!(policies.attach("nothing", Place::Realm).is_err());
    assert!(policies.remove("a").is_err());
    assert_eq!(policies.detach(&Place::Realm).unwrap(), "a");
    policies.remove("a").unwrap();
    assert_eq!(policies.revision, 6);
}
