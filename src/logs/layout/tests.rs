//! Layouts by the keys that their vendors document, and what holds for every template.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use proptest::prelude::*;

use super::*;
use crate::domain::key::Prefix;
use crate::domain::object::ObjectMeta;
use crate::logs::plan::{PlanError, PlanLimits, ReadPlan, plan};
use crate::provider::{Cursor, GetOptions, ListOptions, Listing, ObjectStore, Opened, SignLinks, StoreError};

fn layout(text: &str) -> Layout {
    Layout::parse(text, &LayoutOptions::default()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn key(text: &str) -> ObjectKey {
    ObjectKey::parse(text).unwrap()
}

fn range(from: &str, to: &str) -> TimeRange {
    TimeRange::new(RecordTime::parse(from).unwrap(), RecordTime::parse(to).unwrap()).unwrap()
}

/// A store that only lists, as S3 does, and counts how often it was asked.
#[derive(Debug, Default)]
struct Keys {
    keys: BTreeSet<String>,
    calls: AtomicU64,
}

impl Keys {
    fn of(keys: impl IntoIterator<Item = String>) -> Self {
        Self { keys: keys.into_iter().collect(), calls: AtomicU64::new(0) }
    }
}

#[async_trait]
impl ObjectStore for Keys {
    async fn list(&self, options: &ListOptions) -> Result<Listing, StoreError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let prefix = options.prefix.as_str();
        let mut listing = Listing::default();
        let mut from = options.cursor.as_ref().map_or_else(|| prefix.to_owned(), |cursor| cursor.0.clone());
        while let Some(next) = self.keys.range(from.clone()..).next().filter(|next| next.starts_with(prefix))
        {
            if listing.objects.len() + listing.prefixes.len() == usize::from(options.limit.get()) {
                listing.next = Some(Cursor(next.clone()));
                break;
            }
            let below = next.strip_prefix(prefix).unwrap();
            if let Some((folder, _)) = options.delimiter.and_then(|_| below.split_once('/')) {
                listing.prefixes.push(Prefix::parse(&format!("{prefix}{folder}/")).unwrap());
                from = format!("{prefix}{folder}0");
            } else {
                listing.objects.push(meta(next));
                from = format!("{next}\0");
            }
        }
        Ok(listing)
    }

    async fn head(&self, _: &ObjectKey) -> Result<ObjectMeta, StoreError> {
        unreachable!("a plan opens nothing")
    }

    async fn get(&self, _: &ObjectKey, _: &GetOptions) -> Result<Opened, StoreError> {
        unreachable!("a plan opens nothing")
    }

    fn links(&self) -> Option<&dyn SignLinks> {
        None
    }
}

fn meta(text: &str) -> ObjectMeta {
    ObjectMeta {
        key: key(text),
        size_bytes: 1,
        etag: None,
        last_modified: None,
        storage_class: None,
        archived: false,
        content_type: None,
        content_encoding: None,
    }
}

const LIMITS: PlanLimits = PlanLimits { list_calls: 2000, objects: 1_000_000, bytes: u64::MAX };

fn planned(store: &Keys, prefix: &str, range: TimeRange, layouts: &[Layout]) -> ReadPlan {
    let prefix = Prefix::parse(prefix).unwrap();
    futures::executor::block_on(plan(store, &prefix, range, layouts, &LIMITS, &mut |_| {})).unwrap()
}

fn keys_of(plan: &ReadPlan) -> Vec<&str> {
    plan.objects.iter().map(|candidate| candidate.meta.key.as_str()).collect()
}

#[test]
fn every_preset_reads_the_key_that_its_vendor_documents() {
    let mut windows = String::new();
    for preset in presets::PRESETS {
        let window = layout(preset.name).window(&key(preset.example));
        let window = window.unwrap_or_else(|| panic!("{} does not read {}", preset.name, preset.example));
        writeln!(windows, "{}: {} to {}", preset.name, window.earliest, window.end).unwrap();
        assert!(preset.source.starts_with("https://"));
        let found = planned(
            &Keys::of([preset.example.to_owned()]),
            "",
            TimeRange::new(window.earliest, window.end).unwrap(),
            &[layout(preset.name)],
        );
        assert_eq!(keys_of(&found), [preset.example]);
    }
    insta::assert_snapshot!(windows);
}

#[test]
fn further_keys_of_the_vendors_are_read_too() {
    for (name, text, time) in [
        (
            "cloudtrail",
            "AWSLogs/o-exampleorgid/111111111111/CloudTrail/us-east-2/2026/11/23/111111111111_CloudTrail_us-east-2_20261123T0210Z_a.json.gz",
            "2026-11-23T02:11:00Z",
        ),
        (
            "elb",
            "AWSLogs/123456789012/elasticloadbalancing/us-west-2/2026/11/23/123456789012_elasticloadbalancing_us-west-2_my-loadbalancer_20261123T2340Z_172.160.001.192_20sg8hgm.log",
            "2026-11-23T23:41:00Z",
        ),
        (
            "elb",
            "AWSLogs/123456789012/elasticloadbalancing/us-east-2/2026/11/23/123456789012_elasticloadbalancing_us-east-2_net.my-loadbalancer.1234567890abcdef_20261123T0000Z_2soosksi.log.gz",
            "2026-11-23T00:01:00Z",
        ),
        (
            "vpc-flow",
            "AWSLogs/aws-account-id=123456789012/aws-service=vpcflowlogs/aws-region=us-east-1/year=2026/month=11/day=23/hour=16/123456789012_vpcflowlogs_us-east-1_fl-1234abcd_20261123T1620Z_fe123456.log.gz",
            "2026-11-23T16:21:00Z",
        ),
        (
            "cloud-logging",
            "cloudaudit.googleapis.com/activity/2026/11/23/08:00:00_08:59:59_S0.json",
            "2026-11-23T09:00:00Z",
        ),
        (
            "azure-flow",
            "resourceId=/SUBSCRIPTIONS/S/RESOURCEGROUPS/G/PROVIDERS/MICROSOFT.NETWORK/NETWORKSECURITYGROUPS/N/y=2026/m=11/d=23/h=04/m=00/macAddress=112233445566/PT1H.json",
            "2026-11-23T04:01:00Z",
        ),
        ("hive-split", "year=2026/month=11/day=23/hour=14/part-0000.gz", "2026-11-23T15:00:00Z"),
    ] {
        let layout = layout(name);
        let window = layout.window(&key(text)).unwrap_or_else(|| panic!("{name}: {text}"));
        assert_eq!(window.end, RecordTime::parse(time).unwrap().plus(layout.late), "{text}");
    }
}

#[test]
fn what_is_wrong_with_a_template_is_said() {
    for (text, wanted) in [
        ("{yyyy}/{MM}/x", "at least the day"),
        ("nonsense", "neither the name of a preset (cloudtrail, elb,"),
        ("{yyyy}/{MM}/{dd}/{mm}/x", "gap"),
        ("a//{yyyy}{MM}{dd}", "empty"),
        ("/{yyyy}{MM}{dd}", "empty"),
        ("{yyyy}{MM}{dd", "brace"),
        ("{yyyy}{MM}{dd}}", "brace"),
        ("{yyyy}{MM}{dd}{Hour}", "{Hour}"),
    ] {
        let error = Layout::parse(text, &LayoutOptions::default()).unwrap_err();
        let told = format!("{error}: {}", error.cause);
        assert!(told.contains(wanted), "{text}: {told}");
    }
}

#[test]
fn one_hour_among_a_million_keys_is_found_with_few_calls() {
    // 23 services, each with an object for every two minutes of 60 days: 993,600 keys.
    let services = (0..23).map(|number| format!("service-{number:02}"));
    let store = Keys::of(services.flat_map(|service| {
        (0..60 * 720).map(move |slot| {
            let (day, minute) = (slot / 720, slot % 720 * 2);
            let (month, day) = (9 + day / 30, day % 30 + 1);
            format!(
                "prod/{service}/2026/{month:02}/{day:02}/{:02}/app-{:02}.log.gz",
                minute / 60,
                minute % 60
            )
        })
    }));
    assert!(store.keys.len() > 990_000);
    let hour = range("2026-10-07T14:00:00Z", "2026-10-07T15:00:00Z");
    let by_service = layout("prod/{service}/{yyyy}/{MM}/{dd}/{HH}/*");
    let found = planned(&store, "prod/service-07/", hour, std::slice::from_ref(&by_service));
    assert_eq!((found.objects.len(), found.outside), (30, 0));
    assert!(found.list_calls <= 3, "{} calls", found.list_calls);
    assert_eq!(store.calls.load(Ordering::Relaxed), found.list_calls);
    let everywhere = planned(&store, "", hour, &[by_service]);
    assert_eq!(everywhere.objects.len(), 23 * 30);
    assert!(everywhere.list_calls <= 1 + 2 * 23, "{} calls", everywhere.list_calls);
    let flat = Keys::of((0..1_000_000).map(|n| {
        format!(
            "logs/2026-{:02}-{:02}-{:02}-{:04}.gz",
            1 + n / 86_400,
            1 + n / 2880 % 28,
            n / 120 % 24,
            n % 120
        )
    }));
    let found = planned(
        &flat,
        "",
        range("2026-03-07T14:00:00Z", "2026-03-07T15:00:00Z"),
        &[layout("logs/{yyyy}-{MM}-{dd}-{HH}-*")],
    );
    assert!(
        found.list_calls <= 20 && !found.objects.is_empty(),
        "{} calls, {} objects",
        found.list_calls,
        found.objects.len()
    );
}

#[test]
fn the_name_of_a_file_narrows_what_is_listed() {
    let walk = |prefix: &str, layout: &Layout| {
        let hour = range("2026-11-23T14:10:00Z", "2026-11-23T14:20:00Z");
        let leaves = layout.walk(prefix, hour).into_iter().flat_map(|walk| walk.descend(100).unwrap());
        let mut prefixes: Vec<_> = leaves
            .map(|leaf| match leaf {
                Leaf::Objects(prefix) => prefix,
                Leaf::Folders(prefix, _) => format!("{prefix} folders"),
            })
            .collect();
        prefixes.sort();
        prefixes
    };
    let trail = layout("cloudtrail");
    assert_eq!(walk("", &trail), ["AWSLogs/ folders", "AWSLogs/ folders"]);
    assert_eq!(
        walk("AWSLogs/111122223333/CloudTrail/eu-central-1/", &trail),
        [
            "AWSLogs/111122223333/CloudTrail/eu-central-1/2026/11/23/111122223333_CloudTrail_eu-central-1_20261123T1"
        ]
    );
    assert_eq!(walk("AWSLogs/111122223333/CloudTrail/eu-central-1/2026/10/", &trail), [""; 0]);
    assert_eq!(walk("elsewhere/", &trail), [""; 0]);
    let berlin = LayoutOptions { offset_seconds: 7200, ..LayoutOptions::default() };
    let local = Layout::parse("{yyyy}-{MM}-{dd}/{HH}/*", &berlin).unwrap();
    assert_eq!(walk("", &local), ["2026-11-23/16/"]);
    assert_eq!(walk("2026-11-23/16/app", &local), ["2026-11-23/16/app"]);
}

#[test]
fn a_key_with_a_time_that_no_clock_shows_is_of_no_layout() {
    let layout = layout("{yyyy}-{MM}-{dd}-{HH}-{mm}-{ss}-*");
    assert!(layout.window(&key("2023-03-01-21-32-59-E5")).is_some());
    for text in ["2023-03-01-21-32-60-E5", "2023-03-01-21-32-67-E5", "2023-02-29-21-32-07-E5"] {
        assert!(layout.window(&key(text)).is_none(), "{text}");
    }
}

#[test]
fn a_name_that_stands_twice_says_the_same_everywhere() {
    let by_host = layout("app/{host}/{yyyy}-{MM}-{dd}/{host}-{part}.log");
    let window = |text: &str| by_host.window(&key(text)).is_some();
    assert!(window("app/web1/2026-11-23/web1-1.log") && !window("app/web1/2026-11-23/web2-1.log"));
    // The shortest text that could be the host is not the one that is known.
    assert!(window("app/web-1/2026-11-23/web-1-5.log") && !window("app/web-1/2026-11-23/web-2-5.log"));
    let twice = layout("{host}/{host}-{part}/{yyyy}-{MM}-{dd}.log");
    let store = Keys::of(["web-1/web-1-5/2026-11-23.log", "web-1/web-2-5/2026-11-23.log"].map(str::to_owned));
    let found = planned(
        &store,
        "",
        range("2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z"),
        std::slice::from_ref(&twice),
    );
    assert_eq!(keys_of(&found), ["web-1/web-1-5/2026-11-23.log"]);
}

proptest! {
    #[test]
    fn a_plan_finds_what_a_look_at_every_key_would_find(
        template in prop::sample::select(vec![
            "{yyyy}/{MM}/{dd}/{HH}/*", "{service}/{yyyy}-{MM}-{dd}/*", "{a}/x/{yyyy}{MM}{dd}/{a}_{HH}{mm}_*", "{yyyy}{MM}{dd}T{HH}-*", "dt={dd}.{MM}.{yyyy}/{b}/*",
            "{a}/{yyyy}/{b}/{MM}/{dd}-*",
        ]),
        minutes in prop::collection::vec(0_i64..5_000_000, 1..60),
        from in 0_i64..5_000_000,
        length in 1_i64..3000,
        scope in 0_usize..30,
        offset in -14_i32..14,
        slack in 0_u64..5000,
    ) {
        let options = LayoutOptions { offset_seconds: offset * 3600, slack: Some(Duration::from_secs(slack)), ..LayoutOptions::default() };
        let layout = Layout::parse(template, &options).unwrap();
        let keys: Vec<String> = minutes.iter().enumerate().map(|(at, minute)| {
            let time = template::to_local(RecordTime::from_unix_nanos(minute * 60_000_000_000), Offset::UTC);
            let name = if at % 2 == 0 { "n" } else { "other" };
            template.replace("{yyyy}", &format!("{:04}", time.year())).replace("{MM}", &format!("{:02}", time.month()))
                .replace("{dd}", &format!("{:02}", time.day())).replace("{HH}", &format!("{:02}", time.hour()))
                .replace("{mm}", &format!("{:02}", time.minute())).replace("{service}", name).replace("{a}", name)
                .replace("{b}", "b").replace('*', &format!("f{at}"))
        }).chain(["stray".to_owned(), "n/stray".to_owned()]).collect();
        let span = TimeRange::new(
            RecordTime::from_unix_nanos(from * 60_000_000_000), RecordTime::from_unix_nanos((from + length) * 60_000_000_000),
        ).unwrap();
        let first = &keys[0];
        let prefix: String = first.chars().take(if scope > 20 { 0 } else { scope }).collect();
        let mut wanted: Vec<&str> = keys.iter().map(String::as_str).filter(|text| {
            text.starts_with(&prefix) && layout.window(&key(text)).is_some_and(|window| window.meets(span))
        }).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let store = Keys::of(keys.clone());
        let found = planned(&store, &prefix, span, std::slice::from_ref(&layout));
        prop_assert_eq!(keys_of(&found), wanted);
    }

    #[test]
    fn no_text_as_a_template_ends_the_program(text in r"[{}*/a-zA-Zy]{0,24}") {
        let _either = Layout::parse(&text, &LayoutOptions::default());
    }
}

#[test]
fn a_plan_that_needs_too_many_calls_is_refused() {
    let limits = PlanLimits { list_calls: 10, ..LIMITS };
    let year = range("2025-11-23T00:00:00Z", "2026-11-23T00:00:00Z");
    let (store, layouts) = (Keys::of([]), [layout("{yyyy}/{MM}/{dd}/{HH}/*")]);
    let refused =
        futures::executor::block_on(plan(&store, &Prefix::root(), year, &layouts, &limits, &mut |_| {}));
    assert!(matches!(refused, Err(PlanError::TooLarge { limit: 10, .. })));
}
