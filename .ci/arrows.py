#!/usr/bin/env python3
"""Who may depend on whom: fails on any edge between our crates that the house does not have.

proto <- client <- login <- {tower, actix}; unloq-* stand alone; the emulator is for dev-dependencies,
examples, benches and the command line.
"""
import json
import subprocess
import sys

ARROWS = {
    "keylockr-proto": set(),
    "keylockr-client": {"keylockr-proto"},
    "keylockr-login": {"keylockr-proto", "keylockr-client"},
    "keylockr-tower": {"keylockr-login"},
    "keylockr-actix": {"keylockr-login"},
    "keylockr-emulator": set(),
    "unloq-webhooks": set(),
    "unloq-client": set(),
}
# What a library must not depend on itself; what others bring along is not looked at.
FOREIGN = {
    "keylockr-proto": {"tokio", "http", "tracing", "getrandom", "rand", "reqwest"},
    "keylockr-client": {"tower", "axum", "actix-web", "tower-sessions", "actix-session"},
    "keylockr-login": {"http", "tower", "axum", "actix-web", "tower-sessions", "actix-session"},
    "unloq-webhooks": {"tokio"},
}
ENDS = {"keylockr-cli", "benches", "manual"}  # and every example: they may use anything of ours

metadata = json.loads(
    subprocess.run(
        ["cargo", "metadata", "--format-version", "1", "--no-deps"],
        check=True,
        capture_output=True,
    ).stdout
)
ours = {package["name"] for package in metadata["packages"]}
wrong = []
for package in metadata["packages"]:
    name = package["name"]
    end = name in ENDS or "/examples/" in package["manifest_path"]
    for dependency in package["dependencies"]:
        to, kind = dependency["name"], dependency["kind"] or "normal"
        if to in FOREIGN.get(name, ()) and kind == "normal" and not dependency["optional"]:
            wrong.append(f"{name} -> {to} ({kind}): not in this crate")
        if to not in ours or end:
            continue
        if kind == "dev" and to == "keylockr-emulator":
            continue
        if kind == "dev" and name in ("keylockr-tower", "keylockr-actix", "keylockr-login", "keylockr-client"):
            continue
        if (name, to, kind) == ("keylockr-emulator", "keylockr-proto", "dev"):
            continue  # its tests hold the two codecs against each other
        if to not in ARROWS.get(name, set()):
            wrong.append(f"{name} -> {to} ({kind}): not an arrow of the house")
print("\n".join(wrong) or f"arrows: {len(ours)} crates, all as drawn")
sys.exit(bool(wrong))
