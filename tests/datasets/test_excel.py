"""Workbooks of every kind, one sheet at a time, and those that ask for more than there is."""

import io
import zipfile
from datetime import datetime

import pytest

from backend.datasets import excel, limits
from backend.errors import DatasetUnreadable, TooLarge
from tests.datasets.conftest import Reader
from tests.datasets.workbooks import DAY, ods, unpacked, xlsx

# Made by another program: id 1, 2; v 2.5 and nothing; when two days.
OLD_WORKBOOK = (
    r"c-rk)O=uHA6#i!OAKPRTQ?V6FC|I?&2l3*iU6pE2snv^GgxZ>br6rXhiXOCDa})$mikCt?c&U2v2Nm=p9)yY>1VKpZu_r;nL!0%z"
    r"x4W7~lm@g=nQxglZ{EB&GrRA-*`0kemnco&Zz-b&J@BDoM-Z%%DJl`KVS@T?n^~_8Q?WJH6e3}AWH5jyjju!OL-uzW2JZP^5C!I`"
    r"9K$K}PvmpyRm5Id!?5BtbQ4v$MUohrWmQR`CxosSdRH``3f(P|t3ta;x1<I!XZ3gNa-;Z&(I$N{@VF1f=7UIfpb4)yiZ5PMj&1;Z"
    r"3Zuj0YpkQy-+&pAL;G_1T!Gth+(r~QO6baDx_Wy{NRhK=@YPNOU%ae-p4Rf!l`D|^+j4p6H}Wt!u~vTF@B@>uk4usiu?`g<_xNyN"
    r"JiCaE@JRz4-=kRylQX1$_GB&}<=tGe-&~gcjgl1&M6-wspOD-zY5K)GpWkLi2CN~GOv;Y$ycag}GGOBpTaa-KaOZVshgfVEdRa!@"
    r"Bz%j|6a_BT?E_6Nvwuo-u1Ie?&9hVR&e~GNZzaCCaPU!U@sqWU_}RYl`PA%tYZ`6zp30IvUsLE*o$BTd#$(H?mAi+06x#gDeiAlJ"
    r"ckQ<O@{41MGl-B7>a_Ujs2?rEeO7F(YOJ4;FO*mZg)aDbAB(*-$b$8a8vP4KRAdPm*=ZSMktB;ABZ&vxNqgN-M4_Rfp`oFnp`oGi"
    r"XDH`nAm8Zx1s`xv0U`Il&JvZ1{!Q}V;t(e2I!%YleaKT?z`45OX9EJt8%wRw#`|B$I83t_FoqFX$5`F*OQ$$heLpKUH2+=-)jNNs"
    r"o^}4?`M(4HCC{7"
)
ROWS = [
    ["id", "zip", "price", "sold", "when", "note"],
    [1, "00123", 2.5, True, (45443.5, DAY), "a, b"],
    [2, "01234", None, False, (45444, DAY), 'say "x"\nand y'],
    [3, "12345", 0.1, True, None, "#N/A"],
]


def test_cells_keep_their_kinds(read: Reader) -> None:
    made = read(xlsx({"Data": ROWS}), "data.xlsx")
    assert made.format == "xlsx"
    assert made.kinds == {
        "id": "integer", "zip": "category", "price": "number", "sold": "boolean", "when": "datetime", "note": "category",
    }  # fmt: skip
    assert made.values("zip") == ["00123", "01234", "12345"]
    assert made.values("price") == [2.5, None, 0.1]
    assert made.values("when") == [datetime(2024, 5, 31, 12), datetime(2024, 6, 1), None]  # noqa: DTZ001
    assert made.values("note") == ["a, b", 'say "x"\nand y', None]


def test_one_sheet_is_read_and_the_others_are_named(read: Reader) -> None:
    book = xlsx({"Hidden": [["h"], [1]], "First": [["a"], [1]], "Second": [["b"], [2]]}, hidden=["Hidden"])
    made = read(book)
    assert made.names == ["a"]
    assert any("'First'" in note and "'Second'" in note for note in made.notes)
    assert read(book, sheet="Second").names == ["b"]
    assert read(book, sheet="3").names == ["h"]
    assert read(book, sheet="Second").notes == []
    with pytest.raises(DatasetUnreadable, match=r"no sheet 'Third'.*'First', 'Second', 'Hidden'"):
        read(book, sheet="Third")


def test_empty_rows_and_columns_around_the_table_are_left_out(read: Reader) -> None:
    made = read(xlsx({"S": [[], [], [None, "a", None, "b"], [None, 1, None, "x"], [], [None, 2, None, "y"]]}))
    assert (made.names, made.values("a"), made.values("b")) == (["a", "b"], [1, 2], ["x", "y"])


def test_old_workbooks(read: Reader) -> None:
    made = read(unpacked(OLD_WORKBOOK), "data.xls")
    assert made.format == "xls"
    assert (made.values("id"), made.values("v")) == ([1, 2], [2.5, None])
    assert [str(day.date()) for day in made.values("when")] == ["2024-05-31", "2024-06-01"]


def test_open_document_sheets(read: Reader) -> None:
    made = read(ods([["a", "b"], [1.0, "x"], [2.5, "007"]]), "data.ods")
    assert (made.format, made.values("a"), made.values("b")) == ("ods", [1.0, 2.5], ["x", "007"])


@pytest.mark.parametrize(
    ("book", "options", "problem"),
    [
        (xlsx({"S": []}), {}, "'S' is empty"),
        (xlsx({"S": [["a", "b"]]}), {}, "no rows"),
        (xlsx({"S": [["a", "a"], [1, 2]]}), {}, "same name"),
        (xlsx({"S": [["Sales 2024"], ["a", "b", "c"], [1, 2, 3]]}), {}, "names only 1 of 3"),
        (xlsx({"S": [[1, 2.5], [3, 4.5]]}), {}, "seems to have no header"),
        (xlsx({"S": [["a"], [1]]})[:-200], {}, "damaged"),
    ],
)
def test_sheets_that_are_no_tables(read: Reader, book: bytes, options: dict[str, str], problem: str) -> None:
    with pytest.raises(DatasetUnreadable) as caught:
        read(book, **options)
    assert problem in caught.value.detail


def test_without_a_header(read: Reader) -> None:
    assert read(xlsx({"S": [[1, 2.5], [3, 4.5]]}), header=False).values("column_2") == [2.5, 4.5]


def test_a_workbook_that_unpacks_to_very_much(read: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = io.BytesIO(xlsx({"S": [["a"], [1]]}))
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/zeros", bytes(8 * limits.MEGABYTE))
    assert read(buffer.getvalue()).rows == 1
    monkeypatch.setattr(excel, "MAX_WORKBOOK", 8 * limits.MEGABYTE)
    with pytest.raises(TooLarge, match="unpacks to more than 8 MB"):
        read(buffer.getvalue())


def test_too_many_columns(read: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(excel, "MAX_COLUMNS", 2)
    with pytest.raises(DatasetUnreadable, match="3 columns; at most 2"):
        read(xlsx({"S": [["a", "b", "c"], [1, 2, 3]]}))
