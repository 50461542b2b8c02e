#!/usr/bin/env python3
"""Extracts schemas of resources from CDKTF's bindings, which are generated from the provider's own schema.

    extract.py PACKAGE_FOLDER PROVIDER TYPE… > PROVIDER.json

PACKAGE_FOLDER is an unpacked npm package @cdktf/provider-<name>. The result has the format of `terraform providers schema -json`, for
the types that are named (data sources as data.<type>). It is committed, so that checks need neither the package nor the provider.

The bindings do not say whether an optional attribute is computed too; it is taken for one that is not, but for id.
"""

import json
import re
import sys
from pathlib import Path

ENTRY = re.compile(
    r"^\s+(?P<name>\w+): \{\s*value: (?P<value>.*?),\s*isBlock: (?P<block>true|false),\s*"
    r'type: "(?P<kind>\w+)",\s*storageClassType: "(?P<storage>\w+)",?\s*\}',
    re.M | re.S,
)
SIMPLE = {"string": "string", "boolean": "bool", "number": "number"}
GETTER = re.compile(r"return this\.get(?P<kind>\w+)Attribute\('(?P<name>\w+)'\)")
COMPUTED = {
    "String": "string", "Number": "number", "Boolean": "bool", "List": ["list", "string"], "NumberList": ["list", "number"],
    "StringMap": ["map", "string"], "NumberMap": ["map", "number"], "BooleanMap": ["map", "bool"], "AnyMap": ["map", "string"],
}


def camel(name: str) -> str:
    """The name of an attribute in the bindings."""
    head, *rest = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)


class Bindings:
    """The files of one resource."""

    def __init__(self, folder: Path) -> None:
        self.code = "\n".join(path.read_text() for path in sorted(folder.rglob("*.js")))
        self.types = "\n".join(path.read_text() for path in sorted(folder.rglob("*.d.ts")))

    def entries(self, beginning: str) -> list[dict[str, str]]:
        """What is written to HCL, from the list of attributes that follows a beginning."""
        start = self.code.index("const attrs = {", self.code.index(beginning))
        indent = " " * (start - self.code.rindex("\n", 0, start) - 1)
        end = self.code.index(f"\n{indent}}};", start)
        return [match.groupdict() for match in ENTRY.finditer(self.code, start, end)]

    def required(self, interface: str) -> set[str]:
        """The members of an interface that have to be there."""
        match = re.search(rf"export interface {interface}(?: extends [\w. ,]+)? \{{(.*?)\n\}}", self.types, re.S)
        if not match:
            raise LookupError(f"there is no interface {interface}")
        return set(re.findall(r"^\s+readonly (\w+): ", match[1], re.M))

    def block(self, entries: list[dict[str, str]], interface: str) -> dict:
        """A block with what is written into it."""
        required = self.required(interface)
        block: dict = {"attributes": {}, "block_types": {}}
        for entry in entries:
            name, is_required = entry["name"], camel(entry["name"]) in required
            struct = re.sub(r"(List|Set|Map)$", "", entry["storage"])
            if entry["block"] == "true":
                function = struct[:1].lower() + struct[1:] + "ToHclTerraform"
                inner = self.block(self.entries(f"function {function}("), struct)
                mode = "single" if entry["kind"] == "struct" else entry["kind"]
                block["block_types"][name] = {
                    "nesting_mode": mode,
                    "block": inner,
                    "min_items": int(is_required and mode != "single"),
                    # Blocks of which there is one at most are not written by a mapper of lists.
                    "max_items": int("istMapper" not in entry["value"] and mode != "single"),
                }
                continue
            block["attributes"][name] = {"type": self.kind(entry, struct), ("required" if is_required else "optional"): True}
        return block

    def kind(self, entry: dict[str, str], struct: str) -> object:
        """The type of an attribute, in the notation of cty."""
        if entry["kind"] == "simple":
            return SIMPLE[entry["storage"]]
        collection = entry["kind"]
        plain = re.fullmatch(r"(string|boolean|number)((?:List|Set|Map)+)", entry["storage"])
        if plain:
            # The innermost collection stands first.
            kind: object = SIMPLE[plain[1]]
            for wrapper in re.findall("List|Set|Map", plain[2]):
                kind = [wrapper.lower(), kind]
            return [collection, kind[1]]
        # Lists of objects that may be written as blocks too.
        function = struct[:1].lower() + struct[1:] + "ToHclTerraform"
        members = {inner["name"]: self.kind(inner, re.sub(r"(List|Set|Map)$", "", inner["storage"])) for inner in self.entries(f"function {function}(")}
        return ["object", members] if collection == "struct" else [collection, ["object", members]]


def schema(package: Path, provider: str, kind: str) -> dict:
    """The schema of a resource, or of a data source."""
    is_data = kind.startswith("data.")
    plain = kind.removeprefix("data.").removeprefix(f"{provider}_")
    folder = package / "lib" / ((f"data-{provider}-" if is_data else "") + plain.replace("_", "-"))
    bindings = Bindings(folder)
    name = re.search(r"export interface (\w+Config) extends cdktf\.TerraformMetaArguments", bindings.types)
    if not name:
        raise LookupError(f"{kind}: there is no interface of its configuration")
    block = bindings.block(bindings.entries("synthesizeHclAttributes()"), name[1])
    main = bindings.code[bindings.code.index(f"class {name[1].removesuffix('Config')} extends cdktf.") :]
    for getter in GETTER.finditer(main):
        attribute = block["attributes"].setdefault(getter["name"], {"type": COMPUTED[getter["kind"]]})
        if "required" not in attribute and "optional" not in attribute:
            attribute["computed"] = True
    # What only the provider tells, and has members.
    for struct, attribute in re.findall(r'new (\w+?)List\(this, "(\w+)", (?:true|false)\)', main):
        if attribute not in block["block_types"] and attribute not in block["attributes"]:
            inner = bindings.code[bindings.code.index(f"class {struct}OutputReference extends") :]
            inner = inner[: inner.index("\nexports.", 1)] if "\nexports." in inner else inner
            members = {getter["name"]: COMPUTED[getter["kind"]] for getter in GETTER.finditer(inner)}
            block["attributes"][attribute] = {"type": ["list", ["object", members]], "computed": True}
    if "id" in block["attributes"]:
        block["attributes"]["id"]["computed"] = True
    return {"version": 0, "block": block}


def main() -> None:
    package, provider, kinds = Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
    version = re.search(r"providerVersion: '([\d.]+)'", next((package / "lib" / "provider").glob("*.js")).read_text())
    schemas: dict = {"resource_schemas": {}, "data_source_schemas": {}}
    for kind in sorted(set(kinds)):
        target = schemas["data_source_schemas" if kind.startswith("data.") else "resource_schemas"]
        target[kind.removeprefix("data.")] = schema(package, provider, kind)
    bindings = Bindings(package / "lib" / "provider")
    name = re.search(r"export interface (\w+ProviderConfig) \{", bindings.types)
    block = bindings.block(bindings.entries("synthesizeHclAttributes()"), name[1])
    file = {
        "format_version": "1.0",
        "provider_version": version[1] if version else None,
        "provider_schemas": {f"registry.terraform.io/hashicorp/{provider}": {"provider": {"version": 0, "block": block}, **schemas}},
    }
    json.dump(file, sys.stdout, indent=1, sort_keys=True)
    print()


main()
