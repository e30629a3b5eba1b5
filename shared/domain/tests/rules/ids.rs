//! Identities are parsed once and valid ever after.

use crossdock_domain::ids::{ChannelOrderId, CountryCode, ReferencePrefix, reference, split_reference};
use crossdock_domain::outstanding::TaskId;
use crossdock_domain::{ConnectionId, LocationId, OrderId, Sku, TaskKind};
use proptest::prelude::*;

use crate::samples::sku;

#[test]
fn twins_of_one_spelling_are_one_sku() {
    let (composed, decomposed) = (sku("CAF\u{c9}-1"), sku("CAFE\u{301}-1"));
    assert_eq!(composed, decomposed);
    assert_eq!(serde_json::from_str::<Sku>("\"CAFE\\u0301-1\"").unwrap(), composed);
    assert_eq!(sku("  TEE  "), sku("TEE"));
}

#[test]
fn skus_of_any_script_are_kept_and_control_characters_are_not() {
    for fine in ["TEE", "tee 1/2", "كتاب-5", "👩\u{200d}👩\u{200d}👧", "商品", "a"] {
        assert_eq!(sku(fine).as_str(), fine);
    }
    let long = "x".repeat(65);
    for wrong in ["", "   ", "a\u{0}b", "a\nb", "a\u{7f}b", "a\u{85}b", "a\tb", &long] {
        assert!(wrong.parse::<Sku>().is_err(), "{wrong:?}");
    }
    assert!(serde_json::from_str::<Sku>("\"\\ud800\"").is_err(), "a lone surrogate is no text");
}

#[test]
fn a_length_counts_after_normalising() {
    // One letter of three bytes composed, five decomposed.
    let text = "e\u{323}\u{302}".repeat(21);
    assert!(text.len() > 64 && text.parse::<Sku>().is_ok_and(|sku| sku.as_str().len() == 63));
}

#[test]
fn order_ids_take_one_alphabet_only() {
    for wrong in [
        "",
        "shopify-uk",
        "shopify-uk.",
        ".5001",
        "shopify-uk.abc",
        "shopify-uk.\u{410}1",
        "Shopify.1",
        "a#b.1",
        "a.1#2",
        "shopify-uk.123456789012345678901",
        "shopify-uk.1.2",
        "a.1\u{0}",
    ] {
        assert!(wrong.parse::<OrderId>().is_err(), "{wrong:?}");
    }
    assert!("UK1234X".parse::<ReferencePrefix>().is_err());
    assert!("gb".parse::<CountryCode>().is_err());
    assert!("GBR".parse::<CountryCode>().is_err());
}

#[test]
fn a_stranger_s_stream_or_reference_is_not_ours() {
    for stream in ["", "order", "order#a", "order#a#1#2", "inventory#a#1", "order#A#1", "order#a#a", "order##1"] {
        assert!(OrderId::from_stream(stream).is_err(), "{stream:?}");
    }
    for stranger in ["", "PO 4711", "UK", "UK-5001", "uk-5001-SO", "TOOLONGX-5001-SO", "UK--SO", "UK-50 01-SO"] {
        assert_eq!(split_reference(stranger), None, "{stranger:?}");
    }
}

#[test]
fn a_task_id_reads_as_it_is_written() {
    for kind in TaskKind::ALL {
        let id = TaskId { kind, document: "INV12".into() };
        assert_eq!(id.to_string().parse::<TaskId>().unwrap(), id);
    }
    assert!("post_everything:X".parse::<TaskId>().is_err());
    assert!("".parse::<TaskId>().is_err());
}

proptest! {
    #[test]
    fn a_reference_fits_the_narrowest_erp_and_is_taken_apart_again(
        prefix in "[A-Z0-9]{1,6}",
        channel in "[A-Z0-9-]{1,20}",
        document in prop_oneof![Just("SO".to_owned()), "(DEP|INV|IF|DA|F)[1-9][0-9]{0,3}"],
    ) {
        let (prefix, channel): (ReferencePrefix, ChannelOrderId) = (prefix.parse().unwrap(), channel.parse().unwrap());
        let text = reference(&prefix, &channel, &document);
        prop_assert!(text.len() <= 35, "{} has {} characters", text, text.len());
        prop_assert!(text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-'));
        prop_assert_eq!(split_reference(&text), Some((prefix, channel, document)));
    }

    #[test]
    fn an_order_id_is_its_text_and_its_stream(connection in "[a-z0-9-]{1,40}", channel in "[A-Z0-9-]{1,20}") {
        let id: OrderId = format!("{connection}.{channel}").parse().unwrap();
        prop_assert_eq!(&OrderId::from_stream(&id.stream()).unwrap(), &id);
        prop_assert_eq!(&id.to_string().parse::<OrderId>().unwrap(), &id);
        prop_assert_eq!(serde_json::from_value::<OrderId>(serde_json::to_value(&id).unwrap()).unwrap(), id);
    }

    #[test]
    fn no_text_breaks_a_parser_and_what_is_parsed_parses_to_itself(text in ".{0,70}") {
        if let Ok(sku) = text.parse::<Sku>() {
            prop_assert_eq!(sku.as_str().parse::<Sku>().unwrap(), sku);
        }
        if let Ok(connection) = text.parse::<ConnectionId>() {
            prop_assert_eq!(connection.as_str().parse::<ConnectionId>().unwrap(), connection);
        }
        if let Ok(location) = text.parse::<LocationId>() {
            prop_assert_eq!(location.as_str().parse::<LocationId>().unwrap(), location);
        }
        let _ = (text.parse::<OrderId>(), OrderId::from_stream(&text), split_reference(&text));
    }
}
