# SPDX-License-Identifier: GPL-2.0-only
"""The files and functions that documents name exist.

In docs/architecture.md and CONTRIBUTING.md a name in backticks belongs to the
file that was named last in the same paragraph, list item or row of a table:
`name()` is a function that the file defines, `name[]` a table in it, NAME_NAME
a word of it. Elsewhere only files are looked up.
"""
import glob
import os
import re

import pytest

import lib
from test_docs import documents, pages, text_of

NAMES = ("docs/architecture.md", "CONTRIBUTING.md")
PATH = re.compile(r"(?<![\w/.-])((?:(?:vmm|guest|devices|tests|docs|\.ci)/"
                  r"[\w./*-]*)|LICENSE|Makefile|(?:README|CONTRIBUTING)\.md)")
# Placeholders of CONTRIBUTING.md.
MADE_UP = re.compile(r"NAME|DIR\b")


def blocks(text):
    """Paragraphs, list items and rows of tables, each as one line."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    for block in re.split(r"\n\s*\n|\n(?=\||\d+\. |- |\#)", text):
        yield " ".join(block.split())


def is_defined(name, source):
    """A function of C, of the kernel's style; or of Python."""
    return re.search(rf"^(?:\w[\w\s*]*?[\s*]{name}\([^;{{]*\{{|def {name}\()",
                     source, re.M)


def wrong_names(text, read):
    """-> [(file, name)...] that are not there; read(path) gives a text."""
    for block in blocks(text):
        path = None
        for word in re.findall(r"`([^`]+)`", block):
            if "/" in word and "*" not in word and not MADE_UP.search(word):
                path = word.split()[0]
            name = re.fullmatch(r"(\w+)(\(\)|\[\]|)", word)
            if not name or not (name[2] or re.fullmatch(r"[A-Z]+(_[A-Z]+)*", word)):
                continue
            if path is None:
                yield "no file", word
            elif name[2] == "()":
                if not is_defined(name[1], read(path)):
                    yield path, word
            elif not re.search(rf"\b{name[1]}{re.escape(name[2])}", read(path)):
                yield path, word


@pytest.mark.short
def test_names_are_where_documents_say(lab):
    for name in NAMES:
        wrong = list(wrong_names(text_of(lab, name), lambda p: text_of(lab, p)))
        assert not wrong, f"{name}: {wrong}"


@pytest.mark.short
def test_wrong_names_are_noticed(lab):
    def wrong(text):
        return list(wrong_names(text, lambda path: {"a/b.c": SOURCE}[path]))

    SOURCE = "int f(int a,\n      int b)\n{\n\treturn g(a);\n}\nint h(void);\n" \
        "static const int rows[] = {};\n#define SOME_LIMIT 3\n"
    assert not wrong("`a/b.c`: `f()`, `rows[]`, `SOME_LIMIT`")
    assert wrong("`a/b.c`: `g()`") == [("a/b.c", "g()")]  # only called there
    assert wrong("1. `a/b.c`:\n   `h()`") == [("a/b.c", "h()")]  # only declared
    assert wrong("`a/b.c`: `lines[]`") == [("a/b.c", "lines[]")]
    assert wrong("`a/b.c`: `NO_LIMIT`") == [("a/b.c", "NO_LIMIT")]
    assert wrong("`a/b.c`\n\n`f()`") == [("no file", "f()")]


@pytest.mark.short
def test_files_that_are_named_exist(lab):
    for name in documents(lab) + pages(lab):
        for found in PATH.findall(text_of(lab, name)):
            found = found.rstrip(".")
            assert MADE_UP.search(found) or \
                glob.glob(os.path.join(lab.root, found)), \
                f"{name} names {found}, which is not there"


@pytest.mark.short
def test_architecture_has_every_room(lab):
    rooms = set(re.findall(r"^(\w+):", text_of(lab, "vmm/rooms"), re.M))
    assert {"base", "memory", "play"} <= rooms, rooms
    drawing, table = re.search(r"```text\n(.*?)```(.*?)\n## ",
                               text_of(lab, NAMES[0]), re.S).groups()
    for room in rooms - {"vmm", "guest"}:
        assert re.search(rf"\b{room}\b", drawing), f"{room} is not drawn"
        assert re.search(rf"^\|[^|]*\b{room}\b", table, re.M), \
            f"{room} is not in the table"
    # Arrows go down: what a room may include.
    may = dict(re.findall(r"^(\w+): *(.*)$", text_of(lab, "vmm/rooms"), re.M))
    for line in drawing.splitlines():
        for left, right in re.findall(r"(\w+)(?=[ -]+> *([\w, ]+))", line):
            for room in re.findall(r"\w+", right):
                if left in may and room in may:
                    assert room in may[left].split(), f"{left} -> {room}"


@pytest.mark.short
def test_recipes_have_at_most_five_steps(lab):
    recipes = re.findall(r"^## Add (.*)\n((?:.*\n)*?)(?=^## |\Z)",
                         text_of(lab, NAMES[1]), re.M)
    assert len(recipes) == 7, [r[0] for r in recipes]
    for what, steps in recipes:
        numbers = re.findall(r"^(\d)\. ", steps, re.M)
        assert 1 <= len(numbers) <= 5, (what, numbers)
