"""A model's fingerprint changes with any byte, and cannot name a file outside its folder."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.algorithms.manifest import FileFingerprint, Manifest, fingerprint, verify_bundle
from backend.errors import DigestMismatch, Invalid


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "model"
    (root / "trees").mkdir(parents=True)
    (root / "model.ubj").write_bytes(b"abc")
    (root / "trees" / "more.json").write_text("{}")
    return root


def test_it_names_every_file_with_size_and_sha256(folder: Path) -> None:
    found = fingerprint(folder)
    assert [(file.path, file.bytes) for file in found.files] == [("model.ubj", 3), ("trees/more.json", 2)]
    assert found.files[0].sha256 == hashlib.sha256(b"abc").hexdigest()
    assert found == fingerprint(folder)


def test_the_digest_is_that_of_the_canonical_json(folder: Path) -> None:
    written = fingerprint(folder).to_json()
    canonical = json.dumps(written["files"], sort_keys=True, separators=(",", ":"))
    assert written["digest"] == hashlib.sha256(canonical.encode()).hexdigest()


def test_json_round_trip(folder: Path) -> None:
    given = fingerprint(folder)
    assert Manifest.from_json(json.loads(json.dumps(given.to_json()))) == given


def flip(folder: Path) -> None:
    (folder / "model.ubj").write_bytes(b"abd")


def add(folder: Path) -> None:
    (folder / "extra.json").write_text("{}")


def remove(folder: Path) -> None:
    (folder / "trees" / "more.json").unlink()


def rename(folder: Path) -> None:
    (folder / "model.ubj").rename(folder / "model.bin")


def link(folder: Path) -> None:
    same = folder.parent / "same"
    same.write_bytes(b"abc")
    (folder / "model.ubj").unlink()
    (folder / "model.ubj").symlink_to(same)


def link_folder(folder: Path) -> None:
    (folder / "trees").rename(folder.parent / "trees")
    (folder / "trees").symlink_to(folder.parent / "trees")


def vanish(folder: Path) -> None:
    folder.rename(folder.parent / "elsewhere")


@pytest.mark.parametrize("change", [flip, add, remove, rename, link, link_folder, vanish])
def test_any_change_is_refused(folder: Path, change: Callable[[Path], None]) -> None:
    recorded = fingerprint(folder)
    verify_bundle(folder, recorded)
    change(folder)
    with pytest.raises(DigestMismatch) as caught:
        verify_bundle(folder, recorded)
    assert str(folder) not in caught.value.detail


@pytest.mark.parametrize(
    "path",
    [
        "../evil",
        "/etc/passwd",
        "a/../../b",
        "a//b",
        "./a",
        "a/",
        "",
        ".hidden",
        "a\\b",
        "a\nb",
        "C:/x",
        "a/./b",
        "x" * 300,
    ],
)
def test_a_path_that_could_leave_the_folder_is_refused(path: str) -> None:
    file = {"path": path, "sha256": "0" * 64, "bytes": 1}
    with pytest.raises(Invalid):
        Manifest.from_json({"files": [file], "digest": "0" * 64})


def test_a_changed_manifest_is_refused(folder: Path) -> None:
    data = fingerprint(folder).to_json()
    data["files"][0]["bytes"] = 4
    with pytest.raises(DigestMismatch):
        Manifest.from_json(data)


@pytest.mark.parametrize("data", [{}, {"files": [{}], "digest": ""}, {"files": 1, "digest": ""}, {"files": []}])
def test_an_incomplete_manifest_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        Manifest.from_json(data)


def test_files_named_twice_or_out_of_order_are_refused() -> None:
    one, two = FileFingerprint("a", "0" * 64, 1), FileFingerprint("b", "0" * 64, 1)
    for files in [(one, one), (two, one)]:
        with pytest.raises(Invalid):
            Manifest(files)
