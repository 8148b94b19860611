/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VFIO's "get info" calls, which put a chain of capabilities behind what they
 * fill in [UAPI 002 "specific to the capability id"].
 */
#include <errno.h>
#include <string.h>

#include "hw/iommu/host/type1/info.h"

/* What is taken of a kernel's word. */
#define INFO_MAX    65536

uint8_t *type1_get_info(Type1Host *host, int fd, unsigned long request,
                        const void *head, uint32_t head_size, uint32_t *size)
{
    uint8_t *info = g_memdup2(head, head_size);
    uint32_t *argsz = (uint32_t *)(void *)info;
    int ret = viommu_host_ioctl(&host->common, fd, request, info);

    *size = head_size;
    if (!ret && *argsz > head_size) {
        *size = MIN(*argsz, INFO_MAX);
        info = g_realloc(info, *size);
        memset(info, 0, *size);
        memcpy(info, head, head_size);
        argsz = (uint32_t *)(void *)info;
        *argsz = *size;
        ret = viommu_host_ioctl(&host->common, fd, request, info);
    }
    if (ret) {
        g_clear_pointer(&info, g_free);
    }
    return info;
}

const void *type1_capability(const uint8_t *info, uint32_t size, uint32_t at,
                             uint16_t id, uint32_t need)
{
    /* each header takes 8 bytes */
    for (uint32_t i = 0; i < size / sizeof(VfioCapHeader) && at; i++) {
        const VfioCapHeader *header = (const void *)(info + at);

        if (at % 8 || at > size - sizeof(*header)) {
            break;
        }
        if (header->id == id) {
            return need <= size - at ? header : NULL;
        }
        at = header->next;
    }
    return NULL;
}

int type1_iommu_capability(Type1Host *host, uint16_t id, void *cap,
                           uint32_t size)
{
    const VfioIommuInfo head = { .argsz = sizeof(head) };
    const void *found = NULL;
    VfioIommuInfo about;
    uint32_t all;
    g_autofree uint8_t *info = type1_get_info(host, host->fd,
                                              VFIO_ABI_IOMMU_GET_INFO, &head,
                                              sizeof(head), &all);

    if (!info) {
        return -EIO;
    }
    memcpy(&about, info, sizeof(about));
    if (about.flags & VFIO_ABI_IOMMU_INFO_CAPS) {
        found = type1_capability(info, all, about.cap_offset, id, size);
    }
    if (!found) {
        return -ENOENT;
    }
    memcpy(cap, found, size);
    return 0;
}
