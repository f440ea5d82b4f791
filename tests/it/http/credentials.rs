//! `POST /api/v1/buckets/{bucket}/credentials`.

use aws_credential_types::Credentials;
use logboom::domain::time::{Clock, SystemClock};
use serde_json::{Value, json};

use crate::harness::app::{Answer, Caller, Setup, TestApp};
use crate::harness::ministack::{Ministack, ministack};
use crate::harness::recorder::Recorder;
use crate::vault::eventually;

const PATH: &str = "/api/v1/buckets/aws-logs/credentials";

/// Objects of the bucket.
const KEYS: [&str; 6] = [
    "team-a/app.log",
    "team-a/x*/one.log",
    "team-a/xy/two.log",
    "team-ab/secret.log",
    "team-b/secret.log",
    "team-a/日本/three.log",
];

/// The application over a bucket of S3 that vends by a role that may do everything.
async fn start(more: &str) -> (TestApp, String) {
    start_with(Setup::default(), more).await
}

async fn start_with(setup: Setup, more: &str) -> (TestApp, String) {
    let s3 = ministack().await;
    let bucket = s3.make_bucket().await;
    for key in KEYS {
        s3.put(&bucket, key, key).await;
    }
    let mut setup = setup.aws("aws-logs", &bucket, s3.endpoint());
    setup.settings += &vending(&s3.mighty_role().await, s3.endpoint());
    setup.settings += more;
    (setup.start().await, bucket)
}

fn vending(role: &str, sts: &str) -> String {
    format!("[buckets.aws-logs.vending]\nrole_arn = \"{role}\"\nsts_endpoint = \"{sts}\"\n")
}

async fn vend(caller: &Caller, ask: Value) -> Answer {
    caller.post(PATH, &ask).await
}

fn keys(credential: &Value) -> Credentials {
    let text = |name: &str| credential["aws"][name].as_str().expect("keys").to_owned();
    let token = Some(text("session_token"));
    Credentials::new(text("access_key_id"), text("secret_access_key"), token, None, "vended")
}

/// What S3 says to a read, a listing, and a write with the keys.
async fn reads(s3: &Ministack, keys: &Credentials, path: &str) -> u16 {
    s3.status_with(keys.clone(), "GET", path).await
}

#[tokio::test]
async fn a_vended_credential_reads_and_lists_its_folder_and_nothing_else() {
    let (app, bucket) = start("").await;
    let ana = app.caller("ana", &["team-a"]);
    let answer = vend(&ana, json!({"prefix": "team-a/", "ttl_seconds": 300})).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let given = answer.json();
    assert_eq!(given["rung"], "credential");
    assert_eq!(given["credentials"][0]["prefixes"], json!(["team-a/"]));
    assert_eq!(given["bucket"]["name"], bucket.as_str());
    let (s3, keys) = (ministack().await, keys(&given["credentials"][0]));
    for (path, status) in [
        (format!("{bucket}/team-a/app.log"), 200),
        (format!("{bucket}?list-type=2&prefix=team-a%2F"), 200),
        (format!("{bucket}?list-type=2&prefix=team-a%2Fx"), 200),
        (format!("{bucket}/team-ab/secret.log"), 403),
        (format!("{bucket}/team-b/secret.log"), 403),
        (format!("{bucket}?list-type=2&prefix=team-a"), 403),
        (format!("{bucket}?list-type=2&prefix="), 403),
        (format!("{bucket}?list-type=2"), 403),
        (format!("{bucket}?lifecycle"), 403),
    ] {
        assert_eq!(reads(s3, &keys, &path).await, status, "{path}");
    }
    let other = s3.make_bucket().await;
    s3.put(&other, "team-a/app.log", "x").await;
    assert_eq!(reads(s3, &keys, &format!("{other}/team-a/app.log")).await, 403, "another bucket");
    for method in ["PUT", "DELETE"] {
        let status = s3.status_with(keys.clone(), method, &format!("{bucket}/team-a/app.log")).await;
        assert_eq!(status, 403, "{method}");
    }
}

#[tokio::test]
async fn letters_that_iam_reads_as_wildcards_are_letters_of_the_folder() {
    let (app, bucket) = start("").await;
    let given = vend(&app.caller("ana", &["team-a"]), json!({"prefix": "team-a/x*/"})).await.json();
    let (s3, keys) = (ministack().await, keys(&given["credentials"][0]));
    // The emulator does not know IAM's `${*}`, so it refuses the folder itself too; that IAM reads it as `*` is from its manual.
    for path in ["team-a/xy/two.log", "team-a/app.log", "team-b/secret.log"] {
        assert_eq!(reads(s3, &keys, &format!("{bucket}/{path}")).await, 403, "{path}");
    }
    let whole = vend(&app.caller("ana", &["team-a"]), json!({"prefix": "team-a/xy/"})).await.json();
    let whole = self::keys(&whole["credentials"][0]);
    assert_eq!(reads(s3, &whole, &format!("{bucket}/team-a/xy/two.log")).await, 200);
}

#[tokio::test]
async fn a_credential_ends_with_what_was_asked_for_and_with_the_callers_own_token() {
    let (app, bucket) = start("").await;
    let mut claims = app.claims("ana", &["team-a"]);
    let now = SystemClock.now().unix_seconds();
    claims["exp"] = (now + 4).into();
    let ana = app.bearer(&app.signed(&claims));
    let given = vend(&ana, json!({"prefix": "team-a/", "ttl_seconds": 3600})).await.json();
    let end: String = logboom::domain::time::Timestamp::from_unix_seconds(now + 4).to_string();
    assert_eq!(given["expires_at"], end.as_str());
    let (s3, keys) = (ministack().await, keys(&given["credentials"][0]));
    let path = format!("{bucket}/team-a/app.log");
    assert_eq!(reads(s3, &keys, &path).await, 200);
    eventually(async || (reads(s3, &keys, &path).await == 403).then_some(())).await;
    let ana = app.caller("ana", &["team-a"]);
    vend(&ana, json!({"prefix": "team-a/", "ttl_seconds": 3601})).await.problem(400, "invalid-request");
    vend(&ana, json!({"prefix": "team-a/", "ttl_seconds": 0})).await.problem(400, "invalid-request");
}

#[tokio::test]
async fn nothing_is_vended_for_what_is_not_wholly_permitted_or_is_no_folder() {
    let policies = r#"
@id("team-a")
permit (principal in Group::"team-a", action, resource in Prefix::"aws-logs/team-a/");
@id("team-b")
permit (principal in Group::"team-b", action in [Action::"ListObjects", Action::"ReadObject"], resource);
@id("not-there")
forbid (principal in Group::"listers", action == Action::"ReadObject", resource in Prefix::"aws-logs/team-a/x/y/");
@id("not-this")
forbid (principal in Group::"owners", action == Action::"ReadObject", resource == Object::"aws-logs/team-a/app.log");
"#;
    let setup = Setup { policies: policies.to_owned(), ..Setup::default() };
    let (app, _bucket) = start_with(setup, "").await;
    let folder = json!({"prefix": "team-a/"});
    let bob = app.caller("bob", &["team-b"]);
    vend(&bob, folder.clone()).await.problem(403, "forbidden");
    let ana = app.caller("ana", &["team-a"]);
    vend(&ana, json!({"prefixes": ["team-a/", "team-b/"]})).await.problem(403, "forbidden");
    let withheld = vend(&app.caller("lis", &["team-a", "listers"]), folder.clone()).await;
    let withheld = withheld.problem(403, "forbidden");
    assert_eq!(withheld["reasons"], json!(["forbidden by policy not-there"]));
    let withheld = vend(&app.caller("own", &["team-a", "owners"]), folder.clone()).await;
    assert_eq!(withheld.problem(403, "forbidden")["reasons"], json!(["forbidden by policy not-this"]));
    vend(&app.caller("lis", &["team-a", "listers"]), json!({"prefix": "team-a/xy/"})).await.json();
    vend(&app.caller("eve", &[]), folder.clone()).await.problem(404, "not-found");
    app.anonymous().post(PATH, &folder).await.problem(401, "unauthenticated");
    for ask in [
        json!({}),
        json!({"prefix": ""}),
        json!({"prefix": "team-a"}),
        json!({"prefixes": []}),
        json!({"prefixes": ["team-a/", ""]}),
        json!({"prefix": "team-a/", "prefixes": ["team-a/"]}),
        json!({"prefix": "team-a/\u{0}/"}),
        json!({"prefix": "team-a/", "format": "gcloud"}),
        json!({"prefix": "team-a/", "write": true}),
        json!({"prefixes": vec!["team-a/"; 101]}),
    ] {
        vend(&ana, ask.clone()).await.problem(400, "invalid-request");
    }
}

#[tokio::test]
async fn a_scope_that_does_not_fit_steps_down_the_ladder_and_says_why() {
    let (app, bucket) = start("[vending]\nmax_credentials = 3\nmax_links = 4\n").await;
    let ana = app.caller("ana", &["team-a"]);
    let s3 = ministack().await;
    let folders = |count: usize| -> Vec<String> {
        (0..count).map(|number| format!("team-a/service-with-a-long-name-{number:03}/")).collect()
    };
    s3.put(&bucket, "team-a/service-with-a-long-name-029/z.log", "last").await;
    let several = vend(&ana, json!({"prefixes": folders(30)})).await.json();
    assert_eq!(several["rung"], "credentials", "{several}");
    let credentials = several["credentials"].as_array().expect("credentials");
    assert!((2..=3).contains(&credentials.len()));
    let reached: Vec<_> =
        credentials.iter().flat_map(|one| one["prefixes"].as_array().expect("a list")).collect();
    assert_eq!(reached.len(), 30);
    let last = keys(credentials.last().expect("one"));
    let path = format!("{bucket}/team-a/service-with-a-long-name-029/z.log");
    assert_eq!(reads(s3, &last, &path).await, 200);
    assert_eq!(reads(s3, &keys(&credentials[0]), &path).await, 403, "that is another one's");

    let links = vend(&ana, json!({"prefixes": ["team-a/日本/"]})).await.json();
    assert_eq!(
        (&links["rung"], &links["links"][0]["key"]),
        (&json!("links"), &json!("team-a/日本/three.log"))
    );
    assert!(links["why"].as_str().expect("a reason").contains("character"));
    let url = links["links"][0]["url"].as_str().expect("a link");
    let body = reqwest::get(url).await.expect("an answer").text().await.expect("a body");
    assert_eq!(body, "team-a/日本/three.log");

    let many = vend(&ana, json!({"prefixes": folders(90)})).await.json();
    assert_eq!(many["rung"], "links", "ninety folders hold few objects: {many}");
    for number in 0..5 {
        s3.put(&bucket, &format!("team-a/日本/{number}.log"), "x").await;
    }
    let proxy = vend(&ana, json!({"prefix": "team-a/日本/"})).await.json();
    assert_eq!(proxy["rung"], "proxy");
    assert!(proxy["why"].as_str().expect("a reason").contains("more than 4 objects"));
    let listed = ana.get(proxy["list"][0].as_str().expect("a path")).await.json();
    assert_eq!(listed["objects"].as_array().expect("objects").len(), 6);

    let one = vend(&ana, json!({"prefixes": folders(30), "format": "env"})).await;
    one.problem(422, "scope-does-not-fit");
    let one = vend(&ana, json!({"prefix": "team-a/日本/", "format": "credential-process"})).await;
    one.problem(422, "scope-does-not-fit");
}

#[tokio::test]
async fn each_form_is_what_its_tool_reads() {
    let (app, bucket) = start("").await;
    let ana = app.caller("ana", &["team-a"]);
    let process = vend(&ana, json!({"prefix": "team-a/", "format": "credential-process"})).await.json();
    assert_eq!(process["Version"], 1);
    assert!(process["Expiration"].as_str().expect("a time").ends_with('Z'));
    let text = |name: &str| process[name].as_str().expect("keys").to_owned();
    let token = Some(text("SessionToken"));
    let given = Credentials::new(text("AccessKeyId"), text("SecretAccessKey"), token, None, "vended");
    let s3 = ministack().await;
    assert_eq!(reads(s3, &given, &format!("{bucket}/team-a/app.log")).await, 200);

    let env = vend(&ana, json!({"prefix": "team-a/", "format": "env"})).await;
    assert_eq!((env.status, env.header("cache-control")), (200, "no-store"));
    let script = format!(
        "{}\nprintf '%s\\n' \"$AWS_ACCESS_KEY_ID\" \"$AWS_SECRET_ACCESS_KEY\" \"$AWS_SESSION_TOKEN\"",
        env.text()
    );
    let output = std::process::Command::new("sh").arg("-c").arg(script).output().expect("sh");
    let lines = String::from_utf8(output.stdout).expect("text");
    let [id, secret, token] = lines.lines().collect::<Vec<_>>()[..] else { panic!("{lines}") };
    let given = Credentials::new(id, secret, Some(token.to_owned()), None, "vended");
    assert_eq!(reads(s3, &given, &format!("{bucket}/team-a/app.log")).await, 200);

    let section = vend(&ana, json!({"prefix": "team-a/", "format": "aws-cli"})).await.text();
    assert!(section.starts_with("[logboom-aws-logs]\n"), "{section}");
    assert!(section.contains("\naws_session_token = "), "{section}");
}

#[tokio::test]
async fn a_bucket_that_nobody_set_up_vends_nothing_and_does_not_say_that_it_could() {
    let s3 = ministack().await;
    let bucket = s3.make_bucket().await;
    let app = Setup::default().aws("aws-logs", &bucket, s3.endpoint()).start().await;
    let ana = app.caller("ana", &["team-a"]);
    vend(&ana, json!({"prefix": "team-a/"})).await.problem(422, "vending-not-set-up");
    let (app, _bucket) = start("").await;
    let can = |told: &Value| told["actions"].as_array().expect("actions").contains(&json!("VendCredentials"));
    assert!(can(&app.caller("ana", &["team-a"]).get("/api/v1/buckets/aws-logs").await.json()));
    assert!(!can(&ana.get("/api/v1/buckets/aws-logs").await.json()));
}

#[tokio::test]
async fn an_sts_that_refuses_or_is_away_is_a_clear_problem() {
    let s3 = ministack().await;
    let bucket = s3.make_bucket().await;
    let missing = "arn:aws:iam::000000000000:role/no-such-role";
    for (role, sts, status, slug) in [
        (missing, s3.endpoint().to_owned(), 502, "store-misconfigured"),
        (missing, "http://127.0.0.1:9".to_owned(), 503, "store-unavailable"),
    ] {
        let mut setup = Setup::default().aws("aws-logs", &bucket, s3.endpoint());
        setup.settings += &vending(role, &sts);
        let app = setup.start().await;
        let answer = vend(&app.caller("ana", &["team-a"]), json!({"prefix": "team-a/"})).await;
        answer.problem(status, slug);
        assert!(!answer.text().contains("no-such-role"), "{}", answer.text());
    }
}

#[tokio::test]
async fn a_canary_that_finds_vending_narrow_lets_it_go_on() {
    let (app, _bucket) = start("[vending]\ncanary_every = \"1h\"\n").await;
    narrow(&app, 1).await;
    vend(&app.caller("ana", &["team-a"]), json!({"prefix": "team-a/"})).await.json();
}

/// Waits until the operators' port tells what the canary found.
async fn narrow(app: &TestApp, finding: u8) {
    let line = format!("logboom_vending_narrow{{bucket=\"aws-logs\"}} {finding}");
    eventually(async || app.operators_text("/metrics").await.contains(&line).then_some(())).await;
}

#[tokio::test]
async fn a_canary_that_is_let_through_stops_vending_for_the_bucket() {
    let s3 = ministack().await;
    // A store that lets every key do everything, beside an STS that narrows.
    let open = Recorder::http(|_| {
        let body = "<ListBucketResult></ListBucketResult>";
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
            .into_bytes()
    });
    let open = open.await;
    let mut setup = Setup::default().aws("aws-logs", "logs", &format!("http://{}", open.addr()));
    setup.settings += &vending(&s3.mighty_role().await, s3.endpoint());
    setup.settings += "[vending]\ncanary_every = \"1h\"\n";
    let app = setup.start().await;
    narrow(&app, 0).await;
    let stopped = vend(&app.caller("ana", &["team-a"]), json!({"prefix": "team-a/"})).await;
    stopped.problem(503, "vending-stopped");
    assert_eq!(stopped.header("retry-after"), "60");
}
