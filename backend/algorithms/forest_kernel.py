"""The compiled loop over a forest of trees: `forest.ll` becomes machine code, once in each process."""

import ctypes
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm

from backend.algorithms.contract import FormUnavailable
from backend.algorithms.forest_lanes import tree_text
from backend.algorithms.forest_turn import turn_text

# (forest, rows, number of rows, out, room for turned rows or None): addresses and a count.
Predict = Callable[[int, int, int, int, int | None], None]
PredictPacked = Callable[[int, bytes, int, "ctypes.Array[ctypes.c_double]", None], None]

_SOURCE = Path(__file__).with_name("forest.ll")
_ARGUMENTS = (ctypes.c_size_t, ctypes.c_size_t, ctypes.c_ssize_t, ctypes.c_size_t, ctypes.c_void_p)
_PACKED = (ctypes.c_size_t, ctypes.c_char_p, ctypes.c_ssize_t, ctypes.c_void_p, ctypes.c_void_p)
# How many rows go down a tree at once. With more a table is read more seldom, but a processor with few registers would move them about.
_LANES, _LANES_OF_AVX512 = 32, 64
_compiling = threading.Lock()


@dataclass(frozen=True)
class Kernel:
    """One function under three ways to call it: `briefly` keeps Python's lock, `at_length` lets other threads run meanwhile, `packed` takes
    rows as bytes, and keeps the lock.

    To give the lock back and ask for it again costs more than one row does, most of all while many threads wait for it.
    """

    briefly: Predict
    at_length: Predict
    packed: PredictPacked
    engine: Any  # owns the machine code


def get_kernel() -> Kernel:
    """The kernel of this process, compiled at the first call (some 50 ms); FormUnavailable where memory may not hold code."""
    try:
        with _compiling:
            return _compile()
    except (RuntimeError, OSError) as error:
        raise FormUnavailable("The compiled forest cannot run here.") from error


@cache
def _compile() -> Kernel:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return build_kernel(_LANES_OF_AVX512 if llvm.get_host_cpu_features().get("avx512f") else _LANES)


def build_kernel(lanes: int) -> Kernel:
    """A kernel in which so many rows (32 or 64) go down a tree at once; the answers are the same."""
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=3
    )
    module = llvm.parse_assembly(_SOURCE.read_text("utf-8") + tree_text(lanes) + turn_text())
    module.verify()
    tuning = llvm.create_pipeline_tuning_options(speed_level=3)
    passes = llvm.create_pass_builder(machine, tuning)
    passes.getModulePassManager().run(module, passes)
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    address = engine.get_function_address("predict")
    briefly = ctypes.PYFUNCTYPE(None, *_ARGUMENTS)(address)
    at_length = ctypes.CFUNCTYPE(None, *_ARGUMENTS)(address)
    packed = ctypes.PYFUNCTYPE(None, *_PACKED)(address)
    return Kernel(briefly, at_length, packed, engine)
