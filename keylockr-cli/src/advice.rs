//! What to do about a refusal of KeyLockr's: the one table, for `login` and `doctor`.

use crate::{
    console::plain,
    outcome::Trouble,
    service::{Family, ServiceOptions},
};

/// A refusal of the service, with its code.
pub(crate) fn refusal(code: &str, options: &ServiceOptions) -> Trouble {
    let code = plain(code, 64);
    let service = plain(&options.service, 128);
    let (what, fix) = match (code.as_str(), options.family) {
        ("sso_service_invalid", _) | ("app_tag_invalid", Family::Seed) => (
            format!("KeyLockr knows no service `{service}` of the seed family ({code})"),
            format!(
                "give --service the id that KeyLockr's console shows for the service; if `{service}` is an app tag, add --family appdata"
            ),
        ),
        ("app_tag_invalid", Family::Appdata) => (
            format!("KeyLockr knows no service with the app tag `{service}` ({code})"),
            format!(
                "give --service the app tag that KeyLockr's console shows for the service; if `{service}` is a service id, use --family seed"
            ),
        ),
        ("sso_data_not_approved", _) => (
            format!("`{service}` has no App Data Storage ({code})"),
            "switch App Data Storage on for the service in KeyLockr's console".to_owned(),
        ),
        ("ip_not_allowed", _) => (
            format!("KeyLockr does not take `app_verify` for `{service}` from this machine's address ({code})"),
            "add the address from which this machine reaches KeyLockr to the service's server IPs in KeyLockr's console (behind NAT or a proxy that is the public one; IPv6 counts too)".to_owned(),
        ),
        ("param_invalid", family) => (
            format!("KeyLockr does not take `{service}` for what we say it is ({code})"),
            format!("the service is of the other family: use --family {}", family.other()),
        ),
        ("ts_invalid", _) => (
            format!("KeyLockr does not accept our time ({code})"),
            CLOCK.to_owned(),
        ),
        _ => (
            format!("KeyLockr refused `{service}` ({code})"),
            "look the code up in KeyLockr's documentation, and check the service's settings in its console".to_owned(),
        ),
    };
    Trouble::refused(what).with_fix(fix)
}

/// What to do about a wrong clock.
pub(crate) const CLOCK: &str = "set this machine's clock by NTP (`timedatectl set-ntp true`, or chrony); in a container or virtual machine that means the host's";
