//! `GET /return`: filters and pages, the newest first.

use std::collections::BTreeMap;

use super::Return;
use crate::shipbob::intake::FieldErrors;

const LARGEST_PAGE: usize = 250;
const USUAL_PAGE: usize = 50;

/// The filters of `GET /return`; all that are given must hold.
pub(in crate::shipbob) struct ReturnListing {
    wanted: Vec<(&'static str, Vec<String>)>,
    page: usize,
    limit: usize,
}

/// A page of returns.
pub(in crate::shipbob) struct ReturnPage<'r> {
    pub(super) items: Vec<&'r Return>,
    pub(super) has_more: bool,
}

/// The filters that are looked at; what else is given is not.
const FILTERS: [&str; 6] = ["Ids", "ReferenceIds", "Status", "OriginalShipmentIds", "ReturnTypes", "StoreOrderIds"];

impl ReturnListing {
    pub(in crate::shipbob) fn read(filters: &BTreeMap<String, String>) -> Result<Self, FieldErrors> {
        // Parameter names are not case sensitive.
        let given = |name: &str| {
            let found = filters.iter().find(|(given, _)| given.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.as_str())
        };
        let number = |name: &str, usual: usize, most: usize| match given(name) {
            None => Ok(usual),
            Some(text) => text.parse().ok().filter(|number| (1..=most).contains(number)).ok_or_else(|| {
                FieldErrors::from([(name.to_owned(), vec![format!("The value '{text}' is not valid for {name}.")])])
            }),
        };
        let parts = |list: &str| list.split(',').map(|part| part.trim().to_owned()).collect();
        let wanted = FILTERS.into_iter().filter_map(|name| Some((name, parts(given(name)?))));
        Ok(Self {
            wanted: wanted.collect(),
            page: number("Cursor", 1, usize::MAX)?,
            limit: number("Limit", USUAL_PAGE, LARGEST_PAGE)?,
        })
    }

    pub(in crate::shipbob) fn of<'r>(&self, all: impl DoubleEndedIterator<Item = &'r Return>) -> ReturnPage<'r> {
        let before = (self.page - 1).saturating_mul(self.limit);
        let mut rest = all.rev().filter(|known| self.wants(known)).skip(before);
        let items = rest.by_ref().take(self.limit).collect();
        ReturnPage { items, has_more: rest.next().is_some() }
    }

    fn wants(&self, known: &Return) -> bool {
        self.wanted.iter().all(|(filter, list)| {
            let value = match *filter {
                "Ids" => Some(known.id.to_string()),
                "ReferenceIds" => known.reference_id.clone(),
                "Status" => Some(known.status().word().to_owned()),
                "OriginalShipmentIds" => known.origin.as_ref().map(|origin| origin.shipment.to_string()),
                "ReturnTypes" => Some(known.kind.word().to_owned()),
                _ => known.origin.as_ref().map(|origin| origin.order_reference.clone()),
            };
            value.is_some_and(|value| list.contains(&value))
        })
    }
}
