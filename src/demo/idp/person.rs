//! The three people of the demo: roles, not invented persons.

/// Somebody who can log in to the demo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Person {
    /// Reads the service logs of every cloud, below some prefixes.
    Engineer,
    /// Owns the demo's buckets.
    BucketOwner,
    /// Lists everywhere and reads the restricted prefix.
    SecurityOfficer,
}

impl Person {
    /// Everybody, in the order of the login page.
    pub const ALL: [Self; 3] = [Self::Engineer, Self::BucketOwner, Self::SecurityOfficer];

    /// The stable name in forms and file names.
    #[must_use]
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Engineer => "engineer",
            Self::BucketOwner => "owner",
            Self::SecurityOfficer => "security",
        }
    }

    /// Finds a person by [`Person::slug`].
    #[must_use]
    pub fn find(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|person| person.slug() == slug)
    }

    /// The subject claim.
    #[must_use]
    pub const fn subject(self) -> &'static str {
        match self {
            Self::Engineer => "demo-engineer",
            Self::BucketOwner => "demo-owner",
            Self::SecurityOfficer => "demo-security",
        }
    }

    /// The role, which is also the display name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Engineer => "Engineer",
            Self::BucketOwner => "Bucket owner",
            Self::SecurityOfficer => "Security officer",
        }
    }

    /// What the login page says the person may do.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::Engineer => {
                "On call for payments. Reads the load balancer and service logs of three clouds."
            }
            Self::BucketOwner => "Owns the payments buckets. Lists, reads and links everything in them.",
            Self::SecurityOfficer => "Lists every bucket and reads the audit trails.",
        }
    }

    /// The groups claim.
    #[must_use]
    pub const fn groups(self) -> &'static [&'static str] {
        match self {
            Self::Engineer => &["engineers"],
            Self::BucketOwner => &["payments-owners"],
            Self::SecurityOfficer => &["security-officers"],
        }
    }

    /// The clearance claim, a label of the default order.
    #[must_use]
    pub const fn clearance(self) -> &'static str {
        match self {
            Self::Engineer | Self::BucketOwner => "confidential",
            Self::SecurityOfficer => "restricted",
        }
    }
}
