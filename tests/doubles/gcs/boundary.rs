//! A Credential Access Boundary as Google enforces it: who asks for what, and the two forms of CEL that speak of objects and
//! of listings ("Downscoping with Credential Access Boundaries"; "Attribute reference for IAM Conditions").
//!
//! What is not of these forms is refused, as Google refuses a condition that it cannot read.

use serde_json::Value;

/// The most that Google takes: characters of the whole, and rules (Security Token Service API, "Options").
const LIMITS: (usize, usize) = (2048, 10);

/// What a narrow token lets through.
#[derive(Debug, Clone)]
pub struct Boundary {
    rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
struct Rule {
    bucket: String,
    clauses: Vec<Clause>,
}

#[derive(Debug, Clone)]
enum Clause {
    /// `resource.name.startsWith(…)`
    Name(String),
    /// `api.getAttribute('storage.googleapis.com/objectListPrefix', '').startsWith(…)`
    Listed(String),
}

/// What a request does, as conditions see it.
#[derive(Debug)]
pub enum Wants<'a> {
    /// `storage.objects.get`
    Object(&'a str),
    /// `storage.objects.list`, with the prefix that it names.
    Listing(&'a str),
    /// Anything else: no role in a boundary of ours has it.
    More,
}

impl Boundary {
    /// Reads the value of `options`.
    pub fn parse(options: &str) -> Result<Self, String> {
        let read: Value = serde_json::from_str(options).map_err(|error| error.to_string())?;
        let rules = read["accessBoundary"]["accessBoundaryRules"].as_array().ok_or("no rules")?;
        if options.chars().count() > LIMITS.0 || rules.is_empty() || rules.len() > LIMITS.1 {
            return Err(format!("{} characters, {} rules", options.chars().count(), rules.len()));
        }
        let rules = rules.iter().map(Rule::parse).collect::<Result<_, _>>()?;
        Ok(Self { rules })
    }

    /// Whether a request comes through.
    pub fn allows(&self, bucket: &str, wants: &Wants<'_>) -> bool {
        self.rules.iter().filter(|rule| rule.bucket == bucket).any(|rule| {
            let (name, listed) = match wants {
                Wants::Object(key) => (format!("projects/_/buckets/{bucket}/objects/{key}"), ""),
                Wants::Listing(prefix) => (format!("projects/_/buckets/{bucket}"), *prefix),
                Wants::More => return false,
            };
            rule.clauses.iter().any(|clause| match clause {
                Clause::Name(start) => name.starts_with(start),
                Clause::Listed(start) => listed.starts_with(start),
            })
        })
    }
}

impl Rule {
    fn parse(rule: &Value) -> Result<Self, String> {
        let resource = rule["availableResource"].as_str().unwrap_or_default();
        let bucket = resource
            .strip_prefix("//storage.googleapis.com/projects/_/buckets/")
            .filter(|bucket| !bucket.is_empty() && !bucket.contains('/'))
            .ok_or("no bucket")?;
        let permissions = rule["availablePermissions"].as_array().ok_or("no permissions")?;
        if permissions.iter().any(|role| role != "inRole:roles/storage.objectViewer") {
            return Err(format!("more than reading: {permissions:?}"));
        }
        let expression = rule["availabilityCondition"]["expression"].as_str().ok_or("no condition")?;
        Ok(Self { bucket: bucket.to_owned(), clauses: clauses(expression)? })
    }
}

fn clauses(expression: &str) -> Result<Vec<Clause>, String> {
    let mut found = Vec::new();
    let mut rest = expression;
    loop {
        let (clause, after) = clause(rest).ok_or_else(|| format!("not CEL that is known: {rest}"))?;
        found.push(clause);
        match after.strip_prefix(" || ") {
            Some(next) => rest = next,
            None if after.is_empty() => return Ok(found),
            None => return Err(format!("not CEL that is known: {after}")),
        }
    }
}

fn clause(text: &str) -> Option<(Clause, &str)> {
    let listed = "api.getAttribute('storage.googleapis.com/objectListPrefix', '').startsWith(";
    if let Some(rest) = text.strip_prefix(listed) {
        let (start, rest) = literal(rest)?;
        return Some((Clause::Listed(start), rest.strip_prefix(')')?));
    }
    let (start, rest) = literal(text.strip_prefix("resource.name.startsWith(")?)?;
    Some((Clause::Name(start), rest.strip_prefix(')')?))
}

/// A string literal of CEL in single quotes at the beginning of a text, and what follows it.
fn literal(text: &str) -> Option<(String, &str)> {
    let mut rest = text.strip_prefix('\'')?.chars();
    let mut value = String::new();
    loop {
        match rest.next()? {
            '\'' => return Some((value, rest.as_str())),
            '\n' | '\r' => return None,
            '\\' => {
                let digits = match rest.next()? {
                    'u' => 4,
                    'U' => 8,
                    quoted @ ('\'' | '\\') => {
                        value.push(quoted);
                        continue;
                    }
                    _ => return None,
                };
                let code: String = rest.by_ref().take(digits).collect();
                value.push(char::from_u32(u32::from_str_radix(&code, 16).ok()?)?);
            }
            plain => value.push(plain),
        }
    }
}
