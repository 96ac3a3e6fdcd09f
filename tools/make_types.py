#!/usr/bin/env python3
"""Turns the facts of src/types/ into C tables.
Usage: tools/make_types.py types PG_TYPE_TSV OUT_C | powers OUT_C | zones ABBREVIATIONS_TSV OUT_C"""
import sys

TYPES_HEAD = '#include "types/type_facts.h"\n\n'


def quote(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def c_char(text):
    return "'" + text + "'"


def make_types(tsv_path, out_path):
    rows = []
    with open(tsv_path, encoding="utf-8") as tsv:
        for line in tsv:
            if not line.startswith("#"):
                rows.append(line.rstrip("\n").split("\t"))
    rows.sort(key=lambda row: int(row[0]))
    with open(out_path, "w", encoding="utf-8") as out:
        out.write(TYPES_HEAD)
        out.write(f"const size_t type_fact_count = {len(rows)};\n\n")
        out.write("const TypeInfo type_facts[] = {\n")
        for row in rows:
            (oid, name, _, length, by_value, kind, category, preferred, delimiter, relation, element,
             array, *functions, alignment, storage, collation) = row
            assert len(functions) == 7, row
            out.write(f"    {{{oid}, {quote(name)}, {length}, {'true' if by_value == 't' else 'false'}, "
                      f"{c_char(kind)}, {c_char(category)}, {'true' if preferred == 't' else 'false'}, "
                      f"{c_char(delimiter)}, {relation}, {element}, {array}, "
                      f"{', '.join(quote(f) for f in functions)}, {c_char(alignment)}, "
                      f"{c_char(storage)}, {collation}}},\n")
        out.write("};\n\nconst char *const type_sql_names[] = {\n")
        for row in rows:
            out.write(f"    {quote(row[2])},\n")
        out.write("};\n\nconst uint16_t type_facts_by_name[] = {\n")
        for index in sorted(range(len(rows)), key=lambda i: rows[i][1].encode()):
            out.write(f"    {index}, // {rows[index][1]}\n")
        out.write("};\n")


def make_powers(out_path):
    """10^k scaled to 128 bits and rounded up, for the shortest decimal form of floats."""
    low, high = -292, 324
    with open(out_path, "w", encoding="utf-8") as out:
        out.write('#include "types/float_decimal.h"\n\n')
        out.write(f"static_assert(POWER_OF_TEN_MIN == {low} && POWER_OF_TEN_MAX == {high}, \"\");\n\n")
        out.write("const uint64_t powers_of_ten[][2] = {\n")
        for k in range(low, high + 1):
            numerator, denominator = (10**k, 1) if k >= 0 else (1, 10**-k)
            # The scale that puts the quotient into [2^127, 2^128).
            shift = 127 - (numerator.bit_length() - denominator.bit_length())
            while True:
                n = numerator << shift if shift >= 0 else numerator
                d = denominator if shift >= 0 else denominator << -shift
                scaled = -(-n // d)
                if n // d >= 1 << 128:
                    shift -= 1
                elif n // d < 1 << 127:
                    shift += 1
                else:
                    break
            assert scaled < 1 << 128
            out.write(f"    {{0x{scaled >> 64:016X}, 0x{scaled & (2**64 - 1):016X}}}, // 1e{k}\n")
        out.write("};\n")


def make_zones(tsv_path, out_path):
    with open(tsv_path, encoding="utf-8") as tsv:
        rows = [line.rstrip("\n").split("\t") for line in tsv if not line.startswith("#")]
    rows.sort()
    with open(out_path, "w", encoding="utf-8") as out:
        out.write('#include "types/time_zone_internal.h"\n\n')
        out.write(f"const size_t zone_abbreviation_count = {len(rows)};\n\n")
        out.write("const ZoneAbbreviation zone_abbreviations[] = {\n")
        for name, meaning in rows:
            seconds = meaning.split(" ")[0]
            if seconds.lstrip("-").isdigit():
                is_dst = "true" if meaning.endswith(" D") else "false"
                out.write(f"    {{{quote(name)}, NULL, {seconds}, {is_dst}}},\n")
            else:
                out.write(f"    {{{quote(name)}, {quote(meaning)}, 0, false}},\n")
        out.write("};\n")


if __name__ == "__main__":
    if sys.argv[1] == "types":
        make_types(sys.argv[2], sys.argv[3])
    elif sys.argv[1] == "zones":
        make_zones(sys.argv[2], sys.argv[3])
    else:
        make_powers(sys.argv[2])
