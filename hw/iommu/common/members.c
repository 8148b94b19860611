/* SPDX-License-Identifier: BSD-3-Clause */
#include "hw/iommu/common/members.h"
#include "hw/iommu/common/word.h"

void viommu_members_save(const void *unit, const ViommuMember *members,
                         size_t n, uint64_t *words)
{
    for (size_t i = 0; i < n; i++) {
        const uint64_t *from = (const void *)((const char *)unit +
                                              members[i].offset);

        if (members[i].kind == VIOMMU_MEMBER_STATE) {
            for (size_t k = 0; k < members[i].size / sizeof(*from); k++) {
                *words++ = viommu_acquire(&from[k]);
            }
        }
    }
}

void viommu_members_replace(void *unit, const ViommuMember *members,
                            size_t n, const uint64_t *words)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t *at = (void *)((char *)unit + members[i].offset);
        size_t count = members[i].size / sizeof(*at);

        switch (members[i].kind) {
        case VIOMMU_MEMBER_STATE:
            for (size_t k = 0; k < count; k++) {
                viommu_publish(&at[k], words ? *words++ : 0);
            }
            break;
        case VIOMMU_MEMBER_TRANSIENT:
            for (size_t k = 0; k < count; k++) {
                viommu_publish(&at[k], 0);
            }
            break;
        case VIOMMU_MEMBER_LIFE:
            viommu_publish(at, *at + 1);
            break;
        default:
            break;
        }
    }
}
