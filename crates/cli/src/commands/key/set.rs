//! `keyreeve key set`.

use clap::{ArgGroup, Args};
use serde_json::{Map, Value, json};

use super::{path, print};
use crate::commands::Session;
use crate::errors::Result;

const EXAMPLES: &str = "\
Examples:
  keyreeve key set orders --name orders-2026
  keyreeve key set orders --deactivate-at 2030-01-31T00:00:00Z
  keyreeve key set vouchers --uses-max 20000
  keyreeve key set orders --waiting-days 30 --always-wait";

/// Change a key's name, dates, usage limits and policy; what is not named stays.
#[derive(Args)]
#[command(after_help = EXAMPLES, group(ArgGroup::new("what").required(true).multiple(true)))]
pub(crate) struct Set {
    /// The key
    key: String,
    /// Give it this name; the old one is free then
    #[arg(long, group = "what")]
    name: Option<String>,
    /// When the newest version, made with --inactive, becomes active: RFC 3339
    #[arg(long, value_name = "TIME", group = "what")]
    activate_at: Option<String>,
    /// When the newest version stops protecting: RFC 3339
    #[arg(long, value_name = "TIME", group = "what")]
    deactivate_at: Option<String>,
    /// How often the newest version may protect, while nothing of a former limit is spent
    #[arg(long, value_name = "NUMBER", group = "what", value_parser = clap::value_parser!(u64).range(1..))]
    uses_max: Option<u64>,
    /// How many bytes the newest version may protect; of a stream or file the 32 bytes of its data key count
    #[arg(long, value_name = "NUMBER", group = "what", conflicts_with = "uses_max", value_parser = clap::value_parser!(u64).range(1..))]
    bytes_max: Option<u64>,
    /// Longest lease on it
    #[arg(long, value_name = "SECONDS", group = "what", value_parser = clap::value_parser!(u32).range(1..))]
    lease_seconds: Option<u32>,
    /// Days from `key destroy` to the destruction, not fewer than now, at most 365
    #[arg(long, value_name = "DAYS", group = "what", value_parser = clap::value_parser!(u16).range(..=365))]
    waiting_days: Option<u16>,
    /// Never destroy it without that waiting period; there is no way back
    #[arg(long, group = "what")]
    always_wait: bool,
    /// Refuse material that is here, or was, as its next version
    #[arg(long, group = "what")]
    reject_duplicates: bool,
}

impl Set {
    /// Asks and prints the key.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let limits = |total: Option<u64>, unit| total.map(|total| json!({ "total": total, "unit": unit }));
        let fields = [
            ("name", self.name.map(Value::from)),
            ("activation", self.activate_at.map(Value::from)),
            ("deactivation", self.deactivate_at.map(Value::from)),
            ("usage_limits", limits(self.uses_max, "uses").or(limits(self.bytes_max, "bytes"))),
            ("lease_seconds", self.lease_seconds.map(Value::from)),
            ("destroy_waiting_days", self.waiting_days.map(Value::from)),
            ("destroy_at_once", self.always_wait.then_some(Value::from(false))),
            ("reject_duplicates", self.reject_duplicates.then_some(Value::from(true))),
        ];
        let given = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        let body = Value::Object(given.collect::<Map<_, _>>());
        print(session, &session.client()?.patch(&path(&self.key, ""), &body)?)
    }
}
