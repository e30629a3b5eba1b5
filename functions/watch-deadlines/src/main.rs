//! `watch-deadlines` on AWS Lambda.

use crossdock_runner::wiring::Wiring;
use crossdock_step::aws::{deadline, variable};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json};
use watch_deadlines::{Office, WatchDeadlines};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let wiring = Wiring::from_lambda()?;
    let office = Office::read(&variable("OFFICE_TIME_ZONE")?, &variable("OFFICE_HOURS")?, &variable("CLOSE_WEEK")?);
    let function = &WatchDeadlines {
        recorder: wiring.recorder(),
        keeper: wiring.stock_keeper(),
        holds: wiring.hold_keeper(),
        bus: wiring.bus()?,
        views: wiring.store.clone(),
        markers: wiring.store.clone(),
        items: wiring.store.clone(),
        connections: wiring.store.clone(),
        office: Office::or_always_open(office),
    };
    run(service_fn(|event: LambdaEvent<Value>| async move {
        let deadline = deadline(&event.context);
        let walk = function.handle(deadline).await;
        // Whatever the walk came to: how everything stands is told all the same.
        function.survey(deadline).await.map_err(Error::from)?;
        let walk = walk.map_err(Error::from)?;
        Ok::<_, Error>(json!({ "looked_at": walk.looked_at, "triggered": walk.triggered }))
    }))
    .await
}
