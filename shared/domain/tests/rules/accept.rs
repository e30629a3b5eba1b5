//! Whether an order is ours to fulfil, waits, or is refused.

use crossdock_domain::accept::{
    Context, Inbound, MAX_LINES, api_order, liftable_holds, storefront_order, unreadable_order,
};
use crossdock_domain::event::Decision;
use crossdock_domain::{
    CanonicalOrder, ChargeKind, Event, Hold, HoldCode, Line, LineKind, Order, Recipient, Status, TaskKind, TaxLine,
    Tender, TenderStatus,
};
use proptest::prelude::*;

use crate::samples::{
    accepted, at, catalogue, charge, given, in_shop, inbound, item, line, minor, order_id, ordinary, paid, recipient,
    settings, shop, sku, tax, tender, unpaid,
};

fn holds_of(decision: &Decision) -> Vec<Hold> {
    decision
        .events
        .iter()
        .flat_map(|event| if let Event::OrderHeld { holds } = event { holds.clone() } else { vec![] })
        .collect()
}

fn codes(holds: &[Hold]) -> Vec<HoldCode> {
    holds.iter().map(|hold| hold.code).collect()
}

fn taken(inbound: &Inbound) -> Decision {
    in_shop(|shop| storefront_order(&Order::new(order_id()), inbound, shop))
}

fn concerns_about(order: CanonicalOrder) -> Vec<Hold> {
    holds_of(&taken(&inbound(order)))
}

#[test]
fn an_ordinary_paid_order_is_accepted_and_waits_for_nobody() {
    let decision = taken(&inbound(ordinary()));
    assert_eq!(decision.events, [accepted(ordinary())]);
    assert_eq!(given(decision.events).status(), Status::Accepted);
}

#[test]
fn a_fact_of_acceptance_names_the_recipient_and_says_nothing_of_them() {
    let text = serde_json::to_string(&taken(&inbound(ordinary())).events).unwrap();
    assert!(text.contains(&recipient().hash()));
    for personal in ["Buyer", "High Street", "Leeds", "LS1"] {
        assert!(!text.contains(personal), "{personal}");
    }
    assert!(!format!("{:?}", inbound(ordinary())).contains("Leeds"));
}

/// An order that differs from the ordinary one in a single way.
fn with(change: impl FnOnce(&mut CanonicalOrder)) -> CanonicalOrder {
    let mut order = ordinary();
    change(&mut order);
    order
}

/// The same, with its total and payment put right.
fn priced(change: impl FnOnce(&mut CanonicalOrder)) -> CanonicalOrder {
    paid(with(change))
}

fn kind_of_first_line(kind: LineKind) -> CanonicalOrder {
    with(|order| order.lines[0].kind = kind)
}

#[test]
fn each_variety_is_held_with_its_reason_and_for_nothing_else() {
    let varieties = [
        (HoldCode::Unpaid, with(|order| order.tenders.clear())),
        (HoldCode::Unpaid, with(|order| order.tenders[0].status = TenderStatus::Pending)),
        (HoldCode::Unpaid, with(|order| order.tenders[0].amount = minor(order.total.get() - 1))),
        (HoldCode::Unpaid, with(|order| order.tenders.push(tender("T2", 1)))),
        (HoldCode::StoredValueTender, with(|order| order.tenders[0].gateway = "gift_card".into())),
        (HoldCode::UnknownSku, with(|order| order.lines[0].sku = Some(sku("GONE")))),
        (HoldCode::Unmapped, with(|order| order.lines[0].sku = Some(sku("NEW")))),
        (HoldCode::Currency, with(|order| order.currency = "USD".parse().unwrap())),
        (HoldCode::RareLine, kind_of_first_line(LineKind::GiftCard)),
        (HoldCode::RareLine, kind_of_first_line(LineKind::Service)),
        (HoldCode::RareLine, kind_of_first_line(LineKind::Custom)),
        (HoldCode::RareLine, with(|order| order.lines[0].sku = None)),
        (HoldCode::RareLine, priced(|order| order.lines = vec![line("TEE", 0, 1000)])),
        (HoldCode::RareCharge, priced(|order| order.charges.push(charge(ChargeKind::Duty, 100)))),
        (HoldCode::RareCharge, priced(|order| order.charges.push(charge(ChargeKind::Fee, 100)))),
        (HoldCode::RareCharge, priced(|order| order.charges.push(charge(ChargeKind::Tip, 100)))),
        (HoldCode::ChannelTax, with(|order| order.lines[0].taxes[0].channel_liable = true)),
        (HoldCode::ChannelTax, with(|order| order.charges[0].taxes[0].channel_liable = true)),
        (HoldCode::Address, with(|order| order.country = None)),
        (HoldCode::Country, with(|order| order.country = Some("US".parse().unwrap()))),
        (HoldCode::Limit, priced(|order| order.lines[0].quantity = 100)),
        (HoldCode::Limit, priced(|order| order.lines[0].unit_price = minor(1_000_000))),
        (HoldCode::Limit, priced(|order| order.lines = vec![line("TEE", 1, 1); MAX_LINES + 1])),
        (HoldCode::Totals, priced(|order| order.lines[0].discount = minor(2001))),
    ];
    for (code, order) in varieties {
        let holds = taken_beside_an_unmapped_item(order);
        assert_eq!(codes(&holds), [code]);
        assert!(!holds[0].detail.is_empty(), "{code} tells what exactly");
    }
}

/// The shop has one item more, which nobody has mapped.
fn taken_beside_an_unmapped_item(order: CanonicalOrder) -> Vec<Hold> {
    let mut new = item("NEW", &[("LON1", 5)]);
    new.identities = [("shipbob".parse().unwrap(), "9".to_owned())].into();
    let items = catalogue(shop().into_values().chain([new]));
    let settings = settings();
    let context = Context { settings: &settings, items: &items };
    holds_of(&storefront_order(&Order::new(order_id()), &inbound(order), context))
}

#[test]
fn parts_that_do_not_add_up_are_held_with_both_sums() {
    let order = with(|order| {
        order.total = minor(order.total.get() + 1);
        order.tenders[0].amount = order.total;
    });
    let (ours, theirs) = (order.currency.written(ordinary().total.get()), order.currency.written(order.total.get()));
    let holds = concerns_about(order);
    assert_eq!(codes(&holds), [HoldCode::Totals]);
    assert_eq!(holds[0].detail, format!("the parts add up to {ours}, the order says {theirs}"));
}

#[test]
fn amounts_beyond_all_bounds_are_held_not_computed() {
    let order = with(|order| order.lines[0].unit_price = minor(1_000_000_000_000_000));
    assert!(codes(&concerns_about(order)).contains(&HoldCode::Totals));
}

#[test]
fn negative_money_is_held() {
    let refunded = with(|order| {
        let total = order.total.get();
        order.tenders = vec![tender("T1", total + 50), tender("T2", -50)];
    });
    assert_eq!(codes(&concerns_about(refunded)), [HoldCode::Unpaid]);
    let shipping = priced(|order| order.charges[0].discount = minor(500));
    assert_eq!(codes(&concerns_about(shipping)), [HoldCode::Totals]);
    let vat = priced(|order| order.lines[1].taxes = vec![tax(-5)]);
    assert_eq!(codes(&concerns_about(vat)), [HoldCode::Totals]);
}

#[test]
fn an_address_without_name_street_or_town_is_held() {
    let blanks: [fn(&mut Recipient); 3] = [|r| r.name.clear(), |r| r.address1.clear(), |r| r.city.clear()];
    for blank in blanks {
        let mut to = recipient();
        blank(&mut to);
        let inbound = Inbound { recipient: Some(to), ..inbound(ordinary()) };
        assert_eq!(codes(&holds_of(&taken(&inbound))), [HoldCode::Address]);
    }
    let nobody = Inbound { recipient: None, ..inbound(ordinary()) };
    assert_eq!(codes(&holds_of(&taken(&nobody))), [HoldCode::Address]);
}

#[test]
fn what_the_translation_finds_and_a_cancellation_hold_the_order() {
    for code in [HoldCode::Risk, HoldCode::SeveralTenders] {
        let odd = Inbound { oddities: vec![Hold::new(code, "found in the payload")], ..inbound(ordinary()) };
        assert_eq!(holds_of(&taken(&odd)), [Hold::new(code, "found in the payload")]);
    }
    let cancelled = Inbound { cancelled: true, ..inbound(ordinary()) };
    let decision = nobody_to_ask(|shop| storefront_order(&Order::new(order_id()), &cancelled, shop));
    assert_eq!(codes(&holds_of(&decision)), [HoldCode::CancelledAtStorefront]);
}

#[test]
fn a_storefront_that_can_be_asked_is_read_before_anything_is_sent_out() {
    let news = Inbound { cancelled: true, refunds: vec!["9".into()], ..inbound(ordinary()) };
    let decision = taken(&news);
    assert_eq!(holds_of(&decision), []);
    assert_eq!(decision.events[1..], [changed("cancelled"), changed("refund:9")]);
    let order = given(decision.events);
    let tasks: Vec<String> = order.outstanding().iter().map(|task| task.id.to_string()).collect();
    assert_eq!(tasks, ["read_sales:V2", "post_sales_order:SO"], "stock is not even reserved");
    assert_eq!(in_shop(|shop| storefront_order(&order, &news, shop)), Decision::default(), "told again");
}

/// Runs a rule where no storefront can be asked what has changed.
fn nobody_to_ask<T>(rule: impl FnOnce(Context<'_>) -> T) -> T {
    let (mut settings, items) = (settings(), shop());
    settings.routes.storefront = None;
    rule(Context { settings: &settings, items: &items })
}

fn without_storefront() -> Order {
    let taken = nobody_to_ask(|shop| storefront_order(&Order::new(order_id()), &inbound(ordinary()), shop));
    given(taken.events)
}

fn changed(what: &str) -> Event {
    Event::StorefrontChanged { what: what.into() }
}

#[test]
fn several_reasons_of_one_class_are_one_readable_hold() {
    let order = priced(|order| {
        order.lines = (0..400).map(|n| Line { id: format!("L{n}"), ..line("GONE-AND-NEVER-SEEN", 1, 1) }).collect();
    });
    let holds = concerns_about(order);
    assert_eq!(codes(&holds), [HoldCode::UnknownSku]);
    assert!(holds[0].detail.chars().count() <= 300);
}

#[test]
fn a_test_order_stops_after_acceptance() {
    let order = CanonicalOrder { test: true, tenders: Vec::new(), ..ordinary() };
    let decision = taken(&inbound(order.clone()));
    assert_eq!(decision.events, [accepted(order)]);
    let order = given(decision.events);
    assert_eq!(order.status(), Status::Test);
    assert!(order.outstanding().is_empty() && !order.is_finished());
}

#[test]
fn every_hold_says_what_can_be_done() {
    for code in [
        HoldCode::Unpaid,
        HoldCode::SeveralTenders,
        HoldCode::StoredValueTender,
        HoldCode::Risk,
        HoldCode::UnknownSku,
        HoldCode::Unmapped,
        HoldCode::Currency,
        HoldCode::Totals,
        HoldCode::RareLine,
        HoldCode::RareCharge,
        HoldCode::ChannelTax,
        HoldCode::Address,
        HoldCode::Country,
        HoldCode::Limit,
        HoldCode::ShippedDifferently,
        HoldCode::CancelledAtStorefront,
        HoldCode::ChangedAtStorefront,
        HoldCode::Unreadable,
    ] {
        assert!(!code.actions().is_empty(), "{code}");
        assert_eq!(serde_json::to_value(code).unwrap(), code.to_string());
    }
}

#[test]
fn the_same_order_told_again_changes_nothing() {
    let order = given([accepted(ordinary())]);
    assert_eq!(in_shop(|shop| storefront_order(&order, &inbound(ordinary()), shop)), Decision::default());
}

#[test]
fn an_older_version_changes_nothing() {
    let order = given([accepted(ordinary())]);
    let mut edited = ordinary();
    edited.lines[0].quantity = 1;
    edited.tenders.clear();
    let older = Inbound { source_version: at(-60), ..inbound(edited) };
    assert_eq!(in_shop(|shop| storefront_order(&order, &older, shop)), Decision::default());
}

#[test]
fn a_change_after_acceptance_is_read_where_it_can_be_read_once_and_nothing_leaves_until_then() {
    let newer = Inbound { source_version: at(60), ..inbound(edited()) };
    let order = given([accepted(ordinary())]);
    let decision = in_shop(|shop| storefront_order(&order, &newer, shop));
    assert_eq!(decision.events, [changed(&format!("content:{}", edited().content_hash()))]);
    let order = given([vec![accepted(ordinary())], decision.events].concat());
    let kinds: Vec<TaskKind> = order.outstanding().iter().map(|task| task.id.kind).collect();
    assert_eq!(kinds, [TaskKind::ReadSales, TaskKind::PostSalesOrder]);
    assert_eq!(in_shop(|shop| storefront_order(&order, &newer, shop)), Decision::default());
}

#[test]
fn a_change_that_nobody_can_be_asked_about_holds_the_order_once() {
    let newer = Inbound { source_version: at(60), ..inbound(edited()) };
    let mut order = without_storefront();
    let decision = nobody_to_ask(|shop| storefront_order(&order, &newer, shop));
    assert_eq!(codes(&holds_of(&decision)), [HoldCode::ChangedAtStorefront]);
    decision.events.iter().for_each(|event| order.evolve(event, at(61)));
    assert_eq!((order.status(), order.outstanding()), (Status::Held, vec![]));
    assert_eq!(nobody_to_ask(|shop| storefront_order(&order, &newer, shop)), Decision::default());
}

fn edited() -> CanonicalOrder {
    let mut edited = ordinary();
    edited.lines[0].quantity = 1;
    edited
}

#[test]
fn a_newer_version_of_the_same_content_changes_nothing() {
    let order = given([accepted(ordinary())]);
    let touched = Inbound { source_version: at(60), ..inbound(ordinary()) };
    assert_eq!(in_shop(|shop| storefront_order(&order, &touched, shop)), Decision::default());
}

#[test]
fn a_cancellation_holds_the_order_and_is_no_change_besides() {
    let mut emptied = ordinary();
    emptied.lines.iter_mut().for_each(|line| line.quantity = 0);
    let cancelled = Inbound { source_version: at(60), cancelled: true, ..inbound(emptied) };
    let order = without_storefront();
    let decision = nobody_to_ask(|shop| storefront_order(&order, &cancelled, shop));
    assert_eq!(codes(&holds_of(&decision)), [HoldCode::CancelledAtStorefront]);
}

fn unpaid_order() -> (CanonicalOrder, Order) {
    let mut order = ordinary();
    order.tenders[0].status = TenderStatus::Pending;
    let facts = taken(&inbound(order.clone())).events;
    (order, given(facts))
}

#[test]
fn a_late_payment_lifts_the_hold_and_keeps_the_number_it_was_promised_under() {
    let (promised, order) = unpaid_order();
    assert_eq!(order.status(), Status::Held);
    let captured = Tender { status: TenderStatus::Captured, ..promised.tenders[0].clone() };
    let paid = CanonicalOrder { tenders: vec![captured.clone()], ..promised };
    let told = Inbound { source_version: at(60), ..inbound(paid) };
    let decision = in_shop(|shop| storefront_order(&order, &told, shop));
    let released = Event::OrderReleased { codes: vec![HoldCode::Unpaid] };
    assert_eq!(decision.events, [Event::TenderCaptured { number: 1, tender: captured }, released]);
}

#[test]
fn a_part_payment_is_recorded_and_lifts_nothing() {
    let (promised, order) = unpaid_order();
    let part = tender("T2", promised.total.get() - 1);
    let told = Inbound {
        source_version: at(60),
        ..inbound(CanonicalOrder { tenders: vec![promised.tenders[0].clone(), part.clone()], ..promised })
    };
    let decision = in_shop(|shop| storefront_order(&order, &told, shop));
    assert_eq!(decision.events, [Event::TenderCaptured { number: 2, tender: part }]);
}

#[test]
fn a_payment_told_twice_in_one_breath_is_one_payment() {
    let (promised, order) = unpaid_order();
    let captured = tender("T2", promised.total.get());
    let told = Inbound {
        source_version: at(60),
        ..inbound(CanonicalOrder { tenders: vec![captured.clone(), captured.clone()], ..promised })
    };
    let decision = in_shop(|shop| storefront_order(&order, &told, shop));
    let released = Event::OrderReleased { codes: vec![HoldCode::Unpaid] };
    assert_eq!(decision.events, [Event::TenderCaptured { number: 2, tender: captured }, released]);
}

#[test]
fn payments_beyond_all_bounds_do_not_break_the_sum() {
    let (promised, order) = unpaid_order();
    let tenders = (0..10_000).map(|n| tender(&format!("X{n}"), 1_000_000_000_000_000)).collect();
    let told = Inbound { source_version: at(60), ..inbound(CanonicalOrder { tenders, ..promised }) };
    let decision = in_shop(|shop| storefront_order(&order, &told, shop));
    assert!(!decision.events.iter().any(|event| matches!(event, Event::OrderReleased { .. })));
}

#[test]
fn a_payload_that_nobody_understands_is_held_once_and_the_next_readable_one_lifts_it() {
    let decision = unreadable_order(&Order::new(order_id()), &"x".repeat(1000));
    let holds = holds_of(&decision);
    assert_eq!(codes(&holds), [HoldCode::Unreadable]);
    assert_eq!(holds[0].detail.chars().count(), 300);
    let order = given(decision.events);
    assert_eq!((order.status(), order.outstanding()), (Status::Held, vec![]));
    assert_eq!(unreadable_order(&order, "again"), Decision::default());

    let decision = in_shop(|shop| storefront_order(&order, &inbound(ordinary()), shop));
    assert_eq!(decision.events[1], Event::OrderReleased { codes: vec![HoldCode::Unreadable] });
    assert_eq!(given([holds_events(&holds), decision.events].concat()).status(), Status::Accepted);
    assert_eq!(unreadable_order(&given([accepted(ordinary())]), "late"), Decision::default());
}

fn holds_events(holds: &[Hold]) -> Vec<Event> {
    vec![Event::OrderHeld { holds: holds.to_vec() }]
}

#[test]
fn the_api_is_told_every_reason_at_once() {
    let mut order = ordinary();
    order.currency = "USD".parse().unwrap();
    order.country = Some("US".parse().unwrap());
    order.lines[0].sku = Some(sku("GONE"));
    order.lines[1].quantity = 100;
    order.charges.push(charge(ChargeKind::Tip, 1));
    order.tenders.clear();
    let decision = in_shop(|shop| api_order(&inbound(order), shop, "hash"));
    let Some(Event::OrderRefused(refused)) = decision.events.first() else { panic!("{decision:?}") };
    assert_eq!(refused.request_hash, "hash");
    let expected = [
        HoldCode::Unpaid,
        HoldCode::UnknownSku,
        HoldCode::Currency,
        HoldCode::Totals,
        HoldCode::RareCharge,
        HoldCode::Country,
        HoldCode::Limit,
    ];
    assert_eq!(codes(&refused.reasons), expected);
    assert_eq!(given(decision.events.clone()).status(), Status::Refused);
}

#[test]
fn an_order_once_refused_may_be_accepted_later() {
    let unpaid = CanonicalOrder { tenders: Vec::new(), ..ordinary() };
    let refused = in_shop(|shop| api_order(&inbound(unpaid), shop, "first")).events;
    let accepted = in_shop(|shop| api_order(&inbound(ordinary()), shop, "second")).events;
    let Some(Event::OrderAccepted(fact)) = accepted.first() else { panic!("{accepted:?}") };
    assert_eq!(fact.request_hash.as_deref(), Some("second"));
    assert_eq!(given([refused, accepted].concat()).status(), Status::Accepted);
}

#[test]
fn a_retry_lifts_the_holds_whose_cause_is_gone_and_those_that_a_person_judges() {
    let mut order = ordinary();
    order.lines[0].sku = Some(sku("NEW"));
    let mut facts = in_shop(|shop| storefront_order(&Order::new(order_id()), &inbound(order), shop)).events;
    facts.push(Event::OrderHeld {
        holds: vec![Hold::new(HoldCode::Risk, "high"), Hold::new(HoldCode::ChangedAtStorefront, "x")],
    });
    let order = given(facts);
    let liftable = |items| liftable_holds(&order, Some(&recipient()), Context { settings: &settings(), items: &items });
    assert_eq!(liftable(shop()), [HoldCode::Risk]);
    let items = catalogue(shop().into_values().chain([item("NEW", &[])]));
    assert_eq!(liftable(items), [HoldCode::Risk, HoldCode::UnknownSku]);
}

#[test]
fn an_unpaid_order_stays_held_until_the_money_is_there() {
    let (promised, order) = unpaid_order();
    let liftable = |order: &Order| in_shop(|shop| liftable_holds(order, Some(&recipient()), shop));
    assert_eq!(liftable(&order), []);
    let mut paid = order;
    let captured = Tender { status: TenderStatus::Captured, ..promised.tenders[0].clone() };
    paid.evolve(&Event::TenderCaptured { number: 1, tender: captured }, at(9));
    assert_eq!(liftable(&paid), [HoldCode::Unpaid]);
}

fn any_line() -> impl Strategy<Value = Line> {
    let kinds = prop::sample::select(vec![LineKind::Product, LineKind::GiftCard, LineKind::Service, LineKind::Custom]);
    let skus = prop::option::of(prop::sample::select(vec!["TEE", "MUG", "GONE"]));
    let amounts =
        (0_u32..200, -50_i64..2_000_000_000_000, -10_i64..5000, prop::option::of((-10_i64..500, any::<bool>())));
    (kinds, skus, amounts).prop_map(|(kind, name, (quantity, price, discount, vat))| Line {
        kind,
        sku: name.map(sku),
        discount: minor(discount),
        taxes: vat.map(|(amount, channel_liable)| TaxLine { channel_liable, ..tax(amount) }).into_iter().collect(),
        ..line("TEE", quantity, price)
    })
}

fn any_inbound() -> impl Strategy<Value = Inbound> {
    let country = prop::option::of(prop::sample::select(vec!["GB", "US"]));
    let order = (prop::collection::vec(any_line(), 0..5), any::<[bool; 3]>(), country, -5_i64..5_000_000);
    (order, prop::option::of(Just(recipient())), any::<bool>()).prop_map(
        |((lines, flags, country, total), to, cancelled)| {
            let [taxes_included, test, captured] = flags;
            let status = if captured { TenderStatus::Captured } else { TenderStatus::Pending };
            let order = CanonicalOrder {
                taxes_included,
                test,
                country: country.map(|code| code.parse().unwrap()),
                total: minor(total),
                tenders: vec![Tender { status, ..tender("T1", total) }],
                ..unpaid(lines, Vec::new())
            };
            Inbound { recipient: to, cancelled, ..inbound(order) }
        },
    )
}

proptest! {
    #[test]
    fn an_order_that_a_storefront_has_taken_is_never_refused(inbound in any_inbound()) {
        let decision = taken(&inbound);
        prop_assert!(matches!(decision.events.first(), Some(Event::OrderAccepted(_))));
        prop_assert!(!decision.events.iter().any(|event| matches!(event, Event::OrderRefused(_))));
        let order = given(decision.events);
        prop_assert!(matches!(order.status(), Status::Accepted | Status::Held | Status::Test));
        if order.status() == Status::Accepted {
            let fact = &order.accepted.as_ref().unwrap().fact.order;
            prop_assert_eq!(fact.totals().unwrap().total_minor, fact.captured().unwrap());
            prop_assert_eq!(order.sales_order_draft().unwrap().unwrap().total, fact.total, "what we post is what was paid");
        }
        prop_assert!(order.holds.values().all(|hold| !hold.fact.detail.is_empty()));
    }

    #[test]
    fn the_api_and_the_storefront_find_the_same_concerns(inbound in any_inbound()) {
        prop_assume!(!inbound.order.test);
        let held = holds_of(&taken(&inbound));
        let decision = in_shop(|shop| api_order(&inbound, shop, "hash"));
        let refused = decision.events.iter().find_map(|event| if let Event::OrderRefused(no) = event { Some(no.reasons.clone()) } else { None });
        prop_assert_eq!(refused.unwrap_or_default(), held);
    }
}
