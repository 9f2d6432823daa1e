"""Entries and sections put into params.yaml, with every other line left as it is, comments included."""

from collections.abc import Mapping
from typing import Any

import yaml

from stages.core.config.parameters import FILE
from stages.core.runtime.errors import UserError


def with_entry(text: str, section: str, name: str, entry: Any, remark: str = "") -> str:
    """The text of a YAML file with an entry at the end of a section, or in the place of one of the same name.

    Args:
        text: of the file.
        section: that has the entry.
        name: of the entry.
        entry: its value.
        remark: the comment at the end of its line; empty: the comment of the value that it replaces stays.

    Raises:
        UserError: if there is no such section, or it stands in braces.
    """
    lines = text.splitlines()
    _, found = _section(text, section)
    first = last = _end(lines, found)
    indent = found.value[0][0].start_mark.column
    comment = ""
    for key, value in found.value:
        if key.value == name:
            first, last = key.start_mark.line, _end(lines, value)
            comment = _comment(lines, value) if last == first + 1 else ""
    comment = remark or comment
    content = yaml.dump(
        {name: _plain(entry)}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1000
    )
    added = [" " * indent + line for line in content.splitlines()]
    if comment and len(added) == 1:
        added = [f"{added[0].rstrip():27} {comment}"]
    return "\n".join([*lines[:first], *added, *lines[last:]]) + "\n"


def remark_of(text: str, section: str, name: str) -> str:
    """The comment at the end of an entry's line, with its sign; empty: it has none, or is not there.

    Raises:
        UserError: if there is no such section, or it stands in braces.
    """
    _, entries = _section(text, section)
    values = [value for key, value in entries.value if key.value == name]
    return _comment(text.splitlines(), values[0]) if values else ""


def with_section(text: str, section: str, source: str) -> str:
    """The text of a YAML file with a section as another text has it, its comments included.

    Raises:
        UserError: if one of both has no such section, or it stands in braces.
    """
    lines, others = text.splitlines(), source.splitlines()
    (first, old), (other, new) = _section(text, section), _section(source, section)
    taken = others[other : _end(others, new)]
    return "\n".join([*lines[:first], *taken, *lines[_end(lines, old) :]]) + "\n"


def _section(text: str, section: str) -> tuple[int, yaml.MappingNode]:
    """The line of its name, and its entries."""
    top = yaml.compose(text, yaml.SafeLoader)
    for key, entries in top.value:
        if key.value == section and isinstance(entries, yaml.MappingNode) and not entries.flow_style:
            return key.start_mark.line, entries
    raise UserError(f"{FILE}: section {section} must hold one entry below the other.")


def _comment(lines: list[str], node: yaml.Node) -> str:
    """What follows a value on its line, if that is a comment."""
    rest = lines[node.end_mark.line][node.end_mark.column :].strip()
    return rest if rest.startswith("#") else ""


def _end(lines: list[str], node: yaml.Node) -> int:
    """The number of the line after a node, without the blank lines and comments that follow it."""
    block = isinstance(node, yaml.CollectionNode) and not node.flow_style  # ends where the next key begins
    end = node.end_mark.line + (not block)
    while not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#"):
        end -= 1
    return end


def _plain(content: Any) -> Any:
    """Tuples as lists, at any depth."""
    if isinstance(content, Mapping):
        return {key: _plain(value) for key, value in content.items()}
    return [_plain(value) for value in content] if isinstance(content, list | tuple) else content


class _Dumper(yaml.SafeDumper):
    """Lists in one line, and nothing for None, as params.yaml is written."""


_Dumper.add_representer(
    list, lambda dumper, rows: dumper.represent_sequence("tag:yaml.org,2002:seq", rows, flow_style=True)
)
_Dumper.add_representer(type(None), lambda dumper, _: dumper.represent_scalar("tag:yaml.org,2002:null", ""))
