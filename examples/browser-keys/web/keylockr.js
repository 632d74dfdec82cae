// One attempt with KeyLockr: keys fetched, hands shaken, socket opened, result judged (K 4, 5, 7).

import { ascii, canonical, fromBase64, isMap, read, toBase64Url } from "./bytes.js";
import { Channel, serverKeys } from "./envelope.js";

const PATIENCE = 15000; // ms for every call, and for the greeting
const SEED_GREETING = 2000; // ms; in the seed family it may be missing
const STRIKES = 8;
const BACKOFF = [1000, 2000, 4000, 8000, 15000];
const REFUSED = new Set(["authorization_denied", "app_auth_denied", "safe_auth_denied", "denied"]);

/** The attempt has ended; `code` says how. */
export class Ended extends Error {
  constructor(status, code) {
    super(`${status}: ${code}`);
    this.status = status;
    this.code = code;
  }
}

export class Attempt {
  #api;
  #family;
  #channel = null;
  #offset = 0;
  #tmpId = "";
  #socket = null;
  #stop;

  /** `stop` is the signal of an AbortController: nothing goes on after it. */
  constructor(api, family, stop) {
    this.#api = api;
    this.#family = family;
    this.#stop = stop;
    stop.addEventListener("abort", () => this.#close());
  }

  /** Fetches KeyLockr's keys and time, and shakes hands: the text of the code. */
  async begin(keys, service, name) {
    const [box, sign] = await Promise.all([this.#key("key_enc"), this.#key("key_sign"), this.#clock()]);
    this.#channel = new Channel(keys, serverKeys(box, sign));
    const about = this.#family === "appdata" ? { app_tag: service } : { svc_id: service };
    const hello = { sign_pk: keys.signPublic, enc_pk: keys.boxPublic, name, ...about };
    const answer = read(
      new Uint8Array(
        await this.#call("handshake", "arrayBuffer", {
          method: "POST",
          headers: { "content-type": "application/octet-stream", accept: "application/octet-stream" },
          body: canonical(hello),
        }),
      ),
    );
    if (!isMap(answer) || (answer._res ?? "ok") !== "ok") throw new Ended("failed", "service_refused");
    const ids = this.#family === "appdata" ? /^[A-Za-z0-9-]{36}$/ : /^[A-Za-z0-9_-]{1,128}$/;
    // It is going to be signed and drawn.
    if (typeof answer.tmp_id !== "string" || !ids.test(answer.tmp_id)) throw new Ended("failed", "protocol");
    this.#tmpId = answer.tmp_id;
    return `keylockr://sso?tmp_id=${encodeURIComponent(this.#tmpId)}`;
  }

  /** Waits for the phone: `{ appId, safeId }`. `ready` is called when the code may be shown. */
  async approval(ready) {
    for (let tries = 0; ; tries += 1) {
      if (this.#stop.aborted) throw new Ended("cancelled", "cancelled");
      const result = await this.#connection(ready, () => {
        tries = 0;
      });
      if (result) return result;
      await pause(BACKOFF[Math.min(tries, BACKOFF.length - 1)] * (0.8 + Math.random() * 0.4), this.#stop);
    }
  }

  now() {
    return Math.floor(Date.now() / 1000) + this.#offset;
  }

  erase() {
    this.#close();
    this.#channel?.erase();
  }

  /** One socket, from its opening to the result, an end, or a break (nothing). */
  #connection(ready, alive) {
    const identity = `tmp.${this.#tmpId}`;
    const sig = toBase64Url(this.#channel.sig(ascii(`${identity}.${this.now()}`)));
    const socket = new WebSocket(`${this.#api.replace(/^http/, "ws")}/ws?sig=${sig}`);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    let strikes = 0;
    let greeted = false;
    let order = Promise.resolve(); // frames are handled one after the other
    return new Promise((resolve, reject) => {
      let timer = setTimeout(() => socket.close(), PATIENCE);
      const end = (settle, value) => {
        clearTimeout(timer);
        this.#stop.removeEventListener("abort", stopped);
        socket.onmessage = socket.onclose = null;
        socket.close();
        settle(value);
      };
      const stopped = () => end(reject, new Ended("cancelled", "cancelled"));
      const greet = () => {
        clearTimeout(timer);
        greeted = true;
        alive();
        ready();
      };
      this.#stop.addEventListener("abort", stopped);
      socket.onopen = () => {
        if (this.#family !== "seed") return;
        clearTimeout(timer);
        timer = setTimeout(greet, SEED_GREETING);
      };
      socket.onclose = () => end(resolve, null);
      socket.onmessage = (message) => {
        if (typeof message.data === "string") return;
        const frame = new Uint8Array(message.data);
        order = order.then(() => handle(frame)).catch((error) => end(reject, error));
      };
      const handle = async (frame) => {
        try {
          const { from, body } = await this.#channel.open(frame, this.now());
          if (from === "connected") {
            if (!greeted) greet();
          } else if (from === "ping" && greeted) {
            socket.send(await this.#channel.seal(identity, "pong", {}, this.now()));
          } else if (from === "app_auth_result" && greeted) {
            end(resolve, this.#judge(body));
          } else {
            throw new Error("out of phase");
          }
        } catch (error) {
          if (error instanceof Ended) throw error;
          // Repeated frames are part of the game (K 5.5); others are not.
          if (error.message !== "E_REPLAY") strikes += 1;
          if (strikes >= STRIKES) throw new Ended("failed", "protocol");
        }
      };
    });
  }

  /** Who approved, or how the attempt ends instead (K 7.4, 7.5). */
  #judge(body) {
    const seed = this.#family === "seed";
    const result = body._res ?? (seed ? "ok" : "missing");
    if (result !== "ok" || body.status === "error") {
      const denied = REFUSED.has(body.code);
      throw new Ended(denied ? "denied" : "failed", denied ? "denied" : "protocol");
    }
    if (!seed) {
      const asked = Array.isArray(body.capabilities) && body.capabilities.join() === "sso";
      const ours = body.tmp_id === undefined || body.tmp_id === this.#tmpId;
      if (body.status !== "done" || !asked || !ours) throw new Ended("failed", "protocol");
    }
    return { appId: id(seed ? body.sso_client_id : body.app_id), safeId: id(body.safe_id) };
  }

  async #key(name) {
    return fromBase64((await this.#call(name, "text")).trim());
  }

  async #clock() {
    const begun = Date.now();
    const { ts } = JSON.parse(await this.#call("clock", "text"));
    const middle = (begun + Date.now()) / 2000;
    if (!Number.isSafeInteger(ts)) throw new Ended("failed", "clock");
    this.#offset = Math.round(ts - middle);
    if (this.#offset < -180 || this.#offset > 600) throw new Ended("failed", "clock");
  }

  async #call(name, kind, options) {
    const signal = AbortSignal.any([this.#stop, AbortSignal.timeout(PATIENCE)]);
    const request = { credentials: "omit", redirect: "error", cache: "no-store", referrerPolicy: "no-referrer" };
    try {
      const answer = await fetch(`${this.#api}/${name}`, { ...request, ...options, signal });
      if (answer.ok) return await answer[kind]();
    } catch {
      // No network, no time, or our own end: told below.
    }
    if (this.#stop.aborted) throw new Ended("cancelled", "cancelled");
    throw new Ended("failed", "unavailable");
  }

  #close() {
    this.#socket?.close();
    this.#socket = null;
  }
}

/** K 6: text, or an integer that becomes text; it is going to be signed. */
function id(value) {
  const text = Number.isSafeInteger(value) ? String(value) : value;
  const good = typeof text === "string" && /^[^.\u0000-\u001f\u007f]{1,128}$/u.test(text);
  if (!good) throw new Ended("failed", "protocol");
  return text;
}

function pause(ms, stop) {
  return new Promise((resolve, reject) => {
    if (stop.aborted) return reject(new Ended("cancelled", "cancelled"));
    const timer = setTimeout(resolve, ms);
    stop.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new Ended("cancelled", "cancelled"));
    });
  });
}
