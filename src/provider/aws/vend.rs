//! Vending at AWS: the bucket's role, assumed under a session policy, in the name of the person who asked.
//!
//! Source: <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use aws_credential_types::Credentials as AwsCredentials;
use aws_sdk_sts::config::retry::RetryConfig;
use aws_sdk_sts::config::{BehaviorVersion, Region};
use aws_sdk_sts::error::SdkError;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_sdk_sts::types::{Credentials, Tag};
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use crate::domain::bucket::Bucket;
use crate::domain::credential::Credential;
use crate::domain::key::Prefix;
use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;
use crate::domain::vending::AwsRole;
use crate::provider::aws::credentials::Keeper;
use crate::provider::aws::place::{Place, push_query};
use crate::provider::aws::session_policy::Ground;
use crate::provider::aws::{Ask, S3, sign};
use crate::provider::error::{StoreError, StoreErrorKind, StoreOperation};
use crate::provider::vend::{
    Attempt, Fit, Holder, Reach, VendCredentials, VendOptions, Vended, VendedSecret,
};
use crate::provider::wire::Wire;

/// The shortest session that STS gives. A shorter one is ended by its policy.
const SHORTEST: Duration = Duration::from_mins(15);

/// The most characters of a session's name and of a source identity.
const MAX_NAME: usize = 64;

/// The most characters of a session tag's value.
const MAX_TAG: usize = 256;

/// Assumes the role of one bucket.
pub(super) struct RoleVendor {
    sts: aws_sdk_sts::Client,
    role: AwsRole,
    place: Place,
    bucket: Bucket,
    wire: Wire,
}

impl fmt::Debug for RoleVendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoleVendor").field("role", &self.role).finish_non_exhaustive()
    }
}

impl S3 {
    /// What vends for one bucket by assuming a role with the credential. Nothing is sent yet.
    pub async fn vendor(
        &self,
        bucket: &Bucket,
        role: &AwsRole,
        credential: &Credential,
    ) -> Result<Box<dyn VendCredentials>, StoreError> {
        let place = Place::resolve(bucket).await?;
        let keeper = Keeper::new(credential, &place.region, &self.sdk_http).await?;
        let keeper = keeper.ok_or_else(|| {
            let text = "an anonymous caller can assume no role";
            StoreError::caused_by(StoreOperation::Vend, StoreErrorKind::NoCredential, text)
        })?;
        let mut config = aws_sdk_sts::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(place.region.clone()))
            .credentials_provider(keeper.source())
            // What is tried again, and when, is said in `guarded` alone.
            .retry_config(RetryConfig::disabled())
            .http_client(self.sdk_http.clone());
        config.set_endpoint_url(role.sts_endpoint.clone());
        Ok(Box::new(RoleVendor {
            sts: aws_sdk_sts::Client::from_conf(config.build()),
            role: role.clone(),
            bucket: bucket.clone(),
            place,
            wire: self.wire.clone(),
        }))
    }
}

#[async_trait]
impl VendCredentials for RoleVendor {
    async fn vend(&self, options: &VendOptions) -> Result<Fit, StoreError> {
        let end = options.now.plus(options.ttl);
        let ground = Ground {
            partition: self.role.arn.partition(),
            bucket: self.bucket.native_name.as_str(),
            region: &self.place.region,
            kms_key: self.role.kms_key.as_deref(),
            until: (options.ttl < SHORTEST).then_some(end),
        };
        let folders: Vec<&Prefix> = options.scope.folders().collect();
        let mut waiting = match ground.divide(&folders) {
            Ok(parts) => VecDeque::from(parts),
            Err(unfit) => return Ok(Fit::DoesNotFit(unfit.sentence().to_owned())),
        };
        let mut vended = Vec::new();
        while let Some(part) = waiting.pop_front() {
            if vended.len() + waiting.len() + 1 > options.max_credentials {
                let most = options.max_credentials;
                return Ok(Fit::DoesNotFit(format!(
                    "The prefixes need more than {most} session policies of AWS, each of at most 2,048 characters"
                )));
            }
            match self.assume(&ground.policy(&part), options).await? {
                Some(keys) => vended.push(made_of(&part, keys, end)?),
                // STS packs policy and tags into a quota of its own, which only it can count.
                None if part.len() > 1 => {
                    let (first, second) = part.split_at(part.len() / 2);
                    waiting.push_front(second.to_vec());
                    waiting.push_front(first.to_vec());
                }
                None => {
                    let why =
                        "A session policy of AWS for the prefix, with its tags, is over the packed size";
                    return Ok(Fit::DoesNotFit(why.to_owned()));
                }
            }
        }
        Ok(Fit::Credentials(vended))
    }

    async fn attempt(&self, vended: &Vended, attempt: &Attempt) -> Result<Reach, StoreError> {
        let operation = StoreOperation::Vend;
        let VendedSecret::AwsKeys { access_key_id, secret_access_key, session_token } = &vended.secret else {
            return Err(StoreError::new(operation, StoreErrorKind::Invalid));
        };
        let keys = AwsCredentials::new(
            access_key_id,
            secret_access_key.expose(),
            Some(session_token.expose().clone()),
            None,
            "vended",
        );
        let other;
        let (place, ask) = match attempt {
            Attempt::OtherBucket(name) => {
                let bucket = Bucket { native_name: name.clone(), ..self.bucket.clone() };
                other = Place::resolve(&bucket).await?;
                (&other, list(&Prefix::root()))
            }
            Attempt::List(prefix) => (&self.place, list(prefix)),
            Attempt::Read(key) => (&self.place, (Method::GET, key.as_str(), String::new())),
            Attempt::Write(key) => (&self.place, (Method::PUT, key.as_str(), String::new())),
        };
        let (method, key, query) = ask;
        let ask = Ask { operation, method, key, query: &query, headers: HeaderMap::new() };
        let mut request = place.request(ask)?;
        if matches!(attempt, Attempt::Write(_)) {
            // S3 answers 411 to a write that does not say its length, whoever makes it.
            request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(0));
        }
        sign::sign(operation, &mut request, &keys.into(), &place.region)?;
        let answer = self.wire.send(operation, request).await?;
        match answer.status() {
            StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => Ok(Reach::Refused),
            status if status.is_success() || status == StatusCode::NOT_FOUND => Ok(Reach::Allowed),
            status => Err(unexpected(format!("S3 answered {}", status.as_u16()))),
        }
    }
}

fn list(prefix: &Prefix) -> (Method, &'static str, String) {
    let mut query = "list-type=2&max-keys=1".to_owned();
    if !prefix.is_root() {
        push_query(&mut query, "prefix", prefix.as_str());
    }
    (Method::GET, "", query)
}

impl RoleVendor {
    /// Assumes the role under a policy; `None` when STS says that policy and tags are too large together.
    async fn assume(&self, policy: &str, options: &VendOptions) -> Result<Option<Credentials>, StoreError> {
        let seconds = i32::try_from(options.ttl.max(SHORTEST).as_secs()).unwrap_or(i32::MAX);
        let mut ask = self
            .sts
            .assume_role()
            .role_arn(self.role.arn.as_str())
            .role_session_name(session_name(&options.holder))
            .source_identity(source_identity(&options.holder))
            .set_external_id(self.role.external_id.clone())
            .duration_seconds(seconds)
            .policy(policy);
        for (name, value) in tags(&options.holder) {
            let tag = Tag::builder().key(name).value(value).build();
            ask = ask.tags(tag.map_err(|cause| unexpected(cause.to_string()))?);
        }
        match ask.send().await {
            Ok(answer) => match answer.credentials {
                Some(keys) => Ok(Some(keys)),
                None => Err(unexpected("STS gave no credential".to_owned())),
            },
            Err(SdkError::ServiceError(refusal))
                if matches!(refusal.err(), AssumeRoleError::PackedPolicyTooLargeException(_)) =>
            {
                Ok(None)
            }
            Err(cause) => Err(failed(&cause)),
        }
    }
}

/// What STS gave, as it is handed on.
fn made_of(folders: &[&Prefix], keys: Credentials, end: Timestamp) -> Result<Vended, StoreError> {
    let expires = Timestamp::from_unix_seconds(keys.expiration.secs());
    if keys.access_key_id.is_empty() || keys.session_token.is_empty() {
        return Err(unexpected("STS gave half a credential".to_owned()));
    }
    Ok(Vended {
        folders: folders.iter().map(|folder| (*folder).clone()).collect(),
        secret: VendedSecret::AwsKeys {
            access_key_id: keys.access_key_id,
            secret_access_key: Secret::new(keys.secret_access_key),
            session_token: Secret::new(keys.session_token),
        },
        expires_at: expires.min(end),
    })
}

/// The person, as CloudTrail shows them for whatever is done with the session, in letters that STS takes; at least two.
fn source_identity(holder: &Holder) -> String {
    let subject: String = holder.subject.chars().map(tame).take(MAX_NAME).collect();
    format!("{subject:-<2}")
}

fn tame(letter: char) -> char {
    if letter.is_ascii_alphanumeric() || "_=,.@-".contains(letter) { letter } else { '-' }
}

/// The session's own name: the person, made unlike every other by the request.
fn session_name(holder: &Holder) -> String {
    let mark: String = holder.request_id.chars().filter(char::is_ascii_alphanumeric).take(16).collect();
    let room = MAX_NAME - 1 - mark.len();
    let subject: String = holder.subject.chars().map(tame).take(room).collect();
    format!("{subject}.{mark}")
}

/// Session tags in the letters that STS takes.
fn tags(holder: &Holder) -> [(&'static str, String); 3] {
    let tame = |text: &str| {
        let letter = |letter: char| {
            let allowed = letter.is_alphanumeric() || " _.:/=+-@".contains(letter);
            if allowed { letter } else { '-' }
        };
        text.chars().map(letter).take(MAX_TAG).collect()
    };
    [
        ("logboom-subject", tame(&holder.subject)),
        ("logboom-issuer", tame(&holder.issuer)),
        ("logboom-request", tame(&holder.request_id)),
    ]
}

/// What kind of failure it was. The SDK's text is left out, because it can quote what was sent.
fn failed(cause: &SdkError<AssumeRoleError>) -> StoreError {
    use aws_sdk_sts::error::ProvideErrorMetadata;
    let code = cause.code().unwrap_or_default();
    let (kind, text) = match cause {
        SdkError::TimeoutError(_) => (StoreErrorKind::TimedOut, "STS did not answer in time".to_owned()),
        SdkError::DispatchFailure(_) => (StoreErrorKind::Unavailable, "STS cannot be reached".to_owned()),
        _ if code == "AccessDenied" => (
            StoreErrorKind::Denied,
            "STS refused: the role's trust policy has to allow sts:AssumeRole, sts:TagSession and \
             sts:SetSourceIdentity to the credential that vends"
                .to_owned(),
        ),
        _ if code.starts_with("Throttling") => {
            (StoreErrorKind::Throttled { retry_after: None }, "STS asks us to slow down".to_owned())
        }
        SdkError::ServiceError(answer) if answer.raw().status().is_server_error() => {
            (StoreErrorKind::Unavailable, "STS failed".to_owned())
        }
        _ => {
            let known = code.bytes().all(|b| b.is_ascii_alphanumeric()) && code.len() <= 64;
            (StoreErrorKind::Unexpected, format!("STS answered {}", if known { code } else { "?" }))
        }
    };
    StoreError::caused_by(StoreOperation::Vend, kind, text)
}

fn unexpected(text: String) -> StoreError {
    StoreError::caused_by(StoreOperation::Vend, StoreErrorKind::Unexpected, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_bears_the_person_and_the_request_in_letters_that_sts_takes() {
        let holder = Holder {
            subject: "ana müller+ops@example.com".to_owned(),
            issuer: "https://idp.example/{tenant}/".to_owned(),
            request_id: "0123456789abcdef0123456789abcdef".to_owned(),
        };
        assert_eq!(session_name(&holder), "ana-m-ller-ops@example.com.0123456789abcdef");
        assert_eq!(source_identity(&holder), "ana-m-ller-ops@example.com");
        assert_eq!(source_identity(&Holder { subject: "a".to_owned(), ..holder.clone() }), "a-");
        let long = Holder { subject: "x".repeat(300), ..holder.clone() };
        assert_eq!(session_name(&long).len(), MAX_NAME);
        let [subject, issuer, request] = tags(&holder);
        assert_eq!(subject, ("logboom-subject", "ana müller+ops@example.com".to_owned()));
        assert_eq!(issuer, ("logboom-issuer", "https://idp.example/-tenant-/".to_owned()));
        assert_eq!(request.1, holder.request_id);
        assert_eq!(tags(&long)[0].1.chars().count(), MAX_TAG);
    }
}
