"""XGBoost's trees become flat arrays: a trained booster comes in, a compiled forest that gives the same answers goes out."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from backend.algorithms.forest import CATEGORY, MISSING_GOES_RIGHT, MOST_OUTPUTS, NODE, TREE, Forest
from backend.algorithms.signature import Task

# XGBoost writes a model as text before it is read here; beyond this it would take gigabytes.
_MOST_BYTES = 256 * 1024 * 1024


def flatten(booster: xgb.Booster, task: Task) -> Forest | None:
    """The forest of a `gbtree` booster with numeric and categorical splits, or None where it is too large or has an unusual form."""
    if booster.num_boosted_rounds() == 0 or len(booster.save_raw("ubj")) > _MOST_BYTES:
        return None
    learner = json.loads(booster.save_raw("json"))["learner"]
    if learner["gradient_booster"]["name"] != "gbtree":
        return None
    model = learner["gradient_booster"]["model"]
    base = _base(json.loads(learner["learner_model_param"]["base_score"]), task)
    if len(base) > MOST_OUTPUTS or not all(map(_is_usual, model["trees"])):
        return None
    return _joined(model["trees"], model["tree_info"], base, booster.num_features(), task)


def _joined(
    trees: Sequence[Mapping[str, Any]], groups: Sequence[int], base: NDArray[np.float32], width: int, task: Task
) -> Forest:
    """All trees in one array of nodes and one of sets."""
    nodes: list[NDArray[Any]] = []
    # The first word is what a look at no category at all finds.
    sets: list[NDArray[np.uint32]] = [np.zeros(1, dtype=np.uint32)]
    entries, first, words = [], 0, 1
    for tree, group in zip(trees, groups, strict=True):
        found, own_sets = _flat(tree, first, words)
        entries.append((first, _depth(tree), group + (task == "binary")))
        nodes.append(found)
        sets += own_sets
        first += len(found)
        words += sum(map(len, own_sets))
    return Forest(
        nodes=np.concatenate(nodes),
        sets=np.concatenate(sets),
        trees=np.array(entries, dtype=TREE),
        base=base,
        width=width,
        shares=task != "regression",
    )


def _base(scores: list[float], task: Task) -> NDArray[np.float32]:
    """What each output starts from; of a binary model the first output stays 0 and the second is the log-odds."""
    if task == "binary":
        share = float(np.float32(scores[0]))
        return np.array([0.0, -math.log(1.0 / share - 1.0)], dtype=np.float32)
    return np.array(scores, dtype=np.float32)


def _is_usual(tree: Mapping[str, Any]) -> bool:
    """Whether leaves are single numbers, and children stand side by side after their parent."""
    left, right = _ints(tree["left_children"]), _ints(tree["right_children"])
    inner = left != -1
    side_by_side = right[inner] == left[inner] + 1
    after = left[inner] > np.flatnonzero(inner)
    return bool(tree["tree_param"]["size_leaf_vector"] in {"0", "1"} and side_by_side.all() and after.all())


def _flat(tree: Mapping[str, Any], first: int, words: int) -> tuple[NDArray[Any], list[NDArray[np.uint32]]]:
    """The nodes of one tree, of which the first gets the index `first`, and its sets, which begin at `words`."""
    left = _ints(tree["left_children"])
    is_leaf = left == -1
    values = np.array(tree["split_conditions"], dtype=np.float32)
    missing_right = np.where(np.array(tree["default_left"], dtype=bool), 0, MISSING_GOES_RIGHT)
    nodes = np.zeros(len(left), dtype=NODE)
    nodes["threshold"] = np.where(is_leaf, np.float32(np.nan), values)
    nodes["column"] = np.where(is_leaf, 0, _ints(tree["split_indices"]) | missing_right)
    nodes["left"] = first + np.where(is_leaf, np.arange(len(left)), left)
    nodes["leaf"] = np.where(is_leaf, values, np.float32(0))
    sets = [_bits(codes) for codes in _sets(tree)]
    for node, own in zip(tree["categories_nodes"], sets, strict=True):
        nodes["threshold"][node] = np.int32(words).view(np.float32)
        nodes["leaf"][node] = np.int32(len(own)).view(np.float32)
        nodes["column"][node] += CATEGORY
        words += len(own)
    return nodes, sets


def _sets(tree: Mapping[str, Any]) -> list[NDArray[np.int64]]:
    """The codes that go right, of each node that splits by category."""
    codes = _ints(tree["categories"])
    places = zip(tree["categories_segments"], tree["categories_sizes"], strict=True)
    return [codes[begin : begin + size] for begin, size in places]


def _bits(codes: NDArray[np.int64]) -> NDArray[np.uint32]:
    bits = np.zeros(int(codes.max()) // 32 + 1, dtype=np.uint32)
    np.bitwise_or.at(bits, codes >> 5, np.uint32(1) << (codes & 31).astype(np.uint32))
    return bits


def _depth(tree: Mapping[str, Any]) -> int:
    """How many steps lead from the root to the deepest leaf."""
    left = _ints(tree["left_children"])
    level, depth = np.zeros(1, dtype=np.int64), 0
    while (level := left[level][left[level] != -1]).size:
        level = np.concatenate([level, level + 1])
        depth += 1
    return depth


def _ints(values: Any) -> NDArray[np.int64]:
    return np.array(values, dtype=np.int64)
