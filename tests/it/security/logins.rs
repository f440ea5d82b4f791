//! Logins over HTTP against the running application: what nobody can plant, swap, replay or read.

use std::collections::BTreeSet;

use http::Method;
use serde_json::json;

use crate::doubles::idp::{Idp, Key};
use crate::harness::site::{Browser, LOGIN, SESSION, Site, changed};

#[tokio::test]
async fn a_callback_that_this_browser_did_not_start_is_refused() {
    let site = Site::start().await;
    let app = site.replica().await;
    let (mut victim, mut attacker) = (Browser::at(&app), Browser::at(&app));
    victim.begin("").await;
    let theirs = attacker.begin("").await;
    let iss = ("iss", site.idp.issuer.as_str());
    let mut no_cookie = Browser::at(&app);
    for state in [Some(theirs.state.as_str()), Some(""), None] {
        let parameters: Vec<_> =
            state.map(|state| ("state", state)).into_iter().chain([("code", "code-2"), iss]).collect();
        for browser in [&mut victim.copy(), &mut no_cookie] {
            let answer = browser.call_back(&parameters).await;
            answer.is_problem(400, "login-state-mismatch");
            assert!(answer.set_cookie(SESSION).is_none(), "{answer:?}");
        }
    }
    assert!(site.idp.asked("/token").is_empty(), "the code went nowhere");
    // The state was used up by the wrong browser, so the right one cannot finish with it either.
    let late = attacker.call_back(&[("code", "code-2"), ("state", &theirs.state), iss]).await;
    late.is_problem(400, "login-state-mismatch");
}

#[tokio::test]
async fn every_redirect_has_pkce_and_fresh_values_and_the_id_token_gives_the_nonce_back() {
    let site = Site::start().await;
    let app = site.replica().await;
    let mut seen = BTreeSet::new();
    for _ in 0..100 {
        let flow = Browser::at(&app).begin("?return_to=/").await;
        let of = |name: &str| flow.parameter(name).expect("a parameter");
        assert_eq!((of("response_type"), of("code_challenge_method")), ("code".into(), "S256".into()));
        assert_eq!(of("code_challenge").len(), 43);
        for value in ["state", "nonce", "code_challenge"].map(of) {
            assert!(value.len() >= 22 && seen.insert(value), "128 bits or more, never twice");
        }
    }
    let mut browser = Browser::at(&app);
    let other = Browser::at(&app).begin("").await.nonce;
    for nonce in [json!("absent"), json!(other), json!(""), json!(null)] {
        let answer = browser.try_login(&site, &json!({ "nonce": nonce })).await;
        answer.is_problem(400, "login-failed");
        assert!(answer.set_cookie(SESSION).is_none());
    }
    for body in site.idp.asked("/token") {
        let whole = body.contains("code_verifier=") && body.contains("client_secret=SECRET-of-the-client");
        assert!(whole, "{body}");
    }
}

#[tokio::test]
async fn an_id_token_that_does_not_hold_begins_no_session() {
    let site = Site::start().await;
    let app = site.replica().await;
    let mut browser = Browser::at(&app);
    let now = site.now();
    for change in [
        json!({"iss": "https://other.example/"}),
        json!({"iss": site.idp.issuer.trim_end_matches('/')}),
        json!({"aud": "other"}),
        json!({"aud": ["client", "other"], "azp": "other"}),
        json!({"exp": now - 61}),
        json!({"iat": now + 600}),
        json!({"sub": "absent"}),
    ] {
        browser.try_login(&site, &change).await.is_problem(400, "login-failed");
    }
    let stranger = Key::new("k1");
    for (header, key) in [
        (json!({"alg": "ES256", "kid": "k1"}), &stranger),
        (json!({"alg": "none"}), &site.key),
        (json!({"alg": "HS256", "kid": "client"}), &site.key),
    ] {
        let flow = browser.begin("").await;
        site.answer_with(&key.sign(&header, &site.id_claims(&flow.nonce)), "r-1", 300);
        let iss = ("iss", site.idp.issuer.as_str());
        let answer = browser.call_back(&[("code", "c"), ("state", &flow.state), iss]).await;
        answer.is_problem(400, "login-failed");
    }
    assert!(!browser.cookies.contains_key(SESSION));
    browser.log_in(&site, &json!({"exp": now + 5})).await;
}

#[tokio::test]
async fn the_answer_of_a_login_comes_from_the_issuer_that_was_asked() {
    let second = Idp::start(&Key::new("k2")).await;
    let more = format!(
        "[identity.providers.second]\nissuer = \"{}\"\nclient_id = \"client\"\npublic_client = true\naudiences = [\"api\"]\nalgorithms = [\"ES256\"]\nallow_loopback_http = true",
        second.issuer
    );
    let site = Site::start_with(&more).await;
    let app = site.replica().await;
    let extra = format!("{}/", site.idp.issuer);
    for iss in [None, Some(second.issuer.as_str()), Some(&extra), Some("")] {
        let mut browser = Browser::at(&app);
        let flow = browser.begin("").await;
        let mut parameters = vec![("code", "code-1"), ("state", flow.state.as_str())];
        parameters.extend(iss.map(|iss| ("iss", iss)));
        browser.call_back(&parameters).await.is_problem(400, "login-failed");
    }
    assert!(site.idp.asked("/token").is_empty() && second.asked("/token").is_empty());
}

#[tokio::test]
async fn a_login_returns_to_a_page_of_this_origin_alone() {
    let site = Site::start().await;
    let app = site.replica().await;
    for (asked, arrives) in [
        ("https://evil.example/x", "/"),
        ("//evil.example/x", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)//evil.example", "/"),
        ("data:text/html,evil.example", "/"),
        ("/?bucket=pay&prefix=team-a%2F#top", "/?bucket=pay&prefix=team-a%2F#top"),
    ] {
        let mut browser = Browser::at(&app);
        let query =
            url::form_urlencoded::Serializer::new(String::new()).append_pair("return_to", asked).finish();
        let flow = browser.begin(&format!("?{query}")).await;
        site.answer_with(&site.id_token(&site.id_claims(&flow.nonce)), "r-1", 300);
        let iss = ("iss", site.idp.issuer.as_str());
        let answer = browser.call_back(&[("code", "c"), ("state", &flow.state), iss]).await;
        assert_eq!((answer.status, answer.header("location")), (303, arrives), "{asked}");
        assert!(browser.seen.iter().all(|text| !text.contains("evil.example")), "{asked}");
    }
}

#[tokio::test]
async fn what_a_provider_says_in_an_error_is_data_and_uses_the_state_up() {
    let site = Site::start().await;
    let app = site.replica().await;
    let mut browser = Browser::at(&app);
    let flow = browser.begin("").await;
    let forged = "<script>alert(1)</script>\r\n{\"event\":\"login.ok\",\"actor\":\"adm\"}";
    let iss = ("iss", site.idp.issuer.as_str());
    let error = [("error", "access_denied"), ("state", &flow.state), ("error_description", forged), iss];
    let kept = browser.cookies.clone();
    let answer = browser.call_back(&error).await;
    answer.is_problem(400, "login-failed");
    assert!(!answer.text().contains("script") && !answer.text().contains("login.ok"), "{answer:?}");
    browser.cookies = kept;
    let again = browser.call_back(&[("code", "c"), ("state", &flow.state), iss]).await;
    again.is_problem(400, "login-state-mismatch");
}

#[tokio::test]
async fn the_session_id_is_new_after_a_login_and_the_old_one_is_dead() {
    let site = Site::start().await;
    let app = site.replica().await;
    let planted = "A".repeat(43);
    for value in [planted.as_str(), "ATTACKER-CHOSEN"] {
        let mut browser = Browser::at(&app);
        browser.cookies.insert(SESSION.to_owned(), value.to_owned());
        let mut thief = browser.copy();
        thief.session().await.is_401();
        browser.log_in(&site, &json!({})).await;
        assert_ne!(browser.cookies.get(SESSION).map(String::as_str), Some(value));
        thief.session().await.is_401();
        assert_eq!(browser.session().await.status, 200);
    }
    let mut browser = Browser::at(&app);
    browser.log_in(&site, &json!({})).await;
    let mut first = browser.copy();
    assert_eq!(first.session().await.status, 200);
    // A real browser does not send the strict cookie when it comes back from the provider's site.
    let flow = browser.begin("").await;
    browser.cookies.remove(SESSION);
    site.answer_with(&site.id_token(&site.id_claims(&flow.nonce)), "r-1", 300);
    let iss = ("iss", site.idp.issuer.as_str());
    assert_eq!(browser.call_back(&[("code", "c"), ("state", &flow.state), iss]).await.status, 303);
    first.session().await.is_401();
    assert_eq!(browser.session().await.status, 200);
    let mut ids = BTreeSet::new();
    for _ in 0..50 {
        browser.log_in(&site, &json!({})).await;
        let id = browser.cookies.get(SESSION).expect("an id");
        assert!(id.len() >= 43 && ids.insert(id.clone()));
    }
}

#[tokio::test]
async fn cookies_are_bound_to_this_host_and_no_token_reaches_the_browser() {
    let site = Site::start().await;
    let app = site.replica().await;
    let mut browser = Browser::at(&app);
    let flow = browser.begin("?return_to=/").await;
    let before = browser.seen.last().expect("an answer").clone();
    for part in [LOGIN, "Path=/", "Max-Age=600", "Secure", "HttpOnly", "SameSite=Lax"] {
        assert!(before.contains(part), "{part}: {before}");
    }
    let tokens = site.answer_with(&site.id_token(&site.id_claims(&flow.nonce)), "REFRESH-1", 300);
    let iss = ("iss", site.idp.issuer.as_str());
    let back = browser.call_back(&[("code", "CODE-1"), ("state", &flow.state), iss]).await;
    let cookie = back.set_cookie(SESSION).expect("a cookie").to_owned();
    for part in ["Path=/", "Secure", "HttpOnly", "SameSite=Strict"] {
        assert!(cookie.contains(part), "{part}: {cookie}");
    }
    assert!(!cookie.contains("Domain") && cookie.len() < 4096);
    assert!(back.set_cookie(LOGIN).is_some_and(|line| line.contains("Max-Age=0")));
    assert_eq!(browser.get("/").await.status, 200);
    let session = browser.session().await;
    assert_eq!((session.status, session.header("cache-control")), (200, "no-store"));
    assert_eq!(session.json()["subject"], "ana");
    let answer = browser.post("/auth/logout", "").await;
    assert_eq!(answer.status, 200);
    let secrets = tokens.iter().flat_map(|token| token.split('.').map(str::to_owned).chain([token.clone()]));
    for secret in secrets.chain(["SECRET-of-the-client".to_owned()]) {
        assert!(secret.len() > 5);
        assert!(browser.seen.iter().all(|text| !text.contains(&secret)), "{secret} reached the browser");
    }
}

#[tokio::test]
async fn a_login_begins_with_a_persons_own_navigation() {
    let site = Site::start().await;
    let app = site.replica().await;
    let mut browser = Browser::at(&app);
    for headers in [[("sec-fetch-mode", "no-cors")], [("sec-fetch-dest", "iframe")]] {
        let answer = browser.send(Method::GET, "/auth/login", &headers, "").await;
        answer.is_problem(403, "cross-site-request");
    }
    assert!(browser.cookies.is_empty());
}

#[tokio::test]
async fn a_person_in_500_groups_logs_in_and_only_mapped_groups_are_kept() {
    let site = Site::start().await;
    let app = site.replica().await;
    let mut browser = Browser::at(&app);
    let mut groups: Vec<_> = (0..500).map(|n| format!("GROUP-{n:04}-{}", "x".repeat(60))).collect();
    groups.push("Log Readers".to_owned());
    browser.log_in(&site, &json!({ "groups": groups })).await;
    let session = browser.session().await.json();
    assert_eq!((&session["groups"], &session["groups_complete"]), (&json!(["engineers"]), &json!(true)));
    assert!(browser.seen.iter().all(|text| !text.contains("GROUP-")));
    assert_eq!(browser.get("/api/v1/buckets/pay/objects/team-a/app.log").await.status, 200);
}

#[tokio::test]
async fn cyberarks_habits_are_a_login_that_says_what_is_missing() {
    let site = Site::start().await;
    assert!(site.idp.issuer.ends_with("/logboom/"), "an issuer of one application, with its slash");
    let app = site.replica().await;
    let mut browser = Browser::at(&app);
    browser.log_in(&site, &json!({"groups": "absent", "email_verified": "False"})).await;
    let session = browser.session().await.json();
    assert_eq!((&session["name"], &session["issuer"]), (&json!("Ana Lima"), &json!(site.idp.issuer)));
    assert_eq!((&session["groups"], &session["groups_complete"]), (&json!([]), &json!(false)));
    // Groups that nobody knows of are no permission.
    let read = browser.get("/api/v1/buckets/pay/objects/team-a/app.log").await;
    assert!(matches!(read.status, 403 | 404) && !read.body.contains("CANARY"), "{read:?}");
    // One role comes as one text with spaces in it.
    browser.log_in(&site, &json!({"groups": "Log Readers"})).await;
    assert_eq!(browser.session().await.json()["groups"], json!(["engineers"]));
}

#[tokio::test]
async fn a_person_is_issuer_and_subject_never_an_address_or_a_name() {
    let key = Key::new("k1");
    let second = Idp::start(&key).await;
    let more = format!(
        "[identity.providers.second]\nissuer = \"{}\"\naudiences = [\"api\"]\nalgorithms = [\"ES256\"]\nallow_loopback_http = true",
        second.issuer
    );
    let site = Site::start_with(&more).await;
    let app = site.replica().await;
    let mut browser = Browser::at(&app);
    let theirs = json!({"iss": second.issuer, "email": "adm@corp", "preferred_username": "ana"});
    let token = key.sign(
        &json!({"alg": "ES256", "kid": "k1", "typ": "at+jwt"}),
        &changed(site.access_claims(), &theirs),
    );
    let session = browser.get_with("/api/v1/session", &token).await.json();
    assert_eq!((&session["issuer"], &session["subject"]), (&json!(second.issuer), &json!("ana")));
    assert_eq!(session["groups"], json!([]), "a group of the first provider is none of the second");
    let read = browser.get_with("/api/v1/buckets/pay/objects/team-a/app.log", &token).await;
    assert!(matches!(read.status, 403 | 404), "{read:?}");
    // The second provider's key signs nothing for the first.
    let forged = key.sign(&json!({"alg": "ES256", "kid": "k1", "typ": "at+jwt"}), &site.access_claims());
    browser.get_with("/api/v1/session", &forged).await.is_401();
    // An address that changed makes nobody else.
    for email in ["adm@corp", "eve@evil.example@corp"] {
        browser.log_in(&site, &json!({"sub": "eve", "groups": [], "email": email})).await;
        let session = browser.session().await.json();
        assert_eq!((&session["subject"], &session["groups"]), (&json!("eve"), &json!([])));
    }
}
