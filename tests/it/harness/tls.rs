//! A certificate authority and a certificate for 127.0.0.1, made anew for each test binary with the `openssl` program.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// Where the files lie.
pub struct Certificates {
    /// The authority's certificate, PEM: what a client trusts.
    pub ca: PathBuf,
    /// The server's certificate, PEM.
    pub cert: PathBuf,
    /// The server's key, PEM (PKCS#8).
    pub key: PathBuf,
    /// A client's certificate and key, PEM, of the same authority.
    pub client: PathBuf,
}

impl Certificates {
    /// The authority's certificate as PEM.
    pub fn ca_pem(&self) -> Vec<u8> {
        std::fs::read(&self.ca).expect("the authority's certificate")
    }
}

/// The certificates of this test binary.
pub fn certificates() -> &'static Certificates {
    static MADE: LazyLock<Certificates> = LazyLock::new(|| {
        let dir = std::env::temp_dir().join(format!("logboom-it-{}-tls", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a directory");
        std::fs::write(dir.join("san"), "subjectAltName=IP:127.0.0.1,DNS:localhost\n").expect("a file");
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
        openssl(
            &dir,
            &format!("req -x509 {key} -keyout ca.key -out ca.pem -days 2 -subj /CN=logboom-test-ca"),
        );
        openssl(&dir, &format!("req {key} -keyout key.pem -out csr.pem -subj /CN=127.0.0.1"));
        openssl(
            &dir,
            "x509 -req -in csr.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile san -out cert.pem",
        );
        openssl(&dir, &format!("req {key} -keyout client.key -out client.csr -subj /CN=logboom-test-client"));
        openssl(
            &dir,
            "x509 -req -in client.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile san -out client.crt",
        );
        let client =
            ["client.crt", "client.key"].map(|file| std::fs::read_to_string(dir.join(file)).expect("PEM"));
        std::fs::write(dir.join("client.pem"), client.concat()).expect("a file");
        Certificates {
            ca: dir.join("ca.pem"),
            cert: dir.join("cert.pem"),
            key: dir.join("key.pem"),
            client: dir.join("client.pem"),
        }
    });
    &MADE
}

fn openssl(dir: &Path, arguments: &str) {
    let output = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(dir)
        .output()
        .expect("openssl starts (Debian: apt-get install openssl)");
    assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}
