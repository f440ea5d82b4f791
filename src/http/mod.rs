//! The edge: routes, guard, problems, headers.
