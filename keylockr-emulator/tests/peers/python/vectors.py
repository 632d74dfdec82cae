"""Known answers: what this client seals and opens must be what everybody else does."""

import json

from nacl import bindings as nacl

from kps import Client, Refused, pack


def check(path):
    with open(path, encoding="utf-8") as file:
        vectors = json.load(file)["vectors"]
    sealed = opened = 0
    for vector in vectors:
        given, expect = vector["input"], vector["expect"]
        if vector["kind"] == "kps_seal" and not given["raw"] and not given["omit_n"]:
            _, sign_sk = nacl.crypto_sign_seed_keypair(bytes.fromhex(given["client_sign_seed"]))
            client = Client(
                given["identity"],
                bytes.fromhex(given["client_enc_sk"]),
                sign_sk,
                bytes.fromhex(given["server_enc_pk"]),
                None,
                given["app_ver"],
            )
            nonce = bytes.fromhex(given["nonce"])
            frame = client.seal(given["action"], given["ts"], plain(given["body"]), nonce)
            if frame.hex() != expect["frame"]:
                raise Refused(f"{vector['id']}: sealed {frame.hex()}")
            sealed += 1
        elif vector["kind"] == "kps_open" and expect["ok"]:
            frame = bytes.fromhex(given["frame"])
            if b"raw" in frame:
                continue
            keys = ("client_enc_sk", "server_enc_pk", "server_sign_pk")
            enc_sk, enc_pk, sign_pk = (bytes.fromhex(given[name]) for name in keys)
            message = Client("", enc_sk, None, enc_pk, sign_pk).open(frame)
            wanted = (expect["from"], expect["ts"], pack(plain(expect["body"])))
            if (message[0], message[1], pack(message[2])) != wanted:
                raise Refused(f"{vector['id']}: opened {message}")
            opened += 1
    return {"sealed": sealed, "opened": opened}


def plain(value):
    """The file's tagged JSON as msgpack's values."""
    if isinstance(value, dict):
        if "$bin" in value:
            return bytes.fromhex(value["$bin"])
        return {name: plain(member) for name, member in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value
