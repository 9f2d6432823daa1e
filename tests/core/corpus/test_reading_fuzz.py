"""Label files as the world writes them: a corpus or one sentence, and no file outside the folder."""

import csv
import io
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.core.config.data import CorpusOptions
from stages.core.config.load import load
from stages.core.corpus.info import INFO
from stages.core.corpus.reading import Corpus, read_corpus
from stages.core.runtime.errors import UserError
from tests.helpers import FAULTS, ROOT
from tests.helpers.corpora import COLUMNS, info_row

TASKS = load(ROOT / "params.yaml").tasks
CLIPS = 6
HOSTILE_IDS = [
    "../../secret",
    "../secret",
    "..",
    ".",
    "/etc/passwd",
    "C:\\secret",
    "..\\..\\secret",
    "wav/00001",
    "00001\0",
    "linked",
    "[linked]",
    "[../secret]",
    "~/secret",
    "%2e%2e/secret",
    "*",
]
cells = st.one_of(
    st.sampled_from(
        ["", "-1", "nan", "1e400", "-inf", "0x10", "１２", "1,5", "12 years", "True", "[1]", '"', "'"]
    ),
    st.integers().map(str),
    st.floats().map(str),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
)
encodings = st.sampled_from(
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252", "gb18030"]
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus beside a secret, with a link to it."""
    above = tmp_path_factory.mktemp("fuzz")
    (above / "secret.wav").write_text("secret")
    wav = above / "corpus" / "wav"
    wav.mkdir(parents=True)
    for number in range(CLIPS):
        (wav / f"{number:05d}.wav").touch()
    (wav / "linked.wav").symlink_to(above / "secret.wav")
    (wav / "broken.wav").symlink_to(above / "nothing.wav")
    (wav / "loop.wav").symlink_to(wav / "loop.wav")
    return above / "corpus"


def read(folder: Path, content: bytes) -> Corpus | None:
    """The corpus, or None after one sentence; whatever it names lies inside."""
    (folder / INFO).write_bytes(content)
    try:
        corpus = read_corpus(CorpusOptions(str(folder)), TASKS, "Country")
    except UserError as error:
        assert INFO in str(error)
        assert "\n" not in str(error)
        assert str(error).endswith(".")
        return None
    assert len(corpus.clips) + len(corpus.faults) == corpus.listed
    assert set(corpus.paths) == set(corpus.clips["clip_id"])
    wav = (folder / "wav").resolve()
    assert all(path.resolve().parent == wav for path in corpus.paths.values())
    return corpus


def table(rows: list[list[str]], separator: str, newline: str, quoting: int) -> str:
    """Rows as CSV."""
    buffer = io.StringIO(newline="")
    csv.writer(buffer, delimiter=separator, lineterminator=newline, quoting=quoting).writerows(rows)  # type: ignore[arg-type]
    return buffer.getvalue()


def sound_rows() -> list[list[str]]:
    return [
        [*COLUMNS],
        *([str(cell) for cell in info_row(number, number).values()] for number in range(CLIPS)),
    ]


@settings(max_examples=60 * FAULTS, deadline=None)
@given(data=st.data())
def test_random_cells_in_random_dialects(folder: Path, data: st.DataObject) -> None:
    rows = sound_rows()
    for _ in range(data.draw(st.integers(0, 4))):
        row = rows[data.draw(st.integers(0, CLIPS))]
        row[data.draw(st.integers(0, len(COLUMNS) - 1))] = data.draw(cells)
    text = table(
        rows,
        data.draw(st.sampled_from(",;\t")),
        data.draw(st.sampled_from(["\n", "\r\n", "\r"])),
        data.draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
    )
    read(folder, text.encode(data.draw(encodings), errors="replace"))


@settings(max_examples=60 * FAULTS, deadline=None)
@given(data=st.data())
def test_bytes_changed_lost_and_doubled(folder: Path, data: st.DataObject) -> None:
    content = bytearray(table(sound_rows(), ",", "\n", csv.QUOTE_MINIMAL).encode())
    for _ in range(data.draw(st.integers(1, 6))):
        start = data.draw(st.integers(0, max(0, len(content) - 1)))
        length = data.draw(st.integers(0, 40))
        content[start : start + length] = data.draw(
            st.one_of(st.binary(max_size=3), st.just(bytes(content[start : start + length]) * 2))
        )
    read(folder, bytes(content))


@settings(max_examples=30 * FAULTS, deadline=None)
@given(changes=st.dictionaries(st.integers(1, CLIPS), st.sampled_from(HOSTILE_IDS), min_size=1), tail=cells)
def test_hostile_ids_name_no_file_outside(folder: Path, changes: dict[int, str], tail: str) -> None:
    rows = sound_rows()
    for index, name in changes.items():
        rows[index][0] = name
    rows[1][0] += tail
    corpus = read(folder, table(rows, ",", "\n", csv.QUOTE_ALL).encode())
    if corpus:
        assert not {"linked", "secret"} & set(corpus.paths)


@pytest.mark.parametrize("name", HOSTILE_IDS)
def test_each_hostile_id_is_quarantined_alone(folder: Path, name: str) -> None:
    rows = sound_rows()
    rows[3][0] = name
    corpus = read(folder, table(rows, ",", "\n", csv.QUOTE_ALL).encode())
    assert corpus is not None
    assert len(corpus.clips) == CLIPS - 1
    assert {fault.reason for fault in corpus.faults} <= {"unsafe id", "unsafe link", "missing"}


@pytest.mark.parametrize("name", ["broken", "loop"])
def test_a_link_to_nothing_is_quarantined(folder: Path, name: str) -> None:
    rows = sound_rows()
    rows[3][0] = name
    corpus = read(folder, table(rows, ",", "\n", csv.QUOTE_ALL).encode())
    assert corpus is not None
    assert [fault.clip_id for fault in corpus.faults] == [name]


def test_a_hundred_thousand_rows_with_faults_lose_none(folder: Path) -> None:
    rng = random.Random(1)  # noqa: S311
    rows = [[str(cell) for cell in info_row(number, number % 997).values()] for number in range(100_000)]
    for row in rng.sample(rows, 1000):
        row[4] = "old"
    corpus = read(folder, table([COLUMNS, *rows], ",", "\r\n", csv.QUOTE_MINIMAL).encode())
    assert corpus is not None
    assert corpus.listed == 100_000
    assert list(corpus.clips["clip_id"]) == [
        f"{number:05d}" for number in range(CLIPS) if rows[number][4] != "old"
    ]
