#!/usr/bin/env python3
"""Makes a first corpus for the fuzz target type_input of the texts in tests/types/inputs.
Usage: tests/fuzz/seed_type_input.py FOLDER"""
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent


def type_order():
    """Names of the types in the order of the target's table."""
    source = (HERE / "type_input.c").read_text()
    table = source[source.index("types[] = {"):source.index("};", source.index("types[] = {"))]
    names = [name.lower() for name in re.findall(r"TYPE_(\w+)", table)]
    return ["_" + name[:-6] if name.endswith("_array") else name for name in names]


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    order, count = type_order(), 0
    for path in sorted((HERE.parent / "types" / "inputs").glob("*.txt")):
        lines = path.read_bytes().split(b"\n")
        name = lines[0].split()[1].decode()
        if name not in order:
            continue
        for line in lines[1:]:
            head = bytes([order.index(name), count % 32 * 2])
            (folder / f"{count:05}").write_bytes(head + line.replace(b"\\\\", b"\\"))
            count += 1
    print(f"{count} inputs")


if __name__ == "__main__":
    main()
