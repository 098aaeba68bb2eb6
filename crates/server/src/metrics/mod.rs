//! Metrics: what monitoring reads of this process, as OpenMetrics text that Prometheus takes. Labels have few values, and none
//! comes from a client; nothing here is a secret. Not here: who may read them (frontends/rest).

mod counted;
mod gather;
mod list;

use std::fmt;

pub(crate) use counted::{COUNTED, Refused};
pub(crate) use gather::Facts;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use list::{Kind, Metric};

/// The form of what is told.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Values of labels, in the order of the metric's list of them.
type Labels = Vec<String>;

/// One value.
#[derive(Debug)]
enum Sample {
    Counter(u64),
    /// A counter of seconds.
    Seconds(f64),
    Gauge(f64),
    Histogram {
        sum_seconds: f64,
        count: u64,
        buckets: Vec<(f64, u64)>,
    },
}

/// What was read, in the order of the list.
#[derive(Debug)]
pub(crate) struct Snapshot(Vec<(&'static Metric, Vec<(Labels, Sample)>)>);

impl Snapshot {
    /// As OpenMetrics 1.0 text.
    ///
    /// # Errors
    /// Never, as far as is known: text is written to memory.
    pub(crate) fn into_text(self) -> Result<String, fmt::Error> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut told = String::new();
        text::encode(&mut told, &registry)?;
        Ok(told)
    }
}

impl Collector for Snapshot {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for (metric, samples) in &self.0 {
            let kind = match metric.kind {
                Kind::Counter => MetricType::Counter,
                Kind::Gauge => MetricType::Gauge,
                Kind::Histogram => MetricType::Histogram,
            };
            let mut family = encoder.encode_descriptor(metric.name, metric.help, None, kind)?;
            for (labels, sample) in samples {
                let labels: Vec<(&str, &str)> =
                    metric.labels.iter().copied().zip(labels.iter().map(String::as_str)).collect();
                match labels.is_empty() {
                    true => sample.encode(&mut family)?,
                    false => sample.encode(&mut family.encode_family(&labels)?)?,
                }
            }
        }
        Ok(())
    }
}

impl Sample {
    fn encode(&self, encoder: &mut MetricEncoder<'_>) -> fmt::Result {
        match self {
            Self::Counter(count) => encoder.encode_counter::<NoLabelSet, _, u64>(count, None),
            Self::Seconds(seconds) => encoder.encode_counter::<NoLabelSet, _, u64>(seconds, None),
            Self::Gauge(value) => encoder.encode_gauge(value),
            Self::Histogram { sum_seconds, count, buckets } => {
                encoder.encode_histogram::<NoLabelSet>(*sum_seconds, *count, buckets, None)
            }
        }
    }
}
