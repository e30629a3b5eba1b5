//! Signing in: the token that the API takes, kept by the browser where no script reads it and no other site sends it.

use crossdock_step::api::{Caller, Problem, Reply, Request};
use http::{StatusCode, header};
use maud::html;

use super::form::Form;
use super::frame::{Place, framed};
use super::{page_of, see_other};
use crate::Operate;

const COOKIE: &str = "crossdock_session";

/// The longest token that is taken.
const MOST_TOKEN: usize = 3_800;

impl Operate {
    /// Who looks; nobody without a token that the API would take.
    pub(super) async fn signed_in(&self, request: &Request) -> Option<Caller> {
        let token = token_of(request)?;
        match self.console.issuer.claims(token).await {
            Ok(claims) => Some(claims.caller()),
            Err(reason) => {
                tracing::info!(%reason, "a session is not taken");
                None
            }
        }
    }

    pub(super) async fn sign_in(&self, request: &Request, place: &Place) -> Reply {
        let form = Form::of(&request.body);
        let token = form.get("token").unwrap_or_default();
        let token = token.strip_prefix("Bearer ").unwrap_or(token);
        let is_plain = token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        if token.len() > MOST_TOKEN || !is_plain {
            return sign_in_page(place, Some("This is no token: paste it whole, as the identity provider gave it."));
        }
        match self.console.issuer.claims(token).await {
            Ok(claims) if claims.caller().may("ops:read") => {
                tracing::info!(caller = claims.caller().name, "signed in");
                // Without a path it is sent to this folder only.
                let cookie = format!("{COOKIE}={token}; HttpOnly; Secure; SameSite=Strict");
                see_other("overview").with(header::SET_COOKIE, cookie)
            }
            Ok(_) => sign_in_page(place, Some("This token lacks the scope ops:read.")),
            Err(reason) => {
                tracing::info!(%reason, "not signed in");
                sign_in_page(place, Some("This token is not valid, or not any more."))
            }
        }
    }
}

/// The token of a session.
fn token_of(request: &Request) -> Option<&str> {
    let cookies = request.headers.iter().filter(|(name, _)| name == "cookie").flat_map(|(_, all)| all.split(';'));
    cookies.filter_map(|cookie| cookie.trim().split_once('=')).find(|(name, _)| *name == COOKIE).map(|(_, token)| token)
}

/// A form has to come from a page of ours: the browser says where it comes from.
pub(super) fn check_origin(request: &Request) -> Result<(), Problem> {
    let foreign = || Problem::new(StatusCode::FORBIDDEN, "forbidden", "this form does not come from the console");
    if request.header("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none") {
        return Err(foreign());
    }
    let origin = request.header("origin").and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    match (origin, request.header("host")) {
        (Some(origin), Some(host)) if origin != host => Err(foreign()),
        (_, _) => Ok(()),
    }
}

/// Where somebody signs in.
pub(super) fn sign_in_page(place: &Place, wrong: Option<&str>) -> Reply {
    let content = html! {
        @if let Some(wrong) = wrong { p role="alert" class="alert" { (wrong) } }
        p { "Sign in with a bearer token of your identity provider, the same that the API takes. It needs the scope "
            code { "ops:read" } ", and " code { "ops:write" } " to change anything." }
        form method="post" action="sign-in" class="stacked" {
            label for="token" { "Token" }
            textarea id="token" name="token" rows="5" required autocomplete="off" spellcheck="false" {}
            button type="submit" { "Sign in" }
        }
    };
    let status = if wrong.is_some() { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
    page_of(status, &framed(place, "Sign in", (None, &content)))
}

/// The session is over.
pub(super) fn signed_out(place: &Place) -> Reply {
    let cookie = format!("{COOKIE}=; HttpOnly; Secure; SameSite=Strict; Max-Age=0");
    see_other(&format!("{}sign-in", place.up())).with(header::SET_COOKIE, cookie)
}
