//! What is tried with vended keys, as S3 is asked for it, and what its answers mean.

use logboom::domain::bucket::NativeName;
use logboom::domain::credential::Credential;
use logboom::domain::key::Prefix;
use logboom::domain::secret::Secret;
use logboom::domain::time::{Clock, SystemClock};
use logboom::domain::vending::{AwsRole, RoleArn};
use logboom::provider::StoreErrorKind;
use logboom::provider::aws::S3;
use logboom::provider::vend::{Attempt, Reach, VendCredentials, Vended, VendedSecret};

use crate::contract::store::kind;
use crate::harness::recorder::Recorder;
use crate::providers::aws::{bucket, key, options};

async fn vendor(recorder: &Recorder) -> Box<dyn VendCredentials> {
    let own = Credential::AwsKeys {
        access_key_id: "AKIAOWN".to_owned(),
        secret_access_key: Secret::new("SECRET-own".to_owned()),
        session_token: None,
    };
    let role = AwsRole {
        arn: RoleArn::parse("arn:aws:iam::123456789012:role/vend").unwrap(),
        external_id: None,
        kms_key: None,
        sts_endpoint: None,
    };
    let place = bucket("logs", Some(&format!("http://{}", recorder.addr())));
    S3::new(&options()).unwrap().vendor(&place, &role, &own).await.unwrap()
}

fn vended() -> Vended {
    Vended {
        folders: vec![Prefix::parse("a/").unwrap()],
        secret: VendedSecret::AwsKeys {
            access_key_id: "ASIAVENDED".to_owned(),
            secret_access_key: Secret::new("SECRET-vended".to_owned()),
            session_token: Secret::new("SECRET-session".to_owned()),
        },
        expires_at: SystemClock.now(),
    }
}

#[tokio::test]
async fn an_attempt_is_made_with_the_vended_keys_and_its_answer_is_told() {
    for (status, told) in [
        ("403 Forbidden", Some(Reach::Refused)),
        ("200 OK", Some(Reach::Allowed)),
        ("404 Not Found", Some(Reach::Allowed)),
        ("411 Length Required", None),
        ("503 Slow Down", None),
    ] {
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        let recorder = Recorder::http(move |_| answer.clone().into()).await;
        let vendor = vendor(&recorder).await;
        for (attempt, line) in [
            (Attempt::Read(key("a_b/k")), "GET /logs/a_b/k "),
            (
                Attempt::List(Prefix::parse("a_b/").unwrap()),
                "GET /logs/?list-type=2&max-keys=1&prefix=a_b%2F ",
            ),
            (Attempt::List(Prefix::root()), "GET /logs/?list-type=2&max-keys=1 "),
            (Attempt::Write(key("a/k")), "PUT /logs/a/k "),
            (
                Attempt::OtherBucket(NativeName::parse("other").unwrap()),
                "GET /other/?list-type=2&max-keys=1 ",
            ),
        ] {
            let reach = vendor.attempt(&vended(), &attempt).await;
            let sent = recorder.requests().pop().unwrap();
            assert!(sent.starts_with(line), "{sent}");
            assert!(sent.contains("ASIAVENDED") && sent.contains("SECRET-session"), "{sent}");
            let is_write = matches!(attempt, Attempt::Write(_));
            assert_eq!(
                sent.to_lowercase().contains("content-length: 0"),
                is_write,
                "S3 asks for a length: {sent}"
            );
            match told {
                Some(told) => assert_eq!(reach.unwrap(), told, "{status}"),
                None => assert_eq!(kind(reach), StoreErrorKind::Unexpected, "{status}"),
            }
        }
    }
}
