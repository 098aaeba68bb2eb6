//! All that is settled before the first entry is written: who there is, their keys, what happens, and the entries that
//! somebody planned. Not here: what everybody does day by day, and the order of the journal.

use keyreeve_core::{
    ErrorKind,
    access::Action,
    model::{State, UseKind},
};

use super::{
    calendar::{Calendar, DAY, HOUR},
    draw::Draw,
    entry::Draft,
    happenings::{Happenings, Span},
    keys::{Key, Keyring},
    organisation::{Kind, Member, Net, Organisation, with_port},
};

/// What is settled.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The seed of it all.
    pub seed: u64,
    /// When.
    pub calendar: Calendar,
    /// Who.
    pub organisation: Organisation,
    /// With which keys.
    pub ring: Keyring,
    /// What happens.
    pub happenings: Happenings,
    /// Entries that are planned one by one, in the order of their time once the plan is complete.
    pub entries: Vec<Draft>,
    /// Who says nothing for a while; an attack makes it so.
    pub silent: Vec<(Span, usize)>,
    /// When the sink is told nothing; an attack makes it so.
    pub deaf: Vec<Span>,
}

impl Plan {
    /// One without any entries yet.
    pub fn new(seed: u64) -> Self {
        let calendar = Calendar::of_seed(seed);
        let organisation = Organisation::new(seed, &calendar);
        let ring = Keyring::new(seed, &calendar, &organisation);
        let happenings = Happenings::new(seed, &calendar, &organisation);
        let (entries, silent, deaf) = (Vec::new(), Vec::new(), Vec::new());
        Plan { seed, calendar, organisation, ring, happenings, entries, silent, deaf }
    }

    /// A member.
    pub fn member(&self, place: usize) -> &Member {
        &self.organisation.members[place]
    }

    /// A key.
    pub fn key(&self, place: usize) -> &Key {
        &self.ring.keys[place]
    }

    /// Where a member comes from at a time: one of its addresses, and a port.
    pub fn source(&self, draw: &mut Draw, member: usize, at: i64) -> String {
        let one = self.member(member);
        // Addresses are lots as well, but the same ones for as long as somebody has them.
        let lot =
            |purpose: i64| Draw::new(self.seed, (member as u64) << 32 | 0xadd0 ^ (purpose as u64) << 16);
        let address = match one.net {
            Net::Fixed(subnet, host) => [10, 30, subnet, host],
            Net::Pods(subnet, pods) => {
                let site = if self.happenings.is_elsewhere(one.realm, at) { 60 } else { 40 };
                let pod = draw.below(usize::from(pods)) as i64;
                let round = self.happenings.deployed(member, at) as i64;
                [10, site, subnet, 2 + lot(round * 64 + pod).below(250) as u8]
            }
            Net::Scaled => {
                let mut lot = lot(at / (6 * HOUR));
                [10, 48 + lot.below(2) as u8, lot.below(16) as u8, 2 + lot.below(250) as u8]
            }
            Net::Desk(floor, host) => {
                let day = at.div_euclid(DAY);
                let mut today = lot(day);
                if today.chance(0.3) {
                    [10, 99, today.below(4) as u8, 2 + today.below(250) as u8]
                } else {
                    [10, 20, floor, 2 + lot(day / 9 + i64::from(host)).below(250) as u8]
                }
            }
        };
        with_port(draw, address)
    }

    /// Somebody of a kind and realm, or else of the first realm, who is there at a time and not on leave.
    pub fn someone(&self, draw: &mut Draw, kind: Kind, realm: usize, at: i64) -> usize {
        let day = self.calendar.day(at);
        let here = |member| !self.happenings.is_on_leave(member, day);
        self.organisation.some(draw, (kind, realm, at), here)
    }

    /// A member asks something without a key, from where it is.
    pub fn asks(&self, draw: &mut Draw, member: usize, at: i64, action: Action) -> Draft {
        let source = self.source(draw, member, at);
        self.member(member).asks(at, source, action)
    }

    /// A member asks for something about a key that is not a use of it.
    pub fn about(&self, draw: &mut Draw, member: usize, at: i64, action: Action, key: usize) -> Draft {
        on(self.asks(draw, member, at, action), self.key(key))
    }

    /// A member uses a key, from where it is: how it ends follows from the state that the key is in.
    pub fn uses(&self, draw: &mut Draw, member: usize, at: i64, action: Action, key: usize) -> Draft {
        let source = self.source(draw, member, at);
        self.uses_from(member, at, source, action, key)
    }

    /// As [`Plan::uses`], from an address.
    pub fn uses_from(&self, member: usize, at: i64, source: String, action: Action, key: usize) -> Draft {
        uses(self.member(member), at, source, action, self.key(key))
    }

    /// Plans an entry.
    pub fn add(&mut self, draft: Draft) {
        self.entries.push(draft);
    }

    /// Whether a member says nothing at a time.
    pub fn is_silent(&self, member: usize, at: i64) -> bool {
        let mut all = self.silent.iter().chain(&self.happenings.paused);
        all.any(|(span, of)| *of == member && span.holds(at))
    }
}

/// An entry about a key.
pub fn on(mut draft: Draft, key: &Key) -> Draft {
    (draft.entry.key, draft.entry.canary) = (Some(key.id), key.canary);
    draft.target(std::sync::Arc::clone(&key.name))
}

/// Somebody uses a key, or tries to: it fails where the key is in no state for it, and where they were revoked.
pub fn uses(one: &Member, at: i64, source: String, action: Action, key: &Key) -> Draft {
    if one.leaves.is_some_and(|leaves| leaves <= at) {
        let why = format!("a credential of {} that was revoked", one.name);
        return Draft::stranger(at, one.protocol(), source, why);
    }
    let action = key.served(action);
    let mut draft = on(one.asks(at, source, action), key);
    let object = key.object(at);
    draft.entry.object = Some(object);
    let state = key.state(at);
    match state {
        State::Destroyed | State::DestroyedCompromised => {
            draft.failed(ErrorKind::Destroyed, format!("object {object} was destroyed"))
        }
        State::Suspended => {
            let why = "it is disabled; `keyreeve key enable NAME` takes it into use again";
            draft.failed(ErrorKind::WrongState, why)
        }
        State::Deactivated | State::Compromised if action.use_kind() == Some(UseKind::Protect) => {
            let word = if state == State::Deactivated { "deactivated" } else { "compromised" };
            let why = format!("object {object} is {word} and cannot protect new data");
            draft.failed(ErrorKind::WrongState, why)
        }
        _ => draft,
    }
}
