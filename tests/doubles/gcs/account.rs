//! A service account whose key is made anew for each test binary with the `openssl` program, and the check of what it signs
//! ("V4 signing process": the string to sign, and the canonical request inside it).

use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use logboom::domain::credential::Credential;
use logboom::domain::secret::Secret;
use serde_json::json;

/// The account's name.
pub const EMAIL: &str = "reader@test-project.iam.gserviceaccount.com";

struct Key {
    private_pem: String,
    public_der: Vec<u8>,
}

static KEY: LazyLock<Key> = LazyLock::new(|| {
    let dir = std::env::temp_dir().join(format!("logboom-it-{}-gcs", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a directory");
    openssl(&dir, "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out key.pem");
    openssl(&dir, "rsa -in key.pem -RSAPublicKey_out -outform DER -out public.der");
    Key {
        private_pem: std::fs::read_to_string(dir.join("key.pem")).expect("a key"),
        public_der: std::fs::read(dir.join("public.der")).expect("a key"),
    }
});

/// The account's key document as a credential.
pub fn credential() -> Credential {
    let document = json!({
        "type": "service_account", "client_email": EMAIL, "private_key_id": "1", "project_id": "test-project",
        "private_key": KEY.private_pem, "token_uri": "http://127.0.0.1:9/never",
    });
    Credential::GcpServiceAccountKey(Secret::new(document.to_string()))
}

/// Whether the account signed the text.
pub fn signed(text: &str, signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &KEY.public_der)
        .verify(text.as_bytes(), signature)
        .is_ok()
}

/// Whether a signed URL's request is one that the account signed. The port is no part of what is signed
/// (Google's conformance tests for V4 signatures).
pub fn verifies(path: &str, raw_query: &str, host: &str) -> bool {
    let (signatures, mut pairs): (Vec<&str>, Vec<&str>) =
        raw_query.split('&').partition(|pair| pair.starts_with("X-Goog-Signature="));
    pairs.sort_unstable();
    let value = |name: &str| pairs.iter().find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let host = host.split(':').next().unwrap_or_default();
    let canonical = format!("GET\n{path}\n{}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD", pairs.join("&"));
    let hash = hex(digest(&SHA256, canonical.as_bytes()).as_ref());
    let Some(date) = value("X-Goog-Date") else { return false };
    let day = date.get(..8).unwrap_or_default();
    let text = format!("GOOG4-RSA-SHA256\n{date}\n{day}/auto/storage/goog4_request\n{hash}");
    let signature = signatures.first().and_then(|pair| pair.split_once('=')).and_then(|(_, hex)| unhex(hex));
    signature.is_some_and(|signature| signed(&text, &signature))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

fn openssl(dir: &Path, arguments: &str) {
    let output = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(dir)
        .output()
        .expect("openssl starts (Debian: apt-get install openssl)");
    assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}
