//! The note as a page. It works without script: a form waits for as long as the phone takes.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2_011::{Digest as _, Sha256};
use url::form_urlencoded;

use super::{
    Inner,
    answer::{Answer, CROSS_ORIGIN, SIGNED_OUT, UNAVAILABLE},
    note::Trouble,
    visit::{Member, Unavailable, Visit},
};
use crate::{
    html,
    keylockr_login::{BodyError, Zeroizing},
};

/// Where the page is.
const HERE: &str = "/unloq/note";
/// Longest note, in bytes.
const MAX_NOTE: usize = 20_000;

impl Inner {
    /// `GET /unloq/note`: what is kept, and nothing of what it says.
    pub(crate) async fn note(&self, visit: &impl Visit) -> Answer {
        match self.member(visit).await {
            Ok(Some(member)) => self.show(&member, 200, &Shown::default()),
            Ok(None) => Answer::see_other("/unloq"),
            Err(Unavailable) => Answer::refused(&UNAVAILABLE),
        }
    }

    /// `POST /unloq/note`: shows or replaces what it says, once the phone has approved.
    pub(crate) async fn change_note(
        &self,
        visit: &impl Visit,
        body: Result<impl AsRef<[u8]>, BodyError>,
    ) -> Answer {
        if !visit.is_same_origin() {
            return Answer::refused(&CROSS_ORIGIN);
        }
        let member = match self.member(visit).await {
            Ok(Some(member)) => member,
            Ok(None) => return Answer::refused(&SIGNED_OUT),
            Err(Unavailable) => return Answer::refused(&UNAVAILABLE),
        };
        let Ok(form) = body.map(|body| Form::read(body.as_ref())) else {
            return self.trouble(&member, 413, "That is too much for a note.", None);
        };
        match form.what.as_str() {
            "show" => match self.open_note(&member, visit.asked()).await {
                Ok(words) => {
                    let text = String::from_utf8_lossy(&words);
                    let text = Zeroizing::new(text.into_owned());
                    let shown = Shown {
                        text: Some(&text),
                        message: "",
                    };
                    self.show(&member, 200, &shown)
                }
                Err(trouble) => self.trouble(&member, trouble.status(), trouble.text(), None),
            },
            "save" => match self.save(&member, visit, &form).await {
                Ok(()) => Answer::see_other(HERE),
                // What was typed is not lost.
                Err((status, words)) => self.trouble(&member, status, words, Some(&form.text)),
            },
            _ => self.trouble(&member, 400, "Show it, or save it?", None),
        }
    }

    async fn save(
        &self,
        member: &Member,
        visit: &impl Visit,
        form: &Form,
    ) -> Result<(), (u16, &'static str)> {
        if form.text.len() > MAX_NOTE {
            return Err((413, "That is too much for a note."));
        }
        let says = |trouble: Trouble| (trouble.status(), trouble.text());
        let before = self.notes.sealed(member.id);
        if version(before.as_deref()) != form.version {
            // Before anybody's phone rings.
            return Err(says(Trouble::Changed));
        }
        let text = form.text.as_bytes();
        let saved = self.replace_note(member, visit.asked(), text, before.as_deref());
        saved.await.map_err(says)
    }

    fn trouble(&self, member: &Member, status: u16, message: &str, text: Option<&str>) -> Answer {
        self.show(member, status, &Shown { text, message })
    }

    fn show(&self, member: &Member, status: u16, shown: &Shown<'_>) -> Answer {
        let sealed = self.notes.sealed(member.id);
        let version = version(sealed.as_deref());
        let sealed = sealed.map(|sealed| STANDARD.encode(sealed));
        let page = html::unloq_note(&html::UnloqNote {
            sealed: sealed.as_deref(),
            version: &version,
            text: shown.text,
            message: shown.message,
        });
        Answer::page(status, page)
    }
}

/// What a page has beside what is kept.
#[derive(Default)]
struct Shown<'a> {
    text: Option<&'a str>,
    message: &'a str,
}

#[derive(Default)]
struct Form {
    what: String,
    version: String,
    text: Zeroizing<String>,
}

impl Form {
    fn read(body: &[u8]) -> Self {
        let mut form = Self::default();
        for (name, value) in form_urlencoded::parse(body) {
            match &*name {
                "what" => form.what = value.into_owned(),
                "version" => form.version = value.into_owned(),
                // Forms write line ends in the way of old.
                "text" => *form.text = value.replace("\r\n", "\n"),
                _ => {}
            }
        }
        form
    }
}

/// Names this state of what is kept.
fn version(sealed: Option<&[u8]>) -> String {
    match sealed {
        None => "none".to_owned(),
        Some(sealed) => STANDARD.encode(Sha256::digest(sealed)),
    }
}
