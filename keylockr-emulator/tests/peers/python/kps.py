"""The KPS envelope, as the public documentation describes it."""

import base64
import hashlib
import os

import msgpack
from nacl import bindings as nacl
from nacl.exceptions import CryptoError


class Refused(Exception):
    """A frame that must not be believed, or a peer that said no."""


def pack(value):
    """Canonical msgpack: shortest forms, keys sorted."""
    return msgpack.packb(_ordered(value), use_bin_type=True)


def _ordered(value):
    if isinstance(value, dict):
        return {name: _ordered(value[name]) for name in sorted(value, key=str.encode)}
    if isinstance(value, (list, tuple)):
        return [_ordered(item) for item in value]
    return value


def unpack(data):
    value = msgpack.unpackb(data, raw=False, strict_map_key=True)
    if not isinstance(value, dict):
        raise Refused("not a map")
    return value


class Client:
    """One connection's keys and the identity it speaks as."""

    def __init__(self, identity, enc_sk, sign_sk, server_enc_pk, server_sign_pk, app_ver=None):
        self.identity = identity
        self.enc_sk, self.sign_sk = enc_sk, sign_sk
        self.server_enc_pk, self.server_sign_pk = server_enc_pk, server_sign_pk
        self.app_ver = app_ver

    def seal(self, action, ts, body, nonce=None):
        """An outgoing message."""
        nonce = nonce or os.urandom(24)
        inner = pack({"header": {"ts": ts, "to": action}, "body": body})
        kps = {
            "id": self.identity,
            "box": nacl.crypto_box(inner, nonce, self.server_enc_pk, self.enc_sk),
            "n": nonce,
        }
        if self.app_ver:
            kps["app_ver"] = self.app_ver
        digest = hashlib.sha256(pack(kps)).digest()
        return pack({"kps": kps, "seal": nacl.crypto_sign(digest, self.sign_sk)})

    def open(self, frame):
        """Verifies and opens a frame of the server: (from, ts, body)."""
        root = unpack(frame)
        kps, seal = root.get("kps"), root.get("seal")
        if not isinstance(kps, dict) or not isinstance(seal, bytes) or len(seal) != 96:
            raise Refused("no envelope")
        try:
            digest = nacl.crypto_sign_open(seal, self.server_sign_pk)
            # Over the re-encoded map: the wire may spell it otherwise.
            if digest != hashlib.sha256(pack(kps)).digest():
                raise Refused("bad seal")
            sealed, nonce = kps["box"], kps.get("n")
            if nonce is None:
                nonce, sealed = sealed[:24], sealed[24:]
            inner = unpack(nacl.crypto_box_open(sealed, nonce, self.server_enc_pk, self.enc_sk))
        except CryptoError as error:
            raise Refused("bad seal or box") from error
        header = inner["header"]
        if type(header["ts"]) is not int:
            raise Refused("no time")
        return header["from"], header["ts"], inner["body"]

    def sig(self, ts):
        """The WebSocket's query parameter: a signature over who we are and when."""
        signed = nacl.crypto_sign(f"{self.identity}.{ts}".encode(), self.sign_sk)
        return base64.urlsafe_b64encode(signed).rstrip(b"=").decode()
