//! A commit as a row of DynamoDB: the stream's function and the log read it back, whatever is in it.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use crossdock_domain::event::UnknownEvent;
use crossdock_domain::{Commit, Event};
use proptest::prelude::*;
use serde_json::Value;

use crate::samples::commit;

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(".{0,8}", inner, 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn a_row_reads_as_it_was_written(data in any_json(), cause in ".{0,20}", seq in any::<u64>()) {
        let event = Event::Unknown(UnknownEvent { kind: "OrderTeleported.v1".into(), data });
        let written = Commit { cause, seq, events: vec![event], ..commit(1) };
        let row: HashMap<String, AttributeValue> = serde_dynamo::to_item(&written).unwrap();
        let read: Commit = serde_dynamo::from_item(row).unwrap();
        prop_assert_eq!(read.hash(), written.hash());
        prop_assert_eq!(read, written);
    }
}
