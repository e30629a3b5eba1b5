//! Authentication and versions.

use super::*;

#[tokio::test]
async fn a_wrong_or_missing_token_is_refused_in_the_vendors_words() {
    let stage = Stage::new();
    for token in [None, Some("shpat_other")] {
        let (status, _, answer) = stage.post(GRAPHQL, token, &json!({ "query": "{ shop { name } }" })).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        let said = "[API] Invalid API key or access token (unrecognized login or wrong password)";
        assert_eq!(answer, json!({ "errors": said }));
    }
}

#[tokio::test]
async fn client_credentials_give_a_token_that_lives_a_day() {
    let stage = Stage::new();
    let ask = json!({
        "grant_type": "client_credentials", "client_id": "crossdock-sandbox", "client_secret": "shpss_sandbox",
    });
    let (status, _, granted) = stage.post("/admin/oauth/access_token", None, &ask).await;
    assert_eq!((status, &granted["expires_in"]), (StatusCode::OK, &json!(86_399)));
    let token = granted["access_token"].as_str().unwrap();
    let read = json!({ "query": "{ shop { name } }" });
    assert_eq!(stage.post(GRAPHQL, Some(token), &read).await.0, StatusCode::OK);
    stage.wait_ms(86_400_000);
    assert_eq!(stage.post(GRAPHQL, Some(token), &read).await.0, StatusCode::UNAUTHORIZED);

    let wrong = json!({ "grant_type": "client_credentials", "client_id": "crossdock-sandbox", "client_secret": "x" });
    assert_eq!(stage.post("/admin/oauth/access_token", None, &wrong).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_retired_version_falls_forward_and_only_the_header_says_so() {
    let stage = Stage::new();
    let read = json!({ "query": "{ shop { name } }" });
    let served = |response: &Response<()>| {
        response.headers().get("x-shopify-api-version").map(|value| value.to_str().unwrap().to_owned())
    };
    let (_, current, _) = stage.post(GRAPHQL, Some("shpat_sandbox"), &read).await;
    assert_eq!(served(&current).as_deref(), Some("2026-10"));
    let (status, old, _) = stage.post("/admin/api/2025-01/graphql.json", Some("shpat_sandbox"), &read).await;
    assert_eq!((status, served(&old).as_deref()), (StatusCode::OK, Some("2026-01")));
    assert!(old.headers().contains_key("x-shopify-api-version-warning"));
    let (status, ..) = stage.post("/admin/api/latest/graphql.json", Some("shpat_sandbox"), &read).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}
