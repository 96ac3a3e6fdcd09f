#!/usr/bin/env python3
"""Small rules that a reader should not have to check. Usage: tools/tidy.py
Each finding names the place and what to do. Exits 1 when there is one."""
import pathlib
import re
import subprocess
import sys

LINE_MAX, FILE_MAX = 100, 1500
# Allocation goes through arenas and budgets; text through Text; unbounded copies nowhere.
BANNED = re.compile(r"\b(strcpy|strcat|sprintf|gets|strtok|alloca|atoi|atol|rand|srand)\s*\(")
TODO = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b(?!\(#\d+\))")


def tracked(*patterns):
    files = subprocess.run(["git", "ls-files", *patterns], capture_output=True, text=True, check=True)
    return [pathlib.Path(name) for name in files.stdout.split("\n") if name and pathlib.Path(name).exists()]


def check_source(path, findings):
    lines = path.read_text(encoding="utf-8").split("\n")
    if len(lines) > FILE_MAX:
        findings.append(f"{path}: {len(lines)} lines; split it by concept (the limit is {FILE_MAX})")
    for number, line in enumerate(lines, 1):
        if len(line) > LINE_MAX and path.suffix in (".c", ".h"):
            findings.append(f"{path}:{number}: {len(line)} columns (the limit is {LINE_MAX})")
        if not line.isascii() and "test" not in path.name:
            findings.append(f"{path}:{number}: not ASCII; write \\u escapes or plain words")
        if BANNED.search(line):
            findings.append(f"{path}:{number}: {BANNED.search(line).group(1)} is banned")
        if TODO.search(line):
            findings.append(f"{path}:{number}: a mark without an issue number, as in TODO(#12)")


def check_module_page(module, findings):
    page = module / "README.md"
    sources = {path.name for path in tracked(f"{module}/*") if path.suffix in (".c", ".h", ".tsv", ".py")}
    if not any(name.endswith(".c") for name in sources):
        return  # only its door is there yet
    if not page.exists():
        findings.append(f"{module}: no README.md; style: one page, what flows, holds, files, not")
        return
    text = page.read_text(encoding="utf-8")
    named = set(re.findall(r"[\w.]+\.(?:c|h|tsv|py)\b", text))
    for name in sorted(sources):
        stem = name.rsplit(".", 1)[0]
        if name not in named and not re.search(rf"\b{re.escape(stem)}\b", text) and not stem.endswith("_test"):
            findings.append(f"{page}: does not name {name}")
    for name in sorted(named - sources):
        if not list(pathlib.Path(".").glob(f"**/{name}")):
            findings.append(f"{page}: names {name}, which does not exist")


def check_build_lists(module, findings):
    build = module / "meson.build"
    if not build.exists():
        return
    text = build.read_text(encoding="utf-8")
    for path in tracked(f"{module}/*.c"):
        if path.name not in text:
            findings.append(f"{build}: does not list {path.name}")


def main():
    findings = []
    for path in tracked("src/*.c", "src/*.h", "include/*", "tests/*.c", "bench/*.c", "tools/*.c", "examples/*.c"):
        check_source(path, findings)
    for module in sorted(p for p in pathlib.Path("src").iterdir() if p.is_dir()):
        check_module_page(module, findings)
        check_build_lists(module, findings)
    print("\n".join(findings) or "tidy: nothing to do")
    return bool(findings)


if __name__ == "__main__":
    sys.exit(main())
