//! What people do: sign in, wait in front of a code, look at pages.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use tokio::{task::JoinSet, time::sleep};

use crate::{
    Result, clock,
    latency::Latency,
    programs::{ORIGIN, Programs},
    web::Web,
};

/// Between two looks at `/healthz` while people come.
const LOOK: Duration = Duration::from_millis(10);
/// Before somebody whose start was refused tries again, and how often.
const PAUSE: Duration = Duration::from_secs(1);
const TRIES: u32 = 20;
/// Of those who wait, how many are asked whether they still do.
const ASKED: usize = 200;

/// Where the site and the phones are.
pub(crate) struct Site {
    addresses: Vec<String>,
    control: String,
    turn: AtomicUsize,
    /// Starts that were answered with 503.
    pub(crate) refused: AtomicUsize,
}

impl Site {
    pub(crate) fn of(programs: &Programs) -> Self {
        Self {
            addresses: programs.addresses.clone(),
            control: programs.control.clone(),
            turn: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
        }
    }

    /// The server whose turn it is.
    fn next(&self) -> &str {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        // There is one at least.
        self.addresses
            .get(turn % self.addresses.len().max(1))
            .map_or("", String::as_str)
    }

    fn browser(&self) -> Web {
        Web::new(self.next(), Some(ORIGIN))
    }

    /// The next request goes to the server whose turn it is.
    fn balance(&self, web: &mut Web) {
        web.move_to(self.next());
    }
}

/// Somebody in front of a code.
pub(crate) struct Waiting {
    attempt: String,
    cookies: BTreeMap<String, String>,
}

/// Lets so many people sign in, some at once, on kept connections; how long each took in all.
pub(crate) async fn sign_in(site: &Arc<Site>, people: u32, at_once: u32) -> Result<Latency> {
    let left = Arc::new(AtomicUsize::new(people.try_into()?));
    let begun = clock::now();
    let mut hands = JoinSet::new();
    for _ in 0..at_once.min(people.max(1)) {
        let (site, left) = (Arc::clone(site), Arc::clone(&left));
        hands.spawn(async move {
            let mut browser = site.browser();
            let mut phone = Web::new(&site.control, None);
            let mut times = Vec::new();
            while take(&left) {
                browser.become_somebody(BTreeMap::new());
                let begun = clock::now();
                one_sign_in(&site, &mut browser, &mut phone).await?;
                times.push(begun.elapsed());
            }
            Ok(times)
        });
    }
    Ok(Latency::new(gather(hands).await?, begun.elapsed()))
}

async fn one_sign_in(site: &Site, browser: &mut Web, phone: &mut Web) -> Result<()> {
    let (attempt, tmp_id) = start(site, browser).await?;
    let approve = json!({ "tmp_id": tmp_id });
    phone
        .post("/_emu/v1/approve", Some(&approve))
        .await?
        .expect(200)?;
    // Ends with the attempt's last status.
    site.balance(browser);
    let events = browser
        .get(&format!("/login/events?attempt={attempt}"))
        .await?;
    let events = events.expect(200)?;
    let told = String::from_utf8_lossy(&events.body);
    if !told.contains(r#""status":"done""#) {
        return Err(format!("not done: {told}").into());
    }
    site.balance(browser);
    let finish = format!("/login/finish?attempt={attempt}");
    browser.post(&finish, None).await?.expect(200)?;
    site.balance(browser);
    browser.get("/private").await?.expect(200)?;
    Ok(())
}

async fn start(site: &Site, browser: &mut Web) -> Result<(String, String)> {
    let mut tries = 0;
    let started = loop {
        site.balance(browser);
        let started = browser.post("/login/start", None).await?;
        if started.status != 503 || tries == TRIES {
            break started.expect(201)?.json()?;
        }
        // As the page says: not now. People press again.
        site.refused.fetch_add(1, Ordering::Relaxed);
        tries += 1;
        sleep(PAUSE).await;
    };
    let attempt = started["attempt"].as_str().ok_or("no attempt")?;
    let code = started["qr"].as_str().ok_or("no code")?;
    let (_, tmp_id) = code.split_once("tmp_id=").ok_or("no tmp_id")?;
    let tmp_id = tmp_id.split('&').next().unwrap_or_default();
    Ok((attempt.to_owned(), tmp_id.to_owned()))
}

/// Lets so many people wait; how long it took until each had a code, and `/healthz` meanwhile.
pub(crate) async fn wait(
    site: &Arc<Site>,
    people: u32,
    at_once: u32,
) -> Result<(Vec<Waiting>, Latency, Latency)> {
    let done = Arc::new(AtomicBool::new(false));
    let looks = {
        let (site, done) = (Arc::clone(site), Arc::clone(&done));
        tokio::spawn(async move {
            let mut times = Vec::new();
            let mut web = site.browser();
            while !done.load(Ordering::Relaxed) {
                let begun = clock::now();
                web.get("/healthz").await?.expect(200)?;
                times.push(begun.elapsed());
                sleep(LOOK).await;
            }
            Result::Ok(times)
        })
    };
    let left = Arc::new(AtomicUsize::new(people.try_into()?));
    let begun = clock::now();
    let mut hands = JoinSet::new();
    for _ in 0..at_once {
        let (site, left) = (Arc::clone(site), Arc::clone(&left));
        hands.spawn(async move {
            let mut browser = site.browser();
            let mut found = Vec::new();
            while take(&left) {
                browser.become_somebody(BTreeMap::new());
                let begun = clock::now();
                let (attempt, _) = start(&site, &mut browser).await?;
                let took = begun.elapsed();
                let cookies = browser.cookies.clone();
                found.push((Waiting { attempt, cookies }, took));
            }
            Ok(found)
        });
    }
    let found = gather(hands).await?;
    let over = begun.elapsed();
    done.store(true, Ordering::Relaxed);
    let healthz = Latency::new(looks.await??, over);
    let (waiting, times) = found.into_iter().unzip();
    Ok((waiting, Latency::new(times, over), healthz))
}

/// Somebody who is signed in: their cookies.
pub(crate) async fn somebody(site: &Site) -> Result<BTreeMap<String, String>> {
    let mut somebody = site.browser();
    let mut phone = Web::new(&site.control, None);
    one_sign_in(site, &mut somebody, &mut phone).await?;
    Ok(somebody.cookies)
}

/// The pages that are asked for while people wait, one person for each of them.
pub(crate) async fn ask(
    site: &Arc<Site>,
    waiting: &[Waiting],
    session: &BTreeMap<String, String>,
    requests: u32,
) -> Result<Vec<(&'static str, Latency)>> {
    let requests = usize::try_from(requests)?;

    let status = asked(site, requests, |at| {
        let waiting = waiting.get(at % waiting.len().max(1));
        waiting.map(|waiting| {
            let path = format!("/login/status?attempt={}", waiting.attempt);
            (path, waiting.cookies.clone())
        })
    });
    let guarded = asked(site, requests, |_| {
        Some(("/private".to_owned(), session.clone()))
    });
    let healthz = asked(site, requests, |_| {
        Some(("/healthz".to_owned(), BTreeMap::new()))
    });
    // All at once: none of them has the server to itself.
    let (status, guarded, healthz) = tokio::join!(status, guarded, healthz);
    Ok(vec![
        ("GET /login/status", status?),
        ("GET /private, guarded", guarded?),
        ("GET /healthz", healthz?),
    ])
}

async fn asked(
    site: &Site,
    requests: usize,
    what: impl Fn(usize) -> Option<(String, BTreeMap<String, String>)>,
) -> Result<Latency> {
    let mut web = site.browser();
    let mut times = Vec::with_capacity(requests);
    let begun = clock::now();
    for (path, cookies) in (0..requests).map_while(what) {
        web.become_somebody(cookies);
        let begun = clock::now();
        let answer = web.get(&path).await?;
        times.push(begun.elapsed());
        answer.expect(200)?;
    }
    Ok(Latency::new(times, begun.elapsed()))
}

/// Of a sample of those who wait, how many still see their code, in percent.
pub(crate) async fn still_waiting(site: &Site, waiting: &[Waiting]) -> Result<f64> {
    let step = (waiting.len() / ASKED).max(1);
    let (mut asked, mut connected) = (0_u32, 0_u32);
    let mut web = site.browser();
    for person in waiting.iter().step_by(step) {
        web.become_somebody(person.cookies.clone());
        let path = format!("/login/status?attempt={}", person.attempt);
        let status = web.get(&path).await?.expect(200)?.json()?;
        asked += 1;
        connected += u32::from(status["status"] == "connected");
    }
    Ok(match asked {
        0 => 100.0,
        asked => f64::from(connected) * 100.0 / f64::from(asked),
    })
}

/// One of those that are left, if there is one.
fn take(left: &AtomicUsize) -> bool {
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
        left.checked_sub(1)
    })
    .is_ok()
}

async fn gather<T: 'static>(mut hands: JoinSet<Result<Vec<T>>>) -> Result<Vec<T>> {
    let mut all = Vec::new();
    while let Some(hand) = hands.join_next().await {
        all.append(&mut hand??);
    }
    Ok(all)
}
