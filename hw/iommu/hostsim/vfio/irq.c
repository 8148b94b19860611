/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Interrupts of a device: which eventfds hear of them.  They are duplicates,
 * so that a caller may close its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "hw/iommu/host/abi/vsva.h"
#include "hw/iommu/hostsim/vfio/chain.h"
#include "hw/iommu/hostsim/vfio/device.h"

static void drop(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

void sim_irqs_init(SimDevice *device)
{
    for (unsigned i = 0; i < SIM_IRQS; i++) {
        for (unsigned k = 0; k < SIM_VECTORS_MAX; k++) {
            device->irqs[i].eventfd[k] = -1;
        }
    }
}

static void disable(SimDevice *device, unsigned index)
{
    SimIrq *irq = &device->irqs[index];

    pthread_mutex_lock(&device->irq_lock);
    for (unsigned k = 0; k < SIM_VECTORS_MAX; k++) {
        drop(&irq->eventfd[k]);
    }
    irq->n = 0;
    pthread_mutex_unlock(&device->irq_lock);
}

void sim_irqs_reset(SimDevice *device)
{
    for (unsigned i = 0; i < SIM_IRQS; i++) {
        disable(device, i);
    }
}

void sim_irq_signal(SimDevice *device, unsigned index, unsigned vector)
{
    SimIrq *irq = &device->irqs[index];

    pthread_mutex_lock(&device->irq_lock);
    if (vector < SIM_VECTORS_MAX && irq->eventfd[vector] >= 0) {
        /* a counter that is full has its reader's attention */
        (void)!eventfd_write(irq->eventfd[vector], 1);
    }
    pthread_mutex_unlock(&device->irq_lock);
}

void sim_irq_raise(SimDevice *device, unsigned vector)
{
    unsigned n;

    pthread_mutex_lock(&device->irq_lock);
    n = device->irqs[SIM_IRQ_MSI].n;
    pthread_mutex_unlock(&device->irq_lock);
    if (n) {
        /* with fewer messages than it wants, it uses what there is */
        sim_irq_signal(device, SIM_IRQ_MSI, vector % n);
    } else {
        sim_irq_signal(device, SIM_IRQ_MSIX, vector);
    }
}

/* --- SET_IRQS ------------------------------------------------------------ */

unsigned sim_irq_count(const SimDevice *device, unsigned index)
{
    switch (index) {
    case SIM_IRQ_MSI:
    case SIM_IRQ_MSIX:
        return SIM_VECTORS_MAX;
    case SIM_IRQ_ERR:
    case SIM_IRQ_REQ:
        return 1;
    case SIM_IRQ_FAULT:
        return device->faults ? 1 : 0;
    default:
        return 0;       /* no interrupt pin */
    }
}

int sim_eventfd_get(Hostsim *sim, int fd)
{
    char path[64], link[64];
    ssize_t n;
    int copy;

    if (sim_file_get(sim, fd)) {
        return -EINVAL;         /* an eventfd to everybody else */
    }
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    n = readlink(path, link, sizeof(link) - 1);
    if (n < 0) {
        return -EBADF;
    }
    link[n] = '\0';
    if (strcmp(link, "anon_inode:[eventfd]")) {
        return -EINVAL;
    }
    if (!sim_may_allocate(sim, sizeof(fd))) {
        return -ENOMEM;
    }
    copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return copy < 0 ? -errno : copy;
}

/** Put the eventfd @fd (-1: none) behind one vector. */
static int set_vector(SimDevice *device, unsigned index, unsigned vector,
                      int fd)
{
    SimIrq *irq = &device->irqs[index];
    int copy = fd;

    if (fd >= 0) {
        copy = sim_eventfd_get(device->sim, fd);
        if (copy < 0) {
            return copy;
        }
    }
    pthread_mutex_lock(&device->irq_lock);
    drop(&irq->eventfd[vector]);
    irq->eventfd[vector] = copy;
    pthread_mutex_unlock(&device->irq_lock);
    return 0;
}

static int set_block(SimDevice *device, unsigned index, unsigned start,
                     unsigned count, const int32_t *fds)
{
    for (unsigned i = 0; i < count; i++) {
        int ret;

        if (index == SIM_IRQ_MSI && start + i >= device->irqs[index].n) {
            ret = -EINVAL;
        } else {
            ret = set_vector(device, index, start + i, fds[i]);
        }
        if (ret) {
            while (i--) {
                set_vector(device, index, start + i, -1);
            }
            return ret;
        }
    }
    return 0;
}

static int trigger_messages(SimDevice *device, const VfioIrqSet *set,
                            const void *data)
{
    unsigned other = set->index == SIM_IRQ_MSI ? SIM_IRQ_MSIX : SIM_IRQ_MSI;
    SimIrq *irq = &device->irqs[set->index];
    const uint8_t *bools = data;
    int ret;

    if (irq->n && !set->count && (set->flags & VFIO_ABI_IRQ_DATA_NONE)) {
        disable(device, set->index);
        return 0;
    }
    if (device->irqs[other].n) {
        return -EINVAL;
    }
    if (set->flags & VFIO_ABI_IRQ_DATA_EVENTFD) {
        if (irq->n) {
            return set_block(device, set->index, set->start, set->count,
                             data);
        }
        if (device->sim->phys->msi_translated &&
            !sim_domain_of(device, VIOMMU_NO_PASID)) {
            return -ENOSPC;
        }
        pthread_mutex_lock(&device->irq_lock);
        irq->n = set->start + set->count;
        pthread_mutex_unlock(&device->irq_lock);
        ret = set_block(device, set->index, set->start, set->count, data);
        if (ret) {
            disable(device, set->index);
        }
        return ret;
    }
    if (!irq->n) {
        return -EINVAL;
    }
    for (unsigned i = 0; i < set->count; i++) {
        if ((set->flags & VFIO_ABI_IRQ_DATA_NONE) || bools[i]) {
            sim_irq_signal(device, set->index, set->start + i);
        }
    }
    return 0;
}

/** Errors and requests to give the device back: one eventfd each. */
static int trigger_single(SimDevice *device, const VfioIrqSet *set,
                          const void *data)
{
    int fd = device->irqs[set->index].eventfd[0];

    if (set->start || set->count > 1) {
        return -EINVAL;
    }
    if (set->flags & VFIO_ABI_IRQ_DATA_NONE) {
        if (fd < 0) {
            return -EINVAL;
        }
        if (!set->count) {
            return set_vector(device, set->index, 0, -1);
        }
        sim_irq_signal(device, set->index, 0);
        return 0;
    }
    if (!set->count) {
        return -EINVAL;
    }
    if (set->flags & VFIO_ABI_IRQ_DATA_BOOL) {
        if (*(const uint8_t *)data) {
            sim_irq_signal(device, set->index, 0);
        }
        return 0;
    }
    fd = *(const int32_t *)data;
    return fd < -1 ? -EINVAL : set_vector(device, set->index, 0, fd);
}

static int check_set(const SimDevice *device, const VfioIrqSet *set,
                     size_t *size)
{
    unsigned n = sim_irq_count(device, set->index);

    if (set->argsz < sizeof(*set) || set->index >= SIM_IRQS ||
        set->count >= UINT32_MAX - set->start ||
        (set->flags & ~(VFIO_ABI_IRQ_DATA_MASK | VFIO_ABI_IRQ_ACTIONS_MASK)) ||
        set->start >= n || set->start + set->count > n) {
        return -EINVAL;
    }
    switch (set->flags & VFIO_ABI_IRQ_DATA_MASK) {
    case VFIO_ABI_IRQ_DATA_NONE:
        *size = 0;
        break;
    case VFIO_ABI_IRQ_DATA_BOOL:
        *size = set->count;
        break;
    case VFIO_ABI_IRQ_DATA_EVENTFD:
        *size = set->count * sizeof(int32_t);
        break;
    default:
        return -EINVAL;
    }
    return set->argsz - sizeof(*set) < *size ? -EINVAL : 0;
}

int sim_vfio_set_irqs(SimDevice *device, void *arg)
{
    int32_t data[SIM_VECTORS_MAX];
    VfioIrqSet set;
    size_t size;
    int ret = sim_copy_in(&set, arg, sizeof(set));

    if (!ret) {
        ret = check_set(device, &set, &size);
    }
    if (!ret) {
        ret = sim_copy_in(data, sim_user_at(arg, sizeof(set)), size);
    }
    if (ret) {
        return ret;
    }
    if ((set.flags & VFIO_ABI_IRQ_ACTIONS_MASK) !=
        VFIO_ABI_IRQ_ACTION_TRIGGER) {
        return -ENOTTY;         /* only INTx can be masked */
    }
    return set.index == SIM_IRQ_MSI || set.index == SIM_IRQ_MSIX
           ? trigger_messages(device, &set, data)
           : trigger_single(device, &set, data);
}

/** The interrupt of faults has a chain, which callers must know of. */
static int fault_irq_info(Hostsim *sim, VfioIrqInfo *info, void *arg)
{
    VsvaIrqInfo out = { .info = *info };
    VsvaIrqCapType type = {
        .type = VSVA_IRQ_TYPE_NESTED, .subtype = VSVA_IRQ_SUBTYPE_DMA_FAULT,
    };
    GByteArray *chain;
    int ret;

    out.info.flags |= VSVA_IRQ_INFO_CAPS;
    if (info->argsz < sizeof(out)) {
        return sim_copy_out(arg, &out.info, sizeof(out.info));
    }
    if (!sim_may_allocate(sim, SIM_PAGE)) {
        return -ENOMEM;
    }
    chain = g_byte_array_new();
    sim_chain_add(chain, &type.header, VSVA_IRQ_CAP_TYPE, sizeof(type));
    /* capabilities are aligned to 8 bytes, the structure is not */
    ret = sim_chain_out(chain, arg, (sizeof(out) + 7) & ~7u, &out.info.argsz,
                        &out.cap_offset);
    return ret ? ret : sim_copy_out(arg, &out, sizeof(out));
}

int sim_vfio_irq_info(SimDevice *device, void *arg)
{
    VfioIrqInfo info;
    int ret = sim_copy_in(&info, arg, sizeof(info));

    if (ret) {
        return ret;
    }
    if (info.argsz < sizeof(info) || info.index >= SIM_IRQS ||
        (info.index == SIM_IRQ_FAULT && !device->faults)) {
        return -EINVAL;
    }
    info.count = sim_irq_count(device, info.index);
    info.flags = VFIO_ABI_IRQ_EVENTFD;
    if (info.index == SIM_IRQ_INTX) {
        info.flags |= VFIO_ABI_IRQ_MASKABLE | VFIO_ABI_IRQ_AUTOMASKED;
    } else if (info.index != SIM_IRQ_MSIX) {
        info.flags |= VFIO_ABI_IRQ_NORESIZE;
    }
    if (info.index == SIM_IRQ_FAULT) {
        return fault_irq_info(device->sim, &info, arg);
    }
    return sim_copy_out(arg, &info, sizeof(info));
}
