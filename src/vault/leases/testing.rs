//! What tests of leases share.

use std::time::Duration;

use crate::vault::leases::Options;
use crate::vault::server::Pauses;

/// Options with short times.
pub fn options() -> Options {
    Options {
        wait: Duration::from_secs(2),
        read_again: Duration::from_mins(1),
        unread: Duration::from_mins(10),
        grace: Duration::from_secs(1),
        give_back: Duration::from_secs(2),
        pauses: Pauses {
            least: Duration::from_millis(100),
            most: Duration::from_millis(400),
            most_refused: Duration::from_millis(400),
        },
    }
}
