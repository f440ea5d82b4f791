//! The folder that logins are kept in: a file for each server, for its owner's eyes alone.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rustix::fs::OFlags;
use rustix::process::geteuid;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::api::login::CommandLineLogin;
use crate::authn::program::Tokens;
use crate::cli::logins::Login;
use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;

/// The most bytes of a kept login.
const MAX_BYTES: u64 = 1024 * 1024;
/// Readable and writable by the owner alone.
const PRIVATE: u32 = 0o600;
const PRIVATE_FOLDER: u32 = 0o700;
/// Rights of anybody but the owner.
const OTHERS: u32 = 0o077;
const OTHERS_WRITE: u32 = 0o022;
/// What stands in the name of a file as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

/// Why a login cannot be kept or found.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The system refuses.
    #[error("cannot use {}", path.display())]
    Io {
        /// What it refuses.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// Somebody else could have read or changed it.
    #[error("{} is not private: others can read or change it", path.display())]
    NotPrivate {
        /// The file or folder.
        path: PathBuf,
    },
    /// It is another person's, or no file.
    #[error("{} is not a file of yours", path.display())]
    NotYours {
        /// The file or folder.
        path: PathBuf,
    },
    /// It is no login of this server.
    #[error("{} holds no login of this server", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
}

/// The folder.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

/// The folder, with nobody else writing to it.
#[derive(Debug)]
pub struct Locked {
    folder: Folder,
    _lock: File,
}

/// What stands in a file.
#[derive(Serialize, Deserialize)]
struct Document {
    server: String,
    provider: CommandLineLogin,
    access_token: String,
    /// Seconds since 1970.
    expires_at: Option<i64>,
    refresh_token: Option<String>,
}

impl Folder {
    /// Takes a path; nothing is made yet.
    #[must_use]
    pub const fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// The login to a server, where there is one.
    pub fn read(&self, server: &Url) -> Result<Option<Login>, FolderError> {
        let path = self.file(server);
        // A link could lead to a file that is somebody else's to write.
        let flags = OFlags::NOFOLLOW.bits().cast_signed();
        let file = match OpenOptions::new().read(true).custom_flags(flags).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(FolderError::Io { path, cause }),
        };
        check(&self.0, &fs::metadata(&self.0).map_err(|cause| io(&self.0, cause))?, OTHERS_WRITE)?;
        let meta = file.metadata().map_err(|cause| io(&path, cause))?;
        check(&path, &meta, OTHERS)?;
        if !meta.is_file() {
            return Err(FolderError::NotYours { path });
        }
        let mut text = String::new();
        let read = file.take(MAX_BYTES).read_to_string(&mut text);
        let text = Secret::new(text);
        read.map_err(|cause| io(&path, cause))?;
        login(text.expose(), server).map(Some).ok_or(FolderError::Malformed { path })
    }

    /// Waits until nobody else writes here: two programs that use one refresh token up would end the login.
    pub fn lock(&self) -> Result<Locked, FolderError> {
        let made = DirBuilder::new().recursive(true).mode(PRIVATE_FOLDER).create(&self.0);
        made.map_err(|cause| io(&self.0, cause))?;
        check(&self.0, &fs::metadata(&self.0).map_err(|cause| io(&self.0, cause))?, OTHERS_WRITE)?;
        let path = self.0.join("lock");
        let opened = OpenOptions::new().create(true).write(true).truncate(false).mode(PRIVATE).open(&path);
        let lock = opened.and_then(|file| file.lock().map(|()| file)).map_err(|cause| io(&path, cause))?;
        Ok(Locked { folder: self.clone(), _lock: lock })
    }

    /// The file of a server: its address, with every sign that means something to a file system encoded.
    fn file(&self, server: &Url) -> PathBuf {
        self.0.join(format!("{}.json", utf8_percent_encode(name(server), PLAIN)))
    }
}

impl Locked {
    /// Keeps a login, in the place of an earlier one: whole or not at all.
    pub fn write(&self, login: &Login) -> Result<(), FolderError> {
        let path = self.folder.file(&login.server);
        let draft = path.with_extension("draft");
        // One that a program left behind when it was ended; nobody else writes now.
        remove(&draft)?;
        let text = Secret::new(text(login));
        let opened = OpenOptions::new().create_new(true).write(true).mode(PRIVATE).open(&draft);
        let written = opened.and_then(|mut file| {
            file.write_all(text.expose().as_bytes())?;
            file.sync_all()
        });
        written.and_then(|()| fs::rename(&draft, &path)).map_err(|cause| FolderError::Io { path, cause })
    }

    /// Forgets the login to a server. Tells whether there was one.
    pub fn remove(&self, server: &Url) -> Result<bool, FolderError> {
        remove(&self.folder.file(server))
    }
}

fn remove(path: &Path) -> Result<bool, FolderError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(cause) => Err(io(path, cause)),
    }
}

fn check(path: &Path, meta: &fs::Metadata, forbidden: u32) -> Result<(), FolderError> {
    if meta.uid() != geteuid().as_raw() {
        return Err(FolderError::NotYours { path: path.to_owned() });
    }
    if meta.mode() & forbidden != 0 {
        return Err(FolderError::NotPrivate { path: path.to_owned() });
    }
    Ok(())
}

fn io(path: &Path, cause: io::Error) -> FolderError {
    FolderError::Io { path: path.to_owned(), cause }
}

/// A server's name: a slash at the end of its address does not make it another one.
fn name(server: &Url) -> &str {
    server.as_str().trim_end_matches('/')
}

fn text(login: &Login) -> String {
    let exposed = |token: &Secret<String>| token.expose().clone();
    let document = Document {
        server: name(&login.server).to_owned(),
        provider: login.provider.clone(),
        access_token: exposed(&login.tokens.access_token),
        expires_at: login.tokens.expires_at.map(Timestamp::unix_seconds),
        refresh_token: login.tokens.refresh_token.as_ref().map(exposed),
    };
    // Texts and numbers always can be written.
    serde_json::to_string_pretty(&document).unwrap_or_default()
}

fn login(text: &str, server: &Url) -> Option<Login> {
    let document: Document = serde_json::from_str(text).ok()?;
    (document.server == name(server)).then(|| Login {
        server: server.clone(),
        provider: document.provider,
        tokens: Tokens {
            access_token: Secret::new(document.access_token),
            expires_at: document.expires_at.map(Timestamp::from_unix_seconds),
            refresh_token: document.refresh_token.map(Secret::new),
        },
    })
}

#[cfg(test)]
mod tests;
