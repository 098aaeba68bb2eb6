//! Five thousand keys: whose they are, who may use them, and in which state they are when. Not here: the entries that
//! their lives leave behind.

use std::sync::Arc;

use keyreeve_core::{
    access::Action,
    model::{KeyId, ObjectId, State},
};

use super::{
    calendar::{Calendar, DAY, DAYS, HOUR},
    draw::Draw,
    organisation::{Kind, Organisation, REALMS},
};

/// Keys that there are in all, those counted that are made in the ninety days.
pub const KEYS: usize = 5_000;

/// Of them, made as canaries: nobody has a reason to use them.
pub const CANARIES: usize = 8;

/// A key.
#[derive(Clone, Debug)]
pub struct Key {
    /// Identifier.
    pub id: KeyId,
    /// Name.
    pub name: Arc<str>,
    /// Place of its realm.
    pub realm: usize,
    /// Place of its owner.
    pub owner: usize,
    /// Made as a canary.
    pub canary: bool,
    /// May leave the server.
    pub exportable: bool,
    /// When it was made.
    pub made: i64,
    /// Since when there is which version, in order; the last one protects.
    pub versions: Vec<(i64, ObjectId)>,
    /// Since when it is in which state, in order; before the first one active.
    pub states: Vec<(i64, State)>,
    /// Days after which the server rotates it.
    pub rotates: Option<i64>,
    /// When it is taken out of use in good order: whoever uses it was told, and stops before.
    pub ends: Option<i64>,
}

impl Key {
    /// The version that protects at a time.
    pub fn object(&self, at: i64) -> ObjectId {
        let newest = self.versions.iter().rev().find(|(since, _)| *since <= at);
        newest.unwrap_or(&self.versions[0]).1
    }

    /// What this key can do of an action: one that signs or makes MACs does that instead of encrypting.
    pub fn served(&self, action: Action) -> Action {
        use Action::{DataKey, Decrypt, Encrypt, Mac, MacVerify, Sign, Verify};
        let (signs, macs) = (self.name.contains("/sign-"), self.name.contains("/mac-"));
        match action {
            Encrypt | DataKey | Sign | Mac if signs => Sign,
            Decrypt | Verify | MacVerify if signs => Verify,
            Encrypt | DataKey | Sign | Mac if macs => Mac,
            Decrypt | Verify | MacVerify if macs => MacVerify,
            Sign | Mac => Encrypt,
            Verify | MacVerify => Decrypt,
            other => other,
        }
    }

    /// Its state at a time; a disabled one is suspended.
    pub fn state(&self, at: i64) -> State {
        let newest = self.states.iter().rev().find(|(since, _)| *since <= at);
        newest.map_or(State::Active, |(_, state)| *state)
    }

    /// Lets it be in this state from then on.
    pub fn set(&mut self, at: i64, state: State) {
        let place = self.states.partition_point(|(since, _)| *since <= at);
        self.states.insert(place, (at, state));
    }

    /// Gives it another version.
    pub fn add_version(&mut self, at: i64, draw: &mut Draw) -> ObjectId {
        let object = ObjectId::from_parts(at as u64, &draw.ten_bytes());
        let place = self.versions.partition_point(|(since, _)| *since <= at);
        self.versions.insert(place, (at, object));
        object
    }

    /// Whether those who look after their keys still use it: not from shortly before its end.
    pub fn is_wanted(&self, at: i64) -> bool {
        self.made <= at && self.ends.is_none_or(|ends| at < ends - HOUR) && !self.canary
    }
}

/// All keys, and who may use which.
#[derive(Clone, Debug)]
pub struct Keyring {
    /// The keys; their places name them elsewhere.
    pub keys: Vec<Key>,
    /// Of each member the keys that it uses, the most used first, and since when.
    pub used: Vec<Vec<(usize, i64)>>,
}

impl Keyring {
    /// The keys of a seed.
    pub fn new(seed: u64, calendar: &Calendar, organisation: &Organisation) -> Self {
        let mut draw = Draw::new(seed, 2);
        let mut ring = Keyring { keys: Vec::new(), used: vec![Vec::new(); organisation.members.len()] };
        ring.canaries(&mut draw, calendar, organisation);
        for (owner, member) in organisation.members.iter().enumerate() {
            let count = match member.kind {
                Kind::Service => draw.log_normal(8.0, 1.2).clamp(1.0, 250.0) as usize,
                Kind::Batch => 4 + draw.below(16),
                Kind::Appliance => draw.log_normal(45.0, 0.5).clamp(10.0, 160.0) as usize,
                Kind::Developer => 1 + draw.below(7),
                Kind::Analyst | Kind::Operator => 1 + draw.below(3),
                Kind::Backup => 2,
                _ => 0,
            };
            for number in 0..count {
                let made = when(&mut draw, calendar, member.joins);
                ring.make(&mut draw, (owner, number), made, organisation);
            }
        }
        ring.tenants(&mut draw, calendar, organisation);
        ring.share(&mut draw, calendar, organisation);
        ring
    }

    /// Attractive names that nothing uses.
    fn canaries(&mut self, draw: &mut Draw, calendar: &Calendar, organisation: &Organisation) {
        const NAMES: [&str; CANARIES] = [
            "prod-master-key",
            "card-vault-root",
            "root-ca-backup",
            "payroll-export-2026",
            "ceo-mail",
            "swift-signing",
            "legacy-hsm-dump",
            "customer-archive-master",
        ];
        for (at, name) in NAMES.into_iter().enumerate() {
            let made = calendar.begin(0) - draw.between(60 * DAY, 300 * DAY);
            let owner =
                organisation
                    .some(draw, (Kind::Administrator, at % REALMS.len(), calendar.begin(1)), |_| true);
            let place = self.add(draw, owner, name.into(), made, organisation);
            (self.keys[place].canary, self.keys[place].rotates) = (true, None);
        }
    }

    /// The rest: keys of single customers, of three services that have one for each.
    fn tenants(&mut self, draw: &mut Draw, calendar: &Calendar, organisation: &Organisation) {
        let services: Vec<usize> = organisation.of(Kind::Service).skip(3).take(9).step_by(3).collect();
        let mut number = 1000;
        while self.keys.len() < KEYS {
            let owner = services[draw.zipf(services.len())];
            let made = when(draw, calendar, organisation.members[owner].joins);
            self.make(draw, (owner, number), made, organisation);
            number += 1;
        }
    }

    /// Some keys serve others than their owner, too.
    fn share(&mut self, draw: &mut Draw, calendar: &Calendar, organisation: &Organisation) {
        for (member, one) in organisation.members.iter().enumerate() {
            let wanted = match one.kind {
                Kind::Service | Kind::Batch => draw.below(5),
                Kind::Runner => 3,
                Kind::Analyst => 4,
                _ => 0,
            };
            let of_services = |key: &Key| {
                key.realm == one.realm && key.made < calendar.begin(0) && !key.canary && key.owner != member
            };
            let fits: Vec<usize> =
                (0..self.keys.len()).filter(|place| of_services(&self.keys[*place])).collect();
            for _ in 0..wanted.min(fits.len()) {
                let key = fits[draw.zipf(fits.len())];
                if self.used[member].iter().all(|(used, _)| *used != key) {
                    self.used[member].push((key, one.joins));
                }
            }
        }
    }

    fn make(&mut self, draw: &mut Draw, (owner, number): (usize, usize), made: i64, of: &Organisation) {
        let member = &of.members[owner];
        let what = match member.kind {
            Kind::Appliance => "volume",
            Kind::Batch | Kind::Backup => "archive",
            Kind::Service if number >= 1000 => "customer",
            Kind::Service => *draw.pick(&["data", "sign", "mac", "session", "files"]),
            _ => "test",
        };
        let name = format!("{}/{what}-{number:04}", member.name);
        self.add(draw, owner, name.into(), made, of);
    }

    fn add(&mut self, draw: &mut Draw, owner: usize, name: Arc<str>, made: i64, of: &Organisation) -> usize {
        let place = self.keys.len();
        let rotates = draw.chance(0.25).then(|| *draw.pick(&[30, 60, 90, 90, 90]));
        let mut key = Key {
            id: KeyId::from_parts(made as u64, &draw.ten_bytes()),
            name,
            realm: of.members[owner].realm,
            owner,
            canary: false,
            exportable: draw.chance(0.06),
            made,
            versions: Vec::new(),
            states: Vec::new(),
            rotates,
            ends: None,
        };
        key.add_version(made, draw);
        self.used[owner].push((place, made));
        self.keys.push(key);
        place
    }
}

/// When a key is made: most long ago, one in seven within the ninety days, in the owner's time.
fn when(draw: &mut Draw, calendar: &Calendar, joins: i64) -> i64 {
    let begin = calendar.begin(0);
    let in_days = draw.chance(0.15) || joins >= begin;
    let day = calendar.work_day_from(draw.below(DAYS - 4));
    let (minute, ago) = (draw.between(8 * HOUR, 18 * HOUR), draw.between(DAY, 700 * DAY));
    if in_days { calendar.at(day, minute).max(joins + HOUR) } else { (begin - ago).max(joins + HOUR) }
}
