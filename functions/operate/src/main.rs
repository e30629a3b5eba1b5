//! `operate` on AWS Lambda.

use aws_lambda_events::apigw::ApiGatewayProxyRequest;
use crossdock_identity::Issuer;
use crossdock_runner::wiring::Wiring;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use operate::{Console, Operate};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let wiring = Wiring::from_lambda()?;
    let function = &Operate {
        recorder: wiring.recorder(),
        keeper: wiring.stock_keeper(),
        directory: wiring.directory(),
        views: wiring.store.clone(),
        connections: wiring.store.clone(),
        items: wiring.store.clone(),
        people: wiring.store.clone(),
        inbound: wiring.queue("INBOUND_QUEUE_URL")?,
        markers: wiring.store.clone(),
        archive: wiring.store.clone(),
        bus: wiring.bus()?,
        unmapped: wiring.unmapped(),
        console: Console { issuer: Issuer::from_lambda()? },
    };
    run(service_fn(|event: LambdaEvent<ApiGatewayProxyRequest>| async move {
        Ok::<_, Error>(function.handle(event.payload).await)
    }))
    .await
}
