//! Receipts of searches: what is put into one, and who signs it.

use std::collections::HashMap;
use std::fmt::Write as _;

use aws_lc_rs::digest;

use crate::api::logs::SearchSummary;
use crate::api::receipts::{
    KIND, Receipt, ReceiptGap, ReceiptGapsUnknown, ReceiptKey, ReceiptKeys, ReceiptObject, ReceiptPrincipal,
    ReceiptSearch, SignedReceipt,
};
use crate::domain::bucket::BucketId;
use crate::domain::principal::PrincipalId;
use crate::http::log_lines::in_words;
use crate::http::problem::{Problem, Slug};
use crate::http::state::AppState;
use crate::logs::gaps::Gap;
use crate::logs::merge::RunId;
use crate::logs::object::{Account, ObjectError};
use crate::logs::read::Ending;
use crate::service::find::{Found, NoGaps, Plan};
use crate::service::receipts::ReceiptError;

/// A receipt that is still being written: what is known before the search ends.
pub struct Draft {
    state: AppState,
    principal: PrincipalId,
    search: ReceiptSearch,
    records: digest::Context,
}

impl std::fmt::Debug for Draft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Draft").field("search", &self.search).finish_non_exhaustive()
    }
}

impl Draft {
    /// Begins a receipt, if it can be signed, and names no more objects than it may.
    ///
    /// # Errors
    /// A problem for the caller, before anything is read.
    pub async fn begin(
        state: AppState,
        principal: PrincipalId,
        search: ReceiptSearch,
        plan: &Plan,
    ) -> Result<Self, Problem> {
        let most = state.search_limits.receipt_objects;
        if plan.objects.len() > most {
            let detail = format!(
                "A receipt names at most {most} objects, and this search reads {}",
                plan.objects.len()
            );
            let hint = "Ask for a shorter span of time, or for a longer prefix: bucket=<id>/<prefix>";
            return Err(Problem::new(Slug::SearchTooLarge, detail).hint(hint));
        }
        // Whoever asks for a receipt is told at once, not after an hour, that there will be none.
        keys(&state).await?;
        Ok(Self { state, principal, search, records: digest::Context::new(&digest::SHA256) })
    }

    /// Counts lines of records in.
    pub fn add(&mut self, lines: &[u8]) {
        self.records.update(lines);
    }

    /// Signs it. `None`, with a line in the log, when the signer is away by now.
    pub async fn finish(
        self,
        plan: &Plan,
        ending: &Ending,
        summary: &SearchSummary,
    ) -> Option<SignedReceipt> {
        let receipt = Receipt {
            version: 1,
            server: self.state.options.public_url.to_string(),
            issued_at: self.state.clock.now().to_string(),
            principal: ReceiptPrincipal { issuer: self.principal.issuer, subject: self.principal.subject },
            search: self.search,
            complete: summary.complete,
            reason: summary.reason.clone(),
            cursor: summary.cursor.clone(),
            records: summary.records,
            records_sha256: hex(self.records.finish().as_ref()),
            redacted: summary.redacted,
            redacted_by: summary.redacted_by.clone(),
            objects: summary.objects,
            bytes: summary.bytes,
            considered: considered(plan, ending),
            gaps: gaps(plan),
            gaps_unknown: gaps_unknown(plan),
        };
        let text = serde_json::to_vec(&receipt).ok()?;
        self.state.receipts.sign(KIND, &text).await.map(SignedReceipt::from).ok()
    }
}

/// The keys that receipts are checked with.
///
/// # Errors
/// A problem when there are none, or Vault, which has them, is away.
pub async fn keys(state: &AppState) -> Result<ReceiptKeys, Problem> {
    let keys = state.receipts.keys().await.map_err(|error| {
        if error == ReceiptError::NotSetUp {
            return Problem::new(Slug::ReceiptsNotSetUp, "Nobody has set up a key that signs receipts")
                .hint("Search without a receipt, or ask the people who run this service for one");
        }
        Problem::new(Slug::VaultUnavailable, "The key that signs receipts cannot be asked for")
    })?;
    Ok(ReceiptKeys { keys: keys.into_iter().map(ReceiptKey::from).collect() })
}

fn considered(plan: &Plan, ending: &Ending) -> Vec<ReceiptObject> {
    let accounts: HashMap<RunId, &Account> =
        ending.accounts.iter().map(|account| (account.run, account)).collect();
    let failed: HashMap<RunId, &ObjectError> =
        ending.failed.iter().map(|failed| (failed.run, &failed.error)).collect();
    let objects = (0..).zip(&plan.objects);
    objects
        .map(|(run, found)| object(found, accounts.get(&run).copied(), failed.get(&run).copied()))
        .collect()
}

fn object(found: &Found, account: Option<&Account>, failed: Option<&ObjectError>) -> ReceiptObject {
    let meta = &found.candidate.meta;
    let bytes_read = account.map_or(0, |account| account.stored);
    let outcome = match (account, failed) {
        (_, Some(_)) => "failed",
        (Some(_), None) if bytes_read == meta.size_bytes => "read",
        (Some(_), None) => "part",
        (None, None) => "unread",
    };
    ReceiptObject {
        bucket: found.bucket.id.to_string(),
        key: meta.key.as_str().to_owned(),
        etag: meta.etag.as_ref().filter(|_| found.sees_all).map(|etag| etag.as_str().to_owned()),
        last_modified: meta.last_modified.map(|time| time.to_string()),
        size: meta.size_bytes,
        outcome: outcome.to_owned(),
        why: failed.map(|error| in_words(error).to_owned()),
        bytes_read,
        // Either would let them try out what is redacted.
        sha256: account.filter(|_| found.sees_all && bytes_read > 0).map(|account| hex(&account.digest)),
    }
}

fn gaps(plan: &Plan) -> Vec<ReceiptGap> {
    let gap = |(bucket, gap): &(BucketId, Gap)| ReceiptGap {
        bucket: bucket.to_string(),
        sequence: gap.sequence.clone(),
        from: gap.from.to_string(),
        to: gap.to.to_string(),
    };
    plan.gaps.iter().map(gap).collect()
}

fn gaps_unknown(plan: &Plan) -> Vec<ReceiptGapsUnknown> {
    let unknown = plan.unknown_gaps.iter().map(|(bucket, why)| {
        let why = match why {
            NoGaps::NoLayout => "no-layout",
            NoGaps::TooMany => "too-many",
        };
        ReceiptGapsUnknown { bucket: bucket.to_string(), why: why.to_owned() }
    });
    unknown.collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String does not fail.
        let _written = write!(text, "{byte:02x}");
        text
    })
}
