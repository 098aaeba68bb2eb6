//! What floods leave on record: for each source and client one count in some seconds, in place of an entry for each request. Not
//! here: which requests are counted alone (core's `per_second`).

use std::fmt::Display;

use keyreeve_core::engine::Asking;
use keyreeve_core::model::{PrincipalId, Time};
use keyreeve_core::operations::server::CountFailures;
use keyreeve_core::per_second::Suppressed;
use keyreeve_core::record::{Record, RecordKey};

use super::Authenticator;

impl Authenticator {
    /// What was counted some seconds ago and is on record nowhere else; told once.
    pub fn floods(&self) -> Vec<CountFailures> {
        let second = self.engine.clock().now().seconds();
        self.told(self.failures.suppressed(second), self.engine.held_up())
    }

    /// All that was counted so far: for the last entries of a server that stops.
    pub fn all_floods(&self) -> Vec<CountFailures> {
        self.told(self.failures.take_all(), self.engine.all_held_up())
    }

    fn told<S: Display>(
        &self,
        failed: Vec<Suppressed<S>>,
        held_up: Vec<Suppressed<Asking>>,
    ) -> Vec<CountFailures> {
        let failed = failed.into_iter().map(|failed| {
            let of = failed.kind.as_ref().map(S::to_string);
            count(of, &failed, "failed authentications", "not on record one by one")
        });
        let held_up = held_up.into_iter().map(|held_up| {
            let of = held_up.kind.map(|who| self.name(who.principal));
            count(of, &held_up, "requests", "not looked at, since too many failed")
        });
        failed.chain(held_up).collect()
    }

    fn name(&self, id: PrincipalId) -> String {
        match self.engine.store().get(&RecordKey::Principal(id)).ok().flatten().as_deref() {
            Some(Record::Principal(principal)) => principal.name.clone(),
            _ => id.to_string(),
        }
    }
}

fn count<K>(of: Option<String>, counted: &Suppressed<K>, what: &str, why: &str) -> CountFailures {
    let time = |second: i64| Time(second.saturating_mul(1000));
    let whose = of.as_deref().unwrap_or("several");
    let Suppressed { count, first, last, .. } = *counted;
    let detail = format!("{count} {what} of {whose} from {} to {}: {why}", time(first), time(last));
    CountFailures { of, detail }
}
