//! What happens to many at once, or out of turn: deploys, failovers, load tests, restarts, a client that is wrongly
//! configured. Not here: the entries that come of it.

use super::{
    calendar::{Calendar, DAYS, HOUR, MINUTE, SECOND},
    draw::Draw,
    organisation::{Kind, Organisation, REALMS},
};

/// From when to when, the end not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Span {
    pub from: i64,
    pub to: i64,
}

impl Span {
    /// Whether a time lies in it.
    pub fn holds(&self, at: i64) -> bool {
        self.from <= at && at < self.to
    }
}

/// What is wrong with a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// It asks for a key that nobody has granted it, until somebody does.
    Grant,
    /// It shows a certificate that has expired, until it gets another.
    Certificate,
}

/// All that happens, in the order of its time.
#[derive(Clone, Debug)]
pub struct Happenings {
    /// Of each member, when a new version of it begins, on other pods.
    pub deploys: Vec<Vec<i64>>,
    /// When all of a realm runs at the other site.
    pub failovers: Vec<(Span, usize)>,
    /// When a service is tried with twenty times its load.
    pub load_tests: Vec<(Span, usize)>,
    /// From when to when the server is not there.
    pub restarts: Vec<Span>,
    /// The same, where an attacker stopped it.
    pub stopped: Vec<Span>,
    /// When the server's clock is moved, and by how many milliseconds.
    pub steps: Vec<(i64, i64)>,
    /// When a client tries again and again what is refused.
    pub wrong: Vec<(Span, usize, Wrong)>,
    /// The Monday from which an auditor looks at everything for a week.
    pub audit_day: usize,
    /// When an appliance is switched off for work on it, or a job misses its night.
    pub paused: Vec<(Span, usize)>,
    /// When the collector behind the sink is not there, and is told later.
    pub hiccups: Vec<Span>,
    /// Who is on leave on which days.
    pub leave: Vec<(usize, usize, usize)>,
}

impl Happenings {
    /// Those of a seed.
    pub fn new(seed: u64, calendar: &Calendar, organisation: &Organisation) -> Self {
        let draw = &mut Draw::new(seed, 3);
        let services: Vec<usize> = organisation.of(Kind::Service).collect();
        let mut all = Happenings {
            deploys: deploys(draw, calendar, organisation),
            failovers: Vec::new(),
            load_tests: Vec::new(),
            restarts: restarts(draw, calendar),
            stopped: Vec::new(),
            steps: Vec::new(),
            wrong: Vec::new(),
            audit_day: 7 * (3 + draw.below(8)),
            paused: Vec::new(),
            hiccups: Vec::new(),
            leave: leave(draw, organisation),
        };
        all.pause(draw, calendar, organisation);
        for number in 0..3 {
            let from = calendar.at(10 + number * 28 + draw.below(20), draw.between(0, 23 * HOUR));
            let to = from + draw.log_normal(2.5, 0.6).clamp(0.3, 9.0) as i64 * HOUR + 25 * MINUTE;
            all.failovers.push((Span { from, to }, draw.below(REALMS.len())));
        }
        for number in 0..4 {
            let day = calendar.work_day_from(5 + number * 20 + draw.below(15));
            let from = calendar.at(day, draw.between(9 * HOUR, 16 * HOUR));
            let to = from + draw.between(40 * MINUTE, 100 * MINUTE);
            all.load_tests.push((Span { from, to }, *draw.pick(&services)));
        }
        for number in 0..4 {
            let at = calendar.at(8 + number * 20 + draw.below(18), draw.between(0, 24 * HOUR));
            all.steps.push((at, if draw.chance(0.6) { -1000 } else { 1000 }));
        }
        for number in 0..5 {
            let day = calendar.work_day_from(6 + number * 16 + draw.below(14));
            let from = calendar.at(day, draw.between(9 * HOUR, 22 * HOUR));
            let to = from + draw.log_normal(2.4, 0.7).clamp(0.4, 12.0) as i64 * HOUR + 20 * MINUTE;
            let wrong = if number % 2 == 0 { Wrong::Grant } else { Wrong::Certificate };
            all.wrong.push((Span { from, to }, *draw.pick(&services), wrong));
        }
        all
    }

    /// Appliances for an hour or a working day, jobs for a night, the collector for an hour.
    fn pause(&mut self, draw: &mut Draw, calendar: &Calendar, organisation: &Organisation) {
        let appliances: Vec<usize> = organisation.of(Kind::Appliance).collect();
        let jobs: Vec<usize> = organisation.of(Kind::Batch).collect();
        for number in 0..8 {
            let from = calendar.at(2 + number * 11 + draw.below(9), draw.between(0, 22 * HOUR));
            let minutes = draw.log_normal(150.0, 0.7).clamp(20.0, 600.0) as i64;
            self.paused.push((Span { from, to: from + minutes * MINUTE }, *draw.pick(&appliances)));
        }
        for _ in 0..5 {
            let from = calendar.begin(1 + draw.below(DAYS - 2));
            self.paused.push((Span { from, to: from + 12 * HOUR }, *draw.pick(&jobs)));
        }
        for number in 0..4 {
            let from = calendar.at(3 + number * 21 + draw.below(18), draw.between(0, 24 * HOUR));
            let minutes = draw.log_normal(35.0, 0.6).clamp(12.0, 150.0) as i64;
            self.hiccups.push(Span { from, to: from + minutes * MINUTE });
        }
    }

    /// How often a service was deployed before a time.
    pub fn deployed(&self, member: usize, at: i64) -> u64 {
        self.deploys[member].partition_point(|when| *when <= at) as u64
    }

    /// Whether a realm runs at the other site.
    pub fn is_elsewhere(&self, realm: usize, at: i64) -> bool {
        self.failovers.iter().any(|(span, of)| *of == realm && span.holds(at))
    }

    /// How much more than usual a service does.
    pub fn load(&self, member: usize, realm: usize, at: i64) -> f64 {
        let tested = self.load_tests.iter().any(|(span, of)| *of == member && span.holds(at));
        let doubled = self.failovers.iter().any(|(span, of)| {
            // Queues are worked off in the first half hour, on either side of it.
            let after = |edge| Span { from: edge, to: edge + 30 * MINUTE }.holds(at);
            *of == realm && (after(span.from) || after(span.to))
        });
        if tested { 20.0 } else { 1.0 + f64::from(u8::from(doubled)) }
    }

    /// Whether a client is wrongly configured.
    pub fn wrong(&self, member: usize, at: i64) -> Option<Wrong> {
        let found = self.wrong.iter().find(|(span, of, _)| *of == member && span.holds(at));
        found.map(|(_, _, wrong)| *wrong)
    }

    /// Whether a person is on leave.
    pub fn is_on_leave(&self, member: usize, day: usize) -> bool {
        self.leave.iter().any(|(of, from, to)| *of == member && (*from..*to).contains(&day))
    }
}

/// Each service every two weeks or so, in office hours, never on a Friday afternoon.
fn deploys(draw: &mut Draw, calendar: &Calendar, organisation: &Organisation) -> Vec<Vec<i64>> {
    let mut deploys = vec![Vec::new(); organisation.members.len()];
    for service in organisation.of(Kind::Service) {
        let pause = draw.log_normal(14.0, 0.6).clamp(3.0, 60.0);
        let mut day = draw.exponential(pause);
        while (day as usize) < DAYS {
            let on = calendar.work_day_from(day as usize);
            let until = if calendar.weekday(on) == 4 { 12 } else { 17 };
            deploys[service].push(calendar.at(on, draw.between(9 * HOUR, until * HOUR)));
            day += 1.0 + draw.exponential(pause);
        }
        deploys[service].sort_unstable();
    }
    deploys
}

/// Once a month for updates, in the evening, and once because it fell over.
fn restarts(draw: &mut Draw, calendar: &Calendar) -> Vec<Span> {
    let days = [9 + draw.below(10), 38 + draw.below(10), 68 + draw.below(10)];
    let planned =
        days.map(|day| calendar.at(calendar.work_day_from(day), draw.between(19 * HOUR, 22 * HOUR)));
    let mut begins = planned.to_vec();
    begins.push(calendar.at(24 + draw.below(40), draw.between(0, 24 * HOUR)));
    begins.sort_unstable();
    begins.into_iter().map(|from| Span { from, to: from + draw.between(15 * SECOND, 110 * SECOND) }).collect()
}

/// A week or two for a third of the people.
fn leave(draw: &mut Draw, organisation: &Organisation) -> Vec<(usize, usize, usize)> {
    let mut leave = Vec::new();
    for (place, member) in organisation.members.iter().enumerate() {
        if member.kind.is_person() && draw.chance(0.4) {
            let from = draw.below(DAYS);
            leave.push((place, from, from + 5 + draw.below(12)));
        }
    }
    leave
}
