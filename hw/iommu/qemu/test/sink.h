/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * viommu in QEMU: "viommu-sink", where tests read interrupt messages.
 */
#ifndef HW_VIOMMU_SINK_H
#define HW_VIOMMU_SINK_H

#include <hw/iommu/viommu-testdev.h>

#define TYPE_VIOMMU_SINK "viommu-sink"

/* Record a message that is delivered, if there is a sink.  Any thread. */
void viommu_sink_record(uint32_t source, const ViommuMsi *msi);

#endif
