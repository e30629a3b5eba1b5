//! Who calls: a bearer token (OIDC JWT) is checked against the issuer's keys; its scopes and connections become the
//! context of the request. API Gateway itself checks the API key and its usage plan.

use aws_lambda_events::apigw::{
    ApiGatewayCustomAuthorizerPolicy, ApiGatewayCustomAuthorizerRequestTypeRequest, ApiGatewayCustomAuthorizerResponse,
};
use aws_lambda_events::iam::{IamPolicyEffect, IamPolicyStatement};
use crossdock_identity::{Claims, Issuer};
use serde_json::{Value, json};

/// The function.
pub struct AuthorizeCaller {
    /// Whose tokens are taken.
    pub issuer: Issuer,
}

impl AuthorizeCaller {
    /// Handles one request: a policy for this API with the caller in its context, or no one.
    ///
    /// # Errors
    /// `Unauthorized`, which API Gateway answers with 401.
    pub async fn handle(
        &self,
        event: ApiGatewayCustomAuthorizerRequestTypeRequest,
    ) -> Result<ApiGatewayCustomAuthorizerResponse<Value>, &'static str> {
        let header = event.headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let token = header.strip_prefix("Bearer ").or_else(|| header.strip_prefix("bearer ")).ok_or("Unauthorized")?;
        match self.issuer.claims(token).await {
            Ok(claims) => {
                tracing::info!(caller = claims.sub, "authorized");
                Ok(allow(claims, event.method_arn.as_deref().unwrap_or_default()))
            }
            Err(reason) => {
                tracing::warn!(%reason, "not authorized");
                Err("Unauthorized")
            }
        }
    }
}

/// A policy for every route of this API and stage: the answer is cached for other routes, too, so what a caller may
/// do is decided again in each function, from the context.
fn allow(claims: Claims, method_arn: &str) -> ApiGatewayCustomAuthorizerResponse<Value> {
    let stage: String = method_arn.splitn(3, '/').take(2).collect::<Vec<_>>().join("/");
    let mut statement = IamPolicyStatement::default();
    statement.action = vec!["execute-api:Invoke".into()];
    statement.effect = IamPolicyEffect::Allow;
    statement.resource = vec![format!("{stage}/*")];
    let mut policy = ApiGatewayCustomAuthorizerPolicy::default();
    policy.version = Some("2012-10-17".into());
    policy.statement = vec![statement];
    let mut response = ApiGatewayCustomAuthorizerResponse::default();
    response.context = json!({
        "caller": claims.sub,
        "scopes": claims.scope,
        "connections": claims.connections.join(","),
    });
    response.principal_id = Some(claims.sub);
    response.policy_document = policy;
    response
}
