#!/usr/bin/env python3
"""The public API of each library, as a list that is compared: what breaks programs shows up in a review.

    .ci/api.py            fails where .ci/api/<crate>.txt or .ci/api/foreign.txt say something else than the code
    .ci/api.py --write    writes the lists; foreign.txt, which is written by hand, is only checked

A line is an item with its path, types by their last names; all features are on. foreign.txt has the types and traits of
other crates that our signatures name: their next breaking version is ours.
"""
import difflib
import json
import os
import pathlib
import subprocess
import sys

CRATES = ["keylockr-proto", "keylockr-client", "keylockr-login", "keylockr-tower", "keylockr-actix", "keylockr-emulator",
          "unloq-client", "unloq-webhooks"]
FORMATS = range(55, 61)  # of the JSON; others may say things in other words
STD = {"std", "core", "alloc"}
AUTO = ("Send", "Sync", "Unpin")
SUITES = {"keylockr_emulator::browser", "keylockr_emulator::conformance"}  # for this repository's tests; no promise is made
HERE = pathlib.Path(__file__).parent


class Api:
    def __init__(self, name):
        self.json = json.loads(pathlib.Path("target/doc", name.replace("-", "_") + ".json").read_text(encoding="utf-8"))
        if self.json["format_version"] not in FORMATS:
            print(f"SKIPPED: the public API: rustdoc's JSON is of version {self.json['format_version']} here")
            sys.exit(os.environ.get("KEYLOCKR_REQUIRE_SYSTEM") == "1")
        self.items, self.lines, self.foreign = self.json["index"], set(), set()
        self.module(self.items[str(self.json["root"])], name.replace("-", "_"))

    def external(self, item_id):
        """Notes a type or trait of a crate that is neither ours nor the standard library."""
        known = self.json["paths"].get(str(item_id))
        if known and known["crate_id"]:
            crate = known["path"][0]
            if crate not in STD and not crate.startswith(("keylockr_", "unloq_")):
                self.foreign.add(f"{crate}::{known['path'][-1]}")  # modules on the way may be private

    def path(self, path):
        self.external(path["id"])
        return path["path"].split("::")[-1] + self.args(path.get("args"))

    def args(self, args):
        if not args or args == "return_type_notation":
            return ""
        if "parenthesized" in args:
            call = args["parenthesized"]
            return f"({', '.join(map(self.type, call['inputs']))})" + self.output(call["output"])
        args = args["angle_bracketed"]
        words = [self.arg(arg) for arg in args["args"]]
        for one in args["constraints"]:
            name, binding = one["name"], one["binding"]
            equal = "equality" in binding
            words.append(f"{name} = {self.arg(binding['equality'])}" if equal else f"{name}: {self.bounds(binding['constraint'])}")
        return f"<{', '.join(words)}>" if words else ""

    def arg(self, arg):
        if arg == "infer":
            return "_"
        kind, value = next(iter(arg.items()))
        return self.type(value) if kind == "type" else value["expr"] if kind == "const" else value

    def bounds(self, bounds):
        words = []
        for bound in bounds:
            if "trait_bound" in bound:
                maybe = "?" if bound["trait_bound"]["modifier"] == "maybe" else ""
                words.append(maybe + self.path(bound["trait_bound"]["trait"]))
            elif "outlives" in bound:
                words.append(bound["outlives"])
        return " + ".join(words)

    def output(self, kind):
        return f" -> {self.type(kind)}" if kind else ""

    def type(self, of):
        if isinstance(of, str):
            return "_"
        kind, value = next(iter(of.items()))
        if kind == "resolved_path":
            return self.path(value)
        if kind == "tuple":
            return f"({', '.join(map(self.type, value))})"
        if kind == "slice":
            return f"[{self.type(value)}]"
        if kind == "array":
            return f"[{self.type(value['type'])}; {value['len']}]"
        if kind == "borrowed_ref":
            return "&" + (f"{value['lifetime']} " if value["lifetime"] else "") + ("mut " if value["is_mutable"] else "") + self.type(value["type"])
        if kind == "dyn_trait":
            return "dyn " + " + ".join([self.path(bound["trait"]) for bound in value["traits"]] + [value["lifetime"]] * bool(value["lifetime"]))
        if kind == "impl_trait":
            return f"impl {self.bounds(value)}"
        if kind == "qualified_path":
            trait, of = value.get("trait"), self.type(value["self_type"])
            of = f"<{of} as {self.path(trait)}>" if trait and trait["path"] else of
            return f"{of}::{value['name']}{self.args(value.get('args'))}"
        if kind == "function_pointer":
            return f"fn({', '.join(self.type(one) for _, one in value['sig']['inputs'])}){self.output(value['sig']['output'])}"
        return value  # a parameter or a primitive

    def generics(self, generics):
        """Parameters in angle brackets, and what stands after `where`."""
        words, predicates = [], []
        for param in generics["params"]:
            kind, value = next(iter(param["kind"].items()))
            bounds = self.bounds(value["bounds"]) if kind == "type" else ""
            of = f": {self.type(value['type'])}" if kind == "const" else bounds and f": {bounds}"
            if not value.get("is_synthetic"):  # an `impl Trait` stands with the arguments
                words.append(f"{'const ' if kind == 'const' else ''}{param['name']}{of}")
        for predicate in generics["where_predicates"]:
            if "bound_predicate" in predicate:
                bound = predicate["bound_predicate"]
                predicates.append(f"{self.type(bound['type'])}: {self.bounds(bound['bounds'])}")
        return (f"<{', '.join(words)}>" if words else "", f" where {', '.join(predicates)}" if predicates else "")

    def say(self, item, line):
        marks = (mark for mark in ("non_exhaustive", "must_use") if mark in json.dumps(item["attrs"]))
        self.lines.add(line.rstrip(": ") + "".join(f" #[{mark}]" for mark in marks))

    def module(self, item, path):
        for child_id in item["inner"]["module"]["items"]:
            self.item(child_id, path)

    def item(self, item_id, parent):
        item = self.items.get(str(item_id))
        if not item or item["visibility"] not in ("public", "default"):
            return
        kind, inner = next(iter(item["inner"].items()))
        path = f"{parent}::{item['name']}"
        if kind == "module":
            if path not in SUITES:
                self.say(item, f"mod {path}")
                self.module(item, path)
        elif kind == "use":
            self.reexport(item, inner, parent)
        elif kind == "function":
            self.function(item, inner, path)
        elif kind in ("struct", "enum"):
            self.data(item, kind, inner, path)
        elif kind == "trait":
            params, where = self.generics(inner["generics"])
            self.say(item, f"trait {path}{params}: {self.bounds(inner['bounds'])}{where}")
            for one in inner["items"]:
                self.item(one, path)
        elif kind == "type_alias":
            self.say(item, f"type {path}{''.join(self.generics(inner['generics']))} = {self.type(inner['type'])}")
        elif kind == "assoc_type":
            self.say(item, f"type {path}: {self.bounds(inner['bounds'])}")
        elif kind in ("constant", "static", "assoc_const"):
            self.say(item, f"const {path}: {self.type(inner['type'])}")
        else:
            self.say(item, f"{kind} {path}")

    def reexport(self, item, inner, parent):
        target = self.items.get(str(inner["id"]))
        if target and target["crate_id"] == 0:
            if inner["is_glob"]:
                self.module(target, parent)
            elif target["name"] == inner["name"]:
                self.item(inner["id"], parent)
            else:
                self.say(item, f"use {parent}::{inner['name']} = {inner['source']}")
        else:
            self.external(inner["id"])
            self.say(item, f"use {parent}::{'*' if inner['is_glob'] else inner['name']} = {inner['source']}")

    def function(self, item, inner, path):
        params, where = self.generics(inner["generics"])
        takes = ", ".join(f"self: {self.type(kind)}" if name == "self" else self.type(kind) for name, kind in inner["sig"]["inputs"])
        words = "".join(f"{word} " for word in ("const", "async", "unsafe") if inner["header"][f"is_{word}"])
        body = " { .. }" if inner["has_body"] and item["visibility"] == "default" else ""
        self.say(item, f"fn {path}{params}({takes}){self.output(inner['sig']['output'])}{where}{body}{words and f' // {words}'}".rstrip())

    def fields(self, shape, path):
        """Of a struct or of a variant."""
        kind, value = next(iter(shape.items())) if isinstance(shape, dict) else ("tuple", [])
        for one in value if kind == "tuple" else value["fields"]:
            field = self.items.get(str(one))
            if field and field["visibility"] in ("public", "default"):
                self.say(field, f"field {path}.{field['name']}: {self.type(field['inner']['struct_field'])}")

    def data(self, item, kind, inner, path):
        params, where = self.generics(inner["generics"])
        self.say(item, f"{kind} {path}{params}{where}")
        if kind == "enum":
            for one in inner["variants"]:
                variant = self.items[str(one)]
                self.say(variant, f"variant {path}::{variant['name']}")
                self.fields(variant["inner"]["variant"]["kind"], f"{path}::{variant['name']}")
        else:
            self.fields(inner["kind"], path)
        auto = []
        for one in inner["impls"]:
            self.implementation(self.items.get(str(one)), item["id"], path, auto)
        self.lines.add(f"auto {path}: {' + '.join(word for word in AUTO if word in auto) or 'none'}")

    def implementation(self, item, owner, path, auto):
        inner = item and item["inner"]["impl"]
        if not inner or inner["blanket_impl"]:
            return
        trait = inner["trait"]
        if inner["is_synthetic"] or (trait and trait["path"] in AUTO):
            auto += [trait["path"]] * (not inner["is_negative"])
        elif trait and trait["path"] != "StructuralPartialEq":
            params, where = self.generics(inner["generics"])
            target, of = self.type(inner["for"]), inner["for"].get("resolved_path")
            if of and of["id"] != owner and str(of["id"]) in self.items:
                return  # said where that one is
            target = path + self.args(of["args"]) if of and of["id"] == owner else target
            types = (self.items[str(one)] for one in inner["items"])
            types = (f" {one['name']} = {self.type(one['inner']['assoc_type']['type'])};" for one in types if "assoc_type" in one["inner"])
            self.lines.add(f"impl{params} {self.path(trait)} for {target}{where}{''.join(types)}")
        elif not trait:
            for one in inner["items"]:
                self.item(one, path)



def main():
    libraries = ["--exclude=manual", "--exclude=benches", "--no-deps", "--all-features", "--lib", "--quiet"]
    json_of = {"RUSTDOC": str(HERE / "rustdoc"), "RUSTDOCFLAGS": "-Zunstable-options --output-format=json"}
    subprocess.run(["cargo", "doc", "--workspace", *libraries], check=True, env=os.environ | json_of)
    lines = (line.split("#")[0].split() for line in (HERE / "api/foreign.txt").read_text(encoding="utf-8").splitlines())
    listed, found, wrong = {tuple(line) for line in lines if line}, set(), 0
    for name in CRATES:
        api = Api(name)
        found |= {(name, kind) for kind in api.foreign}
        file, now = HERE / "api" / f"{name}.txt", sorted(api.lines)
        print(f"{name}: {len(now)} lines, {len(api.foreign)} foreign types and traits")
        if "--write" in sys.argv:
            file.write_text("\n".join(now) + "\n", encoding="utf-8")
        for line in difflib.unified_diff(file.read_text(encoding="utf-8").splitlines(), now, "before", "now", n=0, lineterm=""):
            wrong += 1
            print(f"    {line}")
    for crate, kind in sorted(found ^ listed):
        wrong += 1
        print(f"foreign: {crate} {kind}{'' if (crate, kind) in found else ': listed, and in no signature'}")
    if wrong:
        print("Meant? Then .ci/api.py --write, foreign.txt by hand, and a line in CHANGELOG.md.")
    return bool(wrong)


sys.exit(main())
