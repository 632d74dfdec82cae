// What the page shows of a sign-in.

import { draw } from "./code.js";
import { signIn } from "./sign_in.js";

const part = (id) => document.getElementById(id);
const card = part("card");
const { api, family, mount, next, name } = card.dataset;
const about = { api, family, mount, next, name };

const WORDS = {
  waiting: "Connecting to KeyLockr …",
  connected: "Waiting for your phone …",
  authorized: "Approved. One moment …",
  done: "Signed in. Taking you on …",
  denied: "The request was refused on the phone.",
  expired: "This code is no longer valid.",
  cancelled: "Cancelled.",
  failed: "KeyLockr cannot be reached right now. Nothing was changed.",
  "failed:network": "This site cannot be reached right now. Are you online?",
  "failed:site": "Signing in is not possible right now. Nothing was changed.",
  "failed:too_many": "Too many attempts from here. Wait a moment.",
  "failed:not_admitted": "You may not sign in here.",
  "failed:wrong_proof": "The approval could not be confirmed. Nothing was changed.",
  "failed:clock": "The clock of this device is wrong. Nothing was changed.",
};
const LIVE = new Set(["waiting", "connected"]);
const OVER = new Set(["denied", "expired", "cancelled", "failed"]);

let attempt = null; // its AbortController
let deadline = 0;

function show(status, detail = {}) {
  card.dataset.status = status;
  card.dataset.code = detail.error ?? "";
  part("status").textContent = WORDS[`${status}:${detail.error}`] ?? WORDS[status];
  if (status === "connected") {
    if (!part("code").firstElementChild) {
      part("code").replaceChildren(draw(detail.code));
      part("open").href = detail.code;
      deadline = performance.now() + detail.left * 1000;
    }
  } else {
    // An open invitation: gone at once, whatever comes.
    part("code").replaceChildren();
    part("open").removeAttribute("href");
  }
  part("open").hidden = part("left").hidden = status !== "connected";
  part("cancel").hidden = !LIVE.has(status);
  part("again").hidden = !OVER.has(status);
  part("go").hidden = status !== "done";
  tick();
}

function tick() {
  if (card.dataset.status !== "connected") return;
  const left = Math.max(0, Math.ceil((deadline - performance.now()) / 1000));
  part("left").textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
}

async function start() {
  const mine = new AbortController();
  attempt = mine;
  const tell = (...said) => {
    if (attempt === mine) show(...said);
  };
  show("waiting");
  try {
    const done = await signIn(about, tell, mine.signal);
    tell("done");
    // The server has judged `next`; it is a path of this site.
    part("go").href = done.next;
    location.replace(done.next);
  } catch (end) {
    tell(end.status ?? "failed", { error: end.code });
    if (attempt === mine) part("again").focus({ preventScroll: true });
  }
}

part("again").addEventListener("click", start);
part("cancel").addEventListener("click", () => attempt?.abort());
// A page that comes back from the browser's cache has no keys any more.
addEventListener("pageshow", (event) => event.persisted && location.reload());
setInterval(tick, 1000);
start();
