#!/usr/bin/env python3
"""Holds the symbols of each module's objects to src/LAYERS, so that no `extern` slips past the headers;
what the libraries export to omen_*; and what is not static to a user outside its file.
Usage: tools/check_symbols.py BUILD_DIR [ROOT] | --self-test    Exits 1 on a breach, and names it."""
import pathlib
import re
import subprocess
import sys
import tempfile

from check_layers import read_layers

OURS = "TDBRVWGSC"  # nm's letters for what an object defines and others can see


def read_objects(path):
    """Each object file of an archive (or the one object): what it defines for others, what it needs."""
    out = subprocess.run(["nm", "-A", "-g", path], capture_output=True, text=True, check=True).stdout
    objects = {}
    for line in out.splitlines():
        where, fields = line.rsplit(":", 1)[0], line.rsplit(":", 1)[1].split()
        defined, needed = objects.setdefault(where, (set(), set()))
        if fields[-2] in OURS:
            defined.add(fields[-1])
        elif fields[-2] in "Uwv":
            needed.add(fields[-1])
    return objects


def find_exports(library, *flags):
    out = subprocess.run(["nm", *flags, "--defined-only", library], capture_output=True, text=True, check=True).stdout
    fields = [line.split() for line in out.splitlines()]
    return {f[2].split("@")[0] for f in fields if len(f) == 3 and f[1] in OURS}


def read_words(folder):
    """Identifiers of sources that this variant does not compile, but another does."""
    words = set()
    for path in folder.glob("*.c"):
        words |= set(re.findall(r"\w+", path.read_text()))
    return words


def check(build, root):
    allowed, breaches = read_layers(root / "src/LAYERS")
    modules, needed_elsewhere = {}, set()
    for path in sorted(build.rglob("lib*.a")):
        module = path.stem.removeprefix("lib")
        if path.parent == build / "src" / module and module in allowed:
            modules[module] = {f"src/{module}/{pathlib.Path(where.rsplit(':', 1)[-1]).stem}": symbols
                               for where, symbols in read_objects(path).items()}
    if not modules:
        return [f"{build}: no module's library; build first"], 0
    for path in build.rglob("*.o"):
        if not re.search(r"/lib\w+\.a\.p/", str(path)):
            for _, needed in read_objects(path).values():
                needed_elsewhere |= needed
    needed_elsewhere |= read_words(root / "tests/fuzz")

    home, users = {}, {}
    for module, objects in modules.items():
        for file, (defined, needed) in objects.items():
            for symbol in defined:
                home[symbol] = (module, file)
            for symbol in needed:
                users.setdefault(symbol, []).append((module, file))
    for symbol, (module, file) in sorted(home.items()):
        for other, user in users.get(symbol, []):
            if other != module and module not in allowed[other]:
                breaches.append(f"{user}: {other} may not use {symbol} of {module} ({file})")
        if symbol not in users and symbol not in needed_elsewhere and not symbol.startswith("omen_"):
            breaches.append(f"{file}: {symbol} has no user outside: make it static, or remove it")
    for library, flags in ((build / "libomendb.so", ["-D"]), (build / "libomendb.a", ["-g"])):
        if library.exists():
            breaches += [f"{library.name} exports {symbol}"
                         for symbol in sorted(find_exports(library, *flags)) if not symbol.startswith("omen_")]
    return breaches, len(home)


# Three modules, in which all rules are broken once: `low` uses `high`, which is above it; `high` uses
# `low`, as it may, and leaves a function without a user; the shared library shows `low_add`.
FIXTURE = {
    "low": "int high_count(void); int low_add(int a); int low_add(int a) { return a + high_count(); }",
    "high": "int low_add(int); int high_count(void); int high_left(void);"
            "int high_count(void) { return 1; } int high_left(void) { return low_add(2); }",
    "side": "int omen_side(void); int high_count(void); int omen_side(void) { return high_count(); }",
}
FOUND = [
    "libomendb.so exports low_add",
    "src/high/high.c: high_left has no user outside: make it static, or remove it",
    "src/low/low.c: low may not use high_count of high (src/high/high.c)",
]


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        (root / "src").mkdir()
        (root / "src/LAYERS").write_text("low :\nhigh : low\nside : low high\n")
        for module, text in FIXTURE.items():
            place = root / "src" / module
            place.mkdir()
            (place / f"{module}.c").write_text(text)
            compile_one = ["cc", "-fPIC", "-c", place / f"{module}.c", "-o", place / f"{module}.c.o"]
            subprocess.run(compile_one, check=True)
            subprocess.run(["ar", "rcs", place / f"lib{module}.a", place / f"{module}.c.o"], check=True)
            (place / f"{module}.c.o").unlink()
        script = root / "map"
        script.write_text("{ global: omen_*; low_add; local: *; };")
        subprocess.run(["cc", "-shared", "-o", root / "libomendb.so", f"-Wl,--version-script={script}",
                        "-Wl,--whole-archive", *(root / f"src/{m}/lib{m}.a" for m in FIXTURE),
                        "-Wl,--no-whole-archive"], check=True)
        breaches, _ = check(root, root)
    if sorted(breaches) != FOUND:
        print("symbols: the fixture's breaches are not what was found:", *sorted(breaches), sep="\n")
        return True
    print(f"symbols: all {len(FOUND)} breaches of the fixture are caught")
    return False


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    root = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else ".")
    breaches, count = check(pathlib.Path(sys.argv[1]), root)
    print("\n".join(breaches) or f"symbols: {count} of the modules, no breach")
    return bool(breaches)


if __name__ == "__main__":
    sys.exit(main())
