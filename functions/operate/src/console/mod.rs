//! The console: pages that are made here, whole, for whoever is on call. They work without a script, by keyboard, and
//! with a token that the API takes. What they do is what the API does; nothing is decided twice.

mod bulk;
mod connection;
mod exception;
mod form;
mod frame;
mod inbox;
mod mappings;
mod order;
mod orders;
mod overview;
mod picture;
mod replay;
mod session;

use crossdock_identity::Issuer;
use crossdock_step::api::{Answer, Caller, Problem, Reply, Request};
use http::{StatusCode, header};
use maud::{DOCTYPE, Markup, html};

use crate::Operate;
use form::Form;
use frame::{Place, problem_page};

/// What the console needs beside what the API does.
pub struct Console {
    /// Whose tokens are taken.
    pub issuer: Issuer,
}

/// A page for somebody.
pub(crate) struct Visit<'a> {
    /// The request.
    pub(crate) request: &'a Request,
    /// Who looks.
    pub(crate) caller: &'a Caller,
    /// Where in the console.
    pub(crate) place: Place,
}

const STYLE: &str = include_str!("style.css");

impl Operate {
    /// Answers a page of the console. Whoever is not signed in is shown where to.
    pub(crate) async fn visit(&self, method: &str, request: &Request) -> Answer {
        let path = request.path.get("proxy").map_or("", String::as_str).trim_matches('/');
        let place = Place::of(path);
        match (method, path) {
            ("GET", "") => return Ok(see_other("console/overview")),
            ("GET", "style.css") => {
                let style = Reply::text(StatusCode::OK, "text/css; charset=utf-8", STYLE.to_owned());
                return Ok(style.with(header::CACHE_CONTROL, "public, max-age=3600"));
            }
            ("GET", "sign-in") => return Ok(session::sign_in_page(&place, None)),
            ("POST", "sign-in" | "sign-out") => {
                session::check_origin(request)?;
                let signed_out = path == "sign-out";
                return Ok(if signed_out { session::signed_out(&place) } else { self.sign_in(request, &place).await });
            }
            _ => {}
        }
        let Some(caller) = self.signed_in(request).await else {
            return Ok(see_other(&format!("{}sign-in", place.up())));
        };
        // What is asked for as that caller is asked for as by the API.
        let request = Request { caller: Some(caller.clone()), ..request.clone() };
        let visit = Visit { request: &request, caller: &caller, place };
        let answered =
            if method == "POST" { self.post_page(path, &visit).await } else { self.page(path, &visit).await };
        Ok(answered.unwrap_or_else(|problem| problem_page(&visit, &problem)))
    }

    async fn page(&self, path: &str, visit: &Visit<'_>) -> Answer {
        let segments: Vec<&str> = path.split('/').collect();
        match segments.as_slice() {
            ["overview"] => self.overview_page(visit).await,
            ["orders"] => self.orders_page(visit).await,
            ["orders", id] => self.order_page(visit, &form::decoded(id)).await,
            ["inbox"] => self.inbox_page(visit).await,
            ["inbox.csv"] => self.export_exceptions(visit.request).await,
            ["exceptions", id] => self.exception_page(visit, &form::decoded(id)).await,
            ["mappings"] => self.mappings_page(visit).await,
            ["connections"] => self.connections_page(visit).await,
            _ => Err(Problem::not_found("page")),
        }
    }

    async fn post_page(&self, path: &str, visit: &Visit<'_>) -> Answer {
        session::check_origin(visit.request)?;
        let form = Form::of(&visit.request.body);
        let segments: Vec<&str> = path.split('/').collect();
        match segments.as_slice() {
            ["exceptions", id, action] => self.exception_form(visit, (&form::decoded(id), action), &form).await,
            ["orders", id, "replay"] => self.replay_form(visit, ("order_id", &form::decoded(id)), &form).await,
            ["connections", connection, "replay"] => self.replay_form(visit, ("connection", connection), &form).await,
            ["bulk"] => self.bulk_form(visit, &form).await,
            ["mappings"] => self.mapping_form(visit, &form).await,
            ["connections", connection, action] => self.connection_form(visit, (connection, action), &form).await,
            _ => Err(Problem::not_found("page")),
        }
    }
}

/// Somewhere else, by a place relative to this one: the console does not know what stands before it.
fn see_other(place: &str) -> Reply {
    Reply::text(StatusCode::SEE_OTHER, "text/plain; charset=utf-8", String::new()).at(place)
}

/// A page.
fn page_of(status: StatusCode, content: &Markup) -> Reply {
    let page = html! { (DOCTYPE) (content) };
    let policy = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; \
                  base-uri 'none'";
    Reply::text(status, "text/html; charset=utf-8", page.into_string())
        .with(header::CONTENT_SECURITY_POLICY, policy)
        .with(header::CACHE_CONTROL, "no-store")
        .with(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .with(header::REFERRER_POLICY, "same-origin")
}
