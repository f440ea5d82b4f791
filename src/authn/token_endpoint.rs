//! The token endpoint, as `openidconnect` calls it.
//!
//! The ID token is taken out of the answer before that crate reads it: it gives every standard claim a type, and would
//! refuse a login over a boolean written `"True"`. What the token says is [`crate::authn::id_token`]'s to check.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use serde_json::Value;

use crate::authn::fetch::{Fetch, FetchError};
use crate::authn::strict_json;
use crate::domain::secret::Secret;

/// One call of the token endpoint.
#[derive(Debug)]
pub struct TokenEndpoint<'a> {
    fetch: &'a Fetch,
    id_token: Mutex<Option<Secret<String>>>,
}

impl<'a> TokenEndpoint<'a> {
    /// A call that is still to be made.
    pub const fn new(fetch: &'a Fetch) -> Self {
        Self { fetch, id_token: Mutex::new(None) }
    }

    /// The ID token of the answer.
    pub fn id_token(self) -> Option<Secret<String>> {
        self.id_token.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep_id_token(&self, answer: &mut HttpResponse) {
        let Ok(mut members) = strict_json::object(answer.body()) else { return };
        // One that is no text stays where it is and makes the answer unreadable.
        if let Some(Value::String(token)) = members.get("id_token") {
            let token = Secret::new(token.clone());
            *self.id_token.lock().unwrap_or_else(PoisonError::into_inner) = Some(token);
            members.remove("id_token");
            *answer.body_mut() = Value::Object(members).to_string().into_bytes();
        }
    }
}

/// A boxed future of a named type, so that whoever waits for it stays `Send`.
impl<'c> AsyncHttpClient<'c> for TokenEndpoint<'_> {
    type Error = FetchError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, FetchError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let mut answer = self.fetch.send(request).await?;
            self.keep_id_token(&mut answer);
            Ok(answer)
        })
    }
}
