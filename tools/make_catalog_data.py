#!/usr/bin/env python3
"""Turns src/catalog/*.tsv into the tables of the system relations.
Usage: tools/make_catalog_data.py SOURCE_FOLDER FUNCTIONS_FOLDER DATA.c COLUMNS.h
DATA.c holds every relation's columns and shipped rows; COLUMNS.h numbers the columns for code."""
import pathlib
import sys


def rows(path):
    with open(path, encoding="utf-8") as file:
        return [line.rstrip("\n") for line in file if not line.startswith("#")]


def quoted(text):
    out = []
    for byte in text.encode():
        if byte in (0x22, 0x5C):
            out.append("\\" + chr(byte))
        elif 0x20 <= byte < 0x7F and byte != 0x3F:
            out.append(chr(byte))
        else:
            out.append(f"\\{byte:03o}")
    return '"' + "".join(out) + '"'


def read_relations(folder):
    relations = {}
    for line in rows(folder / "pg_attribute.tsv"):
        oid, name, schema, kind, row_type, column, _, type_oid, modifier, not_null = line.split("\t")
        relation = relations.setdefault(int(oid), (name, schema, kind, row_type, []))
        relation[4].append((column, type_oid, modifier, not_null))
    return relations


def prefix_of(name, schema):
    return ("IS_" if schema == "information_schema" else "") + name.upper().lstrip("_")


def write_data(relations, folder, functions, path):
    out = ['#include "catalog/system_relation.h"', ""]
    entries = []
    for oid, (name, schema, kind, row_type, columns) in sorted(relations.items()):
        out.append(f"static const SystemColumn columns_{oid}[] = {{")
        out += [f"    {{{quoted(c)}, {t}, {m}, {'true' if n == '1' else 'false'}}}," for c, t, m, n in columns]
        out.append("};")
        data, count = "NULL", 0
        if schema == "pg_catalog" and name != "pg_attribute" and (folder / f"{name}.tsv").exists():
            lines = rows(folder / f"{name}.tsv")
            out.append(f"static const char *const rows_{oid}[] = {{")
            out += [f"    {quoted(line)}," for line in lines]
            out.append("};")
            data, count = f"rows_{oid}", len(lines)
        schema_oid = 11 if schema == "pg_catalog" else 13207
        entries.append(f"    {{{oid}, {quoted(name)}, {schema_oid}, '{kind}', {row_type}, {len(columns)}, "
                       f"columns_{oid}, {count}, {data}}},")
    out += ["", "const SystemRelation system_relations[] = {"] + entries + ["};"]
    out.append("const size_t system_relation_count = sizeof system_relations / sizeof *system_relations;")
    out += ["", "const FunctionRest function_rests[] = {"]
    for line in rows(functions / "pg_proc.tsv"):
        f = line.split("\t")
        oid, language, leakproof, parallel, cost, row_count, support = (
            f[0], f[3], f[6], f[8], f[9], f[10], f[11])
        out.append(f"    {{{oid}, {language}, {'true' if leakproof == 't' else 'false'}, '{parallel}', "
                   f"{cost}, {row_count}, {quoted(support)}}},")
    out += ["};", "const size_t function_rest_count = sizeof function_rests / sizeof *function_rests;"]
    path.write_text("\n".join(out) + "\n")


def write_columns(relations, path):
    out = ["// Made by tools/make_catalog_data.py: the system relations and their columns, by number.",
           "#pragma once", "", "enum SystemRelationOid {"]
    out += [f"    OID_OF_{prefix_of(name, schema)} = {oid},"
            for oid, (name, schema, *_rest) in sorted(relations.items())]
    out += ["};", ""]
    for _oid, (name, schema, _kind, _row_type, columns) in sorted(relations.items()):
        prefix = prefix_of(name, schema)
        out.append("enum {")
        out += [f"    {prefix}_{column.upper()}," for column, *_rest in columns]
        out += [f"    {prefix}_COLUMN_COUNT", "};", ""]
    path.write_text("\n".join(out))


def main():
    folder, functions, data, columns = (pathlib.Path(argument) for argument in sys.argv[1:])
    relations = read_relations(folder)
    write_data(relations, folder, functions, data)
    write_columns(relations, columns)
    # Sources name it "generated/...", which says that it is not in the tree.
    visible = columns.parent / "generated"
    visible.mkdir(exist_ok=True)
    write_columns(relations, visible / columns.name)


if __name__ == "__main__":
    main()
