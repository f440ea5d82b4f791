//! Workload identity: no Vault, and no secret anywhere.

use crate::doubles::tokens::Tokens;
use crate::harness::fake_gcs::fake_gcs;
use crate::harness::four;
use crate::vault::file;
use crate::vault::lent::{TIMES, bucket, buckets, credential, serves, start};

const AUDIENCE: &str = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/a";

#[tokio::test]
async fn a_token_of_the_platform_opens_a_container_and_a_bucket_without_any_vault() {
    let (filled, clouds, jwt) = (four::fill().await, Tokens::start(0).await, file("eyJ.SECRET-jwt.x"));
    let jwt = jwt.display();
    let azure = format!(
        "tenant_id = \"t\"\nclient_id = \"app\"\nauthority = \"{}\"\ntoken_file = \"{jwt}\"",
        clouds.address
    );
    let gcp = format!(
        "audience = \"{AUDIENCE}\"\nservice_account = \"r@p.iam.gserviceaccount.com\"\nsts = \"{0}\"\niam = \"{0}\"\n\
         token_file = \"{jwt}\"",
        clouds.address
    );
    let settings = TIMES.to_owned()
        + &credential("azure", "federated-azure", &azure)
        + &credential("gcp", "federated-gcp", &gcp)
        + &credential("aws", "anonymous", "")
        + &credential("file", "anonymous", "")
        + &buckets(&filled).await;
    let app = start(settings).await;
    serves(&app, "azure-logs").await;
    serves(&app, "gcp-logs").await;
    let asked = clouds.asked();
    let find = |end: &str| {
        let found: Vec<_> = asked.iter().filter(|(path, _)| path.ends_with(end)).collect();
        assert_eq!(found.len(), 1, "{end}");
        found[0].1.clone()
    };
    let entra = find("/t/oauth2/v2.0/token");
    assert_eq!(entra["client_assertion"], "eyJ.SECRET-jwt.x");
    assert_eq!(entra["client_assertion_type"], "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    let google = find("/v1/token");
    assert_eq!(
        (google["audience"].as_str(), google["subject_token"].as_str()),
        (AUDIENCE, "eyJ.SECRET-jwt.x")
    );
    assert_eq!(google["subject_token_type"], "urn:ietf:params:oauth:token-type:jwt");
    let impersonated = find("/v1/projects/-/serviceAccounts/r@p.iam.gserviceaccount.com:generateAccessToken");
    assert_eq!(impersonated["bearer"], "Bearer ya29.SECRET-federated");
    assert!(impersonated["json"].contains("devstorage.read_only"), "no more than reading");
    app.stop().await;
}

#[tokio::test]
async fn a_token_that_vends_may_ask_for_others_and_read_nothing() {
    let (filled, jwt) = (four::fill().await, file("eyJ.SECRET-jwt.x"));
    for account in ["", "service_account = \"v@p.iam.gserviceaccount.com\"\n"] {
        let clouds = Tokens::start(0).await;
        let gcp = format!(
            "audience = \"{AUDIENCE}\"\n{account}vends = true\nsts = \"{0}\"\niam = \"{0}\"\ntoken_file = \"{1}\"",
            clouds.address,
            jwt.display()
        );
        let place = format!("endpoint = \"{}\"", fake_gcs().await.endpoint());
        let settings = TIMES.to_owned()
            + &credential("gcp", "federated-gcp", &gcp)
            + &bucket("gcp", &filled.gcp, &place);
        let app = start(settings).await;
        serves(&app, "gcp-logs").await;
        let (_, last) = clouds.asked().pop().expect("a token was asked for");
        let scope = last.get("json").or(last.get("scope")).expect("a scope");
        assert!(
            scope.contains("https://www.googleapis.com/auth/iam") && !scope.contains("devstorage"),
            "{scope}"
        );
        app.stop().await;
    }
}

#[tokio::test]
async fn a_proof_that_is_not_there_is_told_without_its_place() {
    let filled = four::fill().await;
    let azure = "tenant_id = \"t\"\nclient_id = \"app\"\ntoken_file = \"/nowhere/SECRET-token\"";
    let settings = TIMES.to_owned()
        + &credential("azure", "federated-azure", azure)
        + &bucket("azure", &filled.azure, "account = \"devstoreaccount1\"");
    let app = start(settings).await;
    let refused =
        app.caller("ana", &["team-a"]).get("/api/v1/buckets/azure-logs/objects?prefix=team-a/").await;
    refused.problem(503, "credentials-unavailable");
    assert!(!refused.text().contains("SECRET"), "{}", refused.text());
    app.stop().await;
}
