//! The house's own rules, read from the source as text: who may import whom, which vendor lives where, and how long
//! a file may be. `docs/ARCHITECTURE.md` shows the same table to people, and a test here compares the two.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each room and the rooms that it may import. A room that is not here may not exist.
const ROOMS: [(&str, &[&str]); 16] = [
    ("domain", &[]),
    ("provider", &["domain"]),
    ("logs", &["domain", "provider"]),
    ("vault", &["domain"]),
    ("db", &["domain"]),
    ("authz", &["domain"]),
    ("authn", &["domain", "vault", "db", "telemetry"]),
    ("service", &["domain", "provider", "logs", "vault", "authz"]),
    ("api", &["domain"]),
    ("telemetry", &[]),
    ("http", &["domain", "provider", "logs", "db", "authz", "authn", "service", "api", "telemetry"]),
    ("config", &["domain", "provider", "logs", "vault", "db", "authn", "service", "telemetry", "http"]),
    (
        "app",
        &["domain", "provider", "vault", "db", "authz", "authn", "service", "telemetry", "http", "config"],
    ),
    ("demo", &["domain"]),
    ("client", &["domain", "api"]),
    (
        "cli",
        &[
            "domain",
            "logs",
            "db",
            "authz",
            "authn",
            "service",
            "api",
            "telemetry",
            "http",
            "config",
            "app",
            "demo",
            "client",
        ],
    ),
];

/// Crates of vendors, and the only places that may name them. A name that ends in `_` stands for every crate that
/// begins so.
const VENDORS: [(&str, &[&str]); 35] = [
    ("aws_config", &["provider/aws/"]),
    ("aws_credential_types", &["provider/aws/"]),
    ("aws_sdk_", &["provider/aws/"]),
    ("aws_sigv4", &["provider/aws/"]),
    ("aws_smithy_", &["provider/aws/"]),
    ("axum", &["http/", "app.rs", "demo/"]),
    ("azure_core", &["provider/azure/"]),
    ("azure_identity", &["provider/azure/"]),
    ("azure_storage_", &["provider/azure/"]),
    ("cap_std", &["provider/file/"]),
    ("cedar_policy", &["authz/"]),
    ("clap", &["cli/"]),
    ("clap_complete", &["cli/"]),
    ("clap_mangen", &["cli/"]),
    ("aho_corasick", &["logs/"]),
    ("bzip2", &["logs/"]),
    ("flate2", &["logs/", "demo/"]),
    ("regex", &["logs/"]),
    ("snap", &["logs/"]),
    ("google_cloud_", &["provider/gcp/"]),
    ("governor", &["http/"]),
    ("hyper_rustls", &["provider/wire/"]),
    ("jsonwebtoken", &["authn/", "demo/"]),
    ("miette", &["authz/"]),
    ("openidconnect", &["authn/"]),
    ("prometheus_client", &["telemetry/"]),
    ("quick_xml", &["provider/aws/", "provider/azure/"]),
    ("reqwest", &["authn/", "vault/", "client/", "cli/"]),
    ("rustify", &["vault/"]),
    ("rustix", &["provider/file/", "cli/"]),
    ("sqlx", &["db/"]),
    ("tracing_subscriber", &["telemetry/"]),
    ("utoipa", &["api/", "http/"]),
    ("vaultrs", &["vault/"]),
    ("zstd", &["logs/"]),
];

/// The longest file, in lines.
const MAX_LINES: usize = 400;

/// Files that may be longer, with their length of today. An entry may shrink or go; none may come.
const LONGER: [(&str, usize); 0] = [];

struct Source {
    /// Below `src/`, as `http/guard.rs`.
    path: String,
    text: String,
}

impl Source {
    fn room(&self) -> &str {
        self.path.split('/').next().unwrap_or_default().trim_end_matches(".rs")
    }

    /// Lines of code without comments, with their numbers.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate();
        lines.map(|(at, line)| (at + 1, line.split("//").next().unwrap_or_default()))
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources() -> Vec<Source> {
    let src = root().join("src");
    let mut paths = Vec::new();
    collect(&src, &mut paths);
    let rust = paths.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    rust.map(|path| {
        let text = fs::read_to_string(&path).expect("a source file is UTF-8");
        let below = path.strip_prefix(&src).expect("it was found there");
        Source { path: below.to_string_lossy().into_owned(), text }
    })
    .collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() { collect(&path, found) } else { found.push(path) }
    }
}

/// Whether a line names a crate: as a path of its own, followed by `::`, or whole in a `use`.
fn names_crate(line: &str, vendor: &str) -> bool {
    line.match_indices(vendor).any(|(at, _)| {
        let before = line.get(..at).and_then(|head| head.chars().last());
        let mut rest = line.get(at + vendor.len()..).unwrap_or_default();
        if vendor.ends_with('_') {
            rest = rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
        }
        let alone = before.is_none_or(|c| !c.is_ascii_alphanumeric() && !matches!(c, '_' | ':' | '.'));
        alone && (rest.starts_with("::") || (line.trim_start().starts_with("use ") && rest == ";"))
    })
}

/// The rooms that a line reaches by `crate::room`.
fn rooms_named(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("crate::").filter_map(|(at, found)| {
        let whole = line.get(..at)?.chars().last().is_none_or(|c| !c.is_ascii_alphanumeric() && c != '_');
        let rest = line.get(at + found.len()..)?;
        let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(rest.len());
        whole.then_some(rest.get(..end)?)
    })
}

fn assert_none(broken: &[String], rule: &str) {
    assert!(broken.is_empty(), "{rule}:\n  {}", broken.join("\n  "));
}

#[test]
fn rooms_import_only_the_rooms_below_them() {
    let allowed: BTreeMap<_, _> = ROOMS.into_iter().collect();
    let mut broken = Vec::new();
    for source in sources().iter().filter(|source| !matches!(source.room(), "lib" | "main")) {
        let room = source.room();
        let Some(allowed) = allowed.get(room) else {
            broken.push(format!("{}: the room `{room}` is not in the table", source.path));
            continue;
        };
        for (number, line) in source.code() {
            for other in rooms_named(line).filter(|other| *other != room && !allowed.contains(other)) {
                broken.push(format!("{}:{number}: `{room}` may not import `{other}`", source.path));
            }
        }
    }
    assert_none(&broken, "a room may import only what the table of rooms allows it");
}

#[test]
fn imports_are_written_so_that_they_can_be_read_as_text() {
    let mut broken = Vec::new();
    for source in sources() {
        for (number, line) in source.code() {
            for bad in ["use crate::{", "super::super", "use crate::*"] {
                if line.contains(bad) {
                    broken.push(format!("{}:{number}: {bad}", source.path));
                }
            }
        }
    }
    assert_none(&broken, "write `use crate::room::file::Thing;`");
}

#[test]
fn a_vendors_crate_is_named_in_its_room_alone() {
    let mut broken = Vec::new();
    for source in sources() {
        for (vendor, places) in VENDORS {
            if places.iter().any(|place| source.path.starts_with(place)) {
                continue;
            }
            for (number, _) in source.code().filter(|(_, line)| names_crate(line, vendor)) {
                broken.push(format!("{}:{number}: {vendor} belongs to {}", source.path, places.join(", ")));
            }
        }
    }
    assert_none(&broken, "one room for each vendor");
}

#[test]
fn files_are_short() {
    let longer: BTreeMap<_, _> = LONGER.into_iter().collect();
    let mut broken = Vec::new();
    for source in sources() {
        let lines = source.text.lines().count();
        let limit = longer.get(source.path.as_str()).copied();
        if lines > limit.unwrap_or(MAX_LINES) {
            broken.push(format!("{}: {lines} lines", source.path));
        }
        if let Some(limit) = limit.filter(|limit| lines < *limit) {
            broken.push(format!("{}: {lines} lines now; write that instead of {limit}", source.path));
        }
    }
    assert_none(&broken, "a file has at most 400 lines, and exceptions only shrink");
}

#[test]
fn every_file_says_what_lives_there() {
    let silent = sources().into_iter().filter(|source| !source.text.starts_with("//! "));
    let silent: Vec<_> = silent.map(|source| source.path).collect();
    assert_none(&silent, "a file begins with `//!`");
}

#[test]
fn nothing_is_left_for_later_in_a_comment() {
    // In two halves, so that this file does not find itself.
    let words = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:")];
    let mut broken = Vec::new();
    for source in sources() {
        for (at, line) in source.text.lines().enumerate() {
            if words.iter().any(|word| line.contains(word)) {
                broken.push(format!("{}:{}", source.path, at + 1));
            }
        }
    }
    assert_none(&broken, "an issue, or nothing");
}

#[test]
fn every_problem_has_a_page_and_every_page_a_problem() {
    let source = fs::read_to_string(root().join("src/http/problem/pages.rs")).expect("the list of pages");
    let listed = source.split("pages!(").nth(1).and_then(|rest| rest.split(')').next()).expect("the list");
    let slugs: BTreeSet<String> = listed
        .split(',')
        .map(|slug| slug.trim().trim_matches('"').to_owned())
        .filter(|s| !s.is_empty())
        .collect();
    let mut files = Vec::new();
    collect(&root().join("docs/problems"), &mut files);
    let pages: BTreeSet<String> =
        files.iter().filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned())).collect();
    assert_eq!(slugs, pages);
    let kinds = fs::read_to_string(root().join("src/http/problem/slug.rs")).expect("the kinds of problems");
    for slug in &slugs {
        assert!(kinds.contains(&format!("\"{slug}\"")), "{slug} has a page and is no kind of problem");
    }
}

#[test]
fn both_databases_have_the_same_migrations() {
    let names = |database: &str| {
        let mut files = Vec::new();
        collect(&root().join("src/db/migrations").join(database), &mut files);
        files.iter().filter_map(|path| path.file_name()).map(ToOwned::to_owned).collect::<BTreeSet<_>>()
    };
    let sqlite = names("sqlite");
    assert!(!sqlite.is_empty());
    assert_eq!(sqlite, names("postgres"));
}

#[test]
fn the_map_for_people_shows_the_same_table_of_rooms() {
    let map = fs::read_to_string(root().join("docs/ARCHITECTURE.md")).expect("docs/ARCHITECTURE.md");
    for (room, allowed) in ROOMS {
        let allowed = if allowed.is_empty() { "–".to_owned() } else { allowed.join(", ") };
        let row = format!("| `{room}` | {allowed} |");
        assert!(map.contains(&row), "docs/ARCHITECTURE.md has no row that begins {row}");
    }
}

#[test]
fn every_default_is_explained_with_its_value() {
    let read = |path: &str| fs::read_to_string(root().join(path)).expect("a text file");
    let (defaults, explained) = (read("config/defaults.toml"), read("docs/admin/configuration.md"));
    let mut section = "";
    let mut broken = Vec::new();
    for line in defaults.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name;
        } else if let Some((key, value)) = line.split_once(" = ") {
            let value = value.trim_matches('"');
            let row = |name: &str| {
                let begin = format!("| `{name}` |");
                explained.lines().any(|line| line.starts_with(&begin) && line.contains(&format!("`{value}`")))
            };
            let name = format!("{section}.{key}");
            // A section's own table leaves its name out.
            let short = name.split_once('.').map_or(key, |(_, short)| short);
            if !row(key) && !row(short) && !row(&name) {
                broken.push(format!("{name} = {value}"));
            }
        }
    }
    assert_none(&broken, "docs/admin/configuration.md explains every default");
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut files = vec![root().join("README.md")];
    collect(&root().join("docs"), &mut files);
    let mut broken = Vec::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "md")) {
        let text = fs::read_to_string(file).expect("a text file");
        for target in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            let outside = target.is_empty() || target.contains("://");
            if !outside && !file.with_file_name(target).exists() {
                broken.push(format!("{}: {target}", file.display()));
            }
        }
    }
    assert_none(&broken, "a link in a document leads to a file");
}
