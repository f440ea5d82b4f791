//! The shared HTTP client as the transport of `azure_core`'s pipeline.

use async_trait::async_trait;
use azure_core::Error;
use azure_core::error::ErrorKind;
use azure_core::http::headers::{HeaderName, HeaderValue, Headers};
use azure_core::http::request::{Body, Request};
use azure_core::http::{AsyncRawResponse, HttpClient};
use bytes::Bytes;
use futures::TryStreamExt;
use http::HeaderMap;
use http_body_util::{BodyDataStream, Full};

use crate::provider::wire::Wire;

/// Sends what the pipeline made.
#[derive(Debug)]
pub(super) struct OverWire(pub(super) Wire);

#[async_trait]
impl HttpClient for OverWire {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let answer = self.0.exchange(translate(request)?).await.map_err(|cause| {
            let kind = if cause.is_connect() { ErrorKind::Connection } else { ErrorKind::Io };
            Error::with_error(kind, cause, "the request could not be sent")
        })?;
        let (head, body) = answer.into_parts();
        let body = BodyDataStream::new(body)
            .map_err(|cause| Error::with_error(ErrorKind::Io, cause, "the answer broke off"));
        Ok(AsyncRawResponse::new(head.status.as_u16().into(), headers(&head.headers), Box::pin(body)))
    }
}

fn translate(request: &Request) -> azure_core::Result<http::Request<Full<Bytes>>> {
    // Nothing that we ask of Azure sends a stream.
    let Body::Bytes(body) = request.body() else {
        return Err(Error::with_message(ErrorKind::Other, "a body that is a stream is not sent"));
    };
    let mut builder = http::Request::builder().method(request.method().as_ref()).uri(request.url().as_str());
    for (name, value) in request.headers().iter() {
        builder = builder.header(name.as_str(), value.as_str());
    }
    builder
        .body(Full::new(body.clone()))
        .map_err(|cause| Error::with_error(ErrorKind::Other, cause, "the request cannot be sent so"))
}

/// Headers that are no text are left out: Azure sends none.
fn headers(map: &HeaderMap) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in map {
        if let Ok(value) = value.to_str() {
            headers.insert(HeaderName::from(name.as_str().to_owned()), HeaderValue::from(value.to_owned()));
        }
    }
    headers
}
