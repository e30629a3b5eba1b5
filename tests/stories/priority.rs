//! What goes first once a connection that was paused is back.

use crossdock_domain::ids::ConnectionId;
use crossdock_log::{Connections as _, Pause};
use crossdock_world::{Style, World};
use jiff::SignedDuration;
use serde_json::json;

use crate::acts::{attention, one_mug, place};
use crate::books::assert_all_closed;
use crate::taken_back::ask;
use crate::telling::told;

const OUTAGE: SignedDuration = SignedDuration::from_mins(8);

/// The ERP is left alone for a while. Whoever has read its settings knows the old ones for five seconds more.
async fn pause(world: &World) {
    let now = world.clock.now();
    let erp: ConnectionId = "netsuite".parse().unwrap();
    let pause = Pause { now, until: now + OUTAGE, reason: "the ERP is down".into() };
    world.store.pause(&erp, &pause).await.unwrap();
    world.clock.pass(SignedDuration::from_secs(6));
}

#[test]
fn after_an_outage_what_a_buyer_is_owed_is_posted_first() {
    told(
        async |world: &mut World| {
            let refunded = place(world, one_mug());
            world.settle().await;
            pause(world).await;
            let before = world.netsuite.requests().len();
            let waiting = [place(world, one_mug()), place(world, one_mug()), place(world, one_mug())];
            world.wait(SignedDuration::from_mins(1)).await;
            ask(world, &refunded, ("cancellation", "cancel-1"), &json!({ "reason": "customer" })).await;
            world.wait(SignedDuration::from_mins(6)).await;
            assert_eq!(world.netsuite.requests().len(), before, "nobody calls it meanwhile");
            let exceptions = attention(world).await;
            assert_eq!(exceptions, ["connection connection"], "one exception stands for all that waits");

            world.wait(SignedDuration::from_mins(5)).await;
            assert!(attention(world).await.is_empty());
            let requests = world.netsuite.requests().split_off(before);
            let said: Vec<String> = requests.iter().map(|call| format!("{} {}", call.path, call.body)).collect();
            let owed = said.iter().position(|call| call.contains("customerRefund")).expect("the refund was posted");
            let others = said.iter().position(|call| waiting.iter().any(|id| call.contains(id.as_str())));
            assert!(owed < others.expect("the others were posted"), "{said:#?}");
            crate::acts::goes_its_way(world).await;
        },
        Style::Calm,
    );
}

/// The wait for a turn costs nobody anything but time.
#[test]
fn an_outage_in_any_order_of_things_ends_in_closed_books() {
    for style in [Style::Calm, Style::Doubled, Style::Shuffled(1), Style::Shuffled(2), Style::Stormy(3)] {
        let world = told(
            async |world: &mut World| {
                pause(world).await;
                for _ in 0..3 {
                    place(world, one_mug());
                }
                world.wait(OUTAGE).await;
                crate::acts::goes_its_way(world).await;
                world.wait(SignedDuration::from_mins(30)).await;
            },
            style,
        );
        assert_all_closed(&world);
    }
}
