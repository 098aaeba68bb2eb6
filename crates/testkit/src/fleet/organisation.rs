//! Who there is: four realms, two hundred principals at any time, and the addresses that they come from. Not here: their
//! keys, and what they do all day.

use std::sync::Arc;

use keyreeve_core::{
    access::Action,
    model::{PrincipalId, RealmId},
};
use uuid::Uuid;

use super::{
    calendar::{Calendar, DAY, DAYS, HOUR, MINUTE},
    draw::Draw,
    entry::Draft,
};

/// Principals that there are at any time.
pub const PRINCIPALS: usize = 200;

/// Names of the realms; the first is the server's own.
pub const REALMS: [&str; 4] = ["default", "shop", "bank", "lab"];

/// What a principal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Kind {
    Service,
    Batch,
    Appliance,
    Runner,
    Developer,
    Analyst,
    Operator,
    Administrator,
    Auditor,
    /// What makes runners, as an administrator of its realm.
    Controller,
    /// What makes the backups.
    Backup,
    /// What asks for the status all day.
    Monitor,
}

impl Kind {
    /// Sits at a desk.
    pub fn is_person(self) -> bool {
        use Kind::{Administrator, Analyst, Auditor, Developer, Operator};
        matches!(self, Developer | Analyst | Operator | Administrator | Auditor)
    }
}

/// How the load of a service goes over the day: weights of its local hours, which add up to 1000 or so.
pub type Rhythm = [u16; 24];

/// Customers at home: evenings.
pub const EVENINGS: Rhythm =
    [18, 10, 6, 5, 5, 8, 18, 35, 48, 52, 54, 56, 60, 55, 50, 50, 54, 62, 74, 84, 82, 66, 42, 26];
/// Offices: mornings and afternoons, a dip at noon.
pub const OFFICES: Rhythm =
    [4, 3, 3, 3, 4, 8, 20, 55, 105, 118, 115, 95, 60, 85, 100, 92, 66, 32, 12, 6, 5, 4, 3, 2];
/// Machines: always about the same.
pub const ALWAYS: Rhythm =
    [42, 42, 41, 41, 41, 41, 41, 42, 42, 42, 42, 42, 42, 42, 42, 42, 42, 42, 42, 42, 42, 42, 42, 42];

/// Where a principal comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Net {
    /// Always this one: `10.30.0.0/16`.
    Fixed(u8, u8),
    /// So many pods in a network of 254, other ones after each deploy: `10.40.0.0/16`.
    Pods(u8, u8),
    /// Machines that come and go by the hour, in a large network: `10.48.0.0/20`.
    Scaled,
    /// A desk, by DHCP for a week or two, in an office, or the VPN: `10.20.0.0/16`, `10.99.0.0/16`.
    Desk(u8, u8),
}

/// A principal.
#[derive(Clone, Debug)]
pub struct Member {
    /// Name.
    pub name: Arc<str>,
    /// Identifier.
    pub id: PrincipalId,
    /// Place of its realm in [`REALMS`].
    pub realm: usize,
    /// What it is.
    pub kind: Kind,
    /// Where it comes from.
    pub net: Net,
    /// When it was made; before the first day for most.
    pub joins: i64,
    /// When it is revoked.
    pub leaves: Option<i64>,
    /// Uses on an ordinary day that are on record, of services; of others, how busy they are around 1.
    pub rate: f64,
    /// Hours of services.
    pub rhythm: Rhythm,
    /// Of its uses, how many out of 100 protect.
    pub protects: u8,
}

impl Member {
    /// Whether it may ask at a time.
    pub fn is_there(&self, at: i64) -> bool {
        self.joins <= at && self.leaves.is_none_or(|leaves| at < leaves)
    }

    /// The protocol that it speaks.
    pub fn protocol(&self) -> &'static str {
        if self.kind == Kind::Appliance { "kmip" } else { "rest" }
    }

    /// What it asks, without a key.
    pub fn asks(&self, at: i64, source: String, action: Action) -> Draft {
        let mut draft = Draft::system(at, action).realm(realm(self.realm));
        let entry = &mut draft.entry;
        (entry.principal, entry.principal_id) = (Arc::clone(&self.name), self.id);
        (entry.protocol, entry.source) = (self.protocol(), Some(source));
        draft
    }
}

/// The id of a realm.
pub fn realm(place: usize) -> RealmId {
    match place {
        0 => RealmId::DEFAULT,
        _ => RealmId(Uuid::from_u128(0x9d1c_45be_70a3_8e52_a4c1_0000_0000_0000 | place as u128)),
    }
}

/// An address with a port that a client of a TCP connection would have.
pub fn with_port(draw: &mut Draw, address: [u8; 4]) -> String {
    let [a, b, c, d] = address;
    format!("{a}.{b}.{c}.{d}:{}", 32_768 + draw.below(28_000))
}

/// Everybody who is there at some time.
#[derive(Clone, Debug)]
pub struct Organisation {
    /// All of them; their places name them elsewhere.
    pub members: Vec<Member>,
}

const SERVICES: [&str; 22] = [
    "checkout",
    "ledger",
    "mail",
    "profile",
    "tokens",
    "invoices",
    "search",
    "media",
    "events",
    "sessions",
    "pricing",
    "stock",
    "reports",
    "gateway",
    "claims",
    "cards",
    "transfers",
    "consent",
    "notify",
    "export",
    "records",
    "catalogue",
];
const JOBS: [&str; 8] =
    ["archive", "statements", "payroll", "etl", "reconcile", "billing-run", "replicate", "cleanup"];
const PEOPLE: [&str; 20] = [
    "anna", "ben", "carla", "david", "elif", "femi", "greta", "hugo", "ines", "jonas", "kaya", "lena",
    "marek", "nora", "omar", "petra", "quinn", "rosa", "sven", "tilda",
];
const SURNAMES: [&str; 9] =
    ["adler", "braun", "costa", "duval", "ekman", "fischer", "gomez", "haas", "ivanov"];

impl Organisation {
    /// The one of a seed.
    pub fn new(seed: u64, calendar: &Calendar) -> Self {
        let mut made =
            Maker { draw: Draw::new(seed, 1), members: Vec::new(), calendar: *calendar, people: 0 };
        // One of each that the server itself is run by, then kinds by number: two hundred in all.
        made.add("ops-controller", 0, Kind::Controller);
        made.add("ops-backup", 0, Kind::Backup);
        made.add("ops-monitor", 0, Kind::Monitor);
        (0..70).for_each(|at| made.service(at));
        (0..24).for_each(|at| made.batch(at));
        (0..20).for_each(|at| made.add(&format!("array-{:02}", at + 1), at % 3, Kind::Appliance));
        (0..25).for_each(|slot| made.runners(slot));
        let counts = [
            (Kind::Developer, 24),
            (Kind::Analyst, 9),
            (Kind::Operator, 15),
            (Kind::Administrator, 6),
            (Kind::Auditor, 4),
        ];
        for (kind, count) in counts {
            (0..count).for_each(|at| made.person(at, kind));
        }
        made.turn_over();
        Organisation { members: made.members }
    }

    /// Places of all of one kind.
    pub fn of(&self, kind: Kind) -> impl Iterator<Item = usize> + '_ {
        let members = self.members.iter().enumerate();
        members.filter(move |(_, member)| member.kind == kind).map(|(place, _)| place)
    }

    /// Somebody of a kind and realm, or else of the first realm, who is there at a time and of whom this holds.
    pub fn some(
        &self,
        draw: &mut Draw,
        (kind, realm, at): (Kind, usize, i64),
        holds: impl Fn(usize) -> bool,
    ) -> usize {
        let fits = |place: &usize, realm| {
            let member = &self.members[*place];
            member.realm == realm && member.is_there(at - DAY) && member.is_there(at + DAY) && holds(*place)
        };
        let mut found: Vec<usize> = self.of(kind).filter(|place| fits(place, realm)).collect();
        if found.is_empty() {
            found = self.of(kind).filter(|place| fits(place, 0)).collect();
        }
        match found.is_empty() {
            true => self.of(kind).next().expect("there is one of each kind"),
            false => *draw.pick(&found),
        }
    }

    /// The one of a kind of which there is one.
    pub fn only(&self, kind: Kind) -> usize {
        self.of(kind).next().expect("there is one of them")
    }
}

struct Maker {
    draw: Draw,
    members: Vec<Member>,
    calendar: Calendar,
    people: usize,
}

impl Maker {
    fn add(&mut self, name: &str, realm: usize, kind: Kind) {
        let draw = &mut self.draw;
        let age = draw.between(30 * DAY, 900 * DAY);
        let joins = self.calendar.begin(0) - age;
        let host = 2 + draw.below(250) as u8;
        let subnet = self.members.len() as u8;
        let net = match kind {
            Kind::Service => Net::Pods(subnet, 2 + draw.below(5) as u8),
            Kind::Batch => Net::Pods(subnet, 1 + draw.below(2) as u8),
            Kind::Runner => Net::Scaled,
            kind if kind.is_person() => Net::Desk(draw.below(12) as u8, host),
            _ => Net::Fixed(subnet, host),
        };
        let id = PrincipalId::from_parts(joins as u64, &draw.ten_bytes());
        let rhythm = if realm == 1 { EVENINGS } else { OFFICES };
        let (rate, protects) = (draw.log_normal(1.0, 0.5), *draw.pick(&[2, 20, 45, 60, 95]));
        let name = name.into();
        let member = Member { name, id, realm, kind, net, joins, leaves: None, rate, rhythm, protects };
        self.members.push(member);
    }

    fn last(&mut self) -> &mut Member {
        self.members.last_mut().expect("one was made just now")
    }

    fn service(&mut self, at: usize) {
        let realm = at % REALMS.len();
        let word = SERVICES[at / REALMS.len() % SERVICES.len()];
        self.add(
            &format!("{}-{word}", if realm == 0 { "core" } else { REALMS[realm] }),
            realm,
            Kind::Service,
        );
        let rate = self.draw.log_normal(38.0, 1.0).clamp(3.0, 600.0);
        let machine = self.draw.chance(0.25);
        let member = self.last();
        member.rate = rate;
        if machine {
            member.rhythm = ALWAYS;
        }
    }

    fn batch(&mut self, at: usize) {
        let realm = at % 3;
        let word = JOBS[at / 3 % JOBS.len()];
        self.add(&format!("job-{word}-{}", REALMS[realm]), realm, Kind::Batch);
        let rate = self.draw.log_normal(35.0, 0.9).clamp(4.0, 400.0);
        self.last().rate = rate;
    }

    /// Runner after runner in one place: each lives for a week or two.
    fn runners(&mut self, slot: usize) {
        let mut day = 0;
        let mut generation = 0;
        while day < DAYS {
            let next = day + 6 + self.draw.below(9);
            generation += 1;
            self.add(&format!("runner-{:02}-{generation}", slot + 1), 0, Kind::Runner);
            let morning = 5 * HOUR + slot as i64 * MINUTE;
            let (joins, leaves) = (self.calendar.at(day, morning), self.calendar.at(next.min(DAYS), morning));
            let member = self.last();
            if generation > 1 {
                member.joins = joins;
            }
            member.leaves = (next < DAYS).then_some(leaves);
            day = next;
        }
    }

    fn person(&mut self, at: usize, kind: Kind) {
        let number = self.people;
        self.people += 1;
        let surname = SURNAMES[(number / PEOPLE.len() + number) % SURNAMES.len()];
        let realm = match kind {
            // Three administrators run the server, one each realm.
            Kind::Administrator => at.saturating_sub(2),
            Kind::Auditor => at % 3,
            _ => at % REALMS.len(),
        };
        self.add(&format!("{}.{surname}", PEOPLE[number % PEOPLE.len()]), realm, kind);
    }

    /// Four people leave, and four come in their places.
    fn turn_over(&mut self) {
        let kinds = [Kind::Developer, Kind::Analyst, Kind::Operator, Kind::Developer];
        for (at, kind) in kinds.into_iter().enumerate() {
            let day = self.calendar.work_day_from(16 + at * 17 + self.draw.below(6));
            let stays = |member: &&mut Member| member.kind == kind && member.leaves.is_none();
            let evening = self.calendar.at(day, 17 * HOUR + 20 * MINUTE);
            let Some(leaver) = self.members.iter_mut().filter(stays).nth(at) else { continue };
            leaver.leaves = Some(evening);
            let realm = leaver.realm;
            let name = format!(
                "{}.{}",
                PEOPLE[(at * 7 + 3) % PEOPLE.len()],
                ["juhl", "kovac", "lind", "moreau"][at]
            );
            self.add(&name, realm, kind);
            self.last().joins = evening;
        }
    }
}
