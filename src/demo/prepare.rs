//! Everything that the demo needs before the service starts: samples, settings, policies, tokens for `curl`.
//!
//! All of it lies in one directory that may be deleted at any time between two runs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::utf8_percent_encode;

use crate::demo::banner;
use crate::demo::error::DemoError;
use crate::demo::idp::{DemoIdp, Person};
use crate::demo::samples::file::replace;
use crate::demo::samples::{self, AWS_BUCKET, AZURE_BUCKET, GCP_BUCKET, Samples};
use crate::domain::time::Clock;

/// The samples are the same for everybody.
const SEED: u64 = 2;

/// How long the tokens in the header files hold.
pub const HEADER_TTL: Duration = Duration::from_hours(12);

/// Readable by the owner alone.
const PRIVATE: u32 = 0o600;

/// The policies by file name: those of every site, and the demo's own.
const POLICIES: [(&str, &str); 4] = [
    ("00-clearance.cedar", include_str!("../../config/policies/00-clearance.cedar")),
    ("10-owners.cedar", include_str!("../../config/policies/10-owners.cedar")),
    ("engineers.cedar", include_str!("../../config/demo-policies/engineers.cedar")),
    ("security.cedar", include_str!("../../config/demo-policies/security.cedar")),
];

/// A demo that is ready to be served.
#[derive(Debug)]
pub struct Demo {
    /// The identity provider; merge its router into the service's.
    pub idp: DemoIdp,
    /// What the buckets hold.
    pub samples: Samples,
    /// The configuration file to start with.
    pub config: PathBuf,
    /// What to print once the service listens.
    pub banner: String,
}

/// Fills a directory for a demo that callers reach at `public_url`.
///
/// # Errors
/// [`DemoError::NotLoopback`] for any but a loopback address, [`DemoError::Write`] when a file cannot be written.
pub async fn prepare(dir: &Path, public_url: &str, clock: Arc<dyn Clock>) -> Result<Demo, DemoError> {
    let (dir, public_url) = (dir.to_owned(), public_url.trim_end_matches('/').to_owned());
    let work = move || fill(&dir, &public_url, clock);
    tokio::task::spawn_blocking(work).await.map_err(|_| DemoError::Stopped)?
}

fn fill(dir: &Path, public_url: &str, clock: Arc<dyn Clock>) -> Result<Demo, DemoError> {
    let now = clock.now();
    // First, since it is what refuses an address that is not loopback.
    let idp = DemoIdp::new(public_url, clock)?;
    make_private(dir)?;
    let at = fs::canonicalize(dir).map_err(|cause| DemoError::Write { path: dir.to_owned(), cause })?;
    let samples = samples::write(&at.join("buckets"), now, SEED)?;
    policies(&at.join("policies"))?;
    session_key(&at.join("session.key"))?;
    for person in Person::ALL {
        let token = idp.access_token_for(person, HEADER_TTL)?;
        let header = format!("Authorization: Bearer {}\n", token.expose());
        put(&at.join(header_name(person)), header.as_bytes(), Some(PRIVATE))?;
    }
    let config = at.join("logboom.toml");
    put(&config, settings(&at, public_url, &idp.issuer()).as_bytes(), None)?;
    let banner = banner::text(dir, public_url, &samples);
    Ok(Demo { idp, samples, config, banner })
}

/// The file that gives a person's token to `curl -H @…`, so that it stands in no command line.
pub fn header_name(person: Person) -> String {
    format!("{}.header", person.slug())
}

fn make_private(dir: &Path) -> Result<(), DemoError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir).map_err(|cause| DemoError::Write { path: dir.to_owned(), cause })
}

/// Replaces the policies as a whole, so that none of an earlier version goes on permitting.
fn policies(folder: &Path) -> Result<(), DemoError> {
    match fs::remove_dir_all(folder) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
            return Err(DemoError::Write { path: folder.to_owned(), cause });
        }
        _ => {}
    }
    POLICIES.iter().try_for_each(|(name, text)| put(&folder.join(name), text.as_bytes(), None))
}

/// The key stays from run to run, so that a login outlives a restart.
fn session_key(path: &Path) -> Result<(), DemoError> {
    if path.exists() {
        return Ok(());
    }
    let mut key = [0_u8; 32];
    aws_lc_rs::rand::fill(&mut key).map_err(|_| DemoError::Key)?;
    put(path, STANDARD.encode(key).as_bytes(), Some(PRIVATE))
}

fn put(path: &Path, bytes: &[u8], mode: Option<u32>) -> Result<(), DemoError> {
    replace(path, bytes, mode).map_err(|cause| DemoError::Write { path: path.to_owned(), cause })
}

fn settings(dir: &Path, public_url: &str, issuer: &str) -> String {
    let below = |name: &str| dir.join(name).display().to_string();
    let mut text = include_str!("../../config/demo.toml").to_owned();
    let mut set = |word: &str, value: &str| {
        // A JSON text is a TOML text too.
        let value = serde_json::Value::from(value).to_string();
        text = text.replace(&format!("{{{word}}}"), &value);
    };
    set("public_url", public_url);
    set("issuer", issuer);
    set("state_url", &format!("sqlite://{}", utf8_percent_encode(&below("state.db"), banner::PATH)));
    set("session_key", &format!("file:{}", below("session.key")));
    set("policies", &below("policies"));
    for bucket in [AWS_BUCKET, GCP_BUCKET, AZURE_BUCKET] {
        set(bucket, &dir.join("buckets").join(bucket).display().to_string());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::SystemClock;

    #[tokio::test]
    async fn a_demo_is_ready_in_one_directory_and_its_tokens_are_private() {
        let dir = std::env::temp_dir().join(format!("logboom-demo-{}", std::process::id()));
        let demo = prepare(&dir, "http://127.0.0.1:8080", Arc::new(SystemClock)).await.unwrap();
        let settings: toml::Table = fs::read_to_string(&demo.config).unwrap().parse().unwrap();
        let aws = settings["buckets"][AWS_BUCKET]["name"].as_str().unwrap();
        assert!(Path::new(aws).join(&demo.samples.elb_key).is_file());
        assert_eq!(settings["identity"]["issuer"].as_str(), Some("http://127.0.0.1:8080/demo-idp"));
        for name in ["engineer.header", "owner.header", "security.header", "session.key"] {
            let meta = fs::metadata(dir.join(name)).unwrap();
            let mode = std::os::unix::fs::PermissionsExt::mode(&meta.permissions());
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        let key = fs::read(dir.join("session.key")).unwrap();
        prepare(&dir, "http://127.0.0.1:8080/", Arc::new(SystemClock)).await.unwrap();
        assert_eq!(key, fs::read(dir.join("session.key")).unwrap());
        fs::remove_dir_all(&dir).unwrap();
    }

    #[tokio::test]
    async fn nothing_is_written_for_an_address_that_is_not_loopback() {
        let dir = std::env::temp_dir().join(format!("logboom-no-demo-{}", std::process::id()));
        let refused = prepare(&dir, "http://192.0.2.1:8080", Arc::new(SystemClock)).await.unwrap_err();
        assert!(matches!(refused, DemoError::NotLoopback { .. }));
        assert!(!dir.exists());
    }
}
