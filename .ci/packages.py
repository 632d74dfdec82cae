#!/usr/bin/env python3
"""What would be published: fails if a package's sources read a file that is not in it, if it lacks or carries what it should
not, or if its front pages (README.md on crates.io, src/lib.rs on docs.rs) miss a feature in their tables, or the oldest Rust.

    .ci/packages.py           sizes, and every include_str!, include_bytes!, include! and #[path]
    .ci/packages.py --list    the files of each package too
    .ci/packages.py --pack    and lets Cargo write the packages; below target/package/unpacked they are a workspace of their own

Sources of tests may read beside the package: tests stay in the repository.
"""
import json
import pathlib
import re
import shutil
import subprocess
import sys

LARGEST = 1_000_000  # bytes, unpacked
NEEDED = {"Cargo.toml", "README.md", "LICENSE-APACHE", "LICENSE-MIT"}
DESCRIBED = ["description", "license", "repository", "readme", "keywords", "categories", "rust_version"]
READS = re.compile(r'(?:include(?:_str|_bytes)?!\(\s*|#\[path\s*=\s*)"([^"]+)"|include(?:_str|_bytes)?!\(\s*concat!')
# From here on a file is tests; or this one item is.
REST_IS_TESTS = re.compile(r"^#\[cfg\(test\)\]\n(?:#\[.*\n)*(?:pub(?:\(\w+\))? )?mod \w+ \{", re.M)
ITEM_IS_TEST = re.compile(r"#\[cfg\((?:test|any\(test, fuzzing\))\)\]\s*\Z")


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def reads(source, folder):
    """What a source file reads, below `folder`; None stands for a path that is put together."""
    tests = REST_IS_TESTS.search(source)
    for found in READS.finditer(source):
        line = source.rfind("\n", 0, found.start()) + 1
        if (tests and found.start() > tests.start()) or source[line : found.start()].lstrip().startswith("//"):
            continue
        if ITEM_IS_TEST.search(source[: found.start()]):
            continue
        yield (folder / found[1]).resolve() if found[1] else None


def features_missing(package, root):
    """Rows `| `name` | yes |` that a front page does not have, or has for no feature."""
    default = set(package["features"].get("default", []))
    expected = {(name, "yes" if name in default else "") for name in package["features"] if name != "default"}
    for page, start in [("README.md", ""), ("src/lib.rs", "//! ")]:
        if not (root / page).exists():
            continue  # a command
        rows = re.findall(rf"^{start}\| `([a-z-]+)` \| *(yes|) *\|", (root / page).read_text(encoding="utf-8"), re.M)
        for name, on in sorted(expected ^ set(rows)):
            yield f"{page}: feature {name}{' (default)' if on else ''} is in Cargo.toml or in the table alone"


metadata = json.loads(run("cargo", "metadata", "--format-version", "1", "--no-deps"))
wrong = []
published = [package for package in metadata["packages"] if package["publish"] != []]
for package in published:
    name, root = package["name"], pathlib.Path(package["manifest_path"]).parent
    files = run("cargo", "package", "--list", "--allow-dirty", "--quiet", "-p", name).split("\n")
    paths = {file: (root / file) for file in files if file and (root / file).exists()}
    size = sum(path.stat().st_size for path in paths.values())
    print(f"{name}: {len(paths)} files, {size} bytes")
    if "--list" in sys.argv:
        print("\n".join(f"    {file}" for file in sorted(paths)))
    wrong += [f"{name}: no {file}" for file in sorted(NEEDED - paths.keys())]
    wrong += [f"{name}: no {field}" for field in DESCRIBED if not package[field]]
    wrong += [f"{name}: {size} bytes, more than {LARGEST}"] if size > LARGEST else []
    wrong += [f"{name}: more than five keywords"] if len(package["keywords"]) > 5 else []
    wrong += [f"{name}: {file} is a test's" for file in paths if re.search(r"(^|/)(tests/|\w*tests\.rs$|\w*\.pem$)", file)]
    if f"Rust {package['rust_version']}" not in (root / "README.md").read_text(encoding="utf-8"):
        wrong.append(f"{name}: README.md does not say that Rust {package['rust_version']} is enough")
    wrong += [f"{name}: {line}" for line in features_missing(package, root)]
    inside = {path.absolute() for path in paths.values()}
    for file, path in paths.items():
        if path.suffix != ".rs":
            continue
        for read in reads(path.read_text(encoding="utf-8"), path.parent):
            if read is None:
                wrong.append(f"{name}: {file} reads a path that is put together")
            elif read not in inside:
                wrong.append(f"{name}: {file} reads {read}, which is not in the package")
if len(published) != 9:
    wrong.append(f"{len(published)} packages would be published, not nine")
if "--pack" in sys.argv and not wrong:
    names = [word for package in published for word in ("-p", package["name"])]
    command = ["cargo", "package", "--quiet", "--locked", "--allow-dirty", "--no-verify", *names]
    packed = subprocess.run(command, capture_output=True, text=True)
    if packed.returncode:  # else it lists the tests that stay here
        sys.exit(packed.stderr)
    target = pathlib.Path("target/package")
    shutil.rmtree(target / "unpacked", ignore_errors=True)
    (target / "unpacked").mkdir()
    # Each takes the others from beside it, as it will take them from crates.io.
    manifest = '[workspace]\nresolver = "3"\nmembers = ["*"]\n\n[patch.crates-io]\n'
    for package in published:
        file = f"{package['name']}-{package['version']}"
        subprocess.run(["tar", "-C", target / "unpacked", "-xzf", target / f"{file}.crate"], check=True)
        manifest += f'{package["name"]} = {{ path = "{file}" }}\n'
    (target / "unpacked/Cargo.toml").write_text(manifest, encoding="utf-8")
    shutil.copy("Cargo.lock", target / "unpacked/Cargo.lock")
print("\n".join(wrong) or "packages: complete, and nothing too many")
sys.exit(bool(wrong))
