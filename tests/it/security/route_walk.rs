//! Every route of the table, tried by strangers.

use logboom::http::guard::{Access, Route};
use logboom::http::{openapi, table};
use reqwest::Method;

use crate::harness::app::{Answer, Caller};
use crate::harness::four;

/// A path of a route with ids that exist.
fn path(route: &Route) -> String {
    route
        .path
        .replace("{bucket}", "aws-logs")
        .replace("{*key}", "team-a/app.log")
        .replace("{slug}", "not-found")
        .replace("{name}", "no-such-asset")
}

async fn try_route(caller: &Caller, method: &Method, path: &str) -> Answer {
    let request = caller.request(method.clone(), path);
    let request = match (method, path.ends_with("/credentials")) {
        (&Method::POST, true) => request.json(&serde_json::json!({"prefix": "team-a/"})),
        (&Method::POST, false) => request.json(&serde_json::json!({"key": "team-a/app.log"})),
        _ => request,
    };
    caller.send(request).await
}

fn with_query(route: &Route) -> String {
    let query = match route.path {
        path if path.ends_with("/object") => "?key=team-a/app.log",
        "/api/v1/logs/tail" => "?bucket=aws-logs/team-a/",
        path if path.starts_with("/api/v1/logs") => {
            "?bucket=aws-logs/team-a/&from=2020-01-01T00:00:00Z&to=2030-01-01T00:00:00Z"
        }
        _ => "",
    };
    path(route) + query
}

#[tokio::test]
async fn no_route_but_the_public_ones_answers_without_a_proof_of_identity() {
    let app = four::start().await;
    let anonymous = app.anonymous();
    let (_, table) = table::routes().finish();
    assert!(table.len() > 15);
    for route in &table {
        let answer = try_route(&anonymous, &route.method, &with_query(route)).await;
        match route.access {
            Access::Public(why) => {
                assert!(!why.is_empty());
                assert_ne!(answer.status, 401, "{} {}", route.method, route.path);
            }
            Access::Action(_) | Access::Personal(_) if route.method == Method::HEAD => {
                assert_eq!(answer.status, 401, "{} {}", route.method, route.path);
            }
            Access::Action(_) | Access::Personal(_) => {
                answer.problem(401, "unauthenticated");
                assert_eq!(answer.header("www-authenticate"), "Bearer error=\"invalid_token\"");
            }
        }
    }
}

#[tokio::test]
async fn a_person_without_any_permission_gets_nothing_from_any_route() {
    let app = four::start().await;
    let eve = app.caller("eve", &["nobody-knows"]);
    let (_, table) = table::routes().finish();
    for route in table.iter().filter(|route| matches!(route.access, Access::Action(_))) {
        let answer = try_route(&eve, &route.method, &with_query(route)).await;
        assert_eq!(answer.status, 404, "{} {}: {}", route.method, route.path, answer.text());
        assert!(!answer.text().contains("0123456789"));
    }
}

#[tokio::test]
async fn every_answer_carries_the_headers_that_browsers_need() {
    let mut setup = four::setup().await;
    setup.settings += "[search]\nfollow_max_time = \"50ms\"\n";
    let app = setup.start().await;
    let (anonymous, ana) = (app.anonymous(), app.caller("ana", &["team-a"]));
    let (_, table) = table::routes().finish();
    for (caller, route) in table.iter().flat_map(|route| [(&anonymous, route), (&ana, route)]) {
        let answer = try_route(caller, &route.method, &with_query(route)).await;
        let at = format!("{} {} {}", route.method, route.path, answer.status);
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{at}");
        assert!(!answer.header("referrer-policy").is_empty(), "{at}");
        assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin", "{at}");
        assert!(answer.header("content-security-policy").contains("default-src 'none'"), "{at}");
        assert!(!answer.header("cache-control").is_empty(), "{at}");
        assert!(!answer.header("content-security-policy").contains("unsafe-inline"), "{at}");
        assert!(!answer.headers.contains_key("access-control-allow-origin"), "{at}");
        assert!(!answer.headers.contains_key("server"), "{at}");
        assert_eq!(answer.header("x-request-id").len(), 32, "{at}");
    }
}

#[tokio::test]
async fn a_method_that_the_table_does_not_have_is_405_everywhere() {
    let app = four::start().await;
    let own = app.caller("own", &["owners"]);
    let (_, table) = table::routes().finish();
    for route in &table {
        for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::TRACE, Method::OPTIONS] {
            let known = table.iter().any(|other| other.path == route.path && other.method == method);
            assert!(!known, "extend this test");
            let answer = own.send(own.request(method.clone(), &with_query(route))).await;
            answer.problem(405, "method-not-allowed");
        }
    }
}

#[tokio::test]
async fn the_contract_and_the_route_table_name_the_same_routes() {
    let document = serde_json::to_value(openapi::document()).expect("JSON");
    let (_, table) = table::routes().finish();
    let pages = ["/", "/docs", "/assets/{name}", "/problems/{slug}"];
    for route in table.iter().filter(|route| !pages.contains(&route.path)) {
        let path = route.path.replace("{*", "{");
        let method = route.method.as_str().to_ascii_lowercase();
        assert!(document["paths"][&path][&method].is_object(), "{method} {path} is not in the contract");
    }
    let paths = document["paths"].as_object().expect("paths");
    let documented: usize = paths.values().map(|item| item.as_object().expect("methods").len()).sum();
    assert_eq!(documented, table.len() - pages.len());
}

#[test]
fn the_list_of_public_routes_changes_only_when_somebody_looks_at_it() {
    let (_, table) = table::routes().finish();
    let public: Vec<_> = table
        .iter()
        .filter_map(|route| match route.access {
            Access::Public(why) => Some(format!("{} {}: {why}", route.method, route.path)),
            Access::Action(_) | Access::Personal(_) => None,
        })
        .collect();
    insta::assert_snapshot!(public.join("\n"));
}
