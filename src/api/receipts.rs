//! Receipts: what a search read, signed, so that others can check it later.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::logs::{ByteCounts, ObjectCounts};
use crate::domain::jws::{Jws, PublicKey};

/// The kind of a signed receipt (`typ` in its header).
pub const KIND: &str = "logboom-receipt+json";

/// A receipt as it is signed: a flattened JSON Web Signature (RFC 7515, 7.2.2) by Ed25519 (RFC 8037). Its payload is a `Receipt`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignedReceipt {
    /// The receipt in base64url.
    pub payload: String,
    /// Algorithm, key and kind, in base64url.
    pub protected: String,
    /// The signature in base64url.
    pub signature: String,
}

/// What a search read.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Receipt {
    /// Of what form it is: 1.
    pub version: u32,
    /// The service that searched: its public address.
    pub server: String,
    /// When the search ended (RFC 3339).
    pub issued_at: String,
    /// Who searched.
    pub principal: ReceiptPrincipal,
    /// What was searched for.
    pub search: ReceiptSearch,
    /// Whether every record that was asked for was told.
    pub complete: bool,
    /// Why not, as in the summary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Asks for what comes after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Records that were told, without those of the context.
    pub records: u64,
    /// The SHA-256 (hex) of the answer's lines of type `record`, each with its line end, in their order.
    pub records_sha256: String,
    /// How many places were redacted in what was told.
    #[serde(default)]
    pub redacted: u64,
    /// The same by the names of rules.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub redacted_by: BTreeMap<String, u64>,
    /// Objects by what became of them.
    pub objects: ObjectCounts,
    /// Bytes.
    pub bytes: ByteCounts,
    /// Each object that was to be read, in order of bucket and key.
    pub considered: Vec<ReceiptObject>,
    /// Stretches of time for which a sequence of objects has none, although the bucket's layout promises them.
    pub gaps: Vec<ReceiptGap>,
    /// Buckets of which nobody can say whether objects are missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps_unknown: Vec<ReceiptGapsUnknown>,
}

/// Who searched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReceiptPrincipal {
    /// The identity provider.
    pub issuer: String,
    /// The person there.
    pub subject: String,
}

/// What was searched for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReceiptSearch {
    /// Where, as it was asked.
    pub bucket: Vec<String>,
    /// The parameters of the request.
    pub parameters: BTreeMap<String, String>,
}

/// What became of one object.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReceiptObject {
    /// The bucket's id.
    pub bucket: String,
    /// The object's key.
    pub key: String,
    /// Its version, as it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// When it was written last (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
    /// Its stored size in bytes.
    pub size: u64,
    /// `read` to its end, read in `part` because that was enough, `failed`, or `unread` because the search ended before.
    pub outcome: String,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// How many stored bytes were read, from its first on.
    pub bytes_read: u64,
    /// Their SHA-256 (hex); absent when nothing was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// A stretch of time without objects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReceiptGap {
    /// The bucket's id.
    pub bucket: String,
    /// What the objects of the sequence have in common: `app/{yyyy}/{MM}/{dd}/{HH}/`.
    pub sequence: String,
    /// Where it begins (RFC 3339).
    pub from: String,
    /// Where it ends (RFC 3339).
    pub to: String,
}

/// A bucket of which nobody can say whether objects are missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReceiptGapsUnknown {
    /// The bucket's id.
    pub bucket: String,
    /// `no-layout`, or `too-many` partitions to be looked at.
    pub why: String,
}

/// The keys that receipts are checked with: a JSON Web Key Set (RFC 7517).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReceiptKeys {
    /// The keys, those of earlier versions included.
    pub keys: Vec<ReceiptKey>,
}

/// A public key (RFC 8037).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReceiptKey {
    /// `OKP`.
    pub kty: String,
    /// `Ed25519`.
    pub crv: String,
    /// The key, in base64url.
    pub x: String,
    /// Its id: the thumbprint of RFC 7638.
    pub kid: String,
    /// `EdDSA`.
    pub alg: String,
    /// `sig`.
    #[serde(rename = "use")]
    pub used_for: String,
}

impl From<Jws> for SignedReceipt {
    fn from(Jws { protected, payload, signature }: Jws) -> Self {
        Self { payload, protected, signature }
    }
}

impl From<SignedReceipt> for Jws {
    fn from(SignedReceipt { payload, protected, signature }: SignedReceipt) -> Self {
        Self { protected, payload, signature }
    }
}

impl From<PublicKey> for ReceiptKey {
    fn from(key: PublicKey) -> Self {
        let text = str::to_owned;
        Self {
            kty: text("OKP"),
            crv: text("Ed25519"),
            x: key.coordinate(),
            kid: key.id(),
            alg: text("EdDSA"),
            used_for: text("sig"),
        }
    }
}

impl ReceiptKeys {
    /// The keys that receipts can be signed with; others of the set are passed over.
    #[must_use]
    pub fn usable(&self) -> Vec<PublicKey> {
        let ours = self.keys.iter().filter(|key| key.kty == "OKP" && key.crv == "Ed25519");
        ours.filter_map(|key| PublicKey::parse(&key.x)).collect()
    }
}
