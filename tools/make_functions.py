#!/usr/bin/env python3
"""Turns the catalog facts in src/functions/pg_*.tsv into C tables, and ties every kernel named in
kernel_list.h to the functions that PostgreSQL implements with it (pg_proc.prosrc).
Usage: make_functions.py FOLDER OUTPUT.c"""
import pathlib
import re
import sys

PROC = ("oid name kind language strict retset leakproof volatility parallel cost rows support variadic "
        "defaults_count result arguments all_arguments modes names defaults source").split()
OPERATOR = "oid name kind left right result function commutator negator can_merge can_hash restrict join".split()
CAST = "oid source target function context method".split()
AGGREGATE = ("function kind direct_arguments transition final combine serialize deserialize moving moving_inverse "
             "moving_final final_extra moving_final_extra final_modify moving_final_modify sort_operator state_type "
             "state_space moving_state_type moving_state_space initial moving_initial").split()
AMOP = "type less less_equal equal greater_equal greater".split()

ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def unescape(field):
    """A field of COPY's text format; None for NULL."""
    if field == r"\N":
        return None
    return re.sub(r"\\(.)", lambda found: ESCAPES.get(found.group(1), found.group(1)), field)


def read_rows(path, columns):
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        fields = [unescape(field) for field in line.split("\t")]
        assert len(fields) == len(columns), f"{path}: {line}"
        rows.append(dict(zip(columns, fields)))
    return rows


def text(value):
    if value is None:
        return "NULL"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'


def boolean(value):
    return "true" if value == "t" else "false"


def write_functions(out, rows):
    pool, offsets = [], {}
    for row in rows:
        key = tuple((row["arguments"] or "").split())
        if key not in offsets:
            offsets[key] = len(pool)
            pool.extend(key)
    out.append("static const Oid argument_pool[] = {" + ", ".join(pool or ["0"]) + "};\n")
    out.append("const FunctionInfo function_table[] = {")
    for row in rows:
        arguments = tuple((row["arguments"] or "").split())
        out.append(
            f"    {{.oid = {row['oid']}, .name = {text(row['name'])}, .kind = '{row['kind']}', "
            f".is_strict = {boolean(row['strict'])}, .returns_set = {boolean(row['retset'])}, "
            f".volatility = '{row['volatility']}', .variadic = {row['variadic']}, "
            f".argument_count = {len(arguments)}, .default_count = {row['defaults_count']}, "
            f".arguments = argument_pool + {offsets[arguments]}, .result = {row['result']}, "
            f".source = {text(row['source'] or '')}, .all_arguments = {text(row['all_arguments'])}, "
            f".modes = {text(row['modes'])}, .names = {text(row['names'])}, "
            f".defaults = {text(row['defaults'])}, .language = {row['language']}, "
            f".is_leakproof = {boolean(row['leakproof'])}, .parallel = '{row['parallel']}', "
            f".cost = {float(row['cost'])}F, .row_count = {float(row['rows'])}F, "
            f".support = {text(row['support'] or None)}}},")
    out.append(f"}};\nconst size_t function_table_count = {len(rows)};\n")


def write_operators(out, rows):
    out.append("const OperatorInfo operator_table[] = {")
    for row in rows:
        out.append(
            f"    {{.oid = {row['oid']}, .name = {text(row['name'])}, .left = {row['left']}, "
            f".right = {row['right']}, .result = {row['result']}, .function = {row['function']}, "
            f".commutator = {row['commutator']}, .negator = {row['negator']}, "
            f".can_hash = {boolean(row['can_hash'])}, .can_merge = {boolean(row['can_merge'])}, "
            f".restrict_estimator = {row['restrict']}, .join_estimator = {row['join']}}},")
    out.append(f"}};\nconst size_t operator_table_count = {len(rows)};\n")


def write_names(out, noun, struct, rows):
    """Pointers ordered by (name, oid), and where each name's run starts."""
    order = sorted(range(len(rows)), key=lambda i: (rows[i]["name"].encode(), int(rows[i]["oid"])))
    out.append(f"const {struct} *const {noun}_by_name[] = {{")
    out.extend(f"    &{noun}_table[{i}]," for i in order)
    out.append("};\n")
    out.append(f"const NameRun {noun}_names[] = {{")
    start = 0
    for at in range(1, len(order) + 1):
        if at == len(order) or rows[order[at]]["name"] != rows[order[start]]["name"]:
            out.append(f"    {{{text(rows[order[start]]['name'])}, {start}, {at - start}}},")
            start = at
    out.append(f"}};\nconst size_t {noun}_name_count = sizeof {noun}_names / sizeof {noun}_names[0];\n")


def write_casts(out, rows):
    out.append("const CastInfo cast_table[] = {")
    out.extend(
        f"    {{.oid = {row['oid']}, .source = {row['source']}, .target = {row['target']}, "
        f".function = {row['function']}, .context = '{row['context']}', .method = '{row['method']}'}},"
        for row in rows)
    out.append(f"}};\nconst size_t cast_table_count = {len(rows)};\n")


def write_aggregates(out, rows):
    out.append("const AggregateInfo aggregate_table[] = {")
    for row in rows:
        out.append(
            f"    {{.function = {row['function']}, .kind = '{row['kind']}', "
            f".direct_argument_count = {row['direct_arguments']}, .transition = {row['transition']}, "
            f".final = {row['final']}, .combine = {row['combine']}, .serialize = {row['serialize']}, "
            f".deserialize = {row['deserialize']}, .moving = {row['moving']}, "
            f".moving_inverse = {row['moving_inverse']}, .moving_final = {row['moving_final']}, "
            f".final_takes_extra = {boolean(row['final_extra'])}, "
            f".moving_final_takes_extra = {boolean(row['moving_final_extra'])}, "
            f".final_modify = '{row['final_modify']}', .moving_final_modify = '{row['moving_final_modify']}', "
            f".sort_operator = {row['sort_operator']}, .state_type = {row['state_type']}, "
            f".moving_state_type = {row['moving_state_type']}, .state_bytes = {row['state_space']}, "
            f".moving_state_bytes = {row['moving_state_space']}, .initial = {text(row['initial'])}, "
            f".moving_initial = {text(row['moving_initial'])}}},")
    out.append(f"}};\nconst size_t aggregate_table_count = {len(rows)};\n")


def write_comparisons(out, rows):
    out.append("const ComparisonOperators comparison_table[] = {")
    out.extend("    {" + ", ".join(row[column] for column in AMOP) + "}," for row in rows)
    out.append(f"}};\nconst size_t comparison_table_count = {len(rows)};\n")


KERNEL = re.compile(r"^(KERNEL|SAFE|KERNEL_AS|SAFE_AS|KERNEL_OF|KERNEL_OID|SAFE_OF|SET|SET_AS|AGGREGATE)\(([^)]*)\)", re.M)


def write_kernels(out, list_text, functions):
    """One entry for each function whose prosrc a line names, or whose OID it gives."""
    by_source = {}
    for row in functions:
        by_source.setdefault(row["source"], []).append(row["oid"])
    known = {row["oid"] for row in functions}
    entries = {}
    for macro, arguments in KERNEL.findall(list_text):
        names = [name.strip() for name in arguments.split(",")]
        source, symbol = names[0], names[-1]
        oids = [source] if source.isdigit() else by_source.get(source, [])
        if not oids or any(oid not in known for oid in oids):
            sys.exit(f"kernel_list.h: {macro}({arguments}) names no function of pg_proc")
        for oid in oids:
            if oid in entries:
                sys.exit(f"kernel_list.h: {macro}({arguments}) repeats function {oid}")
            if macro == "AGGREGATE":
                entries[oid] = f".aggregate = &aggregate_{symbol}"
            elif macro.startswith("SET"):
                entries[oid] = f".set = set_{symbol}"
            else:
                safe = ", .cannot_raise = true" if macro.startswith("SAFE") else ""
                entries[oid] = f".kernel = kernel_{symbol}{safe}"
    out.append("const FunctionEntry functions_of_values[] = {")
    out.extend(f"    {{.function = {oid}, {entries[oid]}}}," for oid in sorted(entries, key=int))
    out.append("    {0},\n};\n")


def main():
    folder, output = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    functions = read_rows(folder / "pg_proc.tsv", PROC)
    operators = read_rows(folder / "pg_operator.tsv", OPERATOR)
    out = ["// Made by tools/make_functions.py.", '#include "functions/facts_internal.h"',
           '#include "functions/kernels_internal.h"\n']
    write_functions(out, functions)
    write_names(out, "function", "FunctionInfo", functions)
    write_operators(out, operators)
    write_names(out, "operator", "OperatorInfo", operators)
    write_casts(out, read_rows(folder / "pg_cast.tsv", CAST))
    write_aggregates(out, read_rows(folder / "pg_aggregate.tsv", AGGREGATE))
    write_comparisons(out, read_rows(folder / "pg_amop.tsv", AMOP))
    write_kernels(out, (folder / "kernel_list.h").read_text(encoding="utf-8"), functions)
    output.write_text("\n".join(out), encoding="utf-8")


if __name__ == "__main__":
    main()
