//! The place of one attack in a fleet: its days, its victims, and the addresses that it comes from. Not here: any attack.

use std::{collections::BTreeSet, sync::Arc};

use keyreeve_core::{access::Action, model::PrincipalId};
use uuid::Uuid;

use crate::fleet::{
    calendar::{DAY, DAYS, HOUR},
    draw::Draw,
    entry::Draft,
    happenings::Span,
    organisation::{Kind, Member, Net, OFFICES, with_port},
    plan::{Plan, on, uses},
};

/// The first day on which an attack may begin: by then rules have seen two weeks and a bit.
const FIRST_DAY: usize = 16;

/// Members and keys that an attack has had already, so that no two share a victim.
#[derive(Debug, Default)]
pub(in crate::fleet) struct Taken {
    members: BTreeSet<usize>,
    keys: BTreeSet<usize>,
}

/// Where an attack is laid.
pub struct Scene<'p> {
    /// What is settled; what an attack does to keys and members stays so.
    pub plan: &'p mut Plan,
    /// Its lots.
    pub draw: Draw,
    /// The day on which it begins.
    pub day: usize,
    /// From when to when what is missing, by its name, where that is the attack.
    pub missing: Option<(Span, Arc<str>)>,
    name: &'static str,
    outside: [u8; 4],
    taken: &'p mut Taken,
}

impl<'p> Scene<'p> {
    pub(super) fn new(plan: &'p mut Plan, name: &'static str, days: usize, taken: &'p mut Taken) -> Self {
        let purpose =
            name.bytes().fold(0x0a77_ac4e_u64, |hash, byte| hash.wrapping_mul(131) ^ u64::from(byte));
        let mut draw = Draw::new(plan.seed, purpose);
        let day = FIRST_DAY + draw.below(DAYS - 1 - FIRST_DAY - days);
        // Addresses of documentation (RFC 5737) stand for the rest of the world.
        let network = *draw.pick(&[[192, 0, 2], [198, 51, 100], [203, 0, 113]]);
        let outside = [network[0], network[1], network[2], 2 + draw.below(250) as u8];
        Scene { plan, draw, day, missing: None, name, outside, taken }
    }

    /// A local time, so many milliseconds after midnight of so many days after the first.
    pub fn at(&self, days: usize, after_midnight: i64) -> i64 {
        self.plan.calendar.at(self.day + days, after_midnight)
    }

    /// A local time between two hours of a day.
    pub fn between(&mut self, days: usize, from: i64, to: i64) -> i64 {
        let after_midnight = self.draw.between(from * HOUR, to * HOUR);
        self.at(days, after_midnight)
    }

    /// Moves the first day to the first one at or behind it, or else before it, for which this holds.
    pub fn on_day(&mut self, fits: impl Fn(&Plan, usize) -> bool) {
        let last = DAYS - 2;
        let found = (self.day..last).chain((FIRST_DAY..self.day).rev()).find(|day| fits(self.plan, *day));
        self.day = found.unwrap_or(self.day);
    }

    /// From the attacker's own machine, somewhere in the world.
    pub fn outside(&mut self) -> String {
        with_port(&mut self.draw, self.outside)
    }

    /// From any machine in the world.
    pub fn anywhere(&mut self) -> String {
        let network = *self.draw.pick(&[[192, 0, 2], [198, 51, 100], [203, 0, 113]]);
        let host = 2 + self.draw.below(250) as u8;
        with_port(&mut self.draw, [network[0], network[1], network[2], host])
    }

    /// From a machine of the organisation that was taken over.
    pub fn inside(&mut self) -> String {
        let host = self.outside[3];
        with_port(&mut self.draw, [10, 77, host % 8, host])
    }

    /// From where a member always comes from.
    pub fn own(&mut self, member: usize, at: i64) -> String {
        self.plan.source(&mut self.draw, member, at)
    }

    /// A member of a kind that no other attack has, who is there all along.
    pub fn victim(&mut self, kind: Kind) -> usize {
        self.victim_who(kind, |_, _| true)
    }

    /// As [`Scene::victim`], with so many keys at least.
    pub fn victim_with(&mut self, kind: Kind, keys: usize) -> usize {
        self.victim_who(kind, |plan, member| plan.ring.used[member].len() >= keys)
    }

    /// As [`Scene::victim`], of a realm other than the server's own: those have customers, and most of the keys.
    pub fn victim_of_customers(&mut self, kind: Kind) -> usize {
        self.victim_who(kind, |plan, member| plan.member(member).realm > 0)
    }

    /// As [`Scene::victim`], of the realm of another member, or of the first where that has none.
    pub fn colleague(&mut self, kind: Kind, of: usize) -> usize {
        let realm = self.plan.member(of).realm;
        let has = |realm| self.plan.organisation.of(kind).any(|place| self.plan.member(place).realm == realm);
        let realm = if has(realm) { realm } else { 0 };
        self.victim_who(kind, |plan, member| plan.member(member).realm == realm && member != of)
    }

    /// Where there are too few, one that another attack has.
    fn victim_who(&mut self, kind: Kind, fits: impl Fn(&Plan, usize) -> bool) -> usize {
        let (from, to) = (self.at(0, 0) - DAY, self.at(0, 0) + 8 * DAY);
        let there = |member: &usize| {
            let one = self.plan.member(*member);
            one.joins < from && one.leaves.is_none_or(|leaves| leaves > to) && fits(self.plan, *member)
        };
        let there: Vec<usize> = self.plan.organisation.of(kind).filter(there).collect();
        let free: Vec<usize> =
            there.iter().filter(|member| !self.taken.members.contains(member)).copied().collect();
        let chosen = *self.draw.pick(if free.is_empty() { &there } else { &free });
        self.taken.members.insert(chosen);
        chosen
    }

    /// Keys that a member uses at a time, so many at most and one at least: of its realm, where it has none itself.
    pub fn keys_of(&mut self, member: usize, at: i64, count: usize) -> Vec<usize> {
        let used = self.plan.ring.used[member].iter().map(|(key, _)| *key);
        let mut found: Vec<usize> =
            used.filter(|key| self.plan.key(*key).is_wanted(at)).take(count).collect();
        if found.is_empty() {
            let of = self.plan.member(member).realm;
            let near = |key: &usize| self.plan.key(*key).realm == of && self.plan.key(*key).is_wanted(at);
            found.extend((0..self.plan.ring.keys.len()).find(near));
        }
        self.taken.keys.extend(&found);
        found
    }

    /// Keys that fit and that no other attack has, so many at most.
    pub fn keys(&mut self, at: i64, count: usize, fits: impl Fn(&Plan, usize) -> bool) -> Vec<usize> {
        let free: Vec<usize> = (0..self.plan.ring.keys.len())
            .filter(|place| {
                let key = self.plan.key(*place);
                key.is_wanted(at + 10 * DAY) && !self.taken.keys.contains(place) && fits(self.plan, *place)
            })
            .collect();
        let chosen: Vec<usize> = self.draw.sample(count, free.len()).into_iter().map(|at| free[at]).collect();
        self.taken.keys.extend(&chosen);
        chosen
    }

    /// As [`Scene::keys`], for an attack that ends their lives: nothing else is planned for them.
    pub fn keys_to_end(&mut self, at: i64, count: usize, fits: impl Fn(&Plan, usize) -> bool) -> Vec<usize> {
        self.keys(at, count, |plan, place| {
            let key = plan.key(place);
            let is_left_alone = key.rotates.is_none() && key.ends.is_none() && key.states.is_empty();
            is_left_alone && key.versions.iter().all(|(since, _)| *since < at) && fits(plan, place)
        })
    }

    /// One key of these that a member uses, or else one of its realm, for an attack that comes after its end.
    pub fn key_to_end(&mut self, member: usize, at: i64) -> usize {
        let used: BTreeSet<usize> = self.plan.ring.used[member].iter().map(|(key, _)| *key).collect();
        let of = self.plan.member(member).realm;
        let mut found = self.keys_to_end(at, 1, |_, place| used.contains(&place));
        if found.is_empty() {
            found = self.keys_to_end(at, 1, |plan, place| plan.key(place).realm == of);
        }
        found[0]
    }

    /// Somebody who is nobody's colleague, made by the attacker.
    pub fn newcomer(&mut self, name: &str, realm: usize, at: i64) -> Member {
        let id = PrincipalId::from_parts(at as u64, &self.draw.ten_bytes());
        Member {
            name: name.into(),
            id,
            realm,
            kind: Kind::Service,
            net: Net::Scaled,
            joins: at,
            leaves: None,
            rate: 0.0,
            rhythm: OFFICES,
            protects: 0,
        }
    }

    /// An id, of an approval for example.
    pub fn id(&mut self) -> Uuid {
        Uuid::from_u128(u128::from(self.draw.bits()) << 64 | u128::from(self.draw.bits()))
    }

    /// Puts an entry of the attack into the journal.
    pub fn add(&mut self, draft: Draft) {
        self.plan.add(draft.by_attack(self.name));
    }

    /// Puts an entry into the journal that is nobody's attack, but follows from one.
    pub fn add_innocent(&mut self, draft: Draft) {
        self.plan.add(draft);
    }

    /// A member asks something without a key.
    pub fn asks(&mut self, member: usize, at: i64, source: String, action: Action) -> Draft {
        self.plan.member(member).asks(at, source, action)
    }

    /// A member asks something about a key.
    pub fn about(&mut self, member: usize, at: i64, source: String, action: Action, key: usize) -> Draft {
        on(self.plan.member(member).asks(at, source, action), self.plan.key(key))
    }

    /// A member, or whoever has their credentials, uses a key.
    pub fn uses(&mut self, member: usize, at: i64, source: String, action: Action, key: usize) {
        let draft = self.plan.uses_from(member, at, source, action, key);
        self.add(draft);
    }

    /// Somebody uses a key who is no member.
    pub fn uses_as(&mut self, one: &Member, at: i64, source: String, action: Action, key: usize) {
        let draft = uses(one, at, source, action, self.plan.key(key));
        self.add(draft);
    }

    /// Somebody logs in by a password.
    pub fn logs_in(&mut self, member: usize, at: i64, source: String) {
        let token = format!("token {}", self.draw.digest());
        let name = self.plan.member(member).name.clone();
        let draft = self.asks(member, at, source, Action::Login).target(name).detail(token).changes(2);
        self.add(draft);
    }

    /// A password that was not right.
    pub fn wrong_password(&mut self, name: &str, at: i64, source: String) {
        self.add(Draft::stranger(at, "rest", source, format!("a wrong password of {name}")));
    }
}
