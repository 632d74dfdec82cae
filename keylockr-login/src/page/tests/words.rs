//! What the page says, and in whose words.

use super::{view, visible};
use crate::{Refusal, page::*};

#[test]
fn the_approver_is_named_before_the_session_exists() {
    let compiled = Page::new().compile();
    let mut view = view("done", None);
    view.nickname = Some("ali\u{202E}ce <b>");
    assert!(visible(&compiled.render(&view)).contains("Approved as <bdi>alice &lt;b&gt;</bdi>."));
    view.nickname = Some("\u{202E}");
    assert!(visible(&compiled.render(&view)).contains("Approved on your phone."));
}

#[test]
fn words_and_direction_are_the_applications() {
    let page = Page::new()
        .with_texts(Texts::english())
        .with_texts(
            Texts::new("ar", Direction::Rtl)
                .with(Text::Title, "تسجيل الدخول إلى {site}")
                .with(Text::Connected, "بانتظار هاتفك … <b>"),
        )
        .compile();
    let mut view = view("connected", None);
    view.language = "ar-EG,en;q=0.5";
    let html = page.render(&view);
    assert!(html.contains("<html lang=\"ar\" dir=\"rtl\">"));
    assert!(html.contains("تسجيل الدخول إلى <bdi>Acme Web</bdi>"));
    assert!(visible(&html).contains("بانتظار هاتفك … &lt;b&gt;"));
    view.language = "fr";
    assert!(
        page.render(&view)
            .contains("<html lang=\"en\" dir=\"ltr\">")
    );
}

#[test]
fn a_notice_says_one_sentence_and_leads_back() {
    let compiled = Page::new().compile();
    let view = View::new("<Acme>", "https://acme.example", "/login");
    for refusal in Refusal::ALL {
        let html = compiled.render_notice(&view, refusal.words());
        assert!(
            html.contains(&refusal.text().replace('\'', "&#39;")),
            "{refusal:?}"
        );
        assert!(html.contains("Back to <bdi>&lt;Acme&gt;</bdi>"));
        assert!(!html.contains("<script"));
    }
}

#[test]
fn refusals_are_said_in_the_applications_words() {
    let table = Text::ALL
        .iter()
        .fold(Texts::new("he", Direction::Rtl), |table, text| {
            table.with(*text, format!("<{}>", text.key()))
        });
    let compiled = Page::new()
        .with_texts(Texts::english())
        .with_texts(table)
        .compile();
    let mut view = View::new("Acme", "https://acme.example", "/login");
    view.language = "he";
    for refusal in Refusal::ALL {
        let html = compiled.render_notice(&view, refusal.words());
        assert!(html.contains("<html lang=\"he\" dir=\"rtl\">"));
        let key = refusal.words().key();
        assert!(html.contains(&format!(">&lt;{key}&gt;<")), "{refusal:?}");
        assert!(!html.contains(refusal.text()), "{refusal:?}");
    }
}
