//! The one door: authenticate, limit, load, decide, and only then the handler.
//!
//! A handler says by its own signature which action it needs on which resource; one that forgets does not compile:
//! only [`Routes::guarded`], [`Routes::personal`] and [`Routes::public`] can add a route, and the first hands the
//! handler nothing but what the permit proves.

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::handler::Handler;
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use http::{HeaderMap, Method};

use crate::authz::Context;
use crate::authz::permit::{Action, Denied, Permit, Place, Resource};
use crate::domain::action::ActionName;
use crate::domain::principal::{Principal, Proof};
use crate::http::csrf;
use crate::http::problem::{Problem, Slug};
use crate::http::state::AppState;

/// A request parsed into the resource that it is about and what it asks of it.
pub trait Ask: Sized + Send + 'static {
    /// The resource that the permission check is about.
    type Target: Resource + Send + 'static;

    /// Parses the request. An unknown bucket is [`Problem::not_found`], the same answer as for a hidden one.
    fn load(
        state: &AppState,
        request: Request,
    ) -> impl Future<Output = Result<(Self::Target, Self), Problem>> + Send;
}

/// A request parsed into several resources, all of which must be allowed, and what it asks of them.
pub trait AskAll: Sized + Send + 'static {
    /// The resources that the permission check is about.
    type Target: Resource + Send + 'static;

    /// Parses the request; at least one resource. An unknown bucket is [`Problem::not_found`], the same answer as for a hidden
    /// one.
    fn load(
        state: &AppState,
        request: Request,
    ) -> impl Future<Output = Result<(Vec<Self::Target>, Self), Problem>> + Send;
}

/// Permits for all resources of one request.
#[derive(Debug)]
pub struct Permits<A, R> {
    /// One for each, at least one.
    pub each: Vec<Permit<A, R>>,
    /// The circumstances, for decisions on what lies within.
    pub context: Context,
}

/// Who may come through a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Whoever the policies permit this action.
    Action(&'static str),
    /// Every signed-in caller, about themselves alone, for the reason given.
    Personal(&'static str),
    /// Everybody, for the reason given.
    Public(&'static str),
}

/// One row of the route table.
#[derive(Debug, Clone)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path, with `{…}` for what varies.
    pub path: &'static str,
    /// Who may come through.
    pub access: Access,
}

/// The route table in the making.
#[derive(Debug, Default)]
pub struct Routes {
    router: Router<AppState>,
    table: Vec<Route>,
}

impl Routes {
    /// Adds a route whose handler needs a permit.
    #[must_use]
    pub fn guarded<A, Q, F, Fut>(self, method: Method, path: &'static str, handler: F) -> Self
    where
        A: Action + Send + 'static,
        Q: Ask,
        F: Fn(AppState, Permit<A, Q::Target>, Q) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<Response, Problem>> + Send + 'static,
    {
        let door = move |State(state): State<AppState>, request: Request| {
            let handler = handler.clone();
            async move {
                let principal = admit(&state, request.method(), request.headers()).await?;
                let context = state.context(&request);
                let (target, ask) = Q::load(&state, request).await?;
                let permit = state
                    .authorizer
                    .decide::<A, Q::Target>(&principal, target, &context)
                    .map_err(|denied| refuse::<A, _>(&principal, &denied))?;
                handler(state, permit, ask).await
            }
        };
        self.add(method, path, Access::Action(A::NAME.as_str()), door)
    }

    /// Adds a route whose handler needs a permit for each of several resources: the first denial refuses them all.
    #[must_use]
    pub fn guarded_all<A, Q, F, Fut>(self, method: Method, path: &'static str, handler: F) -> Self
    where
        A: Action + Send + 'static,
        Q: AskAll,
        F: Fn(AppState, Permits<A, Q::Target>, Q) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<Response, Problem>> + Send + 'static,
    {
        let door = move |State(state): State<AppState>, request: Request| {
            let handler = handler.clone();
            async move {
                let principal = admit(&state, request.method(), request.headers()).await?;
                let context = state.context(&request);
                let (targets, ask) = Q::load(&state, request).await?;
                let decide = |target| state.authorizer.decide::<A, Q::Target>(&principal, target, &context);
                let each: Result<Vec<_>, _> = targets.into_iter().map(decide).collect();
                let each = each.map_err(|denied| refuse::<A, _>(&principal, &denied))?;
                if each.is_empty() {
                    return Err(Problem::not_found());
                }
                handler(state, Permits { each, context }, ask).await
            }
        };
        self.add(method, path, Access::Action(A::NAME.as_str()), door)
    }

    /// Adds a route for every signed-in caller that tells nothing but what concerns them.
    #[must_use]
    pub fn personal<F, Fut>(self, method: Method, path: &'static str, why: &'static str, handler: F) -> Self
    where
        F: Fn(AppState, Arc<Principal>, Request) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<Response, Problem>> + Send + 'static,
    {
        let door = move |State(state): State<AppState>, request: Request| {
            let handler = handler.clone();
            async move {
                let principal = admit(&state, request.method(), request.headers()).await?;
                handler(state, principal, request).await
            }
        };
        self.add(method, path, Access::Personal(why), door)
    }

    /// Adds a route that everybody may call.
    #[must_use]
    pub fn public<H, M>(self, method: Method, path: &'static str, why: &'static str, handler: H) -> Self
    where
        H: Handler<M, AppState>,
        M: 'static,
    {
        self.add(method, path, Access::Public(why), handler)
    }

    /// The finished router and its table.
    pub fn finish(self) -> (Router<AppState>, Vec<Route>) {
        (self.router, self.table)
    }

    fn add<H, M>(mut self, method: Method, path: &'static str, access: Access, handler: H) -> Self
    where
        H: Handler<M, AppState>,
        M: 'static,
    {
        // A method that axum cannot route would be a mistake in the table; it is left out and the route walk finds it.
        if let Ok(filter) = MethodFilter::try_from(method.clone()) {
            self.router = self.router.route(path, on(filter, handler));
            self.table.push(Route { method, path, access });
        }
        self
    }
}

/// Who is asking: authenticated, not driven by another site, and within their rate.
async fn admit(state: &AppState, method: &Method, headers: &HeaderMap) -> Result<Arc<Principal>, Problem> {
    let principal = state.authenticator.authenticate(headers).await?.principal;
    if principal.proof == Proof::Session {
        csrf::check(method, headers, &state.options.public_url).map_err(|_cross_site| csrf::problem())?;
    }
    state.rates.check(&principal.id)?;
    Ok(principal)
}

/// The answer to a denial: what the caller may not know of is not there.
fn refuse<A: Action, R: Resource>(principal: &Principal, denied: &Denied<R>) -> Problem {
    tracing::info!(
        principal.subject = %principal.id.subject,
        principal.issuer = %principal.id.issuer,
        action = A::NAME.as_str(),
        bucket.id = %denied.resource.bucket().id,
        determined_by = ?denied.decision.determined_by,
        policy_errors = ?denied.decision.errors,
        "denied"
    );
    if !denied.visible {
        return Problem::not_found();
    }
    let bucket = &denied.resource.bucket().id;
    let slug = if denied.decision.errors.is_empty() { Slug::Forbidden } else { Slug::PolicyError };
    let detail = match (A::NAME, denied.resource.place()) {
        (ActionName::ReadObject, Place::Folder(folder)) => format!(
            "You may not search bucket {bucket} below \"{}\" (ReadObject and ListObjects on that folder)",
            folder.as_str()
        ),
        (action, _) => format!("You may not {} here in bucket {bucket}", phrase(action)),
    };
    let owner = &denied.resource.bucket().owner;
    let more = denied.resource.bucket().redacted && A::NAME != ActionName::ReadObject;
    let redacted = if more { ". It is redacted, so this needs ReadUnredacted too" } else { "" };
    Problem::new(slug, detail).reasons(&denied.decision).hint(format!(
        "The bucket belongs to the group {owner}; its members decide who may read it{redacted}"
    ))
}

fn phrase(action: ActionName) -> &'static str {
    match action {
        ActionName::ListObjects => "list objects (ListObjects)",
        ActionName::ReadObject => "read this object (ReadObject)",
        ActionName::CreateLink => "make a link to this object (CreateLink)",
        ActionName::VendCredentials => {
            "get a credential for all of this (VendCredentials, and ListObjects and ReadObject on everything in it)"
        }
        ActionName::ReadUnredacted => "see what is redacted (ReadUnredacted)",
    }
}
