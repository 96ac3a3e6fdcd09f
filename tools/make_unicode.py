#!/usr/bin/env python3
"""Makes the table of simple case mappings and of letters and spaces, from the Unicode data
that Python carries. Usage: make_unicode.py OUTPUT.c"""
import pathlib
import sys
import unicodedata


def upper(character):
    for mapped in (character.upper(), character.title()):
        if len(mapped) == 1:
            return mapped
    return character


def lower(character):
    mapped = character.lower()
    return mapped if len(mapped) == 1 else mapped[0] if character == "\u0130" else character


def runs(mapping):
    """Runs of code points with one step between them and one distance to their mappings."""
    out = []
    for code, distance in mapping:
        if out:
            first, last, step, run_distance = out[-1]
            gap = code - last
            if distance == run_distance and gap <= 2 and (step == 0 or gap == step):
                out[-1] = (first, code, gap, distance)
                continue
        out.append((code, code, 0, distance))
    return out


def ranges(codes):
    out = []
    for code in codes:
        if out and out[-1][1] == code - 1:
            out[-1][1] = code
        else:
            out.append([code, code])
    return out


def main():
    points = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    lines = ["// Made by tools/make_unicode.py.", '#include "functions/unicode_internal.h"\n']
    for name, mapped in (("upper", upper), ("lower", lower)):
        pairs = [(c, ord(mapped(chr(c))) - c) for c in points if mapped(chr(c)) != chr(c)]
        lines.append(f"const CaseRun case_{name}_runs[] = {{")
        lines += [f"    {{{first}, {last}, {max(step, 1)}, {distance}}}," for first, last, step, distance in runs(pairs)]
        lines.append(f"}};\nconst uint32_t case_{name}_run_count = sizeof case_{name}_runs / sizeof case_{name}_runs[0];\n")
    category = {c: unicodedata.category(chr(c)) for c in points}
    classes = {
        # As the C library has it: digits of other scripts count as letters.
        "alpha": [c for c in points if category[c][0] == "L" or category[c] in ("Nl", "Nd") and c > 127],
        "space": [c for c in points if chr(c).isspace() and c not in (0x1C, 0x1D, 0x1E, 0x1F, 0x85, 0xA0, 0x2007, 0x202F)],
    }
    for name, codes in classes.items():
        lines.append(f"const CodeRange unicode_{name}[] = {{")
        lines += [f"    {{{first}, {last}}}," for first, last in ranges(codes)]
        lines.append(f"}};\nconst uint32_t unicode_{name}_count = sizeof unicode_{name} / sizeof unicode_{name}[0];\n")
    pathlib.Path(sys.argv[1]).write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
