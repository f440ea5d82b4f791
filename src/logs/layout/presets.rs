//! Layouts that the clouds' own services write.

use std::time::Duration;

/// A layout by name.
#[derive(Debug, Clone, Copy)]
pub struct Preset<'p> {
    /// Its name in the configuration.
    pub name: &'p str,
    /// Its templates.
    pub templates: &'p [&'p str],
    /// How much earlier than its key's span a record can be.
    pub early: Duration,
    /// How much later.
    pub late: Duration,
    /// A key as its vendor documents it, below the bucket's root.
    pub example: &'p str,
    /// Where that is documented.
    pub source: &'p str,
}

const MINUTES_5: Duration = Duration::from_mins(5);
const HOUR: Duration = Duration::from_hours(1);
const HOURS_6: Duration = Duration::from_hours(6);
const NONE: Duration = Duration::ZERO;

/// Every preset.
pub const PRESETS: [Preset<'static>; 12] = [
    Preset {
        name: "cloudtrail",
        templates: &[
            "AWSLogs/{account}/CloudTrail/{region}/{yyyy}/{MM}/{dd}/{account}_CloudTrail_{region}_{yyyy}{MM}{dd}T{HH}{mm}Z_*",
            "AWSLogs/{organization}/{account}/CloudTrail/{region}/{yyyy}/{MM}/{dd}/{account}_CloudTrail_{region}_{yyyy}{MM}{dd}T{HH}{mm}Z_*",
        ],
        // The name has the time of the delivery; events come about 5 minutes later on average, and without a promise.
        early: HOUR,
        late: MINUTES_5,
        example: "AWSLogs/111122223333/CloudTrail/us-east-2/2015/08/01/111122223333_CloudTrail_us-east-2_20150801T0210Z_Mu0KsOhtH1ar15ZZ.json.gz",
        source: "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/get-and-view-cloudtrail-log-files.html",
    },
    Preset {
        name: "elb",
        templates: &[
            "AWSLogs/{account}/elasticloadbalancing/{region}/{yyyy}/{MM}/{dd}/{account}_elasticloadbalancing_{region}_*_{yyyy}{MM}{dd}T{HH}{mm}Z_*",
        ],
        // The name has the end of the interval, which is 5 minutes, or 60 for classic ones.
        early: HOUR,
        late: MINUTES_5,
        // In the vendor's own example folder and name tell different days; here they agree.
        example: "AWSLogs/123456789012/elasticloadbalancing/us-east-2/2022/02/15/123456789012_elasticloadbalancing_us-east-2_app.my-loadbalancer.1234567890abcdef_20220215T2340Z_172.160.001.192_20sg8hgm.log.gz",
        source: "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html",
    },
    Preset {
        name: "vpc-flow",
        templates: &[
            "AWSLogs/{account}/vpcflowlogs/{region}/{yyyy}/{MM}/{dd}/{account}_vpcflowlogs_{region}_*_{yyyy}{MM}{dd}T{HH}{mm}Z_*",
            "AWSLogs/{account}/vpcflowlogs/{region}/{yyyy}/{MM}/{dd}/{HH}/{account}_vpcflowlogs_{region}_*_{yyyy}{MM}{dd}T{HH}{mm}Z_*",
            "AWSLogs/aws-account-id={account}/aws-service=vpcflowlogs/aws-region={region}/year={yyyy}/month={MM}/day={dd}/{account}_vpcflowlogs_{region}_*_{yyyy}{MM}{dd}T{HH}{mm}Z_*",
            "AWSLogs/aws-account-id={account}/aws-service=vpcflowlogs/aws-region={region}/year={yyyy}/month={MM}/day={dd}/hour={HH}/{account}_vpcflowlogs_{region}_*_{yyyy}{MM}{dd}T{HH}{mm}Z_*",
        ],
        // Flows are collected for up to 10 minutes; a record has its flow's start.
        early: HOUR,
        late: Duration::from_mins(10),
        example: "AWSLogs/123456789012/vpcflowlogs/us-east-1/2018/06/20/123456789012_vpcflowlogs_us-east-1_fl-1234abcd_20180620T1620Z_fe123456.log.gz",
        source: "https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-path.html",
    },
    Preset {
        name: "s3-access",
        templates: &["{yyyy}-{MM}-{dd}-{HH}-{mm}-{ss}-*"],
        // The name has the time of the delivery, which is within a few hours.
        early: HOURS_6,
        late: MINUTES_5,
        example: "2023-03-01-21-32-16-E568B2907131C0C0",
        source: "https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerLogs.html",
    },
    Preset {
        name: "s3-access-by-date",
        templates: &["{account}/{region}/{bucket}/{yyyy}/{MM}/{dd}/{yyyy}-{MM}-{dd}-{HH}-{mm}-{ss}-*"],
        early: HOURS_6,
        late: MINUTES_5,
        example: "123456789012/us-west-2/amzn-s3-demo-source-bucket/2023/03/01/2023-03-01-21-32-16-E568B2907131C0C0",
        source: "https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerLogs.html",
    },
    Preset {
        name: "cloudfront",
        templates: &["{distribution}.{yyyy}-{MM}-{dd}-{HH}.*"],
        early: HOUR,
        late: HOUR,
        example: "EMLARXS9EXAMPLE.2019-11-14-20.RT4KCN4SGK9.gz",
        source: "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logs-reference.html",
    },
    Preset {
        name: "firehose",
        templates: &["{yyyy}/{MM}/{dd}/{HH}/*"],
        // The path has the time at which the first record of the object arrived; buffers wait up to 15 minutes.
        early: HOUR,
        late: HOUR,
        example: "2020/05/07/18/delivery-1-2020-05-07-18-01-46-b8b4f1a3",
        source: "https://docs.aws.amazon.com/firehose/latest/dev/s3-object-name.html",
    },
    Preset {
        name: "cloud-logging",
        templates: &[
            "{log}/{yyyy}/{MM}/{dd}/{HH}:00:00_*.json",
            "{service}/{log}/{yyyy}/{MM}/{dd}/{HH}:00:00_*.json",
        ],
        // Shards are made by the time of their entries.
        early: NONE,
        late: NONE,
        example: "syslog/2015/01/13/08:00:00_08:59:59_S0.json",
        source: "https://docs.cloud.google.com/logging/docs/export/storage",
    },
    Preset {
        name: "azure-diagnostics",
        templates: &[
            "resourceId=/SUBSCRIPTIONS/{subscription}/RESOURCEGROUPS/{group}/PROVIDERS/{provider}/{kind}/{resource}/y={yyyy}/m={MM}/d={dd}/h={HH}/m={mm}/PT1H.json",
            "resourceId=/SUBSCRIPTIONS/{subscription}/RESOURCEGROUPS/{group}/PROVIDERS/{provider}/{kind}/{resource}/{inner_kind}/{inner}/y={yyyy}/m={MM}/d={dd}/h={HH}/m={mm}/PT1H.json",
        ],
        early: MINUTES_5,
        late: HOUR,
        example: "resourceId=/SUBSCRIPTIONS/208841be-a4v3-4234-9450-08b90c09f4/RESOURCEGROUPS/TESTRESOURCEGROUP/PROVIDERS/MICROSOFT.NETWORK/NETWORKSECURITYGROUPS/TESTNSG/y=2016/m=08/d=22/h=18/m=00/PT1H.json",
        source: "https://learn.microsoft.com/azure/azure-monitor/platform/resource-logs",
    },
    Preset {
        name: "azure-flow",
        templates: &[
            "resourceId=/SUBSCRIPTIONS/{subscription}/RESOURCEGROUPS/{group}/PROVIDERS/MICROSOFT.NETWORK/NETWORKSECURITYGROUPS/{nsg}/y={yyyy}/m={MM}/d={dd}/h={HH}/m={mm}/macAddress={mac}/PT1H.json",
            "flowLogResourceID=/{network}/{flow_log}/y={yyyy}/m={MM}/d={dd}/h={HH}/m={mm}/macAddress={mac}/PT1H.json",
        ],
        early: MINUTES_5,
        late: HOUR,
        example: "flowLogResourceID=/12345678-1234-1234-1234-123456789012_NETWORKWATCHERRG/NETWORKWATCHER_EASTUS2EUAP_VNETFLOWLOGS/y=2022/m=09/d=14/h=04/m=00/macAddress=112233445566/PT1H.json",
        source: "https://learn.microsoft.com/azure/network-watcher/vnet-flow-logs-overview",
    },
    Preset {
        name: "hive",
        templates: &["dt={yyyy}-{MM}-{dd}/*", "dt={yyyy}-{MM}-{dd}/hour={HH}/*", "date={yyyy}-{MM}-{dd}/*"],
        early: NONE,
        late: NONE,
        example: "dt=2026-11-23/hour=14/part-0000.gz",
        source: "https://docs.aws.amazon.com/athena/latest/ug/partitions.html",
    },
    Preset {
        name: "hive-split",
        templates: &["year={yyyy}/month={MM}/day={dd}/*", "year={yyyy}/month={MM}/day={dd}/hour={HH}/*"],
        early: NONE,
        late: NONE,
        example: "year=2026/month=11/day=23/hour=14/part-0000.gz",
        source: "https://docs.aws.amazon.com/athena/latest/ug/partitions.html",
    },
];

/// A preset by its name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Preset<'static>> {
    static ALL: [Preset<'static>; 12] = PRESETS;
    ALL.iter().find(|preset| preset.name == name)
}

/// The names of all presets.
#[must_use]
pub fn names() -> String {
    PRESETS.map(|preset| preset.name).join(", ")
}
