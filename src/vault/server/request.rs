//! Requests that `vaultrs` has no endpoint for, or one that keeps secrets in plain texts.

use std::marker::PhantomData;

use rustify::Endpoint;
use rustify::enums::{RequestMethod, RequestType, ResponseType};
use rustify::errors::ClientError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

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

    pub(super) fn get(path: &VaultPath) -> Self {
        Self::new(RequestMethod::GET, path)
    }

    pub(super) fn post(path: &VaultPath) -> Self {
        Self::new(RequestMethod::POST, path)
    }

    pub(super) fn with_body<B: Serialize>(mut self, body: &B) -> Result<Self, VaultError> {
        let body = serde_json::to_vec(body).map_err(|_| VaultError::unbuilt())?;
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
