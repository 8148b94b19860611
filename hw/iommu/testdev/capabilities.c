/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu-testdev: the PASID, ATS and PRI extended capabilities in
 * configuration space (PCIe 7.8.9, 10.5.1, 10.5.2).
 */
#include "testdev.h"

#define CAP_PASID        0x001b
#define CAP_ATS          0x000f
#define CAP_PRI          0x0013
#define CAP_VERSION      1u
/* Distance between capabilities; the longest, PRI, needs all of it. */
#define CAP_STRIDE       16
#define CAP_MAX          3

#define PASID_CAP_EXEC   0x0002u
#define PASID_CAP_PRIV   0x0004u
#define PASID_CAP_WIDTH_SHIFT 8
/* Queue depth 0 is 32 invalidations. */
#define ATS_CAP_ALIGNED  0x0020u
#define ATS_CAP_GLOBAL   0x0040u

bool testdev_config_check(const ViommuTestdevConfig *config, GError **error)
{
    if (config->pasid_bits > 20) {
        g_set_error(error, VIOMMU_ERROR, VIOMMU_ERROR_CONFIG,
                    "pasid-bits=%u is not possible: 0 to 20 are",
                    config->pasid_bits);
        return false;
    }
    if (config->pri && !config->ats) {
        g_set_error(error, VIOMMU_ERROR, VIOMMU_ERROR_CONFIG,
                    "pri=on needs ats=on");
        return false;
    }
    return true;
}

void testdev_caps_reset(ViommuTestdev *dev)
{
    dev->caps = (TestdevCaps) { 0 };
}

/* The capabilities that are there, in the order of their places. */
static unsigned list(const ViommuTestdev *dev, uint16_t ids[CAP_MAX])
{
    unsigned n = 0;

    if (dev->config.pasid_bits) {
        ids[n++] = CAP_PASID;
    }
    if (dev->config.ats) {
        ids[n++] = CAP_ATS;
    }
    if (dev->config.pri) {
        ids[n++] = CAP_PRI;
    }
    return n;
}

/* The status register; stopped means something while disabled only. */
static uint16_t pri_status(const ViommuTestdev *dev)
{
    const TestdevCaps *caps = &dev->caps;
    bool on = (caps->pri_control & TESTDEV_PRI_CTRL_ENABLE) &&
              !(caps->pri_status & TESTDEV_PRI_STATUS_RF);

    return caps->pri_status |
           (on || dev->pri.outstanding ? 0 : TESTDEV_PRI_STATUS_STOPPED) |
           (dev->config.pasid_bits ? TESTDEV_PRI_STATUS_PASID : 0);
}

/* The doubleword at @at of the capability @id, but for the header. */
static uint32_t word(const ViommuTestdev *dev, uint16_t id, unsigned at)
{
    const TestdevCaps *caps = &dev->caps;

    switch (id << 8 | at) {
    case CAP_PASID << 8 | 4:
        return PASID_CAP_EXEC | PASID_CAP_PRIV |
               (uint32_t)dev->config.pasid_bits << PASID_CAP_WIDTH_SHIFT |
               (uint32_t)caps->pasid_control << 16;
    case CAP_ATS << 8 | 4:
        return ATS_CAP_ALIGNED | ATS_CAP_GLOBAL |
               (uint32_t)caps->ats_control << 16;
    case CAP_PRI << 8 | 4:
        return caps->pri_control | (uint32_t)pri_status(dev) << 16;
    case CAP_PRI << 8 | 8:
        return TESTDEV_PAGE_CAPACITY;
    case CAP_PRI << 8 | 12:
        return caps->pri_allocation;
    default:
        return 0;
    }
}

/* The doubleword at @offset.  Locked. */
static uint32_t read_word(const ViommuTestdev *dev, unsigned offset)
{
    uint16_t ids[CAP_MAX] = { 0 };
    unsigned n = list(dev, ids);
    unsigned nth = offset / CAP_STRIDE, at = offset % CAP_STRIDE;
    uint32_t next = 0;

    if (nth >= n) {
        return 0;
    }
    if (at) {
        return word(dev, ids[nth], at);
    }
    if (nth + 1 < n) {
        next = VIOMMU_TESTDEV_CONFIG_BASE + (nth + 1) * CAP_STRIDE;
    }
    return ids[nth] | CAP_VERSION << 16 | next << 20;
}

/*
 * Write the bits @mask of the capability's doubleword.  True if a command
 * that waits cannot go on.  Locked.
 */
static bool write_word(ViommuTestdev *dev, uint16_t id, unsigned at,
                       uint32_t value, uint32_t mask)
{
    TestdevCaps *caps = &dev->caps;
    uint32_t old = word(dev, id, at), new = (old & ~mask) | (value & mask);
    uint16_t set = value & mask;
    bool was_on;

    switch (id << 8 | at) {
    case CAP_PASID << 8 | 4:
        caps->pasid_control = new >> 16 & (TESTDEV_PASID_CTRL_ENABLE |
                                           TESTDEV_PASID_CTRL_EXEC |
                                           TESTDEV_PASID_CTRL_PRIV);
        if ((old ^ new) >> 16 & TESTDEV_PASID_CTRL_ENABLE) {
            testdev_atc_flush(dev);
        }
        return !(caps->pasid_control & TESTDEV_PASID_CTRL_ENABLE) &&
               dev->run.pasid != VIOMMU_NO_PASID;
    case CAP_ATS << 8 | 4:
        caps->ats_control = new >> 16 & (TESTDEV_ATS_CTRL_STU |
                                         TESTDEV_ATS_CTRL_ENABLE);
        if (testdev_ats_enabled(dev)) {
            return false;
        }
        testdev_atc_flush(dev);
        return true;
    case CAP_PRI << 8 | 4:
        was_on = caps->pri_control & TESTDEV_PRI_CTRL_ENABLE;
        caps->pri_control = new & TESTDEV_PRI_CTRL_ENABLE;
        caps->pri_status &= ~(value & mask) >> 16;
        if (caps->pri_control) {
            /* Only what is off can be reset. */
            caps->pri_status &= was_on ? UINT16_MAX : 0;
            return false;
        }
        if (set & TESTDEV_PRI_CTRL_RESET) {
            testdev_page_clear(dev);
            return true;
        }
        return false;
    case CAP_PRI << 8 | 12:
        caps->pri_allocation = new;
        return false;
    default:
        return false;
    }
}

uint32_t viommu_testdev_config_read(ViommuTestdev *dev, unsigned offset,
                                    unsigned size)
{
    uint32_t value = 0;

    if (size > 4 || offset >= VIOMMU_TESTDEV_CONFIG_SIZE) {
        return 0;
    }
    pthread_mutex_lock(&dev->lock);
    for (unsigned i = 0; i < size; i++) {
        unsigned at = offset + i;
        uint32_t byte = read_word(dev, at & ~3u) >> (8 * (at & 3)) & 0xff;

        value |= byte << (8 * i);
    }
    pthread_mutex_unlock(&dev->lock);
    return value;
}

/* One write of bytes that lie in one doubleword each. */
void viommu_testdev_config_write(ViommuTestdev *dev, unsigned offset,
                                 uint32_t value, unsigned size)
{
    uint16_t ids[CAP_MAX];
    unsigned n = list(dev, ids);
    bool end = false;

    if (size < 1 || size > 4 || offset >= VIOMMU_TESTDEV_CONFIG_SIZE) {
        return;
    }
    pthread_mutex_lock(&dev->lock);
    for (unsigned at = offset & ~3u; at < offset + size; at += 4) {
        uint64_t mask = (UINT64_C(1) << (8 * size)) - 1, bits = value & mask;
        unsigned nth = at / CAP_STRIDE;

        if (at < offset) {
            mask <<= 8 * (offset - at);
            bits <<= 8 * (offset - at);
        } else {
            mask >>= 8 * (at - offset);
            bits >>= 8 * (at - offset);
        }
        if (nth < n) {
            end |= write_word(dev, ids[nth], at % CAP_STRIDE,
                              (uint32_t)bits, (uint32_t)mask);
        }
    }
    pthread_mutex_unlock(&dev->lock);
    if (end) {
        testdev_end(dev, TESTDEV_WHY_NOT_ENABLED);
    }
}
