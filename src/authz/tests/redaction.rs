//! Redacted buckets: what needs `ReadUnredacted` beside its own action.

use std::sync::Arc;

use crate::authz::Authorizer;
use crate::authz::permit::{CreateLink, ObjectTarget, ReadObject, ScopeTarget, VendCredentials};
use crate::authz::tests::{authorizer, bucket, context, person};
use crate::domain::bucket::Bucket;
use crate::domain::key::{ObjectKey, Prefix};
use crate::domain::scope::Scope;

/// Everything but seeing all; of that, one folder.
const POLICIES: &str = r#"
    @id("team-a")
    permit (principal in Group::"team-a",
            action in [Action::"ListObjects", Action::"ReadObject", Action::"CreateLink", Action::"VendCredentials"],
            resource in Bucket::"pay");
    @id("team-a-sees-all-of-one")
    permit (principal in Group::"team-a", action == Action::"ReadUnredacted", resource in Prefix::"pay/open/");
    @id("but-not-there")
    forbid (principal, action == Action::"ReadUnredacted", resource in Prefix::"pay/open/closed/");
"#;

fn vends(authorizer: &Authorizer, bucket: &Arc<Bucket>, prefix: &str) -> bool {
    let scope = Scope::folder(Prefix::parse(prefix).unwrap()).unwrap();
    let target = ScopeTarget { bucket: Arc::clone(bucket), scope };
    authorizer
        .decide::<VendCredentials, _>(&person("ana", &["team-a"], "restricted"), target, &context())
        .is_ok()
}

fn target(bucket: &Arc<Bucket>, key: &str) -> ObjectTarget {
    ObjectTarget { bucket: Arc::clone(bucket), key: ObjectKey::parse(key).unwrap() }
}

#[test]
fn links_and_credentials_of_a_redacted_bucket_need_to_see_all_that_they_open() {
    let authorizer = authorizer(&[POLICIES]);
    let ana = person("ana", &["team-a"], "restricted");
    let plain = bucket("pay", "internal");
    let redacted = Arc::new(Bucket { redacted: true, ..(*plain).clone() });
    let links =
        |bucket, key| authorizer.decide::<CreateLink, _>(&ana, target(bucket, key), &context()).is_ok();
    assert!(links(&plain, "a/x") && !links(&redacted, "a/x") && links(&redacted, "open/x"));
    assert!(vends(&authorizer, &plain, "a/") && vends(&authorizer, &plain, "open/"));
    assert!(!vends(&authorizer, &redacted, "a/"));
    assert!(!vends(&authorizer, &redacted, "open/"), "a folder in it is closed");
    assert!(vends(&authorizer, &redacted, "open/more/"));
    let permit =
        |bucket, key| authorizer.decide::<ReadObject, _>(&ana, target(bucket, key), &context()).unwrap();
    assert!(permit(&plain, "a/x").sees_all() && permit(&redacted, "open/x").sees_all());
    assert!(!permit(&redacted, "a/x").sees_all() && !permit(&redacted, "open/closed/x").sees_all());
}
