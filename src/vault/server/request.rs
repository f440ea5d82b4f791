//! Requests that `vaultrs` has no endpoint for, and the headers of all of them.

use std::marker::PhantomData;

use http::header::{HeaderName, HeaderValue};
use rustify::Endpoint;
use rustify::endpoint::MiddleWare;
use rustify::enums::{RequestMethod, RequestType, ResponseType};
use rustify::errors::ClientError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::domain::secret::Secret;
use crate::vault::server::error::VaultError;
use crate::vault::server::path::VaultPath;

/// A request with a JSON body, or none, and data of type `T` in its answer.
pub(super) struct PlainRequest<T> {
    method: RequestMethod,
    path: VaultPath,
    body: Option<Zeroizing<Vec<u8>>>,
    answer: PhantomData<fn() -> T>,
}

impl<T> PlainRequest<T> {
    pub(super) fn new(method: RequestMethod, path: &VaultPath) -> Self {
        Self { method, path: path.clone(), body: None, answer: PhantomData }
    }

    pub(super) fn with_body<B: Serialize>(mut self, body: &B) -> Result<Self, VaultError> {
        let body = serde_json::to_vec(body).map_err(|_| VaultError::unexpected())?;
        self.body = Some(Zeroizing::new(body));
        Ok(self)
    }
}

impl<T: DeserializeOwned + Send + Sync> Endpoint for PlainRequest<T> {
    type Response = T;
    const REQUEST_BODY_TYPE: RequestType = RequestType::JSON;
    const RESPONSE_BODY_TYPE: ResponseType = ResponseType::JSON;

    fn path(&self) -> String {
        self.path.as_str().to_owned()
    }

    fn method(&self) -> RequestMethod {
        self.method.clone()
    }

    fn body(&self) -> Result<Option<Vec<u8>>, ClientError> {
        Ok(self.body.as_ref().map(|body| body.to_vec()))
    }
}

/// The version of the API in front of the path, and who asks.
pub(super) struct Headers<'a> {
    pub(super) token: Option<&'a Secret<String>>,
    pub(super) namespace: Option<&'a str>,
}

impl MiddleWare for Headers<'_> {
    fn request<E: Endpoint>(&self, _: &E, request: &mut http::Request<Vec<u8>>) -> Result<(), ClientError> {
        let mut url = url::Url::parse(&request.uri().to_string())
            .map_err(|source| ClientError::UrlParseError { source })?;
        url.set_path(&format!("/v1/{}", url.path().trim_start_matches('/')));
        *request.uri_mut() = url.as_str().parse().map_err(|source| ClientError::UrlBuildError { source })?;
        let headers = request.headers_mut();
        // Vault's agent and proxies ask for it against forged requests.
        headers.insert(HeaderName::from_static("x-vault-request"), HeaderValue::from_static("true"));
        if let Some(token) = self.token {
            let mut value = header(token.expose())?;
            value.set_sensitive(true);
            headers.insert(HeaderName::from_static("x-vault-token"), value);
        }
        if let Some(namespace) = self.namespace {
            headers.insert(HeaderName::from_static("x-vault-namespace"), header(namespace)?);
        }
        Ok(())
    }

    fn response<E: Endpoint>(&self, _: &E, _: &mut http::Response<Vec<u8>>) -> Result<(), ClientError> {
        Ok(())
    }
}

fn header(text: &str) -> Result<HeaderValue, ClientError> {
    HeaderValue::from_str(text).map_err(|source| ClientError::GenericError { source: source.into() })
}
