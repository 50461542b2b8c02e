"""Writes model/converse.json: what the simulator takes from AWS's own service model.

The rules of structure (members, required members, lengths, ranges, patterns, enumerations) and the
status of each exception come from botocore's bedrock-runtime model, so that nobody transcribes them.

    python extract_model.py > ../../model/converse.json
"""

import json
import sys

import botocore
import botocore.loaders

KEPT = ("type", "required", "members", "member", "key", "value", "min", "max", "pattern", "enum", "union", "document")


def reference(entry):
    return entry["shape"]


def lean(shape):
    kept = {name: shape[name] for name in KEPT if name in shape}
    if "members" in kept:
        kept["members"] = {name: reference(entry) for name, entry in shape["members"].items() if "location" not in entry}
        if "required" in kept:
            kept["required"] = [name for name in kept["required"] if name in kept["members"]]
    for name in ("member", "key", "value"):
        if name in kept:
            kept[name] = reference(shape[name])
    return kept


def extract():
    """The closure of the input shapes, and the status of every exception of the service."""
    model = botocore.loaders.Loader().load_service_model("bedrock-runtime", "service-2")
    shapes, kept = model["shapes"], {}
    queue = [model["operations"][name]["input"]["shape"] for name in ("Converse", "ConverseStream", "CountTokens")]
    while queue:
        name = queue.pop()
        if name in kept:
            continue
        kept[name] = lean(shapes[name])
        queue += kept[name].get("members", {}).values()
        queue += [kept[name][slot] for slot in ("member", "key", "value") if slot in kept[name]]
    exceptions = {name: shape["error"]["httpStatusCode"] for name, shape in shapes.items() if "error" in shape}
    return {
        "source": f"botocore {botocore.__version__}, bedrock-runtime service-2.json, Apache License 2.0",
        "exceptions": dict(sorted(exceptions.items())),
        "shapes": dict(sorted(kept.items())),
    }


if __name__ == "__main__":
    json.dump(extract(), sys.stdout, indent=1)
    sys.stdout.write("\n")
