//! The command line logs in to the demo, as a person tries it by hand.

use std::path::Path;
use std::process::Command;

use reqwest::header::LOCATION;
use url::Url;
use url::form_urlencoded::Serializer;

use crate::harness::app::directory;
use crate::harness::servers::{Server, answers, free_port};
use crate::harness::terminal::{Running, command, output, visit};

/// Sends a form of the demo's own pages, as a browser does; answers where it is sent on to.
async fn press(page: &Url, form: &[(String, String)], person: &str) -> Option<Url> {
    let body = Serializer::new(String::new()).extend_pairs(form).append_pair("person", person).finish();
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
    let request = client.build().expect("a client").post(page.clone());
    let request = request.header("origin", page.origin().ascii_serialization());
    let answer = request.body(body).send().await.expect("an answer");
    assert!(answer.status().as_u16() < 400, "{answer:?}");
    answer.headers().get(LOCATION).map(|at| at.to_str().expect("text").parse().expect("a URL"))
}

fn parameters(page: &Url) -> Vec<(String, String)> {
    page.query_pairs().into_owned().collect()
}

async fn may_do(origin: &str, home: &Path) -> (i32, String) {
    let (code, out, err) = output(command(origin, home, &["buckets"])).await;
    (code, out + &err)
}

#[tokio::test]
async fn somebody_logs_in_to_the_demo_with_a_browser_and_on_another_device() {
    let port = free_port();
    let mut demo = Command::new(Path::new(env!("CARGO_BIN_EXE_logboom")));
    demo.args(["demo", "--port", &port.to_string(), "--directory"]).arg(directory().join("demo"));
    let (origin, home) = (format!("http://127.0.0.1:{port}"), directory());
    let health = format!("{origin}/healthz");
    let server = Server::start("demo", demo, async || answers(&health).await).await;

    let mut login = Running::start(command(&origin, &home, &["login", "--no-browser"]));
    let page = login.address("  http").await;
    let back = press(&page, &parameters(&page), "engineer").await.expect("a way back");
    assert_eq!(visit(&back).await.0, 200);
    let (code, err) = login.end().await;
    assert_eq!(code, 0, "{err}");
    assert!(err.ends_with("as Engineer (demo-engineer)\n"), "{err}");
    let (code, out) = may_do(&origin, &home).await;
    assert!(code == 0 && out.contains("payments-aws"), "{out}");
    assert_eq!(output(command(&origin, &home, &["logout"])).await.0, 0);
    assert_eq!(may_do(&origin, &home).await.0, 2);

    let mut login = Running::start(command(&origin, &home, &["login", "--device"]));
    let page = login.address("  http").await;
    let code = login.line("and type in this code: ").await.rsplit(' ').next().expect("a code").to_owned();
    assert!(visit(&page).await.1.contains("name=\"user_code\""));
    assert_eq!(press(&page, &[("user_code".to_owned(), code)], "owner").await, None);
    let (code, err) = login.end().await;
    assert_eq!(code, 0, "{err}");
    assert!(err.ends_with("as Bucket owner (demo-owner)\n"), "{err}");
    server.stop();
}
