"""Many rows down one tree at once, for the compiled forest: for how many comes in, and what goes out is a function in LLVM's text."""

from collections.abc import Iterator

from backend.algorithms.forest_blocks import INNER


def tree_text(lanes: int) -> str:
    """The function `add_at_once`, with every node of a complete tree written out, and `lanes`, which says for how many rows it is."""
    vector = f"<{lanes} x float>"
    return "\n".join([_HEAD.format(lanes=lanes), *_node(0, lanes), _END.format(vector=vector)])


# Where the processor has vectors of 64 bytes, LLVM is to use them.
WIDE = '"prefer-vector-width"="512" "min-legal-vector-width"="512"'
_HEAD = """
; For how many rows `add_at_once` is.
define internal i64 @lanes() alwaysinline {{
  ret i64 {lanes}
}}

; Adds the leaves of one tree, that these rows come to, to their sums; the rows are turned as `forest_blocks.py` says.
define internal void @add_at_once(ptr noalias %thresholds, ptr noalias %columns, ptr noalias %leaves, ptr noalias %rows,
                                  ptr noalias %sums) noinline WIDE {{""".replace("WIDE", WIDE)
_END = """\
  %before = load {vector}, ptr %sums, align 4
  %after = fadd {vector} %before, %v0
  store {vector} %after, ptr %sums, align 4
  ret void
}}
"""


def _node(place: int, lanes: int) -> Iterator[str]:
    """Below a node first, then the node: `%v{place}` is what the rows get that pass through it."""
    left, right = 2 * place + 1, 2 * place + 2
    vector = f"<{lanes} x float>"
    if place >= INNER:
        yield from _spread(f"v{place}", "leaves", place - INNER, lanes)
        return
    yield from _node(left, lanes)
    yield from _node(right, lanes)
    yield from _spread(f"t{place}", "thresholds", place, lanes)
    yield f"""\
  %c{place}.at = getelementptr i32, ptr %columns, i64 {place}
  %c{place} = load i32, ptr %c{place}.at
  %o{place} = zext i32 %c{place} to i64
  %x{place}.at = getelementptr float, ptr %rows, i64 %o{place}
  %x{place} = load {vector}, ptr %x{place}.at, align 4
  %g{place} = fcmp oge {vector} %x{place}, %t{place}
  %v{place} = select <{lanes} x i1> %g{place}, {vector} %v{right}, {vector} %v{left}"""


def _spread(name: str, table: str, place: int, lanes: int) -> Iterator[str]:
    """One number of a table, in every lane."""
    vector = f"<{lanes} x float>"
    yield f"""\
  %{name}.at = getelementptr float, ptr %{table}, i64 {place}
  %{name}.one = load float, ptr %{name}.at
  %{name}.first = insertelement {vector} poison, float %{name}.one, i64 0
  %{name} = shufflevector {vector} %{name}.first, {vector} poison, <{lanes} x i32> zeroinitializer"""
