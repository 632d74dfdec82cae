//! Why the service cannot be asked: the address is wrong, or what is there is no KeyLockr.

use keylockr_client::{Endpoint, Error, HttpResponse, TransportError, TransportErrorKind};

use super::api::Api;
use crate::{advice, console::innermost, outcome::Trouble};

/// A failure of the client's own calls. Looks at the answer itself where that says more.
pub(crate) async fn explain(api: &Api, error: &Error) -> Trouble {
    match error {
        Error::Transport { endpoint, source } if source.kind() == TransportErrorKind::TooLarge => {
            look(api, *endpoint).await
        }
        Error::Transport { source, .. } => wire(api, source),
        Error::Status { endpoint, .. } | Error::Malformed { endpoint } => {
            look(api, *endpoint).await
        }
        Error::UnusableKey => look(api, Endpoint::KeyEnc).await,
        Error::ClockDrift { drift } | Error::ClockAbsurd { drift } => clock(*drift),
        other => Trouble::refused(other.to_string()),
    }
}

/// A local clock that is `drift` seconds ahead.
pub(crate) fn clock(drift: i64) -> Trouble {
    let way = if drift < 0 { "behind" } else { "ahead of" };
    let off = Span(drift.unsigned_abs());
    Trouble::refused(format!("this machine's clock is {off} {way} KeyLockr's"))
        .with_fix(advice::CLOCK)
}

/// No answer at all.
pub(crate) fn wire(api: &Api, error: &TransportError) -> Trouble {
    let at = place(api);
    let cause = innermost(error);
    match error.kind() {
        TransportErrorKind::Connect => Trouble::refused(format!(
            "nothing can be reached at {at} ({cause})"
        ))
        .with_fix(if api.base().scheme() == "http" {
            "start the emulator there (`keylockr emulator`), or give --api (KEYLOCKR_API) the address that its first line calls `listen`".to_owned()
        } else {
            "check the host in --api (KEYLOCKR_API), its name resolution, and that a firewall lets this machine out to it; the client takes no proxy from the environment".to_owned()
        }),
        TransportErrorKind::Tls => Trouble::refused(format!(
            "no TLS connection to {at} ({cause})"
        ))
        .with_fix("check that --api (KEYLOCKR_API) names a host that its certificate is made for, that nothing in between opens the connection (a company's proxy), and that this port speaks TLS: an emulator is http://; --ca trusts a certificate of your own"),
        TransportErrorKind::Timeout => Trouble::refused(format!("{at} did not answer in time"))
            .with_fix("check --api (KEYLOCKR_API), and whether a firewall drops what goes there"),
        kind => Trouble::refused(format!("what answers at {at} is no API ({kind}: {cause})"))
            .with_fix("check --api (KEYLOCKR_API): is the port one of another service, or is it https:// where http:// is given?"),
    }
}

/// Asks again, and says what the answer looks like.
pub(crate) async fn look(api: &Api, endpoint: Endpoint) -> Trouble {
    match api.get(&api.path(endpoint)).await {
        Ok(answer) => answered(api, endpoint, &answer).await,
        Err(error) => wire(api, &error),
    }
}

/// An answer that is not the API's.
pub(crate) async fn answered(api: &Api, endpoint: Endpoint, answer: &HttpResponse) -> Trouble {
    let at = format!("{}{}", place(api), api.path(endpoint));
    let what = match answer.status {
        200..300 if is_page(answer) => format!("{at} answers with a web page"),
        200..300 => format!("{at} answers something that cannot be understood"),
        status => format!("{at} answers with status {status}"),
    };
    let fix = match answer.status {
        429 => {
            return Trouble::refused(what).with_fix(
                "too many handshakes from this address: wait a minute (`--handshake-limit 0` lifts the emulator's limit)",
            );
        }
        500.. => {
            return Trouble::refused(what).with_fix(
                "KeyLockr, or what stands before it, has trouble of its own: try again later",
            );
        }
        _ => elsewhere(api).await,
    };
    Trouble::refused(what).with_fix(fix)
}

/// Where the API may be instead.
async fn elsewhere(api: &Api) -> String {
    const KNOWN: &str = "/v3";
    let origin = place(api);
    if api.base().path() != KNOWN && has(api, "/v3/clock", "ts").await {
        return format!(
            "the API is below /v3: give --api (KEYLOCKR_API) {origin}{KNOWN}, or {origin} alone"
        );
    }
    if has(api, "/_emu/v1/health", "ok").await {
        return "this is the emulator's phone page (`control`): give --api (KEYLOCKR_API) the address that its first line calls `listen`".to_owned();
    }
    "--api (KEYLOCKR_API) names something else, perhaps your own site: KeyLockr's is https://api.keylockr.app/v3, an emulator's what its first line calls `listen`".to_owned()
}

/// Whether a JSON object with this member is there.
async fn has(api: &Api, path: &str, member: &str) -> bool {
    let answer = api.get(path).await;
    answer.is_ok_and(|answer| {
        answer.is_success()
            && serde_json::from_slice::<serde_json::Value>(&answer.body)
                .is_ok_and(|document| document.get(member).is_some())
    })
}

fn is_page(answer: &HttpResponse) -> bool {
    answer.body.trim_ascii_start().starts_with(b"<")
}

/// Scheme, host and port.
fn place(api: &Api) -> String {
    api.base().origin().ascii_serialization()
}

/// Seconds as people say them.
struct Span(u64);

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            seconds @ 0..120 => write!(f, "{seconds} seconds"),
            seconds @ 120..7200 => write!(f, "{} minutes", (seconds + 30) / 60),
            seconds @ 7200..172_800 => write!(f, "{} hours", (seconds + 1800) / 3600),
            seconds => write!(f, "{} days", (seconds + 43_200) / 86_400),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Span;

    #[test]
    fn spans_read_well() {
        for (seconds, text) in [
            (5, "5 seconds"),
            (119, "119 seconds"),
            (599, "10 minutes"),
            (600, "10 minutes"),
            (7200, "2 hours"),
            (86_400, "24 hours"),
            (172_800, "2 days"),
        ] {
            assert_eq!(Span(seconds).to_string(), text);
        }
    }
}
