#!/usr/bin/env python3
"""Makes a C array of a text file's lines, without those that start with #, for tests.
Usage: embed_lines.py INPUT OUTPUT.c NAME"""
import pathlib
import sys


def main():
    source, output, name = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
    lines = [line for line in source.read_text(encoding="utf-8").split("\n") if line and not line.startswith("#")]
    out = [f"extern const char *const {name}[];", f"const char *const {name}[] = {{"]
    for line in lines:
        escaped = "".join(
            chr(byte) if 32 <= byte < 127 and byte not in (34, 63, 92) else f"\\{byte:03o}"
            for byte in line.encode("utf-8"))
        out.append(f'    "{escaped}",')
    output.write_text("\n".join(out + ["    0,", "};", ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
