//! What the tests stand on: real servers on free ports, and the application itself.

pub mod app;
pub mod azurite;
pub mod fake_gcs;
pub mod faults;
pub mod four;
pub mod ministack;
pub mod oidc_provider;
pub mod openbao;
pub mod postgres;
pub mod recorder;
pub mod servers;
pub mod site;
pub mod tap;
pub mod terminal;
pub mod tls;
pub mod wire;
