//! A client of our own API, as the command line uses it.

use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::{Host, Url};

use crate::api::problem::ProblemBody;
use crate::domain::secret::Secret;

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

/// A client for one server and one person.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
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
    /// A client that carries an access token.
    ///
    /// # Errors
    /// [`ClientError`] when the token would travel unprotected, or cannot travel at all.
    pub fn new(base: &Url, token: &Secret<String>) -> Result<Self, ClientError> {
        let bearer = format!("Bearer {}", token.expose().trim());
        let mut value = HeaderValue::from_str(&bearer).map_err(|_| ClientError::InvalidToken)?;
        value.set_sensitive(true);
        Self::with_headers(base, HeaderMap::from_iter([(AUTHORIZATION, value)]))
    }

    /// A client for what is open to everybody.
    ///
    /// # Errors
    /// [`ClientError`] when what comes could be changed on its way.
    pub fn without_token(base: &Url) -> Result<Self, ClientError> {
        Self::with_headers(base, HeaderMap::new())
    }

    fn with_headers(base: &Url, headers: HeaderMap) -> Result<Self, ClientError> {
        let loopback = match base.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        };
        if base.scheme() != "https" && !(base.scheme() == "http" && loopback) {
            return Err(ClientError::Unprotected(base.clone()));
        }
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            // A redirect could carry the token to somebody else.
            .redirect(Policy::none())
            .default_headers(headers)
            .build()
            .map_err(|cause| ClientError::Unreachable { server: base.to_string(), cause })?;
        Ok(Self { http, base: base.clone() })
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
            let answer = self.request(&ask).send().await;
            let unreachable = |cause| ClientError::Unreachable { server: self.base.to_string(), cause };
            let answer = answer.map_err(unreachable)?;
            if answer.status().is_success() {
                return Ok(answer);
            }
            let wait = retry_after(answer.headers()).filter(|_| tries < TRIES && ask.method == Method::GET);
            let Some(wait) = wait else { return Err(refusal(answer).await) };
            tokio::time::sleep(wait.min(MAX_WAIT)).await;
            tries += 1;
        }
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

async fn refusal(mut answer: Response) -> ClientError {
    let status = answer.status();
    let mut bytes = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MAX_ANSWER_BYTES {
            break;
        }
    }
    serde_json::from_slice(&bytes)
        .map_or(ClientError::Foreign { status }, |problem| ClientError::Refused(Box::new(problem)))
}
