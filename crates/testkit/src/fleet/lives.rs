//! What the lives of keys leave on record: creations, rotations, ends by the rules. Not here: uses, and what attackers do
//! to keys.

use keyreeve_core::{access::Action, model::State};
use uuid::Uuid;

use super::{
    calendar::{DAY, DAYS, HOUR, MINUTE, SECOND},
    draw::Draw,
    entry::Draft,
    organisation::{Kind, realm},
    plan::{Plan, on},
};

/// Days between a destruction and its end, as the rules of the organisation want.
const WAITING_DAYS: i64 = 7;

/// Plans the lives of all keys.
pub fn plan(plan: &mut Plan) {
    let draw = &mut Draw::new(plan.seed, 4);
    creations(plan, draw);
    ends(plan, draw);
    rotations(plan, draw);
    quarter(plan, draw);
    pauses(plan, draw);
    new_uses(plan, draw);
}

fn creations(plan: &mut Plan, draw: &mut Draw) {
    let begin = plan.calendar.begin(0);
    let mut made: Vec<usize> = (0..plan.ring.keys.len()).filter(|key| plan.key(*key).made >= begin).collect();
    made.sort_by_key(|key| plan.key(*key).made);
    for (number, place) in made.into_iter().enumerate() {
        let (at, owner) = (plan.key(place).made, plan.key(place).owner);
        let by_itself = matches!(plan.member(owner).kind, Kind::Service | Kind::Appliance | Kind::Developer);
        let operator = plan.someone(draw, Kind::Operator, plan.key(place).realm, at);
        let maker = if by_itself { owner } else { operator };
        let mut entry = plan.about(draw, maker, at, Action::Create, place).changes(4);
        entry.entry.object = Some(plan.key(place).object(at));
        plan.add(entry);
        if plan.member(owner).kind == Kind::Appliance {
            let then = at + draw.between(40, 240);
            plan.add(plan.about(draw, owner, then, Action::Activate, place).changes(1));
        }
        if !by_itself {
            let to = format!("to {}", plan.member(owner).name);
            plan.add(plan.about(draw, maker, at + 20 * SECOND, Action::Grant, place).detail(to).changes(1));
        }
        if number.is_multiple_of(256) {
            let leaf = 40 + number / 256;
            let grown = format!("leaf nodes {leaf} to {leaf}");
            plan.add(Draft::system(at + 5, Action::GrowTree).detail(grown).changes(6));
        }
    }
}

/// Revocations, and destructions with their waiting periods: single ones, and a project that is wound up at once.
fn ends(plan: &mut Plan, draw: &mut Draw) {
    let candidates: Vec<usize> = (0..plan.ring.keys.len())
        .filter(|place| {
            let key = plan.key(*place);
            key.made < plan.calendar.begin(0) && !key.canary && key.rotates.is_none()
        })
        .collect();
    let mut chosen = draw.sample(110, candidates.len()).into_iter().map(|at| candidates[at]);
    for place in chosen.by_ref().take(60) {
        let at = office_time(plan, draw, 1, DAYS - 2);
        let operator = plan.someone(draw, Kind::Operator, plan.key(place).realm, at);
        plan.add(plan.about(draw, operator, at, Action::Revoke, place).changes(1));
        end(plan, place, at, State::Deactivated);
    }
    for place in chosen.by_ref().take(26) {
        let at = office_time(plan, draw, 1, DAYS - 12);
        destroy(plan, draw, place, at);
    }
    let wound_up = office_time(plan, draw, 30, 70);
    for (number, place) in chosen.take(18).enumerate() {
        destroy(plan, draw, place, wound_up + number as i64 * 70 * SECOND);
    }
}

fn end(plan: &mut Plan, place: usize, at: i64, state: State) {
    let key = &mut plan.ring.keys[place];
    key.set(at, state);
    key.ends = Some(key.ends.map_or(at, |ends| ends.min(at)));
}

/// Somebody asks, somebody else approves, it is asked again, and after the waiting period the server does it.
fn destroy(plan: &mut Plan, draw: &mut Draw, place: usize, at: i64) {
    let of = plan.key(place).realm;
    let operator = plan.someone(draw, Kind::Operator, of, at);
    let administrator = plan.someone(draw, Kind::Administrator, of, at);
    let approval = Uuid::from_u128(u128::from(draw.bits()) << 64 | u128::from(draw.bits()));
    let asked = format!("asks for approval {approval} to destroy");
    plan.add(plan.about(draw, operator, at, Action::Propose, place).detail(asked).changes(1));
    let approved_at =
        at + (draw.log_normal(40.0, 0.8).clamp(2.0, 300.0) * MINUTE as f64) as i64 + draw.between(0, MINUTE);
    let told = format!("{} asked to destroy", plan.member(operator).name);
    let mut approve = plan.about(draw, administrator, approved_at, Action::Approve, place).detail(told);
    approve = approve.target(approval.to_string()).changes(1);
    plan.add(approve);
    let destroyed_at = approved_at + draw.between(MINUTE, 50 * MINUTE);
    let by = plan.member(administrator).name.clone();
    let told = format!("approved by {by} ({approval}); in {WAITING_DAYS} days, unless it is taken back");
    plan.add(plan.about(draw, operator, destroyed_at, Action::Destroy, place).detail(told).changes(1));
    end(plan, place, at, State::Active);
    if draw.chance(0.08) {
        let back = destroyed_at + draw.between(2 * HOUR, WAITING_DAYS * DAY - HOUR);
        plan.add(plan.about(draw, operator, back, Action::CancelDestroy, place).changes(1));
        return;
    }
    let over = destroyed_at + WAITING_DAYS * DAY + draw.between(0, 1500);
    plan.ring.keys[place].set(over, State::Destroyed);
    complete(plan, place, over, draw);
}

/// What the server writes once a waiting period is over.
pub fn complete(plan: &mut Plan, place: usize, over: i64, draw: &mut Draw) {
    let key = plan.key(place);
    let (of, name) = (realm(key.realm), key.name.clone());
    let generation = 2 + over.div_euclid(MINUTE) % 100_000;
    let certificate = Uuid::from_u128(u128::from(draw.bits()) << 64 | u128::from(draw.bits()));
    let moved = "1 objects moved by their dates, 0 could not be";
    plan.add(Draft::system(over, Action::ApplyDates).realm(of).detail(moved).changes(4));
    let steps = [
        (Action::PrepareEpoch, format!("generation {generation}, part 1"), 5),
        (Action::SwitchEpoch, format!("generation {generation} is in force, 1 erasures with it"), 3),
        (
            Action::EraseCell,
            format!("machine-1 holds the epoch key of generation {generation} and no other"),
            1,
        ),
        (
            Action::EraseCell,
            format!("s3://kms-backup holds the epoch key of generation {generation} and no other"),
            1,
        ),
        (Action::EraseCell, format!("nodes from before generation {generation} are dropped"), 5),
        (Action::CompleteErasure, format!("key {name} is erased: certificate {certificate}"), 2),
    ];
    for (number, (action, detail, changes)) in steps.into_iter().enumerate() {
        let at = over + 40 + number as i64 * 35;
        plan.add(Draft::system(at, action).detail(detail).changes(changes));
    }
}

/// The server's own, by each key's interval.
fn rotations(plan: &mut Plan, draw: &mut Draw) {
    let (begin, end) = (plan.calendar.begin(0), plan.calendar.end());
    for place in 0..plan.ring.keys.len() {
        let Some(days) = plan.key(place).rotates else { continue };
        let mut due = plan.key(place).made + days * DAY;
        while due < end {
            if due >= begin {
                let at = due + draw.between(0, 900);
                let old = plan.key(place).object(at);
                let detail = format!("{old} is over its Rotate Interval of {} s", days * 86_400);
                let object = plan.ring.keys[place].add_version(at, draw);
                let key = plan.key(place);
                let mut entry = on(Draft::system(at, Action::Rotate).realm(realm(key.realm)), key);
                (entry.entry.object, entry.entry.target) = (Some(object), None);
                plan.add(entry.detail(detail).changes(4));
            }
            due += days * DAY;
        }
    }
}

/// Around the end of a quarter each operator rotates by hand what has no interval: some dozens in an afternoon.
fn quarter(plan: &mut Plan, draw: &mut Draw) {
    let Some(last) = (0..DAYS).find(|day| plan.calendar.is_quarter_end(*day)) else { return };
    let operators: Vec<usize> = plan.organisation.of(Kind::Operator).collect();
    for operator in operators {
        let day = plan.calendar.work_day_from(last - 1 - draw.below(7));
        let mut at = plan.calendar.at(day, draw.between(9 * HOUR, 15 * HOUR));
        let of = plan.member(operator).realm;
        let fits: Vec<usize> = (0..plan.ring.keys.len())
            .filter(|place| {
                let key = plan.key(*place);
                key.realm == of && key.rotates.is_none() && key.is_wanted(at) && key.ends.is_none()
            })
            .collect();
        let count = 8 + draw.zipf(50);
        for place in draw.sample(count, fits.len()) {
            at += (draw.log_normal(25.0, 0.7).max(2.0) * SECOND as f64) as i64;
            let object = plan.ring.keys[fits[place]].add_version(at, draw);
            let mut entry = plan.about(draw, operator, at, Action::Rekey, fits[place]).changes(4);
            entry.entry.object = Some(object);
            plan.add(entry);
        }
    }
}

/// A new version of a service may use a key that it never touched before: it is let at it some time ahead.
fn new_uses(plan: &mut Plan, draw: &mut Draw) {
    for service in plan.organisation.of(Kind::Service).collect::<Vec<_>>() {
        let of = plan.member(service).realm;
        for begun in plan.happenings.deploys[service].clone() {
            let key = draw.below(plan.ring.keys.len());
            let fits = plan.key(key).realm == of && plan.key(key).is_wanted(begun - 2 * DAY);
            let known = plan.ring.used[service].iter().any(|(used, _)| *used == key);
            if !draw.chance(0.3) || !fits || known {
                continue;
            }
            let at = begun - draw.between(20 * MINUTE, 28 * HOUR);
            let operator = plan.someone(draw, Kind::Operator, of, at);
            let told = format!("to {}", plan.member(service).name);
            plan.add(plan.about(draw, operator, at, Action::Grant, key).detail(told).changes(1));
            plan.ring.used[service].push((key, begun));
        }
    }
}

/// A few keys are disabled for an hour or two, to see who notices, and enabled again.
fn pauses(plan: &mut Plan, draw: &mut Draw) {
    for _ in 0..9 {
        let at = office_time(plan, draw, 2, DAYS - 3);
        let place = draw.below(plan.ring.keys.len());
        if !plan.key(place).is_wanted(at) || plan.key(place).ends.is_some() {
            continue;
        }
        let operator = plan.someone(draw, Kind::Operator, plan.key(place).realm, at);
        let back = at + draw.between(20 * MINUTE, 3 * HOUR);
        plan.add(plan.about(draw, operator, at, Action::Disable, place).changes(2));
        plan.add(plan.about(draw, operator, back, Action::Enable, place).changes(2));
        plan.ring.keys[place].set(at, State::Suspended);
        plan.ring.keys[place].set(back, State::Active);
    }
}

/// A time of a work day between two days.
pub fn office_time(plan: &Plan, draw: &mut Draw, from: usize, to: usize) -> i64 {
    let day = plan.calendar.work_day_from(draw.between(from as i64, to as i64) as usize);
    plan.calendar.at(day, draw.between(9 * HOUR, 16 * HOUR))
}
