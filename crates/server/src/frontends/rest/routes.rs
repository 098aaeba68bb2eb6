//! The routes, a line each. Both the router and the OpenAPI document come from here. Not here: what a route does, which is
//! its handler's, one file a family.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::handler::Handler;
use axum::http::Method;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter, on};
use schemars::SchemaGenerator;

use super::errors::Result;
use super::openapi::{Described, Taken};
use super::request::refuse_query;
use super::{
    Api, access, alerts, aliases, allowance, approvals, attributes, audit, backups, batch, change, clients,
    credentials, data, derive, destruction, journal, keys, kmip, login, material, message, metrics,
    notifications, objects, openapi, places, policies, realms, reload, root, sinks, split_key, status,
    stream, tokens, whoami,
};

/// One method of one path.
pub(super) struct Route {
    pub(super) method: Method,
    pub(super) path: &'static str,
    /// What it does, in a few words.
    pub(super) summary: &'static str,
    /// What it answers: `200 Key|bytes, 304`; see `openapi`.
    pub(super) answers: &'static str,
    /// Adds what it takes.
    pub(super) takes: fn(&mut Taken, &mut SchemaGenerator),
    handler: MethodRouter<Arc<Api>>,
    handler_path: &'static str,
}

impl Route {
    /// Family and name of its handler, such as `keys_create`.
    pub(super) fn name(&self) -> String {
        let mut words = self.handler_path.rsplit("::");
        let (handler, family) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        // Objects share handlers with keys.
        let family = if self.path.starts_with("/v1/objects") { "objects" } else { family };
        format!("{family}_{handler}")
    }
}

fn route<H, A, D>(
    (method, filter): (Method, MethodFilter),
    path: &'static str,
    handler: H,
    summary: &'static str,
    answers: &'static str,
) -> Route
where
    H: Handler<A, Arc<Api>> + Described<D>,
    A: 'static,
{
    let handler_path = std::any::type_name::<H>();
    Route { method, path, summary, answers, takes: H::tell, handler: on(filter, handler), handler_path }
}

const GET: (Method, MethodFilter) = (Method::GET, MethodFilter::GET);
const POST: (Method, MethodFilter) = (Method::POST, MethodFilter::POST);
const PATCH: (Method, MethodFilter) = (Method::PATCH, MethodFilter::PATCH);
const PUT: (Method, MethodFilter) = (Method::PUT, MethodFilter::PUT);
const DELETE: (Method, MethodFilter) = (Method::DELETE, MethodFilter::DELETE);

/// All routes.
pub(super) fn table() -> Vec<Route> {
    [server(), keys(), use_of_keys(), objects(), destruction(), backups(), clients(), realms()]
        .into_iter()
        .flatten()
        .collect()
}

/// The router of all routes. A query is refused where a route takes none.
pub(super) fn router() -> Router<Arc<Api>> {
    let mut schemas = SchemaGenerator::default();
    table().into_iter().fold(Router::new(), |router, route| {
        let mut taken = Taken::default();
        (route.takes)(&mut taken, &mut schemas);
        let handler = match taken.takes_query() {
            true => route.handler,
            false => route.handler.route_layer(middleware::from_fn(without_query)),
        };
        router.route(route.path, handler)
    })
}

async fn without_query(request: Request, next: Next) -> Result<Response> {
    refuse_query(request.uri())?;
    Ok(next.run(request).await)
}

fn server() -> Vec<Route> {
    vec![
        route(GET, "/health/live", status::live, "Whether the process answers", "200 Health"),
        route(GET, "/health/ready", status::ready, "Whether requests are taken", "200 Health, 503 Health"),
        route(GET, "/v1/openapi.json", openapi::show, "This document", "200 OpenApi"),
        route(GET, "/v1/status", status::show, "The server's state, and who asks", "200 Status"),
        route(GET, "/v1/whoami", whoami::show, "Who asks, and how that is proven", "200 WhoAmI"),
        route(GET, "/v1/journal", journal::show, "Entries of the journal", "200 Journal|events|lines"),
        route(POST, "/v1/journal/verify", journal::verify, "Verifies the journal", "200 JournalVerified"),
        route(GET, "/v1/audit/checkpoint", audit::checkpoint, "The newest checkpoint", "200 text"),
        route(GET, "/v1/audit/proof/{lsn}", audit::proof, "Proves an entry", "200 AuditProof"),
        route(GET, "/v1/audit/consistency", audit::consistency, "Proves an older tree", "200 AuditProof"),
        route(GET, "/v1/audit/witnesses", audit::witnesses, "Who cosigns checkpoints", "200 Witnesses"),
        route(GET, "/v1/audit/tile", audit::tile, "Hashes of the tree", "200 bytes"),
        route(GET, "/v1/work", status::work, "What takes long, and how far it is", "200 Works"),
        route(GET, "/metrics", metrics::show, "What monitoring reads", "200 metrics"),
        route(POST, "/v1/reload", reload::reload, "Reads the configuration anew", "200 Reloaded"),
        route(GET, "/v1/notifications", notifications::list, "Who is told of alerts", "200 Notifications"),
        route(
            POST,
            "/v1/notifications/{name}/test",
            notifications::test,
            "Sends a destination a test",
            "200 NotificationTested",
        ),
        route(GET, "/v1/sinks", sinks::list, "Who is told what the journal says", "200 Sinks"),
        route(POST, "/v1/sinks/{name}/replay", sinks::replay, "Tells a sink once more", "200 Sinks"),
        route(GET, "/v1/root", root::show, "The root key's state", "200 Root"),
        route(POST, "/v1/root/unlock", root::change_unlock, "Changes what unlocks the root key", "200 Root"),
        route(POST, "/kmip", kmip::exchange, "Answers a KMIP message", "200 bytes|xml|KmipMessage"),
        route(POST, "/v1/root/replace", root::replace, "Replaces the root key", "200 Root"),
    ]
}

fn keys() -> Vec<Route> {
    vec![
        route(POST, "/v1/keys", keys::create, "Makes a key", "201 Key"),
        route(GET, "/v1/keys", keys::list, "Lists keys", "200 Keys"),
        route(GET, "/v1/keys/{name}", keys::show, "Shows a key", "200 Key, 304"),
        route(GET, "/v1/keys/{name}/attributes", attributes::list, "KMIP's attributes", "200 Attributes"),
        route(GET, "/v1/keys/{name}/policy", policies::check, "What policies say", "200 PolicyChecked"),
        route(PATCH, "/v1/keys/{name}", change::change, "Changes a key", "200 Key"),
        route(POST, "/v1/keys/{name}/disable", keys::disable, "Sets a key aside", "200 Key"),
        route(POST, "/v1/keys/{name}/enable", keys::enable, "Takes a key into use again", "200 Key"),
        route(POST, "/v1/keys/{name}/archive", keys::archive, "Sets a key aside for later", "200 Key"),
        route(POST, "/v1/keys/{name}/recover", keys::recover, "Takes a key out of the archive", "200 Key"),
        route(POST, "/v1/keys/{name}/rotate", keys::rotate, "Makes a new version", "200 Key"),
        route(POST, "/v1/keys/{name}/activate", keys::activate, "Activates a key", "200 Key"),
        route(POST, "/v1/keys/{name}/revoke", keys::revoke, "Revokes all versions", "200 Key"),
        route(POST, "/v1/keys/{name}/restore", keys::restore, "Restores metadata as it was", "200 Key"),
        route(POST, "/v1/keys/{name}/versions", material::import_version, "Imports a version", "201 Key"),
        route(GET, "/v1/keys/{name}/public", material::public, "The public key", "200 pem|bytes|Jwk"),
        route(POST, "/v1/keys/{name}/export", material::export, "Exports a version", "200 Export"),
        route(POST, "/v1/keys/{name}/split", split_key::split, "Splits a key into parts", "201 Parts"),
        route(POST, "/v1/join", split_key::join, "Joins parts of a key", "201 Key"),
        route(GET, "/v1/wrapping-key", material::wrapping_key, "Wraps what is imported", "200 WrappingKey"),
        route(GET, "/v1/keys/{name}/grants", keys::grants, "Lists grants", "200 Grants"),
        route(PUT, "/v1/keys/{name}/grants/{principal}", keys::grant, "Grants actions", "200 Grant"),
        route(DELETE, "/v1/keys/{name}/grants/{principal}", keys::withdraw, "Takes a grant back", "204"),
        route(GET, "/v1/aliases", aliases::list, "Lists aliases", "200 Aliases"),
        route(PUT, "/v1/aliases/{alias}", aliases::set, "Leads an alias to a key", "200 Alias"),
        route(DELETE, "/v1/aliases/{alias}", aliases::remove, "Takes an alias away", "204"),
    ]
}

fn use_of_keys() -> Vec<Route> {
    vec![
        route(POST, "/v1/keys/{name}/encrypt", data::encrypt, "Encrypts", "200 Ciphertext|bytes"),
        route(POST, "/v1/keys/{name}/decrypt", data::decrypt, "Decrypts", "200 Plaintext|bytes"),
        route(POST, "/v1/keys/{name}/encrypt-stream", stream::encrypt, "Encrypts any size", "200 bytes"),
        route(POST, "/v1/keys/{name}/decrypt-stream", stream::decrypt, "Decrypts any size", "200 bytes"),
        route(POST, "/v1/keys/{name}/sign", data::sign, "Signs", "200 Signature|bytes"),
        route(POST, "/v1/keys/{name}/verify", data::verify, "Verifies a signature", "200 Verdict"),
        route(POST, "/v1/keys/{name}/sign-stream", message::sign, "Signs any size", "200 bytes"),
        route(POST, "/v1/keys/{name}/verify-stream", message::verify, "Verifies any size", "200 Verdict"),
        route(POST, "/v1/keys/{name}/mac-stream", message::mac, "Makes a MAC of any size", "200 bytes"),
        route(
            POST,
            "/v1/keys/{name}/mac-stream/verify",
            message::mac_verify,
            "Verifies any size",
            "200 Verdict",
        ),
        route(POST, "/v1/keys/{name}/mac", data::mac, "Makes a MAC", "200 Mac|bytes"),
        route(POST, "/v1/keys/{name}/mac/verify", data::mac_verify, "Verifies a MAC", "200 Verdict"),
        route(POST, "/v1/keys/{name}/wrap", data::wrap, "Wraps a secret", "200 Wrapped|bytes"),
        route(POST, "/v1/keys/{name}/unwrap", data::unwrap, "Unwraps a secret", "200 Plaintext|bytes"),
        route(POST, "/v1/keys/{name}/datakey", data::datakey, "Makes a data key", "200 DataKey"),
        route(POST, "/v1/keys/{name}/derive", derive::derive, "Derives a new key", "201 Key"),
        route(POST, "/v1/keys/{name}/check", allowance::check, "Whether a use is allowed", "200 Checked"),
        route(POST, "/v1/keys/{name}/lease", allowance::lease, "How long a copy may serve", "200 Lease"),
        route(POST, "/v1/keys/{name}/allocate", allowance::allocate, "Takes of its limits", "200 Allocated"),
        route(POST, "/v1/hash", data::hash, "Hashes data", "200 Digest|bytes"),
        route(POST, "/v1/hash-stream", message::hash, "Hashes any size", "200 bytes"),
        route(POST, "/v1/batch", batch::run, "Uses many keys", "200 Batch"),
        route(POST, "/v1/random", data::random, "Random bytes", "200 Random|bytes"),
    ]
}

fn objects() -> Vec<Route> {
    vec![
        route(POST, "/v1/objects", objects::add, "Adds an object", "201 Key"),
        route(GET, "/v1/objects", objects::list, "Lists objects", "200 Objects"),
        route(GET, "/v1/objects/{name}", keys::show, "Shows an object", "200 Key, 304"),
        route(GET, "/v1/objects/{name}/data", objects::data, "An object's data", "200 ObjectData|bytes"),
        route(POST, "/v1/objects/{name}/versions", objects::add_version, "Adds a version", "201 Key"),
        route(PATCH, "/v1/objects/{name}", change::change, "Changes an object", "200 Key"),
        route(POST, "/v1/objects/{name}/activate", keys::activate, "Activates an object", "200 Key"),
        route(POST, "/v1/objects/{name}/disable", keys::disable, "Sets an object aside", "200 Key"),
        route(POST, "/v1/objects/{name}/enable", keys::enable, "Takes an object into use again", "200 Key"),
        route(POST, "/v1/objects/{name}/archive", keys::archive, "Sets an object aside for later", "200 Key"),
        route(POST, "/v1/objects/{name}/recover", keys::recover, "Takes it out of the archive", "200 Key"),
        route(POST, "/v1/objects/{name}/revoke", keys::revoke, "Revokes an object", "200 Key"),
        route(POST, "/v1/objects/{name}/restore", keys::restore, "Restores metadata as it was", "200 Key"),
        route(POST, "/v1/objects/{name}/destroy", destruction::destroy, "Destroys an object", "200 Key"),
        route(
            DELETE,
            "/v1/objects/{name}/destroy",
            destruction::cancel,
            "Takes a destruction back",
            "200 Key",
        ),
        route(
            GET,
            "/v1/objects/{name}/destroy",
            objects::destruction,
            "How far it has come",
            "200 Destruction",
        ),
    ]
}

fn destruction() -> Vec<Route> {
    const DESTROY: &str = "/v1/keys/{name}/destroy";
    vec![
        route(POST, DESTROY, destruction::destroy, "Destroys all versions", "200 Key"),
        route(DELETE, DESTROY, destruction::cancel, "Takes a destruction back", "200 Key"),
        route(GET, DESTROY, destruction::show, "How far a destruction has come", "200 Destruction"),
        route(POST, "/v1/erasures", destruction::erase, "Destroys keys by tag or realm", "202 Erased"),
        route(GET, "/v1/erasures", destruction::list, "Erasures that are not complete", "200 Erasures"),
        route(GET, "/v1/erasures/{id}", destruction::erasure, "One erasure", "200 Erasure"),
    ]
}

fn backups() -> Vec<Route> {
    vec![
        route(POST, "/v1/backups", backups::create, "Makes a backup", "200 Backup"),
        route(POST, "/v1/backups/prune", backups::prune, "Removes old backups", "200 Pruned"),
        route(POST, "/v1/backups/drill", backups::drill, "Restores on trial", "200 Drills"),
        route(GET, "/v1/places", places::list, "Places of epoch keys", "200 Places"),
        route(POST, "/v1/targets/remove", places::remove_target, "Removes a target", "200 Place"),
        route(POST, "/v1/cells/retire", places::retire, "Strikes a lost place off", "200 Place"),
        route(GET, "/v1/doctor", places::doctor, "What the set-up survives", "200 Doctor"),
    ]
}

fn clients() -> Vec<Route> {
    vec![
        route(POST, "/v1/clients", clients::add, "Adds a client", "201 Enrolled"),
        route(GET, "/v1/clients", clients::list, "Lists clients", "200 Clients"),
        route(PATCH, "/v1/clients/{name}", clients::change, "Changes roles and groups", "200 ClientChanged"),
        route(POST, "/v1/clients/{name}/renew", clients::renew, "Gives a new certificate", "200 Enrolled"),
        route(POST, "/v1/clients/{name}/erase", clients::erase, "Erases a person", "202 ClientErased"),
        route(POST, "/v1/clients/{name}/revoke", clients::revoke, "Revokes a client", "200 ClientRevoked"),
        route(
            POST,
            "/v1/credentials",
            credentials::add,
            "Takes somebody's word for a client",
            "201 CredentialOfClient",
        ),
        route(
            POST,
            "/v1/credentials/{id}/revoke",
            credentials::revoke,
            "Revokes a credential",
            "200 CredentialOfClient",
        ),
        route(POST, "/v1/login", login::log_in, "Gives a token for a while", "200 LoggedIn"),
        route(POST, "/v1/login/renew", login::renew, "Lets it last longer", "200 LoginToken"),
        route(POST, "/v1/logout", login::log_out, "Ends it", "200 LoginToken"),
        route(POST, "/v1/tokens", tokens::create, "Makes a token", "201 TokenMade"),
        route(GET, "/v1/tokens", tokens::list, "Lists tokens", "200 Tokens"),
        route(POST, "/v1/tokens/{id}/renew", tokens::renew, "Lets a token last longer", "200 Token"),
        route(POST, "/v1/tokens/{id}/revoke", tokens::revoke, "Revokes a token", "200 Token"),
        route(GET, "/v1/access/rules", access::list, "Lists access rules", "200 AccessRules"),
        route(POST, "/v1/access/rules", access::apply, "Applies access rules", "200 AccessApplied"),
        route(DELETE, "/v1/access/rules/{rule}", access::remove, "Removes a rule", "200 AccessRemoved"),
        route(POST, "/v1/access/check", access::check, "Who may do what", "200 AccessDecision|AccessHolders"),
        route(GET, "/v1/access/explain/{lsn}", access::explain, "What decided", "200 AccessExplained"),
        route(POST, "/v1/access/simulate", access::simulate, "What rules would do", "200 AccessSimulated"),
        route(POST, "/v1/access/test", access::test, "Tests access rules", "200 AccessTested"),
        route(GET, "/v1/policies", policies::list, "Lists policies", "200 Policies"),
        route(POST, "/v1/policies", policies::apply, "Applies a policy", "200 PolicyApplied"),
        route(GET, "/v1/policies/{policy}", policies::show, "Shows a policy", "200 Policy"),
        route(DELETE, "/v1/policies/{policy}", policies::remove, "Removes a policy", "200 PolicyRemoved"),
        route(GET, "/v1/policies/{policy}/plan", policies::plan, "What it would do", "200 PolicyPlan"),
        route(POST, "/v1/policy-attachments", policies::attach, "Attaches a policy", "200 PolicyAttached"),
        route(POST, "/v1/policy-attachments/detach", policies::detach, "Detaches it", "200 PolicyAttached"),
        route(GET, "/v1/alerts", alerts::list, "Lists alerts", "200 Alerts"),
        route(GET, "/v1/alerts/{number}", alerts::show, "Shows an alert", "200 Alert"),
        route(
            POST,
            "/v1/alerts/{number}/acknowledge",
            alerts::acknowledge,
            "Has been looked at",
            "200 Alert",
        ),
        route(POST, "/v1/alerts/{number}/snooze", alerts::snooze, "Tells nobody for a while", "200 Alert"),
        route(POST, "/v1/alert-suppressions", alerts::suppress, "Suppresses a rule", "200 AlertSuppressions"),
        route(POST, "/v1/alert-suppressions/end", alerts::end, "Tells again", "200 AlertSuppressions"),
        route(GET, "/v1/approvals", approvals::list, "What waits for approval", "200 Approvals"),
        route(GET, "/v1/approvals/{id}", approvals::show, "One request that waits", "200 Approval"),
        route(POST, "/v1/approvals/{id}/approve", approvals::approve, "Approves it", "200 Approval"),
        route(POST, "/v1/approvals/{id}/deny", approvals::deny, "Refuses it", "200 Approval"),
        route(GET, "/v1/approval-rules", approvals::rules, "Lists approval rules", "200 ApprovalRules"),
        route(PUT, "/v1/approval-rules/{rule}", approvals::set, "Sets an approval rule", "200 ApprovalRule"),
        route(DELETE, "/v1/approval-rules/{rule}", approvals::remove, "Removes an approval rule", "204"),
    ]
}

fn realms() -> Vec<Route> {
    vec![
        route(POST, "/v1/realms", realms::create, "Makes a realm", "201 RealmMade"),
        route(GET, "/v1/realms", realms::list, "Lists realms", "200 Realms"),
        route(GET, "/v1/realms/{name}", realms::show, "Shows a realm", "200 Realm"),
        route(POST, "/v1/realms/{name}/delete", realms::delete, "Deletes a realm", "202 RealmDeleted"),
    ]
}
