//! A vended credential in the forms that the clouds' own tools read.
//!
//! Sources: <https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html>,
//! <https://cloud.google.com/sdk/docs/properties> (`CLOUDSDK_AUTH_ACCESS_TOKEN`) and
//! <https://learn.microsoft.com/cli/azure/azure-cli-configuration> (`AZURE_STORAGE_SAS_TOKEN`).

use serde_json::json;

use crate::api::credentials::CredentialFormat;
use crate::domain::bucket::Bucket;
use crate::provider::vend::{Vended, VendedSecret};

const TEXT: &str = "text/plain; charset=utf-8";

/// The media type and the text.
pub fn write(bucket: &Bucket, vended: &Vended, format: CredentialFormat) -> (&'static str, String) {
    match (&vended.secret, format) {
        (
            VendedSecret::AwsKeys { access_key_id, secret_access_key, session_token },
            CredentialFormat::CredentialProcess,
        ) => {
            let document = json!({
                "Version": 1,
                "AccessKeyId": access_key_id,
                "SecretAccessKey": secret_access_key.expose(),
                "SessionToken": session_token.expose(),
                "Expiration": vended.expires_at.to_string(),
            });
            ("application/json", document.to_string())
        }
        (
            VendedSecret::AwsKeys { access_key_id, secret_access_key, session_token },
            CredentialFormat::AwsCli,
        ) => (
            TEXT,
            section(bucket, vended, [access_key_id, secret_access_key.expose(), session_token.expose()]),
        ),
        _ => (TEXT, exports(bucket, vended)),
    }
}

/// A section of `~/.aws/credentials`. The values are STS's, which have no line ends; the comment says for what it is good.
fn section(bucket: &Bucket, vended: &Vended, [id, secret, token]: [&String; 3]) -> String {
    let region = bucket.region.as_ref().map(|region| format!("region = {region}\n")).unwrap_or_default();
    format!(
        "[logboom-{}]\n# until {}\naws_access_key_id = {id}\naws_secret_access_key = {secret}\naws_session_token = {token}\n{region}",
        bucket.id, vended.expires_at,
    )
}

/// Lines for a shell, with an example of their use.
fn exports(bucket: &Bucket, vended: &Vended) -> String {
    let mut lines = format!("# until {}\n", vended.expires_at);
    let mut export =
        |name: &str, value: &str| lines.extend(["export ", name, "=", quoted(value).as_str(), "\n"]);
    let folder = vended.folders.first().map_or("", |folder| folder.as_str());
    let name = bucket.native_name.as_str();
    let example = match &vended.secret {
        VendedSecret::AwsKeys { access_key_id, secret_access_key, session_token } => {
            export("AWS_ACCESS_KEY_ID", access_key_id);
            export("AWS_SECRET_ACCESS_KEY", secret_access_key.expose());
            export("AWS_SESSION_TOKEN", session_token.expose());
            if let Some(region) = &bucket.region {
                export("AWS_REGION", region);
            }
            if let Some(endpoint) = &bucket.endpoint {
                export("AWS_ENDPOINT_URL_S3", endpoint);
            }
            format!("aws s3 ls {}", quoted(&format!("s3://{name}/{folder}")))
        }
        VendedSecret::GcpAccessToken(token) => {
            export("CLOUDSDK_AUTH_ACCESS_TOKEN", token.expose());
            format!("gcloud storage ls {}", quoted(&format!("gs://{name}/{folder}")))
        }
        VendedSecret::AzureSas(sas) => {
            export("AZURE_STORAGE_ACCOUNT", bucket.account.as_deref().unwrap_or_default());
            export("AZURE_STORAGE_SAS_TOKEN", sas.expose());
            let folder = folder.trim_end_matches('/');
            format!("az storage fs file list --file-system {} --path {}", quoted(name), quoted(folder))
        }
    };
    format!("{lines}# {}\n", example.replace(['\n', '\r'], " "))
}

/// A word that no shell reads anything into.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn a_shell_reads_a_value_as_it_is(text in "[ -~é\n]{0,40}") {
            let script = format!("export X={}; printf %s \"$X\"", quoted(&text));
            let output = Command::new("sh").arg("-c").arg(script).output().expect("sh");
            prop_assert_eq!(String::from_utf8_lossy(&output.stdout), text);
        }
    }
}
