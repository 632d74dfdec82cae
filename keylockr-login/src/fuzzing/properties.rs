//! The same promises for what is put together at random of the pieces that matter. `PROPTEST_CASES` says how often.

use proptest::prelude::*;

use super::{given::Given, inputs, site};
use crate::{
    binding::BrowserSecret,
    cookies,
    request::{Head, wants_page},
};

/// An address as proxies write it, or nothing of the sort.
fn hop() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<[u8; 4]>().prop_map(|[a, b, c, d]| format!("{a}.{b}.{c}.{d}")),
        any::<[u8; 3]>().prop_map(|[b, c, d]| format!("10.{b}.{c}.{d}")),
        Just("192.0.2.7".to_owned()),
        Just("::ffff:10.1.2.3".to_owned()),
        any::<u16>().prop_map(|port| format!("203.0.113.9:{port}")),
        any::<u16>().prop_map(|part| format!("2001:db8::{part:x}")),
        any::<u16>().prop_map(|part| format!("[2001:db9::{part:x}]:443")),
        "[ -~]{0,12}",
        Just(String::new()),
    ]
}

proptest! {
    #[test]
    fn an_address_comes_from_whom_we_trust(
        peer in hop(),
        headers in proptest::collection::vec(proptest::collection::vec(hop(), 0..5), 0..4),
    ) {
        let mut text = format!("/start\n:peer: {peer}\n");
        for hops in &headers {
            text += &format!("x-forwarded-for: {}\n", hops.join(", "));
        }
        if let Some(given) = Given::read(text.as_bytes()) {
            inputs::address_comes_from_whom_we_trust(&given);
        }
    }

    /// One cookie of the name counts, in its one spelling; any other of that name makes it none.
    #[test]
    fn the_cookie_is_found_or_there_is_none(
        headers in proptest::collection::vec(
            proptest::collection::vec(cookie(), 0..4), 0..3),
        secure in any::<bool>(),
    ) {
        let mut head = Head::new("GET", "/login", "/status", "", None);
        for pairs in &headers {
            head = head.header("cookie", pairs.join("; "));
        }
        let name = if secure { "__Host-kl_login=" } else { "kl_login=" };
        let all = headers.concat();
        let values: Vec<_> = all.iter().filter_map(|pair| pair.strip_prefix(name)).collect();
        let found = cookies::browser_secret(&head, secure).map(|found| found.hash());
        let good = BrowserSecret::parse(site::COOKIE).map(|good| good.hash());
        if values == [site::COOKIE] {
            prop_assert_eq!(found, good);
        } else {
            prop_assert!(found.is_none(), "{:?}", values);
        }
    }

    #[test]
    fn only_a_get_wants_a_page(method in "[A-Za-z]{0,8}", accept in any::<Vec<u8>>()) {
        let html = [b"text/html, ".as_slice(), &accept].concat();
        let gets = matches!(method.as_str(), "GET" | "HEAD");
        prop_assert_eq!(wants_page(&method, Some(&html)), gets);
        prop_assert!(gets || !wants_page(&method, Some(&accept)));
    }
}

/// A pair as a browser sends it, the right one among many that are nearly it.
fn cookie() -> impl Strategy<Value = String> {
    let right = |name: &str| format!("{name}={}", site::COOKIE);
    prop_oneof![
        3 => Just(right("__Host-kl_login")),
        3 => Just(right("kl_login")),
        1 => Just(right("__host-kl_login")),
        1 => Just(right("__Host-kl_login2")),
        1 => Just(format!("__Host-kl_login={}=", site::COOKIE)),
        1 => Just(format!("kl_login=\"{}\"", site::COOKIE)),
        1 => Just("__Host-kl_login=".to_owned()),
        1 => Just("kl_login".to_owned()),
        2 => "[a-z]{1,8}=[!#-+--:<-\\[\\]-~]{0,12}",
    ]
}
