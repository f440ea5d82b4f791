//! Connections: TLS in the process, time limits, and a shutdown that drains.

mod memory;
mod shutdown;
mod slow;
mod tls;
