//! Every route of the service, one line each.

use http::Method;

use crate::authz::permit::{CreateLink, ListObjects, ReadObject, VendCredentials};
use crate::http::guard::Routes;
use crate::http::openapi;
use crate::http::routes::{
    auth, buckets, credentials, decisions, follow, health, histogram, links, login_options, logs, objects,
    pages, read, receipts, session,
};

const BUCKETS: &str = "/api/v1/buckets";
const BUCKET: &str = "/api/v1/buckets/{bucket}";
const OBJECTS: &str = "/api/v1/buckets/{bucket}/objects";
const OBJECT: &str = "/api/v1/buckets/{bucket}/objects/{*key}";
const OBJECT_BY_KEY: &str = "/api/v1/buckets/{bucket}/object";
const LINKS: &str = "/api/v1/buckets/{bucket}/links";
const CREDENTIALS: &str = "/api/v1/buckets/{bucket}/credentials";

/// The route table.
#[must_use]
pub fn routes() -> Routes {
    let (get, head, post) = (Method::GET, Method::HEAD, Method::POST);
    Routes::default()
        .guarded::<ListObjects, _, _, _>(get.clone(), OBJECTS, objects::list)
        .guarded::<ReadObject, _, _, _>(get.clone(), OBJECT, read::get)
        .guarded::<ReadObject, _, _, _>(head.clone(), OBJECT, read::head)
        .guarded::<ReadObject, _, _, _>(get.clone(), OBJECT_BY_KEY, read::get_by_key)
        .guarded::<ReadObject, _, _, _>(head, OBJECT_BY_KEY, read::head_by_key)
        .guarded::<CreateLink, _, _, _>(post.clone(), LINKS, links::create)
        .guarded::<VendCredentials, _, _, _>(post.clone(), CREDENTIALS, credentials::vend)
        .guarded_all::<ReadObject, _, _, _>(get.clone(), "/api/v1/logs", logs::search)
        .guarded_all::<ReadObject, _, _, _>(get.clone(), "/api/v1/logs/plan", logs::dry_run)
        .guarded_all::<ReadObject, _, _, _>(get.clone(), "/api/v1/logs/histogram", histogram::count)
        .guarded_all::<ReadObject, _, _, _>(get.clone(), "/api/v1/logs/tail", follow::follow)
        .personal(get.clone(), "/api/v1/session", "tells the caller who they are", session::get)
        .personal(get.clone(), BUCKETS, "lists only buckets that the caller may see", buckets::list)
        .personal(get.clone(), BUCKET, "shows only a bucket that the caller may see", buckets::get)
        .personal(post.clone(), "/api/v1/decisions", "answers about the caller alone", decisions::post)
        .public(
            get.clone(),
            "/api/v1/login-options",
            "tells a command line where to log in; nothing that the provider does not tell everybody",
            login_options::get,
        )
        .public(get.clone(), "/auth/login", "begins a login", auth::login)
        .public(get.clone(), "/auth/callback", "ends a login; checks state, nonce and PKCE", auth::callback)
        .public(post.clone(), "/auth/logout", "ends the session that the cookie names", auth::logout)
        .public(
            post,
            "/auth/backchannel-logout",
            "takes logout tokens signed by the issuer",
            auth::backchannel_logout,
        )
        .public(get.clone(), "/api/v1/receipt-keys", "tells the public keys of receipts", receipts::keys)
        .public(get.clone(), "/healthz", "says that the process lives, nothing else", health::live)
        .public(
            get.clone(),
            "/readyz",
            "says which kinds of dependencies are well, without names",
            health::ready,
        )
        .public(get.clone(), "/openapi.json", "the contract", openapi::get)
        .public(get.clone(), "/docs", "the contract for people", pages::docs)
        .public(get.clone(), "/problems/{slug}", "explains a problem", pages::problem)
        .public(
            get.clone(),
            "/",
            "the page of a person who is signed in; sends others to the login",
            pages::home,
        )
        .public(get, "/assets/{name}", "style and script of the pages", pages::asset)
}
