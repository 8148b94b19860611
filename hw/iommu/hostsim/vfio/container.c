/* SPDX-License-Identifier: BSD-3-Clause */
/* /dev/vfio/vfio. */
#include <errno.h>

#include "hw/iommu/hostsim/vfio/container.h"

static int set_iommu(SimContainer *container, unsigned long type)
{
    SimType1 *type1;
    int ret;

    /* a group gives the privilege to take resources */
    if (!container->groups->len || container->type1) {
        return -EINVAL;
    }
    if (!sim_type1_has(container->sim, type)) {
        return -ENODEV;
    }
    ret = sim_type1_new(container, type, &type1);
    if (ret) {
        return ret;
    }
    for (guint i = 0; i < container->groups->len; i++) {
        ret = sim_type1_attach(type1, g_ptr_array_index(container->groups, i));
        if (ret) {
            while (i--) {
                sim_type1_detach(type1,
                                 g_ptr_array_index(container->groups, i));
            }
            sim_type1_free(type1);
            return ret;
        }
    }
    container->type1 = type1;
    return 0;
}

/* One number for two extensions: both have the same answer. */
_Static_assert((int)VFIO_ABI_UNMAP_ALL == VSVA_EXTENSION_UAPI &&
               VSVA_VERSION == 1, "VFIO_CHECK_EXTENSION(9)");

static int check_extension(const SimContainer *container,
                           unsigned long extension)
{
    switch (extension) {
    case VFIO_ABI_UNMAP_ALL:
        return 1;
    case VFIO_ABI_UPDATE_VADDR:
        return container->type1 != NULL;
    case VFIO_ABI_DMA_CC:
        /* the units snoop, whatever the endpoint asks for */
        return container->type1 != NULL;
    default:
        return sim_type1_has(container->sim, extension);
    }
}

static int container_ioctl(SimFile *file, unsigned long request, void *arg)
{
    SimContainer *container = file->priv;

    switch (request) {
    case VFIO_ABI_GET_API_VERSION:
        return VFIO_ABI_VERSION;
    case VFIO_ABI_CHECK_EXTENSION:
        return check_extension(container, (uintptr_t)arg);
    case VFIO_ABI_SET_IOMMU:
        return set_iommu(container, (uintptr_t)arg);
    default:
        return container->type1 ?
               sim_type1_ioctl(container->type1, request, arg) : -EINVAL;
    }
}

static void maybe_free(SimContainer *container)
{
    if (!container->open && !container->groups->len) {
        container->sim->n_containers--;
        g_ptr_array_unref(container->groups);
        g_free(container);
    }
}

static void container_release(SimFile *file)
{
    SimContainer *container = file->priv;

    container->open = false;
    maybe_free(container);
}

static const SimFileOps container_ops = {
    .name = "container",
    .ioctl = container_ioctl,
    .release = container_release,
};

SimContainer *sim_container_of(SimFile *file)
{
    return file->ops == &container_ops ? file->priv : NULL;
}

int sim_open_container(Hostsim *sim, unsigned number, SimFile **file)
{
    SimContainer *container = sim_alloc(sim, sizeof(*container));

    (void)number;
    *file = container ? sim_file_new(sim, &container_ops, container) : NULL;
    if (!*file) {
        g_free(container);
        return -ENOMEM;
    }
    container->sim = sim;
    container->open = true;
    container->groups = g_ptr_array_new();
    sim->n_containers++;
    return 0;
}

int sim_container_add(SimContainer *container, SimGroup *group)
{
    if (container->type1) {
        int ret = sim_type1_attach(container->type1, group);

        if (ret) {
            return ret;
        }
    }
    g_ptr_array_add(container->groups, group);
    group->container = container;
    return 0;
}

void sim_container_remove(SimContainer *container, SimGroup *group)
{
    if (container->type1) {
        sim_type1_detach(container->type1, group);
    }
    g_ptr_array_remove(container->groups, group);
    group->container = NULL;
    if (container->type1 && !container->groups->len) {
        /* back to what an open container is */
        sim_type1_free(container->type1);
        container->type1 = NULL;
    }
    maybe_free(container);
}
