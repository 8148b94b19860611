#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Checks of the code's structure that no compiler makes.

usage: house.py [--draw] [ROOT]

- No circle of files that include each other, and none of files that call each
  other's functions.
- No arrow up: a folder uses only folders that stand before it in FLOORS.
- No function above 60 lines.
- Circles and arrows that are listed as known are there.

Prints a line for each violation; the exit status is 1 then.  --draw prints the
arrows between folders, with how many files they join.
"""
import collections
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import rules  # noqa: E402

LINES = 60
ROOTS = ('include', 'hw', 'bench')
# From the ground up.  Folders of one line do not use each other.
FLOORS = (
    ('include/hw/iommu',),
    ('hw/iommu/common',),
    ('hw/iommu/firmware', 'hw/iommu/testdev', 'hw/iommu/host/abi'),
    ('hw/iommu/host',),
    ('hw/iommu/host/unit',),
    ('hw/iommu/host/iommufd', 'hw/iommu/host/type1', 'hw/iommu/vtd',
     'hw/iommu/smmuv3'),
    ('hw/iommu/hostsim',),
    ('hw/iommu/hostsim/kernel',),
    ('hw/iommu/hostsim/physical',),
    ('hw/iommu/hostsim/iommufd',),
    ('hw/iommu/hostsim/vfio',),
    ('hw/iommu/hostsim/system',),
    ('hw/iommu/machine/pci',),
    ('hw/iommu/machine/host',),
    ('hw/iommu/machine',),
    ('hw/iommu/qemu/test',),
    ('hw/iommu/qemu/core',),
    ('hw/iommu/qemu/intel', 'hw/iommu/qemu/arm'),
    ('bench',),
)
# What is still to be taken apart: files whose calls make circles, by folder and
# name, and arrows up.  Nothing may be added, and what is done goes.
KNOWN_CIRCLES = {
    'hw/iommu/qemu/core': 'events layers notify passthrough ram shadow space '
                          'units',
}
KNOWN_UP = {
    ('hw/iommu/machine/pci', 'hw/iommu/machine'),
    ('hw/iommu/machine/host', 'hw/iommu/machine'),
}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+["<]([^">]+)[">]', re.M)
NO_CODE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|'
                     r'^[ \t]*#[ \t]*include[^\n]*', re.DOTALL | re.M)


class House:
    """The files, and who includes or calls whom."""

    def __init__(self, root):
        self.text = {}
        for path in rules.sources(root, ROOTS):
            with open(os.path.join(root, path), encoding='utf-8') as file:
                self.text[path] = file.read()
        self.items = {path: rules.items(text)[0]
                      for path, text in self.text.items()}
        self.includes = {path: self.included(path) for path in self.text}
        self.calls = self.find_calls()

    def included(self, path):
        found = set()
        for name in INCLUDE.findall(self.text[path]):
            near = os.path.normpath(os.path.join(os.path.dirname(path), name))
            found.update([name for name in (near, name, 'include/' + name)
                          if name in self.text][:1])
        return found - {path}

    def functions(self, path):
        """Those that @path defines: name, first and last place, static?"""
        for first, last, name in self.items[path]:
            text = self.text[path][first:last]
            if name and name.endswith('()') and text.endswith('}'):
                head = text[:text.index('{')]
                yield (name[:-2], first, last,
                       re.search(r'\bstatic\b', head) is not None)

    def find_calls(self):
        owners = collections.defaultdict(set)
        for path in self.text:
            if path.endswith('.c'):
                for name, _, _, static in self.functions(path):
                    if not static:
                        owners[name].add(path)
        calls = {}
        for path, text in self.text.items():
            own = {name for name, _, _, _ in self.functions(path)}
            words = set(re.findall(r'\w+', NO_CODE.sub(' ', text))) - own
            calls[path] = {next(iter(owners[word])) for word in words
                           if len(owners.get(word, ())) == 1 and
                           path.endswith('.c')} - {path}
        return calls


def circles(arrows):
    """Sets of files that reach each other (Tarjan), without recursion."""
    index, low, stack, on_stack, found = {}, {}, [], set(), []
    for root in arrows:
        if root in index:
            continue
        todo = [(root, iter(sorted(arrows[root])))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while todo:
            here, rest = todo[-1]
            for there in rest:
                if there not in index:
                    index[there] = low[there] = len(index)
                    stack.append(there)
                    on_stack.add(there)
                    todo.append((there, iter(sorted(arrows[there]))))
                    break
                if there in on_stack:
                    low[here] = min(low[here], index[there])
            else:
                todo.pop()
                if todo:
                    low[todo[-1][0]] = min(low[todo[-1][0]], low[here])
                if low[here] == index[here]:
                    circle = set()
                    while here not in circle:
                        circle.add(stack.pop())
                    on_stack -= circle
                    if len(circle) > 1:
                        found.append(circle)
    return found


def is_known(path):
    folder, name = os.path.split(path)
    return name[:-2] in KNOWN_CIRCLES.get(folder, '').split()


def done(house, in_circles, arrows):
    """What is listed as known, although its files show that it is gone."""
    folders = {os.path.dirname(path) for path in house.text}
    for path in sorted(set(house.text) - in_circles):
        if path.endswith('.c') and is_known(path):
            yield f'{path}: KNOWN_CIRCLES has it, but no circle does'
    for here, there in sorted(KNOWN_UP - set(arrows)):
        if {here, there} <= folders:
            yield f'{here}: KNOWN_UP has {there}, which it does not use'


def folder_arrows(house):
    """How many pairs of files lead from one folder to another."""
    arrows = collections.Counter()
    for graph in (house.includes, house.calls):
        for path, others in graph.items():
            for other in others:
                pair = (os.path.dirname(path), os.path.dirname(other))
                arrows[pair] += pair[0] != pair[1]
    return {pair: n for pair, n in arrows.items() if n}


def check(house):
    floor = {name: n for n, names in enumerate(FLOORS) for name in names}
    wrong = [f'{sorted(circle)[0]}: a circle of includes: '
             f'{" ".join(sorted(circle))}' for circle in circles(house.includes)]
    in_circles = circles(house.calls)
    arrows = folder_arrows(house)
    for circle in in_circles:
        new = sorted(path for path in circle if not is_known(path))
        if new:
            wrong.append(f'{new[0]}: a circle of calls: '
                         f'{" ".join(sorted(circle))}')
    for here, there in sorted(arrows):
        if here not in floor or there not in floor:
            wrong.append(f'{here if here not in floor else there}: a folder '
                         'without a place in FLOORS')
        elif floor[there] >= floor[here] and (here, there) not in KNOWN_UP:
            wrong.append(f'{here}: uses {there}, which stands '
                         f'{"beside" if floor[there] == floor[here] else "above"}'
                         ' it')
    for path, text in house.text.items():
        for name, first, last, _ in house.functions(path):
            lines = text.count('\n', first, last) + 1
            if lines > LINES:
                wrong.append(f'{path}: {name}() has {lines} lines, allowed '
                             f'are {LINES}')
    wrong += done(house, set().union(*in_circles), arrows)
    return wrong


def main():
    words = sys.argv[1:]
    draw = words[:1] == ['--draw']
    words = words[draw:]
    if len(words) > 1 or words and words[0].startswith('-'):
        sys.exit(f"house.py: '{words[0]}': allowed are --draw and a folder")
    root = words[0] if words else os.path.join(os.path.dirname(
        os.path.abspath(__file__)), '..', '..')
    house = House(root)
    if draw:
        for (here, there), number in sorted(folder_arrows(house).items()):
            print(f'{here} -> {there} ({number})')
        return 0
    wrong = check(house)
    print('\n'.join(wrong), end='\n' if wrong else '')
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
