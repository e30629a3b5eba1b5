//! `allocate-order` on AWS Lambda.

use allocate_order::{AllocateOrder, Function};
use crossdock_runner::Runner;
use crossdock_runner::wiring::Wiring;
use crossdock_step::aws::deadline;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let wiring = Wiring::from_lambda()?;
    let directory = wiring.directory();
    let function = &Function {
        runner: Runner::new(wiring.recorder(), directory.clone(), wiring.store.clone(), "allocate-order"),
        step: AllocateOrder { directory, items: wiring.store.clone() },
        recorder: wiring.recorder(),
        views: wiring.store.clone(),
    };
    run(service_fn(|event: LambdaEvent<Value>| async move {
        function.handle(&event.payload, deadline(&event.context)).await.map_err(Error::from)
    }))
    .await
}
