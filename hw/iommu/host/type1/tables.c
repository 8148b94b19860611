/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VFIO's containers: what the device's requests are behind.
 *
 *   without PASID   the container's address space: guest memory, or a shadow
 *   with one        a guest's table on top of guest memory (vSVA), or nothing
 *
 * Guest memory is there for both or for none: a guest that has tables for
 * PASIDs lets the other requests pass through.  If it changes its mind,
 * everything is blocked.  What cannot be taken away costs the guest its
 * device.
 *
 * The API cannot replace a table: the old one goes before the new one comes,
 * and comes back when that fails.
 */
#include <errno.h>
#include <string.h>

#include "hw/iommu/host/type1/container.h"
#include "hw/iommu/host/type1/faults.h"
#include "hw/iommu/host/type1/pasids.h"
#include "hw/iommu/host/type1/tables.h"

#define PAGE    UINT64_C(4096)

static Type1Host *host_of(ViommuHostDevice *device)
{
    return type1_host(device->host);
}

static Type1Bound *bound_of(Type1Device *device, uint32_t pasid)
{
    return g_hash_table_lookup(device->bound, GUINT_TO_POINTER(pasid));
}

/* --- The ioctls, in either form ------------------------------------------ */

static VsvaBindVtd vtd_part(const ViommuHostTable *table)
{
    return (VsvaBindVtd) {
        .flags = (table->vtd.sre ? VSVA_VTD_SRE : 0) |
                 (table->vtd.eafe ? VSVA_VTD_EAFE : 0) |
                 (table->vtd.pcd ? VSVA_VTD_PCD : 0) |
                 (table->vtd.pwt ? VSVA_VTD_PWT : 0) |
                 (table->vtd.emte ? VSVA_VTD_EMTE : 0) |
                 (table->vtd.cd ? VSVA_VTD_CD : 0),
        .pat = table->vtd.pat,
        .emt = table->vtd.emt,
    };
}

/* Both forms of the data have these members, in places of their own. */
#define BIND_DATA(pasid, table)                                     \
    .version = VSVA_VERSION,                                        \
    .format = VSVA_FORMAT_INTEL_VTD,                                \
    .flags = VSVA_BIND_GPASID_VALID,                                \
    .hpasid = (pasid),                                              \
    .gpasid = (pasid),                                              \
    .addr_width = (table)->vtd.addr_width,                          \
    .gpgd = (table)->vtd.pgd,                                       \
    .vtd = vtd_part(table)

/* An unbind has the data of a table that is all zero. */
static int bind_or_unbind(Type1Host *host, uint32_t flags, uint32_t pasid,
                          const ViommuHostTable *table)
{
    struct {
        uint32_t argsz, flags;
        union {
            VsvaBindData merged;
            VsvaBindDataV versioned;
        } data;
    } args = { .flags = flags };

    _Static_assert(offsetof(__typeof__(args), data) ==
                   offsetof(VsvaBind, data), "layout");
    args.argsz = offsetof(__typeof__(args), data);
    if (host->merged) {
        args.argsz += sizeof(args.data.merged);
        args.data.merged = (VsvaBindData) {
            .argsz = sizeof(args.data.merged), BIND_DATA(pasid, table),
        };
    } else {
        args.argsz += sizeof(args.data.versioned);
        args.data.versioned = (VsvaBindDataV) { BIND_DATA(pasid, table) };
    }
    return type1_call(host, VSVA_BIND, &args);
}

int type1_bind_table(Type1Host *host, uint32_t pasid,
                     const ViommuHostTable *table)
{
    return bind_or_unbind(host, VSVA_BIND_GUEST_PGTBL, pasid, table);
}

int type1_unbind_table(Type1Host *host, uint32_t pasid)
{
    const ViommuHostTable none = { 0 };
    int ret = -EIO;

    for (unsigned i = 0; i < TYPE1_TRIES && ret; i++) {
        ret = bind_or_unbind(host, VSVA_UNBIND_GUEST_PGTBL, pasid, &none);
        if (ret == -ENODEV || ret == -EBADF) {
            break;
        }
    }
    return ret;
}

static int send_invalidation(Type1Host *host, uint8_t cache,
                             uint8_t granularity,
                             const VsvaInvalidateAddr *what)
{
    struct {
        uint32_t argsz, flags;
        union {
            VsvaInvalidateInfo merged;
            VsvaInvalidateInfoV versioned;
        };
    } args = { .argsz = sizeof(args) };

    _Static_assert(offsetof(__typeof__(args), merged) ==
                   offsetof(VsvaInvalidate, data), "layout");
    /* Flags and PASID stand in the same place for PASIDs and addresses; a whole
     * domain has no arguments
     * [UAPI 003 "don't take any argument other than"]. */
    if (host->merged) {
        args.merged = (VsvaInvalidateInfo) {
            .argsz = sizeof(args.merged), .version = VSVA_VERSION,
            .cache = cache, .granularity = granularity, .addr_info = *what,
        };
    } else {
        args.versioned = (VsvaInvalidateInfoV) {
            .version = VSVA_VERSION, .cache = cache,
            .granularity = granularity, .addr_info = *what,
        };
    }
    return type1_call(host, VSVA_CACHE_INVALIDATE, &args);
}

int type1_invalidate_all(Type1Host *host)
{
    const VsvaInvalidateAddr nothing = { 0 };

    return send_invalidation(host, VSVA_CACHE_IOTLB, VSVA_GRANU_DOMAIN,
                             &nothing);
}

int type1_invalidate(ViommuHostDevice *common,
                     const ViommuHostInvalidation *list, unsigned n,
                     unsigned *done)
{
    Type1Device *device = type1_device(common);

    for (*done = 0; *done < n; ++*done) {
        const ViommuHostInvalidation *inv = &list[*done];
        VsvaInvalidateAddr what = {
            .flags = VSVA_INVALIDATE_PASID, .pasid = inv->pasid,
        };
        uint8_t cache = VSVA_CACHE_DEV_IOTLB;
        int ret;

        if (!bound_of(device, inv->pasid)) {
            return -ENOENT;
        }
        if (!inv->device_tlb) {
            /* The device's own cache is filled from this one; both have this
             * granularity [UAPI 003 "support the used granularity"]. */
            cache |= VSVA_CACHE_IOTLB;
        }
        if (!inv->all) {
            what.flags |= inv->leaf ? VSVA_INVALIDATE_LEAF : 0;
            what.addr = inv->addr;
            what.granule_size = PAGE;
            what.nb_granules = inv->size / PAGE;
        }
        common->host->stats.invalidation_calls++;
        ret = send_invalidation(host_of(common), cache,
                                inv->all ? VSVA_GRANU_PASID : VSVA_GRANU_ADDR,
                                &what);
        if (ret) {
            return ret;
        }
    }
    return 0;
}

/* --- Requests with a PASID ----------------------------------------------- */

/* The guest has asked its own unit for the PASID, and that this host; or the
 * device has come later: then the host may still have the PASID free. */
static int bind_and_claim(Type1Host *host, uint32_t pasid,
                          const ViommuHostTable *table, bool *claimed)
{
    int ret = type1_bind_table(host, pasid, table);
    uint32_t got;

    *claimed = false;
    if (ret != -ENOENT ||
        type1_alloc_pasid(&host->common, pasid, pasid, &got)) {
        return ret;
    }
    ret = type1_bind_table(host, pasid, table);
    *claimed = !ret;
    if (ret) {
        type1_free_pasid(&host->common, pasid);
    }
    return ret;
}

static void forget(Type1Device *device, uint32_t pasid)
{
    Type1Bound *old = bound_of(device, pasid);

    if (old->claimed && !device->common.gone) {
        type1_free_pasid(device->common.host, pasid);
    }
    g_hash_table_remove(device->bound, GUINT_TO_POINTER(pasid));
}

static int bind_pasid(Type1Device *device, uint32_t pasid,
                      const ViommuHostTable *table)
{
    Type1Host *host = host_of(&device->common);
    Type1Bound *old = bound_of(device, pasid), new = { .table = *table };
    int ret;

    /* the API has no word for write protection of supervisor's requests */
    if (table->type != VIOMMU_HOST_NESTED || !host->nesting ||
        (table->vtd.wpe && table->vtd.sre)) {
        return -EOPNOTSUPP;
    }
    if (device->type != VIOMMU_HOST_PARENT) {
        /* guest memory would open for requests without PASID as well */
        return -EBUSY;
    }
    if (old) {
        ret = type1_unbind_table(host, pasid);
        if (ret) {
            return ret;
        }
        type1_faults_forget(device, pasid);
        ret = type1_bind_table(host, pasid, table);
        if (!ret) {
            old->table = *table;
        } else if (type1_bind_table(host, pasid, &old->table)) {
            forget(device, pasid);
        }
        return ret;
    }
    ret = bind_and_claim(host, pasid, table, &new.claimed);
    if (!ret) {
        g_hash_table_insert(device->bound, GUINT_TO_POINTER(pasid),
                            g_memdup2(&new, sizeof(new)));
    }
    return ret;
}

/* --- Requests without ---------------------------------------------------- */

/* What the container has to hold for the device. */
static Type1Space wanted(const Type1Device *device)
{
    return device->type == VIOMMU_HOST_SHADOW ? TYPE1_SHADOW :
           device->type == VIOMMU_HOST_PARENT ? TYPE1_PARENT : TYPE1_EMPTY;
}

static int bind_rid(Type1Device *device, const ViommuHostTable *table)
{
    Type1Host *host = host_of(&device->common);
    ViommuHostTableType old = device->type;
    int ret;

    if (table->type == VIOMMU_HOST_NESTED) {
        return -EOPNOTSUPP;
    }
    if (table->type == VIOMMU_HOST_SHADOW &&
        g_hash_table_size(device->bound)) {
        return -EBUSY;
    }
    if (table->type == VIOMMU_HOST_SHADOW && old == VIOMMU_HOST_SHADOW) {
        /* a new one starts empty */
        ret = type1_set_space(host, TYPE1_EMPTY);
        if (ret) {
            return ret;
        }
    }
    device->type = table->type;
    ret = type1_set_space(host, wanted(device));
    if (ret) {
        /* what it was holds nothing of before, if it was a shadow */
        device->type = old;
        (void)type1_set_space(host, wanted(device));
    }
    return ret;
}

int type1_bind(ViommuHostDevice *common, uint32_t pasid,
               const ViommuHostTable *table)
{
    Type1Device *device = type1_device(common);

    if (table->type == VIOMMU_HOST_BLOCKED) {
        type1_unbind(common, pasid);
        return 0;
    }
    return pasid == VIOMMU_NO_PASID ? bind_rid(device, table)
                                    : bind_pasid(device, pasid, table);
}

void type1_unbind(ViommuHostDevice *common, uint32_t pasid)
{
    Type1Device *device = type1_device(common);
    int ret = 0, space;

    if (pasid == VIOMMU_NO_PASID) {
        device->type = VIOMMU_HOST_BLOCKED;
    } else if (bound_of(device, pasid)) {
        if (!common->gone) {
            ret = viommu_host_note(common, type1_unbind_table(host_of(common),
                                                              pasid));
            type1_faults_forget(device, pasid);
        }
        forget(device, pasid);
    }
    space = type1_set_space(host_of(common), wanted(device));
    if (ret || space) {
        viommu_host_stop(common, device->fd);
    }
}

/* --- Shadows ------------------------------------------------------------- */

/** The memory behind all of [@addr, @addr + @size), or NULL. */
static void *memory_at(const Type1Host *host, uint64_t addr, uint64_t size)
{
    for (guint i = 0; i < host->memory->len; i++) {
        const Type1Memory *m = &g_array_index(host->memory, Type1Memory, i);

        if (addr >= m->addr && addr - m->addr < m->size &&
            size <= m->size - (addr - m->addr)) {
            return (uint8_t *)m->memory + (addr - m->addr);
        }
    }
    return NULL;
}

int type1_shadow_map(ViommuHostDevice *common, uint32_t pasid, uint64_t iova,
                     uint64_t size, uint64_t addr, uint8_t access)
{
    Type1Host *host = host_of(common);
    void *memory = memory_at(host, addr, size);

    if (pasid != VIOMMU_NO_PASID || host->space != TYPE1_SHADOW || !memory) {
        return -ENOENT;
    }
    return type1_map(host, iova, size, memory,
                     (access & VIOMMU_READ ? VFIO_ABI_MAP_READ : 0) |
                     (access & VIOMMU_WRITE ? VFIO_ABI_MAP_WRITE : 0));
}

int type1_shadow_unmap(ViommuHostDevice *common, uint32_t pasid,
                       uint64_t iova, uint64_t size)
{
    Type1Host *host = host_of(common);

    return pasid != VIOMMU_NO_PASID || host->space != TYPE1_SHADOW
           ? -ENOENT : type1_unmap(host, iova, size);
}

int type1_shadow_dirty(ViommuHostDevice *common, uint32_t pasid,
                       uint64_t iova, uint64_t size, uint64_t *bits)
{
    Type1Host *host = host_of(common);

    return pasid != VIOMMU_NO_PASID || host->space != TYPE1_SHADOW
           ? -ENOENT : type1_get_dirty(host, iova, size, bits);
}
