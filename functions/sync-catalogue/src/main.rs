//! `sync-catalogue` on AWS Lambda.

use crossdock_runner::Connectors;
use crossdock_runner::wiring::Wiring;
use crossdock_step::aws::deadline;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::Value;
use sync_catalogue::SyncCatalogue;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let wiring = Wiring::from_lambda()?;
    let function = &SyncCatalogue {
        keeper: wiring.stock_keeper(),
        items: wiring.store.clone(),
        markers: wiring.store.clone(),
        directory: wiring.directory(),
        calls: wiring.calls()?,
        erps: Connectors::new(crossdock_connectors::erp),
        erp: wiring.connection("ERP_CONNECTION")?,
        unmapped: wiring.unmapped(),
    };
    run(service_fn(|event: LambdaEvent<Value>| async move {
        function.handle(&event.payload, deadline(&event.context)).await.map_err(Error::from)
    }))
    .await
}
