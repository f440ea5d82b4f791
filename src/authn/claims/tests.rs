//! What a person is made of, for the shapes that identity providers send.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::authn::presets::{PRESETS, Preset};
use crate::domain::label::LabelOrder;

fn mapping(preset: &str) -> ClaimMapping {
    let labels = LabelOrder::new(&["public", "internal", "confidential"]).unwrap();
    let mut mapping = Preset::find(preset).unwrap().mapping(labels.lowest().clone()).unwrap();
    for (theirs, ours) in [("Team A", "team-a"), ("/team/a", "team-a"), ("b", "team-b"), ("c", "team-c")] {
        mapping.group_names.insert(theirs.to_owned(), Group::parse(ours).unwrap());
    }
    for label in labels.iter() {
        mapping.clearance_names.insert(format!("logs-{label}"), label.clone());
    }
    mapping
}

fn person(mapping: &ClaimMapping, claims: &Value) -> Result<Person, InvalidClaims> {
    mapping.person(claims.as_object().unwrap())
}

#[track_caller]
fn groups(mapping: &ClaimMapping, claims: Value, expect: &[&str]) {
    let mut claims = claims;
    claims["sub"] = json!("ana");
    let person = person(mapping, &claims).unwrap();
    assert_eq!(person.groups.iter().map(Group::as_str).collect::<Vec<_>>(), expect, "{claims}");
}

#[test]
fn every_preset_reads() {
    for preset in PRESETS {
        mapping(preset.name);
    }
}

#[test]
fn groups_come_as_a_list_a_text_separated_text_or_objects() {
    let mut mapping = mapping("standard");
    groups(&mapping, json!({"groups": ["Team A", "b", "Everybody"]}), &["team-a", "team-b"]);
    groups(&mapping, json!({"groups": "Team A"}), &["team-a"]);
    groups(&mapping, json!({"groups": "/team/a"}), &["team-a"]);
    groups(&mapping, json!({"groups": "b,c"}), &[]);
    groups(&mapping, json!({"groups": "team a"}), &[]);
    mapping.groups_split = Split::Commas;
    groups(&mapping, json!({"groups": "Team A, b,,c"}), &["team-a", "team-b", "team-c"]);
    mapping.groups_split = Split::Spaces;
    groups(&mapping, json!({"groups": "b c  x"}), &["team-b", "team-c"]);
    mapping.groups_member = Some("name".to_owned());
    groups(&mapping, json!({"groups": [{"name": "b", "id": 1}, "c"]}), &["team-b", "team-c"]);
}

#[test]
fn keycloak_roles_are_found_where_they_are_nested() {
    let mut mapping = mapping("keycloak");
    groups(&mapping, json!({"realm_access": {"roles": ["b"]}, "groups": ["/team/a"]}), &["team-a", "team-b"]);
    mapping.groups.push(ClaimPath::parse("resource_access.\"log.boom\".roles").unwrap());
    groups(&mapping, json!({"resource_access": {"log.boom": {"roles": ["c"]}}}), &["team-c"]);
}

#[test]
fn a_claim_of_another_type_than_its_meaning_refuses_the_token() {
    let mapping = mapping("standard");
    for claims in [
        json!({"sub": "ana", "groups": 5}),
        json!({"sub": "ana", "groups": null}),
        json!({"sub": "ana", "groups": {"a": 1}}),
        json!({"sub": "ana", "groups": ["b", 5]}),
        json!({"sub": "ana", "groups": [["b"]]}),
        json!({"sub": "ana", "name": 5}),
        json!({"sub": 5}),
        json!({"sub": ""}),
        json!({}),
        json!({"sub": "a".repeat(256)}),
        json!({"sub": "a\nb"}),
        json!({"sub": "ana", "hasgroups": "perhaps"}),
        json!({"sub": "ana", "_claim_names": 5}),
    ] {
        assert!(person(&mapping, &claims).is_err(), "{claims}");
    }
}

#[test]
fn an_e_mail_address_or_user_name_makes_nobody_somebody() {
    let claims = json!({"sub": "1", "email": "adm@corp.example", "preferred_username": "admin-1"});
    let person = person(&mapping("standard"), &claims).unwrap();
    assert_eq!((person.subject.as_str(), person.groups.len()), ("1", 0));
}

#[test]
fn a_person_in_500_groups_keeps_the_mapped_ones() {
    let mut names: Vec<_> = (0..500).map(|n| format!("group-{n}")).collect();
    names.push("b".to_owned());
    groups(&mapping("standard"), json!({ "groups": names }), &["team-b"]);
}

#[test]
fn a_missing_groups_claim_is_a_gap_where_the_provider_always_sends_one() {
    let complete = |preset, claims| person(&mapping(preset), &claims).unwrap().groups_complete;
    assert!(!complete("cyberark", json!({"sub": "ana", "given_name": "Ana Lima", "email_verified": "true"})));
    assert!(complete("cyberark", json!({"sub": "ana", "groups": []})));
    assert!(complete("okta", json!({"sub": "ana"})));
    assert!(!complete("entra", json!({"oid": "ana", "hasgroups": true})));
    assert!(complete("entra", json!({"oid": "ana", "_claim_names": {"other": "src1"}})));
    assert!(!complete("entra", json!({"oid": "ana", "_claim_sources": {}})));
}

#[test]
fn the_highest_clearance_counts_and_an_unknown_word_gives_none() {
    let mut mapping = mapping("standard");
    let clearance = |mapping: &ClaimMapping, claim: Value| {
        person(mapping, &json!({"sub": "ana", "level": claim})).unwrap().clearance.to_string()
    };
    assert_eq!(clearance(&mapping, json!("logs-internal")), "public");
    mapping.clearance = Some(ClaimPath::parse("level").unwrap());
    assert_eq!(clearance(&mapping, json!("logs-internal")), "internal");
    assert_eq!(clearance(&mapping, json!(["logs-public", "logs-confidential", "x"])), "confidential");
    assert_eq!(clearance(&mapping, json!("LOGS-INTERNAL")), "public");
}

#[test]
fn a_name_is_shown_without_control_characters_and_not_too_long() {
    let name = person(
        &mapping("standard"),
        &json!({"sub": "ana", "name": format!("A\u{1b}na\n{}", "é".repeat(400))}),
    );
    let name = name.unwrap().name;
    assert!(name.starts_with("Anaé") && name.len() <= 256);
}

proptest! {
    #[test]
    fn only_mapped_groups_are_ever_kept(names in proptest::collection::vec(".{0,8}", 0..20)) {
        let mapping = mapping("standard");
        let person = person(&mapping, &json!({"sub": "ana", "groups": names.clone()})).unwrap();
        let expected: BTreeSet<_> = names.iter().filter_map(|name| mapping.group_names.get(name).cloned()).collect();
        prop_assert_eq!(person.groups, expected);
    }
}
