#!/usr/bin/env python3
"""Records what PostgreSQL 15 answers to the calls in tests/functions/calls.txt, for the unit test.
Usage: record_functions.py CALLS OUTPUT.tsv PSQL-ARGUMENT...

A call is a function's name and its arguments, apart by " | ": type:text, or type:NULL. A recorded line
is, apart by tabs: the name, the function's OID, the type of the result, for each argument its type's OID
and its text (backslash N for NULL), and at last = and the answer's text, or ! and SQLSTATE and message."""
import pathlib
import subprocess
import sys

MARK = "-- next call"


def run(arguments, script):
    done = subprocess.run(["psql", "-XAtq", "-v", "VERBOSITY=verbose", "-P", "null=\\N", *arguments], input=script,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.stdout


def quote(text):
    return "E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def escape(text):
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")


def main():
    calls, output, psql = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3:]
    parsed = []
    for line in calls.read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        name, *arguments = line.split(" | ")
        parsed.append((name.strip(), [a.split(":", 1) for a in arguments]))
    script = []
    for name, arguments in parsed:
        types = " ".join(f"{quote(kind)}::regtype::oid," for kind, _ in arguments).rstrip(",")
        values = ", ".join(
            (f"NULL::{kind}" if text == "NULL" else f"{quote(text.replace('<nl>', chr(10)))}::{kind}")
            for kind, text in arguments)
        script.append(f"\\echo '{MARK}'")
        script.append(f"select array_to_string(array[{types}]::oid[], ' ');")
        script.append(f"create or replace temp view v as select pg_catalog.\"{name}\"({values}) as r;")
        script.append("select atttypid from pg_attribute where attrelid = 'pg_temp.v'::regclass and attnum = 1;")
        script.append("drop view v;")
        script.append(f"\\echo '-- answer'\nselect pg_catalog.\"{name}\"({values});")
    answers = run(psql, "\n".join(script) + "\n").split(MARK + "\n")[1:]
    oids = {}
    rows = run(psql, "select proname, oid, proargtypes, provariadic from pg_proc where pronamespace = 11 order by oid")
    for row in rows.splitlines():
        function, oid, types, variadic = row.split("|")
        oids.setdefault(function, []).append((oid, types.split(), variadic))
    coercible = {("1043", "25"), ("25", "1043")}
    lines = []
    for (name, arguments), answer in zip(parsed, answers):
        head, _, outcome = answer.partition("-- answer\n")
        head = head.split("\n")
        types = head[0].split()
        result = next((h for h in head[1:] if h.isdigit()), None)
        polymorphic = {"2283", "2277", "2276", "5077", "5078", "2776"}

        def fits(candidate):
            wanted, variadic = candidate[1], candidate[2]
            if variadic == "2276":
                return len(types) >= len(wanted) - 1 and all(
                    w in (t, "2276") for w, t in zip(wanted[:-1], types))
            return len(wanted) == len(types) and all(
                w == t or w in polymorphic or (t, w) in coercible for w, t in zip(wanted, types))

        found = [c for c in oids.get(name, []) if c[1] == types] or [c for c in oids.get(name, []) if fits(c)]
        if len(found) < 1 or result is None:
            sys.exit(f"{name} {types}: no such function ({answer})")
        outcome = outcome.rstrip("\n") if outcome.endswith("\n") else outcome
        if outcome.startswith("ERROR:") or outcome.startswith("psql:"):
            error = outcome.split("ERROR:", 1)[1].strip().split("\n")[0]
            outcome = "!" + escape(error.replace(": ", " ", 1))
        else:
            outcome = "=" + (outcome if outcome == "\\N" else escape(outcome))
        fields = [name, found[0][0], result]
        for oid, (_, text) in zip(types, arguments):
            fields += [oid, "\\N" if text == "NULL" else escape(text.replace("<nl>", "\n"))]
        lines.append("\t".join(fields + [outcome]))
    head = ("# What PostgreSQL 15 answers to the calls of calls.txt; recorded by tools/record_functions.py.\n")
    output.write_text(head + "\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(lines)} calls recorded")


if __name__ == "__main__":
    main()
