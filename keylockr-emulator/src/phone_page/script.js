// The emulator's phone page: a phone on the left, a laboratory on the right, both over the control
// API of the same address. Nothing else is asked, nothing is loaded from elsewhere.
//
// Names for tests (data-testid, stable):
//   users         whose phone this is; its buttons carry data-user="alice", the chosen one
//                 aria-pressed="true"
//   lock, unlock  the phone's one lock button, named after what it does now
//   standing      switch: filekeys without asking
//   paste, scan   text of a code, and the button that scans it
//   sheet         the request on the phone, with data-kind="sign-in" and data-tmp-id, or
//                 data-kind="filekey" and data-app-id; inside: approve, deny, later
//   pending       list; items carry data-tmp-id and id="pending-<tmp_id>"; inside: show
//   connections   list; items carry data-app-id, data-alive; inside: rename, rename-input, revoke,
//                 filekey-approve, filekey-deny
//   user-alice, lock-alice, unlock-alice, standing-alice, add-user
//   faults        switches data-testid="fault-<name>"; clear-faults
//   unloq-…       UNLOQ's panels: see unloq.js
//   frames, frame-id, clock, rotate-keys, reset, push, toast, live, curl, copy-curl
(() => {
  "use strict";

  const API = "/_emu/v1/";
  const FRAMES_KEPT = 500;
  const CALLS_KEPT = 50;
  const POLL = 1000; // ms between looks where the stream is not to be had
  const TOAST = 3200;
  const FAULT_GROUPS = [
    ["Time", "clock_skew stale_ts future_ts client_clock_bad"],
    ["Seal and box", "bad_seal seal_wrong_key seal_noncanonical bad_box wrong_recipient"],
    ["Odd but valid", "noncanonical_wire go_int64 embed_nonce extra_members"],
    ["Replay", "replay_same replay_reencoded replay_cross_attempt"],
    ["Malformed", "truncated trailing deep dup_key length_bomb oversized raw_bad_index raw_collision"],
    ["Phone", "slow_phone no_phone deny deny_as_err error_code safe_auth_required filekey_deny"],
    ["Result", "wrong_phase no_connected wrong_tmp_id missing_tmp_id extra_capability missing_capability bad_id foreign_service"],
    ["Filekey", "sender_swap bad_filekey short_filekey"],
    ["Record", "ver_conflict ver_same set_lost_ack record_rollback record_swap app_file_not_found"],
    ["Setting up", "sso_data_not_approved app_tag_invalid sso_service_invalid"],
    ["app_verify", "ip_not_allowed verify_false verify_garbage verify_timeout http_500"],
    ["Line", "drop_socket duplicate_push push_before_answer"],
    ["Life", "revoke rename rotate_keys weak_server_key"],
  ];

  const $ = (id) => document.getElementById(id);
  const state = { users: [], pending: [], connections: [], services: [] };
  const faults = { known: [], active: [] };
  const scans = new Map(); // tmp_id -> what the phone shows
  const seen = new Set(); // requests that have been on the screen, or have been passed over
  let me = remembered("user") || "alice";
  let sheet = null; // {kind: "sign-in", id} or {kind: "filekey", id}
  let busy = false;
  let toastTimer = 0;
  let frames = [];
  let shownCall = null;

  // ---- small tools --------------------------------------------------------------------------

  function remembered(name) {
    try {
      return localStorage.getItem(`keylockr-phone-${name}`);
    } catch {
      return null;
    }
  }

  function remember(name, value) {
    try {
      localStorage.setItem(`keylockr-phone-${name}`, value);
    } catch {
      // A private window: it is forgotten then.
    }
  }

  /** An element: `el("li.item", {"data-id": "1"}, "text", child)`. */
  function el(what, attributes, ...children) {
    const [name, ...classes] = what.split(".");
    const made = document.createElement(name);
    if (classes.length) made.className = classes.join(" ");
    for (const [key, value] of Object.entries(attributes || {})) {
      if (value === true) made.setAttribute(key, "");
      else if (value !== false && value !== undefined && value !== null) made.setAttribute(key, value);
    }
    made.append(...children.filter((child) => child !== null && child !== undefined));
    return made;
  }

  function text(element, words) {
    if (element && element.textContent !== words) element.textContent = words;
  }

  /** Brings `list` to `items` without touching what stays: focus and half-typed names survive. */
  function reconcile(list, items, keyOf, make, update) {
    const old = new Map([...list.children].map((child) => [child.dataset.key, child]));
    let place = list.firstElementChild;
    for (const item of items) {
      const key = String(keyOf(item));
      let child = old.get(key);
      old.delete(key);
      if (!child) {
        child = make(item);
        child.dataset.key = key;
      }
      if (child === place) place = place.nextElementSibling;
      else list.insertBefore(child, place);
      update(child, item);
    }
    old.forEach((child) => child.remove());
  }

  const inside = (element, testid) => element.querySelector(`[data-testid="${testid}"]`);
  const short = (id) => (id.length > 20 ? `${id.slice(0, 8)}…${id.slice(-4)}` : id);
  const hue = (name) => String([...name].reduce((sum, c) => (sum * 31 + c.codePointAt(0)) % 997, 7) % 8);
  const initial = (name) => ([...(name || "?").trim()][0] || "?").toUpperCase();
  const user = () => state.users.find((one) => one.user === me);
  const nickname = (name) => state.users.find((one) => one.user === name)?.nickname || name;
  const service = (id) => state.services.find((one) => one.svc_id === id || one.app_tag === id);
  const titleOf = (one) => one.title || service(one.svc_id)?.title || one.svc_id;
  const ago = (seconds) => (seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min`);

  function toast(words, bad) {
    clearTimeout(toastTimer);
    const target = $("toast");
    target.dataset.bad = Boolean(bad);
    target.textContent = words;
    target.dataset.on = "true";
    toastTimer = setTimeout(() => (target.dataset.on = "false"), TOAST);
  }

  // ---- control calls, and what they look like as curl ---------------------------------------

  const quote = (words) => `'${words.replaceAll("'", `'\\''`)}'`;

  function curl(call) {
    const target = quote(location.origin + API + call.path);
    if (call.method === "GET") return `curl -s ${target}`;
    const head = `curl -s -X ${call.method} ${target}`;
    if (call.body === undefined) return head;
    return `${head} -H 'content-type: application/json' -d ${quote(JSON.stringify(call.body))}`;
  }

  const post = (path, body) => ({ method: "POST", path, body });

  function showCall(call) {
    shownCall = call;
    text($("curl"), curl(call));
    $("copy").disabled = false;
  }

  function noteCall(call, outcome) {
    const copy = el("button.mini", { type: "button", "aria-label": "Copy as curl" }, "copy");
    copy.addEventListener("click", () => copyText(curl(call), copy));
    const line = el("li", { "data-bad": outcome.bad }, el("span.mono", {}, outcome.words), el("code", {}, curl(call)), copy);
    $("calls").prepend(line);
    while ($("calls").childElementCount > CALLS_KEPT) $("calls").lastElementChild.remove();
    text($("calls-toggle"), `Calls ${$("calls").childElementCount}`);
  }

  async function copyText(words, button) {
    try {
      await navigator.clipboard.writeText(words);
      const before = button.textContent;
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = before), 1200);
    } catch {
      toast("The browser did not let us copy", true);
    }
  }

  /** Asks without a trace: what the page itself needs to know. */
  async function ask(path) {
    const answer = await fetch(API + path, { cache: "no-store" });
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.json();
  }

  /** Does something: shown as curl, noted, and its error said on the phone. */
  async function run(call) {
    showCall(call);
    let words = "no answer";
    try {
      const answer = await fetch(API + call.path, {
        method: call.method,
        headers: call.body === undefined ? {} : { "content-type": "application/json" },
        body: call.body === undefined ? undefined : JSON.stringify(call.body),
      });
      const content = await answer.text();
      const value = content ? JSON.parse(content) : null;
      words = String(answer.status);
      if (!answer.ok) throw new Error(value?.error || words);
      noteCall(call, { words });
      look();
      return { value };
    } catch (error) {
      noteCall(call, { words, bad: true });
      toast(words === "no answer" ? "The emulator does not answer" : error.message, true);
      look();
      return null;
    }
  }

  /** Makes an element show its call when pointed at, and run it when used. */
  const calls = new WeakMap();
  function does(element, call, then, event = "click") {
    calls.set(element, call);
    element.dataset.does = "";
    element.addEventListener(event, async (happened) => {
      if (event === "submit") happened.preventDefault();
      const wanted = call();
      if (!wanted) return;
      const done = await run(wanted);
      if (done && then) then(done.value);
    });
    return element;
  }

  for (const event of ["pointerover", "focusin"]) {
    document.addEventListener(event, (happened) => {
      const target = happened.target.closest?.("[data-does]");
      const call = target && calls.get(target)?.(true);
      if (call) showCall(call);
    });
  }

  // ---- the phone ----------------------------------------------------------------------------

  function choose(name) {
    me = name;
    remember("user", name);
    draw();
  }

  function drawPhone() {
    const mine = user();
    if (!mine && state.users.length) return choose(state.users[0].user);
    reconcile(
      $("people"),
      state.users,
      (one) => one.user,
      (one) => {
        const made = el("button.person", { type: "button", "data-user": one.user }, el("span.face"), el("span.name"));
        made.addEventListener("click", () => choose(one.user));
        return made;
      },
      (made, one) => {
        made.setAttribute("aria-pressed", String(one.user === me));
        made.title = one.user;
        made.firstChild.dataset.hue = hue(one.user);
        text(made.firstChild, initial(one.nickname));
        text(made.lastChild, one.nickname);
      },
    );
    const locked = Boolean(mine?.locked);
    $("phone").dataset.locked = locked;
    text($("bar-lock"), locked ? "locked" : "");
    text($("me-name"), mine?.nickname || "");
    text($("me-safe"), mine ? `SafeID ${mine.safe_id}` : "");
    text($("lock-words"), locked ? "Locked" : "Unlocked");
    text($("lock-note"), locked ? "filekeys are withheld" : "filekeys can be given");
    text($("lock-button"), locked ? "Unlock" : "Lock");
    $("lock-button").dataset.testid = locked ? "unlock" : "lock";
    $("standing").checked = Boolean(mine?.standing);
    const apps = state.connections.filter((one) => one.alive && one.user === me);
    reconcile(
      $("apps"),
      apps,
      (one) => one.app_id,
      () => el("li", {}, el("span.logo"), el("span.what", {}, el("span"), el("small")), el("span.dot")),
      (made, one) => {
        made.firstChild.dataset.hue = hue(one.svc_id);
        text(made.firstChild, initial(titleOf(one)));
        text(made.children[1].firstChild, titleOf(one));
        text(made.children[1].lastChild, one.name);
        made.lastChild.dataset.on = Boolean(one.connected);
        made.lastChild.title = one.connected ? "connected now" : "not connected";
      },
    );
    if (!apps.length) $("apps").replaceChildren();
    $("apps").dataset.empty = String(!apps.length);
  }

  // ---- the sheet: one question at a time ----------------------------------------------------

  function questions() {
    const asked = state.connections
      .filter((one) => one.filekey_asked && one.alive && one.user === me)
      .map((one) => ({ kind: "filekey", id: one.app_id }));
    const requests = state.pending
      .filter((one) => one.connected || scans.has(one.tmp_id))
      .map((one) => ({ kind: "sign-in", id: one.tmp_id }));
    return [...asked, ...requests];
  }

  // A connection can ask for its filekey again: then it is a new question.
  const keyOf = (question) => `${question.kind} ${question.id}`;
  const isOpen = (question) =>
    question.kind === "filekey"
      ? state.connections.some((one) => one.app_id === question.id && one.filekey_asked)
      : state.pending.some((one) => one.tmp_id === question.id);

  /**
   * The newest request is shown when it comes, over an older one: who scans again has given up what
   * they scanned before. Older ones stay in the list.
   */
  function chooseSheet() {
    if (sheet && !busy && !isOpen(sheet)) {
      if (sheet.kind === "sign-in") toast("The request is gone");
      sheet = null;
    }
    const fresh = questions().filter((one) => !seen.has(keyOf(one)));
    fresh.forEach((one) => seen.add(keyOf(one)));
    if (fresh.length && $("auto").checked && !busy) sheet = fresh.at(-1);
    drawSheet();
  }

  async function open(question) {
    seen.add(keyOf(question));
    sheet = question;
    drawSheet();
  }

  function fact(name, value, mono) {
    return [el("dt", {}, name), el(mono ? "dd.mono" : "dd", {}, value)];
  }

  async function drawSheet() {
    const on = Boolean(sheet);
    $("sheet").hidden = !on;
    $("shade").hidden = !on;
    if (!on) {
      delete $("sheet").dataset.kind;
      delete $("sheet").dataset.tmpId;
      delete $("sheet").dataset.appId;
      return;
    }
    const question = sheet;
    const all = questions().filter((one) => one.id !== question.id).length;
    text($("sheet-queue"), all ? `${all} more waiting` : "");
    $("sheet").dataset.kind = question.kind;
    if (question.kind === "filekey") return drawFilekey(question);
    delete $("sheet").dataset.appId;
    $("sheet").dataset.tmpId = question.id;
    if (!scans.has(question.id)) {
      // What a camera would do. Not noted: it is the page's own curiosity.
      try {
        const answer = await fetch(`${API}scan`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ tmp_id: question.id }),
        });
        if (!answer.ok) throw answer;
        scans.set(question.id, await answer.json());
      } catch {
        if (sheet === question) {
          sheet = null;
          drawSheet();
        }
        return;
      }
      if (sheet !== question) return;
    }
    const scan = scans.get(question.id);
    const known = state.pending.find((one) => one.tmp_id === question.id);
    text($("sheet-ask"), "Sign in to");
    $("sheet-logo").dataset.hue = hue(known?.svc_id || scan.title);
    text($("sheet-logo"), initial(scan.title));
    text($("sheet-title"), scan.title);
    text($("sheet-url"), scan.url);
    $("sheet-facts").replaceChildren(...fact("Asked by", scan.name), ...fact("As", nickname(me)));
    $("sheet-wants").replaceChildren(
      el("li", {}, "To know that it is you"),
      ...(scan.app_data ? [el("li", {}, "To keep an encrypted record with you (App Data)")] : []),
    );
    text($("sheet-note"), known && !known.connected ? "Its line is down: the answer will be kept for it." : "");
  }

  function drawFilekey(question) {
    delete $("sheet").dataset.tmpId;
    $("sheet").dataset.appId = question.id;
    const one = state.connections.find((other) => other.app_id === question.id);
    if (!one) return;
    const title = titleOf(one);
    text($("sheet-ask"), "Unlock the record of");
    $("sheet-logo").dataset.hue = hue(one.svc_id);
    text($("sheet-logo"), initial(title));
    text($("sheet-title"), title);
    text($("sheet-url"), one.name);
    $("sheet-facts").replaceChildren(...fact("As", nickname(one.user)), ...fact("Connection", one.app_id, true));
    $("sheet-wants").replaceChildren(el("li", {}, "The key to its encrypted record, until it signs out"));
    text($("sheet-note"), user()?.locked ? "Unlocking the phone under standing permission answers, too." : "");
  }

  function answerCall(yes) {
    if (!sheet) return null;
    if (sheet.kind === "filekey") return post(`filekey/${yes ? "approve" : "deny"}`, { app_id: sheet.id });
    if (!yes) return post("deny", { tmp_id: sheet.id });
    const delay = Number($("delay").value);
    return post("approve", { tmp_id: sheet.id, user: me, ...(delay ? { delay_ms: delay } : {}) });
  }

  function answered(question, title, yes) {
    const words = question.kind === "filekey" ? ["Filekey given", "Filekey withheld"] : [`Signed in to ${title}`, `Refused ${title}`];
    toast(words[yes ? 0 : 1]);
    if (sheet === question) sheet = null;
    chooseSheet();
  }

  for (const [id, yes] of [["approve", true], ["deny", false]]) {
    calls.set($(id), () => answerCall(yes));
    $(id).dataset.does = "";
    $(id).addEventListener("click", async () => {
      const call = answerCall(yes);
      if (!call || busy) return;
      const question = sheet;
      const title = $("sheet-title").textContent;
      busy = true;
      const done = await run(call);
      busy = false;
      if (done) answered(question, title, yes);
      else chooseSheet();
    });
  }

  $("sheet-close").addEventListener("click", () => {
    sheet = null;
    drawSheet();
  });

  $("auto").addEventListener("change", () => {
    remember("auto", $("auto").checked ? "1" : "0");
    chooseSheet();
  });

  does($("lock-button"), () => user() && post(user().locked ? "unlock" : "lock", { user: me }));
  does($("standing"), (peek) => post("filekey/standing", { user: me, on: $("standing").checked !== Boolean(peek) }), null, "change");
  does(
    $("scan-form"),
    () => {
      const pasted = $("scan-input").value.trim();
      if (!pasted) return null;
      return post("scan", pasted.includes(":") ? { uri: pasted } : { tmp_id: pasted });
    },
    (scan) => {
      $("scan-input").value = "";
      scans.set(scan.tmp_id, scan);
      if (!state.pending.some((one) => one.tmp_id === scan.tmp_id)) return toast("Already answered", true);
      open({ kind: "sign-in", id: scan.tmp_id });
    },
    "submit",
  );

  // ---- the laboratory: pending, connections, users ------------------------------------------

  function drawPending() {
    text($("n-pending"), String(state.pending.length));
    $("no-pending").hidden = state.pending.length > 0;
    reconcile(
      $("pending"),
      [...state.pending].reverse(),
      (one) => one.tmp_id,
      (one) => {
        const subject = { kind: "sign-in", id: one.tmp_id };
        const show = el("button", { type: "button", "data-testid": "show" }, "Show");
        show.addEventListener("click", () => open(subject));
        calls.set(show, () => post("scan", { tmp_id: one.tmp_id }));
        show.dataset.does = "";
        const id = `pending-${one.tmp_id}`;
        return el(
          "li",
          { id, "data-tmp-id": one.tmp_id, "data-testid": id },
          el("span.dot"),
          el("span.what", {}, el("strong"), el("small"), el("small.mono", { title: one.tmp_id }, short(one.tmp_id))),
          el("span.acts", {}, framesOf(`tmp.${one.tmp_id}`), show),
        );
      },
      (made, one) => {
        made.dataset.connected = String(one.connected);
        made.firstChild.dataset.on = String(one.connected);
        made.firstChild.title = one.connected ? "its socket is open" : "its socket is not open";
        text(made.querySelector("strong"), titleOf(one));
        text(made.querySelector("small"), `${one.name} · ${ago(one.age)}`);
      },
    );
  }

  function drawConnections() {
    const dead = state.connections.filter((one) => !one.alive).length;
    $("revoked-line").hidden = !dead;
    const shown = state.connections.filter((one) => one.alive || $("revoked").checked).reverse();
    text($("n-connections"), String(state.connections.length - dead));
    $("no-connections").hidden = shown.length > 0;
    reconcile(
      $("connections"),
      shown,
      (one) => one.app_id,
      (one) => {
        const app_id = one.app_id;
        const name = el("input.name", { "data-testid": "rename-input", "aria-label": "Name of the connection", spellcheck: "false", maxlength: 64 });
        const rename = el("form.rename", { "data-testid": "rename-form" }, name, el("button", { "data-testid": "rename" }, "Rename"));
        does(rename, () => post("rename", { app_id, name: name.value.trim() }), () => name.blur(), "submit");
        const give = el("button", { type: "button", "data-testid": "filekey-approve" }, "Give");
        const withhold = el("button", { type: "button", "data-testid": "filekey-deny" }, "Withhold");
        does(give, () => post("filekey/approve", { app_id }));
        does(withhold, () => post("filekey/deny", { app_id }));
        const revoke = el("button.danger", { type: "button", "data-testid": "revoke", id: `revoke-${app_id}` }, "Revoke");
        does(revoke, () => post("revoke", { app_id }));
        return el(
          "li",
          { id: `connection-${app_id}`, "data-app-id": app_id },
          el("span.dot"),
          el("span.what", {}, el("strong"), el("small"), el("small.mono", { title: app_id }, short(app_id))),
          el("span.acts", {}, framesOf(`app.${app_id}`), revoke),
          rename,
          el("span.prompt", {}, "asks for the filekey ", give, withhold),
        );
      },
      (made, one) => {
        made.dataset.alive = String(one.alive);
        made.dataset.asked = String(Boolean(one.filekey_asked && one.alive));
        made.firstChild.dataset.on = String(Boolean(one.connected));
        made.firstChild.title = one.connected ? "its socket is open" : "its socket is not open";
        text(made.querySelector("strong"), titleOf(one));
        text(made.querySelector("small"), `${nickname(one.user)} · SafeID ${one.safe_id}${one.alive ? "" : " · revoked"}`);
        const field = inside(made, "rename-input");
        if (document.activeElement !== field) field.value = one.name;
        inside(made, "revoke").disabled = !one.alive;
      },
    );
  }

  function drawUsers() {
    text($("n-users"), String(state.users.length));
    reconcile(
      $("users"),
      state.users,
      (one) => one.user,
      (one) => {
        const name = one.user;
        const now = () => state.users.find((other) => other.user === name) || one;
        const lock = el("button", { type: "button" });
        does(lock, () => post(now().locked ? "unlock" : "lock", { user: name }));
        const standing = el("input", { type: "checkbox", role: "switch", "data-testid": `standing-${name}` });
        does(standing, (peek) => post("filekey/standing", { user: name, on: standing.checked !== Boolean(peek) }), null, "change");
        const take = el("button", { type: "button" }, "Take phone");
        take.addEventListener("click", () => choose(name));
        return el(
          "li",
          { "data-testid": `user-${name}`, id: `user-${name}` },
          el("span.face", { "data-hue": hue(name) }),
          el("span.what", {}, el("strong"), el("small.mono", {}, `${name} · ${one.safe_id}`)),
          el("label.line", {}, standing, "standing"),
          el("span.acts", {}, lock, take),
        );
      },
      (made, one) => {
        text(made.firstChild, initial(one.nickname));
        text(made.querySelector("strong"), one.nickname);
        const [lock, take] = made.querySelectorAll(".acts button");
        text(lock, one.locked ? "Unlock" : "Lock");
        lock.dataset.testid = `${one.locked ? "unlock" : "lock"}-${one.user}`;
        take.disabled = one.user === me;
        inside(made, `standing-${one.user}`).checked = one.standing;
      },
    );
  }

  does(
    $("user-form"),
    () => {
      const name = $("new-user").value.trim();
      const nick = $("new-nickname").value.trim();
      return name ? post("users", { user: name, ...(nick ? { nickname: nick } : {}) }) : null;
    },
    (made) => {
      $("user-form").reset();
      choose(made.user);
    },
    "submit",
  );
  $("revoked").addEventListener("change", drawConnections);

  // ---- frames -------------------------------------------------------------------------------

  function framesOf(id) {
    const button = el("button", { type: "button" }, "Frames");
    calls.set(button, () => ({ method: "GET", path: `frames?id=${encodeURIComponent(id)}` }));
    button.dataset.does = "";
    button.addEventListener("click", () => pickFrames(id));
    return button;
  }

  /** All that is known of one id: what has passed before the page was open, too. */
  async function pickFrames(id) {
    drawIds();
    $("frame-id").value = id;
    if (id) {
      showCall({ method: "GET", path: `frames?id=${encodeURIComponent(id)}` });
      try {
        const all = await ask(`frames?id=${encodeURIComponent(id)}`);
        frames = [...frames.filter((one) => one.id !== id), ...all.map((one) => ({ ...one, id }))];
        frames = frames.slice(-FRAMES_KEPT);
      } catch {
        // It is gone; what was seen of it stays.
      }
    }
    drawFrames();
  }

  /** What only says that nothing has happened. */
  const isIdle = (frame) =>
    ["ping", "pong"].includes(frame.name) ||
    (frame.name === "app_connect_req" && (frame.dir === "c2s" || frame.body?.status === "pending"));

  const isShown = (frame) =>
    (!$("frame-id").value || frame.id === $("frame-id").value) && ($("pings").checked || !isIdle(frame));

  function frameRow(frame) {
    const out = frame.dir === "s2c";
    const time = frame.ts ? new Date(frame.ts * 1000).toLocaleTimeString() : "";
    const body = frame.body === undefined || frame.body === null ? {} : frame.body;
    const members = Object.keys(body);
    const said = new Set([body._res, body.status].filter((word) => typeof word === "string"));
    const about = frame.error || [...said, ...members.filter((name) => !["_res", "status"].includes(name))].join(" · ");
    return el(
      "li",
      { "data-dir": frame.dir, "data-bad": Boolean(frame.error), "data-name": frame.name },
      el(
        "details",
        {},
        el(
          "summary",
          {},
          el("span.way", { title: out ? "service to client" : "client to service" }, out ? "←" : "→"),
          el("span.mono.event", {}, frame.name || frame.error || "?"),
          el("span.about", {}, about),
          el("span.mono.id", { title: frame.id }, short(frame.id || "")),
          el("time", {}, time),
        ),
        el("pre", {}, frame.error ? frame.error : JSON.stringify(body, null, 2)),
      ),
    );
  }

  function drawFrames() {
    const list = $("frames");
    const shown = frames.filter(isShown);
    list.replaceChildren(...shown.map(frameRow));
    list.scrollTop = list.scrollHeight;
    countFrames(shown.length);
  }

  function countFrames(count) {
    text($("n-frames"), String(count));
    $("no-frames").hidden = count > 0;
  }

  function addFrame(frame) {
    frames.push(frame);
    if (frames.length > FRAMES_KEPT) frames = frames.slice(-FRAMES_KEPT);
    if (!isShown(frame)) return;
    const list = $("frames");
    const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
    list.append(frameRow(frame));
    while (list.childElementCount > FRAMES_KEPT) list.firstElementChild.remove();
    if (atEnd) list.scrollTop = list.scrollHeight;
    countFrames(list.childElementCount);
  }

  /** The ids that can be chosen, in the three places where one can. */
  function drawIds() {
    const ids = [
      ...state.pending.map((one) => [`tmp.${one.tmp_id}`, `attempt ${short(one.tmp_id)}`]),
      ...state.connections.filter((one) => one.alive).map((one) => [`app.${one.app_id}`, `${nickname(one.user)}: ${one.name}`]),
    ];
    for (const [id, all] of [["frame-id", true], ["fault-scope", true], ["push-id", false]]) {
      const select = $(id);
      const kept = select.value;
      const wanted = all ? [["", "everybody"], ...ids] : [...ids];
      if (kept && !wanted.some(([value]) => value === kept)) wanted.push([kept, short(kept)]);
      reconcile(
        select,
        wanted,
        ([value]) => value,
        ([value]) => el("option", { value }),
        (option, [, words]) => text(option, words),
      );
      select.value = kept;
      if (!all && !select.value && wanted.length) select.value = wanted[0][0];
    }
  }

  $("frame-id").addEventListener("change", () => pickFrames($("frame-id").value));
  $("pings").addEventListener("change", drawFrames);
  $("clear-frames").addEventListener("click", () => {
    frames = [];
    drawFrames();
  });

  // ---- faults -------------------------------------------------------------------------------

  const typed = (words) => (/^-?\d+$/.test(words) ? Number(words) : words);

  function faultCall(row, name, args) {
    const given = args.map((arg) => [arg, inside(row, `arg-${name}-${arg}`).value.trim()]).filter(([, value]) => value);
    const times = Number(inside(row, `times-${name}`).value);
    const [kind, ...rest] = $("fault-scope").value.split(".");
    const body = { fault: name };
    if (given.length) body.args = Object.fromEntries(given.map(([arg, value]) => [arg, typed(value)]));
    if (times > 0) body.times = times;
    if (kind) body[`${kind}_id`] = rest.join(".");
    return post("faults", body);
  }

  function faultRow(fault) {
    const name = fault.fault;
    const box = el("input", { type: "checkbox", role: "switch", "data-testid": `fault-${name}`, id: `fault-${name}` });
    const row = el(
      "div.fault",
      { "data-fault": name },
      box,
      el("label.mono", { for: `fault-${name}` }, name),
      el(
        "span.args",
        {},
        ...(fault.args || []).map((arg) => el("input", { placeholder: arg, "aria-label": `${name}: ${arg}`, "data-testid": `arg-${name}-${arg}`, spellcheck: "false" })),
        el("input.times", { placeholder: "× all", "aria-label": `${name}: how many times`, inputmode: "numeric", "data-testid": `times-${name}` }),
      ),
      el("p.does", {}, fault.does || ""),
      el("p.expect", {}, el("span", {}, "A correct client: "), fault.expect || ""),
    );
    const call = (peek) =>
      box.checked !== Boolean(peek)
        ? faultCall(row, name, fault.args || [])
        : { method: "DELETE", path: `faults?fault=${encodeURIComponent(name)}` };
    calls.set(box, call);
    box.dataset.does = "";
    box.addEventListener("change", async () => {
      const others = box.checked ? [] : faults.active.filter((one) => one.fault !== name);
      await run(call());
      await lookFaults();
      // Where the call takes all of them away, the others are set again.
      const still = new Set(faults.active.map((one) => one.fault));
      for (const one of others.filter((other) => !still.has(other.fault))) {
        const again = { fault: one.fault, args: one.args, times: one.left, tmp_id: one.tmp_id, app_id: one.app_id };
        await run(post("faults", Object.fromEntries(Object.entries(again).filter(([, value]) => value !== null && value !== undefined))));
      }
      if (others.length) lookFaults();
    });
    return row;
  }

  function drawFaults() {
    const known = new Map(faults.known.map((one) => [one.fault, one]));
    const groups = FAULT_GROUPS.map(([title, names]) => [title, names.split(" ").map((name) => known.get(name)).filter(Boolean)]);
    const grouped = new Set(groups.flatMap(([, list]) => list.map((one) => one.fault)));
    groups.push(["Other", faults.known.filter((one) => !grouped.has(one.fault))]);
    const wanted = $("fault-filter").value.trim().toLowerCase();
    const active = new Map(faults.active.map((one) => [one.fault, one]));
    reconcile(
      $("faults"),
      groups.filter(([, list]) => list.length),
      ([title]) => title,
      ([title, list]) => el("details.group", {}, el("summary", {}, el("span", {}, title), el("span.count")), el("div", {}, ...list.map(faultRow))),
      (made, [, list]) => {
        let hits = 0;
        let on = 0;
        for (const row of made.querySelectorAll(".fault")) {
          const fault = known.get(row.dataset.fault);
          const set = active.get(row.dataset.fault);
          const hit = !wanted || `${fault.fault} ${fault.does} ${fault.expect}`.toLowerCase().includes(wanted);
          row.hidden = !hit;
          hits += hit ? 1 : 0;
          on += set ? 1 : 0;
          const left = set?.left ?? set?.times;
          row.dataset.on = String(Boolean(set));
          row.querySelector("[role=switch]").checked = Boolean(set);
          const reach = set?.tmp_id || set?.app_id;
          row.dataset.left = set ? `${left ? `${left} left` : "until switched off"}${reach ? `, for ${short(reach)}` : ""}` : "";
        }
        made.hidden = !hits;
        if (wanted && hits) made.open = true;
        text(made.querySelector(".count"), on ? `${on} on` : String(list.length));
        made.querySelector(".count").dataset.on = String(on > 0);
      },
    );
    text($("n-faults"), `${faults.active.length} on`);
    $("n-faults").dataset.on = String(faults.active.length > 0);
    $("clear-faults").disabled = !faults.active.length;
  }

  async function lookFaults() {
    try {
      Object.assign(faults, await ask("faults"));
      drawFaults();
    } catch {
      // The line about the emulator says so already.
    }
  }

  does($("clear-faults"), () => ({ method: "DELETE", path: "faults" }), lookFaults);
  $("fault-filter").addEventListener("input", drawFaults);

  // ---- the service --------------------------------------------------------------------------

  does($("clock-form"), () => post("clock", { offset: Number($("offset").value) || 0 }), () => toast("Clock set"), "submit");
  does($("rotate"), () => post("rotate_keys"), () => toast("Server keys rotated"));
  calls.set($("reset"), () => post("reset"));
  $("reset").dataset.does = "";
  $("reset").addEventListener("click", async () => {
    // Twice, because nothing brings it back.
    if ($("reset").dataset.sure !== "true") {
      $("reset").dataset.sure = "true";
      text($("reset"), "Really reset?");
      setTimeout(() => {
        $("reset").dataset.sure = "false";
        text($("reset"), "Reset everything");
      }, 4000);
      return;
    }
    if (!(await run(post("reset")))) return;
    scans.clear();
    seen.clear();
    frames = [];
    sheet = null;
    drawFrames();
    lookFaults();
    toast("As new");
  });
  does(
    $("push-form"),
    (peek) => {
      try {
        return post("push", { id: $("push-id").value, from: $("push-from").value.trim(), body: JSON.parse($("push-body").value || "{}") });
      } catch {
        if (!peek) toast("The body is not JSON", true);
        return null;
      }
    },
    () => toast("Pushed"),
    "submit",
  );

  // ---- keyboard, copying, clock -------------------------------------------------------------

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const key = event.key.toLowerCase();
    if (key === "a" && sheet) $("approve").click();
    else if (key === "d" && sheet) $("deny").click();
    else if (key === "l") $("lock-button").click();
    else if (key === "escape" && sheet) $("sheet-close").click();
    else if (key === "/") $("scan-input").focus();
    else return;
    event.preventDefault();
  });

  $("copy").addEventListener("click", () => shownCall && copyText(curl(shownCall), $("copy")));
  $("calls-toggle").addEventListener("click", () => {
    $("calls").hidden = !$("calls").hidden;
    $("calls-toggle").setAttribute("aria-expanded", String(!$("calls").hidden));
  });

  const tell = () => text($("clock"), new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
  setInterval(tell, 5000);
  tell();

  // ---- live ---------------------------------------------------------------------------------

  let stream = null;
  let spoken = false; // the stream has said something since it was opened
  let pollTimer = 0;
  let lookTimer = 0;

  function draw() {
    for (const one of state.connections) {
      if (!one.filekey_asked) seen.delete(`filekey ${one.app_id}`);
    }
    drawPhone();
    drawPending();
    drawConnections();
    drawUsers();
    drawIds();
    chooseSheet();
  }

  function take(now) {
    for (const name of Object.keys(state)) {
      if (Array.isArray(now[name])) state[name] = now[name];
    }
    if (Array.isArray(now.faults)) {
      faults.active = now.faults;
      drawFaults();
    }
    if (now.unloq) document.dispatchEvent(new CustomEvent("unloq", { detail: now.unloq }));
    const open = new Set(state.pending.map((one) => one.tmp_id));
    for (const id of scans.keys()) if (!open.has(id)) scans.delete(id);
    draw();
  }

  function say(words, how) {
    text($("live"), words);
    $("live").dataset.how = how;
  }

  async function poll() {
    clearTimeout(pollTimer);
    try {
      const names = Object.keys(state);
      const answers = await Promise.all(names.map(ask));
      const unloq = await ask("unloq/state");
      take({ ...Object.fromEntries(names.map((name, index) => [name, answers[index]])), unloq });
      if (!spoken) say("Live by polling", "polling");
    } catch {
      if (!spoken) say("The emulator does not answer", "gone");
    }
    if (!spoken) pollTimer = setTimeout(poll, POLL);
  }

  /** After an action: the stream will tell; without one we look. */
  function look() {
    if (spoken) return;
    clearTimeout(lookTimer);
    lookTimer = setTimeout(poll, 50);
  }

  function listen() {
    stream?.close();
    stream = new EventSource(`${API}stream`);
    stream.addEventListener("state", (event) => {
      if (!spoken) lookFaults();
      spoken = true;
      clearTimeout(pollTimer);
      say("Live", "live");
      take(JSON.parse(event.data));
    });
    stream.addEventListener("frame", (event) => {
      addFrame(JSON.parse(event.data));
    });
    stream.addEventListener("missed", () => toast("Some frames passed too fast to be shown", true));
    stream.addEventListener("error", () => {
      spoken = false;
      if (stream.readyState === EventSource.CLOSED) setTimeout(listen, 5 * POLL);
      poll();
    });
  }

  // Ages go on between two changes.
  setInterval(() => {
    if (!spoken) return;
    state.pending.forEach((one) => (one.age += 1));
    drawPending();
  }, 1000);

  // The other script of the page, which draws UNLOQ's panels.
  globalThis.phonePage = { $, el, text, reconcile, does, post, toast, initial, hue, short, ago };

  $("auto").checked = remembered("auto") !== "0";
  lookFaults();
  poll();
  listen();
})();
