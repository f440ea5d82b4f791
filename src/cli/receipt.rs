//! Receipts as files: written, read, and held against the records that they speak of.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use aws_lc_rs::digest;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::receipts::{KIND, Receipt, ReceiptKeys, SignedReceipt};
use crate::cli::error::CliError;
use crate::domain::jws::{Jws, PublicKey};

/// The largest file of receipts that is read.
const MAX_FILE_BYTES: u64 = 1024 * 1024 * 1024;

/// The SHA-256 of lines of records, as receipts have it.
#[derive(Clone)]
pub struct RecordHash(digest::Context);

impl Default for RecordHash {
    fn default() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }
}

impl std::fmt::Debug for RecordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RecordHash")
    }
}

impl RecordHash {
    /// Counts a line in, its line end included.
    pub fn add(&mut self, line: &[u8]) {
        self.0.update(line);
    }

    /// In hex.
    pub fn finish(self) -> String {
        self.0.finish().as_ref().iter().fold(String::new(), |mut text, byte| {
            // Writing to a String does not fail.
            let _written = write!(text, "{byte:02x}");
            text
        })
    }

    /// Of a file of lines as the server sent them; what is no record is passed over.
    ///
    /// # Errors
    /// [`CliError`] when it cannot be read.
    pub fn of_file(path: &Path) -> Result<String, CliError> {
        let failed = |error: std::io::Error| unreadable(path, &error);
        let mut lines = BufReader::new(File::open(path).map_err(failed)?);
        let (mut hash, mut line) = (Self::default(), Vec::new());
        while lines.read_until(b'\n', &mut line).map_err(failed)? > 0 {
            if line.starts_with(br#"{"type":"record","#) {
                hash.add(&line);
            }
            line.clear();
        }
        Ok(hash.finish())
    }
}

/// Writes a value as a file for people and programs.
///
/// # Errors
/// [`CliError`] when it cannot be written.
pub fn write(path: &Path, value: &impl Serialize) -> Result<(), CliError> {
    // Receipts are plain structures, which always can be written.
    let text = serde_json::to_string_pretty(value).unwrap_or_default() + "\n";
    std::fs::write(path, text)
        .map_err(|error| CliError::remote(format!("cannot write {}: {error}", path.display())))
}

/// Reads a file of JSON; `None` when it is something else.
///
/// # Errors
/// [`CliError`] when it cannot be read.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, CliError> {
    let failed = |error: std::io::Error| unreadable(path, &error);
    let mut text = Vec::new();
    File::open(path).map_err(failed)?.take(MAX_FILE_BYTES).read_to_end(&mut text).map_err(failed)?;
    Ok(serde_json::from_slice(&text).ok())
}

/// The receipt, if one of the keys signed it.
///
/// # Errors
/// [`CliError`] that says what is wrong with it.
pub fn check(signed: &SignedReceipt, keys: &[PublicKey]) -> Result<Receipt, CliError> {
    let wrong = |what: String| CliError::remote(format!("the receipt {what}"));
    let text = Jws::from(signed.clone()).verify(KIND, keys).map_err(|error| wrong(error.to_string()))?;
    let receipt: Receipt =
        serde_json::from_slice(&text).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    if receipt.version != 1 {
        return Err(wrong(format!("is of form {}, which this program does not know", receipt.version)));
    }
    Ok(receipt)
}

/// The keys in a file.
///
/// # Errors
/// [`CliError`] when there are none.
pub fn keys(path: &Path) -> Result<Vec<PublicKey>, CliError> {
    let keys = read::<ReceiptKeys>(path)?.map(|keys| keys.usable()).unwrap_or_default();
    if keys.is_empty() {
        let told = format!("{} holds no key that receipts are checked with", path.display());
        return Err(CliError::remote(told).hint("the server tells its keys: GET /api/v1/receipt-keys"));
    }
    Ok(keys)
}

/// The server was asked for a receipt and gave none.
#[must_use]
pub fn missing() -> CliError {
    CliError::remote(
        "the server did not sign the receipt, because the key's keeper was away when the search ended",
    )
    .hint("search again; what was found is complete as the summary says")
}

fn unreadable(path: &Path, error: &std::io::Error) -> CliError {
    CliError::remote(format!("cannot read {}: {error}", path.display()))
}
