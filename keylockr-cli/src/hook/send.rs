//! `keylockr hook send`.

use std::{sync::Arc, time::Duration};

use reqwest::header::{CONTENT_TYPE, USER_AGENT};
use serde_json::json;
use url::Url;

use super::{body::BodyOptions, secret::SecretOptions};
use crate::{
    console::{Console, innermost, plain},
    outcome::{Failure, Outcome, Trouble},
};

#[derive(clap::Args)]
pub(super) struct Options {
    #[command(flatten)]
    secret: SecretOptions,
    /// Where to post it.
    #[arg(long)]
    url: Url,
    /// The hook's URL or path as it is registered with UNLOQ, where that is not the URL posted to:
    /// behind a proxy, for instance.
    #[arg(long)]
    path: Option<String>,
    /// How long to wait for the answer, in seconds. UNLOQ gives up after 3.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
    #[command(flatten)]
    body: BodyOptions,
}

pub(super) async fn run(options: &Options, console: Console) -> Result<Outcome, Failure> {
    if !matches!(options.url.scheme(), "http" | "https") {
        return Err(Trouble::usage("--url: http:// and https:// are possible").into());
    }
    let posted = target(&options.url);
    let path = options.path.clone().unwrap_or_else(|| posted.clone());
    let secret = options.secret.one(console)?;
    let body = options.body.read()?;
    let signature = super::signature(secret, &path, &body)?;
    let elsewhere = registered(&path) != posted;
    if elsewhere {
        console.warning(&format!(
            "signed for {}, posted to {posted}: the receiver has to be configured with the former",
            plain(&path, 200)
        ));
    }
    let answer = client()?
        .post(options.url.clone())
        .header(CONTENT_TYPE, body.content_type)
        .header(USER_AGENT, concat!("keylockr/", env!("CARGO_PKG_VERSION")))
        .header("x-unloq-signature", signature)
        .timeout(Duration::from_secs(options.timeout))
        .body(body.bytes.to_vec())
        .send()
        .await
        .map_err(|error| failed(&options.url, &error))?;
    let status = answer.status().as_u16();
    let fix = advice(status, &path, elsewhere);
    if console.is_json() {
        console.document(&json!({ "status": status, "delivered": status == 200, "fix": fix }))?;
    } else {
        console.result(&status.to_string())?;
        if let Some(fix) = &fix {
            console.note(&format!("  what to do: {fix}"));
        }
    }
    Ok(if status == 200 {
        Outcome::Fine
    } else {
        Outcome::Refused
    })
}

/// What the answer says of the receiver. Exactly 200 is success.
fn advice(status: u16, path: &str, elsewhere: bool) -> Option<String> {
    Some(match status {
        200 => return None,
        201..300 => "UNLOQ takes exactly 200 for success".to_owned(),
        300..400 => "UNLOQ follows no redirect: register the address that it leads to".to_owned(),
        400 | 422 => "the receiver cannot read the body, or it is not what this event carries: `keylockr hook verify --event …` says which".to_owned(),
        401 | 403 if elsewhere => format!(
            "the receiver refuses the signature: configure it with the registered path, {}, or sign for the one it has (--path); if they agree, compare the secrets",
            plain(path, 200)
        ),
        401 | 403 => format!(
            "the receiver refuses the signature: compare its secret with yours, and the path it is configured with with {}",
            plain(path, 200)
        ),
        404 => "there is no hook at this address, or hooks are switched off there: compare --url with the receiver's route".to_owned(),
        405 => "the receiver has no POST at this address: compare --url with its route".to_owned(),
        413 => "the body is larger than the receiver reads".to_owned(),
        415 => "the receiver does not take this content type: look for something that reads the body before it".to_owned(),
        500..=599 => "the receiver could not handle the event: look at its log".to_owned(),
        _ => "UNLOQ takes exactly 200 for success".to_owned(),
    })
}

/// What a request line of this URL says.
fn target(url: &Url) -> String {
    match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    }
}

/// A registered path as the request line of its URL says it, where it is a URL.
fn registered(path: &str) -> String {
    match Url::parse(path) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => target(&url),
        _ => path.to_owned(),
    }
}

/// TLS by the Mozilla roots, no redirects, no proxy of the environment.
fn client() -> Result<reqwest::Client, Trouble> {
    let failed = |error: String| Trouble::refused(format!("no connection can be set up: {error}"));
    let roots = rustls::RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .build()
        .map_err(|error| failed(error.to_string()))
}

fn failed(url: &Url, error: &reqwest::Error) -> Trouble {
    let at = url.origin().ascii_serialization();
    if error.is_timeout() {
        return Trouble::refused(format!("{at} did not answer in time"))
            .with_fix("verify and store, then answer: UNLOQ gives up after 3 seconds");
    }
    Trouble::refused(format!(
        "nothing can be posted to {at} ({})",
        innermost(error)
    ))
    .with_fix("check --url, and that the application is running there")
}

#[cfg(test)]
mod tests {
    use super::{advice, registered, target};

    #[test]
    fn paths_are_compared_as_they_are_requested() {
        let url = "https://a.example/hooks/logout?tenant=7".parse().unwrap();
        assert_eq!(target(&url), "/hooks/logout?tenant=7");
        assert_eq!(registered(url.as_str()), target(&url));
        assert_eq!(registered("/hooks/logout"), "/hooks/logout");
    }

    #[test]
    fn everything_but_200_has_advice() {
        for status in 100..600 {
            assert_eq!(advice(status, "/x", false).is_none(), status == 200);
        }
    }
}
