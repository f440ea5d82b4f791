//! What the permission check promises.

mod exactness;
mod model;
mod redaction;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::authz::permit::{ListObjects, ListTarget, ObjectTarget, Place, ReadObject};
use crate::authz::policies::Source;
use crate::authz::view::ListingView;
use crate::authz::{Authorizer, Context};
use crate::domain::action::ActionName;
use crate::domain::bucket::{Bucket, BucketId, NativeName, Provider};
use crate::domain::credential::CredentialName;
use crate::domain::key::{ObjectKey, Prefix};
use crate::domain::label::LabelOrder;
use crate::domain::principal::{Group, Principal, PrincipalId, Proof};
use crate::domain::time::Timestamp;

const CLEARANCE: &str = include_str!("../../config/policies/00-clearance.cedar");
const OWNERS: &str = include_str!("../../config/policies/10-owners.cedar");

fn authorizer(texts: &[&str]) -> Authorizer {
    let sources: Vec<_> = (0..)
        .zip(texts)
        .map(|(n, text)| Source { name: format!("{n}.cedar"), text: (*text).to_owned() })
        .collect();
    Authorizer::from_sources(&sources).unwrap()
}

fn labels() -> LabelOrder {
    LabelOrder::new(&["public", "internal", "confidential", "restricted"]).unwrap()
}

fn bucket(id: &str, label: &str) -> Arc<Bucket> {
    Arc::new(Bucket {
        id: BucketId::parse(id).unwrap(),
        provider: Provider::Aws,
        native_name: NativeName::parse(id).unwrap(),
        region: None,
        account: None,
        endpoint: None,
        owner: Group::parse("pay-owners").unwrap(),
        label: labels().find(label).unwrap().clone(),
        credential: CredentialName::parse("c").unwrap(),
        vending: None,
        redacted: false,
    })
}

fn person(subject: &str, groups: &[&str], clearance: &str) -> Arc<Principal> {
    Arc::new(Principal {
        id: PrincipalId { issuer: "https://idp.example".to_owned(), subject: subject.to_owned() },
        name: subject.to_owned(),
        groups: groups.iter().map(|group| Group::parse(group).unwrap()).collect::<BTreeSet<_>>(),
        groups_complete: true,
        clearance: labels().find(clearance).unwrap().clone(),
        proof: Proof::Bearer,
        expires_at: Timestamp::from_unix_seconds(2_000_000_000),
    })
}

fn context() -> Context {
    Context { ip: None, now: Timestamp::from_unix_seconds(1_800_000_000) }
}

fn reads(authorizer: &Authorizer, who: &Arc<Principal>, bucket: &Arc<Bucket>, key: &str) -> bool {
    let target = ObjectTarget { bucket: Arc::clone(bucket), key: ObjectKey::parse(key).unwrap() };
    authorizer.decide::<ReadObject, _>(who, target, &context()).is_ok()
}

const TEAM_A: &str = r#"
    @id("team-a-reads")
    permit (principal in Group::"team-a", action in [Action::"ListObjects", Action::"ReadObject"],
            resource in Prefix::"pay/team-a/");
"#;

#[test]
fn a_prefix_ends_where_it_ends() {
    let authorizer = authorizer(&[CLEARANCE, TEAM_A]);
    let (ana, pay) = (person("ana", &["team-a"], "confidential"), bucket("pay", "confidential"));
    assert!(reads(&authorizer, &ana, &pay, "team-a/app.log"));
    assert!(reads(&authorizer, &ana, &pay, "team-a/../team-b/x"), "dots are letters of the key");
    for other in ["team-ab/secret.log", "team-a", "team-b/x", "/team-a/x", "x/team-a/y"] {
        assert!(!reads(&authorizer, &ana, &pay, other), "{other}");
    }
    assert!(!reads(&authorizer, &ana, &bucket("gpay", "public"), "team-a/app.log"));
}

#[test]
fn who_has_nothing_gets_nothing_and_is_told_nothing() {
    let authorizer = authorizer(&[CLEARANCE, OWNERS, TEAM_A]);
    let (eve, pay) = (person("eve", &[], "restricted"), bucket("pay", "public"));
    assert!(!authorizer.sees_bucket(&eve, &pay, &context()));
    let target = ListTarget { bucket: pay, prefix: Prefix::root() };
    let denied = authorizer.decide::<ListObjects, _>(&eve, target, &context()).unwrap_err();
    assert!(!denied.visible && denied.decision.determined_by.is_empty());
}

#[test]
fn clearance_below_the_label_beats_ownership() {
    let authorizer = authorizer(&[CLEARANCE, OWNERS]);
    let owner = person("own", &["pay-owners"], "internal");
    assert!(reads(&authorizer, &owner, &bucket("pay", "internal"), "x"));
    let question = authorizer.question(
        &owner,
        ActionName::ReadObject,
        &bucket("pay", "confidential"),
        Place::Bucket,
        &context(),
    );
    assert!(!question.allowed);
    assert_eq!(question.determined_by, ["clearance-dominates-label"]);
}

#[test]
fn a_policy_that_fails_to_evaluate_is_a_denial() {
    let overflow = "forbid (principal, action, resource) when { context.now * 9223372036854775807 > 0 };";
    let authorizer = authorizer(&[TEAM_A, overflow]);
    let ana = person("ana", &["team-a"], "confidential");
    let target = ObjectTarget { bucket: bucket("pay", "public"), key: ObjectKey::parse("team-a/x").unwrap() };
    let denied = authorizer.decide::<ReadObject, _>(&ana, target, &context()).unwrap_err();
    assert_eq!(denied.decision.errors, ["1.cedar#0"]);
}

#[test]
fn groups_that_did_not_fit_in_the_token_are_not_no_restriction() {
    let forbid = r#"forbid (principal in Group::"contractors", action, resource);"#;
    let mut ana = person("ana", &["team-a"], "confidential");
    Arc::make_mut(&mut ana).groups_complete = false;
    let pay = bucket("pay", "public");
    assert!(reads(&authorizer(&[TEAM_A]), &ana, &pay, "team-a/x"));
    assert!(!reads(&authorizer(&[TEAM_A, forbid]), &ana, &pay, "team-a/x"));
}

#[test]
fn a_listing_shows_what_may_be_listed_and_the_way_down_to_it() {
    let secret = r#"forbid (principal, action, resource in Prefix::"pay/team-a/hr/")
        unless { principal in Group::"hr" };"#;
    let authorizer = authorizer(&[TEAM_A, secret]);
    let (ana, pay) = (person("ana", &["team-a"], "confidential"), bucket("pay", "public"));
    let view = |prefix: &str| {
        let target = ListTarget { bucket: Arc::clone(&pay), prefix: Prefix::parse(prefix).unwrap() };
        authorizer.decide::<ListObjects, _>(&ana, target, &context()).map(|permit| permit.view().clone())
    };
    let root = view("").unwrap();
    assert!(!root.whole());
    assert_eq!(root.scopes(), [Prefix::parse("team-a/").unwrap()]);
    assert!(root.shows_folder(&Prefix::parse("team-a/").unwrap()));
    assert!(!root.shows_folder(&Prefix::parse("team-ab/").unwrap()));
    let own = view("team-a/").unwrap();
    assert!(own.whole());
    assert!(own.shows_key(&ObjectKey::parse("team-a/x").unwrap()));
    assert!(!own.shows_key(&ObjectKey::parse("team-a/hr/pay.csv").unwrap()));
    assert!(!own.shows_folder(&Prefix::parse("team-a/hr/").unwrap()));
    assert!(view("team-b/").unwrap_err().visible);
    assert_eq!(view("team-a").unwrap().scopes().len(), 1);
}

#[test]
fn a_wrong_policy_is_refused_with_its_place() {
    let source = Source {
        name: "bad.cedar".to_owned(),
        text: "permit (principal, action, resource)\nwhen { context.label in [\"restricted\"] };".to_owned(),
    };
    let error = Authorizer::from_sources(&[source]).unwrap_err();
    assert!(error.to_string().contains("bad.cedar:2:"), "{error}");
    for place in [r#"Prefix::"pay/team-a""#, r#"Prefix::"pay""#, r#"Bucket::"PAY""#, r#"Object::"pay/""#] {
        let text = format!("permit (principal, action, resource in {place});");
        let source = Source { name: "x.cedar".to_owned(), text };
        assert!(Authorizer::from_sources(&[source]).is_err(), "{place}");
    }
}

#[test]
fn a_key_that_looks_like_a_policy_is_only_a_key() {
    let authorizer = authorizer(&[TEAM_A]);
    let (eve, pay) = (person("eve", &[], "restricted"), bucket("pay", "public"));
    let key = "x\" }; permit(principal,action,resource); //";
    assert!(!reads(&authorizer, &eve, &pay, key));
    let ana = person("ana", &["team-a"], "public");
    assert!(reads(&authorizer, &ana, &pay, &format!("team-a/{key}")));
}

#[test]
fn a_decision_that_depends_on_the_time_is_made_anew_each_time() {
    let until = r#"permit (principal in Group::"team-a", action, resource in Bucket::"pay")
        when { context.now < 1800000000500 };"#;
    let authorizer = authorizer(&[until]);
    let (ana, pay) = (person("ana", &["team-a"], "public"), bucket("pay", "public"));
    let at = |millis| {
        let context = Context { ip: None, now: Timestamp::from_unix_millis(millis) };
        let key = ObjectKey::parse("x").unwrap();
        authorizer.question(&ana, ActionName::ReadObject, &pay, Place::Object(&key), &context).allowed
    };
    assert!(at(1_800_000_000_000) && at(1_800_000_000_499));
    assert!(!at(1_800_000_000_500) && !at(1_900_000_000_000));
    assert!(at(1_800_000_000_000));
}

#[test]
fn a_remembered_decision_holds_for_its_own_person_bucket_and_action_only() {
    let authorizer = authorizer(&[CLEARANCE, TEAM_A]);
    let (pay, secret) = (bucket("pay", "public"), bucket("pay", "restricted"));
    let ana = person("ana", &["team-a"], "confidential");
    assert!(reads(&authorizer, &ana, &pay, "team-a/x") && reads(&authorizer, &ana, &pay, "team-a/y"));
    assert!(!reads(&authorizer, &ana, &secret, "team-a/x"), "the same id, registered with another label");
    assert!(!reads(&authorizer, &person("ana", &[], "confidential"), &pay, "team-a/x"));
    let key = ObjectKey::parse("team-a/x").unwrap();
    let link = authorizer.question(&ana, ActionName::CreateLink, &pay, Place::Object(&key), &context());
    assert!(!link.allowed);
}
