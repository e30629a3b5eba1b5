//! `authorize-caller` on AWS Lambda.

use std::sync::Arc;
use std::time::Duration;

use authorize_caller::{AuthorizeCaller, Keys};
use crossdock_step::aws::variable;
use crossdock_step::outbound::Outbound;
use crossdock_step::{Clock, telemetry};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::start(variable("RUST_LOG").ok().as_deref());
    let function = &AuthorizeCaller {
        http: Arc::new(Outbound::new(Duration::from_secs(3))?),
        jwks_url: variable("JWKS_URL")?,
        issuer: variable("TOKEN_ISSUER")?,
        audience: variable("TOKEN_AUDIENCE")?,
        clock: Clock::system(),
        keys: Keys::default(),
    };
    run(service_fn(|event: LambdaEvent<_>| async move { function.handle(event.payload).await.map_err(Error::from) }))
        .await
}
