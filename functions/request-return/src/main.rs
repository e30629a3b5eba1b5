//! `request-return` on AWS Lambda.

use aws_lambda_events::apigw::ApiGatewayProxyRequest;
use crossdock_runner::wiring::Wiring;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use request_return::RequestReturn;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let function = &RequestReturn { recorder: Wiring::from_lambda()?.recorder() };
    run(service_fn(|event: LambdaEvent<ApiGatewayProxyRequest>| async move {
        Ok::<_, Error>(function.handle(event.payload).await)
    }))
    .await
}
