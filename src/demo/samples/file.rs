//! One sample object, and how it reaches the disk: whole or not at all.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use flate2::{Compression, GzBuilder};
use serde_json::Value;

use crate::demo::error::DemoError;

/// An object of the demo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleFile {
    /// Its key in the bucket.
    pub key: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

impl SampleFile {
    /// Writes the object below a bucket's directory. A file that has this content already stays untouched.
    pub fn write(&self, bucket: &Path) -> Result<(), DemoError> {
        let path = bucket.join(&self.key);
        replace(&path, &self.bytes, None).map_err(|cause| DemoError::Write { path, cause })
    }
}

/// Puts a file in its place in one step, so that a reader never sees half of it.
pub fn replace(path: &Path, bytes: &[u8], mode: Option<u32>) -> io::Result<()> {
    if mode.is_none() && fs::read(path).is_ok_and(|present| present == bytes) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let draft = folder.join(format!(".{name}.draft"));
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    if let Some(mode) = mode {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    }
    let written = options.open(&draft).and_then(|mut file| file.write_all(bytes));
    written.and_then(|()| fs::rename(&draft, path)).inspect_err(|_| {
        let _ = fs::remove_file(&draft);
    })
}

/// Compresses as the clouds do, with no time in the header, so that the same text gives the same bytes.
pub fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzBuilder::new().write(Vec::new(), Compression::fast());
    // Writing into memory does not fail.
    let _ = encoder.write_all(text);
    encoder.finish().unwrap_or_default()
}

/// One JSON value a line.
pub fn json_lines(values: &[Value]) -> Vec<u8> {
    let mut lines = Vec::new();
    for value in values {
        let _ = writeln!(lines, "{value}");
    }
    lines
}
