/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The physical SMMUv3's vIOMMUs: stream table entries of users that stand on
 * top of a parent, and commands of users, of which only those and only such
 * fields go to the command queue as concern the user itself.
 */
#include <errno.h>

#include "hw/iommu/hostsim/physical/smmu.h"

/* Commands that go to the queue at a time, as in Linux. */
#define BLOCK 63

/* --- Nested domains ------------------------------------------------------ */

#define STE_ALLOWED_0 (STE_V | STE_CONFIG_MASK | STE_S1FMT_MASK | \
                       STE_S1CTXPTR | UINT64_C(0x1f) << STE_S1CDMAX_SHIFT)
#define STE_ALLOWED_1 (STE_S1DSS_MASK | STE_S1C_MASK | STE_S1CSH_INNER | \
                       STE_S1STALLD | STE_EATS_MASK)

/** -EIO says that the entry is bad. */
static int check_ste(uint64_t ste[2], bool *ats)
{
    uint64_t config = ste[0] & STE_CONFIG_MASK, eats = ste[1] & STE_EATS_MASK;

    *ats = false;
    if (!(ste[0] & STE_V)) {
        ste[0] = ste[1] = 0;
        return 0;
    }
    if ((ste[0] & ~STE_ALLOWED_0) || (ste[1] & ~STE_ALLOWED_1) ||
        (config != STE_ABORT && config != STE_BYPASS && config != STE_S1) ||
        (eats && eats != STE_EATS_FULL)) {
        return -EIO;
    }
    ste[1] &= ~STE_EATS_MASK;
    *ats = config == STE_S1 && eats;
    return 0;
}

int smmu_nested_new(SimDevice *device, SimDomain *parent, SimViommu *viommu,
                    unsigned flags, const SimUserData *data,
                    SimDomain **domain)
{
    IommufdHwptSmmuv3 user;
    uint64_t ste[2];
    SmmuDomain *d;
    bool ats;
    int ret;

    (void)device;
    if (!viommu || flags) {
        return -EOPNOTSUPP;
    }
    if (data->type != IOMMUFD_HWPT_DATA_ARM_SMMUV3) {
        return -EINVAL;
    }
    ret = sim_copy_data(&user, sizeof(user), sizeof(user), data->user,
                        data->size);
    if (ret) {
        return ret;
    }
    ste[0] = GUINT64_FROM_LE(user.ste[0]);
    ste[1] = GUINT64_FROM_LE(user.ste[1]);
    ret = check_ste(ste, &ats);
    if (ret) {
        return ret;
    }
    d = sim_alloc(parent->sim, sizeof(*d));
    if (!d) {
        return -ENOMEM;
    }
    sim_domain_init(&d->base, parent->sim, parent);
    d->kind = SMMU_DOMAIN_NESTED;
    d->viommu = (SmmuViommu *)viommu;
    d->ste[0] = ste[0];
    d->ste[1] = ste[1];
    d->ats = ats;
    *domain = &d->base;
    return 0;
}

/* --- vIOMMUs and their devices ------------------------------------------- */

int smmu_viommu_new(SimDevice *device, uint32_t type, SimDomain *parent,
                    const SimUserData *data, SimViommu **viommu)
{
    SmmuViommu *v = sim_alloc(device->sim, sizeof(*v));

    (void)data;
    if (!v) {
        return -ENOMEM;
    }
    v->base.sim = device->sim;
    v->base.type = type;
    v->base.parent = parent;
    v->vsids = g_hash_table_new(g_int64_hash, g_int64_equal);
    *viommu = &v->base;
    return 0;
}

void smmu_viommu_free(SimViommu *viommu)
{
    SmmuViommu *v = (SmmuViommu *)viommu;

    g_hash_table_unref(v->vsids);
    g_free(v);
}

int smmu_vdevice_add(SimViommu *viommu, SimDevice *device, uint64_t virt_id)
{
    SmmuViommu *v = (SmmuViommu *)viommu;
    SmmuDevice *own = smmu_device(device);

    if (!sim_may_allocate(device->sim, sizeof(virt_id))) {
        return -ENOMEM;
    }
    own->viommu = v;
    own->vsid = virt_id;
    g_hash_table_insert(v->vsids, &own->vsid, own);
    return 0;
}

void smmu_vdevice_remove(SimViommu *viommu, SimDevice *device)
{
    SmmuDevice *own = smmu_device(device);

    g_hash_table_remove(((SmmuViommu *)viommu)->vsids, &own->vsid);
    own->viommu = NULL;
}

/* --- Commands ------------------------------------------------------------ */

/** Fields of a range that are reserved (4.4.1.1).  Without 52-bit addresses
 *  of 16 KiB pages, TTL 1 is, with these. */
static bool range_ok(const uint64_t word[2])
{
    bool range = word[0] & (CMD_NUM | CMD_SCALE);
    unsigned tg = (word[1] & CMD_TG) >> 10, ttl = (word[1] & CMD_TTL) >> 8;

    if (!tg) {
        return !range && !ttl;
    }
    return !(tg == 2 && ttl == 1) && (range || ttl);
}

/** The fields that a user may set; false: not this command. */
static bool allowed_fields(const SmmuDriver *smmu, const uint64_t word[2],
                           uint64_t allowed[2])
{
    bool substreams = IDR1_SSIDSIZE(smmu->idr[1]);
    uint64_t op = word[0] & CMD_OP;

    allowed[0] = CMD_OP;
    allowed[1] = 0;
    switch (op) {
    case CMD_TLBI_NSNH_ALL:
        return true;
    case CMD_TLBI_NH_VA:
    case CMD_TLBI_NH_VAA:
        if (smmu->idr[3] & IDR3_RIL) {
            allowed[0] |= CMD_NUM | (CMD_SCALE & ~CMD_SCALE_TOP);
            allowed[1] |= CMD_TG | CMD_TTL;
            if (!range_ok(word)) {
                return false;
            }
        }
        allowed[0] |= CMD_VMID | (op == CMD_TLBI_NH_VA ? CMD_ASID : 0);
        allowed[1] |= CMD_LEAF | CMD_ADDR;
        return true;
    case CMD_TLBI_NH_ASID:
        allowed[0] |= CMD_VMID | CMD_ASID;
        return true;
    case CMD_TLBI_NH_ALL:
        allowed[0] |= CMD_VMID;
        return true;
    case CMD_ATC_INV:
        allowed[0] |= CMD_SID |
                      (substreams ? CMD_SSV | CMD_SSID | CMD_GLOBAL : 0);
        allowed[1] |= CMD_ATC_SIZE | CMD_ADDR;
        return (smmu->idr[0] & IDR0_ATS) &&
               (word[1] & CMD_ATC_SIZE) <= CMD_ATC_SIZE_ALL;
    case CMD_CFGI_CD:
        allowed[0] |= CMD_SID | (substreams ? CMD_SSID : 0);
        allowed[1] |= CMD_LEAF;
        return true;
    case CMD_CFGI_CD_ALL:
        allowed[0] |= CMD_SID;
        return true;
    default:
        return false;
    }
}

/** The user's command as the physical unit gets it. */
static int convert(SmmuViommu *v, uint64_t word[2])
{
    const SmmuDomain *parent = smmu_domain(v->base.parent);
    uint64_t vmid = (uint64_t)parent->id << CMD_VMID_SHIFT, allowed[2], vsid;
    const SmmuDevice *own;

    if (!allowed_fields(smmu_driver(v->base.sim), word, allowed) ||
        (word[0] & ~allowed[0]) || (word[1] & ~allowed[1])) {
        return -EIO;
    }
    switch (word[0] & CMD_OP) {
    case CMD_TLBI_NSNH_ALL:
        word[0] = CMD_TLBI_NH_ALL | vmid;
        return 0;
    case CMD_ATC_INV:
    case CMD_CFGI_CD:
    case CMD_CFGI_CD_ALL:
        vsid = word[0] >> CMD_SID_SHIFT;
        own = g_hash_table_lookup(v->vsids, &vsid);
        if (!own) {
            return -EIO;
        }
        word[0] = (word[0] & ~CMD_SID) |
                  (uint64_t)own->device->source << CMD_SID_SHIFT;
        return 0;
    default:
        word[0] = (word[0] & ~CMD_VMID) | vmid;
        return 0;
    }
}

static int copy_commands(const SimUserArray *array, uint64_t (*words)[2])
{
    for (uint32_t i = 0; i < array->n; i++) {
        IommufdSmmuv3Invalidate user;
        int ret = sim_copy_struct(&user, sizeof(user), 0,
                                  sim_user_at(array->user,
                                              (uint64_t)i * array->entry_size),
                                  array->entry_size);

        if (ret) {
            return ret;
        }
        words[i][0] = GUINT64_FROM_LE(user.cmd[0]);
        words[i][1] = GUINT64_FROM_LE(user.cmd[1]);
    }
    return 0;
}

/*
 * As in Linux: commands go out in blocks, and when one is refused, those
 * before it in its block count as done, but have not gone out.
 */
int smmu_viommu_invalidate(SimViommu *viommu, SimUserArray *array)
{
    g_autofree uint64_t (*words)[2] = NULL;
    uint32_t n = array->n, done = 0, last = 0;
    int ret;

    if (array->type != IOMMUFD_INVALIDATE_ARM_SMMUV3 || !n) {
        array->n = 0;
        return -EINVAL;
    }
    words = sim_alloc(viommu->sim, (size_t)n * sizeof(*words));
    if (!words) {
        array->n = 0;
        return -ENOMEM;
    }
    ret = copy_commands(array, words);
    while (!ret && done < n) {
        ret = convert((SmmuViommu *)viommu, words[done]);
        if (ret) {
            break;
        }
        done++;
        if (done == n || done - last == BLOCK) {
            ret = smmu_submit(viommu->sim, (const SmmuCmd *)&words[last],
                              done - last);
            done -= ret != 0;
            last = done;
        }
    }
    array->n = done;
    return ret;
}
