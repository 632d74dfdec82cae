// UNLOQ's panels of the phone page: what its devices ask, its users, sessions, mails and hooks.
// Tools come from script.js; what is drawn comes with each of its `unloq` events.
//
// Names for tests (data-testid, stable):
//   unloq-approvals    list; items carry data-approval-id, data-email, data-kind="AUTHENTICATION" …;
//                      inside: unloq-approve, unloq-deny
//   unloq-people       list; items are unloq-person-<unloq_id>, with data-email, data-active;
//                      inside: unloq-otp, unloq-activate, unloq-deactivate
//   unloq-sessions     list; items carry data-session-id, data-sid; inside: unloq-log-out
//   unloq-outbox       list; inside: unloq-mail-link
//   unloq-deliveries   list; items carry data-delivery-id, data-event, data-status (200, timeout …);
//                      inside: unloq-redeliver
//   unloq-apps         list; items carry data-api-key; inside: unloq-widget
//   unloq-add-user
(() => {
  "use strict";

  const { $, el, text, reconcile, does, post, toast, initial, hue, short, ago } = globalThis.phonePage;
  const KINDS = { AUTHENTICATION: "Sign in to", AUTHORIZATION: "Approve for", ENCRYPTION_KEY: "Hand out the personal key to" };
  const STEP = 60; // seconds of a one-time password
  let now = { profiles: [], approvals: [], sessions: [], outbox: [], deliveries: [], apps: [], otp_left: STEP };

  const call = (path, body) => post(`unloq/${path}`, body);
  const nameOf = (email) => now.profiles.find((one) => one.email === email)?.first_name || email;

  /** A list, its count, and the words where it is empty. */
  function list(id, items, keyOf, make, update) {
    reconcile($(id), items, keyOf, make, update);
    const none = $(`no-${id}`);
    if (none) none.hidden = items.length > 0;
    const count = $(`n-${id}`);
    if (count) text(count, String(items.length));
  }

  function detail(one) {
    const parts = [];
    if (one.message) parts.push(["", one.message]);
    if (one.reference) parts.push(["Reference", one.reference]);
    for (const [name, value] of one.variables) parts.push([name, value]);
    if (one.requester) parts.push(["Wanted by", one.requester]);
    if (one.ip) parts.push(["From", one.ip]);
    if (one.kind === "ENCRYPTION_KEY") parts.push(["", one.encrypted ? "encrypted for the application" : "in clear: UNLOQ will see it"]);
    return parts.map(([name, value]) => el("small", {}, name ? `${name}: ${value}` : value));
  }

  function drawApprovals() {
    list(
      "unloq-approvals",
      [...now.approvals].reverse(),
      (one) => one.id,
      (one) => {
        const approve = el("button.primary", { type: "button", "data-testid": "unloq-approve" }, "Approve");
        const deny = el("button.danger", { type: "button", "data-testid": "unloq-deny" }, "Deny");
        does(approve, () => call("approve", { id: one.id }), () => toast(`Approved for ${one.app}`));
        does(deny, () => call("deny", { id: one.id }), () => toast(`Refused ${one.app}`));
        return el(
          "li",
          { "data-approval-id": one.id, "data-email": one.email, "data-kind": one.kind },
          el("span.face", { "data-hue": hue(one.email) }, initial(nameOf(one.email))),
          el("span.what", {}, el("strong", {}, `${KINDS[one.kind] || one.kind} ${one.app}`), el("small.who"), ...detail(one)),
          el("span.acts", {}, deny, approve),
        );
      },
      (made, one) => text(made.querySelector(".who"), `${one.email} · ${ago(one.age)}`),
    );
    $("n-unloq-approvals").dataset.on = String(now.approvals.length > 0);
  }

  function drawPeople() {
    list(
      "unloq-people",
      now.profiles,
      (one) => one.unloq_id,
      (one) => {
        const button = el("button", { type: "button" });
        const current = () => now.profiles.find((other) => other.unloq_id === one.unloq_id) || one;
        const on = () => current().active && current().paired;
        does(
          button,
          () => call(on() ? "deactivate" : "activate", { user: String(one.unloq_id) }),
          (sent) => toast(told(sent)),
        );
        return el(
          "li",
          { "data-testid": `unloq-person-${one.unloq_id}`, "data-email": one.email },
          el("span.face", { "data-hue": hue(one.email) }),
          el("span.what", {}, el("strong"), el("small.mono"), el("small.state")),
          el("span.otp", {}, el("span.mono", { "data-testid": "unloq-otp" }), el("small")),
          el("span.acts", {}, button),
        );
      },
      (made, one) => {
        const on = one.active && one.paired;
        made.dataset.active = String(on);
        text(made.firstChild, initial(one.first_name || one.email));
        text(made.querySelector("strong"), one.first_name || one.email);
        text(made.querySelector(".what .mono"), `${one.email} · ${one.unloq_id}`);
        const states = [one.active ? "" : "deactivated", one.paired ? "" : "no device", one.push ? "" : "takes no pushes", one.otp_due ? "must give the one-time password next" : ""];
        text(made.querySelector(".state"), states.filter(Boolean).join(", "));
        const otp = made.querySelector(".otp");
        otp.hidden = !one.otp;
        text(otp.firstChild, one.otp ? `${one.otp.slice(0, 3)} ${one.otp.slice(3)}` : "");
        text(otp.lastChild, `one-time password, ${now.otp_left} s`);
        const button = made.querySelector(".acts button");
        text(button, on ? "Deactivate" : "Activate");
        button.className = on ? "danger" : "";
        button.dataset.testid = on ? "unloq-deactivate" : "unloq-activate";
      },
    );
  }

  /** What became of the hooks that an action sent. */
  function told(sent) {
    if (!sent?.length) return "Done; no application has a hook for it";
    const good = sent.filter((one) => last(one) === "200").length;
    return good === sent.length ? "Done, and the application knows" : `Done, but the application answered ${sent.map(last).join(", ")}`;
  }

  function last(delivery) {
    const attempt = delivery.attempts.at(-1);
    return attempt ? String(attempt.status ?? attempt.failed) : "on its way";
  }

  function drawSessions() {
    list(
      "unloq-sessions",
      now.sessions,
      (one) => one.id,
      (one) => {
        const out = el("button.danger", { type: "button", "data-testid": "unloq-log-out" }, "Log out");
        does(out, () => call("log_out", { id: one.id }), (sent) => toast(told(sent)));
        return el(
          "li",
          { "data-session-id": one.id, "data-sid": one.sid },
          el("span.what", {}, el("strong", {}, one.app), el("small", {}, one.email), el("small.mono", { title: one.sid }, short(one.sid))),
          el("span.acts", {}, out),
        );
      },
      () => {},
    );
  }

  function drawOutbox() {
    list(
      "unloq-outbox",
      [...now.outbox].reverse(),
      (one) => one.link,
      (one) => {
        const link = el("a.button", { href: one.link, target: "_blank", rel: "noreferrer", "data-testid": "unloq-mail-link" }, "Open link");
        return el("li", {}, el("span.what", {}, el("strong", {}, `Sign in to ${one.app}`), el("small")), el("span.acts", {}, link));
      },
      (made, one) => text(made.querySelector("small"), `${one.to} · ${ago(one.age)}${one.age >= 60 ? " · too old" : ""}`),
    );
  }

  function drawDeliveries() {
    list(
      "unloq-deliveries",
      [...now.deliveries].reverse().slice(0, 20),
      (one) => one.id,
      (one) => {
        const again = el("button", { type: "button", "data-testid": "unloq-redeliver" }, "Send again");
        does(again, () => call("redeliver", { id: one.id }), (sent) => toast(told([sent])));
        return el(
          "li",
          { "data-delivery-id": one.id, "data-event": one.event },
          el("span.dot"),
          el("span.what", {}, el("strong", {}, one.event), el("small.mono", {}, one.url), el("small")),
          el("span.acts", {}, again),
        );
      },
      (made, one) => {
        made.dataset.status = last(one);
        made.firstChild.dataset.on = String(last(one) === "200");
        made.firstChild.title = last(one) === "200" ? "answered with 200" : "not answered with 200";
        text(made.querySelectorAll("small")[1], one.attempts.length > 1 ? `${last(one)}, after ${one.attempts.length} attempts` : last(one));
      },
    );
  }

  function drawApps() {
    list(
      "unloq-apps",
      now.apps,
      (one) => one.api_key,
      (one) => {
        const widget = el("a.button", { target: "_blank", rel: "noreferrer", "data-testid": "unloq-widget" }, "Widget");
        return el("li", { "data-api-key": one.api_key }, el("span.what", {}, el("strong"), el("small.mono", {}, one.api_key), el("small")), el("span.acts", {}, widget));
      },
      (made, one) => {
        text(made.querySelector("strong"), one.name);
        text(made.querySelectorAll("small")[1], `keys ${one.mode.replace("_", " ")} · ${one.padding} · ${one.hooks.length ? `hooks: ${one.hooks.join(", ")}` : "no hooks"}`);
        const widget = made.querySelector("a");
        widget.hidden = !one.return_url;
        widget.href = `${now.api}/widget?key=${encodeURIComponent(one.widget_key)}`;
      },
    );
  }

  function draw() {
    drawApprovals();
    drawPeople();
    drawSessions();
    drawOutbox();
    drawDeliveries();
    drawApps();
  }

  does(
    $("unloq-user-form"),
    () => {
      const email = $("unloq-email").value.trim();
      const first_name = $("unloq-first-name").value.trim();
      return email ? call("profiles", { email, first_name }) : null;
    },
    () => $("unloq-user-form").reset(),
    "submit",
  );

  /** One-time passwords change by themselves, and what is not answered goes. */
  async function look() {
    try {
      const answer = await fetch("/_emu/v1/unloq/state", { cache: "no-store" });
      if (answer.ok) take(await answer.json());
    } catch {
      // The line about the emulator says so already.
    }
  }

  function take(next) {
    now = next;
    draw();
  }

  document.addEventListener("unloq", (event) => take(event.detail));

  setInterval(() => {
    for (const one of [...now.approvals, ...now.outbox]) one.age += 1;
    now.otp_left -= 1;
    if (now.otp_left <= 0 || now.approvals.some((one) => one.age > 0 && one.age % 10 === 0)) return look();
    drawApprovals();
    drawOutbox();
    drawPeople();
  }, 1000);
})();
