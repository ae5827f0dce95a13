"""Renders the Helm chart with Helm's own library, and checks manifests against the types of Kubernetes and of the Prometheus operator.

Reads a list of cases from standard input: each has a name, and either a chart with values or manifests. Writes for each the
manifests, what they violate, and the error if the chart refuses the values.
"""

import json
import sys

import kubernetes_validate
import yaml

import helm_python

KUBERNETES = "1.37"
OPERATOR = "monitoring.coreos.com/v1"


def render(chart, values):
    """The manifests; an error is what Helm says."""
    with helm_python.Chart.load(chart) as loaded:
        loaded.validate_schema(values)
        files = loaded.render(values, name="pg", namespace="monitoring")
    texts = [text for name, text in sorted(files.items()) if name.endswith(".yaml")]
    return [manifest for text in texts for manifest in yaml.safe_load_all(text) if manifest]


def violations(manifest):
    """What Kubernetes would refuse; of an object of the operator also keys that it would drop."""
    name = f"{manifest['kind']} {manifest['metadata']['name']}"
    if manifest["apiVersion"] == OPERATOR:
        return [f"{name}: {problem}" for problem in violations_of_operator(manifest)]
    try:
        kubernetes_validate.validate(manifest, KUBERNETES, strict=True)
    except kubernetes_validate.ValidationError as error:
        return [f"{name}: {'.'.join(map(str, error.path))}: {error.message}"]
    return []


def violations_of_operator(manifest):
    # Takes seconds to load.
    from cloudcoil.models.prometheus_operator import v1

    try:
        read = getattr(v1, manifest["kind"]).model_validate(manifest)
    except ValueError as error:
        return [str(error)]
    return list(dropped(manifest, read.model_dump(by_alias=True, exclude_unset=True, mode="json"), ""))


def dropped(given, kept, path):
    if isinstance(given, dict):
        for key, value in given.items():
            if key in kept:
                yield from dropped(value, kept[key], f"{path}.{key}")
            else:
                yield f"{path}.{key} is unknown"
    elif isinstance(given, list):
        for index, (one, other) in enumerate(zip(given, kept, strict=True)):
            yield from dropped(one, other, f"{path}[{index}]")


def result(case):
    try:
        manifests = case.get("manifests") or render(case["chart"], case["values"])
    except helm_python.HelmError as error:
        return {"name": case["name"], "error": str(error), "manifests": [], "violations": []}
    found = [violation for manifest in manifests for violation in violations(manifest)]
    return {"name": case["name"], "error": None, "manifests": manifests, "violations": found}


json.dump([result(case) for case in json.load(sys.stdin)], sys.stdout)
