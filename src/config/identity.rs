//! `[identity]` and the times of sessions.

use std::time::Duration;

use crate::authn::Options;
use crate::config::reader::Section;
use crate::config::secret_ref::Environment;
use crate::domain::label::LabelOrder;

/// Who is asking.
#[derive(Debug)]
pub struct Identity {
    /// Settings of the authenticator.
    pub options: Options,
}

/// Times of sessions.
#[derive(Debug, Clone, Copy)]
pub struct SessionLimits {
    /// Without activity.
    pub idle: Duration,
    /// In all.
    pub absolute: Duration,
    /// At once for each person.
    pub max_per_person: u32,
}

/// Reads the times of `[session]`.
pub fn session_limits(section: &mut Section) -> Option<SessionLimits> {
    let idle = section.required("idle");
    let absolute = section.required("absolute");
    let max_per_person = section.required("max_per_person");
    Some(SessionLimits { idle: idle?, absolute: absolute?, max_per_person: max_per_person? })
}

/// Reads `[identity]`.
pub fn identity(
    _root: &mut Section,
    _environment: &Environment,
    _labels: &LabelOrder,
    session: Option<SessionLimits>,
) -> Option<Identity> {
    session.map(|_| Identity { options: Options {} })
}
