/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Structures of the IOMMU user API in its two forms.
 *
 * merged     The caller says how much it knows.  That must reach as far as
 *            the flags (or format, or granularity) ask for; what is beyond
 *            what we know is a newer caller's, and of no interest as long as
 *            version and flags are known.
 * versioned  The version alone says how large the structure is.
 */
#include <errno.h>
#include <string.h>

#include "hw/iommu/hostsim/vfio/vsva.h"

/** End of a member: what a caller that means it has to know. */
#define END_OF(type, member) \
    ((uint32_t)(offsetof(type, member) + sizeof(((type *)NULL)->member)))

/* of VsvaBind and VsvaInvalidate */
typedef struct Outer {
    uint32_t argsz;
    uint32_t flags;
} Outer;

static bool all_zero(const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (bytes[i]) {
            return false;
        }
    }
    return true;
}

/**
 * The data behind an ioctl's head, in the merged form: at least @min bytes,
 * at most @size.  What the caller does not know is zero.
 */
static int take_merged(const Outer *outer, const void *user, uint32_t min,
                       void *data, uint32_t size)
{
    uint32_t room = outer->argsz - sizeof(*outer), argsz;

    if (room < min) {
        return -EINVAL;
    }
    if (sim_copy_in(&argsz, user, sizeof(argsz))) {
        return -EFAULT;
    }
    if (argsz < min || argsz > room) {
        return -EINVAL;
    }
    memset(data, 0, size);
    return sim_copy_in(data, user, MIN(argsz, size));
}

/** The same in the versioned form: all of @size bytes. */
static int take_versioned(const Outer *outer, const void *user, void *data,
                          uint32_t size)
{
    if (outer->argsz - sizeof(*outer) < size) {
        return -EINVAL;
    }
    return sim_copy_in(data, user, size);
}

static int take_outer(const void *user, Outer *outer)
{
    if (sim_copy_in(outer, user, sizeof(*outer))) {
        return -EFAULT;
    }
    return outer->argsz < sizeof(*outer) ? -EINVAL : 0;
}

/* --- Binding ------------------------------------------------------------- */

static int bind_from_versioned(const Outer *outer, const void *user,
                               VsvaBindData *data)
{
    VsvaBindDataV old;
    /* the size at which version 1 was born: nothing is in the union but the
     * member for VT-d */
    int ret = take_versioned(outer, user, &old, END_OF(VsvaBindDataV, vtd));

    if (ret) {
        return ret;
    }
    if (!all_zero(old.padding, sizeof(old.padding))) {
        return -EINVAL;
    }
    *data = (VsvaBindData) {
        .argsz = sizeof(*data),
        .version = old.version,
        .format = old.format,
        .addr_width = old.addr_width,
        .flags = old.flags,
        .gpgd = old.gpgd,
        .hpasid = old.hpasid,
        .gpasid = old.gpasid,
        .vtd = old.vtd,
    };
    return 0;
}

int sim_vsva_take_bind(HostsimVsva form, const void *user, bool *bind,
                       VsvaBindData *data)
{
    const void *inner = sim_user_at(user, sizeof(Outer));
    Outer outer;
    int ret = take_outer(user, &outer);

    if (ret) {
        return ret;
    }
    if (outer.flags != VSVA_BIND_GUEST_PGTBL &&
        outer.flags != VSVA_UNBIND_GUEST_PGTBL) {
        return -EINVAL;
    }
    *bind = outer.flags == VSVA_BIND_GUEST_PGTBL;
    ret = form == HOSTSIM_VSVA_VERSIONED ?
          bind_from_versioned(&outer, inner, data) :
          take_merged(&outer, inner, offsetof(VsvaBindData, vtd), data,
                      sizeof(*data));
    if (ret) {
        return ret;
    }
    if (data->version != VSVA_VERSION ||
        data->format != VSVA_FORMAT_INTEL_VTD ||
        data->flags & ~(uint64_t)VSVA_BIND_GPASID_VALID ||
        !all_zero(data->padding, sizeof(data->padding))) {
        return -EINVAL;
    }
    /* an unbind needs to say which PASID, and no more */
    if (*bind && (data->argsz < END_OF(VsvaBindData, vtd) ||
                  data->vtd.flags & ~(uint64_t)VSVA_VTD_FLAGS)) {
        return -EINVAL;
    }
    return 0;
}

/* --- Invalidation -------------------------------------------------------- */

static int invalidate_from_versioned(const Outer *outer, const void *user,
                                     VsvaInvalidateInfo *info)
{
    VsvaInvalidateInfoV old;
    int ret = take_versioned(outer, user, &old, sizeof(old));

    if (ret) {
        return ret;
    }
    if (!all_zero(old.padding, sizeof(old.padding))) {
        return -EINVAL;
    }
    *info = (VsvaInvalidateInfo) {
        .argsz = sizeof(*info),
        .version = old.version,
        .cache = old.cache,
        .granularity = old.granularity,
        .addr_info = old.addr_info,
    };
    return 0;
}

/* Which caches know a granularity, and what it needs. */
typedef struct Granularity {
    uint8_t caches;
    uint32_t flags;
    uint32_t size;
} Granularity;

static const Granularity granularities[] = {
    [VSVA_GRANU_DOMAIN] = {
        VSVA_CACHE_IOTLB | VSVA_CACHE_PASID,
        0, offsetof(VsvaInvalidateInfo, pasid_info),
    },
    [VSVA_GRANU_PASID] = {
        VSVA_CACHE_IOTLB | VSVA_CACHE_DEV_IOTLB | VSVA_CACHE_PASID,
        VSVA_INVALIDATE_PASID | VSVA_INVALIDATE_ARCHID,
        END_OF(VsvaInvalidateInfo, pasid_info),
    },
    [VSVA_GRANU_ADDR] = {
        VSVA_CACHE_IOTLB | VSVA_CACHE_DEV_IOTLB,
        VSVA_INVALIDATE_PASID | VSVA_INVALIDATE_ARCHID | VSVA_INVALIDATE_LEAF,
        END_OF(VsvaInvalidateInfo, addr_info),
    },
};

/** Of an address-selective invalidation: some pages, without wrap-around. */
static bool good_range(const VsvaInvalidateAddr *info)
{
    uint64_t size = info->granule_size;

    return size >= SIM_PAGE && !(size & (size - 1)) && info->nb_granules &&
           !(info->addr & (SIM_PAGE - 1)) &&
           info->nb_granules - 1 <= (UINT64_MAX - info->addr - (size - 1)) /
                                    size;
}

static int check_invalidate(const VsvaInvalidateInfo *info)
{
    const Granularity *g;
    uint32_t flags;

    if (info->version != VSVA_VERSION ||
        info->granularity >= G_N_ELEMENTS(granularities) ||
        !all_zero(info->padding, sizeof(info->padding))) {
        return -EINVAL;
    }
    g = &granularities[info->granularity];
    if (!info->cache || info->cache & ~g->caches || info->argsz < g->size) {
        return -EINVAL;
    }
    if (info->granularity == VSVA_GRANU_DOMAIN) {
        return 0;
    }
    /* the same place in both members */
    flags = info->pasid_info.flags;
    if (flags & ~g->flags) {
        return -EINVAL;
    }
    if (info->granularity == VSVA_GRANU_PASID) {
        return flags ? 0 : -EINVAL;
    }
    return good_range(&info->addr_info) ? 0 : -EINVAL;
}

int sim_vsva_take_invalidate(HostsimVsva form, const void *user,
                             VsvaInvalidateInfo *info)
{
    const void *inner = sim_user_at(user, sizeof(Outer));
    Outer outer;
    int ret = take_outer(user, &outer);

    if (ret) {
        return ret;
    }
    if (outer.flags) {
        return -EINVAL;
    }
    ret = form == HOSTSIM_VSVA_VERSIONED ?
          invalidate_from_versioned(&outer, inner, info) :
          take_merged(&outer, inner, offsetof(VsvaInvalidateInfo, pasid_info),
                      info, sizeof(*info));
    return ret ? ret : check_invalidate(info);
}

/* --- Page responses ------------------------------------------------------ */

uint32_t sim_vsva_response_size(HostsimVsva form)
{
    return form == HOSTSIM_VSVA_VERSIONED ? sizeof(VsvaPageResponseV)
                                          : sizeof(VsvaPageResponse);
}

int sim_vsva_take_response(HostsimVsva form, const void *entry,
                           VsvaPageResponse *response)
{
    VsvaPageResponseV old;

    if (form == HOSTSIM_VSVA_VERSIONED) {
        memcpy(&old, entry, sizeof(old));
        *response = (VsvaPageResponse) {
            .argsz = sizeof(*response),
            .version = old.version,
            .flags = old.flags,
            .pasid = old.pasid,
            .grpid = old.grpid,
            .code = old.code,
        };
    } else {
        memcpy(response, entry, sizeof(*response));
    }
    if (response->argsz < sizeof(*response) ||
        response->version != VSVA_VERSION ||
        response->flags & ~VSVA_RESPONSE_PASID_VALID ||
        response->code > VSVA_RESPONSE_FAILURE) {
        return -EINVAL;
    }
    return 0;
}
