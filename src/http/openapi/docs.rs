//! What the contract says of each route, beside what the route table and the types say.

use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};

use crate::api::logs::{FollowQuery, HistogramQuery, SearchQuery};
use crate::api::objects::{ListQuery, ReadByKeyQuery, ReadQuery};
use crate::http::guard::{Access, Route};
use crate::http::problem::Slug;

/// The text in front of the contract.
pub const INTRODUCTION: &str = "One login, one permission check and one API over logs in AWS S3, Google Cloud \
    Storage, Azure Blob Storage and directories.\n\nCall it with `Authorization: Bearer <access token>` of the \
    identity provider, or with the session cookie of a browser login; with the cookie, requests other than GET and \
    HEAD also need the header `X-Logboom-CSRF: 1`.\n\nErrors are `application/problem+json` (RFC 9457) with a stable \
    `type`. What a caller may not know of is 404, what they may know of but not use is 403. Unknown and repeated \
    parameters are refused.";

/// What one route does.
pub struct Doc {
    /// Name of the operation in generated clients.
    pub id: &'static str,
    /// The group it is shown in.
    pub tag: &'static str,
    /// One line.
    pub summary: &'static str,
    /// More, where one line is not enough.
    pub text: &'static str,
    /// Query parameters.
    pub query: Vec<Parameter>,
    /// Request headers with a meaning of their own.
    pub headers: &'static [(&'static str, &'static str)],
    /// Schema of the JSON body.
    pub body: Option<&'static str>,
    /// Answers that are no problems.
    pub answers: &'static [(u16, &'static str, Answer)],
    /// Problems of this route's own.
    pub own_problems: &'static [Slug],
}

/// What an answer holds.
pub enum Answer {
    /// Nothing.
    Empty,
    /// JSON of a schema.
    Json(&'static str),
    /// Lines, each JSON of a schema.
    Lines(&'static str),
    /// Something of a media type.
    Media(&'static str),
}

impl Doc {
    /// Every problem of the route, one for each status.
    pub fn problems(&self, route: &Route) -> Vec<Slug> {
        let mut all = self.own_problems.to_vec();
        if !matches!(route.access, Access::Public(_)) {
            all.extend([Slug::Unauthenticated, Slug::RateLimited, Slug::Overloaded]);
        }
        if matches!(route.access, Access::Action(_)) {
            all.extend([Slug::Forbidden, Slug::NotFound, Slug::StoreMisconfigured, Slug::StoreTimeout]);
        }
        all.push(Slug::Internal);
        all
    }
}

const EMPTY: Doc = Doc {
    id: "",
    tag: "",
    summary: "",
    text: "",
    query: Vec::new(),
    headers: &[],
    body: None,
    answers: &[],
    own_problems: &[],
};

const CONDITIONS: &[(&str, &str)] = &[
    ("Range", "One byte range of the stored bytes (RFC 9110 section 14)."),
    ("If-Range", "The range only if the object is still this version."),
    ("If-Match", "Only if the object is one of these versions."),
    ("If-None-Match", "Only if the object is none of these versions."),
    ("If-Modified-Since", "Only if it was written after this time."),
    ("If-Unmodified-Since", "Only if it was not written after this time."),
];

const READ_PROBLEMS: &[Slug] =
    &[Slug::InvalidRequest, Slug::ObjectArchived, Slug::PreconditionFailed, Slug::RangeNotSatisfiable];

/// What the contract says of a route; `None` for pages, which are no part of the API.
pub fn of(route: &Route) -> Option<Doc> {
    let doc = match (route.method.as_str(), route.path) {
        (_, "/api/v1/buckets/{bucket}/objects/{*key}" | "/api/v1/buckets/{bucket}/object") => read(route),
        (_, "/api/v1/logs" | "/api/v1/logs/plan" | "/api/v1/logs/histogram" | "/api/v1/logs/tail") => {
            logs(route)
        }
        (_, path) if path.starts_with("/api/") => api(route)?,
        (_, path) if path.starts_with("/auth/") => auth(route)?,
        _ => service(route)?,
    };
    Some(doc)
}

fn api(route: &Route) -> Option<Doc> {
    Some(match route.path {
        "/api/v1/receipt-keys" => Doc {
            id: "getReceiptKeys",
            tag: "logs",
            summary: "The keys that receipts of searches are checked with",
            text: "Receipts are JSON Web Signatures by Ed25519 (RFC 7515, RFC 8037); `logboom verify` checks them.",
            answers: &[(200, "A JSON Web Key Set", Answer::Json("ReceiptKeys"))],
            own_problems: &[Slug::ReceiptsNotSetUp, Slug::VaultUnavailable],
            ..EMPTY
        },
        "/api/v1/session" => Doc {
            id: "getSession",
            tag: "session",
            summary: "Who am I",
            answers: &[(200, "The caller", Answer::Json("Session"))],
            ..EMPTY
        },
        "/api/v1/login-options" => Doc {
            id: "getLoginOptions",
            tag: "login",
            summary: "Where a command line can log in",
            text: "For `logboom login`, before anybody is known. The list is empty where it is not set up.",
            answers: &[(200, "The identity providers", Answer::Json("LoginOptions"))],
            ..EMPTY
        },
        "/api/v1/buckets" => Doc {
            id: "listBuckets",
            tag: "buckets",
            summary: "The buckets that I may see",
            answers: &[(200, "The buckets", Answer::Json("BucketList"))],
            ..EMPTY
        },
        "/api/v1/buckets/{bucket}" => Doc {
            id: "getBucket",
            tag: "buckets",
            summary: "One bucket, with what I may do in it",
            answers: &[(200, "The bucket", Answer::Json("Bucket"))],
            own_problems: &[Slug::NotFound],
            ..EMPTY
        },
        _ => return in_bucket(route),
    })
}

fn logs(route: &Route) -> Doc {
    let doc = Doc {
        id: "searchLogs",
        tag: "logs",
        summary: "Search records by time",
        text: "Reads the objects of all scopes at once and gives their records in order of time, one JSON object on each line; \
               the last one is a summary that says whether it is complete, and why not. A body without it was cut off. Objects \
               that a narrower policy withholds are counted there. Nothing is left out silently.",
        query: SearchQuery::into_params(|| Some(ParameterIn::Query)),
        answers: &[(200, "Lines of the schema `LogLine`", Answer::Lines("LogLine"))],
        own_problems: &[Slug::InvalidRequest, Slug::SearchTooLarge, Slug::StoreUnavailable],
        ..EMPTY
    };
    if route.path.ends_with("/plan") {
        return Doc {
            id: "planSearch",
            summary: "What a search would read",
            text: "Lists, but opens no object.",
            answers: &[(200, "The plan", Answer::Json("SearchPlan"))],
            ..doc
        };
    }
    if route.path.ends_with("/tail") {
        return Doc {
            id: "followLogs",
            summary: "Follow records as they come",
            text: "Looks for new and grown objects again and again, and tells their records; a heartbeat after each look has the \
                   cursor to go on from. Ends after some minutes, or when it is not permitted any more. With `Accept: \
                   text/event-stream` the lines are server-sent events, which browsers go on with by themselves. What was told \
                   last may come again after an interruption.",
            query: FollowQuery::into_params(|| Some(ParameterIn::Query)),
            answers: &[(200, "Lines of the schema `LogLine`, without a summary", Answer::Lines("LogLine"))],
            ..doc
        };
    }
    if route.path.ends_with("/histogram") {
        return Doc {
            id: "countLogs",
            summary: "Count records over time",
            text: "Reads as a search does, and counts instead of telling.",
            query: HistogramQuery::into_params(|| Some(ParameterIn::Query)),
            answers: &[(200, "The counts", Answer::Json("Histogram"))],
            ..doc
        };
    }
    doc
}

fn in_bucket(route: &Route) -> Option<Doc> {
    Some(match route.path {
        "/api/v1/buckets/{bucket}/objects" => Doc {
            id: "listObjects",
            tag: "objects",
            summary: "List objects",
            text: "Shows only what the caller may list, and with a delimiter the way down to it. A page can hold \
                   fewer entries than `limit`, even none, and still have a `next_page_token`.",
            query: ListQuery::into_params(|| Some(ParameterIn::Query)),
            answers: &[(200, "One page", Answer::Json("ObjectList"))],
            own_problems: &[Slug::InvalidRequest],
            ..EMPTY
        },
        "/api/v1/buckets/{bucket}/links" => Doc {
            id: "createLink",
            tag: "links",
            summary: "Make a link that opens one object for a short time",
            text: "S3 presigned URL, GCS V4 signed URL or Azure user-delegation SAS. It ends with the caller's own \
                   session or token at the latest.",
            body: Some("LinkRequest"),
            answers: &[(200, "The link", Answer::Json("Link"))],
            own_problems: &[Slug::InvalidRequest, Slug::ObjectArchived, Slug::NotSupportedByProvider],
            ..EMPTY
        },
        "/api/v1/buckets/{bucket}/credentials" => Doc {
            id: "vendCredentials",
            tag: "credentials",
            summary: "Get a credential of the cloud that reads and lists some folders for a short time",
            text: "What cannot be narrowed to exactly these folders is not widened: the answer goes one step down a \
                   ladder (`rung`) and says why. It ends with the caller's own session or token at the latest.",
            body: Some("CredentialsRequest"),
            answers: &[(200, "What was given", Answer::Json("Credentials"))],
            own_problems: &[Slug::InvalidRequest, Slug::VendingNotSetUp, Slug::VendingStopped],
            ..EMPTY
        },
        "/api/v1/decisions" => Doc {
            id: "decide",
            tag: "permission",
            summary: "May I do this, and why",
            body: Some("DecisionRequest"),
            answers: &[(200, "The answer", Answer::Json("Decision"))],
            own_problems: &[Slug::InvalidRequest, Slug::NotFound],
            ..EMPTY
        },
        _ => return None,
    })
}

fn read(route: &Route) -> Doc {
    let by_key = route.path.ends_with("/object");
    let (id, summary) = match (route.method.as_str(), by_key) {
        ("HEAD", false) => ("headObject", "An object's headers"),
        ("HEAD", true) => ("headObjectByKey", "An object's headers, the key as a parameter"),
        (_, false) => ("readObject", "An object's bytes"),
        (_, true) => ("readObjectByKey", "An object's bytes, the key as a parameter"),
    };
    let query = if by_key {
        ReadByKeyQuery::into_params(|| Some(ParameterIn::Query))
    } else {
        ReadQuery::into_params(|| Some(ParameterIn::Query))
    };
    Doc {
        id,
        tag: "objects",
        summary,
        text: if by_key {
            "For proxies that cannot carry every key unchanged in a path (`//`, `%2F`, `..`)."
        } else {
            "The key is every byte behind `/objects/`, percent-decoded once and never normalised."
        },
        query,
        headers: CONDITIONS,
        answers: &[
            (200, "The object", Answer::Media("application/octet-stream")),
            (206, "The range", Answer::Media("application/octet-stream")),
            (304, "The caller has this version", Answer::Empty),
        ],
        own_problems: READ_PROBLEMS,
        ..EMPTY
    }
}

fn auth(route: &Route) -> Option<Doc> {
    Some(match route.path {
        "/auth/login" => Doc {
            id: "login",
            tag: "login",
            summary: "Begin a login in a browser",
            text: "`return_to` is a path of this service; `idp` names one of several identity providers.",
            answers: &[(303, "To the identity provider", Answer::Empty)],
            own_problems: &[Slug::InvalidRequest, Slug::CrossSiteRequest, Slug::IdentityProviderUnavailable],
            ..EMPTY
        },
        "/auth/callback" => Doc {
            id: "loginCallback",
            tag: "login",
            summary: "Where the identity provider sends the browser back to",
            answers: &[(303, "Signed in; to the page asked for", Answer::Empty)],
            own_problems: &[Slug::LoginStateMismatch, Slug::IdentityProviderUnavailable],
            ..EMPTY
        },
        "/auth/logout" => Doc {
            id: "logout",
            tag: "login",
            summary: "End the session",
            headers: &[("X-Logboom-CSRF", "`1`; shows that a page of ours makes the request.")],
            answers: &[(
                200,
                "Signed out; where to end the session of the identity provider",
                Answer::Media("application/json"),
            )],
            own_problems: &[Slug::CrossSiteRequest],
            ..EMPTY
        },
        "/auth/backchannel-logout" => Doc {
            id: "backchannelLogout",
            tag: "login",
            summary: "The identity provider ends sessions (OpenID Back-Channel Logout 1.0)",
            answers: &[(200, "The sessions are ended", Answer::Empty)],
            own_problems: &[Slug::InvalidRequest],
            ..EMPTY
        },
        _ => return None,
    })
}

fn service(route: &Route) -> Option<Doc> {
    Some(match route.path {
        "/healthz" => Doc {
            id: "live",
            tag: "service",
            summary: "The process lives",
            answers: &[(200, "`ok`", Answer::Media("text/plain"))],
            ..EMPTY
        },
        "/readyz" => Doc {
            id: "ready",
            tag: "service",
            summary: "Whether requests can be answered",
            answers: &[
                (200, "`ready` or `degraded`", Answer::Json("Readiness")),
                (503, "`unavailable`", Answer::Json("Readiness")),
            ],
            ..EMPTY
        },
        "/openapi.json" => Doc {
            id: "contract",
            tag: "service",
            summary: "This document",
            answers: &[(200, "OpenAPI 3.1", Answer::Media("application/json"))],
            ..EMPTY
        },
        _ => return None,
    })
}
