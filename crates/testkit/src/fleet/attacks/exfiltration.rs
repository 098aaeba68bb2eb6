//! Data and keys that leave.

use keyreeve_core::{ErrorKind, access::Action};

use super::{Attack, Notice, scene::Scene};
use crate::fleet::{
    calendar::{DAY, HOUR, MINUTE, SECOND},
    entry::Draft,
    organisation::Kind,
};

pub(super) const ATTACKS: [Attack; 7] = [
    Attack {
        name: "fast-archive",
        story: "With a service's credentials, from its own pods, 1,500 decryptions in twenty minutes at a time of day at which it does a few dozen.",
        from_rule: Some("the decrypt rate against the same hour of the week"),
        source: "",
        notice: Notice::AfterBegin(2),
        days: 1,
        lay: fast_archive,
    },
    Attack {
        name: "slow-archive",
        story: "An analyst's account opens one customer's key after the other, 300 in six days, day and night, none twice.",
        from_rule: Some("distinct keys a principal touches"),
        source: "",
        notice: Notice::AfterBegin(72),
        days: 7,
        lay: slow_archive,
    },
    Attack {
        name: "weekend-below-the-mean",
        story: "On a Saturday and Sunday on which offices are shut, a service's credentials decrypt as much as on an ordinary Monday, and never more in an hour.",
        from_rule: None,
        source: "plain malice: whoever knows what is usual stays below it",
        notice: Notice::AfterEnd(12),
        days: 3,
        lay: weekend,
    },
    Attack {
        name: "wrapped-exports",
        story: "An operator imports a wrapping key of their own, gets what may leave wrapped under it, and revokes the wrapping key an hour later.",
        from_rule: Some("export, wrap-out or backup download"),
        source: "",
        notice: Notice::AfterBegin(4),
        days: 1,
        lay: wrapped_exports,
    },
    Attack {
        name: "backup-at-night",
        story: "At three at night an administrator registers a target that nobody knows and makes a full backup there.",
        from_rule: Some("export, wrap-out or backup download"),
        source: "",
        notice: Notice::AfterBegin(2),
        days: 1,
        lay: backup_at_night,
    },
    Attack {
        name: "enumeration-then-use",
        story: "A developer's account lists all keys, reads the attributes of 250, is refused by sixty of them, and decrypts with the five that let it.",
        from_rule: Some("enumeration followed by use"),
        source: "",
        notice: Notice::AfterEnd(6),
        days: 1,
        lay: enumeration_then_use,
    },
    Attack {
        name: "canary",
        story: "A runner's credentials try the key with the most promising name, which is a canary.",
        from_rule: Some("canary keys touched"),
        source: "",
        notice: Notice::AfterBegin(1),
        days: 1,
        lay: canary,
    },
];

fn fast_archive(scene: &mut Scene<'_>) {
    let service = scene.victim_with(Kind::Service, 6);
    let mut at = scene.between(0, 0, 23);
    let keys = scene.keys_of(service, at, 40);
    for number in 0..1500 {
        let source = scene.own(service, at);
        scene.uses(service, at, source, Action::Decrypt, keys[number % keys.len()]);
        at += scene.draw.exponential(800.0) as i64;
    }
}

fn slow_archive(scene: &mut Scene<'_>) {
    let analyst = scene.victim_of_customers(Kind::Analyst);
    let of = scene.plan.member(analyst).realm;
    let mut at = scene.between(0, 0, 12);
    for key in scene.keys(at, 300, |plan, key| plan.key(key).realm == of) {
        let source = scene.own(analyst, at);
        scene.uses(analyst, at, source, Action::Decrypt, key);
        at += scene.draw.between(20 * MINUTE, 36 * MINUTE);
    }
}

fn weekend(scene: &mut Scene<'_>) {
    scene.on_day(|plan, day| plan.calendar.weekday(day) == 5);
    let offices = |plan: &crate::fleet::plan::Plan, member: usize| {
        let one = plan.member(member);
        one.realm != 1 && one.rhythm[3] < 20 && one.rate > 20.0
    };
    let services: Vec<usize> = scene.plan.organisation.of(Kind::Service).collect();
    let fits: Vec<usize> = services.into_iter().filter(|member| offices(scene.plan, *member)).collect();
    let service = *scene.draw.pick(&fits);
    let member = scene.plan.member(service);
    let (rate, rhythm) = (member.rate, member.rhythm);
    for day in 0..2 {
        for (hour, weight) in rhythm.into_iter().enumerate() {
            for _ in 0..scene.draw.poisson(rate * f64::from(weight) / 1100.0) {
                let at = scene.at(day, hour as i64 * HOUR) + scene.draw.between(0, HOUR);
                let keys = scene.keys_of(service, at, 30);
                let (source, key) = (scene.own(service, at), *scene.draw.pick(&keys));
                scene.uses(service, at, source, Action::Decrypt, key);
            }
        }
    }
}

fn wrapped_exports(scene: &mut Scene<'_>) {
    let operator = scene.victim(Kind::Operator);
    let at = scene.between(0, 16, 19);
    let of = scene.plan.member(operator).realm;
    let source = scene.own(operator, at);
    let wrapping = keyreeve_core::model::KeyId::from_parts(at as u64, &scene.draw.ten_bytes());
    let mut import = scene.asks(operator, at, source, Action::Register);
    import.entry.key = Some(wrapping);
    scene.add(import.target("migration-kek").changes(5));
    let exportable = scene.keys(at, 14, |plan, key| plan.key(key).realm == of && plan.key(key).exportable);
    let mut then = at + 3 * MINUTE;
    for key in exportable {
        let source = scene.own(operator, then);
        let mut get = scene.plan.uses_from(operator, then, source, Action::Get, key);
        get.entry.changes = 4;
        scene.add(get);
        then += (scene.draw.log_normal(20.0, 0.6) * SECOND as f64) as i64 + SECOND;
    }
    let source = scene.own(operator, at + HOUR);
    let mut revoke = scene.asks(operator, at + HOUR, source, Action::Revoke);
    revoke.entry.key = Some(wrapping);
    scene.add(revoke.target("migration-kek").changes(1));
}

fn backup_at_night(scene: &mut Scene<'_>) {
    let administrator = (scene.plan.organisation.of(Kind::Administrator).next()).unwrap_or_default();
    let at = scene.between(0, 2, 4);
    let source = scene.own(administrator, at);
    let to = "s3://kms-backup-mirror";
    let begins = scene.asks(administrator, at, source.clone(), Action::Backup).detail("begins");
    scene.add(begins);
    let registered = Draft::system(at + 40, Action::RegisterTarget).changes(1);
    scene.add(registered.detail(format!("{to} is a place of this store")));
    scene.add(Draft::system(at + 5 * MINUTE, Action::Initialize).target("backups").changes(1));
    let done = scene.asks(administrator, at + 5 * MINUTE + 30, source, Action::Backup);
    scene.add(done.detail(format!("full backup to {to}, up to entry ")).up_to_position());
}

fn enumeration_then_use(scene: &mut Scene<'_>) {
    let developer = scene.victim_of_customers(Kind::Developer);
    let (of, name) = (scene.plan.member(developer).realm, scene.plan.member(developer).name.clone());
    let mut at = scene.between(0, 8, 22);
    for _ in 0..6 {
        let source = scene.own(developer, at);
        let list = scene.asks(developer, at, source, Action::ListKeys);
        scene.add(list);
        at += scene.draw.between(800, 2500);
    }
    let keys = scene.keys(at, 315, |plan, key| plan.key(key).realm == of && plan.key(key).owner != developer);
    for (number, key) in keys.iter().enumerate() {
        at += scene.draw.log_normal(1200.0, 0.5) as i64;
        let source = scene.own(developer, at);
        if number < 250 {
            let look = scene.about(developer, at, source, Action::GetAttributes, *key);
            scene.add(look);
        } else if number % 13 == 4 {
            scene.uses(developer, at, source, Action::Decrypt, *key);
        } else {
            let refused = scene.about(developer, at, source, Action::Decrypt, *key);
            scene.add(refused.refused(ErrorKind::Denied, format!("{name} may not decrypt here")));
        }
    }
}

fn canary(scene: &mut Scene<'_>) {
    let runner = scene.victim(Kind::Runner);
    let of = scene.plan.member(runner).realm;
    let name = scene.plan.member(runner).name.clone();
    let mut at = scene.between(0, 0, 23);
    let key = (0..scene.plan.ring.keys.len())
        .find(|key| scene.plan.key(*key).canary && scene.plan.key(*key).realm == of)
        .unwrap_or_default();
    for _ in 0..3 {
        let source = scene.own(runner, at);
        let refused = scene.about(runner, at, source, Action::Decrypt, key);
        scene.add(
            refused.refused(ErrorKind::NotFound, format!("{name} may not decrypt here, nor know of it")),
        );
        at += (scene.draw.exponential(20.0) * SECOND as f64) as i64 + SECOND;
    }
    debug_assert!(at < scene.plan.calendar.end() + DAY);
}
