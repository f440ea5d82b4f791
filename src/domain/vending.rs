//! How credentials for folders of a bucket are made: the means that each cloud has.

use crate::domain::credential::CredentialName;

/// How credentials for folders of a bucket are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vending {
    /// Which configured credential makes them; the one that opens the bucket when absent.
    pub credential: Option<CredentialName>,
    /// By which means of the cloud.
    pub means: VendingMeans,
}

/// What a cloud narrows for somebody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VendingMeans {
    /// A role of AWS that is assumed under a session policy.
    AwsRole(AwsRole),
    /// A service account of Google whose token is downscoped by a Credential Access Boundary.
    GcpServiceAccount(GcpServiceAccount),
    /// A user-delegation SAS of Azure.
    AzureSas {
        /// Whether the account has a hierarchical namespace, without which no folder can be signed for.
        hierarchical: bool,
    },
}

/// A role that is assumed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsRole {
    /// Which one.
    pub arn: RoleArn,
    /// What the role's trust policy asks for, if it does.
    pub external_id: Option<String>,
    /// The key of KMS (its ARN) that the objects are encrypted with, if they are.
    pub kms_key: Option<String>,
    /// Base URL of STS when it is not the region's own.
    pub sts_endpoint: Option<String>,
}

/// A service account that is impersonated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GcpServiceAccount {
    /// Its e-mail address.
    pub email: String,
    /// Base URL of the IAM Service Account Credentials API when it is not Google's own.
    pub iam_endpoint: Option<String>,
    /// Base URL of the Security Token Service when it is not Google's own.
    pub sts_endpoint: Option<String>,
}

/// The name of an IAM role: `arn:<partition>:iam::<account>:role/<path and name>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleArn {
    arn: String,
    partition: String,
}

impl RoleArn {
    /// Takes the ARN of a role.
    ///
    /// # Errors
    /// [`InvalidRoleArn`] otherwise.
    pub fn parse(text: &str) -> Result<Self, InvalidRoleArn> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, "iam", "", account, role] = parts.as_slice() else {
            return Err(InvalidRoleArn);
        };
        let known =
            matches!(*partition, "aws" | "aws-cn" | "aws-us-gov" | "aws-iso" | "aws-iso-b" | "aws-eusc");
        let number = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
        let named = role.strip_prefix("role/").is_some_and(|name| !name.is_empty());
        let plain = text.len() <= 2048 && text.bytes().all(|b| b.is_ascii_graphic());
        if !(known && number && named && plain) {
            return Err(InvalidRoleArn);
        }
        Ok(Self { arn: text.to_owned(), partition: (*partition).to_owned() })
    }

    /// The whole ARN.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.arn
    }

    /// The partition of AWS that it lies in, and all ARNs beside it: `aws`, `aws-us-gov`, ….
    #[must_use]
    pub fn partition(&self) -> &str {
        &self.partition
    }
}

/// The text is no role's ARN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected arn:aws:iam::<12 digits>:role/<name>")]
pub struct InvalidRoleArn;
