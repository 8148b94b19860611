#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The checks of structure and of names (scripts/lib/house.py, names.py) on
small trees with one fault each, as TAP.

usage: check-house.py HOUSE NAMES
"""
import os
import subprocess
import sys
import tempfile

results = []


def report(ok, name, text=''):
    results.append(ok)
    for line in text.splitlines():
        print('# ' + line)
    print(f"{'ok' if ok else 'not ok'} {len(results)} {name}", flush=True)


def run(script, tree, lists=''):
    """@lists: Python that replaces what the script knows."""
    name = os.path.basename(script)[:-3]
    code = (f'import sys; sys.path.insert(0, {os.path.dirname(script)!r}); '
            f'import {name}\n{lists}\nsys.exit({name}.main())')
    with tempfile.TemporaryDirectory() as folder:
        for path, text in tree.items():
            path = os.path.join(folder, path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, 'w', encoding='utf-8') as file:
                file.write(text)
        subprocess.run(['git', '-C', folder, 'init', '-q'], check=True)
        done = subprocess.run([sys.executable, '-c', code, folder] if lists
                              else [script, folder], text=True, check=False,
                              stdout=subprocess.PIPE)
    return done.returncode, done.stdout


C = 'hw/iommu/common/'
LONG = 'void long_one(void)\n{\n' + '    ;\n' * 57 + '}\n'
GOOD = {
    C + 'a.h': 'void a(void);\n', C + 'b.h': '#include "a.h"\nvoid b(void);\n',
    C + 'a.c': '#include "a.h"\n/* b() calls a() */\nvoid a(void) { }\n'
               'static void same(void) { }\n',
    C + 'b.c': '#include "b.h"\nvoid b(void) { a(); }\n'
               'static void same(void) { }\nchar *s = "c(";\n',
    C + 'long.c': LONG,
    'hw/iommu/vtd/c.c': '#include "hw/iommu/common/b.h"\n'
                        'void c(void) { b(); }\n',
}
HOUSE = (
    ('includes', {C + 'a.h': '#include "b.h"\n'},
     C + 'a.h: a circle of includes: ' + C + 'a.h ' + C + 'b.h'),
    ('calls', {C + 'a.c': 'void a(void) { b(); }\n'},
     C + 'a.c: a circle of calls: ' + C + 'a.c ' + C + 'b.c'),
    ('calls of three', {C + 'a.c': 'void a(void) { d(); }\n',
                        C + 'd.c': 'void d(void) { b(); }\n'},
     C + 'a.c: a circle of calls: ' + C + 'a.c ' + C + 'b.c ' + C + 'd.c'),
    ('up by a call', {C + 'a.c': 'void a(void) { c(); }\n',
                      'hw/iommu/vtd/c.c': 'void c(void) { }\n'},
     'hw/iommu/common: uses hw/iommu/vtd, which stands above it'),
    ('up by an include', {C + 'a.c': '#include <hw/iommu/vtd/c.h>\n',
                          'hw/iommu/vtd/c.h': ''},
     'hw/iommu/common: uses hw/iommu/vtd, which stands above it'),
    ('beside', {'hw/iommu/vtd/c.c': '#include "hw/iommu/smmuv3/d.h"\n',
                'hw/iommu/smmuv3/d.h': ''},
     'hw/iommu/vtd: uses hw/iommu/smmuv3, which stands beside it'),
    ('a new folder', {'hw/iommu/new/d.c': '#include "hw/iommu/common/a.h"\n'},
     'hw/iommu/new: a folder without a place in FLOORS'),
    ('a long function', {C + 'long.c': LONG.replace('    ;\n', '    ;\n\n', 1)},
     C + 'long.c: long_one() has 61 lines, allowed are 60'),
)
# With these lists instead of its own.
KNOWN = """
house.KNOWN_CIRCLES = {'hw/iommu/common': 'a b'}
house.KNOWN_UP = {('hw/iommu/common', 'hw/iommu/vtd')}
"""
CIRCLE = {**GOOD, C + 'a.c': 'void a(void) { b(); c(); }\n',
          'hw/iommu/vtd/c.c': 'void c(void) { }\n'}
KNOWN_FAULTS = (
    ('a known circle that is gone', {C + 'a.c': 'void a(void) { c(); }\n'},
     C + 'a.c: KNOWN_CIRCLES has it, but no circle does'),
    ('a known arrow that is gone', {C + 'a.c': 'void a(void) { b(); }\n'},
     'hw/iommu/common: KNOWN_UP has hw/iommu/vtd, which it does not use'),
)
DOCS = {
    'README.md': '`main_loop()` is in `tool.c` and [there](docs/more.md); '
                 '`hw/pci/pci.c` is QEMU\'s\n',
    'docs/more.md': 'see ../hw/tool.c\n',
    'hw/tool.c': '/* main_loop() ends; see tool.c */\n'
                 'void main_loop(void) { }\n',
}
NAMES = (
    ('a function', {'docs/more.md': 'x\n`other_loop()`\n'},
     'docs/more.md:2: there is no other_loop()'),
    ('a function in a comment', {'hw/tool.c': '/*\n * other_loop()\n */\n'
                                 'void main_loop(void) { }\n'},
     'hw/tool.c:2: there is no other_loop()'),
    ('a function that only a comment has',
     {'hw/tool.c': '/* main_loop */ /* main_loop() */ int no_loop;\n'},
     'hw/tool.c:1: there is no main_loop()'),
    ('a function of another file',
     {'docs/more.md': '`main_loop()`, `no_loop()` in hw/other.c\n',
      'hw/other.c': 'void no_loop(void) { }\n'},
     'docs/more.md:1: main_loop() is not in hw/other.c'),
    ('a file', {'docs/more.md': 'in `vtd/tool.c`\n'},
     'docs/more.md:1: there is no file vtd/tool.c'),
)


def main():
    for script, lists, good, faults in (
            (sys.argv[1], '', GOOD, HOUSE),
            (sys.argv[1], KNOWN, CIRCLE, KNOWN_FAULTS),
            (sys.argv[2], '', DOCS, NAMES)):
        name = os.path.basename(script)
        status, output = run(script, good, lists)
        report(status == 0 and not output, f'{name}: nothing wrong'
               + (' but what is known' if lists else ''), output)
        for what, change, line in faults:
            status, output = run(script, {**good, **change}, lists)
            report(status == 1 and line in output.splitlines(),
                   f'{name}: {what}', output)
    print(f'1..{len(results)}')
    return 0 if all(results) else 1


if __name__ == '__main__':
    sys.exit(main())
