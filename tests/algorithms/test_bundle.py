"""A trained model travels as a folder that is whole, holds no pickle, and is verified before it is read."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from backend.algorithms.bundle import read_bundle, write_bundle
from backend.algorithms.linear import LinearModel
from backend.algorithms.manifest import fingerprint
from backend.algorithms.pickles import verify_no_pickle
from backend.algorithms.signature import Signature
from backend.algorithms.trial import Trial
from backend.errors import Conflict, DigestMismatch, Invalid


def test_what_is_written_is_read_again(trial: Trial, signature: Signature, tmp_path: Path) -> None:
    manifest = write_bundle(tmp_path / "deep" / "model", trial.model, signature)
    model, read = read_bundle(tmp_path / "deep" / "model", manifest)
    assert read == signature
    assert trial.answers(model, trial.sample.X).tobytes() == trial.answers(trial.model, trial.sample.X).tobytes()
    assert manifest == fingerprint(tmp_path / "deep" / "model")
    assert "signet.json" in [file.path for file in manifest.files]


def test_every_changed_byte_is_refused_before_it_is_parsed(trial: Trial, signature: Signature, tmp_path: Path) -> None:
    manifest = write_bundle(tmp_path / "model", trial.model, signature)
    for file in manifest.files:
        path = tmp_path / "model" / file.path
        good = path.read_bytes()
        for position in (0, len(good) // 2, len(good) - 1):
            bad = bytearray(good)
            bad[position] ^= 0x40
            path.write_bytes(bad)
            with pytest.raises(DigestMismatch):
                read_bundle(tmp_path / "model", manifest)
        path.write_bytes(good)
    read_bundle(tmp_path / "model", manifest)


def test_a_folder_that_holds_something_is_not_overwritten(trial: Trial, signature: Signature, tmp_path: Path) -> None:
    manifest = write_bundle(tmp_path / "model", trial.model, signature)
    with pytest.raises(Conflict):
        write_bundle(tmp_path / "model", trial.model, signature)
    read_bundle(tmp_path / "model", manifest)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_the_signature_must_be_that_of_the_algorithm(trial: Trial, signature: Signature, tmp_path: Path) -> None:
    data = signature.to_json()
    for change in ({"algorithm": "other"}, {"task": "binary"}):
        with pytest.raises(Invalid):
            write_bundle(tmp_path / "model", trial.model, Signature.from_json({**data, **change}))


class Half(LinearModel):
    """Fails while it saves."""

    def save(self, folder: Path) -> None:
        super().save(folder)
        raise OSError("no space left on device")


class Pickled(LinearModel):
    def save(self, folder: Path) -> None:
        (folder / "model.bin").write_bytes(b"\x80\x05K\x01.")


class Linked(LinearModel):
    def save(self, folder: Path) -> None:
        (folder / "model.bin").symlink_to("/etc/hostname")


class Signed(LinearModel):
    def save(self, folder: Path) -> None:
        (folder / "signet.json").write_text("{}")


@pytest.mark.parametrize(("cls", "error"), [(Half, OSError), (Pickled, Invalid), (Linked, Invalid), (Signed, Invalid)])
def test_nothing_is_left_behind_where_writing_fails(
    cls: type[LinearModel], error: type[Exception], tmp_path: Path
) -> None:
    trial = Trial(cls, "binary")
    columns = Signature.from_json(SIGNATURE).columns
    signature = Signature("binary", "t", "integer", (0, 1), columns, cls.name, {})
    with pytest.raises(error):
        write_bundle(tmp_path / "model", trial.model, signature)
    assert list(tmp_path.iterdir()) == []


SIGNATURE = {
    "format": 1,
    "task": "binary",
    "target": "t",
    "target_kind": "integer",
    "classes": [0, 1],
    "columns": [{"name": "a", "kind": "number", "missing": False}],
    "algorithm": "linear",
    "example": {"a": 1.0},
}


def test_files_of_another_task_than_the_signature_are_refused(tmp_path: Path) -> None:
    Trial(LinearModel, "regression").model.save(tmp_path)
    (tmp_path / "signet.json").write_text(json.dumps(SIGNATURE))
    with pytest.raises(Invalid, match="regression"):
        read_bundle(tmp_path, fingerprint(tmp_path))


def objects(folder: Path) -> None:
    with zipfile.ZipFile(folder / "model.npz", "w") as archive:
        header = {"descr": "|O", "fortran_order": False, "shape": (1,)}
        content = io.BytesIO()
        np.lib.format.write_array_header_1_0(content, header)
        archive.writestr("a.npy", content.getvalue() + b"x")


def inside_a_zip(folder: Path) -> None:
    with zipfile.ZipFile(folder / "model.pt", "w") as archive:
        archive.writestr("model/data.pkl", b"x")


def by_name(folder: Path) -> None:
    (folder / "model.joblib").write_bytes(b"x")


def by_content(folder: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "deep" / "model.json").write_bytes(b"\x80\x02}.")


@pytest.mark.parametrize("make", [objects, inside_a_zip, by_name, by_content], ids=lambda make: make.__name__)
def test_pickle_is_found_wherever_it_hides(make: object, tmp_path: Path) -> None:
    np.savez(tmp_path / "good.npz", numbers=np.arange(3.0))
    (tmp_path / "good.json").write_text("{}")
    verify_no_pickle(tmp_path)
    make(tmp_path)  # type: ignore[operator]
    with pytest.raises(Invalid, match="pickle"):
        verify_no_pickle(tmp_path)
