//! What seals sessions, logins and page tokens, and what signs receipts: a key of the site's own, or keys of Vault.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::config::reader::Section;
use crate::config::secret_ref::{self, Environment};
use crate::domain::secret::Secret;
use crate::vault::key_ring;
use crate::vault::seal::MasterKey;
use crate::vault::server::VaultPath;
use crate::vault::signer;

/// The shortest life of a data key: each one is a call to Vault.
const SHORTEST_LIFE: Duration = Duration::from_secs(1);

/// The longest: a key should not seal more than 2³² texts (NIST SP 800-38D, 8.3, for random nonces).
const LONGEST_LIFE: Duration = Duration::from_hours(24);

/// The keys. At least one of the two is there.
#[derive(Debug)]
pub struct Sealing {
    /// The site's own key; beside Vault's it opens what was sealed before.
    pub local: Option<MasterKey>,
    /// The key of Vault that wraps data keys.
    pub transit: Option<key_ring::Options>,
}

/// Reads `session.key` and `[session.transit]`.
pub fn sealing(section: &mut Section, environment: &Environment) -> Option<Sealing> {
    let text = secret_ref::optional_secret(section, "key", environment);
    let transit = transit(section);
    let local = match text? {
        None => None,
        Some(text) => Some(master_key(section, &text)?),
    };
    let transit = transit?;
    if local.is_none() && transit.is_none() {
        section.problem("key", "is missing; expected a reference to 32 random bytes, or [session.transit]");
        return None;
    }
    Some(Sealing { local, transit })
}

fn master_key(section: &Section, text: &Secret<String>) -> Option<MasterKey> {
    let decoded = STANDARD.decode(text.expose().trim()).ok().map(Secret::new);
    let bytes = decoded.and_then(|bytes| <[u8; 32]>::try_from(bytes.expose().as_slice()).ok());
    if bytes.is_none() {
        let expected = "expected a reference to 32 random bytes in base64 (openssl rand -base64 32)";
        section.problem("key", expected);
    }
    bytes.map(Secret::new)
}

/// Reads `[receipts]`.
pub fn receipts(root: &mut Section) -> Option<Option<signer::Options>> {
    let mut section = root.section("receipts");
    if section.is_empty() {
        return Some(None);
    }
    let key: Option<String> = section.required("transit_key");
    let mount: Option<Option<String>> = section.optional("transit_mount");
    let mount = VaultPath::parse(mount.flatten().as_deref().unwrap_or("transit"));
    let mount = mount.map_err(|error| section.problem("transit_mount", error.to_string())).ok();
    let options = mount.zip(key).map(|(mount, key)| {
        let options = signer::Options::new(&mount, &key);
        options.map_err(|_| section.problem("transit_key", "expected the name of a key of Vault's")).ok()
    });
    section.close();
    options.flatten().map(Some)
}

#[expect(clippy::option_option, reason = "absent and wrong are two answers, and `?` handles the second")]
fn transit(section: &mut Section) -> Option<Option<key_ring::Options>> {
    let mut section = section.section("transit");
    let life = section.required("data_key_life");
    if section.is_empty() {
        return life.map(|_| None);
    }
    let options = transit_options(&mut section, life);
    section.close();
    options.map(Some)
}

fn transit_options(section: &mut Section, life: Option<Duration>) -> Option<key_ring::Options> {
    let key: Option<String> = section.required("key");
    let mount: Option<Option<String>> = section.optional("mount");
    let (life, key, mount) = (life?, key?, mount?);
    if !(SHORTEST_LIFE..=LONGEST_LIFE).contains(&life) {
        section.problem("data_key_life", "expected from 1s to 24h");
        return None;
    }
    let mount = VaultPath::parse(mount.as_deref().unwrap_or("transit"));
    let mount = mount.map_err(|error| section.problem("mount", error.to_string())).ok()?;
    let options = key_ring::Options::new(&mount, &key, life);
    options.map_err(|_| section.problem("key", "expected the name of a key of Vault's")).ok()
}
