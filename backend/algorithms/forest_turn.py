"""Rows become columns for the compiled forest, eight of both at once: what goes out is a function in LLVM's text."""

from collections.abc import Iterable, Iterator

from backend.algorithms.forest_blocks import ROWS
from backend.algorithms.forest_lanes import WIDE

SIDE = 8
_CELLS = SIDE * SIDE
_HEAD = f"""
; A square of rows of float64 as columns of float32, twice, as `turn` says.
define internal void @turn_square(ptr noalias %rows, i64 %width, ptr noalias %turned, i64 %cells) alwaysinline {WIDE} {{"""


def turn_text() -> str:
    """The function `turn_square`, with every row and column written out."""
    return "\n".join([_HEAD, *_rows(), *_joined(), _turned(), *_columns(), "  ret void\n}\n"])


def _rows() -> Iterator[str]:
    for row in range(SIDE):
        yield f"""\
  %start{row} = mul i64 %width, {row}
  %wide{row}.at = getelementptr double, ptr %rows, i64 %start{row}
  %wide{row} = load <{SIDE} x double>, ptr %wide{row}.at, align 8
  %v{SIDE}.{row} = fptrunc <{SIDE} x double> %wide{row} to <{SIDE} x float>"""


def _joined() -> Iterator[str]:
    """Two and two, until all numbers stand in one vector."""
    size = SIDE
    while size < _CELLS:
        kind = f"<{size} x float>"
        for place in range(_CELLS // size // 2):
            pair = f"{kind} %v{size}.{2 * place}, {kind} %v{size}.{2 * place + 1}"
            yield f"  %v{2 * size}.{place} = shufflevector {pair}, {_places(range(2 * size))}"
        size *= 2


def _turned() -> str:
    kind = f"<{_CELLS} x float>"
    order = _places(row * SIDE + column for column in range(SIDE) for row in range(SIDE))
    return f"""\
  %square = shufflevector {kind} %v{_CELLS}.0, {kind} poison, {order}
  %missing = fcmp uno {kind} %square, zeroinitializer"""


def _columns() -> Iterator[str]:
    kind, bits = f"<{_CELLS} x float>", f"<{_CELLS} x i1>"
    for name, constant in {"smallest": "0xFFF0000000000000", "largest": "0x7FF0000000000000"}.items():
        each = f"{kind} <{', '.join([f'float {constant}'] * _CELLS)}>"
        yield f"  %{name} = select {bits} %missing, {each}, {kind} %square"
    for column in range(SIDE):
        place = _places(range(column * SIDE, (column + 1) * SIDE))
        yield f"""\
  %left{column} = getelementptr float, ptr %turned, i64 {column * ROWS}
  %right{column} = getelementptr float, ptr %left{column}, i64 %cells
  %small{column} = shufflevector {kind} %smallest, {kind} poison, {place}
  %large{column} = shufflevector {kind} %largest, {kind} poison, {place}
  store <{SIDE} x float> %small{column}, ptr %left{column}, align 4
  store <{SIDE} x float> %large{column}, ptr %right{column}, align 4"""


def _places(order: Iterable[int]) -> str:
    numbers = [f"i32 {place}" for place in order]
    return f"<{len(numbers)} x i32> <{', '.join(numbers)}>"
