"""Reads the kustomizations of this project as `kustomize build` does. What it does not know it refuses, so that nothing goes unread."""

import copy
from pathlib import Path
from typing import Any

import yaml

Resource = dict[str, Any]
_HEAD = {"apiVersion", "kind"}
_KNOWN = _HEAD | {"namespace", "labels", "resources", "components", "configMapGenerator", "images", "patches"}
# Kinds that belong to no namespace.
_OF_THE_CLUSTER = {"Namespace"}


def build(folder: Path) -> list[Resource]:
    """Every resource, complete; names of generated ConfigMaps without the digest of their content."""
    folder = folder.resolve()
    wish = yaml.safe_load((folder / "kustomization.yaml").read_text("utf-8"))
    unknown = wish.keys() - _KNOWN
    assert not unknown, f"{folder.name}: {unknown}"
    assert wish["kind"] in {"Kustomization", "Component"}
    found = [each for name in wish.get("resources", []) for each in _resource(folder / name)]
    found += [_config_map(folder, each) for each in wish.get("configMapGenerator", [])]
    for name in wish.get("components", []):
        found = apply(folder / name, found)
    return _finished(wish, _patched(folder, wish, found))


def apply(component: Path, resources: list[Resource]) -> list[Resource]:
    """The resources as a component changes them."""
    wish = yaml.safe_load((component / "kustomization.yaml").read_text("utf-8"))
    assert wish["kind"] == "Component"
    assert not wish.keys() - _HEAD - {"resources", "patches"}
    added = [each for name in wish["resources"] for each in _resource(component / name)]
    return _patched(component, wish, [*copy.deepcopy(resources), *added])


def _resource(path: Path) -> list[Resource]:
    if path.is_dir():
        return build(path)
    read = [each for each in yaml.safe_load_all(path.read_text("utf-8")) if each is not None]
    assert read, path
    return read


def _config_map(folder: Path, wish: dict[str, Any]) -> Resource:
    assert not wish.keys() - {"name", "files", "envs"}, wish
    data = {name: (folder / name).read_text("utf-8") for name in wish.get("files", [])}
    for name in wish.get("envs", []):
        lines = (folder / name).read_text("utf-8").splitlines()
        data |= dict(line.split("=", 1) for line in lines if line.strip() and not line.startswith("#"))
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": wish["name"]}, "data": data}


def _patched(folder: Path, wish: dict[str, Any], resources: list[Resource]) -> list[Resource]:
    """JSON patches (RFC 6902), of which this project needs `add` to a list and `remove`."""
    for patch in wish.get("patches", []):
        target = patch["target"]
        (chosen,) = (
            each for each in resources if (each["kind"], each["metadata"]["name"]) == (target["kind"], target["name"])
        )
        for step in yaml.safe_load((folder / patch["path"]).read_text("utf-8")):
            *way, last = step["path"].strip("/").split("/")
            place: Any = chosen
            for word in way:
                place = place[word]
            if step["op"] == "remove":
                del place[last]
            else:
                assert (step["op"], last) == ("add", "-"), step
                place.append(step["value"])
    return resources


def _finished(wish: dict[str, Any], resources: list[Resource]) -> list[Resource]:
    images = {each["name"]: each for each in wish.get("images", [])}
    for each in resources:
        if "namespace" in wish and each["kind"] not in _OF_THE_CLUSTER:
            each["metadata"]["namespace"] = wish["namespace"]
        for label in wish.get("labels", []):
            assert label.keys() == {"pairs", "includeTemplates"}
            each["metadata"].setdefault("labels", {}).update(label["pairs"])
            if each["kind"] == "Deployment":
                each["spec"]["template"]["metadata"]["labels"].update(label["pairs"])
        for container in containers(each):
            if image := images.get(container["image"]):
                container["image"] = f"{image.get('newName', image['name'])}:{image['newTag']}"
    return resources


def containers(resource: Resource) -> list[dict[str, Any]]:
    """The containers of a Deployment, first those that run before the others."""
    if resource["kind"] != "Deployment":
        return []
    pod = resource["spec"]["template"]["spec"]
    return [*pod.get("initContainers", []), *pod["containers"]]
