//! The permission check against a model of it: a few lines without Cedar, on random policies, keys and prefixes.

use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// Which places a policy is about; paths are within the bucket, the empty one is the bucket itself.
#[derive(Debug, Clone)]
enum Scope {
    In(String),
    Itself(String),
    Object(String),
    AllFolders,
    AllObjects,
}

#[derive(Debug, Clone)]
struct Rule {
    permits: bool,
    scope: Scope,
    /// Only for this action; for all when absent.
    action: Option<ActionName>,
    /// Only for who is in this group.
    group: Option<&'static str>,
}

impl Rule {
    fn text(&self) -> String {
        let place = |path: &str| match path {
            "" => r#"Bucket::"pay""#.to_owned(),
            path => format!("Prefix::\"pay/{path}\""),
        };
        let resource = match &self.scope {
            Scope::In(path) => format!("resource in {}", place(path)),
            Scope::Itself(path) => format!("resource == {}", place(path)),
            Scope::Object(key) => format!("resource == Object::\"pay/{key}\""),
            Scope::AllFolders => "resource is Prefix".to_owned(),
            Scope::AllObjects => "resource is Object".to_owned(),
        };
        let effect = if self.permits { "permit" } else { "forbid" };
        let who =
            self.group.map_or("principal".to_owned(), |group| format!("principal in Group::\"{group}\""));
        let action =
            self.action.map_or("action".to_owned(), |action| format!("action == Action::\"{action}\""));
        format!("{effect} ({who}, {action}, {resource});\n")
    }

    /// Whether the strict check takes the rule: nobody lists an object.
    fn can_apply(&self) -> bool {
        let of_objects = matches!(self.scope, Scope::Object(_) | Scope::AllObjects);
        !(of_objects && self.action == Some(ActionName::ListObjects))
    }

    fn concerns(&self, groups: &[&str], action: ActionName, place: &Spot<'_>) -> bool {
        let here = match (&self.scope, place) {
            (Scope::In(folder), Spot::Folder(path) | Spot::Object(path)) => path.starts_with(folder),
            (Scope::Itself(folder), Spot::Folder(path)) => folder == path,
            (Scope::Object(key), Spot::Object(path)) => key == path,
            (Scope::AllFolders, Spot::Folder(path)) => !path.is_empty(),
            (Scope::AllObjects, Spot::Object(_)) => true,
            _ => false,
        };
        here && self.action.is_none_or(|only| only == action)
            && self.group.is_none_or(|group| groups.contains(&group))
    }
}

enum Spot<'a> {
    Folder(&'a str),
    Object(&'a str),
}

struct Model<'a> {
    rules: &'a [Rule],
    groups: &'a [&'a str],
}

impl Model<'_> {
    fn allows(&self, action: ActionName, place: &Spot<'_>) -> bool {
        let about = |permits| {
            self.rules.iter().any(|r| r.permits == permits && r.concerns(self.groups, action, place))
        };
        about(true) && !about(false)
    }

    fn lists(&self, folder: &str) -> bool {
        self.allows(ActionName::ListObjects, &Spot::Folder(folder))
    }

    fn shows_key(&self, key: &str) -> bool {
        self.lists(folder_of(key))
    }

    /// Whether the folder, or some folder below the text, may be listed: of those that rules name and others.
    fn leads_somewhere(&self, text: &str, folders: &[String]) -> bool {
        let others = folders.iter().map(|folder| format!("{folder}nobody names this/"));
        folders.iter().cloned().chain(others).any(|place| place.starts_with(text) && self.lists(&place))
    }
}

fn folder_of(text: &str) -> &str {
    text.rfind('/').map_or("", |slash| text.get(..=slash).unwrap())
}

fn path() -> impl Strategy<Value = String> {
    let segment = select(vec!["team-a", "team-ab", "..", "", "日本", "_", "a"]);
    prop::collection::vec(segment, 1..4).prop_map(|segments| segments.join("/"))
}

fn folder() -> impl Strategy<Value = String> {
    prop_oneof![4 => path().prop_map(|path| path + "/"), 1 => Just(String::new())]
}

fn key() -> impl Strategy<Value = String> {
    path().prop_filter("a key has a byte", |key| !key.is_empty())
}

fn rule() -> impl Strategy<Value = Rule> {
    let scope = prop_oneof![
        6 => folder().prop_map(Scope::In),
        2 => folder().prop_map(Scope::Itself),
        2 => key().prop_map(Scope::Object),
        1 => Just(Scope::AllFolders),
        1 => Just(Scope::AllObjects),
    ];
    let action = prop_oneof![Just(None), select(ActionName::ALL.to_vec()).prop_map(Some)];
    let group = prop_oneof![2 => Just(None), 1 => Just(Some("team-a")), 1 => Just(Some("team-b"))];
    (prop::bool::weighted(0.7), scope, action, group)
        .prop_map(|(permits, scope, action, group)| Rule { permits, scope, action, group })
        .prop_filter("it can apply", Rule::can_apply)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_engine_and_the_model_agree(
        rules in prop::collection::vec(rule(), 0..6),
        groups in select(vec![vec![], vec!["team-a"], vec!["team-a", "team-b"]]),
        keys in prop::collection::vec(key(), 1..8),
        prefixes in prop::collection::vec(prop_oneof![path(), folder()], 1..4),
    ) {
        let authorizer = authorizer(&[&rules.iter().map(Rule::text).collect::<String>()]);
        let (who, pay) = (person("ana", &groups, "restricted"), bucket("pay", "public"));
        let model = Model { rules: &rules, groups: &groups };
        for (key, action) in keys.iter().flat_map(|key| [(key, ActionName::ReadObject), (key, ActionName::CreateLink)]) {
            let target = ObjectKey::parse(key).unwrap();
            let said = authorizer.question(&who, action, &pay, Place::Object(&target), &context()).allowed;
            prop_assert_eq!(said, model.allows(action, &Spot::Object(key)), "{} {}", action, key);
        }
        let mut folders: Vec<String> = rules.iter().filter_map(|rule| match &rule.scope {
            Scope::In(folder) | Scope::Itself(folder) => Some(folder.clone()),
            _ => None,
        }).collect();
        folders.extend(prefixes.iter().map(|prefix| folder_of(prefix).to_owned()));
        folders.push(String::new());
        for prefix in &prefixes {
            let target = ListTarget { bucket: Arc::clone(&pay), prefix: Prefix::parse(prefix).unwrap() };
            let permit = authorizer.decide::<ListObjects, _>(&who, target, &context());
            let view = permit.map(|permit| permit.view().clone()).unwrap_or_default();
            for key in keys.iter().filter(|key| key.starts_with(prefix.as_str())) {
                let shown = view.shows_key(&ObjectKey::parse(key).unwrap());
                prop_assert_eq!(shown, model.shows_key(key), "key {} below {}", key, prefix);
                let in_scope = view.whole() || view.scopes().iter().any(|scope| scope.covers(key));
                prop_assert!(!shown || in_scope, "{} is found", key);
                for (slash, _) in key.match_indices('/').filter(|(slash, _)| *slash >= prefix.len()) {
                    let folder = key.get(..=slash).unwrap();
                    let named: Vec<_> = folders.iter().cloned().chain([folder.to_owned()]).collect();
                    let shown = view.shows_folder(&Prefix::parse(folder).unwrap());
                    prop_assert_eq!(shown, model.leads_somewhere(folder, &named), "{} below {}", folder, prefix);
                }
            }
        }
    }
}
