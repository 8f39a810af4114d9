#!/usr/bin/env python3
"""Every field of a described struct stands in its description, in the order of declaration.

A field that is left out is neither encoded nor hashed nor shown, and no compiler says so: it is
simply zero again after the next read. Incident: a pending upgrade that the ledger forgot.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ["common", "vm", "consensus", "market", "node", "wallet"]


def without_templates(text):
    while (shorter := re.sub(r"<[^<>]*>", "", text)) != text:
        text = shorter
    return text


def fields_of(body):
    out = []
    for statement in body.split(";"):
        statement = " ".join(statement.split())
        if not statement or statement.startswith(("static", "friend")) or "operator=" in statement:
            continue
        declaration = without_templates(re.split(r"[={]", statement)[0]).strip()
        if "(" in declaration or len(declaration.split()) < 2:
            continue
        first, *more = declaration.split(",")
        out += [first.split()[-1]] + [name.strip() for name in more]
    return out


def faults_of(path):
    text = re.sub(r"//.*", "", path.read_text())
    described = {
        match.group(1): [name.strip() for name in match.group(2).split(",") if name.strip()]
        for match in re.finditer(
            r"BOOST_DESCRIBE_STRUCT\(\s*(\w+),\s*\(\),\s*\(([^()]*)\)\s*\)", text)
    }
    seen = {match.group(1): fields_of(match.group(2) or "")
            for match in re.finditer(r"\nstruct (\w+) \{(?:\};|(.*?)\n\};)", text, re.S)}
    for name, fields in described.items():
        if name not in seen:
            yield f"{path.relative_to(ROOT)}: {name}: described where it is not declared"
        elif seen[name] != fields:
            odd = sorted(set(seen[name]) ^ set(fields)) or ["order"]
            yield f"{path.relative_to(ROOT)}: {name}: {', '.join(odd)}"
    global checked
    checked += len(described)


checked = 0
faults = [fault for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.[hc]pp"))
          for fault in faults_of(path)]
for fault in faults:
    print(fault)
print(f"described: {checked} structs, {len(faults)} faults")
sys.exit(1 if faults else 0)
