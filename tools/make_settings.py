#!/usr/bin/env python3
"""Turns src/session/settings.tsv into the table of settings.
Usage: tools/make_settings.py SETTINGS.tsv OUTPUT.c"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from make_catalog_data import quoted, rows  # noqa: E402


def text(field):
    return "NULL" if field == "\\N" else quoted(field.replace("\\\\", "\\"))


def main():
    source, output = (pathlib.Path(argument) for argument in sys.argv[1:])
    out = ['#include "session/settings.h"', "", "const SettingFact setting_facts[] = {"]
    lines = sorted(rows(source), key=lambda line: line.split("\t")[0].lower())
    for line in lines:
        name, kind, context, unit, low, high, values, default, category, description = line.split("\t")
        out.append(f"    {{{quoted(name)}, SETTING_{kind.upper()}, "
                   f"CONTEXT_{context.upper().replace('-', '_')}, {text(unit)}, {text(low)}, {text(high)}, "
                   f"{text(values)}, {text(default)}, {text(category)}, {text(description)}}},")
    out += ["};", "const size_t setting_fact_count = sizeof setting_facts / sizeof *setting_facts;"]
    output.write_text("\n".join(out) + "\n")


if __name__ == "__main__":
    main()
