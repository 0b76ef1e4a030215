"""Delimited text as the world writes it: read rightly, or refused with the place and the remedy."""

import codecs

import pytest

from backend.datasets import blocks, limits
from backend.errors import DatasetUnreadable, TooLarge
from tests.datasets.conftest import Reader

READABLE = [
    ("comma", "a,b\n1,x\n", ["a", "b"], [1], ["x"]),
    ("semicolon", "a;b\n1;x,y\n", ["a", "b"], [1], ["x,y"]),
    ("tab", "a\tb\n1\tx y\n", ["a", "b"], [1], ["x y"]),
    ("pipe", "a|b\n1|x;y,z\n", ["a", "b"], [1], ["x;y,z"]),
    ("windows line ends", "a,b\r\n1,x\r\n", ["a", "b"], [1], ["x"]),
    ("old mac line ends", "a,b\r1,x\r", ["a", "b"], [1], ["x"]),
    ("no line end at the end", "a,b\n1,x", ["a", "b"], [1], ["x"]),
    ("blank lines anywhere", "\n  \n\na,b\n\n1,x\n   \n\n2,y\n\n", ["a", "b"], [1, 2], ["x", "y"]),
    ("rows of delimiters only", "a,b\n,\n1,x\n,\n , \n", ["a", "b"], [1], ["x"]),
    ("line that says the delimiter", "sep=;\r\na;b\r\n1;x\r\n", ["a", "b"], [1], ["x"]),
    ("end mark of old programs", "a,b\n1,x\n\x1a", ["a", "b"], [1], ["x"]),
    ("byte order mark", "\ufeffa,b\n1,x\n", ["a", "b"], [1], ["x"]),
    ("byte order mark and quotes", '\ufeff"a","b"\n1,"x"\n', ["a", "b"], [1], ["x"]),
    (
        "quoted names with dots and commas",
        '"sepal.length (cm)","b, c"\n1,x\n',
        ["sepal.length (cm)", "b, c"],
        [1],
        ["x"],
    ),
    ("names that begin alike", "a,a.b\n1,x\n", ["a", "a.b"], [1], ["x"]),
    ("line breaks in values", 'a,b\n1,"two\nlines"\n2,y\n', ["a", "b"], [1, 2], ["two\nlines", "y"]),
    ("doubled quotes", 'a,b\n1,"say ""x"""\n', ["a", "b"], [1], ['say "x"']),
    ("quotes within words", "a,b\n1,5\" pipe\n2,6' pipe\n", ["a", "b"], [1, 2], ['5" pipe', "6' pipe"]),
    ("spaces before quotes", 'a, b\n1, "x, y"\n2,  "z"\n', ["a", "b"], [1, 2], ["x, y", "z"]),
    ("nothing between quotes after a space", 'a, b\n1, ""\n2, x\n', ["a", "b"], [1, 2], [None, "x"]),
    ("spaces around names and values", " a , b \n 1 ,  x  \n", ["a", "b"], [1], ["x"]),
    ("quoted numbers", 'a,b\n"1","x"\n', ["a", "b"], [1], ["x"]),
    ("names in other scripts", "größe,年齢\n1,x\n", ["größe", "年齢"], [1], ["x"]),
    ("a delimiter at each line's end", "a,b,\n1,x,\n2,y,\n", ["a", "b"], [1, 2], ["x", "y"]),
]


@pytest.mark.parametrize(
    ("text", "names", "first", "second"), [case[1:] for case in READABLE], ids=[c[0] for c in READABLE]
)
def test_readable_files(read: Reader, text: str, names: list[str], first: list[int], second: list[str]) -> None:
    made = read(text)
    assert made.names == names
    assert (made.values(names[0]), made.values(names[1])) == (first, second)
    assert made.rows == len(first)
    assert made.format == "csv"


UNREADABLE = [
    ("only a header", "a,b\n", "no rows"),
    ("only a header without a line end", "a,b", "no rows"),
    ("a header and empty rows", "a,b\n,\n\n,\n", "no rows"),
    ("blank lines only", "\n \n\n", "only empty lines"),
    ("a doubled name", "a,b,a\n1,2,3\n", "'a' (2 times)"),
    ("a name doubled by spaces", 'a," a "\nx,y\n', "'a' (2 times)"),
    ("a row too short", "a,b,c\n1,2,3\n1,2\n", "Line 3 has 2 values, but the header has 3"),
    ("a row too long", "a,b\n1,2\n\n1,2,3\n", "Line 4 has 3 values, but the header has 2"),
    ("a ragged row after one of two lines", 'a,b\n"1\n2",3\n4\n', "Line 4 has 1 value, but the header has 2"),
    ("a title above the header", "Sales 2024\na,b\n1,2\n", "lines above the header"),
    ("a title row of a spreadsheet", "Sales,,,\na,b,c,d\n1,2,3,4\n", "names only 1 of 4 columns"),
    ("a quote that never closes", 'a,b\n1,x\n2,"y\n3,z\n', "opened in the row that begins at line 3"),
    ("a quote that closes in a later row", 'a,b\n1,"x\n2,y\n3,"z\n4,w\n', "row that begins at line 2"),
    ("a value that goes on after its quotes", 'a,b\n1,"x"y\n', "line 2"),
    ("a value that goes on after a line break in quotes", 'a,b\n"\n"x,1\n', "closing double quote"),
    ("a zero byte", "a,b\n1,2\n3,\x004\n", "line 3 holds a zero byte"),
    ("a very long name", f"{'n' * 300},b\n1,2\n", "column 1 is longer"),
]


@pytest.mark.parametrize(("text", "problem"), [case[1:] for case in UNREADABLE], ids=[case[0] for case in UNREADABLE])
def test_unreadable_files_say_what_and_where(read: Reader, text: str, problem: str) -> None:
    with pytest.raises(DatasetUnreadable) as caught:
        read(text)
    assert problem in caught.value.detail


def test_two_stray_quotes_in_one_column_lose_no_rows(read: Reader) -> None:
    lines = [f"{i},name{i},{i}" for i in range(20)]
    lines[5], lines[9] = '5,"Bob,5', '9,"Sue,9'
    with pytest.raises(DatasetUnreadable, match="line 7"):
        read("id,name,n\n" + "\n".join(lines) + "\n")


def test_a_ragged_row_far_into_a_large_file_is_located(read: Reader) -> None:
    text = "a,b\n" + "1,some text\n" * 500_000 + "1\n"
    with pytest.raises(DatasetUnreadable, match=r"Line 500002 has 1 value"):
        read(text)


HEADERLESS = [
    "5.1,3.5,1.4,setosa\n4.9,3.0,1.4,setosa\n6.0,2.2,5.0,virginica\n",
    "1,2,3\n4,5,6\n7,8,9\n",
    "2024-01-01,x\n2024-01-02,y\n",
    "007,3\n008,4\n009,5\n",
    "e,p\n" + "e,p\nf,q\n" * 10,
    "1,,x\n2,3,y\n3,4,x\n",
]


@pytest.mark.parametrize("text", HEADERLESS)
def test_a_file_without_a_header_is_refused_or_read_as_such(read: Reader, text: str) -> None:
    with pytest.raises(DatasetUnreadable, match="seems to have no header"):
        read(text)
    made = read(text, header=False)
    assert made.names == [f"column_{place}" for place in range(1, text.partition("\n")[0].count(",") + 2)]
    assert made.rows == len(text.splitlines())


def test_a_person_can_say_that_numbers_are_names(read: Reader) -> None:
    made = read("2020,2021\n5,6\n7,8\n", header=True)
    assert (made.names, made.rows) == (["2020", "2021"], 2)


@pytest.mark.parametrize(
    "text",
    ["name,age\nBob,3\nSue,4\n", "a,b\nx,y\nx,y\n", "2020,kind\n5,x\n6,x\n", "id\n1\n2\n", "Bob\nSue\nAnn\n"],
)
def test_a_header_of_words_is_a_header(read: Reader, text: str) -> None:
    assert read(text).rows == len(text.splitlines()) - 1


def test_empty_names_are_filled_in_and_said(read: Reader) -> None:
    made = read(",b,column_1\n0,x,5\n1,y,6\n")
    assert made.names == ["column_1_", "b", "column_1"]
    assert any("Column 1 has no name" in note and "'column_1_'" in note for note in made.notes)


def test_a_name_over_two_lines_becomes_one(read: Reader) -> None:
    made = read('"price\n(EUR)",b\n1,x\n')
    assert made.names == ["price (EUR)", "b"]
    assert any("line breaks" in note for note in made.notes)


def test_one_column_keeps_its_missing_values(read: Reader) -> None:
    assert read('x\n1\n""\n3\n').values("x") == [1, None, 3]


@pytest.mark.parametrize(
    ("encoding", "mark", "note"),
    [
        ("utf-8", b"", None),
        ("utf-8", codecs.BOM_UTF8, None),
        ("utf-16-le", codecs.BOM_UTF16_LE, None),
        ("utf-16-be", codecs.BOM_UTF16_BE, None),
        ("utf-32-le", codecs.BOM_UTF32_LE, None),
        ("cp1252", b"", "Windows-1252"),
        ("iso8859-1", b"", "Windows-1252"),
    ],
)
def test_encodings_are_told_or_guessed(read: Reader, encoding: str, mark: bytes, note: str | None) -> None:
    made = read(mark + "größe;n\nweiß;1\nMüller;2\n".encode(encoding))
    assert made.values("größe") == ["weiß", "Müller"]
    assert (note is None) == (made.notes == [])
    assert note is None or note in made.notes[0]


def test_bytes_beyond_windows_1252_are_latin_1(read: Reader) -> None:
    made = read(b"a,b\ncaf\xe9\x81,1\n")
    assert made.values("a") == ["café\x81"]
    assert "Latin-1" in made.notes[0]


def test_a_person_can_say_the_encoding(read: Reader) -> None:
    made = read("имя,x\nДюк,1\n".encode("cp1251"), encoding="windows-1251")
    assert made.values("имя") == ["Дюк"]
    assert made.notes == []


@pytest.mark.parametrize(
    ("content", "options", "problem"),
    [
        ("größe\nweiß\n".encode() + b"caf\xe9\n", {}, "line 3"),
        (b"a,b\n1,\xff\n", {"encoding": "utf-8"}, "line 2"),
        (b"a,b\n1,2\n" + "ü".encode()[:1], {"encoding": "utf-8"}, "line 3"),
        (codecs.BOM_UTF16_LE + "a,b\n1,2\n".encode("utf-16-le")[:-1], {}, "utf-16"),
        ("a,b\n1,2\n".encode("utf-16-le"), {}, "zero byte"),
        (codecs.BOM_UTF16_LE + "a,b\n1,\x002\n".encode("utf-16-le"), {}, "line 2 holds a zero byte"),
    ],
)
def test_broken_encodings_are_refused_by_line(
    read: Reader, content: bytes, options: dict[str, str], problem: str
) -> None:
    with pytest.raises(DatasetUnreadable) as caught:
        read(content, **options)
    assert problem in caught.value.detail


def test_letters_across_chunks_are_whole(read: Reader) -> None:
    words = ["ü" * 11] * 150_000
    assert read("a,b\n" + "".join(f"{word},1\n" for word in words)).values("a") == words


def test_too_many_columns(read: Reader) -> None:
    width = limits.MAX_COLUMNS + 1
    text = ",".join(f"c{i}" for i in range(width)) + "\n" + ",".join("1" * width) + "\n"
    with pytest.raises(TooLarge, match="5,001 columns"):
        read(text)


def test_a_value_too_long(read: Reader) -> None:
    long = "x" * (limits.MAX_CELL + 1)
    with pytest.raises(DatasetUnreadable, match="column 'b', row 2, is longer"):
        read(f"a,b\n1,y\n2,{long}\n")
    with pytest.raises(DatasetUnreadable, match="line 3 is longer"):
        read(f'a,b\n1,y\n2,"{long * (blocks.BLOCK // len(long) + 2)}\n3,z\n')


def test_a_row_larger_than_a_block(read: Reader) -> None:
    wide = ",".join(f"c{i}" for i in range(120))
    with pytest.raises(DatasetUnreadable, match="a row is longer than 4 MB"):
        read(f"{wide}\n" + ",".join(["x" * 100_000] * 120) + "\n")


def test_wide_files_are_read(read: Reader) -> None:
    width = 1_100
    text = ",".join(f"c{i}" for i in range(width)) + "\n" + (",".join(map(str, range(width))) + "\n") * 3
    made = read(text, header=True)
    assert (len(made.names), made.rows, made.values("c1099")) == (width, 3, [1099] * 3)
    assert "histogram" not in made.profiles["c0"]
