"""What one call of openXBOW does: read the table, learn or load the codebook, count, finish, write."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from threadpoolctl import threadpool_limits

from stages.core.bags import codebook_file
from stages.core.bags.assignment import Assigner, Counts
from stages.core.bags.codebook import Activity, Codebook, Scaling, normalization, standardization
from stages.core.bags.weighting import Normalization, document_counts, finish, idf
from stages.core.openxbow.columns import from_alternative, from_attributes
from stages.core.openxbow.counting import Clips, Counter, Segments, owners
from stages.core.openxbow.labels import Key, classes, read_labels, shown
from stages.core.openxbow.learning import learn
from stages.core.openxbow.options import Options
from stages.core.openxbow.table import BLOCK, Block, Table, open_table
from stages.core.openxbow.writing import Bags, announce, word_lines, write_bags
from stages.core.runtime.compute import ComputeOptions
from stages.core.runtime.console import progress, say
from stages.core.runtime.errors import UserError
from stages.core.runtime.files import whole, write_text
from stages.core.runtime.parallel import in_order, parallel_map, uncrashed

NORMS: tuple[Normalization, ...] = ("none", "frames", "sum", "norm")
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Job:
    """One call, its table opened.

    Attributes:
        options: what is asked for.
        table: reads the numbers of all codebooks, and of the two columns below.
        groups: int, where the columns of each codebook stand among the numbers.
        activity: which frames count; its column is one of the numbers.
        time: where times stand among the numbers, if clips are cut into segments.
        loaded: the codebook that is not to be learnt; it scales the numbers.
    """

    options: Options
    table: Table
    groups: list[np.ndarray]
    activity: Activity | None
    time: int | None
    loaded: Codebook | None


def run(options: Options) -> None:
    """Carry out one call.

    Raises:
        UserError: if a file cannot be read as asked, or options and files contradict each other.
    """
    _check_paths(options)
    for name in options.ignored:
        print(f"warning: -{name} has no effect, since -b names a codebook", file=sys.stderr, flush=True)
    job = prepare(options)
    with threadpool_limits(1, "blas"), ExitStack() as files:
        raw = progress(job.table.raw_blocks(), 1 + options.input.stat().st_size // BLOCK, "block")
        labels: dict[str, tuple[str, ...]] = {}
        codebook = job.loaded
        if codebook is None:
            blocks = list(_side_by_side(lambda item: job.table.block(*item), raw))
            codebook = _learn(job, blocks)
            counter = _counter(job, codebook)
            works = _side_by_side(counter.work, blocks)
        else:
            counter = _counter(job, codebook)
            works = _side_by_side(lambda item: counter.work(job.table.block(*item)), raw)
        bags = Segments(counter.assigner, *options.window) if options.window else Clips(counter.assigner)
        index = None
        if options.index is not None:
            temporary = files.enter_context(whole(options.index))
            index = files.enter_context(temporary.open("w", encoding="utf-8", newline="\n"))
        for work in works:
            bags.add(work)
            for name, own in zip(work.block.names, work.block.labels, strict=True):
                labels.setdefault(name, own)
            if index is not None and work.assigned is not None:
                index.write(word_lines(work.assigned.words))
        keys, counts = bags.result()
        codebook, finished = _finish(codebook, counts, options, job.loaded is None)
        if options.output is not None:
            _write(job, options.output, keys, finished, labels)
        if options.save is not None:
            _save(job, options.save, codebook)
    written = [str(path) for path in (options.output, options.index, options.save) if path is not None]
    say(f"{', '.join(written)}: {len(keys)} bags of {codebook.bins} words")


def prepare(options: Options) -> Job:
    """Open the table, and the codebook if there is one to load.

    Raises:
        UserError: if they do not fit each other.
    """
    columns = None
    if options.attributes is not None:
        columns = from_attributes(options.attributes)
    elif options.alternative is not None:
        columns = from_alternative(options.alternative)
    table = open_table(options.input, columns, options.window is not None)
    groups = table.columns.groups
    loaded: Codebook | None = None
    activity = Activity(options.activity[0] - 1, options.activity[1]) if options.activity else None
    if options.load is not None:
        loaded = codebook_file.load_codebook(options.load)
        activity = loaded.activity
        have, want = [words.shape[1] for words in loaded.words], [len(group) for group in groups]
        if have != want:
            raise UserError(f"-b {options.load} has codebooks of {have} columns, but the table has {want}.")
    time = table.columns.time if options.window else None
    if options.window and time is None:
        raise UserError("-t needs a column of times; mark it with t in -attributes.")
    table = table.reading(None if activity is None else activity.column, time)
    places = [np.searchsorted(table.numeric, group) for group in groups]
    if loaded is not None:
        used = np.unique(np.concatenate(groups))
        loaded = codebook_file.of_columns(replace(loaded, activity=None), used, str(options.load))
        if loaded.input is not None:
            spread = loaded.input.spread(np.searchsorted(table.numeric, used), len(table.numeric))
            loaded = replace(loaded, input=spread)
    if activity is not None:
        activity = replace(activity, column=int(np.searchsorted(table.numeric, activity.column)))
    time = None if time is None else int(np.searchsorted(table.numeric, time))
    return Job(options, table, places, activity, time, loaded)


def _check_paths(options: Options) -> None:
    """Refuse to write over what is read, or two outputs into one file."""
    read = [path for path in (options.input, options.labels, options.load) if path is not None]
    seen = {path.resolve() for path in read}
    for name, path in (("-o", options.output), ("-oi", options.index), ("-B", options.save)):
        if path is None:
            continue
        if path.resolve() in seen:
            raise UserError(f"{name} {path} is already the file of another option; choose another.")
        if path.is_dir():
            raise UserError(f"{name} {path} is a folder.")
        seen.add(path.resolve())


def _side_by_side(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Results of a function on threads, in the order of the items."""
    results = parallel_map(function, enumerate(items), ComputeOptions(), here="threads")
    return in_order(uncrashed(results, "block"))


def _counter(job: Job, codebook: Codebook) -> Counter:
    detailed, scaling = job.options.index is not None or job.options.window is not None, None
    if len(np.unique(np.concatenate(job.groups))) < sum(map(len, job.groups)):
        codebook, scaling = replace(codebook, input=None), codebook.input
    return Counter(Assigner(codebook, job.groups), scaling, job.activity, job.time, detailed)


def _learn(job: Job, blocks: Sequence[Block]) -> Codebook:
    if not blocks:
        raise UserError(f"{job.table.path} has no frames.")
    frames, owner = np.concatenate([block.numbers for block in blocks]), None
    if job.options.supervised:
        owner = _classes(job, blocks)
        # Without classes openXBOW learns from all frames, whatever -e says.
        if job.activity is not None:
            owner[~job.activity.of(frames)] = -1
    return learn(frames, job.groups, job.options, owner)


def _classes(job: Job, blocks: Sequence[Block]) -> np.ndarray:
    """The class of each frame, for ``-supervised``."""
    owner = owners(blocks)
    if job.options.labels is not None:
        known = read_labels(job.options.labels, [(name, None) for name in dict.fromkeys(owner)])
        labels = {name: own for (name, _), own in known.items()}
    else:
        labels = {}
        for block in blocks:
            for name, own in zip(block.names, block.labels, strict=True):
                labels.setdefault(name, own)
    first = {name: own[0] for name, own in labels.items() if own}
    if not first:
        raise UserError("-supervised needs labels: a column c in -attributes, or -l.")
    if classes(list(first.values())) == "numeric":
        raise UserError("-supervised needs classes, but the labels are numbers.")
    order = {
        label: number
        for number, label in enumerate(dict.fromkeys(first[name] for name in owner if name in first))
    }
    return np.array([order[first[name]] if name in first else -1 for name in owner])


def _finish(
    codebook: Codebook, counts: Counts, options: Options, learning: bool
) -> tuple[Codebook, np.ndarray]:
    """Bags, and the codebook with what is learnt from them."""
    norm = NORMS[options.norm]
    if learning and options.idf:
        codebook = replace(codebook, idf=idf(document_counts(counts), len(counts.bags)))
    finished = finish(counts, codebook, norm)
    if learning and options.output_scaling is not None:
        if options.output_scaling == "standardize" and len(finished) < 2:
            raise UserError("-standardizeOutput needs two bags at least.")
        learnt = standardization if options.output_scaling == "standardize" else normalization
        codebook = replace(codebook, output=learnt(finished))
        finished = finish(counts, codebook, norm)
    return codebook, finished


def _write(
    job: Job, path: Path, keys: Sequence[Key], bags: np.ndarray, labels: dict[str, tuple[str, ...]]
) -> None:
    options = job.options
    found: dict[Key, tuple[str, ...]] = {}
    if options.labels is not None and not options.no_labels:
        found = read_labels(options.labels, keys)
    elif not options.window and not options.no_labels and job.table.columns.labels:
        found = {key: labels[key[0]] for key in keys}
    found = {key: tuple(map(shown, own)) for key, own in found.items()}
    content = Bags(keys, bags, None, (), job.table.relation)
    if found:
        # openXBOW looks for classes among the first clips only, as many as have labels.
        announced = announce([found.get(key) for key in keys[: len(found)]], options.arff_labels)
        # Where a clip comes back later, with -t, its labels are those of its first segments alone.
        first = dict(reversed([(key, place) for place, key in enumerate(keys)]))
        rows = [place for place, key in enumerate(keys) if key in found and first[key] == place]
        kept = [keys[row] for row in rows]
        content = Bags(kept, bags[rows], [found[key] for key in kept], announced, job.table.relation)
    write_bags(
        path,
        content,
        options.write_name,
        options.write_time,
        options.separator,
        options.header,
        options.append,
    )


def _save(job: Job, path: Path, codebook: Codebook) -> None:
    """Write the codebook for the whole table, or the loaded one as it was."""
    if job.options.load is not None:
        write_text(path, codebook_file.to_text(codebook_file.load_codebook(job.options.load)))
        return
    if codebook.input is not None:
        codebook = replace(codebook, input=_whole_table(job, codebook.input))
    write_text(path, codebook_file.to_text(codebook))


def _whole_table(job: Job, scaling: Scaling) -> Scaling:
    """The scaling of the numbers that codebooks cover, among all columns of the table."""
    used = np.unique(np.concatenate(job.groups))
    return scaling.pick(used).spread(job.table.numeric[used], job.table.columns.width)
