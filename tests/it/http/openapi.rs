//! The contract.

use logboom::http::openapi;

#[test]
fn the_committed_contract_is_the_one_that_the_code_makes() {
    let made = openapi::document().to_pretty_json().expect("JSON");
    let committed = include_str!("../../../docs/openapi.json");
    assert!(
        made.trim() == committed.trim(),
        "docs/openapi.json is not what the code makes; run `make openapi` and review it"
    );
}
