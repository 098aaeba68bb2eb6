//! `keyreeve bench`: how many requests the server answers, how fast, at what cost, and beside a bare server that only
//! answers. Here: the command and its result. The load is in `load`, messages are in `kmip` and `rest`.

mod ceiling;
mod cpu;
mod histogram;
mod interrupt;
mod keys;
mod kinds;
mod kmip;
mod load;
mod plan;
mod rest;
mod run;

use std::time::Duration;

use clap::Args;
use serde_json::{Map, Value, json};

use super::{Session, algorithm};
use crate::errors::{Failure, Kind, Result};
use crate::output::{self, Format};
pub(super) use ceiling::BareServer;
use interrupt::Interrupt;
use load::Load;
use plan::{Operation, Plan, Protocol};
use run::{Measured, Run};

const EXAMPLES: &str = "\
Examples:
  keyreeve bench --protocol kmip --op encrypt                       64 connections, 5 seconds
  keyreeve bench --protocol rest --op sign --algorithm ec-p256
  keyreeve bench --protocol kmip --op encrypt --connections 256 --ceiling -o json
  keyreeve bench --protocol kmip --op encrypt --pipeline 16

It makes keys of its own, whose names begin with keyreeve-bench-, and destroys them at the end.

Environment:
  KEYREEVE_KMIP_ADDR  address of KMIP, as --kmip-addr";

/// Load the server, and show requests a second, their latency and what they cost.
///
/// Keeps each connection busy with the same request. The server's processor time is told where it runs on this machine.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Bench {
    /// Protocol to talk
    #[arg(long, value_enum)]
    protocol: Protocol,
    /// What to ask for
    #[arg(long = "op", value_enum)]
    operation: Operation,
    /// Bytes to encrypt, decrypt or sign
    #[arg(long, value_name = "BYTES", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    size: u32,
    /// Algorithm of the keys, as for `key create`; the default is aes-256, and ec-p256 for sign
    #[arg(short, long, value_parser = algorithm)]
    algorithm: Option<String>,
    /// Connections, each busy all the time
    #[arg(long, value_name = "NUMBER", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=4096))]
    connections: u16,
    /// How long to measure
    #[arg(long, default_value_t = 5.0, value_parser = seconds)]
    seconds: f64,
    /// Requests that a connection sends without waiting for the answer to the first
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pipeline: u16,
    /// Operations in one request (KMIP); each counts
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    batch: u16,
    /// In turn with the server, measure a bare one that sends the same answers over the same TLS, and show the ratio; it
    /// does not count where the bare one reaches less than 100,000 requests/s over KMIP, or 50,000 over REST
    #[arg(long)]
    ceiling: bool,
    /// Address of KMIP [env: KEYREEVE_KMIP_ADDR]
    #[arg(long, value_name = "ADDRESS")]
    kmip_addr: Option<String>,
    /// Leave the keys that --op create makes: what the house's bench grows a store with
    #[arg(long, hide = true)]
    keep: bool,
    /// Send the HTTP request in this file instead, to any server: what --peer of the house's bench does
    #[arg(long, value_name = "FILE", hide = true)]
    request: Option<std::path::PathBuf>,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.1..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("between 0.1 and 3600".into()),
    }
}

impl Bench {
    /// Makes the keys, measures, destroys the keys, prints.
    ///
    /// # Errors
    /// As every request; the server broke a connection under load; `Remote` where requests failed.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        if self.batch > 1 && self.protocol != Protocol::Kmip {
            return Err(Failure::usage("--batch is KMIP's: leave it out, or choose --protocol kmip"));
        }
        if self.request.is_some() && self.protocol != Protocol::Rest {
            return Err(Failure::usage("--request is a request over HTTP: choose --protocol rest"));
        }
        let mut run = Run::prepare(&self, session)?;
        let measured = run.measure(&self);
        let cleaned = run.clean(self.keep);
        let measured = measured?;
        self.print(session, &measured)?;
        cleaned?;
        match measured.server.errors {
            0 => Ok(()),
            errors => {
                let complaint = measured.server.complaint.unwrap_or_default();
                Err(Failure::new(Kind::Remote, format!("{errors} requests failed; the first: {complaint}")))
            }
        }
    }

    fn algorithm(&self) -> &str {
        let usual = if self.operation == Operation::Sign { "ec-p256" } else { "aes-256" };
        self.algorithm.as_deref().unwrap_or(usual)
    }

    /// Requests a second that a bare server reaches at least, where the ratio to it says something of this program.
    fn ceiling_min(&self) -> f64 {
        match self.protocol {
            Protocol::Kmip => 100_000.0,
            Protocol::Rest => 50_000.0,
        }
    }

    /// One of so many slices of what is measured.
    fn load<'a>(&self, plan: &'a Plan, interrupt: &'a Interrupt, slices: u32) -> Load<'a> {
        let measured = Duration::from_secs_f64(self.seconds) / slices;
        Load { plan, pipeline: self.pipeline.into(), measured, interrupt }
    }

    fn print(&self, session: &Session, measured: &Measured) -> Result<()> {
        let Measured { server, server_cpu_us, ceiling } = measured;
        let rate = server.rate();
        let ceiling = ceiling.as_ref().map(load::Tally::rate);
        let ratio = ceiling
            .filter(|ceiling| *ceiling > 0.0)
            .map(|ceiling| (rate / ceiling * 1000.0).round() / 1000.0);
        let counts = ceiling.map(|ceiling| ceiling >= self.ceiling_min());
        let fields = [
            ("requests_per_second", Some(rate.round())),
            ("p50_us", server.latencies.quantile_us(0.5).map(tenth)),
            ("p99_us", server.latencies.quantile_us(0.99).map(tenth)),
            ("errors", Some(server.errors as f64)),
            ("server_cpu_us", server_cpu_us.map(tenth)),
            ("ceiling_requests_per_second", ceiling.map(f64::round)),
            ("ratio", ratio),
        ];
        if session.format == Format::Json {
            let mut fields: Map<String, Value> = fields
                .map(|(name, value)| (name.to_owned(), value.map_or(Value::Null, number)))
                .into_iter()
                .collect();
            fields.insert("ratio_counts".into(), counts.into());
            return output::json(&fields.into());
        }
        let text = |value: Option<f64>| {
            value.map_or_else(|| "not measured".into(), |value| number(value).to_string())
        };
        let mut pairs = fields.map(|(name, value)| (name, text(value)));
        if counts == Some(false) {
            let [.., (_, ratio)] = &mut pairs;
            *ratio += &format!(
                ": does not count, since the bare server reached less than {} requests/s",
                self.ceiling_min()
            );
        }
        output::pairs(&pairs)
    }
}

fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// Whole numbers without a point.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 { json!(value as u64) } else { json!(value) }
}
