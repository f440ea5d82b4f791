//! What happened: the requests of a payment service, and the hour in which its ledger stopped answering.
//!
//! A request enters at the load balancer in AWS, is served by `checkout` in GCP, and a payment goes on to the ledger
//! behind an API gateway in Azure. All three log the same request id. Each day between 14:03 and 14:11 UTC
//! the ledger times out. Everything follows from the seed and the minute, so that a later run tells the same story.

use std::time::Duration;

use crate::demo::samples::dice::Dice;
use crate::demo::samples::moment::HOUR_SECONDS;
use crate::domain::time::Timestamp;

/// When the ledger fails: from this second of the day (14:03 UTC)
const INCIDENT_FROM: i64 = 14 * HOUR_SECONDS + 3 * 60;
/// … up to this one (14:11 UTC).
const INCIDENT_UNTIL: i64 = 14 * HOUR_SECONDS + 11 * 60;
const DAY_SECONDS: i64 = 24 * HOUR_SECONDS;

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// As it should.
    Fine,
    /// The card was declined.
    Declined,
    /// The ledger did not answer in time.
    LedgerTimeout,
}

/// What a request wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `POST /v1/payments`: goes on to the ledger.
    Pay,
    /// `GET /v1/payments/{id}`.
    Look,
    /// `GET /v1/quotes`.
    Quote,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Request {
    /// When it came in.
    pub at: Timestamp,
    /// The id that all three clouds log; a load balancer's trace id.
    pub id: String,
    /// The client's address, from the documentation ranges.
    pub client: String,
    /// The client's port.
    pub port: u32,
    /// What it wanted.
    pub kind: Kind,
    /// The payment it is about.
    pub payment: String,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took in all, in milliseconds.
    pub millis: u32,
}

impl Request {
    /// The HTTP method.
    #[must_use]
    pub const fn method(&self) -> &'static str {
        match self.kind {
            Kind::Pay => "POST",
            Kind::Look | Kind::Quote => "GET",
        }
    }

    /// The path that the client asked for.
    #[must_use]
    pub fn path(&self) -> String {
        match self.kind {
            Kind::Pay => "/v1/payments".to_owned(),
            Kind::Look => format!("/v1/payments/{}", self.payment),
            Kind::Quote => "/v1/quotes?currency=EUR".to_owned(),
        }
    }

    /// The status that the client got.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match (self.outcome, self.kind) {
            (Outcome::LedgerTimeout, _) => 502,
            (Outcome::Declined, _) => 402,
            (Outcome::Fine, Kind::Pay) => 201,
            (Outcome::Fine, _) => 200,
        }
    }

    /// When the answer went out.
    #[must_use]
    pub fn ended(&self) -> Timestamp {
        self.at.plus(Duration::from_millis(u64::from(self.millis)))
    }
}

/// Whether the ledger fails at this time.
#[must_use]
pub fn in_incident(at: Timestamp) -> bool {
    (INCIDENT_FROM..INCIDENT_UNTIL).contains(&at.unix_seconds().rem_euclid(DAY_SECONDS))
}

/// The middle of the latest incident whose hour is over.
#[must_use]
pub fn latest_incident(now: Timestamp) -> Timestamp {
    let hour_after = INCIDENT_FROM - INCIDENT_FROM % HOUR_SECONDS + HOUR_SECONDS;
    let day = (now.unix_seconds() - hour_after).div_euclid(DAY_SECONDS);
    Timestamp::from_unix_seconds(day * DAY_SECONDS + i64::midpoint(INCIDENT_FROM, INCIDENT_UNTIL))
}

/// The requests of one hour, in the order in which they came in.
#[must_use]
pub fn requests(seed: u64, hour: i64) -> Vec<Request> {
    let first_minute = hour * 60;
    let mut requests: Vec<_> = (first_minute..first_minute + 60).flat_map(|m| minute(seed, m)).collect();
    requests.sort_by_key(|request| request.at);
    requests
}

fn minute(seed: u64, minute: i64) -> Vec<Request> {
    let mut dice = Dice::new(seed, "minute", minute);
    let start = Timestamp::from_unix_seconds(minute * 60);
    // Clients retry while the ledger is down.
    let count = if in_incident(start) { 16 } else { 5 + dice.below(4) };
    (0..count).map(|_| request(&mut dice, start)).collect()
}

fn request(dice: &mut Dice, minute: Timestamp) -> Request {
    let at = minute.plus(Duration::from_millis(u64::from(dice.below(60_000))));
    let kind = *dice.pick(&Kind::Pay, &[Kind::Pay, Kind::Look, Kind::Look, Kind::Quote]);
    let outcome = match kind {
        Kind::Pay if in_incident(at) && dice.percent(85) => Outcome::LedgerTimeout,
        Kind::Pay if dice.percent(3) => Outcome::Declined,
        _ => Outcome::Fine,
    };
    let millis = match outcome {
        Outcome::LedgerTimeout => 5_000 + dice.below(40),
        Outcome::Fine | Outcome::Declined => 12 + dice.below(180),
    };
    Request {
        at,
        id: format!("1-{:08x}-{}", at.unix_seconds(), dice.hex(24)),
        // RFC 5737 keeps these three networks for documentation.
        client: format!("{}.{}", dice.pick(&"198.51.100", &["203.0.113"]), 1 + dice.below(254)),
        port: 32_768 + dice.below(28_000),
        kind,
        payment: format!("pay_{}", dice.hex(12)),
        outcome,
        millis,
    }
}
