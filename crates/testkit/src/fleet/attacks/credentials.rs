//! Credentials that are guessed, stolen, or of somebody who is gone.

use keyreeve_core::access::Action;

use super::{Attack, Notice, scene::Scene};
use crate::fleet::{
    calendar::{DAY, HOUR, MINUTE, SECOND},
    entry::Draft,
    happenings::Span,
    organisation::Kind,
};

pub(super) const ATTACKS: [Attack; 7] = [
    Attack {
        name: "stolen-token",
        story: "A service's token is used from elsewhere: some dozens of decryptions over three hours, with its own keys, beside its own work.",
        from_rule: Some("a first-seen network or client"),
        source: "",
        notice: Notice::AfterEnd(12),
        days: 1,
        lay: stolen_token,
    },
    Attack {
        name: "password-spraying",
        story: "One address tries one password on sixty names in two hours. One of them has it, logs in, and lists keys.",
        from_rule: Some("failed authentications, spread over many"),
        source: "",
        notice: Notice::AfterBegin(6),
        days: 1,
        lay: password_spraying,
    },
    Attack {
        name: "slow-spraying",
        story: "For four days a wrong password every twenty minutes or so, each from another address and of another person. On the fifth one of them logs in from abroad.",
        from_rule: None,
        source: "the report on Midnight Blizzard (Microsoft, January 2024): few tries an account, from homes of strangers",
        notice: Notice::AfterEnd(24),
        days: 6,
        lay: slow_spraying,
    },
    Attack {
        name: "brute-force",
        story: "Three hundred passwords of one administrator in an hour, most of them too soon after others that failed.",
        from_rule: Some("failed authentications of one principal"),
        source: "",
        notice: Notice::AfterBegin(2),
        days: 1,
        lay: brute_force,
    },
    Attack {
        name: "dormant-account",
        story: "An account that nobody has used for weeks wakes up at night, from a network where it never was, lists all keys and opens a few.",
        from_rule: None,
        source: "Colonial Pipeline (2021): an account of the VPN that nobody used any more",
        notice: Notice::AfterEnd(12),
        days: 2,
        lay: dormant_account,
    },
    Attack {
        name: "leaver-token",
        story: "Somebody who left, and was revoked, tries the old token from home on three evenings, a few times each.",
        from_rule: None,
        source: "Block (2022) and others: people who come back to what they had",
        notice: Notice::AfterEnd(24),
        days: 1,
        lay: leaver_token,
    },
    Attack {
        name: "service-by-hand",
        story: "The credentials of a service are used by hand in the evening, from the office's VPN: lists, looks, one decryption, pauses of a person.",
        from_rule: None,
        source: "Uber (2022): credentials that stood in a script, used by who found them",
        notice: Notice::AfterEnd(24),
        days: 1,
        lay: service_by_hand,
    },
];

fn stolen_token(scene: &mut Scene<'_>) {
    let service = scene.victim_with(Kind::Service, 4);
    let mut at = scene.between(0, 10, 19);
    let keys = scene.keys_of(service, at, 12);
    for _ in 0..45 {
        let (source, key) = (scene.outside(), keys[scene.draw.zipf(keys.len())]);
        scene.uses(service, at, source, Action::Decrypt, key);
        at += (scene.draw.exponential(240.0) * SECOND as f64) as i64 + SECOND;
    }
}

fn people(scene: &Scene<'_>) -> Vec<usize> {
    let members = scene.plan.organisation.members.iter().enumerate();
    let at = scene.at(0, 0);
    members.filter(|(_, one)| one.kind.is_person() && one.is_there(at)).map(|(place, _)| place).collect()
}

fn password_spraying(scene: &mut Scene<'_>) {
    let victim = scene.victim(Kind::Analyst);
    let people = people(scene);
    let mut at = scene.between(0, 0, 20);
    for place in 0..60 {
        at += (scene.draw.exponential(110.0) * SECOND as f64) as i64 + SECOND;
        let source = scene.outside();
        match people.get(place * people.len() / 50) {
            Some(person) => {
                let name = scene.plan.member(*person).name.clone();
                scene.wrong_password(&name, at, source);
            }
            None => {
                let why = "a login by a password under a name that has none";
                scene.add(Draft::stranger(at, "rest", source, why));
            }
        }
    }
    let source = scene.outside();
    scene.logs_in(victim, at + 90 * SECOND, source);
    let source = scene.outside();
    let listed = scene.asks(victim, at + 100 * SECOND, source, Action::ListKeys);
    scene.add(listed);
}

fn slow_spraying(scene: &mut Scene<'_>) {
    let victim = scene.victim(Kind::Developer);
    let people = people(scene);
    let (mut at, until) = (scene.between(0, 5, 8), scene.at(4, 20 * HOUR));
    while at < until {
        let (source, person) = (scene.anywhere(), *scene.draw.pick(&people));
        let name = scene.plan.member(person).name.clone();
        scene.wrong_password(&name, at, source);
        at += 8 * MINUTE
            + (scene.draw.exponential(14.0) * MINUTE as f64) as i64
            + scene.draw.between(0, MINUTE);
    }
    let source = scene.anywhere();
    scene.logs_in(victim, at, source.clone());
    for key in scene.keys_of(victim, at, 5) {
        at += (scene.draw.exponential(40.0) * SECOND as f64) as i64 + SECOND;
        scene.uses(victim, at, source.clone(), Action::Decrypt, key);
    }
}

fn brute_force(scene: &mut Scene<'_>) {
    let victim = scene.victim(Kind::Administrator);
    let name = scene.plan.member(victim).name.clone();
    let mut at = scene.between(0, 1, 23);
    for number in 0..300 {
        let source = scene.outside();
        if number % 12 < 5 {
            scene.wrong_password(&name, at, source);
        } else {
            scene.add(Draft::stranger(at, "rest", source, "a login too soon after others that failed"));
        }
        at += scene.draw.between(8 * SECOND, 16 * SECOND);
    }
}

fn dormant_account(scene: &mut Scene<'_>) {
    let victim = scene.victim(Kind::Analyst);
    let mut at = scene.between(1, 1, 4);
    // Nobody has seen it since before the first day.
    let from = scene.plan.calendar.begin(0) - DAY;
    scene.plan.silent.push((Span { from, to: scene.plan.calendar.end() + DAY }, victim));
    let source = scene.inside();
    scene.logs_in(victim, at, source);
    for _ in 0..5 {
        at += (scene.draw.exponential(30.0) * SECOND as f64) as i64 + SECOND;
        let source = scene.inside();
        let listed = scene.asks(victim, at, source, Action::ListKeys);
        scene.add(listed);
    }
    for key in scene.keys_of(victim, at, 6) {
        for _ in 0..4 {
            at += (scene.draw.exponential(60.0) * SECOND as f64) as i64 + SECOND;
            let source = scene.inside();
            scene.uses(victim, at, source, Action::Decrypt, key);
        }
    }
}

fn leaver_token(scene: &mut Scene<'_>) {
    let members = scene.plan.organisation.members.iter().enumerate();
    let left = members.filter(|(_, one)| one.kind.is_person() && one.leaves.is_some());
    let (mut leavers, begin): (Vec<usize>, i64) =
        (left.map(|(place, _)| place).collect(), scene.plan.calendar.end() - 8 * DAY);
    leavers.retain(|place| scene.plan.member(*place).leaves.is_some_and(|leaves| leaves < begin));
    let leaver = *scene.draw.pick(&leavers);
    let name = scene.plan.member(leaver).name.clone();
    let left = scene.plan.member(leaver).leaves.unwrap_or(begin);
    for evening in 1..4 {
        let mut at = left + evening * DAY + scene.draw.between(2 * HOUR, 5 * HOUR);
        for _ in 0..2 + scene.draw.below(4) {
            let (source, why) = (scene.outside(), format!("a credential of {name} that was revoked"));
            scene.add(Draft::stranger(at, "rest", source, why));
            at += (scene.draw.exponential(90.0) * SECOND as f64) as i64 + 2 * SECOND;
        }
    }
}

fn service_by_hand(scene: &mut Scene<'_>) {
    let (service, at_desk) = (scene.victim_with(Kind::Service, 3), scene.victim(Kind::Developer));
    let mut at = scene.between(0, 19, 22);
    let source = scene.own(at_desk, at);
    for number in 0..14 {
        let keys = scene.keys_of(service, at, 9);
        let key = keys[number % keys.len()];
        let draft = match number % 3 {
            0 => scene.asks(service, at, source.clone(), Action::ListKeys),
            _ => scene.about(service, at, source.clone(), Action::GetAttributes, key),
        };
        scene.add(draft);
        at += (scene.draw.log_normal(45.0, 0.9) * SECOND as f64) as i64 + 3 * SECOND;
    }
    let key = scene.keys_of(service, at, 1)[0];
    scene.uses(service, at, source, Action::Decrypt, key);
}
