//! Vending at Google: a token of the bucket's service account, narrowed by a Credential Access Boundary.
//!
//! Our own credential asks for a short token of that account, and exchanges it for one that the boundary holds to the
//! folders. The wide token is dropped here; only the narrow one leaves.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::try_join_all;
use http::header::AUTHORIZATION;
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use url::Url;

use crate::domain::bucket::Bucket;
use crate::domain::credential::Credential;
use crate::domain::key::Prefix;
use crate::domain::vending::GcpServiceAccount;
use crate::provider::error::{StoreError, StoreErrorKind, StoreOperation};
use crate::provider::gcp::Gcs;
use crate::provider::gcp::place::{Place, Query};
use crate::provider::gcp::proof::{IMPERSONATE, Proof, bearer};
use crate::provider::vend::{Attempt, Fit, Reach, VendCredentials, VendOptions, Vended, VendedSecret};
use crate::provider::wire::Wire;

mod boundary;
mod exchange;

use boundary::boundaries;
use exchange::TokenServices;

/// IAM Service Account Credentials, for accounts that name no other endpoint.
const IAM_CREDENTIALS: &str = "https://iamcredentials.googleapis.com";

/// The Security Token Service, likewise.
const STS: &str = "https://sts.googleapis.com";

/// What an attempt to write would write.
const WRITTEN: &[u8] = b"canary";

const OPERATION: StoreOperation = StoreOperation::Vend;

/// Narrows tokens of one service account for one bucket.
struct AccountVendor {
    wire: Wire,
    place: Place,
    proof: Proof,
    email: String,
    tokens: TokenServices,
}

impl fmt::Debug for AccountVendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("AccountVendor");
        shown.field("place", &self.place).field("email", &self.email).finish_non_exhaustive()
    }
}

impl Gcs {
    /// What vends for one bucket by impersonating a service account with the credential. Nothing is sent yet.
    ///
    /// It must be called within a tokio runtime: google-cloud-auth renews tokens in a task of its own.
    pub fn vendor(
        &self,
        bucket: &Bucket,
        account: &GcpServiceAccount,
        credential: &Credential,
    ) -> Result<Box<dyn VendCredentials>, StoreError> {
        let proof = Proof::of(credential, IMPERSONATE)?;
        if matches!(proof, Proof::Anonymous) {
            let text = "an anonymous caller can impersonate no account";
            return Err(StoreError::caused_by(OPERATION, StoreErrorKind::NoCredential, text));
        }
        let or_google = |endpoint: &Option<String>, google: &str| {
            endpoint.as_deref().unwrap_or(google).trim_end_matches('/').to_owned()
        };
        Ok(Box::new(AccountVendor {
            wire: self.wire.clone(),
            place: Place::of(bucket)?,
            proof,
            email: account.email.clone(),
            tokens: TokenServices {
                wire: self.wire.clone(),
                iam_credentials: or_google(&account.iam_endpoint, IAM_CREDENTIALS),
                sts: or_google(&account.sts_endpoint, STS),
            },
        }))
    }
}

#[async_trait]
impl VendCredentials for AccountVendor {
    async fn vend(&self, options: &VendOptions) -> Result<Fit, StoreError> {
        if options.ttl.as_secs() == 0 {
            return Err(StoreError::new(OPERATION, StoreErrorKind::Invalid));
        }
        if self.place.payer.is_some() {
            let why = "A boundary of Google holds a bucket alone, not the project that pays for its requests";
            return Ok(Fit::DoesNotFit(why.to_owned()));
        }
        let Ok(boundaries) = boundaries(&self.place.bucket, options.scope.folders()) else {
            let why = "A Credential Access Boundary of Google for a prefix is over its 2,048 characters";
            return Ok(Fit::DoesNotFit(why.to_owned()));
        };
        if boundaries.len() > options.max_credentials {
            let most = options.max_credentials;
            return Ok(Fit::DoesNotFit(format!(
                "The prefixes need more than {most} Credential Access Boundaries of Google, each of at most 2,048 \
                 characters"
            )));
        }
        let proof = self.proof.headers(OPERATION).await?;
        let wide = self.tokens.impersonate(proof, &self.email, options.ttl, options.now).await?;
        let end = options.now.plus(options.ttl);
        let narrowed = boundaries.into_iter().map(async |boundary| {
            let narrow = self.tokens.narrow(&wide, &boundary.options, options.now).await?;
            Ok(Vended {
                folders: boundary.folders,
                secret: VendedSecret::GcpAccessToken(narrow.secret),
                expires_at: narrow.expires_at.min(end),
            })
        });
        try_join_all(narrowed).await.map(Fit::Credentials)
    }

    async fn attempt(&self, vended: &Vended, attempt: &Attempt) -> Result<Reach, StoreError> {
        let VendedSecret::GcpAccessToken(token) = &vended.secret else {
            return Err(StoreError::new(OPERATION, StoreErrorKind::Invalid));
        };
        let (method, url, body) = match attempt {
            Attempt::Read(key) => {
                let query = Query::default().with("fields", "name");
                (Method::GET, self.place.object(OPERATION, key, &query)?, Bytes::new())
            }
            Attempt::List(prefix) => (Method::GET, listing(&self.place, prefix)?, Bytes::new()),
            Attempt::Write(key) => {
                (Method::POST, self.place.upload(OPERATION, key)?, Bytes::from_static(WRITTEN))
            }
            Attempt::OtherBucket(name) => {
                let other = Place { bucket: name.as_str().to_owned(), ..self.place.clone() };
                (Method::GET, listing(&other, &Prefix::root())?, Bytes::new())
            }
        };
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() =
            url.as_str().parse().map_err(|_| StoreError::new(OPERATION, StoreErrorKind::Invalid))?;
        request.headers_mut().insert(AUTHORIZATION, bearer(token)?);
        match self.wire.send(OPERATION, request).await?.status() {
            StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => Ok(Reach::Refused),
            // A write is made on the condition that nothing is there; that it fails shows that it was let through.
            StatusCode::NOT_FOUND | StatusCode::PRECONDITION_FAILED => Ok(Reach::Allowed),
            status if status.is_success() => Ok(Reach::Allowed),
            status => {
                let cause = format!("Google Cloud Storage answered {}", status.as_u16());
                Err(StoreError::caused_by(OPERATION, StoreErrorKind::Unexpected, cause))
            }
        }
    }
}

fn listing(place: &Place, prefix: &Prefix) -> Result<Url, StoreError> {
    let query = Query::default().with("maxResults", "1").with("fields", "items/name");
    place.listing(&if prefix.is_root() { query } else { query.with("prefix", prefix.as_str()) })
}
