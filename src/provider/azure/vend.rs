//! Vending at Azure: a user-delegation SAS for each folder, where the account has a hierarchical namespace.
//!
//! Elsewhere a signature covers one blob or a whole container, and a container is never signed for. Nor is anything signed
//! with an account key.

use std::fmt;

use async_trait::async_trait;
use azure_core::http::Url;
use azure_storage_sas::{SasBuilder, SasProtocol};
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::Full;

use crate::domain::bucket::Bucket;
use crate::domain::credential::Credential;
use crate::domain::key::{ObjectKey, Prefix};
use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;
use crate::provider::azure::address::{self, Address};
use crate::provider::azure::sign::{Links, SKEW, sdk_time};
use crate::provider::azure::{API_VERSION, BlobStorage, credential, error};
use crate::provider::error::StoreOperation;
use crate::provider::vend::{Attempt, Fit, Reach, VendCredentials, VendOptions, Vended, VendedSecret};
use crate::provider::{StoreError, StoreErrorKind, wire};

/// What an attempt to write would write.
const WRITTEN: &[u8] = b"canary";

const OPERATION: StoreOperation = StoreOperation::Vend;

/// Signs for folders of one container.
struct FolderVendor {
    address: Address,
    /// Absent where no folder can be signed for; then the words say why.
    signer: Result<Links, &'static str>,
    wire: wire::Wire,
}

impl fmt::Debug for FolderVendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FolderVendor").field("address", &self.address).finish_non_exhaustive()
    }
}

impl BlobStorage {
    /// What vends for one container with an identity of Entra. Nothing is sent yet.
    ///
    /// # Errors
    /// As [`BlobStorage::open`].
    pub fn vendor(
        &self,
        bucket: &Bucket,
        hierarchical: bool,
        credential: &Credential,
    ) -> Result<Box<dyn VendCredentials>, StoreError> {
        let address = Address::of(bucket)?;
        let signer = match credential {
            _ if !hierarchical => Err("A storage account without hierarchical namespace signs for no folder"),
            Credential::AzureAccountKey(_) => Err("An account key of Azure is used to sign for nobody"),
            _ => match credential::token(credential, &self.client)? {
                Some(token) => Ok(Links::new(&address, token, &self.client, self.delegation_key_life)?),
                None => Err("Without an identity of Entra nothing can be signed for"),
            },
        };
        Ok(Box::new(FolderVendor { address, signer, wire: self.wire.clone() }))
    }
}

#[async_trait]
impl VendCredentials for FolderVendor {
    async fn vend(&self, options: &VendOptions) -> Result<Fit, StoreError> {
        let signer = match &self.signer {
            Ok(signer) => signer,
            Err(why) => return Ok(Fit::DoesNotFit((*why).to_owned())),
        };
        let folders: Vec<_> = options.scope.folders().collect();
        if folders.len() > options.max_credentials {
            let most = options.max_credentials;
            return Ok(Fit::DoesNotFit(format!(
                "Azure signs for one folder at a time, and there are more than {most}"
            )));
        }
        let directories: Option<Vec<_>> = folders.iter().map(|folder| directory(folder)).collect();
        let Some(directories) = directories else {
            return Ok(Fit::DoesNotFit(
                "A prefix is no name of a directory of Azure, so nothing can be signed for it".to_owned(),
            ));
        };
        let end = Timestamp::from_unix_seconds(options.now.plus(options.ttl).unix_seconds());
        if end <= options.now {
            return Err(StoreError::new(OPERATION, StoreErrorKind::Invalid));
        }
        let mut vended = Vec::with_capacity(folders.len());
        for (folder, directory) in folders.into_iter().zip(directories) {
            let sas = signer.sign_directory(directory, end, options).await?;
            let secret = VendedSecret::AzureSas(sas);
            vended.push(Vended { folders: vec![folder.clone()], secret, expires_at: end });
        }
        Ok(Fit::Credentials(vended))
    }

    async fn attempt(&self, vended: &Vended, attempt: &Attempt) -> Result<Reach, StoreError> {
        let VendedSecret::AzureSas(sas) = &vended.secret else {
            return Err(StoreError::new(OPERATION, StoreErrorKind::Invalid));
        };
        let url = match attempt {
            Attempt::Read(key) | Attempt::Write(key) => self.address.blob(key),
            Attempt::List(prefix) => listing(&self.address, prefix),
            Attempt::OtherBucket(name) => listing(&self.address.sibling(name)?, &Prefix::root()),
        };
        let url = url.ok_or_else(|| StoreError::new(OPERATION, StoreErrorKind::Invalid))?;
        let before = if url.query().is_some() { '&' } else { '?' };
        let signed = Secret::new(format!("{url}{before}{}", sas.expose()));
        let request = Request::builder().uri(signed.expose()).header("x-ms-version", API_VERSION);
        let request = match attempt {
            Attempt::Write(_) => request
                .method(Method::PUT)
                .header("x-ms-blob-type", "BlockBlob")
                .header("if-none-match", "*")
                .body(Full::new(Bytes::from_static(WRITTEN))),
            Attempt::Read(_) | Attempt::List(_) | Attempt::OtherBucket(_) => request.body(Full::default()),
        };
        let request = request.map_err(|_| StoreError::new(OPERATION, StoreErrorKind::Invalid))?;
        match self.wire.send(OPERATION, request).await?.status() {
            StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => Ok(Reach::Refused),
            // A write is made on the condition that nothing is there; that it fails shows that it was let through.
            StatusCode::NOT_FOUND | StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED => {
                Ok(Reach::Allowed)
            }
            status if status.is_success() => Ok(Reach::Allowed),
            status => {
                let cause = format!("Azure answered {}", status.as_u16());
                Err(StoreError::caused_by(OPERATION, StoreErrorKind::Unexpected, cause))
            }
        }
    }
}

impl Links {
    /// Signs the right to read and list what lies in this directory.
    async fn sign_directory(
        &self,
        directory: &str,
        end: Timestamp,
        options: &VendOptions,
    ) -> Result<Secret<String>, StoreError> {
        let (delegation, from) = self.delegation_key(OPERATION, options.now, end).await?;
        let builder = SasBuilder::new(self.account(), &delegation, sdk_time(OPERATION, end)?)
            .map_err(|cause| error::failed(OPERATION, &cause))?;
        let mut builder = builder
            .start(sdk_time(OPERATION, from.max(options.now.minus(SKEW)))?)
            .protocol(SasProtocol::Https)
            .directory(self.container(), directory)
            .read()
            .list();
        if let Some(id) = guid(&options.holder.request_id) {
            builder = builder.correlation_id(id);
        }
        Ok(Secret::new(builder.build()))
    }
}

/// The directory that a folder is, without its slash; `None` where no directory has exactly this name. Azure folds empty
/// segments, resolves dots and turns `\` into `/`: a signature would then be good for another folder.
fn directory(folder: &Prefix) -> Option<&str> {
    let name = folder.as_str().strip_suffix('/')?;
    let key = ObjectKey::parse(name).ok()?;
    (address::is_exact(name) && !address::has_empty_segment(&key)).then_some(name)
}

fn listing(address: &Address, prefix: &Prefix) -> Option<Url> {
    match prefix.as_str() {
        "" => address.listing(&[("maxresults", "1")]),
        prefix => address.listing(&[("maxresults", "1"), ("prefix", prefix)]),
    }
}

/// Azure logs an id beside what is done with a signature, and takes only a GUID for it.
fn guid(id: &str) -> Option<String> {
    let plain = id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit());
    let part = |range| id.get(range).filter(|_| plain);
    Some(format!("{}-{}-{}-{}-{}", part(0..8)?, part(8..12)?, part(12..16)?, part(16..20)?, part(20..32)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_prefix_that_a_directory_can_be_is_signed_for() {
        let is = |text: &str| directory(&Prefix::parse(text).unwrap()).map(ToOwned::to_owned);
        assert_eq!(is("a/"), Some("a".to_owned()));
        assert_eq!(is("team a/2026+11/日本/"), Some("team a/2026+11/日本".to_owned()));
        for text in
            ["", "a", "/", "/a/", "a//", "a//b/", "./", "a/./", "../", "a/../b/", "a./", "a\\b/", "a\nb/"]
        {
            assert_eq!(is(text), None, "{text:?}");
        }
        assert_eq!(is(&format!("{}/", "x".repeat(1025))), None);
    }

    #[test]
    fn a_request_is_told_to_azure_as_a_guid() {
        let told = guid("0123456789abcdef0123456789abcdef");
        assert_eq!(told.as_deref(), Some("01234567-89ab-cdef-0123-456789abcdef"));
        assert_eq!(guid("0123"), None);
        assert_eq!(guid("0123456789abcdef0123456789abcde/"), None);
    }
}
