// Bytes and their texts, hashes, and msgpack as the protocol wants it (K 1.8, 2).

import { encode } from "/modules/msgpack/encode.mjs";
import { decode } from "/modules/msgpack/decode.mjs";

const LARGEST = 65536;

/** Shortest forms, sorted keys, and what is absent left out. */
export const canonical = (value) => encode(value, { sortKeys: true, ignoreUndefined: true });

/** One whole document, with limits: lengths are compared with what is there before room is made. */
export function read(bytes) {
  if (bytes.length === 0 || bytes.length > LARGEST) throw new Error("E_SIZE");
  const most = bytes.length;
  return decode(bytes, {
    maxStrLength: most,
    maxBinLength: most,
    maxArrayLength: most,
    maxMapLength: most >> 1,
    maxExtLength: 0,
  });
}

export const isBytes = (value, length) =>
  value instanceof Uint8Array && (length === undefined || value.length === length);

export const isMap = (value) =>
  typeof value === "object" &&
  value !== null &&
  [Object.prototype, null].includes(Object.getPrototypeOf(value));

export async function sha256(bytes) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

export function toBase64(bytes) {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

/** Standard alphabet, padded, one spelling. */
export function fromBase64(text) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  if (toBase64(bytes) !== text) throw new Error("E_KEY");
  return bytes;
}

export const toBase64Url = (bytes) =>
  toBase64(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

export const ascii = (text) => new TextEncoder().encode(text);

export function join(...parts) {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
