// A sign-in with keys of the browser's own, from the first random byte to the session (K 7.8):
//
//   1. keys are made, and live in this module's memory only;
//   2. the site is told the public signing key, and answers with a challenge for this browser;
//   3. the handshake with KeyLockr, the socket, the code, the phone's approval: the site has no part;
//   4. the ids that came of it are signed together with the challenge and the site's origin. The ids
//      alone are worth nothing: whoever overhears them cannot sign that.

import { ascii, canonical, fromBase64, join, sha256, toBase64 } from "./bytes.js";
import { generateKeys } from "./envelope.js";
import { Attempt, Ended } from "./keylockr.js";

const RETRIES = [1000, 2000, 4000]; // ms; while the site cannot ask KeyLockr

/**
 * Signs in. `show(status, detail)` is told of every step; the answer is where to go on.
 * Throws `Ended` for every other end.
 */
export async function signIn(about, show, given) {
  const over = new AbortController();
  const stop = AbortSignal.any([given, over.signal]);
  const keys = generateKeys();
  const attempt = new Attempt(about.api, about.family, stop);
  let challenge = null;
  try {
    challenge = await register(about, keys);
    const code = await attempt.begin(keys, challenge.svc_id, about.name);
    const left = await timeLeft(about, challenge);
    const approval = attempt.approval(() => show("connected", { code, left }));
    const { appId, safeId } = await within(left, approval);
    show("authorized");
    return await prove(about, keys, challenge, appId, safeId, stop);
  } catch (error) {
    if (challenge) giveUp(about, challenge);
    throw error instanceof Ended ? error : new Ended("failed", "protocol");
  } finally {
    over.abort();
    attempt.erase();
    keys.erase();
  }
}

/** The same, or its end by time. */
function within(seconds, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Ended("expired", "expired")), seconds * 1000);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Tells the site which key is this browser's. */
async function register(about, keys) {
  const body = { sign_pk: toBase64(keys.signPublic), next: about.next };
  const answer = await post(`${about.mount}/challenge`, body).catch(lost);
  if (answer.status === 429) throw new Ended("failed", "too_many");
  if (answer.status !== 201) throw new Ended("failed", "site");
  const challenge = await answer.json();
  // A proof for another site's origin would be that site's to use.
  if (challenge.aud !== location.origin) throw new Ended("failed", "site");
  return challenge;
}

/** What the site says is left of the attempt, in seconds. */
async function timeLeft(about, challenge) {
  const address = `${about.mount}/status?attempt=${challenge.attempt_id}`;
  const answer = await fetch(address, { cache: "no-store" }).catch(lost);
  const status = answer.ok ? await answer.json() : {};
  return status.expires_in > 0 ? status.expires_in : 60;
}

/** Proves that the key is here, and that it is the connection's. */
async function prove(about, keys, challenge, appId, safeId, stop) {
  const claims = { aud: challenge.aud, ch: fromBase64(challenge.challenge), id: appId, safe: safeId, v: 1 };
  const message = join(ascii("klsso/pop/v1\n"), await sha256(canonical(claims)));
  const body = {
    attempt_id: challenge.attempt_id,
    app_id: appId,
    safe_id: safeId,
    signature: toBase64(keys.signDetached(message)),
  };
  let end = "unavailable";
  for (const wait of [...RETRIES, null]) {
    if (stop.aborted) throw new Ended("cancelled", "cancelled");
    const answer = await post(`${about.mount}/verify`, body).catch(() => null);
    if (answer?.ok) return answer.json();
    const code = await answer?.json().then((body) => body.code, () => null);
    const isLost = !answer || (answer.status >= 500 && !code);
    // An answer that got lost, or a gateway's in its place, may have been a session: from then on no word
    // says that nothing was changed.
    if (isLost) end = "network";
    else if (end !== "network") end = code === "not_asked" ? "unavailable" : "site";
    const again = isLost || answer.status === 502 || answer.status === 503;
    if (!again) throw new Ended("failed", code ?? "site");
    if (wait === null) break;
    await new Promise((done) => setTimeout(done, wait));
  }
  throw new Ended("failed", end);
}

/** The site itself does not answer: not KeyLockr's doing. */
function lost() {
  throw new Ended("failed", "network");
}

/** The site need not wait for this attempt any more. */
function giveUp(about, challenge) {
  post(`${about.mount}/cancel?attempt=${challenge.attempt_id}`, {}).catch(() => {});
}

function post(address, body) {
  return fetch(address, {
    method: "POST",
    credentials: "same-origin",
    cache: "no-store",
    headers: { "content-type": "application/json", accept: "application/json" },
    body: JSON.stringify(body),
  });
}
