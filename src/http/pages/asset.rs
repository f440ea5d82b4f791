//! A file of the pages, named by its content.

/// A file that is part of the program.
#[derive(Debug, Clone, Copy)]
pub struct Asset {
    stem: &'static str,
    extension: &'static str,
    text: &'static str,
    hash: u64,
}

impl Asset {
    /// Takes a file; its hash is made when the program is compiled.
    pub const fn new(stem: &'static str, extension: &'static str, text: &'static str) -> Self {
        Self { stem, extension, text, hash: fnv1a(text.as_bytes()) }
    }

    /// The content.
    pub const fn text(self) -> &'static str {
        self.text
    }

    /// The content's hash in hexadecimal. It tells versions apart and proves nothing.
    pub fn hash(self) -> String {
        format!("{:016x}", self.hash)
    }

    /// The name that changes with the content.
    pub fn file_name(self) -> String {
        format!("{}-{}.{}", self.stem, self.hash(), self.extension)
    }

    /// Where pages find it.
    pub fn path(self) -> String {
        format!("/assets/{}", self.file_name())
    }

    /// Whether this is one of its two names.
    pub fn is_named(self, name: &str) -> bool {
        let plain = name.strip_prefix(self.stem).and_then(|rest| rest.strip_prefix('.'));
        plain == Some(self.extension) || name == self.file_name()
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self.extension {
            "css" => "text/css; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            _ => "image/svg+xml",
        }
    }
}

/// FNV-1a, 64 bits.
const fn fnv1a(mut bytes: &[u8]) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    while let [first, rest @ ..] = bytes {
        // `u64::from` cannot be called in a constant yet.
        let byte = *first as u64;
        hash = (hash ^ byte).wrapping_mul(0x0000_0100_0000_01b3);
        bytes = rest;
    }
    hash
}
