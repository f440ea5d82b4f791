//! What a policy of Vault has to allow, for people who write policies.

use std::fmt;

use crate::vault::server::VaultPath;

/// A call that the service makes. `Display` is the rule of a policy that allows it and no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyRule {
    path: VaultPath,
    capability: &'static str,
}

impl PolicyRule {
    /// What the token itself needs, whatever it reads. The first three are in Vault's policy `default`.
    pub const OF_THE_TOKEN: [Self; 6] = [
        Self::read(VaultPath::LOOKUP_SELF),
        Self::update(VaultPath::RENEW_SELF),
        Self::update(VaultPath::REVOKE_SELF),
        Self::update(VaultPath::LOOKUP),
        Self::update(VaultPath::RENEW),
        Self::update(VaultPath::REVOKE),
    ];

    /// A GET.
    #[must_use]
    pub const fn read(path: VaultPath) -> Self {
        Self { path, capability: "read" }
    }

    /// A POST to something that is there.
    #[must_use]
    pub const fn update(path: VaultPath) -> Self {
        Self { path, capability: "update" }
    }

    /// The path that is called.
    #[must_use]
    pub const fn path(&self) -> &VaultPath {
        &self.path
    }
}

impl fmt::Display for PolicyRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "path \"{}\" {{ capabilities = [\"{}\"] }}", self.path, self.capability)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_written_as_a_policy_has_it() {
        let path = VaultPath::parse("aws/sts/logs").unwrap();
        let written = PolicyRule::update(path).to_string();
        assert_eq!(written, r#"path "aws/sts/logs" { capabilities = ["update"] }"#);
    }
}
