//! `publish-stock` on AWS Lambda.

use aws_lambda_events::sqs::SqsEvent;
use crossdock_runner::Connectors;
use crossdock_runner::wiring::Wiring;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use publish_stock::PublishStock;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let wiring = Wiring::from_lambda()?;
    let function = &PublishStock {
        directory: wiring.directory(),
        calls: wiring.calls()?,
        storefronts: Connectors::new(crossdock_connectors::storefront),
        items: wiring.store.clone(),
        shops: vec![wiring.connection("STOREFRONT_CONNECTION")?],
        queue: wiring.queue("OWN_QUEUE_URL")?,
        clock: wiring.clock.clone(),
    };
    run(service_fn(|event: LambdaEvent<SqsEvent>| async move { Ok::<_, Error>(function.handle(event.payload).await) }))
        .await
}
