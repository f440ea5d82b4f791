//! Where four identity providers put their claims. A site names a preset and adds its own names of groups.

use std::collections::BTreeMap;

use crate::authn::claim_path::{ClaimPath, InvalidClaimPath};
use crate::authn::claims::{ClaimMapping, Split};
use crate::domain::label::Label;

/// Habits of one identity provider, as claim paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preset {
    /// Its name in the configuration.
    pub name: &'static str,
    /// The subject.
    pub subject: &'static str,
    /// Names for display, best first.
    pub display: &'static [&'static str],
    /// Groups or roles.
    pub groups: &'static [&'static str],
    /// Whether a token without the groups claim is incomplete.
    pub groups_required: bool,
}

/// The presets.
pub const PRESETS: [Preset; 5] = [
    // The claims that OpenID Connect itself defines, and the groups claim that most providers can add.
    Preset {
        name: "standard",
        subject: "sub",
        display: &["name", "preferred_username"],
        groups: &["groups"],
        groups_required: false,
    },
    // No groups claim until an administrator adds one, so its absence is a gap in the set-up. `given_name` holds the
    // full name; `unique_name` is user@suffix.
    Preset {
        name: "cyberark",
        subject: "sub",
        display: &["name", "preferred_username", "unique_name"],
        groups: &["groups"],
        groups_required: true,
    },
    // Groups need the mapper "Group Membership"; realm roles come without any.
    Preset {
        name: "keycloak",
        subject: "sub",
        display: &["name", "preferred_username"],
        groups: &["groups", "realm_access.roles"],
        groups_required: true,
    },
    // `sub` differs for each application, `oid` is the person in the tenant. Leaves `groups` out when there are none.
    Preset {
        name: "entra",
        subject: "oid",
        display: &["name", "preferred_username"],
        groups: &["groups", "roles"],
        groups_required: false,
    },
    // Leaves `groups` out when the claim's filter matches none.
    Preset {
        name: "okta",
        subject: "sub",
        display: &["name", "preferred_username"],
        groups: &["groups"],
        groups_required: false,
    },
];

impl Preset {
    /// Finds a preset by its name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        PRESETS.iter().find(|preset| preset.name == name)
    }

    /// The mapping to start from: no group and no clearance is mapped yet.
    ///
    /// # Errors
    /// [`InvalidClaimPath`] if a preset itself were written wrongly.
    pub fn mapping(&self, lowest: Label) -> Result<ClaimMapping, InvalidClaimPath> {
        let paths =
            |texts: &[&str]| texts.iter().map(|text| ClaimPath::parse(text)).collect::<Result<Vec<_>, _>>();
        Ok(ClaimMapping {
            subject: ClaimPath::parse(self.subject)?,
            name: paths(self.display)?,
            groups: paths(self.groups)?,
            groups_split: Split::Whole,
            groups_member: None,
            groups_required: self.groups_required,
            group_names: BTreeMap::new(),
            clearance: None,
            clearance_names: BTreeMap::new(),
            lowest,
        })
    }
}
