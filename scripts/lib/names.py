#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Checks that what documents and comments name is there: functions, files.

usage: names.py [ROOT]

Documents are README.md and docs/*.md, where `name()` is a function and
`folder/file.c` a file; comments of hw/, include/ and tests/ are looked at
likewise.  Prints a line for each name that nothing has; the exit status is 1
then.
"""
import os
import re
import subprocess
import sys

FUNCTION = re.compile(r'(?<![\w.@>-])([a-z_][a-z0-9_]*_[a-z0-9_]+)\(\)')
FILE = re.compile(r'(?<![\w./*<{-])((?:[\w-]+/)*[\w-]+\.(?:c|h|py|sh|md|tsv))'
                  r'(?![\w/])')
# `a()`, `b()` in file.c
PLACE = re.compile(r'((?:`\w+\(\)`(?: \([^)]*\))?(?:, )?)+) in '
                   r'((?:[\w-]+/)+[\w-]+\.[ch])')
COMMENT = re.compile(r'/\*.*?\*/', re.DOTALL)
# of other projects: where QEMU, Linux and libraries have their files
FOREIGN = re.compile(r'(?:linux|qemu|sys|hw/(?:pci|arm|i386|core|vfio|viommu)|'
                     r'exec|block|system|sysemu|migration)/')
# and functions of theirs that ours are compared with
OTHERS = {
    'address_space_map',                                    # QEMU
    'map_iommu', '__iommu_calculate_sagaw', 'compute_vasz_lg2_ss',
    'alloc_iommu', 'iommu_enable_translation',              # Linux
}


def tracked(root):
    names = subprocess.run(['git', '-C', root, 'ls-files', '-co',
                            '--exclude-standard'], text=True, check=True,
                           stdout=subprocess.PIPE).stdout.split('\n')
    return [name for name in names
            if name and os.path.exists(os.path.join(root, name))]


def read(root, name):
    with open(os.path.join(root, name), encoding='utf-8') as file:
        return file.read()


def known_words(root, files):
    """All words of code, without its comments."""
    words = set()
    for name in files:
        if name.endswith(('.c', '.h', '.py', '.build')):
            words.update(re.findall(r'\w+', COMMENT.sub(' ',
                                                        read(root, name))))
        elif name.startswith(('scripts/', 'tests/guest/')) or \
                name.endswith('.sh'):
            try:
                words.update(re.findall(r'\w+', read(root, name)))
            except UnicodeDecodeError:
                continue
    return words


def lines_of(root, files):
    """What is looked at, line by line: file, number, text."""
    for name in files:
        if name == 'README.md' or re.fullmatch(r'docs/[\w-]+\.md', name):
            for number, line in enumerate(read(root, name).split('\n'), 1):
                yield name, number, line
        elif name.startswith(('hw/', 'include/', 'tests/')) and \
                name.endswith(('.c', '.h')):
            text = read(root, name)
            for match in COMMENT.finditer(text):
                first = text.count('\n', 0, match.start()) + 1
                for number, line in enumerate(match.group().split('\n')):
                    yield name, first + number, line


def is_file(name, files, near):
    return FOREIGN.match(name) or any(
        path == name or path.endswith('/' + name) for path in files) or \
        os.path.normpath(os.path.join(os.path.dirname(near), name)) in files


def misplaced(root, files, line):
    """Functions that are not in the file beside which a document names them."""
    for names, file in PLACE.findall(line):
        for path in files:
            if path == file or path.endswith('/' + file):
                words = set(re.findall(r'\w+', COMMENT.sub(' ',
                                                           read(root, path))))
                for name in re.findall(r'`(\w+)\(\)`', names):
                    if name not in words:
                        yield name, path
                break


def main():
    if len(sys.argv) > 2 or sys.argv[1:2] and sys.argv[1].startswith('-'):
        sys.exit(f"names.py: '{sys.argv[1]}': allowed is a folder")
    root = sys.argv[1] if sys.argv[1:] else os.path.join(os.path.dirname(
        os.path.abspath(__file__)), '..', '..')
    files = tracked(root)
    words = known_words(root, files) | OTHERS
    wrong = []
    for name, number, line in lines_of(root, files):
        wrong += [f'{name}:{number}: there is no {word}()'
                  for word in FUNCTION.findall(line) if word not in words]
        wrong += [f'{name}:{number}: there is no file {word}'
                  for word in FILE.findall(line)
                  if not is_file(word, files, name)]
        if name.endswith('.md'):
            wrong += [f'{name}:{number}: {word}() is not in {path}'
                      for word, path in misplaced(root, files, line)]
    print('\n'.join(wrong), end='\n' if wrong else '')
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
