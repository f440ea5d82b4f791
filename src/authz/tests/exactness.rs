//! Policies that tell a folder from what lies in it, and places that no policy names.

use super::*;

fn list(authorizer: &Authorizer, who: &Arc<Principal>, prefix: &str) -> Option<ListingView> {
    let target = ListTarget { bucket: bucket("pay", "public"), prefix: Prefix::parse(prefix).unwrap() };
    let permit = authorizer.decide::<ListObjects, _>(who, target, &context()).ok()?;
    assert!(permit.decision().allowed && !permit.decision().determined_by.is_empty(), "a permit says why");
    Some(permit.view().clone())
}

fn shows_key(view: &ListingView, key: &str) -> bool {
    view.shows_key(&ObjectKey::parse(key).unwrap())
}

fn shows_folder(view: &ListingView, folder: &str) -> bool {
    view.shows_folder(&Prefix::parse(folder).unwrap())
}

#[test]
fn a_permit_on_one_folder_itself_shows_its_keys_and_no_deeper_ones() {
    let authorizer = authorizer(&[r#"permit (principal, action, resource == Prefix::"pay/a/");"#]);
    let ana = person("ana", &[], "public");
    for prefix in ["", "a/", "a"] {
        let view = list(&authorizer, &ana, prefix).unwrap();
        assert!(shows_folder(&view, "a/") && shows_key(&view, "a/x"), "{prefix}");
        assert!(!shows_folder(&view, "a/b/") && !shows_key(&view, "a/b/x"), "{prefix}");
    }
    assert!(list(&authorizer, &ana, "a/b/").is_none());
}

#[test]
fn a_permit_on_the_bucket_itself_shows_the_keys_at_its_top_and_no_deeper_ones() {
    let authorizer = authorizer(&[r#"permit (principal, action, resource == Bucket::"pay");"#]);
    let ana = person("ana", &[], "public");
    let view = list(&authorizer, &ana, "").unwrap();
    assert!(shows_key(&view, "x"));
    assert!(!shows_folder(&view, "a/") && !shows_key(&view, "a/x"));
    assert!(list(&authorizer, &ana, "a/").is_none());
}

#[test]
fn a_permit_on_folders_alone_shows_them_and_not_the_keys_beside_them() {
    let text = r#"permit (principal, action == Action::"ListObjects", resource is Prefix in Bucket::"pay");"#;
    let (authorizer, ana) = (authorizer(&[text]), person("ana", &[], "public"));
    let view = list(&authorizer, &ana, "").unwrap();
    assert!(shows_folder(&view, "a/") && shows_key(&view, "a/x"));
    assert!(!shows_key(&view, "x"));
}

#[test]
fn a_permit_on_objects_alone_lets_the_bucket_be_known() {
    let text = r#"permit (principal, action == Action::"ReadObject", resource is Object in Bucket::"pay");"#;
    let (authorizer, ana) = (authorizer(&[text]), person("ana", &[], "public"));
    let pay = bucket("pay", "public");
    assert!(reads(&authorizer, &ana, &pay, "a/x"));
    assert_eq!(authorizer.bucket_actions(&ana, &pay, &context()), [ActionName::ReadObject]);
}

#[test]
fn a_forbidden_folder_shows_only_as_the_way_down_to_a_permitted_place() {
    let text = r#"
        permit (principal, action, resource in Bucket::"pay");
        forbid (principal, action, resource in Prefix::"pay/a/") unless { resource in Prefix::"pay/a/b/c/" };"#;
    let (authorizer, ana) = (authorizer(&[text]), person("ana", &[], "public"));
    let view = list(&authorizer, &ana, "").unwrap();
    for way in ["a/", "a/b/", "a/b/c/", "a/b/c/d/"] {
        assert!(shows_folder(&view, way), "{way}");
    }
    assert!(!shows_folder(&view, "a/x/") && !shows_key(&view, "a/b/x") && shows_key(&view, "a/b/c/x"));
    assert_eq!(list(&authorizer, &ana, "a/").unwrap().scopes(), [Prefix::parse("a/b/c/").unwrap()]);
}

#[test]
fn every_forbid_that_asks_for_groups_stops_who_has_not_all_of_theirs() {
    let pay = bucket("pay", "public");
    let mut ana = person("ana", &[], "public");
    Arc::make_mut(&mut ana).groups_complete = false;
    let permit = "permit (principal, action, resource);";
    for forbid in [
        r#"forbid (principal in Group::"contractors", action, resource);"#,
        r#"forbid (principal, action, resource) when { principal in Group::"contractors" };"#,
        r#"forbid (principal, action, resource) when { principal in [Group::"a", Group::"b"] };"#,
        "forbid (principal, action, resource) when { principal in resource.owner };",
        "forbid (principal, action, resource) when { principal is User in resource.owner };",
        "forbid (principal, action, resource) when { if context.now > 5 then principal in resource.owner else false };",
    ] {
        assert!(!reads(&authorizer(&[permit, forbid]), &ana, &pay, "x"), "{forbid}");
    }
    for harmless in [
        "forbid (principal, action, resource) unless { principal.clearance >= resource.label };",
        r#"forbid (principal, action, resource) when { resource in Prefix::"pay/hr/" };"#,
    ] {
        assert!(reads(&authorizer(&[permit, harmless]), &ana, &pay, "x"), "{harmless}");
    }
}

#[test]
fn a_policy_that_can_never_apply_is_refused() {
    for text in [
        r#"permit (principal, action == Action::"ListObjects", resource == Object::"pay/x");"#,
        "forbid (principal, action, resource) when { principal.clearance > 1 && false };",
    ] {
        let source = Source { name: "x.cedar".to_owned(), text: text.to_owned() };
        assert!(Authorizer::from_sources(&[source]).is_err(), "{text}");
    }
}
