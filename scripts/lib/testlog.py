#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Turns a test log into result lines for scripts/test.

usage: testlog.py meson FILE.json | testlog.py tap FILE

Output, one line for each test:  STATUS <tab> NAME <tab> DETAIL
where STATUS is pass, fail or skip.  A meson test that speaks TAP counts as
its subtests; one that ended badly although no subtest failed counts as one
more failure.
"""
import json
import re
import sys

LINE = re.compile(r'^\s*(not )?ok\b\s*(\d*)\s*(?:-\s*)?(.*)$')
SKIP = re.compile(r'#\s*skip\b:?\s*(.*)$', re.IGNORECASE)
PLAN = re.compile(r'^1\.\.\d+(?:\s*#\s*skip\b:?)?', re.IGNORECASE)
TODO = re.compile(r'#\s*todo\b', re.IGNORECASE)
# What sanitizers and GLib say first.
TELLING = re.compile(r'runtime error|ERROR: |WARNING: Thread|SUMMARY: |'
                     r'Bail out!|[Aa]ssertion')


def tap(text):
    """(status, name, detail) of each TAP line in text."""
    results = []
    for line in text.splitlines():
        found = LINE.match(line)
        if not found or line.startswith(' '):
            continue
        bad, number, name = found.groups()
        skip = SKIP.search(name)
        if skip:
            reason = skip.group(1) or 'no reason given'
            results.append(('skip', name[:skip.start()].strip(), reason))
        elif bad and not TODO.search(name):
            results.append(('fail', name or number, ''))
        else:
            results.append(('pass', name or number, ''))
    return results


def excerpt(test):
    """The last lines that say something."""
    text = test.get('stdout', '') + test.get('stderr', '')
    lines = [PLAN.sub('', line) for line in text.splitlines()]
    lines = [line for line in lines if line.strip() and not LINE.match(line)]
    told = [line for line in lines if TELLING.search(line)][:6]
    last = [line for line in lines[-6:] if line not in told]
    return ' | '.join(told + last).replace('\t', ' ')[:2000]


def meson(path):
    results = []
    with open(path, encoding='utf-8', errors='replace') as log:
        for entry in log:
            test = json.loads(entry)
            # meson writes "project:suite / name"
            name = test['name'].split(' / ')[-1]
            result = test['result']
            subtests = tap(test.get('stdout', ''))
            failed = any(status == 'fail' for status, _, _ in subtests)
            for status, sub, detail in subtests:
                if status == 'fail':
                    detail = excerpt(test)
                results.append((status, f'{name} {sub}', detail))
            if result in ('OK', 'EXPECTEDFAIL'):
                if not subtests:
                    results.append(('pass', name, ''))
            elif result == 'SKIP':
                if not subtests:
                    results.append(('skip', name,
                                    excerpt(test) or 'no reason given'))
            elif not failed:
                code = test.get('returncode')
                results.append(('fail', name,
                                f'{result}, exit status {code}: '
                                f'{excerpt(test)}'))
    return results


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in ('meson', 'tap'):
        sys.exit(__doc__)
    try:
        if sys.argv[1] == 'meson':
            results = meson(sys.argv[2])
        else:
            with open(sys.argv[2], encoding='utf-8', errors='replace') as log:
                results = tap(log.read())
    except (OSError, ValueError, KeyError) as error:
        sys.exit(f'testlog.py: cannot read {sys.argv[2]}: {error}')
    for result in results:
        print('\t'.join(result))


main()
