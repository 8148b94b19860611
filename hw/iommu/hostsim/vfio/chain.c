/* SPDX-License-Identifier: BSD-3-Clause */
#include "hw/iommu/hostsim/vfio/chain.h"

static VfioCapHeader *header_at(GByteArray *chain, uint32_t at)
{
    return (VfioCapHeader *)(void *)(chain->data + at);
}

void sim_chain_add(GByteArray *chain, VfioCapHeader *header, uint16_t id,
                   uint32_t size)
{
    static const uint8_t zero[8];
    uint32_t last = 0;

    *header = (VfioCapHeader) { .id = id, .version = 1 };
    if (chain->len) {
        while (header_at(chain, last)->next) {
            last = header_at(chain, last)->next;
        }
        header_at(chain, last)->next = chain->len;
    }
    g_byte_array_append(chain, (const guint8 *)header, size);
    g_byte_array_append(chain, zero, -size & 7);
}

int sim_chain_out(GByteArray *chain, void *user, uint32_t known,
                  uint32_t *argsz, uint32_t *cap_offset)
{
    uint32_t at = 0, next;
    int ret = 0;

    *cap_offset = 0;
    if (*argsz < known + chain->len) {
        *argsz = known + chain->len;
    } else if (chain->len) {
        *cap_offset = known;
        while ((next = header_at(chain, at)->next)) {
            header_at(chain, at)->next = next + known;
            at = next;
        }
        ret = sim_copy_out(sim_user_at(user, known), chain->data, chain->len);
    }
    g_byte_array_unref(chain);
    return ret;
}
