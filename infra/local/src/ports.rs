//! Which ports the stack listens on.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use crate::trouble::Trouble;

/// The port that was asked for, if it is free; else any free one.
pub(crate) fn choose(asked: Option<&str>) -> Result<u16, Trouble> {
    let Some(text) = asked.filter(|text| !text.is_empty()) else {
        return any_free();
    };
    let port: u16 = text.parse().ok().filter(|port| *port > 0).ok_or_else(|| Trouble::BadPort(text.to_owned()))?;
    if is_free(port) { Ok(port) } else { Err(Trouble::PortInUse(port)) }
}

fn any_free() -> Result<u16, Trouble> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(Trouble::file("127.0.0.1"))
}

fn is_free(port: u16) -> bool {
    // Somebody who listens on all addresses does not hinder our bind everywhere; hence both questions.
    !answers(port) && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Whether somebody listens there.
pub(crate) fn answers(port: u16) -> bool {
    TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), Duration::from_millis(300)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_somebody_listens_on_is_refused_by_its_number() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let refused = choose(Some(&port.to_string())).unwrap_err();
        assert!(matches!(refused, Trouble::PortInUse(number) if number == port));
    }

    #[test]
    fn without_a_wish_a_free_port_is_chosen() {
        let port = choose(None).unwrap();
        assert!(is_free(port));
    }

    #[test]
    fn what_is_no_port_is_named_in_the_refusal() {
        for text in ["0", "http", "70000"] {
            let refused = choose(Some(text)).unwrap_err();
            assert!(refused.to_string().contains(text), "{refused}");
        }
    }
}
