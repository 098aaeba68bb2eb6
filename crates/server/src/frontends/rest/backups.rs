//! Backups over REST: made and pruned by the running server. Listing, verifying and restoring need no server
//! (`crate::offline`). Not here: what a backup is (store), and the schedule (`crate::backups`).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use keyreeve_core::access::{Action, Caller};
use keyreeve_core::operations::administer::{Administer, Announce};
use keyreeve_store::backup::{BackupKind, Retention};
use keyreeve_store::restore::DrillReport;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Api;
use super::errors::Result;
use super::request::{Authenticated, Body};
use crate::backups::{Made, Wanted, told};

/// Body of `create`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BackupRequest {
    /// Address of the target: a folder of the server's machine, or `s3://bucket/prefix`.
    to: String,
    kind: Option<Kind>,
    #[serde(default = "yes")]
    cell: bool,
    #[serde(default)]
    take_over: bool,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Full,
    Incremental,
}

fn yes() -> bool {
    true
}

/// `POST /v1/backups`: the first one registers its target, to which the journal is shipped from then on.
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Body(request): Body<BackupRequest>,
) -> Result<Json<Value>> {
    let BackupRequest { to, kind, cell, take_over } = request;
    let kind = kind.map(|kind| match kind {
        Kind::Full => BackupKind::Full,
        Kind::Incremental => BackupKind::Incremental,
    });
    let word_of_kind = kind.map_or("full where none is there", word);
    let terms = [
        ("backup to", &*to),
        ("kind", word_of_kind),
        ("cell", told_bool(cell)),
        ("take over", told_bool(take_over)),
    ];
    // Whoever has a new place gets all that is put there from now on: that is more than another backup.
    let may_register = !is_known(&api, &to).await?;
    let also: &[Action] = if may_register { &[Action::RegisterTarget] } else { &[] };
    announce(&api, &caller, also, &terms).await?;
    let backups = Arc::clone(&api.backups);
    let make = move || {
        let made = backups.back_up(&Wanted { to, kind, may_register, cell, take_over })?;
        let (kind, lsn) = (word(made.report.kind), made.report.lsn);
        let detail = format!("{kind} backup to {}, up to entry {lsn}", made.target);
        Ok((made, detail))
    };
    let Made { target, is_new, report } =
        api.execute(&caller, Administer::new(Action::Backup, make).announced()).await?;
    Ok(Json(json!({
        "target": target,
        "registered": is_new,
        "kind": word(report.kind),
        "lsn": report.lsn.0,
        "rows": report.progress.rows,
        "bytes": report.progress.bytes,
        "bytes_written": report.progress.bytes_written,
    })))
}

/// Whether it is a registered target. What stands for a bucket is not made on a thread of the runtime.
async fn is_known(api: &Api, to: &str) -> Result<bool> {
    let (backups, to) = (Arc::clone(&api.backups), to.to_owned());
    let known = tokio::task::spawn_blocking(move || backups.knows(&to)).await;
    Ok(known.map_err(keyreeve_core::Error::internal)?)
}

/// Puts on record that it begins, once others have approved it where they must.
async fn announce(api: &Api, caller: &Caller, also: &'static [Action], terms: &[(&str, &str)]) -> Result<()> {
    let terms = terms.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    api.execute(caller, Announce { action: Action::Backup, also, terms }).await
}

fn told_bool(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

fn word(kind: BackupKind) -> &'static str {
    match kind {
        BackupKind::Full => "full",
        BackupKind::Incremental => "incremental",
    }
}

/// Body of `prune`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PruneRequest {
    from: String,
    keep_full: u32,
    keep_days: u32,
    #[serde(default)]
    dry_run: bool,
}

/// `POST /v1/backups/prune`: removes what the retention lets go, or only tells what that is.
pub(super) async fn prune(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Body(request): Body<PruneRequest>,
) -> Result<Json<Value>> {
    let backups = Arc::clone(&api.backups);
    let PruneRequest { from, keep_full, keep_days, dry_run } = request;
    let (full, days) = (keep_full.to_string(), keep_days.to_string());
    let terms =
        [("prune", &*from), ("keep full", &full), ("keep days", &days), ("dry run", told_bool(dry_run))];
    announce(&api, &caller, &[], &terms).await?;
    let prune = move || {
        let retention = Retention { full_count_min: keep_full, days_min: keep_days, entries_days_min: 0 };
        let plan = backups.prune(&from, retention, dry_run)?;
        let verb = if dry_run { "could prune" } else { "pruned" };
        let detail = format!("{verb} {} objects of {from}", plan.removed.len());
        Ok((plan, detail))
    };
    let plan = api.execute(&caller, Administer::new(Action::Backup, prune).announced()).await?;
    Ok(Json(json!({
        "dry_run": dry_run,
        "removed": plan.removed.iter().map(|listed| &listed.path).collect::<Vec<_>>(),
        "bytes": plan.bytes(),
        "kept_fulls": plan.kept_fulls.iter().map(|full| full.point.lsn.0).collect::<Vec<_>>(),
    })))
}

/// Body of `drill`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DrillRequest {
    /// None: every registered target.
    from: Option<String>,
}

/// `POST /v1/backups/drill`: restores into a scratch file, and compares with what is here.
pub(super) async fn drill(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Body(request): Body<DrillRequest>,
) -> Result<Json<Value>> {
    announce(&api, &caller, &[], &[("drill", request.from.as_deref().unwrap_or("every target"))]).await?;
    let backups = Arc::clone(&api.backups);
    let drill = move || {
        let reports = backups.drill(request.from.as_deref())?;
        let detail = reports.iter().map(told).collect::<Vec<_>>().join("; ");
        Ok((reports, detail))
    };
    let reports = api.execute(&caller, Administer::new(Action::Backup, drill).announced()).await?;
    let drills: Vec<_> = reports.iter().map(shown).collect();
    let is_good = reports.iter().all(|report| report.differences.is_empty());
    Ok(Json(json!({ "good": is_good, "drills": drills })))
}

fn shown(report: &DrillReport) -> Value {
    json!({
        "target": report.target,
        "time": report.time.to_string(),
        "lsn": report.lsn,
        "replayed": report.replayed,
        "generation": report.generation,
        "records": report.verified.records,
        "opened": report.verified.opened,
        "compared": report.compared,
        "differences": report.differences,
    })
}
