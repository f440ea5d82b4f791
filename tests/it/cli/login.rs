//! Logging in on the command line: the real program, the real service, and a certified identity provider.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use logboom::domain::time::SystemClock;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use url::Url;

use crate::harness::app::{Setup, directory};
use crate::harness::oidc_provider::{self, API, OidcProvider, Visitor};
use crate::harness::site::{MovedClock, Replica, Site};
use crate::harness::terminal::{Running, command, output, visit};
use crate::http::logs::put_file;

struct Setting {
    provider: &'static OidcProvider,
    app: Replica,
    /// The person's state folder.
    home: PathBuf,
    _site: Site,
}

impl Setting {
    async fn start() -> Self {
        let site = Site::start_with("[identity.command_line]\nclient_id = \"cli\"\n").await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let provider = oidc_provider::for_command_lines().await;
        let config = site.config(&origin);
        let text = fs::read_to_string(&config).expect("the configuration");
        let text = text
            .replace(&site.idp.issuer, &provider.issuer)
            .replace("\"api\"", &format!("\"{API}\""))
            .replace("ES256", "RS256");
        fs::write(&config, text).expect("the configuration");
        let app = Replica::start(listener, &config, Arc::new(SystemClock)).await;
        Self { provider, app, home: directory(), _site: site }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        command(&self.app.origin, &self.home, arguments)
    }

    async fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        output(self.command(arguments)).await
    }

    /// The one file with a login.
    fn file(&self) -> Option<PathBuf> {
        let entries = fs::read_dir(self.home.join("logboom/logins")).ok()?;
        let paths = entries.map(|entry| entry.expect("an entry").path());
        let mut logins = paths.filter(|path| path.file_name().is_none_or(|name| name != "lock"));
        let login = logins.next();
        assert!(logins.next().is_none(), "one login, and nothing left beside it");
        login
    }

    fn kept(&self) -> Value {
        serde_json::from_slice(&fs::read(self.file().expect("a login")).expect("a file")).expect("JSON")
    }

    /// Changes what is kept, with the file's rights unchanged.
    fn change(&self, change: impl FnOnce(&mut Value)) {
        let mut kept = self.kept();
        change(&mut kept);
        fs::write(self.file().expect("a login"), kept.to_string()).expect("a file");
    }

    async fn log_in(&self) {
        let mut running = Running::start(self.command(&["login", "--no-browser"]));
        let page = running.address("  http").await;
        let back = Visitor::new().log_in(&page, "ana").await;
        assert_eq!(visit(&back).await.0, 200);
        let (code, err) = running.end().await;
        assert_eq!(code, 0, "{err}");
    }
}

#[tokio::test]
async fn a_person_logs_in_with_a_browser_works_and_logs_out() {
    let setting = Setting::start().await;
    let mut running = Running::start(setting.command(&["login", "--no-browser"]));
    let page = running.address("  http").await;
    let back = Visitor::new().log_in(&page, "ana").await;
    assert_eq!((back.host_str(), back.path()), (Some("127.0.0.1"), "/callback"));
    let (status, text) = visit(&back).await;
    assert_eq!(status, 200, "{text}");
    let (code, err) = running.end().await;
    assert_eq!(code, 0, "{err}");
    assert!(err.ends_with("as ana of the test (ana)\n"), "{err}");

    let file = setting.file().expect("a login");
    let mode = |path: &Path| fs::metadata(path).expect("it").permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(file.parent().expect("a folder"))), (0o600, 0o700));
    let (code, out, err) = setting.run(&["cat", "pay/team-a/app.log"]).await;
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("CANARY-1"), "{out}");

    let kept = setting.kept();
    let (code, _, err) = setting.run(&["logout"]).await;
    assert_eq!((code, err.as_str()), (0, format!("logged out of {}/\n", setting.app.origin).as_str()));
    assert_eq!(setting.file(), None);
    let (code, _, err) = setting.run(&["buckets"]).await;
    assert_eq!(code, 2, "{err}");
    assert!(err.contains(&format!("run: logboom login --server {}\n", setting.app.origin)), "{err}");
    assert_eq!(spent(&setting, &kept).await, "invalid_grant", "the provider has ended it too");
    let (_, _, err) = setting.run(&["logout"]).await;
    assert!(err.starts_with("nobody is logged in to "), "{err}");
}

/// What the provider says to the refresh token of a login.
async fn spent(setting: &Setting, kept: &Value) -> String {
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("client_id", "cli")
        .append_pair("grant_type", "refresh_token")
        .append_pair("refresh_token", kept["refresh_token"].as_str().expect("a token"))
        .finish();
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let request = client.post(format!("{}/token", setting.provider.issuer)).body(form);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let answer: Value = request.send().await.expect("an answer").json().await.expect("JSON");
    answer["error"].as_str().unwrap_or("taken").to_owned()
}

#[tokio::test]
async fn an_answer_with_another_state_is_refused_and_the_login_goes_on_waiting() {
    let setting = Setting::start().await;
    let mut running = Running::start(setting.command(&["login", "--no-browser"]));
    let page = running.address("  http").await;
    let back = Visitor::new().log_in(&page, "ana").await;
    let mut forged = back.clone();
    let others = back.query_pairs().into_owned().filter(|(name, _)| name != "state");
    let others: Vec<_> = others.collect();
    forged.query_pairs_mut().clear().extend_pairs(others).append_pair("state", "of-somebody-else");
    assert_eq!(visit(&forged).await.0, 400);
    running.line("An answer that belongs to another login was refused").await;
    assert_eq!(setting.file(), None);
    // The code was sent nowhere, so it is still good.
    assert_eq!(visit(&back).await.0, 200);
    let (code, err) = running.end().await;
    assert_eq!(code, 0, "{err}");
    assert!(setting.file().is_some());
}

#[tokio::test]
async fn a_login_that_is_refused_at_the_provider_keeps_nothing() {
    let setting = Setting::start().await;
    let mut running = Running::start(setting.command(&["login", "--no-browser"]));
    let page = running.address("  http").await;
    let sent: Vec<_> = page.query_pairs().into_owned().collect();
    let value = |wanted: &str| &sent.iter().find(|(name, _)| name == wanted).expect("it is sent").1;
    let mut back: Url = value("redirect_uri").parse().expect("a URL");
    back.query_pairs_mut()
        .append_pair("error", "access_denied")
        .append_pair("error_description", "<script>")
        .append_pair("state", value("state"))
        .append_pair("iss", &setting.provider.issuer);
    let (status, text) = visit(&back).await;
    assert!(status == 200 && text.contains("refused") && !text.contains("<script>"), "{text}");
    let (code, err) = running.end().await;
    assert_eq!(code, 2);
    assert!(err.contains("the identity provider refused the login: access_denied"), "{err}");
    assert_eq!(setting.file(), None);
}

#[tokio::test]
async fn an_access_token_that_has_ended_is_renewed_once_for_all_commands() {
    let setting = Setting::start().await;
    setting.log_in().await;
    let before = setting.kept();
    setting.change(|kept| kept["expires_at"] = json!(1_700_000_000));
    // The provider ends a login whose refresh token is used twice.
    let runs = (0..4).map(|_| setting.run(&["buckets", "--json"]));
    for (code, _, err) in futures::future::join_all(runs).await {
        assert_eq!(code, 0, "{err}");
    }
    let after = setting.kept();
    assert_ne!(before["access_token"], after["access_token"]);
    assert_ne!(before["refresh_token"], after["refresh_token"]);
    assert_eq!(
        fs::metadata(setting.file().expect("a login")).expect("it").permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(setting.run(&["buckets"]).await.0, 0);
    assert_eq!(setting.kept(), after, "what still holds is not renewed");
}

#[tokio::test]
async fn a_login_that_ended_at_the_provider_is_forgotten_and_told() {
    let setting = Setting::start().await;
    setting.log_in().await;
    setting.change(|kept| {
        kept["expires_at"] = json!(1_700_000_000);
        kept["refresh_token"] = json!("unknown");
    });
    let (code, _, err) = setting.run(&["buckets"]).await;
    assert_eq!(code, 2);
    let server = &setting.app.origin;
    assert_eq!(
        err,
        format!("error: the login to {server} has ended\nhint: run: logboom login --server {server}\n")
    );
    assert_eq!(setting.file(), None);
}

#[tokio::test]
async fn a_login_that_others_could_read_is_refused_until_it_is_logged_out() {
    let setting = Setting::start().await;
    setting.log_in().await;
    let file = setting.file().expect("a login");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("rights");
    let (code, _, err) = setting.run(&["buckets"]).await;
    assert_eq!(code, 2);
    assert!(err.contains("is not private: others can read or change it"), "{err}");
    let (code, _, err) = setting.run(&["logout"]).await;
    assert_eq!((code, setting.file()), (0, None), "{err}");
}

#[tokio::test]
async fn a_person_logs_in_on_another_device() {
    let setting = Setting::start().await;
    let mut running = Running::start(setting.command(&["login", "--device"]));
    let page = running.address("  http").await;
    let line = running.line("and type in this code: ").await;
    let code = line.rsplit(' ').next().expect("a code");
    let with_code = running.address("  http").await;
    assert!(with_code.query_pairs().any(|(name, value)| name == "user_code" && value == code), "{with_code}");
    Visitor::new().type_in(&page, code, Some("ana")).await;
    let (code, err) = running.end().await;
    assert_eq!(code, 0, "{err}");
    assert!(err.ends_with("as ana of the test (ana)\n"), "{err}");
    assert_eq!(setting.run(&["buckets"]).await.0, 0);
}

#[tokio::test]
async fn a_login_refused_on_the_other_device_keeps_nothing() {
    let setting = Setting::start().await;
    let mut running = Running::start(setting.command(&["login", "--device"]));
    let page = running.address("  http").await;
    let line = running.line("and type in this code: ").await;
    Visitor::new().type_in(&page, line.rsplit(' ').next().expect("a code"), None).await;
    let (code, err) = running.end().await;
    assert_eq!(code, 2);
    assert!(err.contains("the login was refused on the other device"), "{err}");
    assert_eq!(setting.file(), None);
}

#[tokio::test]
async fn the_browser_is_opened_at_the_address_that_is_printed() {
    let setting = Setting::start().await;
    let (tools, opened) = (directory(), directory().join("opened"));
    let script = tools.join("xdg-open");
    fs::write(
        &script,
        format!("#!/bin/sh\nprintf %s \"$1\" > {0}.part && mv {0}.part {0}\n", opened.display()),
    )
    .expect("a script");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("rights");
    let mut login = setting.command(&["login"]);
    login.env("PATH", format!("{}:/usr/bin:/bin", tools.display()));
    let mut running = Running::start(login);
    let page = running.address("  http").await;
    while !opened.exists() {
        tokio::task::yield_now().await;
    }
    assert_eq!(fs::read_to_string(&opened).expect("an address"), page.as_str());
    let back = Visitor::new().log_in(&page, "ana").await;
    assert_eq!(visit(&back).await.0, 200);
    assert_eq!(running.end().await.0, 0);
}

#[tokio::test]
async fn a_token_that_is_given_goes_before_the_login() {
    let setting = Setting::start().await;
    setting.log_in().await;
    let mut buckets = setting.command(&["buckets"]);
    buckets.env("LOGBOOM_TOKEN", "not-a-token-of-anybody");
    let (code, _, err) = output(buckets).await;
    assert_eq!(code, 2);
    let hint = format!(
        "hint: run: logboom login --server {}; a token that is given goes before it",
        setting.app.origin
    );
    assert!(err.contains(&hint), "{err}");
    assert!(setting.file().is_some());
}

#[tokio::test]
async fn what_runs_for_long_ends_when_the_server_no_longer_knows_who_asks() {
    let (root, clock) = (directory().join("bucket"), Arc::new(MovedClock::default()));
    put_file(&root, "team-a/app.log", b"2026-11-23T14:00:00Z one\n");
    let settings = "[search]\nfollow_interval = \"20ms\"\nfollow_max_time = \"100ms\"\n".to_owned();
    let setup = Setup { settings, clock: Arc::<MovedClock>::clone(&clock), ..Setup::default() };
    let app = setup.file("file-logs", &root).start().await;
    let mut tail = command(&app.url, &directory(), &["tail", "", "file-logs/team-a/", "--json"]);
    tail.env("LOGBOOM_TOKEN", app.token("ana", &["team-a"]));
    let mut child = tail.spawn().expect("it starts");
    let run = tokio::task::spawn_blocking(move || {
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
        assert!(lines.any(|line| line.contains("\"end\"")), "one answer ends, and another begins");
        clock.advance(Duration::from_hours(1));
        for _ in lines {}
        child.wait_with_output().expect("it ends")
    });
    let output = run.await.expect("it ends");
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{err}");
    assert!(err.contains("run: logboom login --server ") && !err.contains("going on"), "{err}");
}

#[tokio::test]
async fn a_server_without_a_client_for_it_says_what_is_missing() {
    let app = Setup::default().start().await;
    let (code, _, err) = output(command(&app.url, &directory(), &["login"])).await;
    assert_eq!(code, 2);
    assert!(err.starts_with("error: logins on the command line are not set up at this server\n"), "{err}");
    assert!(err.contains("identity.command_line.client_id"), "{err}");
}

#[tokio::test]
async fn a_login_goes_over_no_network_unprotected() {
    let (code, _, err) = output(command("http://logs.example", &directory(), &["login"])).await;
    assert_eq!(code, 2);
    assert!(err.contains("has to begin with https://"), "{err}");
}
