//! A sign-in page that hears what a check tells it: the script, the texts and the style are the real
//! ones.

use serde_json::json;

use super::rig::{Rig, Wish};
use super::scene::Scene;

/// A browser whose sign-in page hears nothing but what it is told here.
pub(super) async fn stage(rig: &Rig, wish: Wish) -> Scene {
    let scene = rig.open(wish).await;
    let source = json!({ "source": TOLD });
    scene
        .devtools("Page.addScriptToEvaluateOnNewDocument", source)
        .await;
    scene
}

/// What stands between the page and its server: the stream and the answers are ours, and time stands
/// still once a state has been told, so that nothing moves on by itself.
const TOLD: &str = "(() => {
    if (!location.pathname.startsWith('/login')) return;
    let stream = null;
    let told = null;
    class Stream extends EventTarget {
        static CLOSED = 2;
        readyState = 1;
        constructor() { super(); stream = this; }
        close() { this.readyState = 2; }
    }
    window.EventSource = Stream;
    const real = window.fetch;
    const json = (body) => Promise.resolve(new Response(JSON.stringify(body)));
    window.fetch = (...asked) => {
        const path = String(asked[0]);
        if (told && path.includes('/status')) return json(told);
        if (told && path.includes('/finish')) return json({ user: { safe_id: '1', nickname: 'Alice' }, next: '/' });
        // A real answer may have been under way.
        return real(...asked).then((answer) => (told && path.includes('/status') ? json(told) : answer));
    };
    window.tell = (status) => {
        told = status;
        window.setTimeout = () => 0;
        stream.dispatchEvent(new MessageEvent('status', { data: JSON.stringify(status) }));
    };
})()";
