//! Lines of columns: access and flow logs of the clouds, and W3C's extended format.

use std::borrow::Cow;

use crate::domain::record::RecordTime;
use crate::logs::format::options::FormatName;
use crate::logs::format::time::{Assumed, TimeStyle};

/// Application and network load balancers:
/// `docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html`; addresses without `:port`.
const ALB: &str = "type time elb client target request_processing_time target_processing_time response_processing_time \
    elb_status_code target_status_code received_bytes sent_bytes request user_agent ssl_cipher ssl_protocol target_group_arn \
    trace_id domain_name chosen_cert_arn matched_rule_priority request_creation_time actions_executed redirect_url error_reason \
    target_list target_status_code_list classification classification_reason conn_trace_id";

/// Classic load balancers: `docs.aws.amazon.com/elasticloadbalancing/latest/classic/access-log-collection.html`.
const CLASSIC: &str = "time elb client backend request_processing_time backend_processing_time response_processing_time \
    elb_status_code backend_status_code received_bytes sent_bytes request user_agent ssl_cipher ssl_protocol";

/// `docs.aws.amazon.com/AmazonS3/latest/userguide/LogFormat.html`
const S3: &str = "bucket_owner bucket time remote_ip requester request_id operation key request_uri http_status error_code bytes_sent \
    object_size total_time turn_around_time referer user_agent version_id host_id signature_version cipher_suite \
    authentication_type host_header tls_version access_point_arn acl_required";

/// The default format: `docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html`.
const VPC: &str = "version account_id interface_id srcaddr dstaddr srcport dstport protocol packets bytes start end action log_status";

/// Names of which a header of flow logs holds several.
const FLOW_COLUMNS: [&str; 10] = [
    "version",
    "account-id",
    "interface-id",
    "srcaddr",
    "dstaddr",
    "start",
    "end",
    "action",
    "log-status",
    "vpc-id",
];

/// What the columns of an object's lines are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    name: &'static str,
    /// Without signs that a filter cannot write.
    names: Vec<String>,
    tabs: bool,
    time: TimeColumn,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum TimeColumn {
    /// The timestamp, in this style.
    At(usize, TimeStyle),
    /// A day, and a time in UTC.
    DateAndTime(usize, usize),
    /// There is none.
    Nowhere,
}

impl Columns {
    /// Finds out the columns from an object's first lines.
    pub fn detect(lines: &[&[u8]], assumed: Assumed) -> Option<Self> {
        let first = *lines.first()?;
        if let Some(columns) = Self::w3c(lines) {
            return Some(columns);
        }
        let parts: Vec<_> = split(first, false).take(40).collect();
        let part = |at: usize| parts.get(at).map(AsRef::as_ref).unwrap_or_default();
        let is_time =
            |at: usize| TimeStyle::Rfc3339.find(part(at).as_bytes(), assumed).is_some_and(|(at, _)| at == 0);
        let is_number = |at: usize| part(at).parse::<f64>().is_ok();
        let name = match parts.len() {
            20.. if is_time(1)
                && matches!(part(0), "http" | "https" | "h2" | "grpcs" | "ws" | "wss" | "tls") =>
            {
                FormatName::Elb
            }
            12.. if is_time(0) && (4..11).all(|at| is_number(at) || part(at) == "-") => {
                FormatName::ElbClassic
            }
            17.. if part(0).len() == 64
                && part(0).bytes().all(|b| b.is_ascii_hexdigit())
                && first.get(65..).is_some_and(|rest| rest.contains(&b'[')) =>
            {
                FormatName::S3Access
            }
            14 if part(0) == "2" && matches!(part(13), "OK" | "NODATA" | "SKIPDATA") && is_number(10) => {
                FormatName::VpcFlow
            }
            4.. if is_flow_header(&parts) => FormatName::VpcFlow,
            _ => return None,
        };
        Self::of(name, lines)
    }

    /// The columns of a format, where its objects have such; the first lines name those that are not always the same.
    pub fn of(name: FormatName, lines: &[&[u8]]) -> Option<Self> {
        let columns = match name {
            FormatName::Elb => ALB,
            FormatName::ElbClassic => CLASSIC,
            FormatName::S3Access => S3,
            FormatName::VpcFlow => {
                // Flow logs with columns of one's own begin with their names.
                let parts =
                    |line: &[u8]| split(line, false).take(40).map(Cow::into_owned).collect::<Vec<_>>();
                let header = lines.first().filter(|first| is_flow_header(&parts(first)));
                let header = header.map_or(Cow::Borrowed(VPC), |first| String::from_utf8_lossy(first));
                return Some(Self::new(name.as_str(), &header, false));
            }
            FormatName::W3c => return Self::w3c(lines),
            FormatName::Text | FormatName::Json | FormatName::JsonLines | FormatName::JsonArray => {
                return None;
            }
        };
        Some(Self::new(name.as_str(), columns, false))
    }

    fn w3c(lines: &[&[u8]]) -> Option<Self> {
        let header = lines.iter().find_map(|line| line.strip_prefix(b"#Fields: "))?;
        let tabs = lines.iter().any(|line| !line.starts_with(b"#") && line.contains(&b'\t'));
        Some(Self::new(FormatName::W3c.as_str(), &String::from_utf8_lossy(header), tabs))
    }

    fn new(name: &'static str, header: &str, tabs: bool) -> Self {
        let columns: Vec<String> = header.split_ascii_whitespace().map(plain).collect();
        let at = |wanted: &str| columns.iter().position(|column| column == wanted);
        let time = match (at("date"), at("time"), at("start")) {
            (Some(date), Some(time), _) => TimeColumn::DateAndTime(date, time),
            (None, Some(time), _) if name == "s3-access" => TimeColumn::At(time, TimeStyle::Apache),
            (None, Some(time), _) => TimeColumn::At(time, TimeStyle::Rfc3339),
            (None, None, Some(start)) => TimeColumn::At(start, TimeStyle::Epoch),
            _ => TimeColumn::Nowhere,
        };
        Self { name, names: columns, tabs, time }
    }

    /// The format's name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// When a line was written.
    pub fn time(&self, line: &[u8], assumed: Assumed) -> Option<RecordTime> {
        let column = |at: usize| split(line, self.tabs).nth(at);
        match &self.time {
            TimeColumn::At(at, style) => style.find(column(*at)?.as_bytes(), assumed).map(|(_, time)| time),
            TimeColumn::DateAndTime(date, time) => {
                RecordTime::parse(&format!("{}T{}Z", column(*date)?, column(*time)?)).ok()
            }
            TimeColumn::Nowhere => None,
        }
    }

    /// The text of a column; `None` for one that is not there, and for the `-` that stands for nothing.
    pub fn field<'l>(&self, line: &'l [u8], name: &str) -> Option<Cow<'l, str>> {
        let name = plain(name);
        let at = self.names.iter().position(|column| *column == name)?;
        split(line, self.tabs).nth(at).filter(|value| value != "-")
    }
}

/// Whether a line of flow logs names the columns.
fn is_flow_header<S: AsRef<str>>(parts: &[S]) -> bool {
    parts.iter().filter(|name| FLOW_COLUMNS.contains(&name.as_ref())).count() > 2
}

/// A name as filters can write it: `cs(User-Agent)` is `cs_user_agent`.
fn plain(name: &str) -> String {
    let signs = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '_' };
    name.chars().map(signs).collect::<String>().trim_matches('_').to_owned()
}

/// The columns of a line: by tabs, or by spaces outside of quotes and brackets, which are taken off.
fn split(line: &[u8], tabs: bool) -> impl Iterator<Item = Cow<'_, str>> {
    let mut rest = Some(line.trim_ascii_end());
    std::iter::from_fn(move || {
        let line = rest?;
        if tabs {
            let end = memchr::memchr(b'\t', line).unwrap_or(line.len());
            rest = line.get(end..)?.get(1..);
            return Some(String::from_utf8_lossy(line.get(..end)?));
        }
        let line = line.trim_ascii_start();
        let (open, close) = match line.first()? {
            b'"' => (1, b'"'),
            b'[' => (1, b']'),
            _ => (0, b' '),
        };
        let inner = line.get(open..)?;
        let end = memchr::memchr(close, inner).unwrap_or(inner.len());
        rest = inner.get(end..)?.get(1..);
        Some(String::from_utf8_lossy(inner.get(..end)?))
    })
}
