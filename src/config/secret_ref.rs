//! References to secrets: `env:NAME` or `file:/path`. A secret itself never stands in the configuration.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::config::reader::Section;
use crate::domain::secret::Secret;
use crate::vault::fixed::SecretText;

/// The largest secret file that is read, in bytes.
const MAX_SECRET_BYTES: u64 = 64 * 1024;

/// Where a secret is to be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// An environment variable of this process.
    Env(String),
    /// A file, without its trailing line end.
    File(PathBuf),
}

impl SecretRef {
    /// What a reader of the error is told to write.
    pub const EXPECTED: &'static str =
        "a reference to a secret, env:NAME or file:/path (the secret itself never stands here)";

    /// Parses a reference.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':')? {
            ("env", name) if !name.is_empty() => Some(Self::Env(name.to_owned())),
            ("file", path) if Path::new(path).is_absolute() => Some(Self::File(path.into())),
            _ => None,
        }
    }
}

/// The process environment as it was when the configuration was read.
#[derive(Debug, Default)]
pub struct Environment(BTreeMap<String, Secret<String>>);

impl Environment {
    /// Takes pairs of name and value.
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name, Secret::new(value))).collect())
    }

    /// The value of a variable, unless it is empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Secret<String>> {
        self.0.get(name).filter(|value| !value.expose().is_empty())
    }

    /// Every variable that begins with a prefix, without that prefix.
    pub fn with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.iter().filter_map(move |(name, value)| {
            name.strip_prefix(prefix).map(|rest| (rest, value.expose().as_str()))
        })
    }
}

/// Reads a required reference and keeps it as a reference: files are read when they are needed.
pub fn secret_text(section: &mut Section, key: &str, environment: &Environment) -> Option<SecretText> {
    let text: String = section.required(key)?;
    resolve(section, key, &text, environment)
}

/// Like [`secret_text`], for a key that may be absent.
pub fn optional_secret_text(
    section: &mut Section,
    key: &str,
    environment: &Environment,
) -> Option<Option<SecretText>> {
    match section.optional::<String>(key)? {
        Some(text) => resolve(section, key, &text, environment).map(Some),
        None => Some(None),
    }
}

/// Reads the secret behind a reference now.
pub fn secret(section: &mut Section, key: &str, environment: &Environment) -> Option<Secret<String>> {
    let text = secret_text(section, key, environment)?;
    read_now(section, key, text)
}

/// Like [`secret`], for a key that may be absent.
pub fn optional_secret(
    section: &mut Section,
    key: &str,
    environment: &Environment,
) -> Option<Option<Secret<String>>> {
    match optional_secret_text(section, key, environment)? {
        Some(text) => read_now(section, key, text).map(Some),
        None => Some(None),
    }
}

/// Reads the secret behind a reference that was taken from the section already.
pub fn resolve_now(
    section: &Section,
    key: &str,
    text: &str,
    environment: &Environment,
) -> Option<Secret<String>> {
    let text = resolve(section, key, text, environment)?;
    read_now(section, key, text)
}

fn resolve(section: &Section, key: &str, text: &str, environment: &Environment) -> Option<SecretText> {
    match SecretRef::parse(text) {
        Some(SecretRef::File(path)) => Some(SecretText::File(path)),
        Some(SecretRef::Env(name)) => {
            let value = environment.get(&name);
            if value.is_none() {
                section.problem(key, format!("the environment variable {name} is not set"));
            }
            value.cloned().map(SecretText::Value)
        }
        None => {
            section.problem(key, format!("expected {}", SecretRef::EXPECTED));
            None
        }
    }
}

fn read_now(section: &Section, key: &str, text: SecretText) -> Option<Secret<String>> {
    let path = match text {
        SecretText::Value(value) => return Some(value),
        SecretText::File(path) => path,
    };
    let fits = std::fs::metadata(&path).is_ok_and(|meta| meta.len() <= MAX_SECRET_BYTES);
    let content = if fits { std::fs::read_to_string(&path).ok().map(Secret::new) } else { None };
    let value = content
        .map(|content| Secret::new(content.expose().trim_end_matches(['\r', '\n']).to_owned()))
        .filter(|value| !value.expose().is_empty());
    if value.is_none() {
        section
            .problem(key, format!("the file {} cannot be read as a text of at most 64 KiB", path.display()));
    }
    value
}
