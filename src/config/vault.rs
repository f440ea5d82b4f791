//! `[vault]`: where Vault is, and how the service signs in to it. Without the section there is no Vault.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::config::reader::Section;
use crate::config::secret_ref::{self, Environment};
use crate::config::stores::certificates;
use crate::domain::proof::ProveIdentity;
use crate::domain::secret::Secret;
use crate::provider::aws::identity;
use crate::vault::fixed::SecretText;
use crate::vault::server::sign_in::{AppRole, AwsIam, JwtFile, SecretId};
use crate::vault::server::{Options, Pauses, SignIn, VaultPath, may_be_called};

#[cfg(test)]
mod tests;

/// Where Kubernetes puts a pod's token.
/// Source: <https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/>.
const POD_TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// The longest that a call to Vault may be allowed to take.
const LONGEST_TIMEOUT: Duration = Duration::from_mins(1);

/// The ways of signing in, as an error lists them.
const METHODS: &str = "expected approle, jwt, kubernetes, aws-iam or token";

/// Vault, as it is configured.
#[derive(Debug)]
pub struct Vault {
    reach: Reach,
    limits: Limits,
    sign_in: Method,
}

#[derive(Debug)]
struct Reach {
    address: Url,
    namespace: Option<String>,
    ca_pem: Option<String>,
    client_pem: Option<Secret<String>>,
}

#[derive(Debug)]
struct Limits {
    connect_timeout: Duration,
    timeout: Duration,
    pauses: Pauses,
}

/// How it signs in. The one method that needs another room's help gets it from the composition root.
#[derive(Debug)]
enum Method {
    Ready(SignIn),
    AwsIam { mount: VaultPath, role: String, caller: identity::Caller },
}

impl Vault {
    /// Whether signing in spends what it signs in with, so that only one process can do it.
    #[must_use]
    pub const fn spends_its_secret(&self) -> bool {
        matches!(
            &self.sign_in,
            Method::Ready(SignIn::AppRole(AppRole { secret_id: SecretId::Wrapped(_), .. }))
        )
    }

    /// The options of the client. `identity` makes what proves the AWS role of this machine.
    pub fn options(self, identity: impl FnOnce(identity::Caller) -> Arc<dyn ProveIdentity>) -> Options {
        let Self { reach, limits, sign_in } = self;
        let sign_in = match sign_in {
            Method::Ready(sign_in) => sign_in,
            Method::AwsIam { mount, role, caller } => {
                SignIn::AwsIam(AwsIam { mount, role, identity: identity(caller) })
            }
        };
        Options {
            address: reach.address,
            namespace: reach.namespace,
            ca_pem: reach.ca_pem,
            client_pem: reach.client_pem,
            connect_timeout: limits.connect_timeout,
            timeout: limits.timeout,
            sign_in,
            pauses: limits.pauses,
        }
    }
}

/// Reads `[vault]`: `Some(None)` when nothing of it is set.
pub fn vault(root: &mut Section, environment: &Environment) -> Option<Option<Vault>> {
    let mut section = root.section("vault");
    let limits = limits(&mut section);
    if section.is_empty() {
        return limits.map(|_| None);
    }
    let reach = reach(&mut section, environment);
    let mut inner = section.section("sign_in");
    let sign_in = method(&mut inner, environment);
    inner.close();
    section.close();
    Some(Some(Vault { reach: reach?, limits: limits?, sign_in: sign_in? }))
}

fn limits(section: &mut Section) -> Option<Limits> {
    let connect_timeout = section.required("connect_timeout");
    let timeout = section.required("timeout");
    let least = section.required("retry_least");
    let most = section.required("retry_most");
    let most_refused = section.required("retry_most_refused");
    let (timeout, least, most, most_refused) = (timeout?, least?, most?, most_refused?);
    if timeout > LONGEST_TIMEOUT {
        section.problem("timeout", "expected at most 60 s");
        return None;
    }
    for (key, value) in [("retry_most", most), ("retry_most_refused", most_refused)] {
        if value < least {
            section.problem(key, "expected at least retry_least");
            return None;
        }
    }
    let pauses = Pauses { least, most, most_refused };
    Some(Limits { connect_timeout: connect_timeout?, timeout, pauses })
}

fn reach(section: &mut Section, environment: &Environment) -> Option<Reach> {
    let address = section.parsed("address", |text| {
        let url = Url::parse(text).ok().filter(may_be_called);
        url.ok_or("expected https://HOST:PORT such as https://vault.example:8200, without a path (http on loopback alone)")
    });
    let namespace = match section.optional::<String>("namespace") {
        Some(Some(text)) => VaultPath::parse(text.trim_matches('/'))
            .map_err(|error| section.problem("namespace", error.to_string()))
            .ok()
            .map(|path| Some(path.to_string())),
        other => other,
    };
    let ca_pem = certificates(section, "ca");
    let client_pem = client_pem(section, environment);
    Some(Reach { address: address?, namespace: namespace?, ca_pem: ca_pem?, client_pem: client_pem? })
}

/// The certificate and the key in one text, as the TLS client takes them.
#[expect(clippy::option_option, reason = "absent and wrong are two answers, and `?` handles the second")]
fn client_pem(section: &mut Section, environment: &Environment) -> Option<Option<Secret<String>>> {
    let certificate = certificates(section, "client_certificate");
    let key = secret_ref::optional_secret(section, "client_key", environment);
    match (certificate?, key?) {
        (Some(certificate), Some(key)) => {
            Some(Some(Secret::new(format!("{certificate}\n{}\n", key.expose()))))
        }
        (None, None) => Some(None),
        (Some(_), None) => {
            section
                .problem("client_key", "is missing; expected a reference to the certificate's private key");
            None
        }
        (None, Some(_)) => {
            section.problem("client_certificate", "is missing; expected the path of the key's certificate");
            None
        }
    }
}

fn method(section: &mut Section, environment: &Environment) -> Option<Method> {
    let Some(name) = section.required::<String>("method") else {
        // What the rest means hangs on it.
        section.pass_over_rest();
        return None;
    };
    match name.as_str() {
        "approle" => approle(section, environment).map(SignIn::AppRole).map(Method::Ready),
        "jwt" => jwt(section, "jwt", None).map(SignIn::Jwt).map(Method::Ready),
        "kubernetes" => {
            jwt(section, "kubernetes", Some(POD_TOKEN)).map(SignIn::Kubernetes).map(Method::Ready)
        }
        "aws-iam" => aws_iam(section),
        "token" => secret_ref::secret_text(section, "token", environment).map(token).map(Method::Ready),
        _ => {
            section.problem("method", METHODS);
            section.pass_over_rest();
            None
        }
    }
}

/// A token in a file is followed when the file changes.
fn token(text: SecretText) -> SignIn {
    match text {
        SecretText::Value(token) => SignIn::Token(token),
        SecretText::File(path) => SignIn::TokenFile(path),
    }
}

fn mount(section: &mut Section, usual: &str) -> Option<VaultPath> {
    let text: Option<String> = section.optional("mount")?;
    let parsed = VaultPath::parse(text.as_deref().unwrap_or(usual));
    parsed.map_err(|error| section.problem("mount", error.to_string())).ok()
}

fn approle(section: &mut Section, environment: &Environment) -> Option<AppRole> {
    let mount = mount(section, "approle");
    let role_id = section.required("role_id");
    let wrapped = section.optional("wrapped");
    let secret_id = secret_ref::secret_text(section, "secret_id", environment);
    let (wrapped, secret_id) = (wrapped?.unwrap_or(false), secret_id?);
    let secret_id = if wrapped { SecretId::Wrapped(secret_id) } else { SecretId::Plain(secret_id) };
    Some(AppRole { mount: mount?, role_id: role_id?, secret_id })
}

fn jwt(section: &mut Section, usual_mount: &str, usual_file: Option<&str>) -> Option<JwtFile> {
    let mount = mount(section, usual_mount);
    let role = section.required("role");
    let file = match usual_file {
        Some(usual) => section.optional("file").map(|file| file.unwrap_or_else(|| PathBuf::from(usual))),
        None => section.required("file"),
    };
    Some(JwtFile { mount: mount?, role: role?, file: file? })
}

fn aws_iam(section: &mut Section) -> Option<Method> {
    let mount = mount(section, "aws");
    let role = section.required("role");
    let server_id = section.parsed("server_id", |text| {
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
        printable.then(|| text.to_owned()).ok_or("expected printable ASCII without spaces")
    });
    let region = match section.optional::<String>("region") {
        Some(Some(text)) if !is_region(&text) => {
            section.problem("region", "expected the name of a region such as eu-central-1");
            None
        }
        other => other,
    };
    let caller = identity::Caller { region: region?, bound: identity::Bound::Vault(server_id?) };
    Some(Method::AwsIam { mount: mount?, role: role?, caller })
}

/// The name becomes part of a host.
fn is_region(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}
