//! What the permission check answered, independent of the engine that answered.

/// Allow or deny, with the policies that determined it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Whether the action may go on.
    pub allowed: bool,
    /// Ids of the policies that determined the answer; empty when nothing permitted.
    pub determined_by: Vec<String>,
    /// Ids of policies that failed to evaluate. Any entry makes the decision a denial.
    pub errors: Vec<String>,
}
