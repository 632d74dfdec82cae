#!/usr/bin/env python3
"""Checks every library with no features and with each feature alone, warnings as errors."""
import json
import subprocess
import sys

metadata = json.loads(
    subprocess.run(
        ["cargo", "metadata", "--format-version", "1", "--no-deps"],
        check=True,
        capture_output=True,
    ).stdout
)
failed = []
for package in metadata["packages"]:
    if not any("lib" in target["kind"] for target in package["targets"]):
        continue
    features = [[]] + [[name] for name in sorted(package["features"]) if name != "default"]
    for chosen in features:
        command = ["cargo", "check", "--quiet", "--lib", "-p", package["name"], "--no-default-features"]
        if chosen:
            command += ["--features", ",".join(chosen)]
        result = subprocess.run(command, capture_output=True, text=True)
        word = "ok" if result.returncode == 0 and "warning" not in result.stderr else "FAILED"
        print(f"{package['name']} [{','.join(chosen) or 'none'}] {word}", flush=True)
        if word != "ok":
            failed.append(result.stderr)
print("\n".join(failed))
sys.exit(bool(failed))
