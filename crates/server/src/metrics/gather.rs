//! Reads all metrics, those that are counted and those that follow from how things are now. Not here: what is counted as it happens
//! (counted).

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use keyreeve_core::alerts::Severity;
use keyreeve_core::model::Lsn;
use keyreeve_store::backup::TargetStatus;

use super::counted::{BOUNDS_MICROSECONDS, COUNTED, OUTCOMES, PROTOCOLS, Read};
use super::list::{self, Metric};
use super::{Labels, Sample, Snapshot};
use crate::follow::Progress;

/// Ticks of processor time in a second, as Linux tells them to programs.
const TICKS_PER_SECOND: f64 = 100.0;

/// Seconds that a process which cannot be asked is taken to have run.
const UNKNOWN: f64 = f64::NAN;

/// What is to be told besides what is counted.
pub(crate) struct Facts<'a> {
    /// Whether requests are taken.
    pub(crate) ready: bool,
    /// Whether the disk is full.
    pub(crate) disk_full: bool,
    /// The newest entry.
    pub(crate) published: Lsn,
    /// Seconds since the process started.
    pub(crate) uptime_seconds: f64,
    /// Who is told what the journal says.
    pub(crate) sinks: Vec<&'a Progress>,
    /// How far the rules of alerts have looked.
    pub(crate) watch: &'a Progress,
    /// Alerts that nobody has looked at.
    pub(crate) alerts_open: [(Severity, u64); 3],
    /// Who is told of alerts.
    pub(crate) destinations: Vec<&'a Progress>,
    /// Whom KMIP's messages go to.
    pub(crate) endpoints: Vec<&'a Progress>,
    /// Backup targets.
    pub(crate) targets: Vec<TargetStatus>,
    /// When the certificate ends, in seconds since 1970.
    pub(crate) certificate_ends: Option<i64>,
}

impl Facts<'_> {
    /// All metrics as they are now.
    pub(crate) fn gather(self) -> Snapshot {
        let mut all = vec![
            (&list::INFO, vec![(label(env!("CARGO_PKG_VERSION")), Sample::Gauge(1.0))]),
            one(&list::READY, truth(self.ready)),
            one(&list::DISK_FULL, truth(self.disk_full)),
        ];
        all.extend(requests());
        all.extend(connections());
        all.push(one(&list::LSN, self.published.0 as f64));
        all.extend(followers([&list::SINK_LAG, &list::SINK_FAILING], &self.sinks, self.published));
        let lag = self.published.0.saturating_sub(self.watch.standing().at.0);
        all.push(one(&list::ALERTS_LAG, lag as f64));
        let open = self.alerts_open.iter();
        let open = open.map(|(severity, count)| (label(severity.word()), Sample::Gauge(*count as f64)));
        all.push((&list::ALERTS_OPEN, open.collect()));
        let destinations = [&list::NOTIFICATION_LAG, &list::NOTIFICATION_FAILING];
        all.extend(followers(destinations, &self.destinations, self.published));
        let endpoints = [&list::ENDPOINT_LAG, &list::ENDPOINT_FAILING];
        all.extend(followers(endpoints, &self.endpoints, self.published));
        all.extend(targets(&self.targets));
        let ends = self.certificate_ends.map(|ends| (label("server"), Sample::Gauge(ends as f64)));
        all.push((&list::CERTIFICATE, ends.into_iter().collect()));
        all.extend(process(self.uptime_seconds));
        Snapshot(all)
    }
}

type Family = (&'static Metric, Vec<(Labels, Sample)>);

fn label(value: &str) -> Labels {
    vec![value.to_owned()]
}

fn one(metric: &'static Metric, value: f64) -> Family {
    (metric, vec![(Labels::new(), Sample::Gauge(value))])
}

fn truth(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}

/// What was asked for. An action that nobody asked for is not told.
fn requests() -> [Family; 3] {
    let (mut counted, mut durations) = (Vec::new(), Vec::new());
    for Read { action, requests, durations: took, microseconds } in COUNTED.actions() {
        for (protocol, outcomes) in PROTOCOLS.iter().zip(requests) {
            for (outcome, count) in OUTCOMES.iter().zip(outcomes).filter(|(_, count)| *count > 0) {
                let labels = [*protocol, action.word(), *outcome].map(str::to_owned).to_vec();
                counted.push((labels, Sample::Counter(count)));
            }
        }
        let bounds = BOUNDS_MICROSECONDS.iter().map(|bound| *bound as f64 / 1e6).chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = bounds.zip(took).collect();
        let count = took.iter().sum();
        let told = Sample::Histogram { sum_seconds: microseconds as f64 / 1e6, count, buckets };
        durations.push((label(action.word()), told));
    }
    let refused = COUNTED.authentications();
    let refused = refused.map(|(protocol, count)| (label(protocol), Sample::Counter(count)));
    [(&list::REQUESTS, counted), (&list::DURATIONS, durations), (&list::AUTHENTICATIONS, refused.collect())]
}

fn connections() -> [Family; 3] {
    let accepted =
        COUNTED.connections().map(|(listener, count, _)| (label(listener), Sample::Counter(count)));
    let open = COUNTED.connections().map(|(listener, _, open)| (label(listener), Sample::Gauge(open as f64)));
    let refused = COUNTED
        .refusals()
        .map(|(listener, why, count)| ([listener, why].map(str::to_owned).to_vec(), Sample::Counter(count)));
    [
        (&list::ACCEPTED, accepted.collect()),
        (&list::OPEN, open.collect()),
        (&list::REFUSED, refused.collect()),
    ]
}

/// Readers of the journal: how far each is behind, and whether it cannot be told.
fn followers([lag, failing]: [&'static Metric; 2], readers: &[&Progress], published: Lsn) -> [Family; 2] {
    let told = |value: &dyn Fn(&Progress) -> f64| {
        let sample = |reader: &&Progress| (label(reader.name()), Sample::Gauge(value(reader)));
        readers.iter().map(sample).collect()
    };
    let behind = |reader: &Progress| published.0.saturating_sub(reader.standing().at.0) as f64;
    [(lag, told(&behind)), (failing, told(&|reader| truth(reader.standing().failing.is_some())))]
}

fn targets(targets: &[TargetStatus]) -> [Family; 4] {
    let told = |value: fn(&TargetStatus) -> f64| {
        let sample = |target: &TargetStatus| (label(&target.address), Sample::Gauge(value(target)));
        targets.iter().map(sample).collect()
    };
    [
        (&list::TARGET_LAG, told(|target| target.lag_entries as f64)),
        (&list::TARGET_LAG_SECONDS, told(|target| target.lag_ms as f64 / 1e3)),
        (&list::TARGET_BREACHED, told(|target| truth(target.breached))),
        (&list::TARGET_FAILING, told(|target| truth(target.trouble.is_some()))),
    ]
}

fn process(uptime_seconds: f64) -> [Family; 4] {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(UNKNOWN, |since| since.as_secs_f64());
    let cpu = (&list::CPU, vec![(Labels::new(), Sample::Seconds(cpu_seconds().unwrap_or(UNKNOWN)))]);
    let descriptors = fs::read_dir("/proc/self/fd").map_or(UNKNOWN, |files| files.count() as f64);
    [
        one(&list::STARTED, (now - uptime_seconds).round()),
        cpu,
        one(&list::MEMORY, resident_bytes().unwrap_or(UNKNOWN)),
        one(&list::DESCRIPTORS, descriptors),
    ]
}

/// Fields 14 and 15 of proc(5)'s stat, behind the name in parentheses, which may hold anything.
fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks = fields.split_ascii_whitespace().skip(11).take(2).map(str::parse::<u64>);
    let ticks: u64 = ticks.collect::<Result<Vec<_>, _>>().ok()?.iter().sum();
    Some(ticks as f64 / TICKS_PER_SECOND)
}

/// VmRSS of proc(5)'s status, which is in KiB.
fn resident_bytes() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some((kibibytes * 1024) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_of_the_list_is_told_in_its_order_and_with_its_labels() {
        let [sink, endpoint, destination] =
            ["sink/siem", "kmip/array", "notify/ops"].map(|reader| Progress::new(reader.into()));
        let watch = Progress::new("alerts".into());
        COUNTED.request(
            "rest",
            keyreeve_core::access::Action::Sign,
            None,
            std::time::Duration::from_millis(1),
        );
        let target = TargetStatus {
            address: "s3://bucket/a\"b".into(),
            has_cell: false,
            first: Lsn(0),
            shipped: Lsn(3),
            lag_entries: 2,
            lag_ms: 1500,
            breached: true,
            pieces: (0, 0),
            trouble: None,
        };
        let facts = Facts {
            ready: true,
            disk_full: false,
            published: Lsn(5),
            uptime_seconds: 1.0,
            sinks: vec![&sink],
            watch: &watch,
            alerts_open: [(Severity::Inform, 0), (Severity::Warn, 2), (Severity::Page, 1)],
            destinations: vec![&destination],
            endpoints: vec![&endpoint],
            targets: vec![target],
            certificate_ends: Some(7),
        };
        let Snapshot(all) = facts.gather();
        let names: Vec<&str> = all.iter().map(|(metric, _)| metric.name).collect();
        assert_eq!(names, list::ALL.iter().map(|metric| metric.name).collect::<Vec<_>>());
        for (metric, samples) in &all {
            assert!(!samples.is_empty(), "{metric:?}");
            for (labels, _) in samples {
                assert_eq!(labels.len(), metric.labels.len(), "{metric:?}");
            }
        }
        let text = Snapshot(all).into_text().unwrap();
        for line in [
            "keyreeve_sink_lag_entries{sink=\"siem\"} 5.0\n",
            "keyreeve_alerts_lag_entries 5.0\n",
            "keyreeve_alerts_open{severity=\"warn\"} 2.0\n",
            "keyreeve_kmip_endpoint_lag_entries{endpoint=\"array\"} 5.0\n",
            "keyreeve_notification_lag_entries{destination=\"ops\"} 5.0\n",
            "keyreeve_backup_lag_seconds{target=\"s3://bucket/a\\\"b\"} 1.5\n",
            "keyreeve_requests_total{protocol=\"rest\",action=\"sign\",outcome=\"ok\"} ",
            "# TYPE keyreeve_request_duration_seconds histogram\n",
            "keyreeve_request_duration_seconds_bucket{le=\"+Inf\",action=\"sign\"} ",
            "le=\"0.001\"",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        assert!(text.ends_with("# EOF\n") && !text.contains("NaN"), "{text}");
    }
}
