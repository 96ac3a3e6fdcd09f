#!/usr/bin/env python3
"""Records what PostgreSQL 15 answers to aggregates over lists of values, for the unit test.
Usage: record_aggregates.py OUTPUT.tsv PSQL-ARGUMENT...

A line is, apart by tabs: the name, the aggregate's OID, its result type, how many arguments it takes, for
each argument its type and its values as an array's text, and = with the answer or ! with SQLSTATE and
message."""
import pathlib
import subprocess
import sys

LISTS = {
    "int2": ["1,2,3,4", "NULL,5", "", "NULL", "32767,32767,-5,NULL,0"],
    "int4": ["1,2,3,4", "NULL,5", "", "NULL", "2147483647,2147483647,-5,NULL,0", "10,20,20"],
    "int8": ["1,2,3,4", "NULL,5", "", "9223372036854775807,9223372036854775807,1", "3,-9223372036854775808"],
    "float4": ["1,2,3.5,4", "NULL,5", "", "3e38,3e38", "0.1,0.2,0.3", "NaN,1", "Infinity,1"],
    "float8": ["1,2,3.5,4", "NULL,5", "", "1e308,1e308", "0.1,0.2,0.3", "NaN,1", "Infinity,1,-Infinity", "1e200,-1e200"],
    "numeric": ["1,2,3.50,4", "NULL,5.00", "", "0.1,0.22,0.333", "NaN,1", "Infinity,1", "Infinity,-Infinity",
                "1e30,1e-30,7", "123456789012345678901234567890.5,0.05", "99.99,0.01", "1e-20,1"],
    "text": ["b,a,c", "NULL,x", "", "a longer text than fits,a longer text than goes"],
    "bool": ["t,t", "t,f,NULL", "NULL", ""],
    "date": ["2020-01-01,2019-01-01,NULL"], "timestamp": ["2020-01-01,2019-01-01 10:00"],
    "interval": ["1 day,2 hours,1 month", "NULL", "1 year,-5 days"],
    "int4[]": ["{1},{1,2},{0}"], "uuid": [], "time": ["10:00,09:00"],
    "bpchar": ["b,a"],
}
NUMBERS = ["int2", "int4", "int8", "float4", "float8", "numeric"]
WANTED = ([("count", t) for t in LISTS] + [(f, t) for t in NUMBERS for f in (
    "sum", "avg", "min", "max", "stddev", "stddev_pop", "stddev_samp", "variance", "var_pop", "var_samp")]
    + [(f, t) for t in ("text", "date", "timestamp", "interval", "int4[]", "time", "bpchar") for f in ("min", "max")]
    + [(f, t) for t in ("int2", "int4", "int8") for f in ("bit_and", "bit_or", "bit_xor")]
    + [(f, "bool") for f in ("bool_and", "bool_or", "every")]
    + [(f, "interval") for f in ("sum", "avg")] + [("array_agg", t) for t in ("int4", "text", "numeric", "bool")])
PAIRS = ["corr", "covar_pop", "covar_samp", "regr_avgx", "regr_avgy", "regr_count", "regr_intercept", "regr_r2",
         "regr_slope", "regr_sxx", "regr_sxy", "regr_syy"]
PAIR_LISTS = [("1,2,3,4", "2,4,5,9"), ("1,NULL,3", "2,4,NULL"), ("", ""), ("5", "6"), ("1,1,1", "2,3,4"),
              ("1,2,3", "7,7,7"), ("0.1,0.2,0.35", "1e10,2e10,2.5e10")]


def main():
    output, psql = pathlib.Path(sys.argv[1]), sys.argv[2:]
    calls = []
    for name, kind in WANTED:
        for values in LISTS[kind]:
            values = values.replace("},{", "|").strip("{}").split("|") if kind == "int4[]" else values
            if kind == "int4[]":
                values = ",".join('"{%s}"' % v for v in values)
            calls.append((name, [(kind, "{" + values + "}")]))
    calls += [(name, [("float8", "{%s}" % y), ("float8", "{%s}" % x)]) for name in PAIRS for y, x in PAIR_LISTS]
    calls += [("string_agg", [("text", "{a,NULL,b,c}"), ("text", '{",",";",NULL,"--"}')]),
              ("string_agg", [("text", "{NULL}"), ("text", "{x}")])]
    script = []
    for name, arguments in calls:
        arrays = ", ".join(f"'{a}'::{'text' if k == 'int4[]' else k}[]" for k, a in arguments)
        columns = ", ".join(f"x{i}" for i in range(len(arguments)))
        casted = ", ".join(f"x{i}::{k}" for i, (k, _) in enumerate(arguments))
        types = ", ".join(f"'{k}'::regtype::oid" for k, _ in arguments)
        query = f"select {name}({casted}) as r from unnest({arrays}) as u({columns})"
        script.append(f"\\echo '-- next'\nselect array_to_string(array[{types}], ' ');\n"
                      f"create or replace temp view v as {query};\n"
                      "select atttypid from pg_attribute where attrelid = 'pg_temp.v'::regclass and attnum = 1;\n"
                      "select refobjid from pg_depend d join pg_rewrite r on r.oid = d.objid where r.ev_class = "
                      "'pg_temp.v'::regclass and refclassid = 'pg_proc'::regclass limit 1;\n"
                      f"drop view v;\n\\echo '-- answer'\n{query};")
    done = subprocess.run(["psql", "-XAtq", "-v", "VERBOSITY=verbose", "-P", "null=\\N", *psql],
                          input="\n".join(script) + "\n", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    oids = {}
    rows = subprocess.run(["psql", "-XAtq", *psql, "-c", "select proname, oid, proargtypes from pg_proc where prokind = 'a'"],
                          stdout=subprocess.PIPE, text=True).stdout
    for row in rows.splitlines():
        name, oid, types = row.split("|")
        oids[name, types] = oid
    lines = []
    for (name, arguments), answer in zip(calls, done.stdout.split("-- next\n")[1:]):
        head, _, outcome = answer.partition("-- answer\n")
        head = head.split("\n")
        types, result = head[0], head[1]
        fallback = {"count": "2276", "array_agg": "2776"}
        oid = oids.get((name, types)) or oids.get((name, fallback.get(name, "2277")))
        outcome = outcome.rstrip("\n")
        if outcome.startswith("ERROR:"):
            outcome = "!" + outcome[7:].strip().split("\n")[0].replace(": ", " ", 1)
        else:
            outcome = "=" + outcome
        fields = [name, oid, result, str(len(arguments))]
        for type_oid, (_, array) in zip(types.split(), arguments):
            fields += [type_oid, array]
        lines.append("\t".join(fields + [outcome]))
    output.write_text("# What PostgreSQL 15 answers to aggregates; recorded by tools/record_aggregates.py.\n"
                      + "\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(lines)} aggregates recorded")


if __name__ == "__main__":
    main()
