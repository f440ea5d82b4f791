//! Session policies: what an assumed role may do at the most, written within the limits of STS.
//!
//! Reading and listing are statements of their own, because one is about objects and the other about the bucket. Sources:
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html> (2,048 characters, U+0020 to U+00FF) and
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html> (`${*}`, `${?}`, `${$}`).

use serde_json::{Map, Value, json};

use crate::domain::key::Prefix;
use crate::domain::time::Timestamp;

/// The most characters of a session policy.
const MAX_CHARS: usize = 2048;

/// A condition operator and what it compares.
type Condition = (&'static str, Value);

/// What all policies of one bucket share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ground<'a> {
    /// `aws`, `aws-us-gov`, ….
    pub(super) partition: &'a str,
    pub(super) bucket: &'a str,
    pub(super) region: &'a str,
    pub(super) kms_key: Option<&'a str>,
    /// When the session ends before the shortest life that STS gives.
    pub(super) until: Option<Timestamp>,
}

/// Why folders have no policy, as a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfit {
    /// A folder's name has a character that STS takes in no policy.
    Character,
    /// One folder alone is too long.
    Length,
}

impl Unfit {
    pub(super) const fn sentence(self) -> &'static str {
        match self {
            Self::Character => "A session policy of AWS cannot hold a character of the prefix",
            Self::Length => "The prefix is too long for a session policy of AWS, which has 2,048 characters",
        }
    }
}

impl Ground<'_> {
    /// Divides folders over as few policies as the length allows, in their order.
    pub(super) fn divide<'f>(&self, folders: &[&'f Prefix]) -> Result<Vec<Vec<&'f Prefix>>, Unfit> {
        let mut parts: Vec<Vec<&Prefix>> = Vec::new();
        for folder in folders {
            if !folder.as_str().chars().all(|letter| matches!(letter, '\u{20}'..='\u{ff}')) {
                return Err(Unfit::Character);
            }
            if let Some(part) = parts.last_mut() {
                part.push(folder);
                if self.fits(part) {
                    continue;
                }
                part.pop();
            }
            if !self.fits(&[folder]) {
                return Err(Unfit::Length);
            }
            parts.push(vec![folder]);
        }
        Ok(parts)
    }

    fn fits(&self, folders: &[&Prefix]) -> bool {
        self.policy(folders).chars().count() <= MAX_CHARS
    }

    /// The policy that reads and lists these folders.
    pub(super) fn policy(&self, folders: &[&Prefix]) -> String {
        let bucket = format!("arn:{}:s3:::{}", self.partition, self.bucket);
        let escaped: Vec<String> = folders.iter().map(|folder| escape(folder.as_str())).collect();
        let objects: Vec<String> = escaped.iter().map(|folder| format!("{bucket}/{folder}*")).collect();
        let prefixes: Vec<String> = escaped.iter().map(|folder| format!("{folder}*")).collect();
        let read = self.statement(("Read", "s3:GetObject"), &json!(objects), None);
        let list = ("StringLike", json!({ "s3:prefix": prefixes }));
        let list = self.statement(("List", "s3:ListBucket"), &json!(bucket), Some(&list));
        let mut statements = vec![read, list];
        if let Some(key) = self.kms_key {
            // S3 asks KMS in the reader's name, and only for objects that the statement above lets through.
            let suffix = if self.partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
            let through =
                ("StringEquals", json!({ "kms:ViaService": format!("s3.{}.{suffix}", self.region) }));
            statements.push(self.statement(("Decrypt", "kms:Decrypt"), &json!(key), Some(&through)));
        }
        json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
    }

    /// One statement, with the end of a short session among its conditions.
    fn statement(
        &self,
        (sid, action): (&str, &str),
        resource: &Value,
        condition: Option<&Condition>,
    ) -> Value {
        let end = self.until.map(|until| ("DateLessThan", json!({ "aws:CurrentTime": until.to_string() })));
        let conditions: Map<String, Value> = condition
            .into_iter()
            .chain(&end)
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        let mut statement = json!({ "Sid": sid, "Effect": "Allow", "Action": action, "Resource": resource });
        if let Some(statement) = statement.as_object_mut().filter(|_| !conditions.is_empty()) {
            statement.insert("Condition".to_owned(), Value::Object(conditions));
        }
        statement
    }
}

/// Letters that IAM would read as wildcards or variables, as themselves.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '*' | '?' | '$' => escaped.extend(['$', '{', letter, '}']),
            _ => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GROUND: Ground<'_> =
        Ground { partition: "aws", bucket: "pay", region: "eu-central-1", kms_key: None, until: None };

    fn prefix(text: &str) -> Prefix {
        Prefix::parse(text).unwrap()
    }

    /// IAM's matching of a resource: `*` is anything, `?` one letter, `${x}` the letter x.
    fn matches(pattern: &[char], text: &[char]) -> bool {
        match pattern {
            [] => text.is_empty(),
            ['$', '{', letter, '}', rest @ ..] => {
                text.split_first().is_some_and(|(first, more)| first == letter && matches(rest, more))
            }
            ['*', rest @ ..] => (0..=text.len()).any(|skip| matches(rest, &text[skip..])),
            ['?', rest @ ..] => text.split_first().is_some_and(|(_, more)| matches(rest, more)),
            [letter, rest @ ..] => {
                text.split_first().is_some_and(|(first, more)| first == letter && matches(rest, more))
            }
        }
    }

    /// Whether the policy lets its holder read the object and list the prefix.
    fn lets(policy: &str, text: &str) -> (bool, bool) {
        let policy: Value = serde_json::from_str(policy).unwrap();
        let any = |patterns: &Value, text: &str| {
            let text: Vec<char> = text.chars().collect();
            patterns
                .as_array()
                .unwrap()
                .iter()
                .any(|pattern| matches(&pattern.as_str().unwrap().chars().collect::<Vec<_>>(), &text))
        };
        let [read, list] = policy["Statement"].as_array().unwrap().as_slice() else { panic!("two") };
        let read = any(&read["Resource"], &format!("arn:aws:s3:::pay/{text}"));
        (read, any(&list["Condition"]["StringLike"]["s3:prefix"], text))
    }

    #[test]
    fn reading_and_listing_are_split_and_reach_the_folder_alone() {
        let folder = prefix("a/");
        let policy: Value = serde_json::from_str(&GROUND.policy(&[&folder])).unwrap();
        let read = json!({
            "Sid": "Read", "Effect": "Allow", "Action": "s3:GetObject", "Resource": ["arn:aws:s3:::pay/a/*"],
        });
        let list = json!({
            "Sid": "List", "Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::pay",
            "Condition": { "StringLike": { "s3:prefix": ["a/*"] } },
        });
        assert_eq!(policy, json!({ "Version": "2012-10-17", "Statement": [read, list] }));
    }

    #[test]
    fn a_short_life_and_an_encrypted_bucket_are_conditions_and_a_statement() {
        let ground = Ground {
            partition: "aws-cn",
            region: "cn-north-1",
            kms_key: Some("arn:aws-cn:kms:cn-north-1:123456789012:key/k"),
            until: Some(Timestamp::from_unix_seconds(1_790_000_000)),
            ..GROUND
        };
        let folder = prefix("a/");
        let policy: Value = serde_json::from_str(&ground.policy(&[&folder])).unwrap();
        let statements = policy["Statement"].as_array().unwrap();
        assert_eq!(statements.len(), 3);
        for statement in statements {
            let end = statement["Condition"]["DateLessThan"]["aws:CurrentTime"].as_str().unwrap();
            assert!(end.starts_with("2026-09-21T") && end.ends_with('Z'), "{end}");
        }
        let through = &statements[2]["Condition"]["StringEquals"]["kms:ViaService"];
        assert_eq!(through, "s3.cn-north-1.amazonaws.com.cn");
        assert_eq!(statements[1]["Resource"], "arn:aws-cn:s3:::pay");
    }

    #[test]
    fn what_is_too_long_is_divided_and_what_cannot_be_written_is_said() {
        let many: Vec<Prefix> = (0..60).map(|number| prefix(&format!("team-{number:03}/service/"))).collect();
        let many: Vec<&Prefix> = many.iter().collect();
        let parts = GROUND.divide(&many).unwrap();
        assert!((2..8).contains(&parts.len()), "{}", parts.len());
        assert!(parts.iter().all(|part| GROUND.policy(part).len() <= MAX_CHARS));
        assert_eq!(parts.concat(), many);
        assert_eq!(GROUND.divide(&[&prefix("日/")]), Err(Unfit::Character));
        assert_eq!(GROUND.divide(&[&prefix("a\u{7}/")]), Err(Unfit::Character));
        assert_eq!(GROUND.divide(&[&prefix(&format!("{}/", "x".repeat(1500)))]), Err(Unfit::Length));
    }

    proptest! {
        #[test]
        fn a_policy_reaches_exactly_what_begins_with_the_folder(
            folder in r#"[ab*?${}"\\é]{1,6}/"#, key in r#"[ab*?${}"\\é/]{0,9}"#, inside in any::<bool>(),
        ) {
            let key = if inside { format!("{folder}{key}") } else { key };
            let policy = GROUND.policy(&[&prefix(&folder)]);
            let reached = key.starts_with(&folder);
            prop_assert_eq!(lets(&policy, &key), (reached, reached), "{}", policy);
        }
    }
}
