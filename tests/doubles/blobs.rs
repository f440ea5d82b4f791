//! A storage account with hierarchical namespace, for what Azurite does not do: shared access signatures for a directory.
//!
//! Written from Microsoft's published documents: "Create a user delegation SAS" (the string to sign, `sr=d`, `sdd`), "Get User
//! Delegation Key", "List Blobs". It checks each signature by a string of its own making, and lets through what the signed
//! directory and permissions allow.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use logboom::domain::time::{Clock, SystemClock, Timestamp};
use percent_encoding::percent_decode_str;

use crate::harness::azurite::ACCOUNT;
use crate::harness::recorder::Recorder;

/// The one container there is.
pub const CONTAINER: &str = "logs";

/// The secret of the only delegation key.
const KEY: &[u8] = b"SECRET-delegation-key-of-the-double";

/// The version that signatures are made for.
const VERSION: &str = "2026-04-06";

/// Who asked for the delegation key, and in which directory of Entra.
const IDENTITY: (&str, &str) =
    ("9c1f6c5e-0000-4000-8000-000000000002", "9c1f6c5e-0000-4000-8000-000000000001");

type Blobs = BTreeMap<String, Vec<u8>>;
type Query = BTreeMap<String, String>;

/// The double; it stops with the value.
pub struct Account {
    blobs: Arc<Mutex<Blobs>>,
    server: Recorder,
}

impl Account {
    /// Starts it with nothing in it.
    pub async fn start() -> Self {
        let blobs = Arc::new(Mutex::new(Blobs::new()));
        let shared = Arc::clone(&blobs);
        let server =
            Recorder::https(move |request| answer(&shared.lock().expect("no poison"), request)).await;
        Self { blobs, server }
    }

    /// The account's URL, as a bucket's endpoint.
    pub fn endpoint(&self) -> String {
        format!("https://127.0.0.1:{}/{ACCOUNT}", self.server.addr().port())
    }

    /// What it was asked so far.
    pub fn server(&self) -> &Recorder {
        &self.server
    }

    /// Writes a blob whose bytes are its name.
    pub fn put(&self, name: &str) {
        self.blobs.lock().expect("no poison").insert(name.to_owned(), name.into());
    }
}

fn answer(blobs: &Blobs, request: &str) -> Vec<u8> {
    let mut line = request.split(' ');
    let (method, target) = (line.next().expect("a method"), line.next().expect("a target"));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let query: Query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let path = percent_decode_str(path).decode_utf8().expect("UTF-8").into_owned();
    let Some(below) = path.strip_prefix(&format!("/{ACCOUNT}")) else {
        // Somebody takes it for Entra.
        return whole("401 Unauthorized", "", b"{\"error\":\"SECRET-quoted\"}");
    };
    let below = below.trim_start_matches('/');
    let (container, blob) = below.split_once('/').unwrap_or((below, ""));
    let asked = Asked { method, container, blob, query: &query };
    let ours = request.to_lowercase().contains("\r\nauthorization: bearer ");
    if ours && query.get("comp").is_some_and(|comp| comp == "userdelegationkey") {
        return delegation_key(request);
    }
    if !ours && !asked.is_signed_for() {
        return whole("403 Forbidden", "x-ms-error-code: AuthenticationFailed\r\n", b"SECRET-quoted");
    }
    if container != CONTAINER {
        return whole("404 Not Found", "x-ms-error-code: ContainerNotFound\r\n", b"");
    }
    match (method, blobs.get(blob)) {
        ("PUT" | "DELETE", _) => whole("201 Created", "", b""),
        _ if blob.is_empty() => list(blobs, query.get("prefix").map_or("", String::as_str)),
        (_, Some(bytes)) => whole("200 OK", "Content-Type: text/plain\r\nETag: \"1\"\r\n", bytes),
        (_, None) => whole("404 Not Found", "x-ms-error-code: BlobNotFound\r\n", b""),
    }
}

struct Asked<'a> {
    method: &'a str,
    container: &'a str,
    blob: &'a str,
    query: &'a Query,
}

impl Asked<'_> {
    fn told(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }

    /// Whether the signature in the URL is good for this request.
    fn is_signed_for(&self) -> bool {
        let Some(resource) = self.resource() else { return false };
        let needed = match (self.method, self.blob) {
            ("GET" | "HEAD", "") => 'l',
            ("GET" | "HEAD", _) => 'r',
            _ => 'w',
        };
        let time = |name| Timestamp::parse(self.told(name)).ok();
        let now = SystemClock.now();
        let in_time = time("st").is_none_or(|start| start <= now) && time("se").is_some_and(|end| now < end);
        let of_key = self.told("skoid") == IDENTITY.0 && self.told("sktid") == IDENTITY.1;
        let key_in_time = time("skt") <= time("st").or(Some(now)) && time("se") <= time("ske");
        let signature = STANDARD.decode(self.told("sig")).unwrap_or_default();
        let key = hmac::Key::new(hmac::HMAC_SHA256, KEY);
        hmac::verify(&key, self.string_to_sign(&resource).as_bytes(), &signature).is_ok()
            && self.told("sp").contains(needed)
            && self.told("sv") == VERSION
            && self.told("spr") == "https"
            && in_time
            && of_key
            && key_in_time
    }

    /// The directory that the request is in, at the depth that the signature names; a container's signature, or a blob's, is none.
    fn resource(&self) -> Option<String> {
        let depth: usize = self.told("sdd").parse().ok().filter(|depth| *depth > 0)?;
        let at = if self.blob.is_empty() { self.told("prefix") } else { self.blob };
        let mut segments: Vec<_> = at.split('/').collect();
        // The last one is a name inside the directory, or empty after a trailing slash.
        segments.pop();
        let directory = segments.get(..depth)?.join("/");
        (self.told("sr") == "d").then(|| format!("/blob/{ACCOUNT}/{}/{directory}", self.container))
    }

    /// "Version 2020-12-06 and later", with the two fields of 2025-07-05 and those of signed headers and parameters.
    fn string_to_sign(&self, resource: &str) -> String {
        let mut text = format!("{}\n{}\n{}\n{resource}\n", self.told("sp"), self.told("st"), self.told("se"));
        let after = [
            "skoid", "sktid", "skt", "ske", "sks", "skv", "saoid", "suoid", "scid", "skdutid", "sduoid",
            "sip", "spr", "sv", "sr", "snapshot", "ses", "srh", "srq", "rscc", "rscd", "rsce", "rscl",
            "rsct",
        ];
        text += &after.map(|name| self.told(name)).join("\n");
        text
    }
}

fn delegation_key(request: &str) -> Vec<u8> {
    let told = |name: &str| {
        let after = request.split(&format!("<{name}>")).nth(1).expect("a time");
        let time = Timestamp::parse(after.split('<').next().expect("a time")).expect("a time");
        jiff::Timestamp::from_second(time.unix_seconds()).expect("a time").to_string()
    };
    let (start, end, value) = (told("Start"), told("Expiry"), STANDARD.encode(KEY));
    let (user, tenant) = IDENTITY;
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><UserDelegationKey><SignedOid>{user}</SignedOid>\
         <SignedTid>{tenant}</SignedTid><SignedStart>{start}</SignedStart><SignedExpiry>{end}</SignedExpiry>\
         <SignedService>b</SignedService><SignedVersion>{VERSION}</SignedVersion><Value>{value}</Value>\
         </UserDelegationKey>"
    );
    whole("200 OK", "Content-Type: application/xml\r\n", body.as_bytes())
}

fn list(blobs: &Blobs, prefix: &str) -> Vec<u8> {
    let entry = |(name, bytes): (&String, &Vec<u8>)| {
        let size = format!("<Content-Length>{}</Content-Length>", bytes.len());
        format!("<Blob><Name>{name}</Name><Properties>{size}</Properties></Blob>")
    };
    let below = blobs.iter().filter(|(name, _)| name.starts_with(prefix));
    let entries = below.map(entry).collect::<Vec<_>>().concat();
    let body = format!("<EnumerationResults><Blobs>{entries}</Blobs></EnumerationResults>");
    whole("200 OK", "Content-Type: application/xml\r\n", body.as_bytes())
}

fn whole(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n");
    [head.as_bytes(), body].concat()
}
