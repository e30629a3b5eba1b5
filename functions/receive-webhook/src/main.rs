//! `receive-webhook` on AWS Lambda.

use aws_lambda_events::apigw::ApiGatewayProxyRequest;
use crossdock_runner::wiring::Wiring;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use receive_webhook::ReceiveWebhook;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let wiring = Wiring::from_lambda()?;
    let function = &ReceiveWebhook {
        directory: wiring.directory(),
        secrets: wiring.secrets()?,
        inbound: wiring.queue("INBOUND_QUEUE_URL")?,
        clock: wiring.clock.clone(),
    };
    run(service_fn(|event: LambdaEvent<ApiGatewayProxyRequest>| async move {
        Ok::<_, Error>(function.handle(event.payload).await)
    }))
    .await
}
