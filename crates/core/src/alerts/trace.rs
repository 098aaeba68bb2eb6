//! Traces as text, so that the tests of rules read well: a line `HH:MM WHO[@ADDRESS] ACTION OUTCOME [REASON] [canary] [kmip] [on-key]
//! [at TARGET] [*COUNT every SECONDSs]`.

use uuid::Uuid;

use super::{Observed, Rule};
use crate::{
    ErrorKind,
    access::Action,
    model::{KeyId, Lsn, PrincipalId, RealmId, Time},
    record::Outcome,
};

/// What a rule tells of a trace: severity and subject, each time that one of them is another than before.
pub(super) fn tells(mut rule: impl Rule, trace: &str) -> Vec<String> {
    let mut told: Vec<String> = Vec::new();
    for entry in entries(trace) {
        if let Some(found) = rule.observe(&entry) {
            assert_eq!(found.rule, rule.about().name);
            assert!(
                (1..=super::EVIDENCE_MAX).contains(&found.evidence.len())
                    && found.evidence.iter().all(|lsn| *lsn <= entry.lsn),
                "{found:?}"
            );
            let said = format!("{} {}", found.severity.word(), found.subject);
            if told.last() != Some(&said) {
                told.push(said);
            }
        }
    }
    told
}

fn entries(trace: &str) -> Vec<Observed> {
    let mut all = Vec::new();
    for line in trace.lines() {
        let mut words = line.split_whitespace();
        let mut next = || words.next().unwrap();
        let (at, who) = (next(), next());
        let (hours, minutes) = at.split_once(':').unwrap();
        let seconds = hours.parse::<i64>().unwrap() * 3600 + minutes.parse::<i64>().unwrap() * 60;
        let (name, source) =
            who.split_once('@').map_or((who, None), |(name, at)| (name, Some(at.to_owned())));
        let action = Action::from_word(next()).unwrap();
        let outcome = match next() {
            "ok" => Outcome::Success,
            "denied" => Outcome::Denied,
            _ => Outcome::Failed,
        };
        let rest: Vec<&str> = words.collect();
        let has = |word: &str| rest.contains(&word);
        let behind = |word: &str| rest.iter().position(|one| *one == word).map(|at| rest[at + 1]);
        let count =
            rest.iter().find_map(|word| word.strip_prefix('*')).map_or(1, |count| count.parse().unwrap());
        let every = behind("every").map_or(0, |every| every.trim_end_matches('s').parse::<i64>().unwrap());
        for number in 0..count {
            let system = name == "system";
            all.push(Observed {
                lsn: Lsn(all.len() as u64 + 1),
                time: Time::from_seconds(seconds + number * every),
                realm: RealmId::DEFAULT,
                principal: if system { PrincipalId::SYSTEM } else { PrincipalId(Uuid::from_u128(7)) },
                name: name.to_owned(),
                by_kmip: has("kmip"),
                source: source.clone(),
                action,
                key: has("on-key").then(|| KeyId(Uuid::from_u128(number as u128))),
                target: behind("at").map(str::to_owned),
                outcome,
                reason: rest.iter().find_map(|word| reason(word)),
                canary: has("canary"),
            });
        }
    }
    all
}

fn reason(word: &str) -> Option<ErrorKind> {
    Some(match word {
        "wrong_state" => ErrorKind::WrongState,
        "destroyed" => ErrorKind::Destroyed,
        "crypto_failed" => ErrorKind::CryptoFailed,
        "invalid" => ErrorKind::Invalid,
        "unsupported" => ErrorKind::Unsupported,
        "not_found" => ErrorKind::NotFound,
        "denied" => ErrorKind::Denied,
        "unauthenticated" => ErrorKind::Unauthenticated,
        _ => return None,
    })
}
