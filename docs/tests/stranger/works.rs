//! Nothing is wrong.

use keylockr_emulator::{Emulator, testing::Browser};

use crate::program::{Framework, Program};

/// The front page's code, the emulator, `KEYLOCKR_API`: and somebody is signed in.
#[tokio::test]
async fn works_at_the_first_try() {
    for framework in Framework::BOTH {
        let emulator = Emulator::start().await.unwrap();
        let mut program = Program::start(framework, &emulator.api());
        let mut browser = Browser::new(&program.origin().await);

        let stranger = browser.page("/vault").await.unwrap();
        assert_eq!(stranger.status(), 303, "{framework:?}");
        assert_eq!(stranger.location(), Some("/login?next=/vault"));
        let page = browser.page("/login?next=/vault").await.unwrap();
        assert_eq!(page.status(), 200, "{framework:?}");
        assert!(page.text().contains("Acme Web"));

        let alice = browser.sign_in(&emulator, "alice").await.unwrap();
        let vault = browser.page("/vault").await.unwrap();
        assert_eq!(
            vault.text(),
            format!("Only {} can read this.", alice.safe_id),
            "{framework:?}"
        );
        browser.sign_out().await.unwrap();
        assert_eq!(browser.page("/vault").await.unwrap().status(), 303);
    }
}
