# SPDX-License-Identifier: GPL-2.0-only
"""Requests drawn from the tables of a running gpcvm: `help`, `guest 0 help` and
`storm help`. A command that is new there is drawn without a change here."""
import re

NUMBERS = ["0", "1", "2", "3", "7", "8", "16", "255", "256", "4095", "4096",
           "4097", "0x1000", "1K", "64K", "1M", "2M", "8M", "16M", "3G", "16T",
           "0x7fffffffffffffff", "0x8000000000000000", "18446744073709551615",
           "18446744073709551616", "0xfffffffffffff000", "-1", "+1", "0x", "1e3",
           "16777216T", "00000000000000000000000000000001"]
JUNK = ["", '""', '"', "\\", '"a b"', "'", ";", "#", "*", "%s%n", "../x", "\t",
        "\x1b[2J", "\x7f", "\xe4", "\u202e", "\ufffd", "a" * 300, "all", "off",
        "help", "stop", "&", "+", ",", "any", "x2", "page"]
MSRS = ["0x10", "0x1b", "0x4b564d00", "0x4b564d01", "0x4b564d02", "0x4b564d03",
        "0xc0000080", "0xc0010000", "0x174", "0xffffffff", "0x100000000"]
FILES = ["one.scn", "two.scn", "no/such/dir", "/dev/full", ".", "/", "stop"]
# What takes seconds, or what only the end may be.
RARE = {"leak": 0.02, "caps": 0.05}
NEVER = {"quit"}


class Grammar:
    def __init__(self, rng, client):
        self.rng = rng
        self.rows = {r["name"]: r["args"]
                     for r in client.ok("help")["commands"]}
        self.ops = self.table(client, "guest 0 help")
        self.storm = self.table(client, "storm help")
        self.pages = [p["name"] for p in client.ok("gpc")["pages"]]
        status = client.ok("status")
        self.vcpus = len(status["vcpus"])
        self.slots = len(status["slots"])
        self.mem = status["mem"]

    @staticmethod
    def table(client, line):
        r = client.cmd(line)
        return {o["name"]: o["args"] for o in r["ops"]} if r["ok"] else {}

    def gpa(self):
        rng = self.rng
        if rng.random() < 0.3:
            return rng.choice(self.pages + ["nopage"])
        if rng.random() < 0.7:
            return hex(rng.randrange(self.mem // 4096) * 4096 +
                       rng.choice([0, 0, 0, 8, 4095]))
        return rng.choice(NUMBERS)

    def of_table(self, table):
        name = self.rng.choice(sorted(table))
        return [name, *self.words(table[name])]

    def worker(self):
        rng = self.rng
        out = rng.choice([[], ["x2"], ["any"], ["x3", "any"]])
        for n in range(rng.choice([1, 1, 2, 4])):
            out = out + ([","] if n else []) + self.of_table(self.storm)
        return out + (["&", *self.of_table(self.storm)]
                      if rng.random() < 0.3 else [])

    def special(self, word):
        """The words for an argument that the manual writes in capitals."""
        rng = self.rng
        small = {"GPA": self.gpa, "NAME": lambda: rng.choice(self.pages),
                 "VCPU": lambda: str(rng.randrange(self.vcpus + 1)),
                 "SLOT": lambda: str(rng.randrange(self.slots + 1)),
                 "MSR": lambda: rng.choice(MSRS),
                 "LEN": lambda: rng.choice(["1", "8", "4K", "8K", "64K", "1M"]),
                 "SECONDS": lambda: "1",
                 "FILE": lambda: rng.choice(FILES),
                 "N": lambda: str(rng.randrange(2000)),
                 "CMD": lambda: rng.choice(sorted(self.rows))}
        if word == "OP" and self.ops:
            return self.of_table(self.ops)
        if word == "WORKER" and self.storm:
            return self.worker()
        if word in small and rng.random() < 0.9:
            return [small[word]()]
        return [rng.choice(NUMBERS)]

    def words(self, args):
        """Of a row's arguments, cut at any bracket."""
        rng = self.rng
        out = []
        for token in re.findall(r"\[|[^\s\[\]]+", args):
            if token == "[":
                if rng.random() < 0.3:
                    break
                continue
            word = rng.choice(token.rstrip(".").split("|"))
            if word in ("ARG", ""):
                continue
            out += self.special(word) if word.isupper() or re.fullmatch(
                r"[A-Z]\d", word) else [word]
        return out

    def spoil(self, words):
        rng = self.rng
        for _ in range(rng.choice([1, 1, 2, 5])):
            at = rng.randrange(len(words) + 1)
            what = rng.randrange(5)
            if what == 0 and len(words) > 1:
                words.pop(at % len(words))
            elif what == 1:
                words.insert(at, rng.choice(JUNK))
            elif what == 2:
                words[at % len(words)] = rng.choice(NUMBERS + JUNK)
            elif what == 3:
                words += [rng.choice(NUMBERS)] * rng.choice([1, 10, 100])
            elif words:
                words[at % len(words)] = words[at % len(words)].swapcase()
        return words

    def harmless(self, words):
        """No file outside the directory, and no end."""
        first = " ".join(words).replace('"', " ").split()[:1]
        if not first or first[0] in NEVER:
            return ["status"]
        if first[0] == "record" and words[-1] not in FILES:
            words = [w.replace("/", "_") for w in words]
        return words

    def request(self):
        """-> one line without its newline, and the command if it is one"""
        rng = self.rng
        if rng.random() < 0.05:
            line = rng.randbytes(rng.choice([0, 1, 20, 4096, 4097, 9000]))
            return line.replace(b"\n", b" "), None
        name = rng.choice(sorted(self.rows))
        if name in RARE and rng.random() > RARE[name]:
            name = "status"
        words = [name, *self.words(self.rows[name])]
        clean = rng.random() < 0.7
        if not clean:
            words = self.spoil(words)
        words = self.harmless(words)
        line = " ".join(words).encode().replace(b"\n", b" ")
        return line, words[0] if clean else None
