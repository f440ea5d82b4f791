//! Giving a refresh token back (RFC 7009).
//!
//! Sent from here and not by `openidconnect`: that crate takes no revocation address but https, loopback included.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::Request;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use url::form_urlencoded::{Serializer, byte_serialize};

use crate::authn::oidc::Provider;
use crate::authn::options::{ClientProof, LoginOptions};
use crate::domain::secret::Secret;

impl Provider {
    /// Gives a refresh token back, where the provider takes it. A failure is logged and otherwise of no consequence.
    pub async fn revoke(&self, token: &Secret<String>) {
        let Some(login) = &self.login else { return };
        let Ok(snapshot) = self.issuer.snapshot().await else {
            return self.not_revoked("the identity provider cannot be asked");
        };
        let Some(address) = &snapshot.discovery.revocation_endpoint else { return };
        let Ok(request) = request(address.as_str(), login, token) else {
            return self.not_revoked("the request cannot be written");
        };
        match self.issuer.fetch().send(request).await {
            Ok(answer) if answer.status().is_success() => {}
            Ok(answer) => self.not_revoked(&format!("it answered with status {}", answer.status().as_u16())),
            Err(error) => self.not_revoked(&crate::telemetry::error_chain(&error)),
        }
    }

    fn not_revoked(&self, reason: &str) {
        tracing::warn!(issuer = self.issuer(), reason, "the refresh token could not be given back");
    }
}

/// The request with the client's proof: a header (RFC 6749 section 2.3.1, name and secret form-encoded) or members of
/// the form.
pub(in crate::authn) fn request(
    address: &str,
    login: &LoginOptions,
    token: &Secret<String>,
) -> Result<Request<Vec<u8>>, http::Error> {
    let mut form = Serializer::new(String::new());
    form.append_pair("token", token.expose()).append_pair("token_type_hint", "refresh_token");
    let mut request = Request::post(address)
        .header(ACCEPT, "application/json")
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    match &login.client {
        ClientProof::Public => {
            form.append_pair("client_id", &login.client_id);
        }
        ClientProof::Basic(secret) => {
            let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
            let pair = Secret::new(format!("{}:{}", encoded(&login.client_id), encoded(secret.expose())));
            request =
                request.header(AUTHORIZATION, format!("Basic {}", BASE64_STANDARD.encode(pair.expose())));
        }
        ClientProof::Post(secret) => {
            form.append_pair("client_id", &login.client_id).append_pair("client_secret", secret.expose());
        }
    }
    request.body(form.finish().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(client: ClientProof) -> (Option<String>, String) {
        let login = LoginOptions { client_id: "id 1".to_owned(), client, scopes: Vec::new() };
        let token = Secret::new("r&1".to_owned());
        let request = request("https://idp.example/revoke", &login, &token).unwrap();
        let header = request.headers().get(AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned());
        (header, String::from_utf8(request.into_body()).unwrap())
    }

    #[test]
    fn the_client_proves_itself_as_it_does_for_tokens() {
        let secret = || Secret::new("s:e/c".to_owned());
        let form = "token=r%261&token_type_hint=refresh_token";
        assert_eq!(sent(ClientProof::Public), (None, format!("{form}&client_id=id+1")));
        let header = format!("Basic {}", BASE64_STANDARD.encode("id+1:s%3Ae%2Fc"));
        assert_eq!(sent(ClientProof::Basic(secret())), (Some(header), form.to_owned()));
        let posted = format!("{form}&client_id=id+1&client_secret=s%3Ae%2Fc");
        assert_eq!(sent(ClientProof::Post(secret())), (None, posted));
    }
}
