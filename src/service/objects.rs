//! Listing and reading objects.

use std::num::NonZeroU16;

use crate::authz::permit::{ListObjects, ListTarget, ObjectTarget, Permit, ReadObject};
use crate::authz::view::ListingView;
use crate::domain::key::{Delimiter, ObjectKey, Prefix};
use crate::domain::object::ObjectMeta;
use crate::provider::{Cursor, GetOptions, ListOptions, Listing, Opened, Store, StoreError};
use crate::service::page_token::Position;
use crate::service::stores::Stores;

/// What to list, beside what the permit says.
#[derive(Debug, Clone)]
pub struct ListAsk {
    /// Fold below the next `/`.
    pub delimiter: Option<Delimiter>,
    /// At most this many entries.
    pub limit: NonZeroU16,
    /// Where to go on.
    pub position: Option<Position>,
}

/// One page, and where it ended.
#[derive(Debug, Default)]
pub struct Page {
    /// Folded prefixes.
    pub prefixes: Vec<Prefix>,
    /// Objects.
    pub objects: Vec<ObjectMeta>,
    /// Scope and cursor of the next page.
    pub next: Option<(Option<String>, Option<String>)>,
}

/// Lists one page of what the permit shows.
pub async fn list(
    stores: &Stores,
    permit: &Permit<ListObjects, ListTarget>,
    ask: &ListAsk,
) -> Result<Page, StoreError> {
    let target = permit.resource();
    let view = permit.view();
    if view.whole() {
        let store = stores.open(&permit.resource().bucket);
        let cursor = ask.position.as_ref().and_then(|position| position.cursor.clone());
        let listing = list_page(&store, &target.prefix, ask.delimiter, ask.limit, cursor).await?;
        let next = listing.next.clone().map(|cursor| (None, Some(cursor.0)));
        return Ok(shown(view, listing, next));
    }
    if ask.delimiter.is_some() {
        return Ok(way_down(&target.prefix, view.scopes()));
    }
    list_scopes(stores, permit, ask).await
}

/// Reads an object's metadata.
pub async fn head(
    stores: &Stores,
    permit: &Permit<ReadObject, ObjectTarget>,
) -> Result<ObjectMeta, StoreError> {
    let target = permit.resource();
    let store = stores.open(&target.bucket);
    store.head(&target.key).await
}

/// Opens an object.
pub async fn open(
    stores: &Stores,
    permit: &Permit<ReadObject, ObjectTarget>,
    options: &GetOptions,
) -> Result<Opened, StoreError> {
    let target = permit.resource();
    let store = stores.open(&target.bucket);
    store.get(&target.key, options).await
}

async fn list_page(
    store: &Store,
    prefix: &Prefix,
    delimiter: Option<Delimiter>,
    limit: NonZeroU16,
    cursor: Option<String>,
) -> Result<Listing, StoreError> {
    let options = ListOptions { prefix: prefix.clone(), delimiter, limit, cursor: cursor.map(Cursor) };
    store.list(&options).await
}

/// Leaves out what narrower policies withhold. The page may end up shorter than asked for.
fn shown(view: &ListingView, listing: Listing, next: Option<(Option<String>, Option<String>)>) -> Page {
    let key_shown = |key: &ObjectKey| view.shows_key(key);
    Page {
        prefixes: listing.prefixes.into_iter().filter(|folder| view.shows_folder(folder)).collect(),
        objects: listing.objects.into_iter().filter(|object| key_shown(&object.key)).collect(),
        next,
    }
}

/// The folders that lead from a prefix, which the person may not list, down to those that they may.
fn way_down(prefix: &Prefix, scopes: &[Prefix]) -> Page {
    let start = prefix.as_str().len();
    let mut prefixes: Vec<Prefix> = Vec::new();
    for scope in scopes {
        let below = scope.as_str().get(start..).unwrap_or_default();
        let end =
            below.find('/').map_or(scope.as_str().len(), |at| start.saturating_add(at).saturating_add(1));
        let step = scope.as_str().get(..end).and_then(|text| Prefix::parse(text).ok());
        if let Some(step) = step
            && prefixes.last() != Some(&step)
        {
            prefixes.push(step);
        }
    }
    Page { prefixes, ..Page::default() }
}

/// A flat listing, scope after scope, in key order.
async fn list_scopes(
    stores: &Stores,
    permit: &Permit<ListObjects, ListTarget>,
    ask: &ListAsk,
) -> Result<Page, StoreError> {
    let view = permit.view();
    let (current, cursor) = match &ask.position {
        Some(position) => (position.scope.clone().unwrap_or_default(), position.cursor.clone()),
        None => (String::new(), None),
    };
    // The scopes are those of today: one that was withdrawn since the page before is passed over.
    let mut rest = view.scopes().iter().skip_while(|scope| scope.as_str() < current.as_str());
    let Some(scope) = rest.next() else { return Ok(Page::default()) };
    let cursor = if scope.as_str() == current { cursor } else { None };
    let store = stores.open(&permit.resource().bucket);
    let listing = list_page(&store, scope, None, ask.limit, cursor).await?;
    let next = match &listing.next {
        Some(cursor) => Some((Some(scope.as_str().to_owned()), Some(cursor.0.clone()))),
        None => rest.next().map(|following| (Some(following.as_str().to_owned()), None)),
    };
    Ok(shown(view, listing, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(prefix: &str, scopes: &[&str]) -> Vec<String> {
        let scopes: Vec<_> = scopes.iter().map(|scope| Prefix::parse(scope).unwrap()).collect();
        let page = way_down(&Prefix::parse(prefix).unwrap(), &scopes);
        page.prefixes.iter().map(|step| step.as_str().to_owned()).collect()
    }

    #[test]
    fn the_way_down_shows_one_step_of_each_scope() {
        assert_eq!(steps("", &["a/x/", "a/y/", "team-a/"]), ["a/", "team-a/"]);
        assert_eq!(steps("a/", &["a/x/", "a/y/z/"]), ["a/x/", "a/y/"]);
        assert_eq!(steps("team-a", &["team-a/"]), ["team-a/"]);
    }
}
