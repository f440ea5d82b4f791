//! A client of our own API, as the command line uses it.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::{Host, Url};

use crate::api::problem::ProblemBody;
use crate::client::token::{TokenError, TokenSource};

pub mod token;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long nothing may come of an answer; searches tell their progress twice a second.
const READ_TIMEOUT: Duration = Duration::from_mins(2);

/// The most bytes of an answer that is not a stream.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// How often a request is tried that was told to come back.
const TRIES: u32 = 3;

/// The longest wait between tries.
const MAX_WAIT: Duration = Duration::from_secs(20);

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The token would go over the network unprotected.
    #[error("the server's address has to begin with https://, except on this machine: {0}")]
    Unprotected(Url),
    /// The token holds what no header can.
    #[error("the token is not one: it holds spaces or other signs")]
    InvalidToken,
    /// There is no answer.
    #[error("the server {server} does not answer")]
    Unreachable {
        /// Its address.
        server: String,
        /// Why.
        #[source]
        cause: reqwest::Error,
    },
    /// The server refuses.
    #[error("{}", told(.0))]
    Refused(Box<ProblemBody>),
    /// The server does not know who asks: the token does not hold, or not any more.
    #[error("{}", told(problem))]
    NotRecognised {
        /// Its address.
        server: String,
        /// What it says.
        problem: Box<ProblemBody>,
    },
    /// The login has ended, and there is nothing to renew it with.
    #[error("the login to {server} has ended")]
    LoginEnded {
        /// Its address.
        server: String,
    },
    /// There is no token to send.
    #[error("no access token can be had for {server}")]
    NoToken {
        /// Its address.
        server: String,
        /// Why.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The answer is none of this API.
    #[error("the server answers {status}, which is not an answer of Logboom; is the address right?")]
    Foreign {
        /// The status.
        status: StatusCode,
    },
    /// The answer broke off.
    #[error("the answer broke off before its end")]
    Cut(#[source] reqwest::Error),
    /// The answer is larger than any that is expected.
    #[error("the answer is larger than {MAX_ANSWER_BYTES} bytes")]
    TooLarge,
    /// The answer cannot be read.
    #[error("the answer cannot be read; is the program as new as the server?")]
    Unreadable(#[source] serde_json::Error),
}

fn told(problem: &ProblemBody) -> String {
    // One alone is the detail already.
    let fields = problem.errors.iter().filter(|_| problem.errors.len() > 1);
    let fields = fields.map(|error| format!("  {}: {}", error.field, error.message));
    std::iter::once(problem.detail.clone()).chain(fields).collect::<Vec<_>>().join("\n")
}

/// A client for one server and one person, or nobody.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    tokens: Option<Arc<dyn TokenSource>>,
}

/// A request of the client's.
#[derive(Debug)]
pub struct Ask {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Option<Vec<u8>>,
}

impl Client {
    /// A client that carries access tokens.
    ///
    /// # Errors
    /// [`ClientError`] when a token would travel unprotected.
    pub fn new(base: &Url, tokens: Arc<dyn TokenSource>) -> Result<Self, ClientError> {
        Ok(Self { tokens: Some(tokens), ..Self::anonymous(base)? })
    }

    /// A client of nobody, for what the server tells everybody.
    ///
    /// # Errors
    /// [`ClientError`] when somebody on the way could change what it tells.
    pub fn anonymous(base: &Url) -> Result<Self, ClientError> {
        if base.scheme() != "https" && !(base.scheme() == "http" && is_loopback(base)) {
            return Err(ClientError::Unprotected(base.clone()));
        }
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            // A redirect could carry the token to somebody else.
            .redirect(Policy::none())
            .build()
            .map_err(|cause| ClientError::Unreachable { server: base.to_string(), cause })?;
        Ok(Self { http, base: base.clone(), tokens: None })
    }

    /// A request for a path below `/api/v1`, each part of it percent-encoded.
    #[must_use]
    pub fn ask<'p>(&self, method: Method, path: impl IntoIterator<Item = &'p str>) -> Ask {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1"]).extend(path);
        }
        Ask { method, url, headers: HeaderMap::new(), body: None }
    }

    /// Sends a request and reads its answer.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn read<T: DeserializeOwned>(&self, ask: Ask) -> Result<T, ClientError> {
        let mut answer = self.send(ask).await?;
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(ClientError::Cut)? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > MAX_ANSWER_BYTES {
                return Err(ClientError::TooLarge);
            }
        }
        serde_json::from_slice(&bytes).map_err(ClientError::Unreadable)
    }

    /// Sends a request; its answer is read by the caller, chunk by chunk.
    ///
    /// # Errors
    /// [`ClientError`] for everything but success.
    pub async fn send(&self, ask: Ask) -> Result<Response, ClientError> {
        let mut tries = 1;
        loop {
            let answer = self.authorized(self.request(&ask)).await?.send().await;
            let unreachable = |cause| ClientError::Unreachable { server: self.server(), cause };
            let answer = answer.map_err(unreachable)?;
            if answer.status().is_success() {
                return Ok(answer);
            }
            let wait = retry_after(answer.headers()).filter(|_| tries < TRIES && ask.method == Method::GET);
            let Some(wait) = wait else { return Err(self.refusal(answer).await) };
            tokio::time::sleep(wait.min(MAX_WAIT)).await;
            tries += 1;
        }
    }

    /// Asked for each request anew: what runs for long outlives a token.
    async fn authorized(&self, request: RequestBuilder) -> Result<RequestBuilder, ClientError> {
        let Some(tokens) = &self.tokens else { return Ok(request) };
        let token = tokens.token().await.map_err(|error| match error {
            TokenError::Ended => ClientError::LoginEnded { server: self.server() },
            TokenError::Unavailable(cause) => ClientError::NoToken { server: self.server(), cause },
        })?;
        let bearer = format!("Bearer {}", token.expose().trim());
        let mut value = HeaderValue::from_str(&bearer).map_err(|_| ClientError::InvalidToken)?;
        value.set_sensitive(true);
        Ok(request.header(AUTHORIZATION, value))
    }

    async fn refusal(&self, mut answer: Response) -> ClientError {
        let status = answer.status();
        let mut bytes = Vec::new();
        while let Ok(Some(chunk)) = answer.chunk().await {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > MAX_ANSWER_BYTES {
                break;
            }
        }
        match serde_json::from_slice(&bytes) {
            Ok(problem) if status == StatusCode::UNAUTHORIZED => {
                ClientError::NotRecognised { server: self.server(), problem }
            }
            Ok(problem) => ClientError::Refused(problem),
            Err(_) => ClientError::Foreign { status },
        }
    }

    fn server(&self) -> String {
        self.base.as_str().trim_end_matches('/').to_owned()
    }

    fn request(&self, ask: &Ask) -> RequestBuilder {
        let request = self.http.request(ask.method.clone(), ask.url.clone()).headers(ask.headers.clone());
        match &ask.body {
            Some(body) => request.header(CONTENT_TYPE, "application/json").body(body.clone()),
            None => request,
        }
    }
}

impl Ask {
    /// Adds a parameter of the query.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.url.query_pairs_mut().append_pair(name, value);
        self
    }

    /// Adds a parameter of the query, where there is one.
    #[must_use]
    pub fn query_if(self, name: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.query(name, &value.to_string()),
            None => self,
        }
    }

    /// Adds a header; one that cannot be sent is left out.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// Says what kind of answer is wanted.
    #[must_use]
    pub fn accept(self, kind: &str) -> Self {
        self.header(ACCEPT, kind)
    }

    /// Sets the body.
    #[must_use]
    pub fn json(mut self, body: &impl Serialize) -> Self {
        // Bodies are plain structures of texts and numbers, which always can be written.
        self.body = serde_json::to_vec(body).ok();
        self
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok().map(Duration::from_secs)
}

/// Whether an address is on this very machine.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}
