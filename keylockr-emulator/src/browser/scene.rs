//! An application and the browser in front of it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use thirtyfour::common::types::WindowHandle;
use thirtyfour::error::WebDriverError;
use thirtyfour::{By, WebDriver, WebElement};

use super::app::App;
use super::chromium::Chromium;
use super::qr;
use crate::conformance::stage::tmp_id_of;

/// An application and the browser in front of it.
#[derive(Debug)]
pub struct Scene {
    /// The application.
    pub app: App,
    session: WebDriver,
    pictures: PathBuf,
    _chromium: Arc<Chromium>,
}

/// How often a question is asked again.
pub(super) const AGAIN: Duration = Duration::from_millis(50);
/// How long anything is waited for before the check says what it sees instead.
const LIMIT: Duration = Duration::from_secs(180);
/// How long a click may take to show before it is repeated.
const PATIENCE: Duration = Duration::from_secs(5);

impl Scene {
    pub(super) fn new(app: App, chromium: Arc<Chromium>, pictures: PathBuf) -> Self {
        Self {
            app,
            session: chromium.session.clone(),
            pictures,
            _chromium: chromium,
        }
    }

    /// Opens a path of the application in the current tab.
    pub async fn open(&self, path: &str) {
        self.visit(&format!("{}{path}", self.app.origin)).await;
    }

    /// Opens an address in the current tab.
    pub async fn visit(&self, address: &str) {
        self.session.goto(address).await.expect("a page");
    }

    /// Opens a tab beside the others and goes there.
    pub async fn new_tab(&self) -> WindowHandle {
        let tab = self.session.new_tab().await.expect("a tab");
        self.go_to(&tab).await;
        tab
    }

    /// The current tab.
    pub async fn tab(&self) -> WindowHandle {
        self.session.window().await.expect("a tab")
    }

    /// Goes to another tab.
    pub async fn go_to(&self, tab: &WindowHandle) {
        self.session
            .switch_to_window(tab.clone())
            .await
            .expect("the tab");
    }

    /// The page before, and the page again.
    pub async fn back(&self) {
        self.session.back().await.expect("the page before");
    }

    /// Loads the page again.
    pub async fn reload(&self) {
        self.session.refresh().await.expect("the page again");
    }

    /// Path and query of the current address.
    pub async fn path(&self) -> String {
        let url = self.session.current_url().await.expect("an address");
        match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        }
    }

    /// Waits until the address is this one.
    pub async fn until_path(&self, path: &str) {
        let there = tokio::time::timeout(LIMIT, async {
            while self.path().await != path {
                tokio::time::sleep(AGAIN).await;
            }
        });
        if there.await.is_err() {
            panic!("{path} was never reached; {}", self.state().await);
        }
    }

    /// Waits until the sign-in page is in this state.
    pub async fn until_status(&self, status: &str) {
        self.until(&format!("main[data-status=\"{status}\"]")).await;
    }

    /// Waits until a visible element matches.
    pub async fn until(&self, selector: &str) -> WebElement {
        let found = tokio::time::timeout(LIMIT, async {
            loop {
                if let Some(element) = self.visible(selector).await {
                    return element;
                }
                tokio::time::sleep(AGAIN).await;
            }
        });
        match found.await {
            Ok(element) => element,
            Err(_) => panic!("{selector} never came; {}", self.state().await),
        }
    }

    /// What a person would see, for the report of a check that failed.
    async fn state(&self) -> String {
        let words = "const main = document.querySelector('main');\
            return location.href + ' ' + main?.dataset.status + ' ' + main?.dataset.code + ' ' + main?.innerText";
        let seen = self.session.execute(words, Vec::new()).await;
        self.picture("failed").await;
        match seen {
            Ok(seen) => format!("the page: {}", seen.json()),
            Err(error) => format!("no page: {error}"),
        }
    }

    /// Waits until no visible element matches.
    pub async fn until_gone(&self, selector: &str) {
        while self.visible(selector).await.is_some() {
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// The first visible element that matches.
    pub async fn visible(&self, selector: &str) -> Option<WebElement> {
        // A page that is being replaced has no elements, or only stale ones.
        for element in self
            .session
            .find_all(By::Css(selector))
            .await
            .unwrap_or_default()
        {
            if element.is_displayed().await.unwrap_or(false) {
                return Some(element);
            }
        }
        None
    }

    /// Waits for the element and clicks it.
    pub async fn click(&self, selector: &str) {
        loop {
            let element = self.until(selector).await;
            match element.click().await {
                Ok(()) => return,
                Err(error) if passing(&error) => tokio::time::sleep(AGAIN).await,
                Err(error) => panic!("{selector}: {error}"),
            }
        }
    }

    /// Clicks the element until another is there: a page without script that is just refreshing
    /// itself loses a click, as it does a person's.
    pub async fn press(&self, selector: &str, until: &str) {
        loop {
            if let Some(element) = self.visible(selector).await {
                match element.click().await {
                    Ok(()) => {}
                    Err(error) if passing(&error) => {}
                    Err(error) => panic!("{selector}: {error}"),
                }
            }
            if tokio::time::timeout(PATIENCE, self.until(until))
                .await
                .is_ok()
            {
                return;
            }
        }
    }

    /// Types into the element.
    pub async fn type_into(&self, selector: &str, text: &str) {
        self.until(selector)
            .await
            .send_keys(text)
            .await
            .expect("a field");
    }

    /// The element's visible text.
    pub async fn text(&self, selector: &str) -> String {
        loop {
            match self.until(selector).await.text().await {
                Ok(text) => return text,
                Err(error) if passing(&error) => tokio::time::sleep(AGAIN).await,
                Err(error) => panic!("{selector}: {error}"),
            }
        }
    }

    /// The element's attribute, visible or not.
    pub async fn attribute(&self, selector: &str, name: &str) -> Option<String> {
        let element = self
            .session
            .find(By::Css(selector))
            .await
            .expect("an element");
        element.attr(name).await.expect("its attributes")
    }

    /// What the same-device link opens: the text that the QR code must hold.
    pub async fn uri(&self) -> String {
        loop {
            let link = self.until("a[href^=\"keylockr:\"]").await;
            match link.attr("href").await {
                Ok(target) => return target.expect("a link"),
                Err(error) if passing(&error) => tokio::time::sleep(AGAIN).await,
                Err(error) => panic!("the link of the code: {error}"),
            }
        }
    }

    /// Reads the QR code off the screen, compares it with the link, and gives its `tmp_id`.
    pub async fn scan(&self) -> String {
        self.until_status("connected").await;
        let wanted = self.uri().await;
        let read = self.read_code().await;
        // The link for this device may lead back here; the code for another one does not.
        let wanted = wanted.split("&return_url=").next();
        assert_eq!(
            Some(&*read),
            wanted,
            "the code on the screen is the link's text"
        );
        tmp_id_of(&read)
    }

    /// Looks until a code can be read, as a phone's camera does: an element is there before the
    /// browser has painted it.
    async fn read_code(&self) -> String {
        let mut last = String::new();
        let looking = tokio::time::timeout(LIMIT, async {
            loop {
                let screenshot = self
                    .session
                    .screenshot_as_png()
                    .await
                    .expect("a screenshot");
                match qr::read(&screenshot) {
                    Ok(text) => return text,
                    Err(error) => last = error,
                }
                tokio::time::sleep(AGAIN).await;
            }
        });
        match looking.await {
            Ok(text) => text,
            Err(_) => panic!(
                "no phone could read the code: {last}; {}",
                self.state().await
            ),
        }
    }

    /// Keeps a screenshot under the target folder.
    pub async fn picture(&self, name: &str) {
        std::fs::create_dir_all(&self.pictures).expect("a folder for screenshots");
        let screenshot = self
            .session
            .screenshot_as_png()
            .await
            .expect("a screenshot");
        std::fs::write(self.pictures.join(format!("{name}.png")), screenshot).expect("a file");
    }

    /// A command of the DevTools protocol.
    pub async fn devtools(&self, command: &str, parameters: Value) {
        self.ask(command, parameters).await;
    }

    /// The answer to a command of the DevTools protocol.
    pub async fn ask(&self, command: &str, parameters: Value) -> Value {
        self.session
            .cdp()
            .send_raw(command, parameters)
            .await
            .expect("the DevTools command")
    }

    /// Shows the page as on a screen of this size and scheme.
    pub async fn look(&self, (width, height): (u32, u32), scheme: &str) {
        let size = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500,
        });
        self.devtools("Emulation.setDeviceMetricsOverride", size)
            .await;
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setEmulatedMedia", media).await;
    }

    /// From now on nothing that this tab asks for arrives, or everything again.
    pub async fn go_offline(&self, offline: bool) {
        self.devtools("Network.enable", json!({})).await;
        let line = json!({
            "offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1,
        });
        self.devtools("Network.emulateNetworkConditions", line)
            .await;
    }

    /// The result of a script in the page.
    pub async fn evaluate(&self, script: &str) -> Value {
        let value = self
            .session
            .execute(script, Vec::new())
            .await
            .expect("a script's result");
        value.json().clone()
    }

    /// Nothing may have been refused by a content security policy, and no script may have failed.
    pub async fn expect_quiet_console(&self) {
        for entry in self.session.browser_log().await.expect("the console") {
            let text = &entry.message;
            let policy = text.contains("Content Security Policy") || text.contains("Refused to");
            assert!(
                !policy && !text.contains("Uncaught"),
                "{}: {text}",
                entry.level
            );
        }
    }

    /// Nothing of the page is cut off to the side.
    pub async fn expect_no_sideways_scroll(&self) {
        let wider = "return document.documentElement.scrollWidth - window.innerWidth";
        let wider = self.evaluate(wider).await;
        assert!(
            wider.as_i64().is_some_and(|wider| wider <= 0),
            "{wider} pixels too wide"
        );
    }
}

/// Whether the page has moved on under our hands.
fn passing(error: &WebDriverError) -> bool {
    use thirtyfour::error::WebDriverErrorInner::{
        ElementClickIntercepted, ElementNotInteractable, NoSuchElement, StaleElementReference,
        UnknownError,
    };
    match error.as_inner() {
        ElementClickIntercepted(_)
        | ElementNotInteractable(_)
        | NoSuchElement(_)
        | StaleElementReference(_) => true,
        // The driver has no name for a page that is left while it looks for a place to click.
        UnknownError(_) => error
            .to_string()
            .contains("does not belong to the document"),
        _ => false,
    }
}
