/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * /dev/iommu: one table says of each ioctl how large its structure is, and
 * how much of it must be there.
 */
#include <errno.h>
#include <string.h>

#include "hw/iommu/hostsim/iommufd.h"

#define COMMAND_MAX 48

typedef struct SimIoctl {
    unsigned long request;
    uint32_t size;
    uint32_t min_size;
    int (*execute)(SimCommand *c);
} SimIoctl;

static int destroy_object(SimCommand *c)
{
    const IommufdDestroy *cmd = c->cmd;

    return sim_object_destroy(c->context, cmd->id);
}

static const SimIoctl ioctls[] = {
    { IOMMUFD_DESTROY, sizeof(IommufdDestroy), 8, destroy_object },
    { IOMMUFD_IOAS_ALLOC, sizeof(IommufdIoasAlloc), 12, sim_ioas_alloc },
};

static const SimIoctl *find_ioctl(unsigned long request)
{
    for (size_t i = 0; i < G_N_ELEMENTS(ioctls); i++) {
        if (ioctls[i].request == request) {
            return &ioctls[i];
        }
    }
    return NULL;
}

int sim_copy_struct(void *to, size_t size, size_t min, const void *user,
                    size_t user_size)
{
    int zero;

    memset(to, 0, size);
    if (user_size < min) {
        return -EINVAL;
    }
    if (user_size > size) {
        zero = sim_user_is_zero((const uint8_t *)user + size,
                                user_size - size);
        if (zero != 1) {
            return zero ? zero : -E2BIG;
        }
    }
    return sim_copy_in(to, user, MIN(size, user_size));
}

int sim_respond(const SimCommand *c, size_t size)
{
    return sim_copy_out(c->user, c->cmd, MIN(size, c->user_size));
}

static int iommufd_ioctl(SimFile *file, unsigned long request, void *arg)
{
    const SimIoctl *ioctl = find_ioctl(request);
    uint64_t buf[COMMAND_MAX / 8];
    SimCommand c = { .context = file->priv, .cmd = buf, .user = arg };
    int ret;

    if (!ioctl) {
        return -ENOTTY;
    }
    ret = sim_copy_in(&c.user_size, arg, sizeof(c.user_size));
    if (!ret) {
        ret = sim_copy_struct(buf, ioctl->size, ioctl->min_size, arg,
                              c.user_size);
    }
    return ret ? ret : ioctl->execute(&c);
}

static void iommufd_release(SimFile *file)
{
    sim_context_free(file->priv);
}

static const SimFileOps iommufd_ops = {
    .name = "iommufd",
    .ioctl = iommufd_ioctl,
    .release = iommufd_release,
};

SimContext *sim_context_of(SimFile *file)
{
    return file->ops == &iommufd_ops ? file->priv : NULL;
}

int sim_open_iommu(Hostsim *sim, unsigned number, SimFile **file)
{
    SimContext *context = sim_context_new(sim);

    (void)number;
    *file = sim_file_new(sim, &iommufd_ops, context);
    context->file = *file;
    return 0;
}
