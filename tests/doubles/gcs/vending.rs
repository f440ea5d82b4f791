//! IAM Credentials and the Security Token Service: a token of a service account, and a narrow one for it. Written from the
//! references of `generateAccessToken` and `TopLevel/token`; what those would not take is refused here.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::doubles::gcs::boundary::Boundary;
use crate::doubles::gcs::whole;

/// The account that may be impersonated.
pub const VENDED: &str = "vended@test-project.iam.gserviceaccount.com";

/// What was given out so far.
#[derive(Default)]
pub struct Vending {
    wide: BTreeSet<String>,
    narrow: BTreeMap<String, Boundary>,
    /// Whether the exchange says how long the narrow token lives; Google may leave it out.
    pub tells_life: bool,
}

impl Vending {
    /// The boundary of a narrow token.
    pub fn boundary(&self, token: &str) -> Option<&Boundary> {
        self.narrow.get(token)
    }

    /// Whether the token is one of the account's own.
    pub fn is_wide(&self, token: &str) -> bool {
        self.wide.contains(token)
    }

    /// `generateAccessToken` for whoever may impersonate.
    pub fn generate(&mut self, account: &str, may: bool, body: &str) -> Vec<u8> {
        if !may {
            return refused("403 Forbidden", "PERMISSION_DENIED: SECRET-quoted");
        }
        if account != VENDED {
            return refused("404 Not Found", "NOT_FOUND");
        }
        let asked: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
        let seconds = asked["lifetime"].as_str().and_then(|text| text.strip_suffix('s')?.parse::<u64>().ok());
        let seconds = seconds.filter(|seconds| (1..=3600).contains(seconds));
        let narrow = asked["scope"] == json!(["https://www.googleapis.com/auth/devstorage.read_only"]);
        let Some(seconds) = seconds.filter(|_| narrow) else {
            return refused("400 Bad Request", "INVALID_ARGUMENT");
        };
        let token = format!("ya29.SECRET-wide-{}", self.wide.len());
        self.wide.insert(token.clone());
        let now = jiff::Timestamp::now();
        let end = now + jiff::SignedDuration::from_secs(seconds.cast_signed());
        json(&json!({"accessToken": token, "expireTime": end.to_string()}))
    }

    /// The exchange of a wide token for a narrow one.
    pub fn exchange(&mut self, body: &str) -> Vec<u8> {
        let form: BTreeMap<String, String> =
            url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
        let is = |name: &str, value: &str| form.get(name).is_some_and(|found| found == value);
        let kind = "urn:ietf:params:oauth:token-type:access_token";
        let of_the_form = is("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange")
            && is("requested_token_type", kind)
            && is("subject_token_type", kind);
        let known = form.get("subject_token").is_some_and(|token| self.wide.contains(token));
        let boundary = form.get("options").map(|options| Boundary::parse(options));
        let (true, true, Some(Ok(boundary))) = (of_the_form, known, boundary) else {
            return refused("400 Bad Request", "invalid_grant: SECRET-quoted");
        };
        let token = format!("ya29.SECRET-narrow-{}", self.narrow.len());
        self.narrow.insert(token.clone(), boundary);
        let mut answer = json!({"access_token": token, "issued_token_type": kind, "token_type": "Bearer"});
        if self.tells_life {
            answer["expires_in"] = json!(120);
        }
        json(&answer)
    }
}

fn json(value: &serde_json::Value) -> Vec<u8> {
    whole("200 OK", "Content-Type: application/json\r\n", value.to_string().as_bytes())
}

fn refused(status: &str, word: &str) -> Vec<u8> {
    let body = json!({"error": {"message": word, "status": word}}).to_string();
    whole(status, "Content-Type: application/json\r\n", body.as_bytes())
}
