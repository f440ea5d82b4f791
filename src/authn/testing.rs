//! Keys, tokens and a clock for the tests of this room.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use crate::authn::discovery::{Discovery, IssuerAddress};
use crate::authn::fetch::{Fetch, FetchLimits};
use crate::authn::key_set::KeySet;
use crate::authn::keys::{Issuer, KeyLimits, Snapshot};
use crate::domain::time::{Clock, Timestamp};

/// The issuer in these tests. The port answers nobody.
pub const ISSUER: &str = "http://127.0.0.1:9/app/";

/// A clock that tests move.
#[derive(Debug)]
pub struct TestClock(AtomicI64);

impl TestClock {
    pub fn start() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(1_800_000_000_000)))
    }

    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }

    pub fn seconds(&self) -> i64 {
        self.now().unix_seconds()
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(self.0.load(Ordering::SeqCst))
    }
}

/// A key pair of the identity provider.
pub struct TestKey {
    encoding: EncodingKey,
    pub algorithm: Algorithm,
    pub jwk: Value,
    pub kid: String,
}

impl TestKey {
    pub fn ec(kid: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let encoding = EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref());
        let point = pair.public_key().as_ref();
        let (x, y) = (BASE64.encode(&point[1..33]), BASE64.encode(&point[33..]));
        let jwk = json!({"kty": "EC", "crv": "P-256", "kid": kid, "x": x, "y": y});
        Self { encoding, algorithm: Algorithm::ES256, jwk, kid: kid.to_owned() }
    }

    pub fn rsa(kid: &str) -> Self {
        static PAIR: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::generate(KeySize::Rsa2048).unwrap());
        let der = PAIR.as_der().unwrap();
        let public = PAIR.public_key();
        let n = BASE64.encode(public.modulus().big_endian_without_leading_zero());
        let e = BASE64.encode(public.exponent().big_endian_without_leading_zero());
        let jwk = json!({"kty": "RSA", "use": "sig", "kid": kid, "n": n, "e": e});
        let encoding = EncodingKey::from_rsa_der(pkcs1(der.as_ref()));
        Self { encoding, algorithm: Algorithm::RS256, jwk, kid: kid.to_owned() }
    }

    /// Signs any header and claims.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
        let signature =
            jsonwebtoken::crypto::sign(signed.as_bytes(), &self.encoding, self.algorithm).unwrap();
        format!("{signed}.{signature}")
    }

    pub fn header(&self) -> Value {
        json!({"alg": format!("{:?}", self.algorithm), "kid": self.kid, "typ": "at+jwt"})
    }
}

/// The PKCS#1 key inside a PKCS#8 document: what stands in its last OCTET STRING.
fn pkcs1(pkcs8: &[u8]) -> &[u8] {
    &pkcs8[26..]
}

/// An issuer whose keys are these, without any call.
pub fn issuer(clock: &Arc<TestClock>, keys: &[&TestKey]) -> Arc<Issuer> {
    let fetch = Fetch::new(FetchLimits {
        timeout: Duration::from_secs(1),
        max_bytes: 65_536,
        allow_loopback_http: true,
    });
    let address =
        IssuerAddress { issuer: ISSUER.to_owned(), endpoint_hosts: Vec::new(), allow_loopback_http: true };
    let limits = KeyLimits { max_age: Duration::from_mins(15), refetch_interval: Duration::from_secs(10) };
    let issuer = Arc::new(Issuer::new(address, limits, fetch.unwrap(), Arc::clone(clock) as Arc<dyn Clock>));
    publish(&issuer, clock, keys);
    issuer
}

/// Replaces what the issuer publishes.
pub fn publish(issuer: &Issuer, clock: &TestClock, keys: &[&TestKey]) {
    let jwks = json!({"keys": keys.iter().map(|key| key.jwk.clone()).collect::<Vec<_>>()});
    let discovery: Discovery =
        serde_json::from_value(json!({"issuer": ISSUER, "jwks_uri": "http://127.0.0.1:9/jwks"})).unwrap();
    let keys = KeySet::parse(jwks.to_string().as_bytes()).unwrap();
    issuer.seed(Snapshot { discovery, keys, read_at: clock.now() });
}

/// Changes members of an object; `null` in `changes` stays null, the word "absent" removes the member.
pub fn with(mut object: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().unwrap().clone() {
        if value == "absent" {
            object.as_object_mut().unwrap().remove(&name);
        } else {
            object[name] = value;
        }
    }
    object
}
