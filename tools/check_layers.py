#!/usr/bin/env python3
"""Holds every #include under src/ to src/LAYERS. Usage: tools/check_layers.py [ROOT] [--notes]
Exits 1 on a breach and says which line to change."""
import pathlib
import re
import sys

INCLUDE = re.compile(r'\s*#\s*include\s+"([^"]+)"')


def read_layers(path):
    """The modules in order, each with the modules it may use."""
    allowed, breaches = {}, []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        module, colon, uses = line.split("#")[0].partition(":")
        if not colon:
            continue
        module, uses = module.strip(), set(uses.split())
        breaches += [f"src/LAYERS:{number}: {module} uses {use}, which is not below it"
                     for use in sorted(uses - set(allowed))]
        allowed[module] = uses
    return allowed, breaches


def main():
    root = pathlib.Path(next((a for a in sys.argv[1:] if not a.startswith("-")), ".")) / "src"
    allowed, breaches = read_layers(root / "LAYERS")
    used = {module: set() for module in allowed}
    breaches += [f"src/{folder.name}: not in src/LAYERS" for folder in sorted(root.iterdir())
                 if folder.is_dir() and folder.name not in allowed]

    for path in sorted(root.rglob("*.[ch]")):
        module = path.relative_to(root).parts[0]
        if module not in allowed:
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            found = INCLUDE.match(line)
            if not found:
                continue
            target, where = found.group(1), f"{path}:{number}"
            other = target.split("/")[0]
            if other == "generated":
                continue
            if not (root / target).exists():
                breaches.append(f'{where}: "{target}" is not a path from src/')
            elif other != module:
                used[module].add(other)
                if other not in allowed[module]:
                    breaches.append(f"{where}: {module} may not include {other}")
                if target.endswith("_internal.h"):
                    breaches.append(f"{where}: {target} is internal to {other}")

    for module, uses in allowed.items():
        for use in sorted(uses - used[module]):
            if "--notes" in sys.argv:
                print(f"note: {module} is allowed {use} and does not use it")
    print("\n".join(breaches) or f"layers: {len(allowed)} modules, no breach")
    return bool(breaches)


if __name__ == "__main__":
    sys.exit(main())
