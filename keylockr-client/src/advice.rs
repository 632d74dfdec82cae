//! What the operator of a site can do about a refusal.

/// What to do about a refusal of KeyLockr's, by its code: one sentence, for logs and start-up errors.
/// The names in it are those of KeyLockr's console.
#[must_use]
pub fn advice(code: &str) -> &'static str {
    match code {
        "sso_service_invalid" => {
            "KeyLockr knows no such service: write the svc_id that its console shows, or choose the appdata family if this is an app tag"
        }
        "app_tag_invalid" => {
            "KeyLockr knows no such service: write the app tag that its console shows, or choose the seed family if this is a svc_id"
        }
        "param_invalid" => {
            "KeyLockr does not take the service for what we say it is: choose the other family"
        }
        "ip_not_allowed" => {
            "KeyLockr does not know this server's address: add the one from which this server reaches KeyLockr (IPv6 too) to the service's server IPs in its console"
        }
        "sso_data_not_approved" => {
            "switch App Data Storage on for the service in KeyLockr's console"
        }
        "ts_invalid" => "set this machine's clock by NTP, and start this program again",
        _ => "look the code up in KeyLockr's documentation, and at the service in its console",
    }
}
