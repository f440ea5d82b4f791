//! CloudTrail: who called which AWS interface, as one gzip document with `Records` every fifteen minutes.
//!
//! File names and fields: docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-examples.html.

use std::time::Duration;

use serde_json::{Value, json};

use crate::demo::error::DemoError;
use crate::demo::samples::dice::Dice;
use crate::demo::samples::file::{SampleFile, gzip};
use crate::demo::samples::moment::{HOUR_SECONDS, Moment};
use crate::demo::samples::story;
use crate::demo::samples::{AWS_ACCOUNT, AWS_REGION};
use crate::domain::time::Timestamp;

/// How much time one file covers.
const FILE_SECONDS: i64 = 900;

/// The files of one hour that are complete by `now`.
pub fn files(seed: u64, hour: i64, now: Timestamp) -> Result<Vec<SampleFile>, DemoError> {
    let mut files = Vec::new();
    for part in 0..HOUR_SECONDS / FILE_SECONDS {
        let start = hour * HOUR_SECONDS + part * FILE_SECONDS;
        let end = Moment::new(Timestamp::from_unix_seconds(start + FILE_SECONDS))?;
        if end.at() > now {
            break;
        }
        let records = records(seed, start)?;
        let document = json!({"Records": records}).to_string();
        files.push(SampleFile { key: key(seed, start, end), bytes: gzip(document.as_bytes()) });
    }
    Ok(files)
}

fn key(seed: u64, start: i64, end: Moment) -> String {
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let unique = Dice::new(seed, "cloudtrail-name", start).text(16, letters);
    let (day, minute) = (end.write("%Y/%m/%d"), end.write("%Y%m%dT%H%MZ"));
    format!(
        "AWSLogs/{AWS_ACCOUNT}/CloudTrail/{AWS_REGION}/{day}/\
         {AWS_ACCOUNT}_CloudTrail_{AWS_REGION}_{minute}_{unique}.json.gz"
    )
}

fn records(seed: u64, start: i64) -> Result<Vec<Value>, DemoError> {
    let mut dice = Dice::new(seed, "cloudtrail", start);
    let count = 6 + dice.below(8);
    let mut seconds: Vec<_> = (0..count).map(|_| dice.below(900)).collect();
    seconds.sort_unstable();
    let mut records = Vec::new();
    for second in seconds {
        let at = Timestamp::from_unix_seconds(start + i64::from(second));
        records.push(record(&mut dice, at)?);
    }
    Ok(records)
}

/// What is called at any time: service, call, whether it only reads.
const ORDINARY: [(&str, &str, bool); 5] = [
    ("ecs", "DescribeServices", true),
    ("sts", "AssumeRole", true),
    ("secretsmanager", "GetSecretValue", true),
    ("s3", "GetBucketPolicy", true),
    ("elasticloadbalancing", "DescribeTargetHealth", true),
];

fn record(dice: &mut Dice, at: Timestamp) -> Result<Value, DemoError> {
    // Somebody tries to help while the ledger is down.
    let (service, call, reads) = if story::in_incident(at) && dice.percent(40) {
        ("ecs", "UpdateService", false)
    } else {
        *dice.pick(&("ec2", "DescribeInstances", true), &ORDINARY)
    };
    let role = if reads { "payments-monitor" } else { "payments-deploy" };
    let time = Moment::new(at)?.write("%Y-%m-%dT%H:%M:%SZ");
    let signed_in = Moment::new(at.minus(Duration::from_mins(20)))?.write("%Y-%m-%dT%H:%M:%SZ");
    Ok(json!({
        "eventVersion": "1.08",
        "userIdentity": identity(role, &signed_in),
        "eventTime": time,
        "eventSource": format!("{service}.amazonaws.com"),
        "eventName": call,
        "awsRegion": AWS_REGION,
        "sourceIPAddress": format!("192.0.2.{}", 100 + dice.below(20)),
        "userAgent": "aws-sdk-rust/1.3",
        "requestParameters": if reads { Value::Null } else { json!({"cluster": "payments", "service": "checkout"}) },
        "responseElements": null,
        "requestID": dice.uuid(),
        "eventID": dice.uuid(),
        "readOnly": reads,
        "eventType": "AwsApiCall",
        "managementEvent": true,
        "recipientAccountId": AWS_ACCOUNT,
        "eventCategory": "Management",
    }))
}

fn identity(role: &str, signed_in: &str) -> Value {
    json!({
        "type": "AssumedRole",
        // The key and principal ids of AWS's own examples.
        "principalId": format!("AROAIDPPEZS35WEXAMPLE:{role}"),
        "arn": format!("arn:aws:sts::{AWS_ACCOUNT}:assumed-role/{role}/{role}"),
        "accountId": AWS_ACCOUNT,
        "accessKeyId": "AKIAIOSFODNN7EXAMPLE",
        "sessionContext": {
            "sessionIssuer": {
                "type": "Role", "principalId": "AROAIDPPEZS35WEXAMPLE",
                "arn": format!("arn:aws:iam::{AWS_ACCOUNT}:role/{role}"), "accountId": AWS_ACCOUNT, "userName": role,
            },
            "attributes": {"creationDate": signed_in, "mfaAuthenticated": "false"},
        },
    })
}
