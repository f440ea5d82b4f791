//! A login on another device (RFC 8628): a code that a person types in at the provider, while the program asks again and
//! again whether they did.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use openidconnect::core::CoreDeviceAuthorizationResponse;
use openidconnect::{
    DeviceAuthorizationUrl, DeviceCodeErrorResponse, DeviceCodeErrorResponseType, RequestTokenError,
};
use url::Url;

use crate::authn::code_flow::{LoginError, error_code, more_scopes, not_answered};
use crate::authn::fetch::{FetchError, may_call};
use crate::authn::id_token::Answer;
use crate::authn::program::{Program, Tokens};
use crate::authn::token_endpoint::TokenEndpoint;

/// The least time between two questions, whatever the provider says.
const LEAST_INTERVAL: Duration = Duration::from_secs(1);
/// The longest that is waited for a person.
const MAX_WAIT: Duration = Duration::from_mins(30);

/// A login that waits for a person at another device.
pub struct Device {
    /// What the person types in.
    pub user_code: String,
    /// Where they do it.
    pub page: Url,
    /// The same with the code in it, where the provider offers it.
    pub page_with_code: Option<Url>,
    /// How long the code holds.
    pub holds: Duration,
    answer: CoreDeviceAuthorizationResponse,
}

/// The device code is a secret.
impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Device").field("page", &self.page).finish_non_exhaustive()
    }
}

/// Why a login on another device did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// The provider has none.
    #[error("the identity provider offers no login on another device")]
    NotOffered,
    /// The person said no.
    #[error("the login was refused on the other device")]
    Denied,
    /// Nobody typed the code in.
    #[error("nobody typed the code in before it ended")]
    Expired,
    /// Anything that any login can fail by.
    #[error(transparent)]
    Login(#[from] LoginError),
}

impl Program {
    /// Asks for a code.
    pub async fn begin_device(&self) -> Result<Device, DeviceError> {
        let discovery = self.discovery().await?;
        let endpoint = discovery.device_authorization_endpoint.clone().ok_or(DeviceError::NotOffered)?;
        let client = self.client(&discovery)?;
        let client = client.set_device_authorization_url(DeviceAuthorizationUrl::from_url(endpoint));
        let mut request = client.exchange_device_code().add_scopes(more_scopes(&self.login.scopes));
        if let Some(resource) = &self.resource {
            request = request.add_extra_param("resource", resource);
        }
        let endpoint = TokenEndpoint::new(self.issuer.fetch());
        let answer: CoreDeviceAuthorizationResponse =
            request.request_async(&endpoint).await.map_err(not_answered)?;
        // Somebody is about to open it.
        let page = |text: &str| Url::parse(text).ok().filter(|url| may_call(url, self.loopback));
        let with_code = answer.verification_uri_complete();
        Ok(Device {
            user_code: answer.user_code().secret().clone(),
            page: page(answer.verification_uri().as_str()).ok_or(LoginError::Malformed)?,
            page_with_code: with_code.and_then(|url| page(url.secret())),
            holds: answer.expires_in().min(MAX_WAIT),
            answer,
        })
    }

    /// Waits until the person did what they should, with `pause` between two questions.
    pub async fn wait<P: Future<Output = ()>>(
        &self,
        device: &Device,
        pause: impl Fn(Duration) -> P,
    ) -> Result<Tokens, DeviceError> {
        let client = self.client(&self.discovery().await?)?;
        let endpoint = TokenEndpoint::new(self.issuer.fetch());
        let mut request = client.exchange_device_access_token(&device.answer);
        if let Some(resource) = &self.resource {
            request = request.add_extra_param("resource", resource);
        }
        let pause = |interval: Duration| pause(interval.max(LEAST_INTERVAL));
        let answer = request.request_async(&endpoint, pause, Some(device.holds)).await.map_err(refused)?;
        // No nonce was sent: there was no browser of ours to send it with.
        Ok(self.read(&answer, endpoint.id_token(), Answer::Refresh).await?)
    }
}

fn refused(error: RequestTokenError<FetchError, DeviceCodeErrorResponse>) -> DeviceError {
    match error {
        RequestTokenError::ServerResponse(answer) => match answer.error() {
            DeviceCodeErrorResponseType::AccessDenied => DeviceError::Denied,
            DeviceCodeErrorResponseType::ExpiredToken => DeviceError::Expired,
            other => LoginError::Refused { code: error_code(other.as_ref()) }.into(),
        },
        RequestTokenError::Request(error) => LoginError::Unavailable(error.into()).into(),
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => LoginError::Malformed.into(),
    }
}
