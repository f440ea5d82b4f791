//! The edge: addresses, limits, TLS.

use std::num::NonZeroU32;
use std::sync::Arc;

use tokio::sync::Semaphore;
use url::Url;

use crate::config::reader::Section;
use crate::config::search;
use crate::config::setting::OrNone;
use crate::http::client_address::Network;
use crate::http::{Options, server, tls};
use crate::logs::allowance::AllowanceLimits;
use crate::logs::decode;
use crate::service::links::LinkLimits;
use crate::service::search::SearchLimits;

/// Limits of each principal.
#[derive(Debug, Clone, Copy)]
pub struct PrincipalLimits {
    /// Requests each second.
    pub requests_per_second: NonZeroU32,
    /// Requests at once after a rest.
    pub burst: NonZeroU32,
    /// Bodies under way.
    pub streams: usize,
    /// Bytes that searches read.
    pub searches: AllowanceLimits,
}

/// Everything that `[http]`, `[limits]` and `[search]` say.
#[derive(Debug)]
pub struct Edge {
    /// Settings of the edge.
    pub options: Options,
    /// TLS, where it is terminated here.
    pub tls: Option<tls::Files>,
    /// Limits of each principal.
    pub principal: PrincipalLimits,
    /// Lifetimes of links.
    pub links: LinkLimits,
    /// Bounds of searches.
    pub search: SearchLimits,
}

/// Reads `[http]`, `[limits]` and `[search]`.
pub fn edge(root: &mut Section) -> Option<Edge> {
    let mut limits = root.section("limits");
    let decode = decode_limits(&mut limits);
    let principal = principal_limits(&mut limits);
    let links = link_limits(&mut limits);
    limits.close();
    let search = search::limits(root, decode);
    let mut section = root.section("http");
    let tls = tls(&mut section);
    let options = options(&mut section, decode);
    section.close();
    Some(Edge { options: options?, tls: tls?, principal: principal?, links: links?, search: search? })
}

fn options(section: &mut Section, decode: Option<decode::Limits>) -> Option<Options> {
    let listen = section.required("listen");
    let operations_listen = section.optional("operations_listen");
    let public_url = public_url(section);
    let trusted_proxies = trusted_proxies(section);
    let in_flight = section.required("max_requests_in_flight");
    let request_timeout = section.required("request_timeout");
    let max_body_bytes = section.required("max_body_bytes");
    let connections = section.required("max_connections");
    let header_timeout = section.required("header_timeout");
    let header_bytes = section.required("max_header_bytes");
    let drain = section.required("drain_timeout");
    let extra_hosts = section.optional::<Vec<String>>("extra_hosts");
    let public_url: Url = public_url?;
    let mut hosts = vec![host_of(&public_url)?];
    hosts.extend(extra_hosts?.unwrap_or_default());
    Some(Options {
        listen: listen?,
        operations_listen: operations_listen?,
        public_url,
        hosts,
        trusted_proxies: trusted_proxies?,
        in_flight: Arc::new(Semaphore::new(in_flight?)),
        request_timeout: request_timeout?,
        max_body_bytes: max_body_bytes?,
        decode: decode?,
        server: server::Limits {
            connections: connections?,
            header_timeout: header_timeout?,
            header_bytes: header_bytes?,
            drain: drain?,
        },
    })
}

/// The value of `Host` that a caller of the URL sends.
fn host_of(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

fn public_url(section: &mut Section) -> Option<Url> {
    section.parsed("public_url", |text| {
        let url = Url::parse(text).map_err(|_| "expected a URL such as https://logs.example")?;
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let nobody = url.username().is_empty() && url.password().is_none();
        if !bare || !nobody || !url.has_host() {
            return Err("expected scheme, host and port alone, such as https://logs.example");
        }
        let loopback = match url.host() {
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            Some(url::Host::Domain(name)) => name == "localhost",
            None => false,
        };
        if url.scheme() == "https" || (url.scheme() == "http" && loopback) {
            Ok(url)
        } else {
            Err("expected https; http is for loopback alone")
        }
    })
}

fn trusted_proxies(section: &mut Section) -> Option<Vec<Network>> {
    let texts: Vec<String> = section.required("trusted_proxies")?;
    let mut networks = Vec::with_capacity(texts.len());
    for text in &texts {
        match Network::parse(text) {
            Ok(network) => networks.push(network),
            Err(error) => section.problem("trusted_proxies", error.to_string()),
        }
    }
    (networks.len() == texts.len()).then_some(networks)
}

#[expect(clippy::option_option, reason = "absent and wrong are two answers, and `?` handles the second")]
fn tls(section: &mut Section) -> Option<Option<tls::Files>> {
    let Some(mut section) = section.optional_section("tls") else { return Some(None) };
    let certificate = section.required("certificate");
    let key = section.required("key");
    let client_ca = section.optional("client_ca");
    section.close();
    Some(Some(tls::Files { certificate: certificate?, key: key?, client_ca: client_ca? }))
}

fn principal_limits(section: &mut Section) -> Option<PrincipalLimits> {
    let requests = section.required("requests_per_second");
    let burst = section.required("burst");
    let streams = section.required("streams_per_principal");
    let search_bytes = section.required::<OrNone>("search_bytes");
    let search_window = section.required("search_bytes_window");
    Some(PrincipalLimits {
        requests_per_second: NonZeroU32::new(requests?)?,
        burst: NonZeroU32::new(burst?)?,
        streams: streams?,
        searches: AllowanceLimits { bytes: search_bytes?.0, window: search_window? },
    })
}

fn link_limits(section: &mut Section) -> Option<LinkLimits> {
    let default_ttl = section.required("link_default_ttl");
    let max_ttl = section.required("link_max_ttl");
    let limits = LinkLimits { default_ttl: default_ttl?, max_ttl: max_ttl? };
    // S3, GCS and Azure all stop at seven days.
    if limits.max_ttl > std::time::Duration::from_hours(168) || limits.default_ttl > limits.max_ttl {
        section.problem("link_max_ttl", "expected at most 7d, and at least link_default_ttl");
        return None;
    }
    Some(limits)
}

fn decode_limits(section: &mut Section) -> Option<decode::Limits> {
    let output = section.required("decode_max_bytes");
    let ratio = section.required("decode_max_ratio");
    Some(decode::Limits { max_output_bytes: output?, max_ratio: ratio? })
}
