#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes docs/rules.md: which code keeps a rule of a specification, which tests
show it.

usage: rules.py [--check] [ROOT]

A comment cites a rule as [VTD 6.5.2.4], one rule in a pair of brackets.  It
belongs to the function, table or type around it, else to the one that follows.
docs/rules.tsv has a line for each rule: its name, a title in our own words and,
where no test can show it, the reason.  --check writes nothing, and tells, one a
line, what is wrong with citations, titles and docs/rules.md.
"""
import os
import re
import sys

SPECIFICATIONS = {
    'VTD': "Intel's Virtualization Technology for Directed I/O, revision 4.1",
    'SMMU': 'Arm System Memory Management Unit, IHI 0070, version 3',
    'ARM': 'Arm Architecture Reference Manual for A-profile, DDI 0487',
    'PCIe': 'PCI Express Base Specification, revision 6.0',
    'DEN0049': 'IO Remapping Table, DEN 0049',
    'UAPI': "the host kernel's user API: the seeds, by a word to search for",
}
CITATION = re.compile(r'\[((?:VTD|SMMU|ARM|PCIe|DEN\d+|UAPI)\s[^][]*)\]')
RULE = re.compile(r'(?:(?:VTD|SMMU|PCIe|DEN0049) \d+(?:\.\d+)*'
                  r'|ARM [A-K]\d+(?:\.\d+)*'
                  r'|UAPI \d{3} "[^"]+")')
CODE = ('include', 'hw')
TESTS = ('tests',)

TOKEN = re.compile(r'''
    (?P<comment>/\*.*?\*/ | //[^\n]*)
  | (?P<directive>^[ \t]*\#(?:\\\n | /\*.*?\*/ | [^\n])*)
  | (?P<literal>"(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*')
  | (?P<name>[A-Za-z_]\w*)
  | (?P<mark>[{}()\[\];=,])
''', re.VERBOSE | re.DOTALL | re.MULTILINE)
INCLUDE = re.compile(r'\s*#\s*(?:include|ifndef|pragma)\b')
DEFINE = re.compile(r'\s*#\s*define\s+(\w+)')
# what may stand before a function's name with parentheses of its own
ATTRIBUTE = re.compile(r'__\w+__$|_?[A-Z][A-Z0-9_]*$')


class Item:
    """A function, table, type or macro at a file's top level."""

    def __init__(self, start):
        self.start = self.end = start
        self.words = []         # names and marks outside of all brackets
        self.in_parentheses = []    # the first name in each pair
        self.first_inner = None

    def name(self):
        """Its name, with () for a function; None for a mere declaration."""
        words = self.words
        pair = 0
        for at, word in enumerate(words[:-1]):
            if word == '=':
                break
            if words[at + 1] == '(' and re.match(r'\w', word) and \
                    not ATTRIBUTE.match(word):
                # a name in parentheses keeps macros away from a definition
                inner = self.in_parentheses[pair] \
                    if words[at + 2:at + 3] == ['('] else None
                return (inner or word) + '()'
            pair += word == '('
        plain = words[:words.index('=')] if '=' in words else words
        names = [word for word in plain if re.match(r'\w', word)]
        if names and names[-1] not in ('struct', 'enum', 'union', 'typedef'):
            return names[-1]
        return self.first_inner


def items(text):
    """The items of a C file, and its comments, by their places."""
    found, comments, item, depth = [], [], None, []
    closed = False
    for match in TOKEN.finditer(text):
        kind, word = match.lastgroup, match.group()
        if kind == 'comment':
            comments.append((match.start(), match.end(), word))
            continue
        if kind == 'directive':
            define = DEFINE.match(word)
            for inner in re.finditer(r'/\*.*?\*/', word, re.DOTALL):
                comments.append((match.start() + inner.start(),
                                 match.start() + inner.end(), inner.group()))
            if item is None and (define or INCLUDE.match(word)):
                found.append((match.start(), match.end(),
                              define.group(1) if define else None))
            continue
        if closed and item and word not in (';', ',', '=', '[') and \
                kind != 'name' or closed and item and kind == 'name' and \
                item.name().endswith('()'):
            found.append((item.start, item.end, item.name()))
            item = None
        closed = False
        if item is None:
            if word in ';,':
                continue
            item = Item(match.start())
        item.end = match.end()
        if kind == 'mark' and word in '{([':
            if not depth:
                item.words.append(word)
                if word == '(':
                    item.in_parentheses.append(None)
            depth.append(word)
        elif kind == 'mark' and word in '})]':
            if depth:
                depth.pop()
            closed = not depth and word == '}'
        elif not depth and kind != 'literal':
            if word == ';':
                found.append((item.start, item.end, item.name()))
                item = None
            else:
                item.words.append(word)
        elif depth == ['{'] and kind == 'name' and item.first_inner is None:
            item.first_inner = word
        elif depth == ['('] and kind == 'name' and \
                item.in_parentheses[-1] is None:
            item.in_parentheses[-1] = word
    if item is not None:
        found.append((item.start, item.end, item.name()))
    return sorted(found), sorted(comments)


def owner(text, found, start, end):
    """The item to which a comment belongs; None: the whole file.

    It is the one around the comment, that before it in the same line, or else
    the one that follows.
    """
    previous = None
    for first, last, name in found:
        if first <= start and end <= last:
            return name
        if last <= start:
            previous = (last, name)
        if first >= end:
            break
    else:
        return found[-1][2] if found else None
    if previous and '\n' not in text[previous[0]:start]:
        return previous[1]
    return name


def plain(comment):
    return re.sub(r'\s*\n[ \t]*(?:\*(?!/))?[ \t]*', ' ', comment)


def sources(root, folders):
    for folder in folders:
        for path, names, files in os.walk(os.path.join(root, folder)):
            names.sort()
            for name in sorted(files):
                if name.endswith(('.c', '.h')):
                    yield os.path.relpath(os.path.join(path, name), root)


class Index:
    """Who cites which rule, and what is wrong with citations."""

    def __init__(self, root):
        self.root = root
        self.wrong = []
        self.code, self.tests = {}, {}
        for path in sources(root, CODE):
            self.read(path, self.code)
        for path in sources(root, TESTS):
            self.read(path, self.tests)

    def read(self, path, index):
        with open(os.path.join(self.root, path), encoding='utf-8') as file:
            text = file.read()
        found, comments = items(text)
        for start, end, comment in comments:
            for match in CITATION.finditer(plain(comment)):
                rule = match.group(1)
                if not RULE.fullmatch(rule):
                    line = text.count('\n', 0, start) + 1
                    self.wrong.append(f'{path}:{line}: [{rule}] is not one '
                                      'rule, as [VTD 6.5.2.4] is')
                    continue
                name = owner(text, found, start, end)
                places = index.setdefault(rule, {}).setdefault(path, [])
                if name not in places:
                    places.append(name)

    def rules(self):
        return sorted(set(self.code) | set(self.tests), key=order)


def order(rule):
    """Specifications in their order, sections by their numbers."""
    specification, section = rule.split(' ', 1)
    words = re.findall(r'\d+|[^\d.]+', section)
    return (list(SPECIFICATIONS).index(specification),
            [(0, int(word), '') if word.isdigit() else (1, 0, word)
             for word in words])


def read_titles(root, wrong):
    """Title and reason without a test of each rule."""
    titles = {}
    with open(os.path.join(root, 'docs', 'rules.tsv'),
              encoding='utf-8') as file:
        for number, line in enumerate(file, 1):
            if line.startswith('#') or not line.strip():
                continue
            words = line.rstrip('\n').split('\t')
            if len(words) not in (2, 3) or not RULE.fullmatch(words[0]) or \
                    words[0] in titles or not all(words):
                wrong.append(f'docs/rules.tsv:{number}: wanted a rule of its '
                             'own, a title and at most a reason, with tabs')
                continue
            titles[words[0]] = (words[1], (words + [''])[2])
    return titles


def places(index, rule):
    """The cell of a table: files, with what is in them."""
    cell = []
    for path, names in index.get(rule, {}).items():
        named = [f'`{name}`' for name in names if name]
        short = re.sub(r'^(?:hw/iommu|include/hw/iommu|tests)/', '', path)
        cell.append(f'{short}' + (': ' + ', '.join(named) if named else ''))
    return '; '.join(cell)


def page(index, titles):
    """The text of docs/rules.md."""
    lines = ['<!-- SPDX-License-Identifier: BSD-3-Clause -->',
             '<!-- Written by scripts/lib/rules.py from comments and '
             'docs/rules.tsv. -->',
             '# Rules', '',
             'Each rule of a specification that a comment cites: what it is '
             'about, the code that keeps it (files of `hw/iommu` and of',
             '`include/hw/iommu`), and the tests that show it (files of '
             '`tests`). `scripts/lib/rules.py` writes this page;',
             '`scripts/test lint` fails when it is out of date, when a rule '
             'has no title, and when no test cites a rule of the code.']
    last = None
    for rule in index.rules():
        specification, section = rule.split(' ', 1)
        if specification != last:
            last = specification
            lines += ['', f'## {specification}: '
                      f'{SPECIFICATIONS[specification]}', '',
                      '| rule | what it is about | code | tests |',
                      '| --- | --- | --- | --- |']
        title, reason = titles.get(rule, ('', ''))
        tests = places(index.tests, rule) or (f'none: {reason}' if reason
                                              else '')
        lines.append(f'| {section} | {title} | {places(index.code, rule)} | '
                     f'{tests} |')
    return '\n'.join(lines) + '\n'


def check(index, titles):
    """What is wrong, but for the page itself."""
    wrong = list(index.wrong)
    for rule in index.rules():
        where = index.code.get(rule) or index.tests[rule]
        if rule not in titles:
            wrong.append(f'docs/rules.tsv: no title of [{rule}], which '
                         f'{next(iter(where))} cites')
        elif rule in index.code and rule not in index.tests and \
                not titles[rule][1]:
            wrong.append(f'{next(iter(where))}: no test cites [{rule}]')
        elif rule in index.tests and titles[rule][1]:
            wrong.append(f'docs/rules.tsv: [{rule}] has a test')
    wrong += [f'docs/rules.tsv: nothing cites [{rule}]' for rule in titles
              if rule not in index.code and rule not in index.tests]
    return wrong


def main():
    words = sys.argv[1:]
    only_check = words[:1] == ['--check']
    words = words[only_check:]
    if len(words) > 1 or words and words[0].startswith('-'):
        sys.exit(f"rules.py: '{words[0]}': allowed are --check and a folder")
    root = words[0] if words else os.path.join(os.path.dirname(
        os.path.abspath(__file__)), '..', '..')
    index = Index(root)
    titles = read_titles(root, index.wrong)
    text = page(index, titles)
    path = os.path.join(root, 'docs', 'rules.md')
    wrong = check(index, titles)
    if not only_check:
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
    elif not wrong:
        with open(path, encoding='utf-8') as file:
            if file.read() != text:
                wrong = ['docs/rules.md: out of date; scripts/lib/rules.py '
                         'writes it anew']
    print('\n'.join(wrong), end='\n' if wrong else '')
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
