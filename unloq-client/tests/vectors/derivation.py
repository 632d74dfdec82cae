#!/usr/bin/env python3
"""Writes derivation.json: HKDF-SHA256 and check value of U 5.4, by Python's hmac alone."""
import hashlib
import hmac
import json


def mac(key: bytes, text: bytes) -> bytes:
    return hmac.new(key, text, hashlib.sha256).digest()


def derive(key: bytes, salt: bytes, application: str, user: str, purpose: str) -> bytes:
    info = b"\0".join([b"unloq-pek/v1", application.encode(), user.encode(), purpose.encode()])
    return mac(mac(salt, key), info + b"\x01")


cases = []
for key, application, user, purpose in [
    (b"q8Zt3VnB7xLm2RkP5wYc9JdF4sHg6TaE", "acme", "1234", "notes"),
    (b"q8Zt3VnB7xLm2RkP5wYc9JdF4sHg6TaE", "acme", "1234", "notes2"),
    (b"q8Zt3VnB7xLm2RkP5wYc9JdF4sHg6TaE", "acme", "123", "4notes"),
    (b"\x00", "a" * 256, "99999999999999999999", "p" * 256),
    (bytes(range(256)) * 16, "ümläut", "1", "x"),
]:
    salt = hashlib.sha256(application.encode() + key).digest()
    cases.append(
        {
            "key": key.hex(),
            "salt": salt.hex(),
            "application": application,
            "user": user,
            "purpose": purpose,
            "derived": derive(key, salt, application, user, purpose).hex(),
            "check_value": mac(derive(key, salt, application, user, "check"), b"kcv").hex(),
        }
    )
print(json.dumps(cases, indent=1))
