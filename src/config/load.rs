//! Layers: the program's defaults, the site's file, the environment. The later one wins, key by key.
//!
//! `LOGBOOM__HTTP__LISTEN` overrides `http.listen`. Where a name in the file has dashes, the environment writes
//! underscores: `LOGBOOM__BUCKETS__PAYMENTS_PROD__REGION`.

use std::path::Path;

use toml::{Table, Value};

use crate::config::reader::Problems;
use crate::config::secret_ref::Environment;

/// The settings that the program brings along.
const DEFAULTS: &str = include_str!("../../config/defaults.toml");

/// What an override's name begins with.
const PREFIX: &str = "LOGBOOM__";

/// The largest configuration file, in bytes.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Reads all layers into one table; what cannot be read is a problem.
#[must_use]
pub fn layers(file: Option<&Path>, environment: &Environment, problems: &Problems) -> Table {
    let mut table = parse("defaults", DEFAULTS, problems);
    if let Some(file) = file
        && let Some(text) = read(file, problems)
    {
        merge(&mut table, parse(&file.display().to_string(), &text, problems));
    }
    for (name, value) in environment.with_prefix(PREFIX) {
        set(&mut table, &name.split("__").collect::<Vec<_>>(), value);
    }
    further_providers(&mut table, problems);
    table
}

/// Gives each `[identity.providers.NAME]` the defaults of `[identity]`, except what all providers share.
fn further_providers(table: &mut Table, problems: &Problems) {
    let providers = table.get_mut("identity").and_then(|identity| identity.get_mut("providers"));
    let Some(Value::Table(providers)) = providers else { return };
    let Some(Value::Table(mut defaults)) = parse("defaults", DEFAULTS, problems).remove("identity") else {
        return;
    };
    for shared in ["name", "remembered_tokens"] {
        defaults.remove(shared);
    }
    for (_, provider) in providers.iter_mut() {
        if let Value::Table(said) = provider {
            let said = std::mem::replace(said, defaults.clone());
            if let Value::Table(filled) = provider {
                merge(filled, said);
            }
        }
    }
}

fn read(file: &Path, problems: &Problems) -> Option<String> {
    let name = file.display().to_string();
    match std::fs::metadata(file) {
        Ok(meta) if meta.len() > MAX_FILE_BYTES => {
            problems.add(name, "is larger than 1 MiB");
            return None;
        }
        Ok(_) => {}
        Err(error) => {
            problems.add(name, format!("cannot be read: {}", error.kind()));
            return None;
        }
    }
    std::fs::read_to_string(file)
        .map_err(|error| problems.add(name, format!("cannot be read: {}", error.kind())))
        .ok()
}

fn parse(name: &str, text: &str, problems: &Problems) -> Table {
    text.parse().unwrap_or_else(|error: toml::de::Error| {
        let line =
            error.span().and_then(|span| text.get(..span.start)).map_or(1, |head| head.lines().count());
        problems.add(name.to_owned(), format!("is not TOML: line {line}: {}", error.message()));
        Table::new()
    })
}

/// Lays one table over another, key by key.
pub(super) fn merge(below: &mut Table, above: Table) {
    for (key, value) in above {
        match (below.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => merge(below, above),
            (_, value) => {
                below.insert(key, value);
            }
        }
    }
}

/// Puts a text at a path of names from the environment.
fn set(table: &mut Table, path: &[&str], value: &str) {
    let Some((name, rest)) = path.split_first() else { return };
    let key = known_key(table, name);
    if rest.is_empty() {
        table.insert(key, Value::String(value.to_owned()));
        return;
    }
    let inner = table.entry(key).or_insert_with(|| Value::Table(Table::new()));
    if let Value::Table(inner) = inner {
        set(inner, rest, value);
    }
}

/// The key that a name from the environment means: the one in the file that is written with dashes, else its lower case.
fn known_key(table: &Table, name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    let known = table.keys().find(|key| key.replace('-', "_") == lower);
    known.cloned().unwrap_or(lower)
}
