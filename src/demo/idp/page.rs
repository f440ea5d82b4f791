//! The pages a person sees. No script, nothing from elsewhere, and no value goes in unescaped.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use url::Url;

use crate::demo::idp::Person;
use crate::demo::idp::authorize::Ask;

const POLICY: &str = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; \
                      form-action 'self'";

/// The page with one button for each person.
pub fn login(ask: &Ask) -> Response {
    let fields: String = ask.fields().iter().map(|(name, value)| hidden(name, value)).collect();
    let people: String = Person::ALL.into_iter().map(button).collect();
    let body = include_str!("pages/login.html").replace("{people}", &people).replace("{fields}", &fields);
    let mut answer = answer(StatusCode::OK, "Who are you today?", &body);
    // Browsers hold the redirect that answers a form to the same rule. Where it goes was checked before.
    let back = Url::parse(&ask.redirect_uri).map(|url| url.origin().ascii_serialization());
    let policy = back.ok().and_then(|origin| HeaderValue::try_from(format!("{POLICY} {origin}")).ok());
    if let Some(policy) = policy {
        answer.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    answer
}

/// The page to type the code of another device in.
pub fn device(code: &str) -> Response {
    let people: String = Person::ALL.into_iter().map(button).collect();
    let body =
        include_str!("pages/device.html").replace("{people}", &people).replace("{code}", &escape(code));
    answer(StatusCode::OK, "Log in on a command line", &body)
}

/// The page after it.
pub fn device_done() -> Response {
    let body = "<h1>You are logged in there</h1>\n<p>The command line goes on. You can close this page.</p>";
    answer(StatusCode::OK, "You are logged in there", body)
}

/// A page that says why it goes no further.
pub fn error(status: StatusCode, why: &str) -> Response {
    let body = format!("<h1>This does not work</h1>\n<p>{}</p>", escape(why));
    answer(status, "This does not work", &body)
}

/// The page after a logout without an address to return to.
pub fn signed_out(home: &str) -> Response {
    let home = escape(home);
    let body = format!("<h1>You are signed out</h1>\n<p><a href=\"{home}\">Back to Logboom</a></p>");
    answer(StatusCode::OK, "You are signed out", &body)
}

fn hidden(name: &str, value: &str) -> String {
    format!("<input type=\"hidden\" name=\"{}\" value=\"{}\">\n", escape(name), escape(value))
}

fn button(person: Person) -> String {
    let (slug, name, about) = (person.slug(), person.name(), person.about());
    format!(
        "<li><button name=\"person\" value=\"{slug}\" aria-describedby=\"about-{slug}\">{name}</button>\
         <p id=\"about-{slug}\">{about}</p></li>\n"
    )
}

fn answer(status: StatusCode, title: &str, body: &str) -> Response {
    let page = include_str!("pages/frame.html").replace("{title}", &escape(title)).replace("{body}", body);
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (CACHE_CONTROL, "no-store"),
        // Not `no-referrer`: with that, browsers send the form with `Origin: null`.
        (REFERRER_POLICY, "same-origin"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
    ];
    (status, headers, page).into_response()
}

/// Text as HTML text or as a quoted attribute.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}
