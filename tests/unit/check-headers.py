#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Public headers and exported symbols, as TAP.

Each public header must compile alone, in C11 and in C++, without a warning.
What libviommu exports must be what the version script lists, and what the
headers declare: not more, not less.  A test calls each of it inside a DMA section.
"""
import argparse
import os
import re
import shlex
import subprocess
import sys
import tempfile

results = []


def report(ok, name, text=''):
    results.append(ok)
    for line in text.splitlines():
        print('# ' + line)
    print(f"{'ok' if ok else 'not ok'} {len(results)} {name}", flush=True)


def run(command):
    done = subprocess.run(command, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    return done.returncode == 0, done.stdout


def compile_alone(compiler, language, include, header, flags):
    suffix = '.c' if language.startswith('c1') else '.cc'
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, 'alone' + suffix)
        with open(source, 'w', encoding='ascii') as out:
            # twice: the include guard has to work, too
            out.write(f'#include <{header}>\n#include <{header}>\n'
                      'int main(void) { return 0; }\n')
        return run(compiler + [f'-std={language}', '-Wall', '-Wextra',
                               '-Wpedantic', '-Werror', '-fsyntax-only',
                               f'-I{include}'] + flags + [source])


def declared(include, headers):
    names = set()
    for header in headers:
        with open(os.path.join(include, header), encoding='utf-8') as text:
            code = re.sub(r'/\*.*?\*/', '', text.read(), flags=re.S)
        code = re.sub(r'^\s*#.*?(?<!\\)$', '', code, flags=re.M | re.S)
        # prototypes stand at the beginning of a line
        names |= set(re.findall(r'^[A-Za-z][\w \t*]*?\b(viommu_\w+)\s*\(',
                                code, flags=re.M))
    return names


def listed(script):
    with open(script, encoding='utf-8') as text:
        code = re.sub(r'/\*.*?\*/', '', text.read(), flags=re.S)
    names = set()
    for group in re.findall(r'global:(.*?)(?:local:|\})', code, flags=re.S):
        names |= set(re.findall(r'\w+', group))
    return names


def called(tests):
    names = set()
    for test in tests:
        with open(test, encoding='utf-8') as text:
            names |= set(re.findall(r'^    \{ "(viommu_\w+)",', text.read(),
                                    flags=re.M))
    # the same function, for older callers
    return names | {n[:-len('_sized')] for n in names if n.endswith('_sized')}


def exported(nm, library):
    static = library.endswith('.a')
    ok, text = run(nm + ['-g' if static else '-D', '--defined-only', library])
    if not ok:
        sys.exit(f'{" ".join(nm)}: {text}')
    names = set()
    for line in text.splitlines():
        if line.endswith(':') or not line:      # the archive's member
            continue
        kind, name = line.split()[-2:]
        if kind != 'A':     # the version itself
            names.add(name.split('@')[0])
    # what instrumented builds add is not ours
    return {n for n in names if not n.startswith(('__', '_init', '_fini'))}


def compare(name, left, right, left_name, right_name):
    text = ''.join(f'{n}: in {left_name}, not in {right_name}\n'
                   for n in sorted(left - right))
    text += ''.join(f'{n}: in {right_name}, not in {left_name}\n'
                    for n in sorted(right - left))
    report(not text and bool(left), name, text)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--cc', required=True)
    parser.add_argument('--cxx', default='')
    parser.add_argument('--nm', default='nm')
    parser.add_argument('--include', required=True)
    parser.add_argument('--library', required=True)
    parser.add_argument('--map', required=True)
    parser.add_argument('--sections', nargs='+', required=True)
    args = parser.parse_args()

    ok, flags = run(['pkg-config', '--cflags', 'glib-2.0'])
    if not ok:
        sys.exit('pkg-config: ' + flags)
    # GLib's own headers are not what is tested
    flags = [f.replace('-I', '-isystem', 1) for f in shlex.split(flags)]
    headers = []
    for folder, _, files in os.walk(args.include):
        headers += [os.path.relpath(os.path.join(folder, f), args.include)
                    for f in files if f.endswith('.h')]
    headers.sort()

    compilers = [('C11', shlex.split(args.cc), 'c11')]
    if args.cxx:
        compilers.append(('C++', shlex.split(args.cxx), 'c++11'))
    for header in headers:
        for name, compiler, language in compilers:
            good, text = compile_alone(compiler, language, args.include,
                                       header, flags)
            report(good, f'{header} alone in {name}', text)
    if not args.cxx:
        report(True, 'headers in C++ # SKIP no C++ compiler')

    exports = exported(shlex.split(args.nm), args.library)
    compare('exported symbols are the listed ones', exports,
            listed(args.map), 'the library', 'the list')
    compare('exported symbols are the declared ones', exports,
            declared(args.include, headers), 'the library', 'the headers')
    compare('exported symbols are called inside a DMA section', exports,
            called(args.sections), 'the library', 'the tests')
    print(f'1..{len(results)}')
    return 0 if all(results) else 1


if __name__ == '__main__':
    sys.exit(main())
