#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Combinations of a VT-d unit's options: each two values that go together are in
one of them.

usage: vtd-options.py header    a table for tests/unit/test-vtd-options.c
       vtd-options.py boot      "LINUX-MODE OPTIONS" lines, for tests/guest/run
       vtd-options.py boot-few  the first of these, which cover most

What must not go together is written here from the specification and from
what Linux's drivers/iommu/intel asks of CAP and ECAP, not from the model.  The
table also has combinations that break one of these rules each.
"""
import itertools
import random
import sys

# name, member of ViommuVtdConfig, values; the first one is the default
OPTIONS = [
    ('aw-bits', 'aw_bits', (48, 39, 57)),
    ('haw-bits', 'haw_bits', (0, 39, 52)),
    ('fault-records', 'fault_records', (1, 8, 256)),
    ('caching-mode', 'caching_mode', (0, 1)),
    ('dma-translation', 'dma_translation', (1, 0)),
    ('dma-drain', 'dma_drain', (1, 0)),
    ('pt', 'pass_through', (1, 0)),
    ('snoop-control', 'snoop_control', (0, 1)),
    ('device-iotlb', 'device_iotlb', (0, 1)),
    ('stale-tm', 'stale_tm', (0, 1)),
    ('intremap', 'interrupt_remapping', (1, 0)),
    ('eim', 'extended_interrupt_mode', (0, 1)),
    ('posted-interrupts', 'posted_interrupts', (0, 1)),
    ('pmr', 'protected_memory', (0, 1)),
    ('esrtps', 'enhanced_set_pointer', (0, 1)),
    ('x-scalable-mode', 'scalable_mode', (0, 1)),
    ('x-flts', 'first_stage', (0, 1)),
    ('nested', 'nested', (0, 1)),
    ('pasid-bits', 'pasid_bits', (0, 1, 16, 20)),
    ('fs1gp', 'fs1gp', (1, 0)),
    ('dirty-tracking', 'dirty_tracking', (0, 1)),
    ('pri', 'page_requests', (0, 1)),
    ('virtual-commands', 'virtual_commands', (0, 1)),
    ('rid-pasid', 'rid_pasid', (0, 1)),
    ('memory-types', 'memory_types', (0, 1)),
    ('extended-access', 'extended_access', (0, 1)),
    ('iotlb-bits', 'iotlb_bits', (16, 4)),
    ('rid-priv', 'rid_priv', (0, 1)),
    ('abort-dma', 'abort_dma', (0, 1)),
    ('coherent', 'coherent', (0, 1)),
    ('strict', 'strict', (0, 1)),
]
NUMBERS = {'aw-bits', 'haw-bits', 'fault-records', 'pasid-bits', 'iotlb-bits'}
VALUES = {name: values for name, _, values in OPTIONS}
PASIDS = VALUES['pasid-bits'][1:]

# With all of these (name: values), that option must have one of those.
RULES = [
    ({'x-scalable-mode': (1,)}, 'dma-drain', (1,)),     # [VTD 11.4.2]
    ({'x-flts': (1,)}, 'x-scalable-mode', (1,)),
    ({'nested': (1,)}, 'x-flts', (1,)),
    ({'extended-access': (1,)}, 'x-flts', (1,)),
    ({'dirty-tracking': (1,)}, 'x-scalable-mode', (1,)),
    # accessed and dirty bits of a second stage that is not there
    ({'dirty-tracking': (1,), 'x-flts': (1,)}, 'nested', (1,)),
    ({'pasid-bits': PASIDS}, 'x-scalable-mode', (1,)),
    ({'memory-types': (1,)}, 'x-scalable-mode', (1,)),
    ({'rid-priv': (1,)}, 'x-scalable-mode', (1,)),
    ({'virtual-commands': (1,)}, 'pasid-bits', PASIDS),
    ({'rid-pasid': (1,)}, 'pasid-bits', PASIDS),
    ({'pri': (1,)}, 'x-scalable-mode', (1,)),
    ({'pri': (1,)}, 'device-iotlb', (1,)),
    ({'eim': (1,)}, 'intremap', (1,)),
    ({'posted-interrupts': (1,)}, 'intremap', (1,)),
    # Linux: "Cannot get a valid agaw" when no level is one of both stages'
    ({'nested': (1,)}, 'aw-bits', (48, 57)),
    # Linux switches translation on for a first stage, whatever CAP.SAGAW is
    ({'x-flts': (1,)}, 'dma-translation', (1,)),
]


def close(chosen, rules):
    """Add what follows from the choices; None when they contradict."""
    chosen = dict(chosen)
    changed = True
    while changed:
        changed = False
        for condition, name, allowed in rules:
            if any(chosen.get(n) not in v for n, v in condition.items()):
                continue
            if name in chosen:
                if chosen[name] not in allowed:
                    return None
            elif len(allowed) == 1:
                chosen[name] = allowed[0]
                changed = True
    return chosen


def pairs_of(chosen):
    return itertools.combinations(sorted(chosen.items()), 2)


def fill(rand, chosen, rules, missing):
    """The rest, at random, but with pairs that are still missing."""
    chosen = close(chosen, rules)
    names = [n for n, _, _ in OPTIONS]
    rand.shuffle(names)
    for name in names if chosen else []:
        if name in chosen:
            continue
        best, most = None, -1
        for value in rand.sample(VALUES[name], len(VALUES[name])):
            more = close({**chosen, name: value}, rules)
            if not more:
                continue
            count = sum((min(p, (name, value)), max(p, (name, value)))
                        in missing for p in chosen.items())
            if count > most:
                best, most = more, count
        if not best:
            return None
        chosen = best
    return chosen


def possible(pair, rules):
    rand = random.Random(str(pair))
    return any(fill(rand, dict(pair), rules, ()) for _ in range(8))


def combine(fixed):
    rules = RULES + [({}, name, (value,)) for name, value in fixed.items()]
    rand = random.Random(1)
    everything = [(n, v) for n, _, values in OPTIONS for v in values]
    missing = {p for p in itertools.combinations(sorted(everything), 2)
               if p[0][0] != p[1][0] and possible(p, rules)}
    result = []
    while missing:
        best, most = None, 0
        for pair in rand.sample(sorted(missing), min(20, len(missing))):
            one = fill(rand, dict(pair), rules, missing)
            count = sum(p in missing for p in pairs_of(one)) if one else 0
            if count > most:
                best, most = one, count
        if best:
            result.append(best)
            missing -= set(pairs_of(best))
    return result


def refused():
    """(combination, option, option): each breaks one rule."""
    rand = random.Random(2)
    for index, (condition, name, allowed) in enumerate(RULES):
        rest = RULES[:index] + RULES[index + 1:]
        for value in VALUES[name]:
            if value in allowed:
                continue
            one = None
            while not one:
                first = {n: rand.choice(v) for n, v in condition.items()}
                one = fill(rand, {**first, name: value}, rest, ())
            yield one, list(condition)[0], name


def text(one):
    def word(name, value):
        return value if name in NUMBERS else ('off', 'on')[value]
    # only what is not the default, but for this
    return ','.join(f'{n}={word(n, one[n])}' for n, _, values in OPTIONS
                    if n == 'intremap' or one[n] != values[0])


def row(one, option=None, needs=None):
    members = ', '.join(f'.{member} = {one[name]}'
                        for name, member, _ in OPTIONS)
    says = f'"{option}", "{needs}"' if option else 'NULL, NULL'
    return f'    {{ {{ {members} }},\n      "{text(one)}", {says} }},'


def header():
    print('/* Made by tests/lib/vtd-options.py. */')
    print('static const Combination combinations[] = {')
    for one in combine({}):
        print(row(one))
    for one, option, needs in refused():
        print(row(one, option, needs))
    print('};')


def boot():
    # Without translation nothing else is tried, and without PASIDs' mode little
    # of the options is: a few are enough.
    plain = combine({'dma-translation': 1})
    lines = [('sm_on', text(one)) for one in plain]
    few = lines[:9]
    few.append(('sm_off', text(plain[0])))
    # the tables of a second stage in legacy mode, of three levels
    few.append(('sm_off', 'aw-bits=39,intremap=on,x-scalable-mode=on,x-flts=on'))
    few.append(('sm_on', 'dma-translation=off,intremap=on,x-scalable-mode=on'))
    rest = lines[9:]
    rest += [('sm_off', text(one)) for one in plain[1::3]]
    rest.append(('sm_on', 'aw-bits=39,intremap=on,x-scalable-mode=on,x-flts=on'))
    rest.append(('sm_off', 'dma-translation=off,intremap=on'))
    return few, rest


def main():
    what = sys.argv[1:]
    if what == ['header']:
        header()
    elif what in (['boot'], ['boot-few']):
        few, rest = boot()
        for mode, options in few + (rest if what == ['boot'] else []):
            print(mode, options)
    else:
        sys.exit('vtd-options.py: expects header, boot or boot-few')


main()
