//! `reconcile` on AWS Lambda.

use crossdock_runner::wiring::Wiring;
use crossdock_step::aws::deadline;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use reconcile::{Reconcile, Systems};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let wiring = Wiring::from_lambda()?;
    let names = ["FULFILLMENT_CONNECTION", "ERP_CONNECTION", "STOREFRONT_CONNECTION"];
    let [fulfillment, erp, storefront] = names.map(|name| wiring.connection(name));
    let function = &Reconcile {
        recorder: wiring.recorder(),
        keeper: wiring.stock_keeper(),
        items: wiring.store.clone(),
        markers: wiring.store.clone(),
        systems: Systems::new(wiring.directory(), wiring.calls()?, (fulfillment?, erp?, storefront?)),
        stock_queue: wiring.queue("STOCK_QUEUE_URL")?,
    };
    run(service_fn(|event: LambdaEvent<Value>| async move {
        function.handle(event.payload, deadline(&event.context)).await.map_err(Error::from)
    }))
    .await
}
