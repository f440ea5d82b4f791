//! Receipts as somebody hands them on: whatever they say, one that no key has signed is none.
#![no_main]

use libfuzzer_sys::fuzz_target;
use logboom::api::receipts::{KIND, ReceiptKeys, SignedReceipt};
use logboom::domain::jws::{Jws, PublicKey};

fuzz_target!(|data: &[u8]| {
    let key = PublicKey::parse("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").expect("it is a key");
    let _any: Result<ReceiptKeys, _> = serde_json::from_slice(data);
    if let Ok(signed) = serde_json::from_slice::<SignedReceipt>(data) {
        assert!(Jws::from(signed).verify(KIND, std::slice::from_ref(&key)).is_err());
    }
    // With the header of a receipt of that key, so that it is the signature that does not hold.
    let (jws, _) = Jws::unsigned(KIND, &key, data);
    assert!(jws.signed(data).verify(KIND, &[key]).is_err());
});
