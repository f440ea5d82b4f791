//! ministack: S3 and IAM on loopback, with every signature checked and every policy enforced.

use std::process::Command;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningParams, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use logboom::domain::credential::Credential;
use logboom::domain::secret::Secret;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::sync::OnceCell;

use crate::harness::servers::{Server, answers, free_port, home, unique};

const REGION: &str = "us-east-1";
const ROOT_KEY_ID: &str = "AKIAIOSFODNN7ROOTKEY";
const ROOT_SECRET: &str = "SECRET-root-wJalrXUtnFEMIK7MDENGbPxRfiCYROOT";

/// The running server.
pub struct Ministack {
    port: u16,
    endpoint: String,
    server: Server,
}

/// The server that all tests share. Each test makes buckets of its own.
pub async fn ministack() -> &'static Ministack {
    static SHARED: OnceCell<Ministack> = OnceCell::const_new();
    SHARED.get_or_init(Ministack::start).await
}

impl Ministack {
    /// Starts a server of one's own, for tests that stop it.
    pub async fn start() -> Self {
        let port = free_port();
        let endpoint = format!("http://127.0.0.1:{port}");
        let mut command = Command::new(home().join("python/bin/ministack"));
        command
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            .env("MINISTACK_HOST", "127.0.0.1")
            .env("AUTH", "true")
            .env("AWS_ACCESS_KEY_ID", ROOT_KEY_ID)
            .env("AWS_SECRET_ACCESS_KEY", ROOT_SECRET)
            .env("LOG_LEVEL", "WARNING");
        let health = format!("{endpoint}/_ministack/health");
        let server = Server::start("ministack", command, async || answers(&health).await).await;
        Self { port, endpoint, server }
    }

    /// The base URL.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process behind it.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// The credential that may do everything.
    pub fn root() -> Credential {
        Credential::AwsKeys {
            access_key_id: ROOT_KEY_ID.to_owned(),
            secret_access_key: Secret::new(ROOT_SECRET.to_owned()),
            session_token: None,
        }
    }

    /// Makes a bucket with a name that no other test uses.
    pub async fn make_bucket(&self) -> String {
        let name = format!("it-{}", unique());
        self.s3("PUT", &name, "", &[], Vec::new()).await;
        name
    }

    /// Writes an object.
    pub async fn put(&self, bucket: &str, key: &str, bytes: impl Into<Vec<u8>>) {
        self.s3("PUT", bucket, key, &[("content-type", "text/plain")], bytes.into()).await;
    }

    /// Writes an object into a storage class.
    pub async fn put_in_class(&self, bucket: &str, key: &str, bytes: &[u8], class: &str) {
        self.s3("PUT", bucket, key, &[("x-amz-storage-class", class)], bytes.into()).await;
    }

    /// Removes an object.
    pub async fn delete(&self, bucket: &str, key: &str) {
        self.s3("DELETE", bucket, key, &[], Vec::new()).await;
    }

    /// Calls S3 as root. The SDK's client would refuse some of the keys that the tests need.
    async fn s3(&self, method: &str, bucket: &str, key: &str, headers: &[(&str, &str)], body: Vec<u8>) {
        let key = utf8_percent_encode(key, NON_ALPHANUMERIC);
        let url = format!("{}/{bucket}/{}", self.endpoint, key.to_string().replace("%2F", "/"));
        self.call("s3", (method, &url), headers, body).await;
    }

    /// Makes a person who may list and read one bucket and nothing else.
    pub async fn reader_of(&self, bucket: &str) -> Credential {
        self.reader(&format!("reader-{bucket}"), bucket).await
    }

    /// Makes a person of that name who may list and read one bucket and nothing else.
    pub async fn reader(&self, user: &str, bucket: &str) -> Credential {
        self.iam(&[("Action", "CreateUser"), ("UserName", user)]).await;
        let put = [
            ("Action", "PutUserPolicy"),
            ("UserName", user),
            ("PolicyName", "read"),
            ("PolicyDocument", &may_read(bucket)),
        ];
        self.iam(&put).await;
        keys(&self.iam(&[("Action", "CreateAccessKey"), ("UserName", user)]).await, false)
    }

    /// Takes a person's key away.
    pub async fn forget(&self, user: &str, access_key_id: &str) {
        let delete = [("Action", "DeleteAccessKey"), ("UserName", user), ("AccessKeyId", access_key_id)];
        self.iam(&delete).await;
    }

    /// Makes a role and assumes it: what a task gets that runs in it.
    pub async fn task_role(&self, name: &str) -> Credential {
        let arn = self.role(name).await;
        let assume = [("Action", "AssumeRole"), ("RoleArn", arn.as_str()), ("RoleSessionName", "task")];
        keys(&self.query("sts", "2011-06-15", &assume).await, true)
    }

    /// Assumes a role that may do everything in S3, narrowed by a session policy to one bucket's objects.
    pub async fn session(&self, bucket: &str) -> Credential {
        let name = format!("all-{bucket}");
        let arn = self.role(&name).await;
        let all =
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#;
        let put = [
            ("Action", "PutRolePolicy"),
            ("RoleName", name.as_str()),
            ("PolicyName", "all"),
            ("PolicyDocument", all),
        ];
        self.iam(&put).await;
        let assume = [
            ("Action", "AssumeRole"),
            ("RoleArn", arn.as_str()),
            ("RoleSessionName", "logboom"),
            ("Policy", &may_read(bucket)),
        ];
        keys(&self.query("sts", "2011-06-15", &assume).await, true)
    }

    /// Makes a role that may do everything in S3, so that nothing but a session policy narrows it. Gives its ARN.
    pub async fn mighty_role(&self) -> String {
        let name = format!("mighty-{}", unique());
        let arn = self.role(&name).await;
        let all =
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#;
        let put = [
            ("Action", "PutRolePolicy"),
            ("RoleName", name.as_str()),
            ("PolicyName", "all"),
            ("PolicyDocument", all),
        ];
        self.iam(&put).await;
        arn
    }

    /// The status of a call to S3 with somebody's keys. The path and query are sent as they are.
    pub async fn status_with(&self, keys: Credentials, method: &str, path: &str) -> u16 {
        let url = format!("{}/{path}", self.endpoint);
        self.send(&keys.into(), "s3", (method, &url), &[], Vec::new()).await.0.as_u16()
    }

    /// Makes a role that everybody may assume.
    async fn role(&self, name: &str) -> String {
        let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]}]}"#;
        let role = [("Action", "CreateRole"), ("RoleName", name), ("AssumeRolePolicyDocument", trust)];
        element(&self.iam(&role).await, "Arn")
    }

    /// Calls IAM's query API.
    async fn iam(&self, fields: &[(&str, &str)]) -> String {
        self.query("iam", "2010-05-08", fields).await
    }

    async fn query(&self, service: &str, version: &str, fields: &[(&str, &str)]) -> String {
        let url = format!("{}/", self.endpoint);
        let fields = [fields, &[("Version", version)]].concat();
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
        let form = [("content-type", "application/x-www-form-urlencoded")];
        self.call(service, ("POST", &url), &form, body.into()).await
    }

    /// Signs a call as root, sends it and expects success. The URL is sent as it is.
    async fn call(
        &self,
        service: &str,
        (method, url): (&str, &str),
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> String {
        let (status, text) = self.send(&root_keys().into(), service, (method, url), headers, body).await;
        assert!(status.is_success(), "{method} {url}: {status}: {text}");
        text
    }

    async fn send(
        &self,
        identity: &Identity,
        service: &str,
        (method, url): (&str, &str),
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> (http::StatusCode, String) {
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let params: SigningParams<'_> = v4::SigningParams::builder()
            .identity(identity)
            .region(REGION)
            .name(service)
            .time(now())
            .settings(settings)
            .build()
            .expect("parameters")
            .into();
        let signable = SignableRequest::new(method, url, headers.iter().copied(), SignableBody::Bytes(&body));
        let signed = sign(signable.expect("a request"), &params).expect("a signature").into_parts().0;
        let mut request = http::Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Full::new(Bytes::from(body))).expect("a request");
        signed.apply_to_request_http1x(&mut request);
        let client = Client::builder(TokioExecutor::new()).build_http();
        let answer = client.request(request).await.expect("ministack answers");
        let status = answer.status();
        let body = answer.into_body().collect().await.expect("a body").to_bytes();
        (status, String::from_utf8_lossy(&body).into_owned())
    }
}

/// The text of the first element of that name.
fn element(xml: &str, name: &str) -> String {
    let (_, rest) = xml.split_once(&format!("<{name}>")).expect("the element");
    rest.split_once('<').expect("its end").0.to_owned()
}

fn may_read(bucket: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":["s3:ListBucket","s3:GetObject"],"Resource":["arn:aws:s3:::{bucket}","arn:aws:s3:::{bucket}/*"]}}]}}"#
    )
}

/// The keys in an answer of IAM or STS.
fn keys(answer: &str, session: bool) -> Credential {
    Credential::AwsKeys {
        access_key_id: element(answer, "AccessKeyId"),
        secret_access_key: Secret::new(element(answer, "SecretAccessKey")),
        session_token: session.then(|| Secret::new(element(answer, "SessionToken"))),
    }
}

fn root_keys() -> Credentials {
    Credentials::new(ROOT_KEY_ID, ROOT_SECRET, None, None, "root")
}

#[expect(clippy::disallowed_methods, reason = "signatures are judged by real time")]
fn now() -> SystemTime {
    SystemTime::now()
}
