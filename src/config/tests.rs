//! What a site may write, and what it is told when it writes something else.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use proptest::prelude::*;
use toml::{Table, Value};

use super::*;
use crate::domain::bucket::Provider;

/// 32 bytes, all 7.
const KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

/// The least that a site must say.
pub(super) const LEAST: &str = r#"
[http]
public_url = "https://logs.example"
[session]
key = "env:KEY"
[identity]
issuer = "https://login.example"
audiences = ["https://logs.example"]
"#;

/// A file that is gone when the test ends.
struct File(PathBuf);

impl File {
    fn with(text: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("logboom-config-{}-{number}.toml", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _gone = std::fs::remove_file(&self.0);
    }
}

fn environment(more: &[(&str, &str)]) -> Environment {
    let pairs = [("KEY", KEY), ("SECRET", "hunter2")];
    Environment::new(pairs.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

pub(super) fn read(text: &str, more: &[(&str, &str)]) -> Result<Config, InvalidConfig> {
    let file = File::with(text);
    Config::read(Some(&file.0), &environment(more))
}

/// The problems of the least configuration with something added, as `path: message`.
pub(super) fn problems(added: &str) -> Vec<String> {
    let mut table: Table = LEAST.parse().unwrap();
    load::merge(&mut table, added.parse().unwrap());
    let (_, found) = typed(table);
    found.into_iter().map(|problem| format!("{}: {}", problem.path, problem.message)).collect()
}

/// Reads a table that lies over the defaults.
fn typed(above: Table) -> (Option<Config>, Vec<ConfigProblem>) {
    typed_with(above, &environment(&[]))
}

fn typed_with(above: Table, environment: &Environment) -> (Option<Config>, Vec<ConfigProblem>) {
    let problems = Problems::default();
    let mut table = load::layers(None, environment, &problems);
    load::merge(&mut table, above);
    let mut root = Section::root(table, problems.clone());
    let config = sections(&mut root, environment);
    root.close();
    (config, problems.take())
}

#[track_caller]
pub(super) fn assert_one(added: &str, expected: &str) {
    let found = problems(added);
    assert_eq!(found.len(), 1, "{added}\n{found:#?}");
    assert!(found[0].contains(expected), "{added}\n{found:#?}");
}

/// A bucket with everything that it needs.
const BUCKET: &str = r#"
[credentials.none]
kind = "anonymous"
[buckets.logs]
provider = "file"
name = "/srv/logs"
owner = "owners"
label = "internal"
credential = "none"
"#;

#[test]
fn the_least_configuration_is_enough() {
    let config = read(LEAST, &[]).unwrap();
    assert!(config.buckets.is_empty());
    assert_eq!(config.edge.options.listen.port(), 8080);
    assert_eq!(config.edge.options.hosts, ["logs.example"]);
    assert_eq!(config.sealing.local.unwrap().expose(), &[7; 32]);
}

#[test]
fn a_site_that_says_nothing_is_told_everything_that_is_missing_at_once() {
    let found = read("", &[]).unwrap_err().to_string();
    assert!(found.starts_with("the configuration has 4 problems"), "{found}");
    for path in ["http.public_url", "session.key", "identity.issuer", "identity.audiences"] {
        assert!(found.contains(&format!("\n  {path}: is missing; expected")), "{path}\n{found}");
    }
}

#[test]
fn the_example_is_a_configuration() {
    let example = include_str!("../../config/logboom.example.toml");
    let named = [
        ("LOGBOOM__POLICIES__DIRECTORY", "config/policies"),
        ("LOGBOOM_SESSION_KEY", KEY),
        ("LOGBOOM_STATE_URL", "postgres://logboom:hunter2@db.example/logboom"),
        ("LOGBOOM_CLIENT_SECRET", "hunter2"),
        ("PARTNER_AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"),
        ("PARTNER_AWS_SECRET_ACCESS_KEY", "hunter2"),
        ("AZURE_READER_SECRET", "hunter2"),
    ];
    let config = read(example, &named).unwrap();
    let providers: Vec<_> = config.buckets.iter().map(|bucket| bucket.provider).collect();
    for provider in Provider::ALL {
        assert!(providers.contains(&provider), "{provider}");
    }
    assert!(!format!("{config:?}").contains("hunter2"), "a configuration prints no secret");
}

#[test]
fn the_examples_in_the_documents_are_configurations() {
    let documents = [
        include_str!("../../README.md"),
        include_str!("../../docs/admin/providers.md"),
        include_str!("../../docs/admin/identity.md"),
    ];
    for document in documents {
        let blocks = document.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
        let mut table: Table = LEAST.parse().unwrap();
        load::merge(&mut table, blocks.collect::<String>().parse().unwrap());
        let named = ["AZURE_READER_SECRET", "LOGBOOM_OIDC_SECRET"].map(|name| (name, "hunter2"));
        let (_, found) = typed_with(table, &environment(&named));
        assert_eq!(found, [], "{document}");
    }
}

#[test]
fn a_further_provider_has_the_same_defaults_as_the_first() {
    let second = "[identity.providers.second]\nissuer = \"https://two.example\"\naudiences = [\"a\"]\nleeway = \"5s\"\n";
    let config = read(&format!("{LEAST}{second}"), &[]).unwrap();
    let [first, second] = &config.identity.options.providers[..] else { panic!("two") };
    assert_eq!((first.name.as_str(), second.name.as_str()), ("main", "second"));
    assert_eq!(first.checks.algorithms, second.checks.algorithms);
    assert_eq!((first.checks.leeway.as_secs(), second.checks.leeway.as_secs()), (60, 5));
    assert_eq!(first.fetch.timeout, second.fetch.timeout);
}

#[test]
fn tokens_of_the_command_lines_client_are_taken_beside_those_of_listed_ones() {
    let more = "clients = [\"robot\"]\n[identity.command_line]\nclient_id = \"cli\"\n";
    let config = read(&format!("{LEAST}{more}"), &[]).unwrap();
    let [provider] = &config.identity.options.providers[..] else { panic!("one") };
    assert_eq!(provider.bearer.clients.as_deref(), Some(&["robot".to_owned(), "cli".to_owned()][..]));
    assert!(provider.login.is_none(), "browsers have a client of their own");
}

#[test]
fn an_unknown_key_is_refused_wherever_it_stands() {
    assert_one("[htpp]\nlisten = 1", "htpp: is not a setting that Logboom knows");
    assert_one("[http]\nlissen = \"x\"", "http.lissen: is not a setting");
    assert_one(&BUCKET.replace("owner =", "ower = \"x\"\nowner ="), "buckets.logs.ower: is not a setting");
    assert_one("[identity]\nissuers = []", "identity.issuers: is not a setting");
    let error = read(LEAST, &[("LOGBOOM__HTTP__LISSEN", "x")]).unwrap_err().to_string();
    assert!(error.contains("http.lissen: is not a setting"), "{error}");
}

#[test]
fn the_environment_overrides_the_file_and_names_with_dashes_are_found() {
    let text = format!("{LEAST}{}", BUCKET.replace("logs]", "payments-prod]"));
    let more = [
        ("LOGBOOM__HTTP__LISTEN", "127.0.0.1:9999"),
        ("LOGBOOM__HTTP__TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.1"),
        ("LOGBOOM__STATE__MIGRATE_AT_START", "false"),
        ("LOGBOOM__STATE__MAX_CONNECTIONS", "3"),
        ("LOGBOOM__STORES__QUEUE_WAIT", "750ms"),
        ("LOGBOOM__BUCKETS__PAYMENTS_PROD__LABEL", "restricted"),
    ];
    let config = read(&text, &more).unwrap();
    assert_eq!(config.edge.options.listen.port(), 9999);
    assert_eq!(config.edge.options.trusted_proxies.len(), 2);
    assert!(!config.state.migrate_at_start);
    assert_eq!(config.state.max_connections, 3);
    assert_eq!(config.stores.limits.queue_wait.as_millis(), 750);
    assert_eq!(config.buckets[0].id.as_str(), "payments-prod");
    assert_eq!(config.buckets[0].label.as_str(), "restricted");
}

#[test]
fn a_secret_where_a_reference_belongs_is_refused_and_not_repeated() {
    let keys = "[credentials.c]\nkind = \"aws-keys\"\naccess_key_id = \"env:SECRET\"\nsecret_access_key = ";
    for added in [
        format!("[session]\nkey = \"{KEY}\""),
        "[identity]\nclient_id = \"l\"\nclient_secret = \"hunter2\"".to_owned(),
        format!("{keys}\"hunter2\""),
        format!("{keys}\"env:\""),
        format!("{keys}\"file:relative\""),
        "[state]\nurl = \"postgres://u:hunter2@db.example/x\"".to_owned(),
        "[state]\nurl = \"hunter2\"".to_owned(),
    ] {
        let found = problems(&added).join("\n");
        assert!(found.contains("a reference"), "{added}\n{found}");
        assert!(!found.contains("hunter2") && !found.contains(KEY), "{added}\n{found}");
    }
}

#[test]
fn a_reference_to_nothing_is_told_by_its_name() {
    assert_one("[session]\nkey = \"env:NOBODY\"", "session.key: the environment variable NOBODY is not set");
    assert_one("[session]\nkey = \"file:/nowhere/key\"", "session.key: the file /nowhere/key cannot be read");
    assert_one("[session]\nkey = \"env:SECRET\"", "session.key: expected a reference to 32 random bytes");
}

#[test]
fn the_edge_refuses_what_would_open_it() {
    assert_one("[http]\ntrusted_proxies = [\"0.0.0.0/0\"]", "a network of all addresses");
    assert_one("[http]\ntrusted_proxies = [\"::/0\"]", "a network of all addresses");
    assert_one("[http]\npublic_url = \"http://logs.example\"", "expected https; http is for loopback alone");
    assert_one("[http]\npublic_url = \"https://logs.example/app\"", "scheme, host and port alone");
    assert_one("[http]\npublic_url = \"https://u:p@logs.example\"", "scheme, host and port alone");
    for well in ["http://127.0.0.1:8080", "http://localhost", "https://logs.example:8443"] {
        assert_eq!(problems(&format!("[http]\npublic_url = \"{well}\"")), [""; 0], "{well}");
    }
    assert_one("[http.tls]\ncertificate = \"/c.pem\"", "http.tls.key: is missing; expected a path");
    assert_one("[limits]\nlink_max_ttl = \"8d\"", "limits.link_max_ttl: expected at most 7d");
    assert_one("[limits]\nlink_max_ttl = \"1m\"", "at least link_default_ttl");
    assert_one("[policies]\ndirectory = \"/nowhere\"", "policies.directory: /nowhere is not a directory");
}

#[test]
fn a_value_of_another_kind_is_told_what_was_expected() {
    assert_one("[http]\nlisten = \"8080\"", "http.listen: expected an address and port");
    assert_one("[http]\nmax_connections = 0", "expected a whole number of at least 1");
    assert_one(
        "[limits]\nsearch_bytes = -1",
        "limits.search_bytes: expected a whole number, or 0 for no limit",
    );
    assert_eq!(problems("[limits]\nsearch_bytes = 0"), [""; 0]);
    assert_one("[http]\nmax_connections = -1", "expected a whole number of at least 1");
    assert_one("[http]\nrequest_timeout = 60", "expected a time with its unit");
    assert_one("[http]\nrequest_timeout = \"1 minute\"", "expected a time with its unit");
    assert_one("[http]\nrequest_timeout = \"99999999999999999999d\"", "expected a time with its unit");
    assert_one("[telemetry]\nformat = \"xml\"", "telemetry.format: expected json or text");
    assert_one("[labels]\norder = [\"a\", \"a\"]", "labels.order: labels are 1 to 64 different");
    assert_one(
        "[identity]\npreset = \"x\"\nclaims.groups = \"g\"",
        "identity.preset: expected one of standard",
    );
    assert_one("[stores]\nattempts = true", "stores.attempts: expected a whole number");
}

#[test]
fn a_bucket_is_told_what_its_provider_needs() {
    assert_eq!(problems(BUCKET), [""; 0]);
    assert_one(&BUCKET.replace("/srv/logs", "srv/logs"), "buckets.logs.name: expected an absolute directory");
    assert_one(&BUCKET.replace("\"file\"", "\"azure\""), "buckets.logs.account: is missing");
    let elsewhere = BUCKET.replace("\"file\"", "\"azure\"\nendpoint = \"https://127.0.0.1:10000/a\"");
    assert_one(&elsewhere, "buckets.logs.account: is missing");
    assert_one(&BUCKET.replace("\"file\"", "\"s3\""), "expected aws, gcp, azure or file");
    assert_one(&BUCKET.replace("label = \"internal\"", ""), "buckets.logs.label: is missing");
    assert_one(
        &BUCKET.replace("\"internal\"", "\"secret\""),
        "expected one of labels.order: public, internal, confidential, restricted",
    );
    assert_one(&BUCKET.replace("= \"none\"", "= \"nobody\""), "is not the name of one under [credentials]");
    assert_one(&BUCKET.replace("buckets.logs", "buckets.Logs"), "buckets.Logs: a bucket id is 1 to 63");
    let magic = BUCKET.replace("anonymous\"", "magic\"\nwand = \"elder\"");
    assert_one(&magic, "credentials.none.kind: expected anonymous, ambient");
    assert_one("[credentials.None]\nkind = \"anonymous\"", "credentials.None: a credential name is 1 to 63");
    let endpoint = |url: &str| format!("{BUCKET}endpoint = \"{url}\"");
    for bad in ["store.example", "https://u:p@store.example", "https://store.example/", "ftp://store.example"]
    {
        assert_one(&endpoint(bad), "buckets.logs.endpoint: expected a URL such as");
    }
}

#[test]
fn one_native_bucket_has_one_registration() {
    let second = BUCKET.split("[buckets").nth(1).unwrap().replace(".logs]", "[buckets.other]");
    let second = second.replace("\"internal\"", "\"public\"");
    assert_one(&format!("{BUCKET}{second}"), "buckets.other.name: is registered under another id already");
}

#[test]
fn a_file_that_is_not_there_or_no_toml_is_told_with_its_name() {
    let error = Config::read(Some(Path::new("/nowhere/logboom.toml")), &environment(&[])).unwrap_err();
    assert!(error.to_string().contains("/nowhere/logboom.toml: cannot be read"), "{error}");
    let error = read("[http]\nlisten = = 1", &[]).unwrap_err().to_string();
    assert!(error.contains("is not TOML: line 2"), "{error}");
}

fn value() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        Just("env:SECRET".to_owned()),
        Just("https://logs.example".to_owned()),
        Just("30s".to_owned()),
        ".{0,12}",
    ];
    let leaf = prop_oneof![
        text.prop_map(Value::String),
        any::<i64>().prop_map(Value::Integer),
        any::<bool>().prop_map(Value::Boolean),
        any::<f64>().prop_map(Value::Float),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::vec((key(), inner), 0..6)
                .prop_map(|pairs| Value::Table(Table::from_iter(pairs))),
        ]
    })
}

fn key() -> impl Strategy<Value = String> {
    const KEYS: [&str; 22] = [
        "http",
        "limits",
        "state",
        "session",
        "labels",
        "policies",
        "telemetry",
        "stores",
        "identity",
        "providers",
        "claims",
        "credentials",
        "buckets",
        "vault",
        "sign_in",
        "tls",
        "key",
        "kind",
        "url",
        "order",
        "issuer",
        "provider",
    ];
    prop_oneof![4 => proptest::sample::select(&KEYS[..]).prop_map(str::to_owned), 1 => ".{0,8}"]
}

proptest! {
    #[test]
    fn no_configuration_makes_the_reader_panic(pairs in proptest::collection::vec((key(), value()), 0..12)) {
        let (config, found) = typed(Table::from_iter(pairs));
        prop_assert!(config.is_some() || !found.is_empty(), "a refusal says why");
    }

    #[test]
    fn no_variable_makes_the_reader_panic(name in "[A-Z_]{0,20}", value in ".{0,20}") {
        let named = format!("LOGBOOM__{name}");
        let read = Config::read(None, &environment(&[(&named, &value)]));
        prop_assert!(read.is_err(), "the least is missing");
    }
}

#[test]
fn rules_of_redaction_are_named_and_checked() {
    let bucket = "[credentials.none]\nkind = \"anonymous\"\n[buckets.b]\nprovider = \"file\"\nname = \"/srv\"\nowner = \"o\"\nlabel = \"internal\"\ncredential = \"none\"\n";
    assert_eq!(
        problems(&format!("{bucket}[buckets.b.redaction]\ndetectors = [\"email\"]\n")),
        Vec::<String>::new()
    );
    let wrong = "[buckets.b.redaction]\ndetectors = [\"mail\"]\n[buckets.b.redaction.patterns]\n\"Own One\" = \"(\"\n";
    let found = problems(&format!("{bucket}{wrong}"));
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(
        found.iter().any(|problem| problem.contains("email, ipv4, ipv6, card, token, national_id")),
        "{found:?}"
    );
    assert_eq!(
        problems(&format!("{bucket}[buckets.b.redaction]\n")),
        ["buckets.b.redaction: has no rule; expected detectors, patterns or json_paths"]
    );
}
