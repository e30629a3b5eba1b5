//! `manage-stock` on AWS Lambda.

use aws_lambda_events::apigw::ApiGatewayProxyRequest;
use crossdock_runner::wiring::Wiring;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use manage_stock::ManageStock;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let wiring = Wiring::from_lambda()?;
    let function = &ManageStock {
        keeper: wiring.stock_keeper(),
        items: wiring.store.clone(),
        directory: wiring.directory(),
        clock: wiring.clock.clone(),
        erp: wiring.connection("ERP_CONNECTION")?,
        unmapped: wiring.unmapped(),
    };
    run(service_fn(|event: LambdaEvent<ApiGatewayProxyRequest>| async move {
        Ok::<_, Error>(function.handle(event.payload).await)
    }))
    .await
}
