/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include "hw/iommu/hostsim/iommufd.h"

typedef struct SimIoas {
    SimObject object;
} SimIoas;

void sim_ioas_destroy(SimObject *object)
{
    (void)object;
}

int sim_ioas_alloc(SimCommand *c)
{
    IommufdIoasAlloc *cmd = c->cmd;
    SimIoas *ioas;
    int ret;

    if (cmd->flags) {
        return -EOPNOTSUPP;
    }
    ioas = sim_object_new(c->context, sizeof(*ioas), SIM_IOAS);
    cmd->out_ioas_id = ioas->object.id;
    ret = sim_respond(c, sizeof(*cmd));
    if (ret) {
        sim_object_abort(ioas);
        return ret;
    }
    sim_object_finish(ioas);
    return 0;
}
