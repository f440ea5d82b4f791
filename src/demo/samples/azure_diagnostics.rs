//! What an Azure diagnostic setting writes into a container: one file of JSON lines for each resource and hour.
//!
//! Layout and common fields: learn.microsoft.com/azure/azure-monitor/essentials/resource-logs. A container holds one
//! category; this one stands for `insights-logs-gatewaylogs` of two API Management gateways.

use serde_json::{Value, json};

use crate::demo::error::DemoError;
use crate::demo::samples::dice::Dice;
use crate::demo::samples::file::{SampleFile, json_lines};
use crate::demo::samples::moment::{HOUR_SECONDS, Moment};
use crate::demo::samples::story::{Kind, Outcome, Request};
use crate::domain::time::Timestamp;

const SUBSCRIPTION: &str = "00000000-0000-0000-0000-000000000000";

/// A gateway that logs into the container.
#[derive(Debug, Clone, Copy)]
enum Gateway {
    /// In front of the ledger's public interface.
    Ledger,
    /// In front of what the treasury's people use.
    Treasury,
}

impl Gateway {
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Ledger => ("PAYMENTS", "LEDGER-GATEWAY"),
            Self::Treasury => ("TREASURY", "TREASURY-GATEWAY"),
        }
    }

    fn resource_id(self) -> String {
        let (group, name) = self.names();
        format!(
            "/SUBSCRIPTIONS/{SUBSCRIPTION}/RESOURCEGROUPS/{group}/PROVIDERS/MICROSOFT.APIMANAGEMENT/SERVICE/{name}"
        )
    }

    fn key(self, start: Moment) -> String {
        format!("resourceId={}/{}/PT1H.json", self.resource_id(), start.write("y=%Y/m=%m/d=%d/h=%H/m=00"))
    }
}

/// The files of one hour up to `now`; Azure appends to the hour's file while the hour lasts.
pub fn files(
    seed: u64,
    hour: i64,
    requests: &[Request],
    now: Timestamp,
) -> Result<Vec<SampleFile>, DemoError> {
    let start = Moment::new(Timestamp::from_unix_seconds(hour * HOUR_SECONDS))?;
    let payments = requests.iter().filter(|request| request.kind == Kind::Pay && request.ended() <= now);
    let ledger: Vec<_> = payments.map(booked).collect::<Result<_, _>>()?;
    let treasury = treasury(seed, hour, now)?;
    let mut files = Vec::new();
    for (gateway, lines) in [(Gateway::Ledger, ledger), (Gateway::Treasury, treasury)] {
        if !lines.is_empty() {
            files.push(SampleFile { key: gateway.key(start), bytes: json_lines(&lines) });
        }
    }
    Ok(files)
}

/// What the ledger's gateway says of a payment.
fn booked(request: &Request) -> Result<Value, DemoError> {
    let at = Moment::new(request.ended())?;
    let url = format!("https://ledger.example.com/v1/entries?request_id={}", request.id);
    let correlation = Dice::new(0, &request.id, 0).uuid();
    let mut entry = entry(Gateway::Ledger, at, &correlation, request.millis.saturating_sub(4));
    if let Some(entry) = entry.as_object_mut() {
        let failed = request.outcome == Outcome::LedgerTimeout;
        let mut properties = json!({
            "method": "POST", "url": url, "responseCode": if failed { 504 } else { 201 },
            "responseSize": 214, "requestSize": 733, "cache": "none", "clientProtocol": "HTTP/1.1",
            "backendMethod": "POST", "backendProtocol": "HTTP/1.1", "apiId": "ledger", "operationId": "post-entry",
            "apiRevision": "1", "clientTlsVersion": "1.2",
        });
        if failed && let Some(properties) = properties.as_object_mut() {
            let error = json!({
                "elapsed": 5000, "source": "forward-request", "reason": "Timeout",
                "message": "The operation has timed out.", "section": "backend",
            });
            properties.insert("lastError".to_owned(), error);
        }
        entry.insert("isRequestSuccess".to_owned(), (!failed).into());
        entry.insert("properties".to_owned(), properties);
    }
    Ok(entry)
}

fn treasury(seed: u64, hour: i64, now: Timestamp) -> Result<Vec<Value>, DemoError> {
    let mut dice = Dice::new(seed, "treasury", hour);
    let mut seconds: Vec<_> = (0..6).map(|_| dice.below(3600)).collect();
    seconds.sort_unstable();
    let mut entries = Vec::new();
    for second in seconds {
        let at = Timestamp::from_unix_seconds(hour * HOUR_SECONDS + i64::from(second));
        if at > now {
            break;
        }
        let mut entry = entry(Gateway::Treasury, Moment::new(at)?, &dice.uuid(), 40 + dice.below(200));
        if let Some(entry) = entry.as_object_mut() {
            entry.insert("isRequestSuccess".to_owned(), true.into());
            let properties = json!({
                "method": "GET", "url": "https://treasury.example.com/v1/positions", "responseCode": 200,
                "responseSize": 5120, "requestSize": 402, "cache": "none", "apiId": "treasury",
                "operationId": "get-positions", "apiRevision": "1", "clientTlsVersion": "1.2",
            });
            entry.insert("properties".to_owned(), properties);
        }
        entries.push(entry);
    }
    Ok(entries)
}

fn entry(gateway: Gateway, at: Moment, correlation: &str, millis: u32) -> Value {
    json!({
        "time": at.precise("3310"),
        "resourceId": gateway.resource_id(),
        "operationName": "Microsoft.ApiManagement/GatewayLogs",
        "category": "GatewayLogs",
        "Level": 4,
        "durationMs": millis,
        "callerIpAddress": "192.0.2.77",
        "correlationId": correlation,
        "location": "West Europe",
    })
}
