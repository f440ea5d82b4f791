//! Settings: the program's defaults, the site's file and the environment, read into typed structs; every problem is
//! reported at once. The only room that reads the environment.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::http::Edge;
use crate::config::reader::{ConfigProblem, Problems, Section};
use crate::config::sealing::Sealing;
use crate::config::secret_ref::Environment;
use crate::db;
use crate::domain::bucket::Bucket;
use crate::domain::credential::CredentialName;
use crate::domain::label::LabelOrder;
use crate::domain::secret::Secret;
use crate::service::bucket_logs::BucketLogs;
use crate::service::canary::CanaryOptions;
use crate::service::live_check;
use crate::service::stores::Options as StoreOptions;
use crate::service::vending::Limits as VendingLimits;
use crate::telemetry::{self, LogFormat};
use crate::vault::fixed::CredentialRecipe;
use crate::vault::signer;

pub mod bucket_logs;
pub mod buckets;
pub mod http;
pub mod identity;
pub mod leases;
pub mod load;
pub mod reader;
pub mod redaction;
pub mod sealing;
pub mod search;
pub mod secret_ref;
pub mod setting;
pub mod stores;
pub mod vault;
pub mod vending;

#[cfg(test)]
mod tests;

/// How far a check of all that is configured goes: a minute for each bucket, longer than a request waits, since a person does.
pub const LIVE_CHECK: live_check::Limits = live_check::Limits { at_once: 16, each: Duration::from_mins(1) };

/// Everything that the program needs to start.
#[derive(Debug)]
pub struct Config {
    /// The edge.
    pub edge: Edge,
    /// The state store.
    pub state: db::Options,
    /// What seals sessions, logins and page tokens.
    pub sealing: Sealing,
    /// The key of Vault that signs receipts; without it the sealing key of the site's own stands for one.
    pub receipts: Option<signer::Options>,
    /// Who is asking.
    pub identity: identity::Identity,
    /// The site's labels.
    pub labels: LabelOrder,
    /// Where the policies are.
    pub policies: PathBuf,
    /// The stores.
    pub stores: StoreOptions,
    /// Bounds of vending.
    pub vending: VendingLimits,
    /// How vending is tried.
    pub canary: CanaryOptions,
    /// Vault, where there is one.
    pub vault: Option<vault::Vault>,
    /// Credentials by name.
    pub credentials: BTreeMap<CredentialName, CredentialRecipe>,
    /// Those of them that are lent.
    pub lent: leases::LentCredentials,
    /// How lent credentials are held.
    pub leases: crate::vault::leases::Options,
    /// The registered buckets.
    pub buckets: Vec<Bucket>,
    /// What is known of the logs in them.
    pub logs: BucketLogs,
    /// Logs.
    pub telemetry: telemetry::Options,
}

/// What is wrong with a configuration: every problem at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidConfig(pub Vec<ConfigProblem>);

impl fmt::Display for InvalidConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        write!(f, "the configuration has {count} problem{}", if count == 1 { "" } else { "s" })?;
        for problem in &self.0 {
            write!(f, "\n  {}: {}", problem.path, problem.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for InvalidConfig {}

impl Config {
    /// Reads the configuration from a file and this process's environment.
    pub fn load(file: Option<&Path>) -> Result<Self, InvalidConfig> {
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
        let environment = Environment::new(std::env::vars());
        Self::read(file, &environment)
    }

    /// Reads the configuration from a file and an environment given.
    pub fn read(file: Option<&Path>, environment: &Environment) -> Result<Self, InvalidConfig> {
        let problems = Problems::default();
        let table = load::layers(file, environment, &problems);
        let mut root = Section::root(table, problems.clone());
        let config = sections(&mut root, environment);
        root.close();
        match (config, problems.take()) {
            (Some(config), found) if found.is_empty() => Ok(config),
            (_, found) => Err(InvalidConfig(found)),
        }
    }
}

fn sections(root: &mut Section, environment: &Environment) -> Option<Config> {
    let edge = http::edge(root);
    let state = state(root, environment);
    let labels = labels(root);
    if labels.is_none() {
        root.pass_over("identity");
        root.pass_over("buckets");
    }
    let (session, sealing) = session(root, environment);
    let receipts = sealing::receipts(root);
    let public_url = edge.as_ref().map(|edge| edge.options.public_url.clone());
    let identity =
        labels.as_ref().and_then(|labels| identity::identity(root, environment, labels, session, public_url));
    let policies = policies(root);
    let stores = stores::options(root);
    let vending = vending::limits(root);
    let vault = vault::vault(root, environment);
    let leases = leases::options(root);
    let credentials = buckets::credentials(root, environment);
    if matches!(vault, Some(None)) {
        credentials.without_vault(root);
        let sealed = sealing.as_ref().is_some_and(|sealing| sealing.transit.is_some());
        without_vault(root, [("session.transit", sealed), ("receipts", matches!(receipts, Some(Some(_))))]);
    }
    if let (Some(stores), Some(leases)) = (&stores, &leases) {
        credentials.fit_into(root, leases, stores);
    }
    let buckets = labels.as_ref().map(|labels| buckets::buckets(root, labels, &credentials));
    let telemetry = telemetry(root);
    let (vending, canary) = vending?;
    let (buckets, logs) = buckets?;
    Some(Config {
        edge: edge?,
        state: state?,
        sealing: sealing?,
        receipts: receipts?,
        identity: identity?,
        labels: labels?,
        policies: policies?,
        stores: stores?,
        vending,
        canary,
        vault: vault?,
        credentials: credentials.recipes,
        lent: credentials.lent,
        leases: leases?,
        buckets,
        logs,
        telemetry: telemetry?,
    })
}

/// The URL of the state store is a secret when it holds a password, so it may also be a reference.
fn state(root: &mut Section, environment: &Environment) -> Option<db::Options> {
    let mut section = root.section("state");
    let url: Option<String> = section.required("url");
    let url = url.and_then(|text| match text.split_once(':') {
        Some(("env" | "file", _)) => secret_ref::resolve_now(&section, "url", &text, environment),
        Some(("sqlite", _)) => Some(Secret::new(text)),
        Some(("postgres" | "postgresql", _)) if has_no_password(&text) => Some(Secret::new(text)),
        _ => {
            section.problem(
                "url",
                "expected sqlite:…, postgres:… without a password, or a reference env:NAME or file:/path to a URL with one",
            );
            None
        }
    });
    let max_connections = section.required("max_connections");
    let acquire_timeout = section.required("acquire_timeout");
    let migrate_at_start = section.required("migrate_at_start");
    section.close();
    Some(db::Options {
        url: url?,
        max_connections: max_connections?,
        acquire_timeout: acquire_timeout?,
        migrate_at_start: migrate_at_start?,
    })
}

/// Says which of these are there and need Vault.
fn without_vault(root: &mut Section, sections: [(&str, bool); 2]) {
    for (name, _) in sections.iter().filter(|(_, there)| *there) {
        root.problem(name, "needs [vault]");
    }
}

fn has_no_password(url: &str) -> bool {
    url::Url::parse(url).is_ok_and(|url| url.password().is_none())
}

fn labels(root: &mut Section) -> Option<LabelOrder> {
    let mut section = root.section("labels");
    let names: Option<Vec<String>> = section.required("order");
    let order = names.and_then(|names| {
        LabelOrder::new(&names).map_err(|error| section.problem("order", error.to_string())).ok()
    });
    section.close();
    order
}

fn session(
    root: &mut Section,
    environment: &Environment,
) -> (Option<identity::SessionLimits>, Option<Sealing>) {
    let mut section = root.section("session");
    let limits = identity::session_limits(&mut section);
    let sealing = sealing::sealing(&mut section, environment);
    section.close();
    (limits, sealing)
}

fn policies(root: &mut Section) -> Option<PathBuf> {
    let mut section = root.section("policies");
    let directory: Option<PathBuf> = section.required("directory");
    if let Some(directory) = &directory
        && !directory.is_dir()
    {
        section.problem("directory", format!("{} is not a directory", directory.display()));
    }
    section.close();
    directory
}

fn telemetry(root: &mut Section) -> Option<telemetry::Options> {
    let mut section = root.section("telemetry");
    let format = section.parsed("format", |text| match text {
        "json" => Ok(LogFormat::Json),
        "text" => Ok(LogFormat::Text),
        _ => Err("expected json or text"),
    });
    let filter = section.required("filter");
    section.close();
    Some(telemetry::Options { format: format?, filter: filter? })
}
