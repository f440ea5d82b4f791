//! A pull as it lies in its folder: what was asked for, its parts, and their receipts.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::api::receipts::{Receipt, SignedReceipt};
use crate::cli::error::CliError;
use crate::cli::receipt;
use crate::domain::record::RecordTime;

/// The most parts of one pull.
const MAX_PARTS: usize = 10_000;

/// What is pulled; a folder holds one pull alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The server.
    pub server: String,
    /// Buckets and prefixes.
    pub places: Vec<String>,
    /// The filter; empty for everything.
    pub query: String,
    /// The earliest time (RFC 3339).
    pub from: String,
    /// The first time that is too late (RFC 3339).
    pub to: String,
    /// How much time one part holds.
    pub part_seconds: u64,
}

/// The receipts of a pull's parts.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pulled {
    /// What was pulled.
    pub request: Request,
    /// The parts, in order of time.
    pub parts: Vec<PulledPart>,
}

/// A part file and its receipt.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PulledPart {
    /// The file's name, beside the receipt.
    pub file: String,
    /// What was read for it.
    pub receipt: SignedReceipt,
}

impl Request {
    /// The parts: they begin at round times, so that they fit to the folders of hours and days.
    ///
    /// # Errors
    /// [`CliError`] when there are none, or too many.
    pub fn spans(&self) -> Result<Vec<(RecordTime, RecordTime)>, CliError> {
        let parse = |text: &str| RecordTime::parse(text).map_err(|error| CliError::remote(error.to_string()));
        let (from, to) = (parse(&self.from)?, parse(&self.to)?);
        let step = i64::try_from(self.part_seconds.max(1)).unwrap_or(i64::MAX).saturating_mul(1_000_000_000);
        let mut spans = Vec::new();
        let mut start = from;
        while start < to {
            let next = start.unix_nanos().div_euclid(step).saturating_add(1).saturating_mul(step);
            let end = RecordTime::from_unix_nanos(next).min(to);
            spans.push((start, end));
            start = end;
            if spans.len() > MAX_PARTS {
                let told = format!("this would be more than {MAX_PARTS} parts");
                return Err(CliError::usage(told).hint("say a longer --part"));
            }
        }
        if spans.is_empty() {
            return Err(CliError::usage("the span of time is empty"));
        }
        Ok(spans)
    }
}

impl PulledPart {
    /// The part's file, which lies beside the receipt.
    ///
    /// # Errors
    /// [`CliError`] when the receipt names another place.
    pub fn file_name(&self) -> Result<&str, CliError> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-.".contains(&b);
        if self.file.bytes().all(plain) && self.file.ends_with(".ndjson") {
            return Ok(&self.file);
        }
        Err(CliError::remote("the receipt names a file that no pull makes"))
    }
}

impl Pulled {
    /// How much it is, in words, and whether it is complete.
    ///
    /// # Errors
    /// [`CliError`] when a receipt cannot be read.
    pub fn told(&self) -> Result<(String, bool), CliError> {
        let receipts: Option<Vec<Receipt>> = self.parts.iter().map(|part| unchecked(&part.receipt)).collect();
        let receipts = receipts.ok_or_else(receipt::missing)?;
        let records: u64 = receipts.iter().map(|receipt| receipt.records).sum();
        let whole = receipts.iter().all(|receipt| receipt.complete || goes_on(receipt.reason.as_deref()));
        let complete = if whole { "complete" } else { "NOT complete" };
        Ok((format!("{records} records in {} parts, {complete}", receipts.len()), whole))
    }

    /// Whether these, the checked receipts of its parts, hold all of what was asked for, without a gap between them.
    ///
    /// # Errors
    /// [`CliError`] that says what does not fit.
    pub fn covers(&self, receipts: &[Receipt]) -> Result<(), CliError> {
        let wrong = |what: String| Err(CliError::remote(format!("the receipts do not fit together: {what}")));
        let mut at = self.request.from.clone();
        let mut cursor: Option<String> = None;
        for receipt in receipts {
            let said = |name: &str| receipt.search.parameters.get(name).map(String::as_str);
            let known: BTreeMap<&str, Option<&str>> = [
                ("from", Some(at.as_str())),
                ("q", Some(self.request.query.as_str())),
                ("cursor", cursor.as_deref()),
            ]
            .into();
            if let Some((name, expected)) = known.iter().find(|(name, expected)| said(name) != **expected) {
                return wrong(format!("{name} is {:?} where {expected:?} belongs", said(name)));
            }
            let others = receipt
                .search
                .parameters
                .keys()
                .find(|name| !["from", "to", "q", "cursor"].contains(&name.as_str()));
            if others.is_some() || receipt.search.bucket != self.request.places {
                return wrong("one is of another search".to_owned());
            }
            cursor = next(receipt.reason.as_deref(), receipt.cursor.clone());
            if cursor.is_none() {
                said("to").unwrap_or_default().clone_into(&mut at);
            }
        }
        if at != self.request.to || cursor.is_some() {
            return wrong(format!("they end at {at}, not at {}", self.request.to));
        }
        Ok(())
    }
}

/// What a receipt says that came from the server itself a moment ago, or is checked later.
pub fn unchecked(signed: &SignedReceipt) -> Option<Receipt> {
    let text = URL_SAFE_NO_PAD.decode(&signed.payload).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Where to go on, when what ended an answer lets the next one go on from there.
pub fn next(reason: Option<&str>, cursor: Option<String>) -> Option<String> {
    cursor.filter(|_| goes_on(reason))
}

/// Whether it was only the time of one answer that was over, or what its asker may read for now.
fn goes_on(reason: Option<&str>) -> bool {
    matches!(reason, Some("time" | "allowance"))
}
