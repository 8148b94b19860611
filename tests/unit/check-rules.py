#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The rule index (scripts/lib/rules.py) on small trees of nasty sources, as TAP.

usage: check-rules.py SCRIPT
"""
import os
import subprocess
import sys
import tempfile

results = []

CODE = r'''/* SPDX-License-Identifier: BSD-3-Clause */
/* The whole file [VTD 1]. */
#include "x.h" /* [VTD 2] */

/* a macro [VTD 3] */
#define ONE(a) \
    do { a; } while (0) /* [VTD 3.1] */

enum { FIRST, /* [VTD 4] */ SECOND };

/* a type [VTD
 * 5] */
typedef struct Type {
    int a; /* [VTD 5.1] */
} Type;

static const char *const table[] = {
    "/* [VTD 6] */ {", /* [VTD 6.1] */
    ['}'] = "\"{",
};

/* declared only [VTD 7] */
int declared(int a, int (*b)(void));

__attribute__((noinline))
static G_GNUC_PRINTF(1, 2) void defined(const char *format, ...)
{
    if (1) { /* [VTD 8] [VTD 8.1] */ }
    for (char c = '{'; c; c = 0) { }
}
static int after[2] = { 0 }; /* [VTD 9] */
/* no macro [VTD 9.1] */
struct Type *(wrapped)(const struct Type *t)
{
    return 0;
}
/* last [VTD 10] */
int last(void) { return table[0][0]; }
/* behind everything [VTD 11] */
'''
OWNERS = {
    '1': '', '2': '', '3': 'ONE', '3.1': 'ONE', '4': 'FIRST', '5': 'Type',
    '5.1': 'Type', '6.1': 'table', '7': 'declared()', '8': 'defined()',
    '8.1': 'defined()', '9': 'after', '9.1': 'wrapped()', '10': 'last()',
    '11': 'last()',
}


def report(ok, name, text=''):
    results.append(ok)
    for line in text.splitlines():
        print('# ' + line)
    print(f"{'ok' if ok else 'not ok'} {len(results)} {name}", flush=True)


class Tree:
    """A small project."""

    def __init__(self, folder, code, test, titles):
        self.folder = folder
        for path, text in (('hw/iommu/a.c', code), ('tests/unit/t.c', test),
                           ('docs/rules.tsv', titles), ('include/x.h', '')):
            path = os.path.join(folder, path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, 'w', encoding='utf-8') as file:
                file.write(text)

    def run(self, *words):
        done = subprocess.run([sys.argv[1], *words, self.folder], text=True,
                              stdout=subprocess.PIPE, check=False)
        return done.returncode, done.stdout

    def page(self):
        with open(os.path.join(self.folder, 'docs/rules.md'),
                  encoding='utf-8') as file:
            return file.read()


def check_owners(folder):
    titles = ''.join(f'VTD {rule}\ttitle of {rule}\tno test\n'
                     for rule in OWNERS)
    tree = Tree(folder, CODE, '', titles)
    code, output = tree.run()
    report(code == 0 and not output, 'a tree without faults', output)
    page = tree.page()
    for rule, owner in OWNERS.items():
        cell = f'a.c: `{owner}`' if owner else 'a.c'
        row = f'| {rule} | title of {rule} | {cell} | none: no test |'
        report(row in page, f'who keeps rule {rule}',
               '\n'.join(line for line in page.splitlines()
                         if line.startswith(f'| {rule} ')))
    report('| 6 |' not in page, 'a string is no comment')
    report(tree.run('--check') == (0, ''), 'up to date')
    with open(os.path.join(folder, 'hw/iommu/a.c'), 'a',
              encoding='utf-8') as file:
        file.write('/* [VTD 3] */\nint more(void) { return 0; }\n')
    code, output = tree.run('--check')
    report(code == 1 and output.startswith('docs/rules.md: out of date'),
           'out of date', output)


# what is wrong: code, test, titles, and the line that says so
FAULTS = (
    ('/* [VTD 1, 2] */ int a;', '', '',
     'hw/iommu/a.c:1: [VTD 1, 2] is not one rule'),
    ('\n\n/*\n * [VTD x] */ int a;', '', '',
     'hw/iommu/a.c:3: [VTD x] is not one rule'),
    ('/* [UAPI 3 "x"] */ int a;', '', '',
     'hw/iommu/a.c:1: [UAPI 3 "x"] is not one rule'),
    ('/* [VTD 1] */ int a;', '/* [VTD 1] */ int b;', '',
     'docs/rules.tsv: no title of [VTD 1], which hw/iommu/a.c cites'),
    ('/* [VTD 1] */ int a;', '', 'VTD 1\ttitle\n',
     'hw/iommu/a.c: no test cites [VTD 1]'),
    ('/* [VTD 1] */ int a;', '/* [VTD 1] */ int b;', 'VTD 1\ttitle\tnone\n',
     'docs/rules.tsv: [VTD 1] has a test'),
    ('', '', 'VTD 1\ttitle\n', 'docs/rules.tsv: nothing cites [VTD 1]'),
    ('', '', '# c\nVTD 1 title\n', 'docs/rules.tsv:2: wanted a rule'),
    ('', '', 'VTD 1\t\n', 'docs/rules.tsv:1: wanted a rule'),
)


def main():
    with tempfile.TemporaryDirectory() as folder:
        check_owners(folder)
    for code, test, titles, line in FAULTS:
        with tempfile.TemporaryDirectory() as folder:
            status, output = Tree(folder, code, test, titles).run('--check')
            report(status == 1 and line in output and
                   output.count('\n') == 1, line, output)
    print(f'1..{len(results)}')
    return 0 if all(results) else 1


if __name__ == '__main__':
    sys.exit(main())
