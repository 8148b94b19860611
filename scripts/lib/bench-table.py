# SPDX-License-Identifier: BSD-3-Clause
"""What scripts/bench measured, as tables: bench-table.py VALUES MODE..."""

import sys

# What the measured values should be.
CACHED = 1.8        # times the read without an IOMMU, at most
WALK = 5.0          # times faster than the stock model, at least
NESTED = 250.0      # nanoseconds, at most
FLAT = 1.5          # times the smallest one, at most

WORDS = {
    "legacy": "legacy mode", "pass": "pass-through",
    "second": "second stage", "first4": "first stage, 4 levels",
    "first5": "first stage, 5 levels", "nested": "nested",
    "pasid-pass": "PASID, pass-through",
    "pasid-second": "PASID, second stage",
    "pasid-first4": "PASID, first stage", "pasid-nested": "PASID, nested",
    "smmu-s1": "SMMUv3, stage 1", "smmu-s2": "SMMUv3, stage 2",
    "smmu-nested": "SMMUv3, nested", "smmu-substream": "SMMUv3, substream",
}
ENTRIES = (8, 1000, 1000000)


def ns(value):
    return f"{value:8.1f}" if value is not None else f"{'-':>8}"


def ratio(value, base):
    return f"{value / base:6.2f}" if value and base else f"{'-':>6}"


def machine_table(values, modes):
    def get(who, mode, row):
        return values.get(f"{who}-{mode}-{row}")

    print("\nQEMU, one 8-byte read, in nanoseconds; cached: at most "
          f"{CACHED} times no IOMMU")
    print(f"{'':24}{'8 pages':^33}{'16384 pages in turn':^33}")
    head = f"{'none':>8}{'ours':>8}{'ratio':>7}{'stock':>9} "
    print(f"{'':24}{head}{head}")
    for mode in modes:
        line = f"{WORDS[mode]:24}"
        for row in ("hit-8", "hit-16384"):
            none, ours = get("none", mode, row), get("qemu", mode, row)
            line += (ns(none) + ns(ours) + " " + ratio(ours, none) + " " +
                     ns(get("stock", mode, row)) + " ")
        print(line.rstrip())
    for row, where in (("turn-131072", "of 131072 pages in turn"),
                       ("walk-131072", "anywhere in 131072 pages")):
        print(f"\nQEMU, one 8-byte read {where}, each a walk; stock at "
              f"least {WALK:g} times\nas long; nested below {NESTED:g}; "
              "\"none\" reads as much memory")
        print(f"{'':24}{'none':>8}{'ours':>8}{'stock':>9}{'ratio':>7}"
              f"{'default cache':>16}")
        for mode in modes:
            ours = get("walking", mode, row)
            stock = get("stock", mode, row)

            if ours is not None:
                print(f"{WORDS[mode]:24}{ns(get('none', mode, row))}"
                      f"{ns(ours)} {ns(stock)} {ratio(stock, ours)}"
                      f"{ns(get('qemu', mode, row)):>16}")


def library_tables(values, modes):
    print("\nLibrary, one translation, in nanoseconds")
    print(f"{'':24}{'8 pages':>10}{'16384':>10}{'walk':>10}")
    for mode in modes:
        line = f"{WORDS[mode]:24}"
        for row in ("hit-8", "hit-16384", "walk-131072"):
            line += "  " + ns(values.get(f"lib-{mode}-{row}"))
        print(line)
    names = [name[4:-2] for name in values
             if name.startswith("lib-") and name.endswith("-8") and
             not name.endswith("-hit-8")]
    if not names:
        return
    print("\nLibrary, one invalidation with so many translations cached; "
          f"flat: at most {FLAT} times\nthe smallest")
    print(f"{'':24}" + "".join(f"{n:>10}" for n in ENTRIES) + "   ratio")
    for name in names:
        times = [values.get(f"lib-{name}-{n}") for n in ENTRIES]
        print(f"{name:24}" + "".join("  " + ns(t) for t in times) +
              "  " + ratio(max(times), min(times)))


def main():
    with open(sys.argv[1], encoding="ascii") as lines:
        values = {name: float(value)
                  for name, value in (line.split() for line in lines)}
    modes = sys.argv[2:]
    if any(name.startswith("none-") for name in values):
        machine_table(values, modes)
    library_tables(values, modes)


if __name__ == "__main__":
    main()
