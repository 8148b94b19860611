/* SPDX-License-Identifier: BSD-3-Clause */
/* viommu-testdev: from its making to its end. */
#include <string.h>

#include "hw/iommu/common/abi.h"
#include "testdev.h"

static const ViommuAbi config_abi = {
    "ViommuTestdevConfig", VIOMMU_ABI_FIRST(ViommuTestdevConfig, pasid_bits),
    sizeof(ViommuTestdevConfig),
};
static const ViommuAbi ops_abi = {
    "ViommuTestdevOps", VIOMMU_ABI_FIRST(ViommuTestdevOps, clock_ns),
    sizeof(ViommuTestdevOps),
};

ViommuTestdev *(viommu_testdev_new)(const ViommuTestdevConfig *config,
                                    const ViommuTestdevOps *ops,
                                    void *opaque, GError **error)
{
    return viommu_testdev_new_sized(config, config_abi.first, ops,
                                    ops_abi.first, opaque, error);
}

ViommuTestdev *viommu_testdev_new_sized(const ViommuTestdevConfig *config,
                                        size_t config_size,
                                        const ViommuTestdevOps *ops,
                                        size_t ops_size, void *opaque,
                                        GError **error)
{
    ViommuTestdevConfig own_config = { 0 };
    ViommuTestdevOps own_ops = { 0 };
    ViommuTestdev *dev;

    if (!viommu_abi_take(&config_abi, &own_config, config, config_size,
                         error) ||
        !viommu_abi_take(&ops_abi, &own_ops, ops, ops_size, error) ||
        !testdev_config_check(&own_config, error)) {
        return NULL;
    }
    dev = g_new0(ViommuTestdev, 1);
    dev->config = own_config;
    dev->ops = own_ops;
    dev->opaque = opaque;
    pthread_mutex_init(&dev->lock, NULL);
    pthread_cond_init(&dev->atc.idle, NULL);
    viommu_testdev_reset(dev);
    return dev;
}

void viommu_testdev_free(ViommuTestdev *dev)
{
    pthread_cond_destroy(&dev->atc.idle);
    pthread_mutex_destroy(&dev->lock);
    g_free(dev);
}

void viommu_testdev_reset(ViommuTestdev *dev)
{
    memset(dev->regs, 0, sizeof(dev->regs));
    memset(dev->buffer, 0, sizeof(dev->buffer));
    dev->regs[TESTDEV_ID] = TESTDEV_ID_VALUE;
    dev->resets++;
    if (!dev->busy) {
        dev->run.waiting = false;
    }
    pthread_mutex_lock(&dev->lock);
    testdev_caps_reset(dev);
    testdev_atc_reset(dev);
    testdev_page_reset(dev);
    dev->stall = (TestdevStall) { 0 };
    pthread_mutex_unlock(&dev->lock);
}
