/* SPDX-License-Identifier: BSD-3-Clause */
/* Page requests that wait for the guest. */
#ifndef HW_IOMMU_HOST_UNIT_GROUPS_H
#define HW_IOMMU_HOST_UNIT_GROUPS_H

#include "hw/iommu/host/unit/forward.h"

/** Of a device: the guest decides how long they wait. */
#define VIOMMU_FORWARD_GROUPS   4096

/** The PASID under which a report is kept.  A stall's tag is the device's, and
 *  ends with its only table. */
static inline uint32_t viommu_group_pasid(const ViommuHostFault *fault)
{
    return fault->type == VIOMMU_HOST_FAULT_STALL ? VIOMMU_NO_PASID
                                                  : fault->request.pasid;
}

/** ViommuHostDevice.groups and unsent; viommu_host_device_destroy() frees
 *  them. */
void viommu_groups_init(ViommuHostDevice *device);
/** Keep the group that ends with @fault.  False when there is no room: the host
 *  has an answer.  Its lock is held. */
bool viommu_groups_keep(ViommuHostDevice *device,
                        const ViommuHostFault *fault);
/** Forget page requests that wait for the guest, of one PASID (or none), or
 *  of all: the host gets an answer.  Its lock is held. */
void viommu_host_drop_groups(ViommuHostDevice *device, uint32_t pasid);
void viommu_host_drop_all_groups(ViommuHostDevice *device);
/** The guest's answer to a group.  Not locked. */
void viommu_host_answer(ViommuHostDevice *device,
                        const ViommuPageResponse *response);
/** Answers that the host has not taken are tried again: returns whether there
 *  are more.  One that it does not take at all ends with its table: *@pasid is
 *  to be bound anew, else VIOMMU_ANY.  Not locked. */
bool viommu_host_answer_again(ViommuHostDevice *device, uint32_t *pasid);
/** Of tables that are gone: the host has answered.  Its lock is held. */
void viommu_host_forget_answers(ViommuHostDevice *device, bool all,
                                uint32_t pasid);
/** ViommuHooks.page_response */
bool viommu_forward_page_response(Viommu *unit,
                                  const ViommuPageResponse *response);

#endif
