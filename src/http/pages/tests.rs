//! The pages as a browser receives them, and rules for what they are made of.

use http::StatusCode;
use http_body_util::BodyExt;
use serde_json::json;

use super::*;

async fn text(response: Response) -> String {
    assert_eq!(response.status(), StatusCode::OK);
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

fn policy(response: &Response) -> &str {
    response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap()
}

#[tokio::test]
async fn the_home_page_has_no_inline_script_or_style_and_its_files_are_there() {
    let page = home();
    assert!(policy(&page).contains("script-src 'self'") && !policy(&page).contains("unsafe"));
    let html = text(page).await;
    assert!(
        !html.contains("<style")
            && !html.contains(" style=")
            && !html.contains(" onload=")
            && !html.contains(" onclick="),
        "{html}"
    );
    assert!(!html.contains("{script}") && !html.contains("{style}"));
    let named: Vec<_> = html.split('"').filter_map(|part| part.strip_prefix("/assets/")).collect();
    assert_eq!(named.len(), 3);
    for name in named {
        let kept = asset(name).unwrap().headers()[CACHE_CONTROL].to_str().unwrap().to_owned();
        assert!(kept.contains("immutable"), "{name}");
    }
}

#[test]
fn an_asset_under_its_plain_name_is_asked_for_anew_and_others_are_not_there() {
    assert_eq!(asset("home.js").unwrap().headers()[CACHE_CONTROL], "no-cache");
    assert_eq!(asset("logboom.css").unwrap().headers()[CONTENT_TYPE], "text/css; charset=utf-8");
    for name in ["home.css", "../pages.rs", "home-0000000000000000.js", "", "home", "homeXjs"] {
        assert!(asset(name).is_none(), "{name}");
    }
}

#[test]
fn the_script_never_makes_markup_from_text() {
    let script = SCRIPT.text();
    for word in
        ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", "srcdoc"]
    {
        assert!(!script.contains(word), "{word}");
    }
}

#[tokio::test]
async fn the_reference_shows_operations_parameters_answers_and_bodies() {
    let document = json!({
        "info": {"title": "Logboom", "version": "1", "description": "First.\n\nSecond `code`."},
        "paths": {"/api/v1/buckets/{bucket}": {"get": {
            "tags": ["buckets"], "operationId": "get_bucket", "summary": "One bucket",
            "parameters": [{"name": "bucket", "in": "path", "required": true, "schema": {"type": "string"}}],
            "responses": {"200": {"description": "It", "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/Bucket"}}}}},
        }}},
        "components": {"schemas": {"Bucket": {
            "description": "A <bucket>.", "required": ["id"],
            "properties": {"id": {"type": "string"}, "tags": {"type": ["array", "null"], "items": {"type": "string"}}},
        }}},
    });
    let page = docs(&document);
    assert!(policy(&page).starts_with("default-src 'none'") && !policy(&page).contains("script-src"));
    let html = text(page).await;
    for part in [
        "<p>Second <code>code</code>.</p>",
        "id=\"get_bucket\"",
        "path string, required",
        "<a href=\"#schema-Bucket\">Bucket</a> as <code>application/json</code>",
        "A &lt;bucket&gt;.",
        "list of string, may be absent",
    ] {
        assert!(html.contains(part), "{part} in {html}");
    }
}

#[tokio::test]
async fn a_document_of_another_shape_is_an_empty_page_and_no_panic() {
    for document in [json!(null), json!([]), json!({"paths": []}), json!({"paths": {"/": {"get": 1}}})] {
        assert!(text(docs(&document)).await.contains("</html>"));
    }
}
