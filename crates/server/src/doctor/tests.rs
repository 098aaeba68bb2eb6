//! What doctor says, set-up by set-up.

use keyreeve_core::model::{Attestation, Lsn};

use super::*;

/// A machine with so many targets that have cells, and so many shares to an epoch key.
fn facts(targets: usize, threshold: u8) -> Facts {
    let place = |name: String, kind| {
        let place = Place {
            domain: Some(name.clone()),
            name,
            kind,
            has_cell: true,
            share: 1,
            threshold,
            confirmed: 1,
            confirmed_at: Some(Time(0)),
            lost: None,
            attested: None,
            put: 1,
        };
        Arc::new(place)
    };
    let addresses: Vec<String> = (1..=targets).map(|number| format!("s3://bucket-{number}")).collect();
    let target = |address: &String| TargetStatus {
        address: address.clone(),
        has_cell: true,
        first: Lsn(1),
        shipped: Lsn(9),
        lag_entries: 0,
        lag_ms: 0,
        breached: false,
        pieces: (1, 100),
        trouble: None,
    };
    let machine = place("machine-1".into(), PlaceKind::Machine);
    let places = addresses.iter().map(|address| place(address.clone(), PlaceKind::Target));
    Facts {
        places: [machine].into_iter().chain(places).collect(),
        targets: addresses.iter().map(target).collect(),
        misplaced: Vec::new(),
        troubles: Vec::new(),
        index_damage: None,
        rollback: RollbackCheck::Passed,
        unlocks: vec![UnlockKind::KeyFile],
        retired: Vec::new(),
        acknowledge: Acknowledge::Local,
        is_full: false,
        reserve_bytes: 16 << 20,
        memory: Memory::Locked,
        administered: Vec::new(),
        last: Last { full: Some(Time(0)), drill: Some(Time(0)) },
        now: Time(1),
        grade: "proven",
    }
}

/// Whether it says this, and as a warning.
fn says(facts: &Facts, text: &str) -> Option<bool> {
    let findings = judge(facts).findings;
    findings.iter().find(|finding| finding.text.contains(text)).map(|finding| finding.is_warning)
}

#[test]
fn the_losses_that_are_survived_are_counted_by_shares() {
    for (targets, threshold, warning, text) in [
        (0, 1, true, "No backup target: losing this machine's disk loses every key"),
        (
            1,
            1,
            false,
            "Survives the loss of this machine (from s3://bucket-1) or of that target, not of both",
        ),
        (3, 1, false, "Survives the loss of this machine together with any 2 of its 3 targets"),
        (
            1,
            2,
            true,
            "Losing this machine loses every key: an epoch key takes 2 shares, and its targets have 1",
        ),
        (2, 2, false, "Survives the loss of any 1 of this machine and its 2 targets"),
        (4, 3, false, "Survives the loss of any 2 of this machine and its 4 targets"),
    ] {
        let found = says(&facts(targets, threshold), text);
        assert_eq!(found, Some(warning), "{targets} targets, {threshold} shares");
    }
}

#[test]
fn a_target_that_falls_with_the_machine_counts_for_nothing() {
    let mut here = facts(1, 1);
    let domain = here.places[0].domain.clone();
    here.places[1] = Arc::new(Place { domain, ..Place::clone(&here.places[1]) });
    assert_eq!(says(&here, "lies on the same file system as the data"), Some(true));
    assert_eq!(says(&here, "no target off it has a cell"), Some(true));
}

#[test]
fn what_cannot_be_detected_is_said() {
    let unchecked = Facts { rollback: RollbackCheck::Unchecked, ..facts(0, 1) };
    assert_eq!(says(&unchecked, "is not detected either, where no target is shared"), Some(true));
    assert_eq!(says(&facts(1, 1), "is not detected"), None);
}

#[test]
fn old_backups_and_drills_are_said() {
    let later = Facts { now: Time(31 * 86_400_000), ..facts(1, 1) };
    assert_eq!(says(&later, "No full backup in the last 30 days"), Some(true));
    assert_eq!(says(&later, "No recovery drill in the last 30 days"), Some(true));
    assert_eq!(says(&facts(1, 1), "in the last 30 days"), None);
}

#[test]
fn a_place_that_nobody_speaks_for_is_said_until_somebody_does() {
    let mut lost = facts(1, 1);
    lost.places[1] = Arc::new(Place { lost: Some(Time(1)), ..Place::clone(&lost.places[1]) });
    assert_eq!(says(&lost, "s3://bucket-1 is lost, and its epoch key not accounted for"), Some(true));
    let attested = Attestation { by: "ann".into(), statement: "shredded".into(), at: Time(2), generation: 1 };
    lost.places[1] = Arc::new(Place { attested: Some(attested), ..Place::clone(&lost.places[1]) });
    assert_eq!(says(&lost, "not accounted for"), None);
}

#[test]
fn a_breach_of_the_recovery_point_objective_is_a_warning() {
    let mut facts = facts(1, 1);
    assert_eq!(says(&facts, "is behind by 0 entries, 0 ms"), Some(false));
    let target = &mut facts.targets[0];
    (target.lag_entries, target.lag_ms, target.breached) = (3, 6_000, true);
    assert_eq!(says(&facts, "is behind by 3 entries, 6000 ms, more than its objective"), Some(true));
}

#[test]
fn it_warns_of_open_emergencies_and_before_nobody_can_approve() {
    let realm =
        |now, later, has_rules, open| Administered { realm: "shop".into(), now, later, has_rules, open };
    let with = |realm| Facts { administered: vec![realm], ..facts(1, 1) };
    assert_eq!(says(&with(realm(2, 2, true, Vec::new())), "the realm shop"), None);
    assert_eq!(says(&with(realm(1, 1, false, Vec::new())), "the realm shop"), None);
    assert_eq!(
        says(&with(realm(1, 1, true, Vec::new())), "2 are needed where rules want approvals"),
        Some(true)
    );
    assert_eq!(says(&with(realm(2, 1, true, Vec::new())), "end within 30 days"), Some(true));
    assert_eq!(says(&with(realm(0, 0, false, Vec::new())), "keyreeve recover administrator"), Some(true));
    let open = vec![("night".to_owned(), Time(0))];
    assert_eq!(
        says(&with(realm(1, 1, false, open)), "open until 1970-01-01T00:00:00.000Z: night"),
        Some(true)
    );
}
