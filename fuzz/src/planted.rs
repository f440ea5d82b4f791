//! Records with a secret in them, as a fuzzer's input surrounds it.

use serde_json::{Value, json};

/// One of each promised form, each without a sign that it could share with what stands beside it.
pub const SECRETS: [&str; 12] = [
    "sofia.novak@shop.example",
    "203.0.113.77",
    "2001:db8::c0ff:ee11",
    "4111111111111111",
    "AKIAQ3EGRT5XWZNM7B2C",
    "ghp_1aB2cD3eF4gH5iJ6kL7mN8oP9qR0sT1uV2wX",
    "glpat-Zx9Yw8Vu7Ts6Rq5Po4Nm",
    "xoxb-2222333344-abcdefGHIJ",
    "sk_live_9z8y7x6w5v4u3t2s1r",
    "hvs.CAESIJ8k9l0m1n2o3p4q5r6s",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJzb2ZpYSJ9.c2lnbmF0dXJl",
    "536-90-4399",
];

/// What no detector finds.
const NAMED: &str = "Zdeňka Nováková";

/// Records in which the secret stands between two texts: as text, in JSON, and in JSON within JSON; and records in which a
/// path names it.
#[must_use]
pub fn records(which: u8, before: &str, after: &str) -> Vec<(String, Vec<u8>)> {
    let secret = SECRETS[usize::from(which) % SECRETS.len()];
    // A record is one line, and a sign that could belong to the secret stands apart from it.
    let clean = |text: &str| text.replace(['\n', '\0'], " ");
    let text = format!("{} | {secret} | {}", clean(before), clean(after));
    let object = json!({ "at": before, "msg": text, "more": [after, { "deep": text }] });
    let within = json!({ "payload": object.to_string() });
    let of = |value: &Value| (secret.to_owned(), value.to_string().into_bytes());
    // Under a path that goes, whatever it says, written over several lines.
    let named = json!({ "a": [1], "user": { "name": { after: [before, NAMED, { "x": NAMED }] }, "id": 7 } });
    let over_lines = serde_json::to_string_pretty(&named).unwrap_or_default();
    vec![
        (secret.to_owned(), text.clone().into_bytes()),
        of(&object),
        of(&within),
        (NAMED.to_owned(), over_lines.into_bytes()),
        (NAMED.to_owned(), format!("p={named} end").into_bytes()),
        (NAMED.to_owned(), json!({ "p": named.to_string() }).to_string().into_bytes()),
    ]
}
