//! The login widget: a page that asks for an address, waits for the device, and leads back with
//! a token. It needs no script.

use bytes::Bytes;
use http::{Method, Request};

use super::{
    ApprovalKind, ApprovalStatus, Moment,
    hook::{escape, with_token},
    installation::Installation,
    question::{Ask, Shown},
    token::TokenKind,
};
use crate::{http::answer::Answer, wire::text::percent_decode, world::Shared};

const HTML: &str = "text/html; charset=utf-8";
/// The picture is the empty icon in the page's head. There is no `form-action`: browsers hold a form's
/// redirects against it too, and where the device is quick, the last of them leads to the application.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'";

/// Whether a path is the widget's.
pub(crate) fn is_widget(path: &str) -> bool {
    path == "/widget" || path.starts_with("/widget/")
}

/// Answers a request to the widget.
pub(crate) fn answer(shared: &Shared, request: &Request<Bytes>) -> Answer {
    let (method, path) = (request.method(), request.uri().path());
    let query = request.uri().query().unwrap_or_default();
    let posts = path == "/widget";
    let allowed = match *method {
        Method::GET | Method::HEAD => true,
        Method::POST => posts,
        _ => false,
    };
    if !is_widget(path) {
        return Answer::status(404);
    }
    if !allowed {
        let methods = if posts {
            "GET, HEAD, POST"
        } else {
            "GET, HEAD"
        };
        return Answer::status(405).header("allow", methods);
    }
    match path {
        "/widget" if *method == Method::POST => submit(shared, request),
        "/widget" => {
            let fields = Fields::read(query);
            form(shared, &fields, None)
        }
        "/widget/wait" => wait(shared, &Fields::read(query)),
        "/widget/style.css" => {
            Answer::new(200, "text/css; charset=utf-8", include_str!("widget.css"))
                .header("x-content-type-options", "nosniff")
        }
        _ => Answer::status(404),
    }
}

/// What a form or a query holds, as far as it is of interest.
#[derive(Default)]
struct Fields {
    key: String,
    email: String,
    otp: String,
    visit: String,
}

impl Fields {
    fn read(pairs: &str) -> Self {
        let mut fields = Self::default();
        for pair in pairs.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let field = match name {
                "key" => &mut fields.key,
                "email" => &mut fields.email,
                "otp" => &mut fields.otp,
                "visit" => &mut fields.visit,
                _ => continue,
            };
            *field = percent_decode(&value.replace('+', " ")).unwrap_or_default();
        }
        fields
    }
}

fn form(shared: &Shared, fields: &Fields, problem: Option<Problem>) -> Answer {
    let world = shared.world();
    let app = world.unloq.app_of_widget(&fields.key);
    let Some(app) = app.filter(|app| app.return_url.is_some()) else {
        drop(world);
        return page(
            404,
            "No such widget",
            "<h1>No such widget</h1><p>No application with a return address has this key.</p>",
            None,
        );
    };
    let name = html(&app.name);
    drop(world);
    let said = problem.map_or_else(String::new, |problem| {
        format!("<p class=\"bad\" role=\"alert\">{}</p>", problem.words())
    });
    let otp = if problem.is_some_and(Problem::wants_otp) {
        "<label for=\"otp\">One-time password</label>\
         <input id=\"otp\" name=\"otp\" inputmode=\"numeric\" autocomplete=\"one-time-code\" required>"
    } else {
        ""
    };
    let body = format!(
        "<h1>Sign in to {name}</h1>{said}\
         <form method=\"post\" action=\"/widget\">\
         <input type=\"hidden\" name=\"key\" value=\"{key}\">\
         <label for=\"email\">E-mail address</label>\
         <input id=\"email\" name=\"email\" type=\"email\" autocomplete=\"username\" required value=\"{email}\">\
         {otp}<button>Ask my device</button></form>",
        key = html(&fields.key),
        email = html(&fields.email),
    );
    let status = if problem.is_some() { 422 } else { 200 };
    page(status, &format!("Sign in to {name}"), &body, None)
}

/// Why nobody is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Problem {
    Unknown,
    NoDevice,
    NoPush,
    OtpDue,
    OtpWrong,
}

impl Problem {
    fn words(self) -> &'static str {
        match self {
            Self::Unknown => "UNLOQ does not know this address.",
            Self::NoDevice => "There is no device for this address.",
            Self::NoPush => "The device takes no pushes.",
            Self::OtpDue => {
                "The last request was denied: this time the one-time password is needed, too."
            }
            Self::OtpWrong => "That is not the one-time password.",
        }
    }

    fn wants_otp(self) -> bool {
        matches!(self, Self::OtpDue | Self::OtpWrong)
    }
}

fn submit(shared: &Shared, request: &Request<Bytes>) -> Answer {
    let Ok(text) = std::str::from_utf8(request.body()) else {
        return Answer::status(400);
    };
    let fields = Fields::read(text);
    let started = {
        let mut world = shared.world();
        let now = world.moment();
        world.unloq.visit(&fields, now)
    };
    match started {
        Ok(visit) => {
            let mut to = "/widget/wait?visit=".to_owned();
            escape(&mut to, &visit);
            Answer::status(303).header("location", &to)
        }
        Err(problem) => form(shared, &fields, Some(problem)),
    }
}

/// Waits by reloading, then leads back with a token that is made this very moment.
fn wait(shared: &Shared, fields: &Fields) -> Answer {
    let mut world = shared.world();
    let now = world.moment();
    let Some((id, status, key)) = world.unloq.visited(&fields.visit, now) else {
        drop(world);
        let words =
            "<h1>This sign-in is over</h1><p>Go back to the application and start again.</p>";
        return page(404, "Over", words, None);
    };
    let app = world.unloq.settings(&key).cloned();
    let Some(app) = app else {
        return Answer::status(404);
    };
    let mut again = "/widget?key=".to_owned();
    escape(&mut again, &app.widget_key);
    let again = format!(
        "<p><a class=\"button\" href=\"{}\">Try again</a></p>",
        html(&again)
    );
    match (status, &app.return_url) {
        (ApprovalStatus::Approved, Some(return_url)) => {
            let token = world.unloq.token(&key, &id, TokenKind::Access, now);
            world.unloq.end_visit(&fields.visit);
            Answer::status(303)
                .header("location", &with_token(return_url, &token))
                .header("referrer-policy", "no-referrer")
        }
        (ApprovalStatus::New, _) => {
            let body = "<h1>Look at your device</h1>\
                        <p role=\"status\"><span class=\"spin\" aria-hidden=\"true\"></span>\
                        It shows a request. Approve it, and you will be signed in here.</p>";
            page(200, "Look at your device", body, Some(1))
        }
        (ApprovalStatus::Denied, _) => {
            let body = format!("<h1>Denied</h1><p role=\"alert\">The device said no.</p>{again}");
            page(200, "Denied", &body, None)
        }
        (ApprovalStatus::Timeout | ApprovalStatus::Approved, _) => {
            let body =
                format!("<h1>No answer</h1><p role=\"alert\">Nobody answered in time.</p>{again}");
            page(200, "No answer", &body, None)
        }
    }
}

impl Installation {
    /// Starts a sign-in by widget; gives the name of the visit, which only this browser knows.
    fn visit(&mut self, fields: &Fields, now: Moment) -> Result<String, Problem> {
        let app = self.app_of_widget(&fields.key).cloned();
        let app = app
            .filter(|app| app.return_url.is_some())
            .ok_or(Problem::Unknown)?;
        let profile = self.by_email(fields.email.trim()).cloned();
        let profile = profile.ok_or(Problem::Unknown)?;
        if !profile.enrolled() {
            return Err(Problem::NoDevice);
        }
        if !profile.push {
            return Err(Problem::NoPush);
        }
        let otp: String = fields.otp.chars().filter(char::is_ascii_digit).collect();
        if profile.otp_due || !otp.is_empty() {
            if otp.is_empty() {
                return Err(Problem::OtpDue);
            }
            if !self.devices.knows_otp(profile.unloq_id, &otp, now) {
                return Err(Problem::OtpWrong);
            }
        }
        let id = self.ask(
            Ask {
                app: app.api_key.clone(),
                unloq_id: profile.unloq_id,
                kind: ApprovalKind::Authentication,
                method: "UNLOQ",
                shown: Shown {
                    ip: Some("127.0.0.1".to_owned()),
                    ..Shown::default()
                },
                // A widget carries none (unloq.md 7, Q18): UNLOQ sees such keys in clear.
                public_key: None,
                wants_key: app.mode.by_login(),
                source_client: None,
            },
            now,
        );
        let visit = self.random.uuid("visit");
        if let Ok(question) = self.question(&id, now) {
            question.visit = Some(visit.clone());
        }
        Ok(visit)
    }

    /// The approval of a visit, how far it is, and the API key of its application.
    fn visited(&mut self, visit: &str, now: Moment) -> Option<(String, ApprovalStatus, String)> {
        let found = self
            .questions
            .iter()
            .find(|it| it.visit.as_deref() == Some(visit))?;
        let id = found.id.clone();
        let question = self.question(&id, now).ok()?;
        Some((id, question.status, question.app.clone()))
    }

    fn end_visit(&mut self, visit: &str) {
        let mut all = self.questions.iter_mut();
        if let Some(question) = all.find(|it| it.visit.as_deref() == Some(visit)) {
            question.visit = None;
        }
    }
}

fn page(status: u16, title: &str, body: &str, refresh: Option<u32>) -> Answer {
    let refresh = refresh.map_or_else(String::new, |seconds| {
        format!("<meta http-equiv=\"refresh\" content=\"{seconds}\">")
    });
    let text = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\">{refresh}\
         <title>{title}</title><link rel=\"icon\" href=\"data:,\">\
         <link rel=\"stylesheet\" href=\"/widget/style.css\"></head>\
         <body><main><p class=\"brand\">UNLOQ <small>emulated</small></p>{body}</main></body></html>"
    );
    Answer::new(status, HTML, text)
        .header("content-security-policy", POLICY)
        .header("x-content-type-options", "nosniff")
        .header("referrer-policy", "no-referrer")
}

/// Text as HTML, in attributes too.
fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}
