//! A double of Google Cloud Storage, for what no emulator does: pages of prefixes, `ifGenerationMatch`, tokens that are
//! refused, and signed URLs that are checked.
//!
//! Written from Google's published documents: the JSON API's reference of `Objects: list` and `Objects: get`, "HTTP status
//! and error codes for JSON", and "V4 signing process" with "Canonical requests". It is no emulator: it holds what a test
//! puts in, and answers one request for each connection.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use percent_encoding::percent_decode_str;
use serde_json::json;

use crate::doubles::gcs::boundary::Wants;
use crate::doubles::gcs::vending::Vending;
use crate::harness::recorder::Recorder;

pub mod account;
pub mod boundary;
pub mod vending;

/// One stored object.
#[derive(Clone)]
struct Object {
    bytes: Vec<u8>,
    generation: u64,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Object>,
    /// The only token that is taken; `None` takes everybody.
    token: Option<String>,
    vending: Vending,
    /// Whether narrow tokens reach everything, as at a cloud that has forgotten their boundaries.
    forgets: bool,
    writes: u64,
}

/// A running double with one bucket.
pub struct Gcs {
    state: Arc<Mutex<State>>,
    server: Recorder,
}

/// The one bucket there is.
pub const BUCKET: &str = "logs";

/// When everything was written.
const WRITTEN: (&str, &str) = ("2026-11-23T08:00:00.123Z", "Mon, 23 Nov 2026 08:00:00 GMT");

impl Gcs {
    /// Starts a double; with a token, it refuses whoever shows another one or none.
    pub async fn start(token: Option<&str>) -> Self {
        let state = State { token: token.map(str::to_owned), ..State::default() };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        let server =
            Recorder::http(move |request| answer(&mut shared.lock().expect("no poison"), request)).await;
        Self { state, server }
    }

    /// The base URL.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.server.addr())
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.server.addr().port()
    }

    /// What it was asked so far.
    pub fn server(&self) -> &Recorder {
        &self.server
    }

    /// From now on an exchange says how long its token lives.
    pub fn tells_life(&self) {
        self.state.lock().expect("no poison").vending.tells_life = true;
    }

    /// Whether boundaries are forgotten from now on.
    pub fn forgets_boundaries(&self, forgets: bool) {
        self.state.lock().expect("no poison").forgets = forgets;
    }

    /// Writes an object; one of the same key is replaced by a new generation.
    pub fn put(&self, key: &str, bytes: Vec<u8>) {
        let mut state = self.state.lock().expect("no poison");
        state.writes += 1;
        let generation = 1_795_421_162_000_000 + state.writes;
        state.objects.insert(key.to_owned(), Object { bytes, generation });
    }
}

/// A request taken apart. Query values are decoded, the path is not.
struct Request<'a> {
    path: &'a str,
    raw_query: &'a str,
    head: &'a str,
}

impl Request<'_> {
    fn query(&self, name: &str) -> Option<String> {
        let pairs = self.raw_query.split('&').filter_map(|pair| pair.split_once('='));
        let found = pairs.into_iter().find(|(key, _)| *key == name)?.1;
        Some(decode(found))
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8().expect("UTF-8").into_owned()
}

fn answer(state: &mut State, head: &str) -> Vec<u8> {
    let target = head.split(' ').nth(1).expect("a request line");
    let (path, raw_query) = target.split_once('?').unwrap_or((target, ""));
    let request = Request { path, raw_query, head };
    if request.query("X-Goog-Signature").is_some() {
        return linked(state, &request);
    }
    let bearer = request.header("authorization").and_then(|text| text.strip_prefix("Bearer "));
    let ours = state.token.as_deref().is_none_or(|token| bearer == Some(token));
    let body = head.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    if let Some(account) = path.strip_prefix("/v1/projects/-/serviceAccounts/") {
        let account = account.strip_suffix(":generateAccessToken").expect("the one method");
        return state.vending.generate(&decode(account), ours, body);
    }
    if path == "/v1/token" {
        return state.vending.exchange(body);
    }
    if let Some(boundary) = bearer.and_then(|token| state.vending.boundary(token)) {
        let (bucket, prefix) = (path.split('/').nth(4).unwrap_or_default(), request.query("prefix"));
        let key = path.split('/').nth(6).map(decode);
        let prefix = prefix.unwrap_or_default();
        let wants = match (head.starts_with("GET "), &key) {
            (true, Some(key)) => Wants::Object(key),
            (true, None) => Wants::Listing(&prefix),
            (false, _) => Wants::More,
        };
        let inside = path.starts_with("/storage/v1/b/") && boundary.allows(bucket, &wants);
        if !inside && !state.forgets {
            return refusal("403 Forbidden", "forbidden", "it does not have storage.objects access");
        }
    } else if !ours && !bearer.is_some_and(|token| state.vending.is_wide(token)) {
        return refusal("401 Unauthorized", "authError", "Invalid Credentials");
    }
    if !head.starts_with("GET ") {
        return whole("200 OK", "Content-Type: application/json\r\n", b"{}");
    }
    let Some(rest) = path.strip_prefix("/storage/v1/b/") else {
        return refusal("404 Not Found", "notFound", "Not Found");
    };
    match rest.split('/').collect::<Vec<_>>().as_slice() {
        [bucket, "o", ..] if *bucket != BUCKET => {
            refusal("404 Not Found", "notFound", "The specified bucket does not exist.")
        }
        [_, "o"] => list(state, &request),
        [_, "o", key] => one(state, &request, &decode(key)),
        _ => refusal("404 Not Found", "notFound", "Not Found"),
    }
}

fn list(state: &State, request: &Request<'_>) -> Vec<u8> {
    let prefix = request.query("prefix").unwrap_or_default();
    let limit: usize = request.query("maxResults").map_or(1000, |text| text.parse().expect("a number"));
    let token = request.query("pageToken");
    let after = match token.as_deref().map(|token| token.strip_prefix("after:")) {
        Some(None) => return refusal("400 Bad Request", "invalid", "Invalid argument."),
        Some(Some(after)) => Some(after.to_owned()),
        None => None,
    };
    let folds = request.query("delimiter").is_some();
    let (mut items, mut prefixes, mut last, mut more) = (Vec::new(), BTreeSet::new(), String::new(), false);
    for (key, object) in state.objects.iter().filter(|(key, _)| key.starts_with(&prefix)) {
        let below = key.get(prefix.len()..).and_then(|rest| rest.find('/').filter(|_| folds));
        let name = below.map_or(key.as_str(), |at| key.get(..=prefix.len() + at).expect("a boundary"));
        if prefixes.contains(name) || after.as_deref().is_some_and(|after| name <= after) {
            continue;
        }
        if items.len() + prefixes.len() == limit.min(1000) {
            more = true;
            break;
        }
        name.clone_into(&mut last);
        if below.is_some() {
            prefixes.insert(name.to_owned());
        } else {
            items.push(describe(key, object));
        }
    }
    let next = more.then(|| format!("after:{last}"));
    let page =
        json!({"kind": "storage#objects", "items": items, "prefixes": prefixes, "nextPageToken": next});
    whole("200 OK", "Content-Type: application/json\r\n", page.to_string().as_bytes())
}

fn describe(key: &str, object: &Object) -> serde_json::Value {
    json!({"kind": "storage#object", "name": key, "size": object.bytes.len().to_string(),
        "generation": object.generation.to_string(), "metageneration": "1", "storageClass": "ARCHIVE",
        "timeCreated": WRITTEN.0, "updated": WRITTEN.0, "contentType": "text/plain"})
}

fn one(state: &State, request: &Request<'_>, key: &str) -> Vec<u8> {
    let Some(object) = state.objects.get(key) else {
        return whole("404 Not Found", "", format!("No such object: {BUCKET}/{key}").as_bytes());
    };
    let asked = |name| request.query(name).map(|text| text.parse::<u64>().expect("a generation"));
    if asked("ifGenerationMatch").is_some_and(|wanted| wanted != object.generation) {
        return refusal("412 Precondition Failed", "conditionNotMet", "At least one condition did not hold.");
    }
    if asked("ifGenerationNotMatch") == Some(object.generation) {
        return whole("304 Not Modified", "", b"");
    }
    if request.query("alt").as_deref() != Some("media") {
        let described = describe(key, object).to_string();
        return whole("200 OK", "Content-Type: application/json\r\n", described.as_bytes());
    }
    media(request, object)
}

fn media(request: &Request<'_>, object: &Object) -> Vec<u8> {
    let total = object.bytes.len();
    let headers = format!(
        "Content-Type: text/plain\r\nLast-Modified: {}\r\nX-Goog-Generation: {}\r\nX-Goog-Metageneration: 1\r\n\
         X-Goog-Stored-Content-Encoding: identity\r\nX-Goog-Stored-Content-Length: {total}\r\n\
         X-Goog-Storage-Class: ARCHIVE\r\n",
        WRITTEN.1, object.generation
    );
    let Some(range) = request.header("range").and_then(|text| text.strip_prefix("bytes=")) else {
        return whole("200 OK", &headers, &object.bytes);
    };
    let number = |text: &str| text.parse::<usize>().ok();
    let (first, last) = match range.split_once('-').expect("a range") {
        ("", count) => (total.saturating_sub(number(count).expect("a count")), total),
        (first, last) => (number(first).expect("an offset"), number(last).unwrap_or(total)),
    };
    if first >= total {
        return whole("416 Range Not Satisfiable", &format!("Content-Range: bytes */{total}\r\n"), b"");
    }
    let last = last.min(total - 1);
    let headers = headers + &format!("Content-Range: bytes {first}-{last}/{total}\r\n");
    whole("206 Partial Content", &headers, object.bytes.get(first..=last).expect("in range"))
}

/// The XML API's side of a signed URL.
fn linked(state: &State, request: &Request<'_>) -> Vec<u8> {
    let key = request.path.strip_prefix(&format!("/{BUCKET}/")).map(decode);
    let host = request.header("host").expect("a host");
    if !account::verifies(request.path, request.raw_query, host) {
        return whole("403 Forbidden", "", b"<Error><Code>SignatureDoesNotMatch</Code></Error>");
    }
    let Some(object) = key.and_then(|key| state.objects.get(&key)) else {
        return whole("404 Not Found", "", b"<Error><Code>NoSuchKey</Code></Error>");
    };
    let told = |name| request.query(name).unwrap_or_default();
    let headers = format!(
        "Content-Type: {}\r\nContent-Disposition: {}\r\n",
        told("response-content-type"),
        told("response-content-disposition")
    );
    whole("200 OK", &headers, &object.bytes)
}

fn refusal(status: &str, reason: &str, message: &str) -> Vec<u8> {
    let errors = json!([{"domain": "global", "reason": reason, "message": message}]);
    let body = json!({"error": {"message": message, "errors": errors}}).to_string();
    whole(status, "Content-Type: application/json\r\n", body.as_bytes())
}

/// An HTTP answer.
pub fn whole(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n");
    [head.as_bytes(), body].concat()
}
