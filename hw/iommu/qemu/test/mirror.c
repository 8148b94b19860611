/* SPDX-License-Identifier: GPL-2.0-or-later */
/* viommu in QEMU: see mirror.h. */
#include "qemu/osdep.h"
#include "hw/viommu/test/mirror.h"
#include "exec/address-spaces.h"
#include "qapi/error.h"
#include "qemu/error-report.h"

struct ViommuMirror {
    const char *owner;
    AddressSpace *as;
    ViommuMirrorKind kind;
    MemoryListener listener;
    GTree *mappings;
    GPtrArray *notifiers;       /* MirrorNotifier */
};

typedef struct MirrorNotifier {
    IOMMUNotifier notifier;
    ViommuMirror *mirror;
    MemoryRegion *mr;
    hwaddr offset;              /* of the region in the address space */
} MirrorNotifier;

typedef struct Mapping {
    hwaddr first;
    hwaddr last;
    hwaddr to;
    IOMMUAccessFlags perm;
} Mapping;

static int mapping_compare(const void *a, const void *b, void *unused)
{
    const Mapping *l = a, *r = b;

    return l->last < r->first ? -1 : l->first > r->last ? 1 : 0;
}

static Mapping *mirror_find(ViommuMirror *mirror, hwaddr first, hwaddr last)
{
    const Mapping key = { .first = first, .last = last };

    return g_tree_lookup(mirror->mappings, &key);
}

/* What the host's kernel would refuse is a bug of whoever told it. */
static void mirror_complain(ViommuMirror *mirror, const char *what,
                            hwaddr first, hwaddr last)
{
    error_report("%s: mirror: %s 0x%" HWADDR_PRIx "-0x%" HWADDR_PRIx,
                 mirror->owner, what, first, last);
}

static void mirror_map(ViommuMirror *mirror, const Mapping *wanted)
{
    Mapping *m;

    if (mirror_find(mirror, wanted->first, wanted->last)) {
        mirror_complain(mirror, "mapped already:", wanted->first,
                        wanted->last);
        return;
    }
    m = g_memdup2(wanted, sizeof(*wanted));
    g_tree_insert(mirror->mappings, m, m);
}

static void mirror_unmap(ViommuMirror *mirror, hwaddr first, hwaddr last)
{
    Mapping *m;

    while ((m = mirror_find(mirror, first, last))) {
        if (mirror->kind == VIOMMU_MIRROR_VFIO &&
            (m->first < first || m->last > last)) {
            mirror_complain(mirror, "unmapped in part:", m->first, m->last);
        }
        g_tree_remove(mirror->mappings, m);
    }
}

/* As vhost does when it misses one. */
static Mapping *mirror_ask(ViommuMirror *mirror, hwaddr addr, bool write)
{
    IOMMUTLBEntry entry;
    Mapping m;

    WITH_RCU_READ_LOCK_GUARD() {
        entry = address_space_get_iotlb_entry(mirror->as, addr, write,
                                              MEMTXATTRS_UNSPECIFIED);
    }
    if (!entry.target_as) {
        return NULL;
    }
    m = (Mapping) {
        .first = addr & ~entry.addr_mask,
        .last = addr | entry.addr_mask,
        .to = entry.translated_addr & ~entry.addr_mask,
        .perm = entry.perm,
    };
    mirror_unmap(mirror, m.first, m.last);
    mirror_map(mirror, &m);
    return mirror_find(mirror, addr, addr);
}

static void mirror_notify(IOMMUNotifier *n, IOMMUTLBEntry *entry)
{
    MirrorNotifier *mn = container_of(n, MirrorNotifier, notifier);
    const Mapping m = {
        .first = entry->iova + mn->offset,
        .last = entry->iova + entry->addr_mask + mn->offset,
        .to = entry->translated_addr,
        .perm = entry->perm,
    };

    if (m.perm == IOMMU_NONE) {
        mirror_unmap(mn->mirror, m.first, m.last);
    } else {
        mirror_map(mn->mirror, &m);
    }
}

static IOMMUNotifierFlag mirror_flags(const ViommuMirror *mirror)
{
    switch (mirror->kind) {
    case VIOMMU_MIRROR_VHOST:
        return IOMMU_NOTIFIER_UNMAP;
    case VIOMMU_MIRROR_VHOST_ATS:
        return IOMMU_NOTIFIER_DEVIOTLB_UNMAP;
    default:
        return IOMMU_NOTIFIER_IOTLB_EVENTS;
    }
}

static void mirror_region_add(MemoryListener *listener,
                              MemoryRegionSection *section)
{
    ViommuMirror *mirror = container_of(listener, ViommuMirror, listener);
    hwaddr first = section->offset_within_address_space;
    hwaddr last = first + int128_get64(int128_sub(section->size,
                                                  int128_one()));

    if (memory_region_is_iommu(section->mr)) {
        MirrorNotifier *mn = g_new0(MirrorNotifier, 1);
        hwaddr start = section->offset_within_region;

        iommu_notifier_init(&mn->notifier, mirror_notify,
                            mirror_flags(mirror), start,
                            start + (last - first), 0);
        mn->mirror = mirror;
        mn->mr = section->mr;
        mn->offset = first - start;
        g_ptr_array_add(mirror->notifiers, mn);
        memory_region_register_iommu_notifier(section->mr, &mn->notifier,
                                              &error_fatal);
        if (mirror->kind == VIOMMU_MIRROR_VFIO) {
            memory_region_iommu_replay(IOMMU_MEMORY_REGION(section->mr),
                                       &mn->notifier);
        }
    } else if (mirror->kind == VIOMMU_MIRROR_VFIO &&
               memory_region_is_ram(section->mr)) {
        /* system memory as it is */
        const Mapping m = {
            .first = first, .last = last, .to = first, .perm = IOMMU_RW,
        };

        mirror_map(mirror, &m);
    }
}

static void mirror_region_del(MemoryListener *listener,
                              MemoryRegionSection *section)
{
    ViommuMirror *mirror = container_of(listener, ViommuMirror, listener);
    hwaddr first = section->offset_within_address_space;
    hwaddr last = first + int128_get64(int128_sub(section->size,
                                                  int128_one()));

    for (unsigned i = 0; i < mirror->notifiers->len; i++) {
        MirrorNotifier *mn = g_ptr_array_index(mirror->notifiers, i);

        if (mn->mr == section->mr &&
            mn->notifier.start == section->offset_within_region) {
            memory_region_unregister_iommu_notifier(mn->mr, &mn->notifier);
            g_ptr_array_remove_index_fast(mirror->notifiers, i);
            break;
        }
    }
    if (mirror->kind == VIOMMU_MIRROR_VFIO) {
        mirror_unmap(mirror, first, last);
    }
}

ViommuMirror *viommu_mirror_new(AddressSpace *as, ViommuMirrorKind kind,
                                const char *owner)
{
    ViommuMirror *mirror = g_new0(ViommuMirror, 1);

    mirror->owner = owner;
    mirror->as = as;
    mirror->kind = kind;
    mirror->mappings = g_tree_new_full(mapping_compare, NULL, g_free, NULL);
    mirror->notifiers = g_ptr_array_new_with_free_func(g_free);
    mirror->listener = (MemoryListener) {
        .name = "viommu-mirror",
        .region_add = mirror_region_add,
        .region_del = mirror_region_del,
    };
    memory_listener_register(&mirror->listener, as);
    return mirror;
}

bool viommu_mirror_rw(ViommuMirror *mirror, hwaddr addr, void *buf,
                      hwaddr size, bool write)
{
    uint8_t *at = buf;

    while (size > 0) {
        IOMMUAccessFlags flag = write ? IOMMU_WO : IOMMU_RO;
        const Mapping *m = mirror_find(mirror, addr, addr);
        hwaddr part;

        if ((!m || !(m->perm & flag)) &&
            mirror->kind != VIOMMU_MIRROR_VFIO) {
            m = mirror_ask(mirror, addr, write);
        }
        if (!m || !(m->perm & flag)) {
            return false;
        }
        part = MIN(size - 1, m->last - addr) + 1;
        if (address_space_rw(&address_space_memory, m->to + (addr - m->first),
                             MEMTXATTRS_UNSPECIFIED, at, part, write)) {
            return false;
        }
        addr += part;
        at += part;
        size -= part;
    }
    return true;
}
