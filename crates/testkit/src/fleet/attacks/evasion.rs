//! What is done so that nobody sees what is done; and the door for emergencies.

use keyreeve_core::{access::Action, model::Time};

use super::{Attack, Notice, scene::Scene};
use crate::fleet::{
    calendar::{DAY, HOUR, MINUTE, SECOND},
    entry::Draft,
    happenings::Span,
    members::server::{CONFIGURATION, started},
    organisation::Kind,
};

pub(super) const ATTACKS: [Attack; 3] = [
    Attack {
        name: "silenced-sink",
        story: "At two at night the server is stopped, and starts with another configuration, in which the sink is told nothing any more. Two days later nobody has looked.",
        from_rule: Some("audit, sink or backup lag"),
        source: "",
        notice: Notice::AfterBegin(24),
        days: 4,
        lay: silenced_sink,
    },
    Attack {
        name: "clock-set-back",
        story: "The server's clock goes back by three hours for a while; meanwhile a token that had expired is used.",
        from_rule: Some("a clock step"),
        source: "",
        notice: Notice::AfterBegin(2),
        days: 1,
        lay: clock_set_back,
    },
    Attack {
        name: "unknown-emergency",
        story: "In a night the server is stopped, and starts with an administrator for an emergency of which nobody knows, who comes from abroad and gives the root key another lock.",
        from_rule: Some("break-glass, unseal, restore"),
        source: "",
        notice: Notice::AfterBegin(1),
        days: 2,
        lay: unknown_emergency,
    },
];

/// Whether the server is not restarted in the two days behind a day.
fn is_quiet(plan: &crate::fleet::plan::Plan, day: usize) -> bool {
    let days = Span { from: plan.calendar.begin(day), to: plan.calendar.begin(day) + 4 * DAY };
    let all = &plan.happenings;
    !all.restarts.iter().chain(&all.stopped).any(|span| days.holds(span.from))
}

/// Stops the server for some seconds.
fn stop(scene: &mut Scene<'_>, at: i64) -> Span {
    let down = Span { from: at, to: at + scene.draw.between(8 * SECOND, 20 * SECOND) };
    scene.plan.happenings.stopped.push(down);
    scene.add(Draft::system(down.from - 1, Action::Stop).detail("stopped in order"));
    down
}

fn silenced_sink(scene: &mut Scene<'_>) {
    scene.on_day(|plan, day| day < 85 && is_quiet(plan, day));
    let at = scene.between(0, 2, 3);
    let down = stop(scene, at);
    let digest = scene.draw.digest();
    scene.add(Draft::system(down.to, Action::Start).detail(started(&digest)));
    let deaf = Span { from: down.from, to: down.to + 2 * DAY };
    scene.plan.deaf.push(deaf);
    scene.missing = Some((deaf, "sink/siem".into()));
}

fn clock_set_back(scene: &mut Scene<'_>) {
    let service = scene.victim_with(Kind::Service, 3);
    let at = scene.between(0, 4, 22);
    let forth = at + 40 * MINUTE;
    let back = 3 * HOUR;
    scene.plan.happenings.steps.push((at, -back));
    scene.plan.happenings.steps.push((forth, back));
    let mut then = at + 2 * MINUTE;
    let keys = scene.keys_of(service, then, 10);
    while then < forth {
        let (source, key) = (scene.inside(), keys[scene.draw.zipf(keys.len())]);
        scene.uses(service, then, source, Action::Decrypt, key);
        then += (scene.draw.exponential(70.0) * SECOND as f64) as i64 + SECOND;
    }
}

fn unknown_emergency(scene: &mut Scene<'_>) {
    scene.on_day(is_quiet);
    let at = scene.between(0, 1, 4);
    // Done on the server's machine while it is stopped: the entry is the first one of its next start.
    let down = stop(scene, at);
    let emergency = scene.newcomer("emergency-1", 0, down.to);
    let until = Time(down.to + 8 * HOUR);
    let made = Draft::system(down.to, Action::BreakGlass).target("emergency-1").changes(3);
    let told = format!("the administrator emergency-1 until {until} is new; proven by recovery shares");
    scene.add(made.detail(told));
    scene.add(Draft::system(down.to + 900, Action::Start).detail(started(CONFIGURATION)));
    let mut then = down.to + 2 * MINUTE;
    for (action, told) in [
        (Action::ListPrincipals, None),
        (Action::Inspect, Some("asked for the work")),
        (Action::ChangeUnlock, Some("begins")),
        (Action::ChangeUnlock, Some("root key 1, unlocked by a passphrase")),
    ] {
        let source = scene.outside();
        let mut draft = emergency.asks(then, source, action);
        draft.entry.detail = told.map(str::to_owned);
        scene.add(draft);
        then += scene.draw.between(2 * SECOND, 50 * SECOND);
    }
}
