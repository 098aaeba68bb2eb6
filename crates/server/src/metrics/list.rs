//! The list of all metrics: docs/metrics.md is made from it. A metric that is not in it cannot be told.

/// What a metric's values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A number that only grows until the process ends; its name is told with `_total` behind it.
    Counter,
    /// A number that goes up and down.
    Gauge,
    /// How many values kept to each of some bounds.
    Histogram,
}

/// One metric.
#[derive(Debug)]
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) labels: &'static [&'static str],
    pub(super) help: &'static str,
}

macro_rules! metrics {
    ($($constant:ident = $name:literal, $kind:ident, [$($label:literal),*], $help:literal;)*) => {
        $(
            pub(super) static $constant: Metric =
                Metric { name: $name, kind: Kind::$kind, labels: &[$($label),*], help: $help };
        )*

        /// All of them.
        #[cfg(test)]
        pub(super) static ALL: &[&Metric] = &[$(&$constant),*];
    };
}

metrics! {
    INFO = "keyreeve_build", Gauge, ["version"], "1, with the version of the program";
    READY = "keyreeve_ready", Gauge, [], "1 where requests are taken";
    DISK_FULL = "keyreeve_disk_full", Gauge, [], "1 where the disk of the data folder is full and only what takes power away is done";
    REQUESTS = "keyreeve_requests", Counter, ["protocol", "action", "outcome"], "Requests that were answered; protocol server is what the server does by itself";
    DURATIONS = "keyreeve_request_duration_seconds", Histogram, ["action"], "How long requests took, from what was read of them to the durable entry";
    AUTHENTICATIONS = "keyreeve_authentications_refused", Counter, ["protocol"], "Requests and handshakes that did not prove who asks";
    ACCEPTED = "keyreeve_connections", Counter, ["listener"], "Connections that were accepted";
    OPEN = "keyreeve_connections_open", Gauge, ["listener"], "Connections that are open, those in a handshake included";
    REFUSED = "keyreeve_connections_refused", Counter, ["listener", "reason"], "Connections that came to nothing: a limit, or a handshake that failed";
    LSN = "keyreeve_journal_position", Gauge, [], "The newest entry of the journal";
    SINK_LAG = "keyreeve_sink_lag_entries", Gauge, ["sink"], "Entries that a sink was not told yet";
    SINK_FAILING = "keyreeve_sink_failing", Gauge, ["sink"], "1 where a sink cannot be told now";
    ALERTS_LAG = "keyreeve_alerts_lag_entries", Gauge, [], "Entries that the rules of alerts have not looked at yet";
    ALERTS_OPEN = "keyreeve_alerts_open", Gauge, ["severity"], "Alerts of all realms that nobody has acknowledged, and that are not suppressed";
    NOTIFICATION_LAG = "keyreeve_notification_lag_entries", Gauge, ["destination"], "Entries that were not looked at yet for alerts to tell a destination";
    NOTIFICATION_FAILING = "keyreeve_notification_failing", Gauge, ["destination"], "1 where a destination cannot be told of alerts now";
    ENDPOINT_LAG = "keyreeve_kmip_endpoint_lag_entries", Gauge, ["endpoint"], "Entries that a KMIP endpoint was not told of yet";
    ENDPOINT_FAILING = "keyreeve_kmip_endpoint_failing", Gauge, ["endpoint"], "1 where a KMIP endpoint cannot be told now";
    TARGET_LAG = "keyreeve_backup_lag_entries", Gauge, ["target"], "Entries that are not at a backup target yet";
    TARGET_LAG_SECONDS = "keyreeve_backup_lag_seconds", Gauge, ["target"], "For how long a backup target has been behind";
    TARGET_BREACHED = "keyreeve_backup_objective_missed", Gauge, ["target"], "1 where the recovery point objective is not met at a backup target";
    TARGET_FAILING = "keyreeve_backup_failing", Gauge, ["target"], "1 where the last pass to a backup target failed";
    CERTIFICATE = "keyreeve_certificate_not_after_timestamp_seconds", Gauge, ["certificate"], "When the server's own certificate ends, in seconds since 1970";
    STARTED = "process_start_time_seconds", Gauge, [], "When the process started, in seconds since 1970";
    CPU = "process_cpu_seconds", Counter, [], "Processor time of the process, user and system";
    MEMORY = "process_resident_memory_bytes", Gauge, [], "Memory of the process that is in RAM";
    DESCRIPTORS = "process_open_fds", Gauge, [], "File descriptors that are open";
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    fn told() -> String {
        let mut told = String::from("| metric | kind | labels | what |\n|---|---|---|---|\n");
        for Metric { name, kind, labels, help } in ALL {
            let (name, word) = match kind {
                Kind::Counter => (format!("{name}_total"), "counter"),
                Kind::Gauge => ((*name).to_owned(), "gauge"),
                Kind::Histogram => ((*name).to_owned(), "histogram"),
            };
            let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
            writeln!(told, "| `{name}` | {word} | {} | {help} |", labels.join(", ")).unwrap();
        }
        told
    }

    /// Written anew with `KEYREEVE_WRITE_GOLDEN=1`.
    #[test]
    fn docs_tell_every_metric() {
        const BEGIN: &str = "<!-- metrics: made by the tests -->\n";
        const END: &str = "<!-- end of metrics -->\n";
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/metrics.md");
        let page = std::fs::read_to_string(path).unwrap();
        let (before, rest) = page.split_once(BEGIN).unwrap();
        let (_, after) = rest.split_once(END).unwrap();
        let wanted = format!("{before}{BEGIN}{}{END}{after}", told());
        if std::env::var_os("KEYREEVE_WRITE_GOLDEN").is_some() {
            std::fs::write(path, &wanted).unwrap();
        }
        assert!(
            std::fs::read_to_string(path).unwrap() == wanted,
            "write docs/metrics.md anew with KEYREEVE_WRITE_GOLDEN=1"
        );
    }

    #[test]
    fn names_are_as_prometheus_wants_them_and_each_is_one_metric() {
        for metric in ALL {
            assert!(metric.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{metric:?}");
            assert!(!metric.name.ends_with("_total") && !metric.help.ends_with('.'), "{metric:?}");
            assert_eq!(ALL.iter().filter(|other| other.name == metric.name).count(), 1, "{metric:?}");
        }
    }
}
