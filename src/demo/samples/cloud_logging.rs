//! What a Cloud Logging sink writes into a bucket: one file of JSON lines for each log and hour.
//!
//! Layout: cloud.google.com/logging/docs/export/storage. Fields: the `LogEntry` reference.

use serde_json::{Value, json};

use crate::demo::error::DemoError;
use crate::demo::samples::dice::Dice;
use crate::demo::samples::file::{SampleFile, json_lines};
use crate::demo::samples::moment::{HOUR_SECONDS, Moment};
use crate::demo::samples::story::{Outcome, Request};
use crate::domain::time::Timestamp;

const PROJECT: &str = "example-project";

/// The files of one hour; none before the hour is over, since a sink writes hourly batches.
pub fn files(
    seed: u64,
    hour: i64,
    requests: &[Request],
    now: Timestamp,
) -> Result<Vec<SampleFile>, DemoError> {
    let start = Moment::new(Timestamp::from_unix_seconds(hour * HOUR_SECONDS))?;
    if Timestamp::from_unix_seconds((hour + 1) * HOUR_SECONDS) > now {
        return Ok(Vec::new());
    }
    let served: Vec<_> = requests.iter().map(served).collect::<Result<_, _>>()?;
    let audited = audited(seed, hour)?;
    Ok(vec![
        SampleFile { key: key("stdout", start), bytes: json_lines(&served) },
        SampleFile { key: key("cloudaudit.googleapis.com/activity", start), bytes: json_lines(&audited) },
    ])
}

fn key(log_id: &str, start: Moment) -> String {
    let (day, hour) = (start.write("%Y/%m/%d"), start.write("%H"));
    format!("{log_id}/{day}/{hour}:00:00_{hour}:59:59_S0.json")
}

/// What the `checkout` container says of a request.
fn served(request: &Request) -> Result<Value, DemoError> {
    let ended = Moment::new(request.ended())?;
    let (severity, message) = match request.outcome {
        Outcome::Fine => ("INFO", "request served"),
        Outcome::Declined => ("WARNING", "card declined by issuer"),
        Outcome::LedgerTimeout => ("ERROR", "ledger did not answer within 5 s, giving up"),
    };
    let trace: String = request.id.chars().filter(char::is_ascii_hexdigit).take(32).collect();
    Ok(json!({
        "insertId": request.id.chars().rev().take(16).collect::<String>(),
        "jsonPayload": {
            "message": message,
            "service": "checkout",
            "request_id": request.id,
            "method": request.method(),
            "path": request.path(),
            "status": request.status(),
            "duration_ms": request.millis,
            "payment_id": request.payment,
        },
        "labels": {"k8s-pod/app": "checkout"},
        "logName": format!("projects/{PROJECT}/logs/stdout"),
        "receiveTimestamp": ended.precise("941263"),
        "resource": {
            "type": "k8s_container",
            "labels": {
                "cluster_name": "payments", "container_name": "checkout", "location": "europe-west1",
                "namespace_name": "payments", "pod_name": format!("checkout-6d9f7c5b8-{}", request.port % 3),
                "project_id": PROJECT,
            },
        },
        "severity": severity,
        "timestamp": ended.precise("114208"),
        "trace": format!("projects/{PROJECT}/traces/{trace:0<32}"),
    }))
}

/// The administrators' doings of an hour.
fn audited(seed: u64, hour: i64) -> Result<Vec<Value>, DemoError> {
    let mut dice = Dice::new(seed, "gcp-audit", hour);
    let count = 3 + dice.below(4);
    let mut seconds: Vec<_> = (0..count).map(|_| dice.below(3600)).collect();
    seconds.sort_unstable();
    seconds.into_iter().map(|second| audit_entry(&mut dice, hour, second)).collect()
}

fn audit_entry(dice: &mut Dice, hour: i64, second: u32) -> Result<Value, DemoError> {
    let at = Timestamp::from_unix_seconds(hour * HOUR_SECONDS + i64::from(second));
    let at = Moment::new(at)?;
    let (service, method) = *dice.pick(
        &("storage.googleapis.com", "storage.setIamPermissions"),
        &[
            ("iam.googleapis.com", "google.iam.admin.v1.CreateServiceAccountKey"),
            ("container.googleapis.com", "google.container.v1.ClusterManager.UpdateNodePool"),
        ],
    );
    Ok(json!({
        "insertId": dice.text(13, b"abcdefghijklmnopqrstuvwxyz0123456789"),
        "logName": format!("projects/{PROJECT}/logs/cloudaudit.googleapis.com%2Factivity"),
        "protoPayload": {
            "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
            "authenticationInfo": {"principalEmail": "deploy@example-project.iam.gserviceaccount.com"},
            "methodName": method,
            "requestMetadata": {"callerIp": "2001:db8::17", "callerSuppliedUserAgent": "Terraform/1.9"},
            "resourceName": format!("projects/{PROJECT}"),
            "serviceName": service,
            "status": {},
        },
        "receiveTimestamp": at.precise("870551"),
        "resource": {"type": "project", "labels": {"project_id": PROJECT}},
        "severity": "NOTICE",
        "timestamp": at.precise("402118"),
    }))
}
