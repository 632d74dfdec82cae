// The KPS envelope (K 3): frames sealed to KeyLockr, and frames of KeyLockr opened. Names of errors
// are the protocol's. The order of the checks matters: the first that fails is the one that counts.

import "/modules/tweetnacl.js";
import { canonical, isBytes, isMap, read, sha256, toBase64 } from "./bytes.js";

const nacl = globalThis.nacl;
const LARGEST = 65536;
const NONCE = 24;
const PAST = 600; // seconds
const FUTURE = 180;

const hex = (text) => Uint8Array.from(text.match(/../g), (pair) => parseInt(pair, 16));

// K 1.5: box keys with which everybody would share one and the same secret; tweetnacl takes them.
const WEAK_BOX = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
].map(hex);
// K 1.4: signing keys of small order, under which one signature is good for everything.
const WEAK_SIGN = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
].map(hex);
const ORDER = hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");

function among(weak, key) {
  const unsigned = key.slice();
  unsigned[31] &= 0x7f;
  return weak.some((other) => nacl.verify(other, unsigned));
}

/** The scalar of a signature has one spelling (K 1.4); tweetnacl takes others. */
function belowOrder(scalar) {
  for (let at = 31; at >= 0; at -= 1) {
    if (scalar[at] !== ORDER[at]) return scalar[at] < ORDER[at];
  }
  return false;
}

/** The keys of one attempt. They live in this object alone; `erase` it at the end. */
export function generateKeys() {
  const sign = nacl.sign.keyPair();
  const box = nacl.box.keyPair();
  return {
    signPublic: sign.publicKey,
    boxPublic: box.publicKey,
    sign: (message) => nacl.sign(message, sign.secretKey),
    signDetached: (message) => nacl.sign.detached(message, sign.secretKey),
    agree: (publicKey) => nacl.box.before(publicKey, box.secretKey),
    erase() {
      sign.secretKey.fill(0);
      box.secretKey.fill(0);
    },
  };
}

/** KeyLockr's two public keys, judged. */
export function serverKeys(boxKey, signKey) {
  if (!isBytes(boxKey, 32) || !isBytes(signKey, 32)) throw new Error("E_KEY");
  if (among(WEAK_BOX, boxKey) || among(WEAK_SIGN, signKey)) throw new Error("E_KEY");
  return { box: boxKey, sign: signKey };
}

/** One line of frames between these keys and KeyLockr's. */
export class Channel {
  #keys;
  #server;
  #shared;
  #seen = new Set();

  constructor(keys, server) {
    this.#keys = keys;
    this.#server = server;
    this.#shared = keys.agree(server.box);
  }

  /** A frame that asks `to` for something, in the name of `id`. */
  async seal(id, to, body, now) {
    const inner = canonical({ header: { to, ts: now }, body });
    const n = nacl.randomBytes(NONCE);
    const box = nacl.box.after(inner, n, this.#shared);
    const kps = { app_ver: "klsso/browser-keys", box, id, n };
    const seal = this.#keys.sign(await sha256(canonical(kps)));
    return canonical({ kps, seal });
  }

  /** What a frame of KeyLockr says: `{ from, body }`. */
  async open(frame, now) {
    if (frame.length > LARGEST) throw new Error("E_SIZE");
    const root = decoded(frame, "E_MSGPACK");
    if (!isMap(root) || !isMap(root.kps) || !isBytes(root.seal, 96)) throw new Error("E_SHAPE");
    const { kps, seal } = root;
    const embedded = kps.n === undefined || kps.n === null;
    const enough = isBytes(kps.box) && kps.box.length >= (embedded ? NONCE + 16 : 16);
    const raw = kps.raw ?? [];
    const shaped =
      enough &&
      (embedded || isBytes(kps.n, NONCE)) &&
      Array.isArray(raw) &&
      raw.every((item) => isBytes(item)) &&
      plain(kps);
    if (!shaped) throw new Error("E_SHAPE");

    const sealed = belowOrder(seal.subarray(32, 64)) && nacl.sign.open(seal, this.#server.sign);
    if (!sealed) throw new Error("E_SEAL");
    // Over our own spelling of what was read, whatever the sender's was (K 3.5).
    const hash = await sha256(canonical(kps));
    if (!nacl.verify(sealed, hash)) throw new Error("E_HASH");

    const n = embedded ? kps.box.subarray(0, NONCE) : kps.n;
    const box = embedded ? kps.box.subarray(NONCE) : kps.box;
    const opened = nacl.box.open.after(box, n, this.#shared);
    if (!opened) throw new Error("E_BOX");
    const inner = decoded(opened, "E_INNER");
    const header = inner?.header;
    const read = isMap(inner) && isMap(header) && isMap(inner.body);
    if (!read || typeof header.from !== "string" || !header.from) throw new Error("E_INNER");
    if (!Number.isSafeInteger(header.ts) || header.ts < 0) throw new Error("E_INNER");
    if (header.ts < now - PAST || header.ts > now + FUTURE) throw new Error("E_TIME");

    const name = toBase64(hash);
    if (this.#seen.has(name)) throw new Error("E_REPLAY");
    this.#seen.add(name);
    return { from: header.from, body: inner.body };
  }

  /** The `sig` of the socket's address (K 5.1). */
  sig(text) {
    return this.#keys.sign(text);
  }

  erase() {
    this.#shared.fill(0);
    this.#seen.clear();
  }
}

function decoded(bytes, error) {
  try {
    return read(bytes);
  } catch {
    throw new Error(error);
  }
}

/** What has one hash everywhere (K 2.4): no numbers. */
function plain(value) {
  if (value === null || typeof value === "boolean" || typeof value === "string") return true;
  if (isBytes(value)) return true;
  if (Array.isArray(value)) return value.every(plain);
  return isMap(value) && Object.values(value).every(plain);
}

