//! What all pages share: the frame around them, times and ages in words, links that are relative to the page.

use crossdock_domain::money::written;
use crossdock_step::api::{Problem, Reply};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Visit, page_of};

/// Where a page is, as far as its links need to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    section: String,
    depth: usize,
}

impl Place {
    /// The place of a path below the console.
    pub(crate) fn of(path: &str) -> Self {
        let section = path.split('/').next().unwrap_or_default().to_owned();
        Self { section, depth: path.matches('/').count() }
    }

    /// What leads from the page to the console's own folder.
    pub(crate) fn up(&self) -> String {
        "../".repeat(self.depth)
    }
}

const SECTIONS: [(&str, &str); 5] = [
    ("overview", "Overview"),
    ("inbox", "Exceptions"),
    ("orders", "Orders"),
    ("mappings", "Mappings"),
    ("connections", "Connections"),
];

/// The frame around a page.
pub(crate) fn framed(place: &Place, title: &str, (caller, content): (Option<&str>, &Markup)) -> Markup {
    let up = place.up();
    html! {
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " – Crossdock" }
                link rel="stylesheet" href={ (up) "style.css" };
                link rel="icon" href="data:,";
            }
            body {
                a class="skip" href="#main" { "Skip to content" }
                header {
                    p class="brand" { "Crossdock" }
                    @if let Some(caller) = caller {
                        nav aria-label="Sections" {
                            ul {
                                @for (path, name) in SECTIONS {
                                    li {
                                        a href={ (up) (path) } aria-current=[is_here(place, path).then_some("page")] { (name) }
                                    }
                                }
                            }
                        }
                        form method="post" action={ (up) "sign-out" } class="who" {
                            span { (caller) } " "
                            button type="submit" class="quiet" { "Sign out" }
                        }
                    }
                }
                main id="main" tabindex="-1" {
                    h1 { (title) }
                    (content)
                }
            }
        }
    }
}

fn is_here(place: &Place, path: &str) -> bool {
    place.section == path || (place.section == "exceptions" && path == "inbox")
}

/// A page of a section.
pub(crate) fn shown(visit: &Visit<'_>, title: &str, content: &Markup) -> Reply {
    page_of(StatusCode::OK, &framed(&visit.place, title, (Some(&visit.caller.name), content)))
}

/// A page that says why there is no other.
pub(crate) fn problem_page(visit: &Visit<'_>, problem: &Problem) -> Reply {
    let title = problem.status().canonical_reason().unwrap_or("Error").to_owned();
    let content = html! {
        p role="alert" class="alert" { (problem.detail()) }
        @if !problem.reasons().is_empty() {
            ul { @for reason in problem.reasons() { li { (reason) } } }
        }
        p { a href={ (visit.place.up()) "overview" } { "Back to the overview" } }
    };
    page_of(problem.status(), &framed(&visit.place, &title, (Some(&visit.caller.name), &content)))
}

/// A moment, with how long ago that is.
pub(crate) fn moment(at: Timestamp, now: Timestamp) -> Markup {
    let words = if at > now {
        format!("in {}", age(at.duration_since(now)))
    } else {
        format!("{} ago", age(now.duration_since(at)))
    };
    html! { time datetime=(at) title=(format!("{at:.0}")) { (words) } }
}

/// A moment as it stands on a clock.
pub(crate) fn clock(at: Timestamp) -> String {
    format!("{}Z", at.strftime("%Y-%m-%d %H:%M:%S"))
}

/// How long something takes, in its two largest units.
pub(crate) fn age(time: SignedDuration) -> String {
    let seconds = time.as_secs().max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        (_, _, _) => format!("{days} d {hours} h"),
    }
}

/// So many exceptions.
pub(crate) fn exceptions(count: usize) -> String {
    if count == 1 { "1 exception".to_owned() } else { format!("{count} exceptions") }
}

/// What stands in a part of an address as it is (RFC 3986, unreserved).
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Text for a part of an address.
pub(crate) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

/// An amount of minor units as people read it, of what an answer names its currency.
pub(crate) fn money(amount: i64, currency: Option<&str>) -> String {
    written(currency.and_then(|code| code.parse().ok()), amount)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_told_in_two_units() {
        for (seconds, words) in [(5, "5 s"), (65, "1 min"), (3_700, "1 h 1 min"), (100_000, "1 d 3 h"), (-3, "0 s")] {
            assert_eq!(age(SignedDuration::from_secs(seconds)), words);
        }
    }

    #[test]
    fn a_page_finds_its_way_up() {
        assert_eq!((Place::of("inbox").up(), Place::of("orders/a.1").up()), (String::new(), "../".to_owned()));
        assert_eq!(encoded("shopify-uk.1~hold:risk"), "shopify-uk.1~hold%3Arisk");
    }
}
