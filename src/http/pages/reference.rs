//! The reference: an `OpenAPI` document as HTML, made on the server so that the page needs no script.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;

use crate::http::pages::html::{escape, inline, prose};

/// Renders what the document says of itself, its operations by tag, and its schemas.
pub fn render(document: &Value) -> String {
    let mut out = String::new();
    let title = text(document, "/info/title");
    let version = text(document, "/info/version");
    let _ = writeln!(out, "<h1>{} API, version {}</h1>", escape(title), escape(version));
    out.push_str(&prose(text(document, "/info/description")));
    let tags = by_tag(document);
    out.push_str(&contents(&tags));
    for (tag, operations) in &tags {
        let _ = writeln!(out, "<h2 id=\"{0}\">{0}</h2>", escape(tag));
        for operation in operations {
            out.push_str(&operation.render());
        }
    }
    out.push_str(&schemas(document));
    out
}

struct Operation<'a> {
    method: String,
    path: &'a str,
    spec: &'a Value,
}

fn by_tag(document: &Value) -> BTreeMap<&str, Vec<Operation<'_>>> {
    let mut tags: BTreeMap<&str, Vec<Operation<'_>>> = BTreeMap::new();
    let paths = document.get("paths").and_then(Value::as_object);
    for (path, item) in paths.into_iter().flatten() {
        for (method, spec) in item.as_object().into_iter().flatten() {
            if !matches!(method.as_str(), "get" | "head" | "post" | "put" | "patch" | "delete") {
                continue;
            }
            let tag = spec.pointer("/tags/0").and_then(Value::as_str).unwrap_or("other");
            tags.entry(tag).or_default().push(Operation { method: method.to_uppercase(), path, spec });
        }
    }
    tags
}

fn contents(tags: &BTreeMap<&str, Vec<Operation<'_>>>) -> String {
    let mut out = String::from("<nav aria-label=\"Operations\"><ul class=\"contents\">\n");
    for operation in tags.values().flatten() {
        let _ = writeln!(
            out,
            "<li><a href=\"#{}\"><span class=\"method\">{}</span> <code>{}</code></a></li>",
            escape(&operation.anchor()),
            operation.method,
            escape(operation.path)
        );
    }
    out.push_str("</ul></nav>\n");
    out
}

impl Operation<'_> {
    fn anchor(&self) -> String {
        match text(self.spec, "/operationId") {
            "" => format!("{}-{}", self.method, self.path),
            id => id.to_owned(),
        }
    }

    fn render(&self) -> String {
        let mut out = format!(
            "<section class=\"operation\" id=\"{}\">\n<h3><span class=\"method\">{}</span> <code>{}</code></h3>\n",
            escape(&self.anchor()),
            self.method,
            escape(self.path)
        );
        let summary = text(self.spec, "/summary");
        if !summary.is_empty() {
            let _ = writeln!(out, "<p><strong>{}</strong></p>", inline(summary));
        }
        out.push_str(&prose(text(self.spec, "/description")));
        out.push_str(&self.parameters());
        if let Some(body) = self.spec.get("requestBody") {
            let _ = writeln!(out, "<p>The body is {}.</p>", content(body));
        }
        out.push_str(&self.responses());
        out.push_str("</section>\n");
        out
    }

    fn parameters(&self) -> String {
        let rows: Vec<_> = list(self.spec, "parameters")
            .map(|parameter| {
                let required = parameter.get("required").and_then(Value::as_bool).unwrap_or(false);
                let place = text(parameter, "/in");
                let must = if required { "required" } else { "optional" };
                [
                    format!("<code>{}</code>", escape(text(parameter, "/name"))),
                    format!("{} {}, {must}", escape(place), kind(parameter.get("schema"))),
                    inline(text(parameter, "/description")),
                ]
            })
            .collect();
        table("Parameters", ["Name", "Kind", "Meaning"], &rows)
    }

    fn responses(&self) -> String {
        let responses = self.spec.get("responses").and_then(Value::as_object);
        let rows: Vec<_> = responses
            .into_iter()
            .flatten()
            .map(|(status, response)| {
                [
                    format!("<code>{}</code>", escape(status)),
                    inline(text(response, "/description")),
                    content(response),
                ]
            })
            .collect();
        table("Answers", ["Status", "Meaning", "Body"], &rows)
    }
}

fn schemas(document: &Value) -> String {
    let Some(schemas) = document.pointer("/components/schemas").and_then(Value::as_object) else {
        return String::new();
    };
    let mut out = String::from("<h2 id=\"schemas\">Bodies</h2>\n");
    for (name, schema) in schemas {
        let _ = writeln!(out, "<section class=\"operation\" id=\"schema-{0}\">\n<h3>{0}</h3>", escape(name));
        out.push_str(&prose(text(schema, "/description")));
        let required: Vec<_> = list(schema, "required").filter_map(Value::as_str).collect();
        let properties = schema.get("properties").and_then(Value::as_object);
        let rows: Vec<_> = properties
            .into_iter()
            .flatten()
            .map(|(member, spec)| {
                let must = if required.contains(&member.as_str()) { "always" } else { "may be absent" };
                [
                    format!("<code>{}</code>", escape(member)),
                    format!("{}, {must}", kind(Some(spec))),
                    inline(text(spec, "/description")),
                ]
            })
            .collect();
        out.push_str(&table("Members", ["Name", "Kind", "Meaning"], &rows));
        out.push_str("</section>\n");
    }
    out
}

/// The kinds of body that a request or an answer has.
fn content(holder: &Value) -> String {
    let media = holder.get("content").and_then(Value::as_object);
    let kinds: Vec<_> = media
        .into_iter()
        .flatten()
        .map(|(media, spec)| {
            let schema =
                spec.get("schema").filter(|schema| schema.as_object().is_some_and(|s| !s.is_empty()));
            let of = schema.map(|schema| format!("{} as ", kind(Some(schema)))).unwrap_or_default();
            format!("{of}<code>{}</code>", escape(media))
        })
        .collect();
    if kinds.is_empty() { "–".to_owned() } else { kinds.join(" or ") }
}

/// What kind of value a schema describes, as markup.
fn kind(schema: Option<&Value>) -> String {
    let Some(schema) = schema else { return String::new() };
    if let Some(name) = text(schema, "/$ref").strip_prefix("#/components/schemas/") {
        return format!("<a href=\"#schema-{0}\">{0}</a>", escape(name));
    }
    let choices: Vec<_> = ["oneOf", "anyOf", "allOf"].into_iter().flat_map(|of| list(schema, of)).collect();
    if !choices.is_empty() {
        return choices.into_iter().map(|choice| kind(Some(choice))).collect::<Vec<_>>().join(" or ");
    }
    let names: Vec<_> = match schema.get("type") {
        Some(Value::String(name)) => vec![name.as_str()],
        // Whether a member may be absent is said beside its kind.
        Some(Value::Array(names)) => {
            names.iter().filter_map(Value::as_str).filter(|n| *n != "null").collect()
        }
        _ => return "value".to_owned(),
    };
    match schema.get("items") {
        Some(items) if names.contains(&"array") => format!("list of {}", kind(Some(items))),
        _ => escape(&names.join(" or ")),
    }
}

fn table(caption: &str, heads: [&str; 3], rows: &[[String; 3]]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut out = format!("<div class=\"scroll\"><table>\n<caption>{caption}</caption>\n<thead><tr>");
    for head in heads {
        let _ = write!(out, "<th scope=\"col\">{head}</th>");
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for [name, kind, meaning] in rows {
        let _ = writeln!(out, "<tr><th scope=\"row\">{name}</th><td>{kind}</td><td>{meaning}</td></tr>");
    }
    out.push_str("</tbody></table></div>\n");
    out
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}
