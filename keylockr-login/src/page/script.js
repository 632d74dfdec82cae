// The sign-in page, live. Everything it needs stands in the data-* attributes of the card; it talks
// to start, qr.svg, events, status, finish and cancel below the mount, and to nothing else.
(() => {
  "use strict";

  // What a same-device return brought along leaves the address bar before anything else happens.
  const url = new URL(location.href);
  const returned = ["keylockr_result", "keylockr_return"].filter((name) => url.searchParams.has(name));
  if (returned.length) {
    returned.forEach((name) => url.searchParams.delete(name));
    history.replaceState(null, "", url);
  }

  const card = document.getElementById("kl");
  if (!card) return;
  const part = (id) => document.getElementById("kl-" + id);
  const data = card.dataset;
  const texts = JSON.parse(data.texts);
  const mount = data.mount;

  const RENEWALS = 3; // codes shown without anybody asking for them
  const RENEW_AFTER = 1500; // ms in which the end of a code can be read
  const FRAME = 1000; // ms between two steps of the ring
  const STREAM_POLL = 20000; // ms; a look now and then even while the stream is up
  const POLL = 2000; // ms; grows to POLL_MAX while answers fail
  const POLL_MAX = 10000;
  const FAREWELL = 700; // ms in which the check mark can be seen

  let attempt = data.attempt;
  let next = local(data.next);
  let uri = data.uri; // the link for this device, with its way back where there is one
  let linked = Boolean(uri); // it is the page's own, not just the code's text
  let life = Number(data.life) || 180;
  let deadline = performance.now() + Number(data.expires) * 1000;
  let key = "";
  let stream = null; // the EventSource
  let heard = false; // it has spoken since it was opened
  let known = false; // the server has confirmed this attempt to this browser
  let failures = 0; // questions in a row that got no answer
  let deaf = 0; // streams in a row that closed without a word
  let renewals = 0;
  let finishing = false;
  let starting = false;
  let owed = null; // what "Try again" repeats, where that is not a new start
  let pollTimer = 0;
  let renewTimer = 0;
  let hintTimer = 0;

  /** A path of this site, or "/". The server has judged already; this is the second look. */
  function local(path) {
    return /^\/(?![/\\])[^\\\u0000-\u001f\u007f]*$/.test(path || "") ? path : "/";
  }

  const route = (name) => `${mount}/${name}?attempt=${encodeURIComponent(attempt)}`;
  const isLive = () => Boolean(texts.states[key]?.live);
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));

  function post(target, body) {
    return fetch(target, {
      method: "POST",
      credentials: "same-origin",
      cache: "no-store",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify(body || {}),
    });
  }

  // ---- what is seen -------------------------------------------------------------------------

  /** Writes a sentence once; names that others chose are set apart from it. */
  function say(where, words, values) {
    const target = part(where);
    if (!target) return;
    const pieces = words.split(/(\{\w+\})/).map((piece) => {
      const value = values && values[piece.slice(1, -1)];
      if (value === undefined || !/^\{/.test(piece)) return piece;
      const name = document.createElement("bdi");
      name.textContent = value;
      return name;
    });
    const before = target.textContent;
    const after = pieces.map((piece) => piece.textContent ?? piece).join("");
    if (before !== after) target.replaceChildren(...pieces);
  }

  function toggle(id, on) {
    const target = part(id);
    if (target) target.hidden = !on;
  }

  function dropCode() {
    part("code")?.replaceChildren();
    toggle("code", false);
    part("open")?.removeAttribute("href");
    uri = "";
    linked = false;
  }

  /** Brings the card into a state of the table. */
  function show(status, code, values, variant) {
    const states = texts.states;
    const named = code && states[`${status}:${code}`] ? `${status}:${code}` : status;
    const now = variant || (states[named] ? named : "failed");
    const state = states[now];
    const held = document.activeElement;
    const changed = now !== key;
    key = now;
    data.status = states[status] ? status : "failed";
    data.code = code || "";
    if (!state.code && now !== "waiting") dropCode();
    say("status", state.words, values);
    if (state.start && part("start")) {
      part("start").querySelector("button").textContent = state.start;
    }
    if (part("open")) {
      if (state.code && uri) part("open").href = uri;
      else part("open").removeAttribute("href");
    }
    toggle("open", state.code && uri);
    toggle("start", state.start);
    toggle("finish", false);
    toggle("cancel", state.cancel);
    toggle("go", state.go);
    toggle("back", state.back);
    toggle("time", state.code);
    toggle("detail", state.detail && code);
    if (state.detail && code) say("detail", texts.detail, { code });
    if (part("go")) part("go").href = next;
    tick();
    // The keyboard goes on where the next step is, if the thing it was on has gone or a code ran out.
    const lost = held && held !== document.body && !held.offsetParent;
    const ended = now === "expired" && !renewTimer;
    if (changed && state.start && (lost || ended)) {
      part("start")?.querySelector("button").focus({ preventScroll: true });
    }
  }

  function tick() {
    const left = Math.max(0, Math.ceil((deadline - performance.now()) / 1000));
    const shown = Math.min(left, life);
    const clock = `${Math.floor(shown / 60)}:${String(shown % 60).padStart(2, "0")}`;
    if (texts.states[key]?.code) {
      say("time", texts.time, { time: clock });
      part("ring")?.setAttribute("stroke-dashoffset", String(100 - (100 * shown) / life));
    }
    // A second of grace: the server's clock decides, and it rounds down.
    if ((key === "connected" || key === "waiting") && performance.now() > deadline + FRAME) ranOut();
  }

  async function ranOut() {
    const mine = attempt;
    deadline = Infinity;
    await poll();
    if (mine === attempt && (key === "connected" || key === "waiting")) expire();
  }

  // ---- listening ----------------------------------------------------------------------------

  function hush() {
    clearTimeout(pollTimer);
    stream?.close();
    stream = null;
    heard = false;
  }

  function listen() {
    hush();
    if (!attempt) return;
    if (window.EventSource) {
      const mine = new EventSource(route("events"));
      stream = mine;
      mine.addEventListener("status", (event) => {
        if (mine !== stream) return;
        heard = true;
        failures = 0;
        deaf = 0;
        receive(JSON.parse(event.data));
      });
      // The same attempt is shown elsewhere, and its stream is there now: a look now and then will do.
      mine.addEventListener("replaced", () => {
        if (mine !== stream) return;
        hush();
        deaf = Infinity;
        later(POLL);
      });
      mine.addEventListener("error", () => {
        if (mine !== stream) return;
        heard = false;
        if (mine.readyState === EventSource.CLOSED) {
          stream = null;
          deaf += 1;
        }
        later(POLL / 2);
      });
    }
    later(POLL);
  }

  function later(ms) {
    clearTimeout(pollTimer);
    pollTimer = setTimeout(poll, ms);
  }

  /** The status object, or nothing where there is no answer. */
  async function ask() {
    try {
      const answer = await fetch(route("status"), { credentials: "same-origin", cache: "no-store" });
      return answer.ok ? await answer.json() : null;
    } catch {
      return null;
    }
  }

  async function poll() {
    clearTimeout(pollTimer);
    const mine = attempt;
    const status = await ask();
    if (mine !== attempt) return;
    if (status) {
      failures = 0;
      receive(status);
      if (isLive() && !stream && window.EventSource && deaf < 3) return listen();
    } else {
      failures += 1;
      if (failures > 1 && isLive()) say("status", texts.offline);
    }
    if (isLive() && !document.hidden) {
      later(heard ? STREAM_POLL : Math.min(POLL * 1.5 ** failures, POLL_MAX));
    }
  }

  /** The status object, from wherever it came. */
  function receive(now) {
    if (finishing || starting) return;
    if (now.next) next = local(now.next);
    if (now.status === "none") return forgotten();
    known = true;
    if (Number.isFinite(now.expires_in) && now.expires_in > 0) {
      deadline = performance.now() + now.expires_in * 1000;
    }
    const code = now.error?.code;
    if (now.status === "connected") return connected();
    if (now.status === "done") return finish();
    if (now.status === "expired") return expire();
    show(now.status, code);
    if (code === "signed_in") return leave();
    if (!isLive()) hush();
  }

  /** The server knows nothing of this attempt any more. */
  async function forgotten() {
    hush();
    // Never heard of it, though it has just been made: the cookie did not stay.
    if (!known) return show("failed", "foreign_attempt");
    const mine = attempt;
    // Used, perhaps, by another view of it. The page leads on whoever is signed in, and starts
    // nothing as long as it is asked about an attempt.
    let answer = null;
    try {
      answer = await fetch(address(), { credentials: "same-origin", cache: "no-store", redirect: "manual" });
    } catch {
      // Then it has ended, for all we can tell.
    }
    if (mine !== attempt || !isLive()) return;
    if (answer?.type === "opaqueredirect") elsewhere();
    else expire();
  }

  async function connected() {
    // A line that was down may have come back with another code.
    if (key !== "connected" || !part("code")?.firstElementChild) {
      if (!(await draw())) return;
    }
    toggle("code", true);
    show("connected");
    link();
  }

  /** The way back is in the page only: an attempt begun here takes its link from there. */
  async function link() {
    if (linked) return;
    linked = true;
    const mine = attempt;
    try {
      const answer = await fetch(address(), { credentials: "same-origin", cache: "no-store" });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById("kl")?.dataset;
      if (mine !== attempt || fresh?.attempt !== mine || !/^keylockr:/.test(fresh.uri)) return;
      uri = fresh.uri;
      if (part("open")?.hasAttribute("href")) part("open").href = uri;
    } catch {
      // The code's own text does as well; who follows it comes back by hand.
    }
  }

  /** Fetches the code; says whether it may be shown, with the link that belongs to it. */
  async function draw() {
    const plate = part("code");
    if (!plate) return true;
    const mine = attempt;
    let svg;
    try {
      const answer = await fetch(route("qr.svg"), { credentials: "same-origin", cache: "no-store" });
      if (!answer.ok) throw answer;
      const image = new DOMParser().parseFromString(await answer.text(), "image/svg+xml");
      svg = image.documentElement;
      if (svg.localName !== "svg") throw svg;
    } catch {
      if (mine === attempt && isLive()) later(POLL);
      return false;
    }
    if (mine !== attempt || !isLive()) return false;
    const modules = (image) => [...image.querySelectorAll("path")].map((path) => path.getAttribute("d")).join();
    const old = plate.querySelector("svg");
    if (!uri || (old && modules(old) !== modules(svg))) {
      // The link that belongs to this code is only in the page: it has to be written anew.
      location.replace(address());
      return false;
    }
    if (!old) plate.replaceChildren(document.importNode(svg, true));
    return true;
  }

  // ---- doing --------------------------------------------------------------------------------

  const address = () => {
    const here = new URL(location.href);
    here.searchParams.set("attempt", attempt);
    if (next !== "/") here.searchParams.set("next", next);
    here.hash = "";
    return here.href;
  };

  /** From now on this page is about `attempt`: a refresh and the forms say so too. */
  function adopt() {
    data.attempt = attempt;
    for (const name of ["finish", "cancel"]) {
      const form = part(name);
      if (!form) continue;
      form.action = route(name);
      form.elements.attempt.value = attempt;
    }
    history.replaceState(null, "", address());
  }

  async function start() {
    if (starting) return;
    starting = true;
    owed = null;
    clearTimeout(renewTimer);
    renewTimer = 0;
    hush();
    deadline = Infinity;
    dropCode();
    show("waiting");
    let end = ["failed", "network"];
    try {
      const answer = await post(`${mount}/start`, { next });
      const body = await answer.json().catch(() => ({}));
      if (answer.status === 201) {
        attempt = body.attempt;
        uri = body.qr;
        next = local(body.next);
        life = body.expires_in || life;
        deadline = performance.now() + life * 1000;
        known = false;
        finishing = false;
        end = null;
      } else if (answer.status === 429) {
        end = ["failed", "too_many"];
      } else {
        // One answer says that KeyLockr cannot be reached; what else goes wrong here is the site's.
        const code = body.code || String(answer.status);
        const variant = code === "service_unavailable" || texts.states[`failed:${code}`] ? "" : "failed:site";
        end = ["failed", code, undefined, variant];
      }
    } catch {
      // Nothing answered: the words for it stand in `end`.
    }
    starting = false;
    if (end) return show(...end);
    adopt();
    listen();
  }

  function expire() {
    // The stream and a poll may both bring it; the second would take back what the first has begun.
    if (key === "expired") return;
    hush();
    clearTimeout(renewTimer);
    renewTimer = 0;
    if (renewals < RENEWALS && navigator.onLine !== false) {
      renewals += 1;
      renewTimer = setTimeout(renew, RENEW_AFTER);
    }
    show("expired");
  }

  /** A code that nobody looks at is not renewed; that happens when somebody does. */
  function renew() {
    if (key !== "expired" || !renewTimer) return;
    if (!document.hidden) start();
  }

  async function finish() {
    if (finishing) return;
    finishing = true;
    hush();
    dropCode();
    show("authorized");
    let unsure = false; // an answer got lost: the session may exist
    for (let pause = 1000; ; pause *= 2) {
      let answer;
      try {
        answer = await post(route("finish"));
        const body = await answer.json().catch(() => ({}));
        // Without a code it is a gateway's: what the site answered is as lost as if nothing had come.
        if (answer.status >= 500 && !body.code) unsure = true;
        if (answer.ok || (answer.status === 410 && unsure)) return signedIn(body);
        // The attempt knows better than the answer why it is not to be.
        const now = await ask();
        finishing = false;
        if (answer.status === 409) return listen();
        if (now && now.status !== "none" && now.status !== "done") return receive(now);
        if (answer.status === 410) return elsewhere();
        if (answer.status < 500 && answer.status !== 429) return show("failed", body.code || "site");
        finishing = true;
      } catch {
        unsure = true;
      }
      if (pause > 4000) break;
      await wait(pause);
    }
    finishing = false;
    owed = finish;
    // With an answer lost there may be a session: the words for that promise nothing.
    show("failed", unsure ? "network" : "site");
  }

  function signedIn(body) {
    const nickname = body.user?.nickname;
    if (body.next) next = local(body.next);
    show("done", "", { nickname }, nickname ? "signed" : "signed_nameless");
    leave();
  }

  /** Another view of this attempt was faster: this browser has its session. */
  function elsewhere() {
    show("cancelled", "signed_in");
    leave();
  }

  function leave() {
    hush();
    finishing = true;
    setTimeout(() => location.replace(next), FAREWELL);
  }

  async function cancel(form) {
    try {
      const answer = await post(route("cancel"));
      if (!answer.ok) throw answer;
      hush();
      show("cancelled");
    } catch {
      form.submit();
    }
  }

  // ---- what people and browsers do ----------------------------------------------------------

  document.addEventListener("submit", (event) => {
    const action = event.target.querySelector("[data-action]")?.dataset.action;
    if (!action || !event.target.id.startsWith("kl-")) return;
    event.preventDefault();
    if (action === "cancel") return void cancel(event.target);
    renewals = 0;
    if (action === "finish") return void finish();
    const again = owed || start;
    owed = null;
    again();
  });

  part("open")?.addEventListener("click", () => {
    clearTimeout(hintTimer);
    hintTimer = setTimeout(() => {
      if (!document.hidden && document.hasFocus() && key === "connected") say("status", texts.hint);
    }, 2500);
  });

  function resume() {
    if (document.hidden) return;
    if (renewTimer && key === "expired") return renew();
    if (!isLive() || finishing || starting) return;
    deaf = 0;
    if (!stream) listen();
    poll();
  }
  document.addEventListener("visibilitychange", resume);
  window.addEventListener("online", resume);
  window.addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    // Back from the page behind: the server knows whether there is a session.
    if (finishing) location.reload();
    else resume();
  });

  // Where the person came from, if that was a page of this site other than this one.
  try {
    const from = new URL(document.referrer);
    const below = from.pathname === mount || from.pathname.startsWith(mount + "/");
    if (from.origin === location.origin && !below && part("back")) {
      part("back").href = from.pathname + from.search;
    }
  } catch {
    // No referrer: the link leads where the server said.
  }

  setInterval(tick, FRAME);
  key = data.code && texts.states[`${data.status}:${data.code}`] ? `${data.status}:${data.code}` : data.status;
  if (attempt) adopt();
  if (data.status === "done") finish();
  else if (data.code === "signed_in") leave();
  else if (data.status === "expired") part("start")?.querySelector("button").focus();
  else if (isLive()) listen();
})();
