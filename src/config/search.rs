//! `[search]`: how far one search may go, and how much of the machine all of them together may use.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::available_parallelism;

use crate::config::reader::Section;
use crate::logs::decode;
use crate::logs::filter::FilterLimits;
use crate::logs::plan::PlanLimits;
use crate::logs::read;
use crate::logs::threads::Threads;
use crate::service::search::SearchLimits;

/// A filter is a line that a person writes.
const FILTER: FilterLimits =
    FilterLimits { text_bytes: 4096, terms: 64, depth: 16, regex_bytes: 1024 * 1024 };

/// Pieces of an object that may be ahead of the merge: one that is told, and one that comes next.
const PIECES_AHEAD: usize = 2;

/// Reads `[search]`.
pub fn limits(root: &mut Section, decode: Option<decode::Limits>) -> Option<SearchLimits> {
    let mut section = root.section("search");
    let scopes = section.required("max_scopes");
    let list_calls = section.required("max_list_calls");
    let objects = section.required("max_objects");
    let bytes = section.required("max_bytes");
    let wall_time = section.required("max_time");
    let record_bytes = section.required("max_record_bytes");
    let context_lines = section.required("max_context_lines");
    let receipt_objects = section.required("max_receipt_objects");
    let held_bytes = section.required("max_held_bytes");
    let disorder = section.required("disorder");
    let connections = section.required("connections");
    let objects_ahead = section.required("objects_ahead");
    let open_objects = section.required("open_objects");
    let pieces_unordered = section.required("pieces_unordered");
    let threads = section.optional::<usize>("threads");
    let follow_every = section.required("follow_interval");
    let follow_time = section.required("follow_max_time");
    section.close();
    let of_machine = || available_parallelism().map_or(1, NonZeroUsize::get);
    let threads = threads?.filter(|threads| *threads > 0).unwrap_or_else(of_machine);
    Some(SearchLimits {
        scopes: scopes?,
        filter: FILTER,
        plan: PlanLimits { list_calls: list_calls?, objects: objects?, bytes: bytes? },
        read: read::Limits {
            connections: connections?,
            objects_ahead: objects_ahead?,
            open_objects: open_objects?,
            pieces_ahead: PIECES_AHEAD,
            pieces_unordered: pieces_unordered?,
            wall_time: wall_time?,
        },
        decode: decode?,
        record_bytes: record_bytes?,
        held_bytes: held_bytes?,
        disorder: disorder?,
        follow_every: follow_every?,
        follow_time: follow_time?,
        context_lines: context_lines?,
        receipt_objects: receipt_objects?,
        threads: Arc::new(Threads::new(threads)),
    })
}
