//! What honest people plan that looks like harm to whoever does not know of it: migrations, imports and hand-overs of keys, a
//! second place for backups, other roles, a journey, a client that nobody told of a key's end. Not here: attacks.

use keyreeve_core::{
    ErrorKind,
    access::Action,
    model::{KeyId, ObjectId, State},
};
use uuid::Uuid;

use super::{
    calendar::{DAY, DAYS, HOUR, MINUTE, SECOND},
    draw::Draw,
    entry::Draft,
    lives::office_time,
    organisation::{Kind, REALMS, with_port},
    plan::{Plan, on},
};

/// Plans those that take keys out of use, which all others must know.
pub fn plan_ends(plan: &mut Plan) {
    let draw = &mut Draw::new(plan.seed, 7);
    (0..2).for_each(|_| not_told(plan, draw));
}

/// Plans the others.
pub fn plan(plan: &mut Plan) {
    let draw = &mut Draw::new(plan.seed, 6);
    (0..2).for_each(|_| migration(plan, draw));
    (0..3).for_each(|_| import(plan, draw));
    (0..2).for_each(|_| hand_over(plan, draw));
    (0..3).for_each(|_| cold_cache(plan, draw));
    (0..4).for_each(|_| journey(plan, draw));
    (0..3).for_each(|_| on_call(plan, draw));
    (0..2).for_each(|_| firmware(plan, draw));
    (0..3).for_each(|_| own_trial(plan, draw));
    second_target(plan, draw);
    rules_and_roles(plan, draw);
}

/// Keys of a service that stay in use for two weeks.
fn lasting(plan: &Plan, service: usize, at: i64) -> Vec<usize> {
    let used = plan.ring.used[service].iter().filter(|(_, since)| *since < at).map(|(key, _)| *key);
    used.filter(|key| plan.key(*key).is_wanted(at) && plan.key(*key).is_wanted(at + 14 * DAY)).collect()
}

/// A service with so many lasting keys.
fn service(plan: &Plan, draw: &mut Draw, keys: usize, at: i64) -> usize {
    let all: Vec<usize> = plan.organisation.of(Kind::Service).collect();
    let fits: Vec<usize> =
        all.iter().copied().filter(|service| lasting(plan, *service, at).len() >= keys).collect();
    *draw.pick(if fits.is_empty() { &all } else { &fits })
}

/// After a rotation all that lay under an old key is encrypted anew under a young one, in an evening or two.
fn migration(plan: &mut Plan, draw: &mut Draw) {
    let mut at = office_time(plan, draw, 6, DAYS - 10);
    let service = service(plan, draw, 3, at);
    let keys = lasting(plan, service, at);
    let Some(key) = keys.into_iter().find(|key| plan.key(*key).served(Action::Encrypt) == Action::Encrypt)
    else {
        return;
    };
    let operator = plan.someone(draw, Kind::Operator, plan.key(key).realm, at);
    let object = plan.ring.keys[key].add_version(at, draw);
    let mut rekey = plan.about(draw, operator, at, Action::Rekey, key).changes(4);
    rekey.entry.object = Some(object);
    plan.add(rekey);
    at += draw.between(2 * HOUR, 5 * HOUR);
    for _ in 0..draw.log_normal(500.0, 0.5).clamp(150.0, 1500.0) as usize {
        plan.add(plan.uses(draw, service, at, Action::Decrypt, key));
        plan.add(plan.uses(draw, service, at + 20, Action::Encrypt, key));
        at += (draw.exponential(9.0) * SECOND as f64) as i64 + 30;
    }
}

/// A customer brings a key of their own, for which a service of theirs is let in.
fn import(plan: &mut Plan, draw: &mut Draw) {
    let at = office_time(plan, draw, 2, DAYS - 3);
    let service = service(plan, draw, 1, at);
    let of = plan.member(service).realm;
    let operator = plan.someone(draw, Kind::Operator, of, at);
    let keys = lasting(plan, service, at);
    if draw.chance(0.4) && !keys.is_empty() {
        let object = plan.ring.keys[keys[0]].add_version(at, draw);
        let mut import = plan.about(draw, operator, at, Action::ImportVersion, keys[0]).changes(4);
        import.entry.object = Some(object);
        return plan.add(import);
    }
    let name = format!("customers/byok-{:04}", draw.below(10_000));
    let ids =
        (KeyId::from_parts(at as u64, &draw.ten_bytes()), ObjectId::from_parts(at as u64, &draw.ten_bytes()));
    let about = |mut draft: Draft, object| {
        (draft.entry.key, draft.entry.object) = (Some(ids.0), object);
        draft.target(name.clone())
    };
    let register = plan.asks(draw, operator, at, Action::Register);
    plan.add(about(register, Some(ids.1)).changes(5));
    let grant = plan.asks(draw, operator, at + 3 * MINUTE, Action::Grant);
    let to = format!("to {}", plan.member(service).name);
    plan.add(about(grant, None).detail(to).changes(1));
    let mut then = at + draw.between(5 * MINUTE, 30 * HOUR);
    for _ in 0..draw.log_normal(40.0, 0.7) as usize {
        let used = plan.asks(draw, service, then, Action::Encrypt);
        plan.add(about(used, Some(ids.1)));
        then += (draw.exponential(90.0) * MINUTE as f64) as i64 + 50;
    }
}

/// Keys that may leave go wrapped to a partner, asked for and approved.
fn hand_over(plan: &mut Plan, draw: &mut Draw) {
    let mut at = office_time(plan, draw, 2, DAYS - 3);
    let of = draw.below(REALMS.len());
    let operator = plan.someone(draw, Kind::Operator, of, at);
    let administrator = plan.someone(draw, Kind::Administrator, of, at);
    let fits: Vec<usize> = (0..plan.ring.keys.len())
        .filter(|key| {
            let key = plan.key(*key);
            key.realm == of && key.exportable && key.is_wanted(at + DAY) && key.made < at
        })
        .collect();
    for place in draw.sample(3, fits.len()) {
        let (key, approval) =
            (fits[place], Uuid::from_u128(u128::from(draw.bits()) << 64 | u128::from(draw.bits())));
        let asked = format!("asks for approval {approval} to get");
        plan.add(plan.about(draw, operator, at, Action::Propose, key).detail(asked).changes(1));
        let approved = at + draw.between(6 * MINUTE, 90 * MINUTE);
        let told = format!("{} asked to get", plan.member(operator).name);
        let approve = plan.about(draw, administrator, approved, Action::Approve, key).detail(told);
        plan.add(approve.target(approval.to_string()).changes(1));
        let by = plan.member(administrator).name.clone();
        let mut get = plan.uses(draw, operator, approved + 11 * MINUTE, Action::Get, key);
        (get.entry.detail, get.entry.changes) = (Some(format!("approved by {by} ({approval})")), 4);
        plan.add(get);
        at += draw.between(MINUTE, 4 * MINUTE);
    }
}

/// A service lost its cache, and opens all that it holds within minutes.
fn cold_cache(plan: &mut Plan, draw: &mut Draw) {
    let day = draw.between(1, DAYS as i64 - 1) as usize;
    let mut at = plan.calendar.at(day, draw.between(0, 24 * HOUR));
    let service = service(plan, draw, 2, at);
    let keys = lasting(plan, service, at);
    for number in 0..draw.log_normal(350.0, 0.6).clamp(80.0, 1200.0) as usize {
        let Some(key) = keys.get(number % keys.len().max(1)) else { return };
        plan.add(plan.uses(draw, service, at, Action::Decrypt, *key));
        at += draw.exponential(900.0) as i64 + 5;
    }
}

/// A key is taken out of use as planned; one client was not told, and goes on for hours until somebody does.
fn not_told(plan: &mut Plan, draw: &mut Draw) {
    let at = office_time(plan, draw, 2, DAYS - 3);
    let service = service(plan, draw, 4, at);
    let ends = |key: &usize| {
        let key = plan.key(*key);
        key.rotates.is_none() && key.versions.iter().all(|(since, _)| *since < at)
    };
    let Some(key) = lasting(plan, service, at).into_iter().rev().find(ends) else { return };
    let operator = plan.someone(draw, Kind::Operator, plan.key(key).realm, at);
    plan.add(plan.about(draw, operator, at, Action::Revoke, key).changes(1));
    plan.ring.keys[key].set(at, State::Deactivated);
    plan.ring.keys[key].ends = Some(at);
    let (mut then, until) = (at + draw.between(0, HOUR), at + draw.between(HOUR, 7 * HOUR));
    while then < until {
        plan.add(plan.uses(draw, service, then, Action::Encrypt, key));
        then += (draw.exponential(200.0) * SECOND as f64) as i64 + 400;
    }
}

/// Somebody works from a hotel for a few days.
fn journey(plan: &mut Plan, draw: &mut Draw) {
    let first = plan.calendar.work_day_from(draw.below(DAYS - 6));
    let begin = plan.calendar.begin(first);
    let kind = *draw.pick(&[Kind::Developer, Kind::Analyst, Kind::Operator, Kind::Auditor]);
    let realm = draw.below(REALMS.len());
    let person = plan.someone(draw, kind, realm, begin);
    let hotel = [203, 0, 113, 2 + draw.below(250) as u8];
    for day in first..(first + 3).min(DAYS - 1) {
        let mut at = plan.calendar.at(day, draw.between(6 * HOUR, 22 * HOUR));
        let (name, token) = (plan.member(person).name.clone(), format!("token {}", draw.digest()));
        let login = plan.member(person).asks(at, with_port(draw, hotel), Action::Login);
        plan.add(login.target(name).detail(token).changes(2));
        for _ in 0..1 + draw.below(8) {
            at += (draw.exponential(90.0) * SECOND as f64) as i64 + 900;
            let keys = lasting(plan, person, at);
            let source = with_port(draw, hotel);
            match keys.first() {
                Some(key) => plan.add(plan.uses_from(person, at, source, Action::Decrypt, *key)),
                None => plan.add(plan.member(person).asks(at, source, Action::ListKeys)),
            }
        }
    }
}

/// An operator is called at night or on a weekend: looks, disables nothing, restarts what hangs, grants what is missing.
fn on_call(plan: &mut Plan, draw: &mut Draw) {
    let day = draw.between(1, DAYS as i64 - 2) as usize;
    let mut at = plan.calendar.at(day, draw.between(22 * HOUR, 28 * HOUR));
    let service = service(plan, draw, 1, at);
    let of = plan.member(service).realm;
    let operator = plan.someone(draw, Kind::Operator, of, at);
    let (name, token) = (plan.member(operator).name.clone(), format!("token {}", draw.digest()));
    let login = plan.asks(draw, operator, at, Action::Login);
    plan.add(login.target(name).detail(token).changes(2));
    for key in lasting(plan, service, at).into_iter().take(12) {
        at += (draw.log_normal(20.0, 0.7) * SECOND as f64) as i64;
        plan.add(plan.about(draw, operator, at, Action::GetAttributes, key));
    }
    if let Some(key) = lasting(plan, service, at).first().copied() {
        let to = format!("to {}", plan.member(service).name);
        plan.add(plan.about(draw, operator, at + MINUTE, Action::Grant, key).detail(to).changes(1));
        for number in 0..20 {
            plan.add(plan.uses(draw, service, at + 2 * MINUTE + number * 1700, Action::Decrypt, key));
        }
    }
}

/// After an update an appliance asks for what no server offers, some dozens of times.
fn firmware(plan: &mut Plan, draw: &mut Draw) {
    let mut at = office_time(plan, draw, 3, DAYS - 3);
    let of = draw.below(3);
    let appliance = plan.someone(draw, Kind::Appliance, of, at);
    for _ in 0..20 + draw.below(60) {
        let query = plan.asks(draw, appliance, at, Action::Query);
        plan.add(query.failed(ErrorKind::Unsupported, "the query function 0x00000099 is not offered"));
        at += (draw.exponential(60.0) * SECOND as f64) as i64 + 200;
    }
}

/// An administrator tries something with a key that they made for it.
fn own_trial(plan: &mut Plan, draw: &mut Draw) {
    let mut at = office_time(plan, draw, 2, DAYS - 3);
    let of = draw.below(REALMS.len());
    let administrator = plan.someone(draw, Kind::Administrator, of, at);
    let ids =
        (KeyId::from_parts(at as u64, &draw.ten_bytes()), ObjectId::from_parts(at as u64, &draw.ten_bytes()));
    let name = format!("trial-{:04}", draw.below(10_000));
    let steps = [
        (Action::Create, 4),
        (Action::Encrypt, 0),
        (Action::Decrypt, 0),
        (Action::Encrypt, 0),
        (Action::Decrypt, 0),
        (Action::Revoke, 1),
    ];
    for (action, changes) in steps {
        let mut draft = plan.asks(draw, administrator, at, action).target(name.clone()).changes(changes);
        (draft.entry.key, draft.entry.object) = (Some(ids.0), Some(ids.1));
        plan.add(draft);
        at += (draw.log_normal(40.0, 0.8) * SECOND as f64) as i64 + 500;
    }
}

/// Backups go to a second place from some afternoon on.
fn second_target(plan: &mut Plan, draw: &mut Draw) {
    let at = office_time(plan, draw, 4, DAYS - 4);
    let administrator = plan.someone(draw, Kind::Administrator, 0, at);
    let begins = plan.asks(draw, administrator, at, Action::Backup).detail("begins");
    plan.add(begins);
    let to = "s3://kms-backup-south";
    let registered = Draft::system(at + 55, Action::RegisterTarget).changes(1);
    plan.add(registered.detail(format!("{to} is a place of this store")));
    let done = plan.asks(draw, administrator, at + 6 * MINUTE, Action::Backup);
    plan.add(done.detail(format!("full backup to {to}, up to entry ")).up_to_position());
}

/// Access rules are changed with an approval, people change teams, and the certificate is read anew.
fn rules_and_roles(plan: &mut Plan, draw: &mut Draw) {
    for number in 0..9 {
        let at = office_time(plan, draw, 1, DAYS - 3);
        let of = draw.below(REALMS.len());
        let administrator = plan.someone(draw, Kind::Administrator, of, at);
        match number % 3 {
            0 => {
                let changed = plan.asks(draw, administrator, at, Action::SetAccessRules);
                plan.add(changed.detail(format!("changed office-hours-{number}")).changes(2));
            }
            1 => {
                let person = plan.someone(draw, Kind::Developer, of, at);
                let changed = plan.asks(draw, administrator, at, Action::ChangePrincipal);
                let name = plan.member(person).name.clone();
                plan.add(changed.target(name).detail("roles user; groups team-b").changes(1));
            }
            _ => {
                let reload = plan.asks(draw, administrator, at, Action::Reload);
                plan.add(reload.detail("the certificate was replaced"));
            }
        }
    }
    // And a canary's owner looks whether it is still there.
    let at = office_time(plan, draw, 1, DAYS - 3);
    if let Some(canary) = plan.ring.keys.iter().find(|key| key.canary).cloned() {
        let look = plan.asks(draw, canary.owner, at, Action::GetAttributes);
        plan.add(on(look, &canary));
    }
}
