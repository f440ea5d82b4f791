//! What is kept is whole, private and one server's.

use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

/// A folder that is gone with the test.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        Self(std::env::temp_dir().join(format!("logboom-logins-{}-{number}", std::process::id())))
    }

    fn folder(&self) -> Folder {
        Folder::new(self.0.join("logboom/logins"))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

fn kept(server: &str, access_token: &str) -> Login {
    Login {
        server: server.parse().unwrap(),
        provider: CommandLineLogin {
            name: "main".to_owned(),
            issuer: "https://idp.example/".to_owned(),
            endpoint_hosts: Vec::new(),
            client_id: "cli".to_owned(),
            scopes: vec!["openid".to_owned()],
            resource: None,
        },
        tokens: Tokens {
            access_token: Secret::new(access_token.to_owned()),
            expires_at: Some(Timestamp::from_unix_seconds(1_800_000_000)),
            refresh_token: Some(Secret::new("refresh".to_owned())),
        },
    }
}

fn access_token(folder: &Folder, server: &str) -> Option<String> {
    let login = folder.read(&server.parse().unwrap()).unwrap();
    login.map(|login| login.tokens.access_token.expose().clone())
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn each_server_has_one_login_whatever_its_address_holds() {
    let place = Place::new();
    let folder = place.folder();
    let servers = [
        "https://logs.example",
        "https://logs.example:8443",
        "https://logs.example/below/../x/%2e%2e%2f",
        "http://[::1]:8080",
    ];
    for server in servers {
        assert_eq!(access_token(&folder, server), None);
        folder.lock().unwrap().write(&kept(server, server)).unwrap();
    }
    for server in servers {
        assert_eq!(access_token(&folder, server).as_deref(), Some(server));
    }
    assert_eq!(access_token(&folder, "https://logs.example/").as_deref(), Some("https://logs.example"));
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), servers.len() + 1, "and the lock");
    let gone: Url = servers[0].parse().unwrap();
    assert!(folder.lock().unwrap().remove(&gone).unwrap());
    assert!(!folder.lock().unwrap().remove(&gone).unwrap());
    assert_eq!(access_token(&folder, servers[0]), None);
}

#[test]
fn what_is_written_reads_back_and_is_for_the_owner_alone() {
    let place = Place::new();
    let (folder, login) = (place.folder(), kept("https://logs.example", "access"));
    folder.lock().unwrap().write(&login).unwrap();
    let read = folder.read(&login.server).unwrap().unwrap();
    assert_eq!(read.provider, login.provider);
    assert_eq!(read.tokens.expires_at, login.tokens.expires_at);
    assert_eq!(read.tokens.refresh_token.unwrap().expose(), "refresh");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder.file(&login.server)), 0o600);
    assert_eq!(mode(&folder.0), 0o700);
}

#[test]
fn a_login_that_others_could_read_or_change_is_refused() {
    let place = Place::new();
    let (folder, login) = (place.folder(), kept("https://logs.example", "access"));
    folder.lock().unwrap().write(&login).unwrap();
    let file = folder.file(&login.server);
    for mode in [0o640, 0o604, 0o660, 0o644] {
        set_mode(&file, mode);
        assert!(matches!(folder.read(&login.server), Err(FolderError::NotPrivate { .. })), "{mode:o}");
    }
    set_mode(&file, 0o600);
    set_mode(&folder.0, 0o777);
    assert!(matches!(folder.read(&login.server), Err(FolderError::NotPrivate { .. })));
    assert!(matches!(folder.lock(), Err(FolderError::NotPrivate { .. })));
    set_mode(&folder.0, 0o700);
    let elsewhere = folder.0.join("elsewhere");
    fs::rename(&file, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &file).unwrap();
    assert!(matches!(folder.read(&login.server), Err(FolderError::Io { .. })), "no link is followed");
}

#[test]
fn a_file_that_is_no_login_of_the_server_is_refused() {
    let place = Place::new();
    let (folder, login) = (place.folder(), kept("https://logs.example", "access"));
    folder.lock().unwrap().write(&login).unwrap();
    let other: Url = "https://other.example".parse().unwrap();
    fs::copy(folder.file(&login.server), folder.file(&other)).unwrap();
    assert!(matches!(folder.read(&other), Err(FolderError::Malformed { .. })));
    fs::write(folder.file(&login.server), "{").unwrap();
    assert!(matches!(folder.read(&login.server), Err(FolderError::Malformed { .. })));
}

#[test]
fn a_draft_that_was_left_behind_is_in_nobodys_way() {
    let place = Place::new();
    let (folder, login) = (place.folder(), kept("https://logs.example", "access"));
    let draft = folder.file(&login.server).with_extension("draft");
    let locked = folder.lock().unwrap();
    fs::write(&draft, "half of").unwrap();
    locked.write(&login).unwrap();
    assert_eq!(access_token(&folder, "https://logs.example").as_deref(), Some("access"));
    assert!(!draft.exists());
}
