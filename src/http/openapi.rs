//! The contract (`OpenAPI` 3.1), made from the route table and the types in `api`.
//!
//! The committed copy is `docs/openapi.json`; a test fails when it differs from what is made here.

use std::sync::LazyLock;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::Method;
use utoipa::openapi::path::{
    HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn, PathItem, PathsBuilder,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, Content, ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Ref,
    Required, SecurityRequirement,
};
use utoipa::{PartialSchema, ToSchema};

use crate::api;
use crate::http::guard::{Access, Route};
use crate::http::openapi::docs::{Answer, Doc};
use crate::http::table;

mod docs;

/// `GET /openapi.json`.
pub async fn get() -> Response {
    Json(&*DOCUMENT).into_response()
}

static DOCUMENT: LazyLock<OpenApi> = LazyLock::new(document);

/// Makes the document.
#[must_use]
pub fn document() -> OpenApi {
    let (_, table) = table::routes().finish();
    let mut paths = PathsBuilder::new();
    for route in &table {
        if let (Some(doc), Some(method)) = (docs::of(route), http_method(&route.method)) {
            let item = PathItem::new(method, operation(route, &doc));
            paths = paths.path(route.path.replace("{*", "{"), item);
        }
    }
    let license = LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build();
    let info = InfoBuilder::new()
        .title("Logboom")
        .version("1")
        .description(Some(docs::INTRODUCTION))
        .license(Some(license))
        .build();
    OpenApiBuilder::new().info(info).paths(paths).components(Some(components())).build()
}

fn http_method(method: &Method) -> Option<HttpMethod> {
    match method.as_str() {
        "GET" => Some(HttpMethod::Get),
        "HEAD" => Some(HttpMethod::Head),
        "POST" => Some(HttpMethod::Post),
        "PUT" => Some(HttpMethod::Put),
        "DELETE" => Some(HttpMethod::Delete),
        _ => None,
    }
}

fn operation(route: &Route, doc: &Doc) -> OperationBuilder {
    let access = match route.access {
        Access::Action(action) => format!("Needs the permission `{action}`."),
        Access::Personal(why) => format!("For every signed-in caller: it {why}."),
        Access::Public(why) => format!("Open to everybody: it {why}."),
    };
    let mut operation = OperationBuilder::new()
        .operation_id(Some(doc.id))
        .tag(doc.tag)
        .summary(Some(doc.summary))
        .description(Some(format!("{}\n\n{access}", doc.text).trim().to_owned()));
    if !matches!(route.access, Access::Public(_)) {
        let none: [&str; 0] = [];
        operation = operation
            .security(SecurityRequirement::new("bearer", none))
            .security(SecurityRequirement::new("session", none));
    }
    for name in path_parameters(route.path) {
        operation = operation.parameter(
            ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .schema(Some(ObjectBuilder::new().schema_type(Type::String))),
        );
    }
    for parameter in doc.query.clone() {
        operation = operation.parameter(parameter);
    }
    for (name, description) in doc.headers {
        operation = operation.parameter(
            ParameterBuilder::new()
                .name(*name)
                .parameter_in(ParameterIn::Header)
                .description(Some(*description))
                .required(Required::False)
                .schema(Some(ObjectBuilder::new().schema_type(Type::String))),
        );
    }
    if let Some(schema) = doc.body {
        let body = RequestBodyBuilder::new().content("application/json", reference(schema));
        operation = operation.request_body(Some(body.required(Some(Required::True)).build()));
    }
    answers(operation, route, doc)
}

fn answers(mut operation: OperationBuilder, route: &Route, doc: &Doc) -> OperationBuilder {
    for (status, description, answer) in doc.answers {
        let response = ResponseBuilder::new().description(*description);
        let response = match answer {
            Answer::Empty => response,
            Answer::Json(schema) => response.content("application/json", reference(schema)),
            Answer::Lines(schema) => response.content("application/x-ndjson", reference(schema)),
            Answer::Media(media) => response.content(*media, Content::new::<Ref>(None)),
        };
        operation = operation.response(status.to_string(), response);
    }
    for slug in doc.problems(route) {
        let (name, status, title) = slug.parts();
        let description = format!("`{name}`: {title}");
        let response = ResponseBuilder::new()
            .description(description)
            .content("application/problem+json", reference("Problem"));
        operation = operation.response(status.as_u16().to_string(), response);
    }
    operation
}

fn reference(schema: &str) -> Content {
    ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).build()
}

fn path_parameters(path: &str) -> impl Iterator<Item = &str> {
    path.split(['{', '}']).skip(1).step_by(2).map(|name| name.trim_start_matches('*'))
}

fn components() -> utoipa::openapi::Components {
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    let cookie = ApiKey::Cookie(ApiKeyValue::new("__Host-logboom-session"));
    let components = ComponentsBuilder::new()
        .security_scheme("bearer", SecurityScheme::Http(bearer))
        .security_scheme("session", SecurityScheme::ApiKey(cookie));
    let components = with::<api::problem::ProblemBody>(components);
    let components = with::<api::problem::FieldProblem>(components);
    let components = with::<api::session::Session>(components);
    let components = with::<api::session::LoggedOut>(components);
    let components = with::<api::login::LoginOptions>(components);
    let components = with::<api::login::CommandLineLogin>(components);
    let components = with::<api::buckets::BucketView>(components);
    let components = with::<api::buckets::BucketList>(components);
    let components = with::<api::objects::ObjectView>(components);
    let components = with::<api::objects::ObjectList>(components);
    let components = with::<api::links::LinkRequest>(components);
    let components = with::<api::links::Link>(components);
    let components = with::<api::credentials::CredentialsRequest>(components);
    let components = with::<api::credentials::CredentialFormat>(components);
    let components = with::<api::credentials::CredentialsView>(components);
    let components = with::<api::credentials::Rung>(components);
    let components = with::<api::credentials::CloudBucket>(components);
    let components = with::<api::credentials::VendedView>(components);
    let components = with::<api::credentials::AwsKeys>(components);
    let components = with::<api::credentials::ObjectLink>(components);
    let components = of_logs(components);
    let components = with::<api::decisions::DecisionRequest>(components);
    let components = with::<api::decisions::DecisionView>(components);
    let components = with::<api::health::Dependency>(components);
    with::<api::health::Readiness>(components).build()
}

fn of_logs(components: ComponentsBuilder) -> ComponentsBuilder {
    let components = with::<api::logs::LogLine>(components);
    let components = with::<api::logs::LogRecord>(components);
    let components = with::<api::logs::SearchProgress>(components);
    let components = with::<api::logs::SearchSummary>(components);
    let components = with::<api::logs::ObjectCounts>(components);
    let components = with::<api::logs::SkippedCounts>(components);
    let components = with::<api::logs::ByteCounts>(components);
    let components = with::<api::logs::SearchWarning>(components);
    let components = with::<api::logs::Heartbeat>(components);
    let components = with::<api::logs::FollowEnd>(components);
    let components = with::<api::logs::SearchPlan>(components);
    let components = with::<api::logs::Histogram>(components);
    let components = with::<api::logs::HistogramBar>(components);
    let components = with::<api::logs::PlannedObject>(components);
    let components = with::<api::receipts::SignedReceipt>(components);
    let components = with::<api::receipts::Receipt>(components);
    let components = with::<api::receipts::ReceiptPrincipal>(components);
    let components = with::<api::receipts::ReceiptSearch>(components);
    let components = with::<api::receipts::ReceiptObject>(components);
    let components = with::<api::receipts::ReceiptGap>(components);
    let components = with::<api::receipts::ReceiptGapsUnknown>(components);
    let components = with::<api::receipts::ReceiptKeys>(components);
    with::<api::receipts::ReceiptKey>(components)
}

fn with<T: ToSchema + PartialSchema>(components: ComponentsBuilder) -> ComponentsBuilder {
    components.schema(T::name(), T::schema())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_but_the_pages_is_in_the_contract() {
        let (_, table) = table::routes().finish();
        let pages = ["/", "/docs", "/assets/{name}", "/problems/{slug}"];
        let missing: Vec<_> = table
            .iter()
            .filter(|route| docs::of(route).is_none() && !pages.contains(&route.path))
            .map(|route| route.path)
            .collect();
        assert_eq!(missing, [""; 0]);
    }
}
