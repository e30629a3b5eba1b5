//! `authorize-caller` on AWS Lambda.

use authorize_caller::AuthorizeCaller;
use crossdock_identity::Issuer;
use crossdock_step::aws::variable;
use crossdock_step::telemetry;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::start(variable("RUST_LOG").ok().as_deref());
    let function = &AuthorizeCaller { issuer: Issuer::from_lambda()? };
    run(service_fn(|event: LambdaEvent<_>| async move { function.handle(event.payload).await.map_err(Error::from) }))
        .await
}
