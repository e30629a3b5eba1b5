//! `hold-stock` on AWS Lambda.

use aws_lambda_events::apigw::ApiGatewayProxyRequest;
use crossdock_runner::wiring::Wiring;
use hold_stock::HoldStock;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let wiring = Wiring::from_lambda()?;
    let function = &HoldStock { directory: wiring.directory(), holds: wiring.hold_keeper() };
    run(service_fn(|event: LambdaEvent<ApiGatewayProxyRequest>| async move {
        Ok::<_, Error>(function.handle(event.payload).await)
    }))
    .await
}
